"""What a report of several results on one grid has besides: maps side by side, differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from occupy_core.commands.report.page import Page, Result, leading_number, tab_panel, table
from occupy_core.commands.report.volumes import colors_record
from occupy_core.commands.shared.answer import Answer, answer_of
from occupy_core.commands.shared.colors import difference_scale
from occupy_core.commands.shared.quoting import html_text

_KINDS = {"scale": "local scales", "modify": "modified maps", "resolution": "local resolutions"}
_OF_SCALE = ("scale", "modify")  # what has no content has a scale of zero


@dataclass(frozen=True)
class Comparison:
    """Results of one kind on one grid.

    Parameters
    ----------
    kind : str
    members : tuple of int
        Numbers of their pages; two or more.
    """

    kind: str
    members: tuple[int, ...]

    @property
    def title(self) -> str:
        """What it is called."""
        return f"Comparison of {len(self.members)} {_KINDS[self.kind]}"


def comparisons(pages: Sequence[Page]) -> list[Comparison]:
    """Find the pages that can be compared voxel by voxel."""
    found: dict[Any, list[int]] = {}
    for number, page in enumerate(pages):
        if page.scene is not None and page.kind in _KINDS:
            grid = page.scene.volumes[0].density.grid
            found.setdefault((page.kind, grid), []).append(number)
    return [
        Comparison(kind, tuple(members)) for (kind, _), members in found.items() if len(members) > 1
    ]


def comparison_data(
    comparison: Comparison, pages: Sequence[tuple[Result, Page]], numbers: Sequence[int]
) -> dict[str, Any]:
    """Return plain values for the viewer: which pages, and the colours of a difference.

    Parameters
    ----------
    comparison : Comparison
    pages : sequence of (Result, Page)
        All pages.
    numbers : sequence of int
        Number of each in the report.
    """
    return {
        "kind": "comparison",
        "title": comparison.title,
        "members": [
            {"page": numbers[member], "name": pages[member][1].name}
            for member in comparison.members
        ],
        "absent": 0.0 if comparison.kind in _OF_SCALE else None,
        "palette": colors_record(difference_scale(1.0)),
    }


def comparison_html(
    comparison: Comparison, pages: Sequence[tuple[Result, Page]], number: int
) -> str:
    """Return the article of a comparison: its answer, the viewer, the numbers of all results."""
    chosen = [pages[member] for member in comparison.members]
    names = [page.name for _, page in chosen]
    answers = [answer_of(result.record) or Answer(sentence="") for result, _ in chosen]
    numbers = [{entry.label: entry.value for entry in answer.numbers} for answer in answers]
    article = (
        '<article class="page" data-kind="comparison">'
        f"<h1>{html_text(comparison.title)}</h1>"
        f'<p class="answer">{html_text(_sentence(names, numbers))}</p>'
        '<div class="viewer" data-comparison></div>'
        f"<section><h2>Maps</h2>{_table(names, numbers, answers)}</section></article>"
    )
    return tab_panel(number, article)


def _sentence(names: Sequence[str], numbers: Sequence[Mapping[str, str]]) -> str:
    """Say how far the first number of the results goes apart."""
    label = next(iter(numbers[0]), "")
    known = [
        (value, own[label], name)
        for name, own in zip(names, numbers, strict=True)
        if label in own and isinstance(value := leading_number(own[label]), float)
    ]
    if len(known) < 2:
        return f"{len(names)} maps on one grid."
    (low, low_text, least), (high, high_text, most) = min(known), max(known)
    if low == high:
        return f"In all {len(known)} maps the same: {low_text} ({label})."
    return f"From {low_text} in {least} to {high_text} in {most} ({label})."


def _table(
    names: Sequence[str], numbers: Sequence[Mapping[str, str]], answers: Sequence[Answer]
) -> str:
    labels = list(dict.fromkeys(label for own in numbers for label in own))
    rows = [
        (name, *((own.get(x, ""), leading_number(own.get(x))) for x in labels), answer.sentence)
        for name, own, answer in zip(names, numbers, answers, strict=True)
    ]
    head = ("map", *labels, "answer")
    caption = "Numbers of all maps. A column head sorts."
    return table(head, rows, caption=caption, numeric=range(1, 1 + len(labels)))
