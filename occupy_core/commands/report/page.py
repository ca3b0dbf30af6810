"""What a page of a report is, and the pieces of HTML that pages share."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from occupy_core.commands.report.volumes import Shown
from occupy_core.commands.shared.quoting import html_text
from occupy_core.maps.grid import Mask


@dataclass(frozen=True, kw_only=True)
class Result:
    """A result to be shown: what a run wrote.

    Parameters
    ----------
    record : mapping
        The record of the run.
    name : str
        File name of the record.
    folder : Path
        Where the files of the run are.
    """

    record: Mapping[str, Any]
    name: str
    folder: Path

    def file(self, key: str) -> Path | None:
        """Return a file that the run wrote; None when there is none or it is gone."""
        name = self.record["files"].get(key)
        path = None if name is None else self.folder / Path(name).name
        return path if path is not None and path.is_file() else None

    def input(self, key: str) -> Path | None:
        """Return a file that the run read; None when there is none or it is gone."""
        entry = self.record["inputs"].get(key)
        path = None if entry is None else Path(entry["file"])
        return path if path is not None and path.is_file() else None


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What the viewer of a page shows.

    Parameters
    ----------
    volumes : tuple of Shown
        On one grid; the first is the density whose surface is drawn.
    inside : ndarray of bool, shape (z, y, x), optional
        What must be seen; the rest is cropped.
    level : float
        Contour level of the first.
    overlay : str, optional
        Key of the volume that colours the slices and the surface at first.
    """

    volumes: tuple[Shown, ...]
    inside: Mask | None = None
    level: float = 0.0
    overlay: str | None = None


@dataclass(frozen=True, kw_only=True)
class Page:
    """One result, ready to be written.

    Parameters
    ----------
    kind : str
        Of the result; the script of the viewer adds what belongs to it.
    title : str
    name : str
        Of the map, where it stands beside others.
    sections : tuple of (str, str)
        Heading and HTML of each part below the viewer; texts in it are escaped.
    data : mapping
        Plain values for the script.
    scene : Scene, optional
        None when the maps are gone, or there are none.
    methods : str
        Sentence for a paper, with keys of references in square brackets.
    command : str
        Arguments of the command that makes the result again.
    """

    kind: str
    title: str
    name: str = ""
    sections: tuple[tuple[str, str], ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    scene: Scene | None = None
    methods: str = ""
    command: str = ""


class PageMaker(Protocol):
    """A module of `pages`."""

    KIND: str

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Return whether a record is one of this kind."""

    def page(self, result: Result) -> Page:
        """Make the page of a result."""


def table(
    head: Sequence[str], rows: Iterable[Sequence[Any]], *, caption: str, numeric: Iterable[int] = ()
) -> str:
    """Write a table whose columns can be sorted.

    Parameters
    ----------
    head : sequence of str
    rows : iterable of sequence
        Texts, numbers, or (text, number to sort by).
    caption : str
    numeric : iterable of int
        Columns that are aligned to the right.
    """
    right = set(numeric)
    cells = []
    for row in rows:
        cells.append("<tr>")
        for i, value in enumerate(row):
            text, sort = value if isinstance(value, tuple) else (value, value)
            css = ' class="number"' if i in right else ""
            tag, scope = ("th", ' scope="row"') if i == 0 else ("td", "")
            by = f' data-sort="{html_text(str(sort))}"'
            cells.append(f"<{tag}{scope}{css}{by}>{html_text(str(text))}</{tag}>")
        cells.append("</tr>")
    heads = "".join(
        f'<th scope="col"><button type="button" class="sort">{html_text(name)}</button></th>'
        for name in head
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{html_text(caption)}">'
        f'<table class="sortable"><caption>{html_text(caption)}</caption><thead><tr>{heads}</tr>'
        f"</thead><tbody>{''.join(cells)}</tbody></table></div>"
    )


def leading_number(text: str | None) -> float | str:
    """Return the number that a text begins with, to sort by; the text when it begins with none."""
    try:
        return float((text or "").split()[0])
    except (IndexError, ValueError):
        return text or ""


def tab_panel(number: int, html: str) -> str:
    """Write what a tab shows."""
    return f'<div role="tabpanel" id="page-{number}" aria-labelledby="tab-{number}">{html}</div>'


def pairs(values: Mapping[str, Any], caption: str) -> str:
    """Write names and values as a table of two columns."""
    rows = []
    for name, value in values.items():
        shown = "not given" if value is None else _plain(value)
        rows.append(f'<tr><th scope="row">{html_text(name)}</th><td>{html_text(shown)}</td></tr>')
    return f"<table><caption>{html_text(caption)}</caption><tbody>{''.join(rows)}</tbody></table>"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_plain(v)}" for k, v in value.items() if v is not None)
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value)
    return str(value)


def picture(path: Path, text: str) -> str:
    """Put a picture (PNG) into the page.

    Parameters
    ----------
    path : Path
    text : str
        What it shows, for those who do not see it.
    """
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return f'<img class="picture" alt="{html_text(text)}" src="data:image/png;base64,{data}">'


def paragraph(text: str) -> str:
    """Write a paragraph."""
    return f"<p>{html_text(text)}</p>"


def copied(text: str, label: str) -> str:
    """Write a text with a button that copies it."""
    return (
        f'<div class="copied"><pre tabindex="0" aria-label="{html_text(label)}">{html_text(text)}'
        f'</pre><button type="button" class="copy">Copy {html_text(label)}</button></div>'
    )
