"""Put results together into one HTML file that needs nothing else.

No request leaves the file: its content security policy forbids every source but itself.
"""

from __future__ import annotations

import json
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import occupy_core
from occupy_core.commands.report.comparison import (
    comparison_data,
    comparison_html,
    comparisons,
)
from occupy_core.commands.report.page import Page, Result, copied, pairs, paragraph, tab_panel
from occupy_core.commands.report.references import cited
from occupy_core.commands.report.registry import page_of
from occupy_core.commands.report.volumes import Crop, crop_around, joined, packed, packed_size
from occupy_core.commands.shared.answer import NOTE, Answer, answer_of, grouped_warnings
from occupy_core.commands.shared.quoting import html_text, one_line
from occupy_core.commands.shared.staging import output_errors, refuse_outputs, staged_outputs
from occupy_core.errors import ParameterError

_ASSETS = Path(__file__).parent / "assets"
_SCRIPTS = ("base.js", "volume.js", "slices.js", "surface.js", "charts.js", "pages.js",
            "comparison.js", "start.js")  # fmt: skip
_MOST_BYTES = 12_000_000  # [layout] of all volumes of a report, so that it stays under 15 MB
# [layout] edges of cubes with as many voxels: the largest that fits is taken
_EDGES = (192, 160, 128, 96, 80, 64, 48)
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; worker-src blob:; base-uri 'none'; form-action 'none'"
)

Packed = list[tuple[dict[str, Any], bytes]]


def write_report(path: Path, results: Sequence[Result]) -> None:
    """Write the report of some results.

    Parameters
    ----------
    path : Path
        The HTML file; replaced when it is there.
    results : sequence of Result

    Raises
    ------
    ParameterError
        When a result cannot be shown.
    MapFormatError
        When a map of a result cannot be read.
    OutputError
        When the file cannot be written.
    """
    pages = []
    for result in results:
        page = page_of(result)
        if page is None:
            raise ParameterError(f"{result.name} is no result that a report can show.")
        pages.append((result, page))
    with output_errors(path.parent):
        path.write_bytes(_html(pages))


def save_report(path: Path, results: Sequence[Result], *, force: bool = False) -> None:
    """Write a report aside and put it in place when it is complete.

    Raises
    ------
    OutputError
        When the file exists (unless forced) or cannot be written.
    """
    refuse_outputs(path.parent, [path.name], [], force=force)
    with staged_outputs(path.parent) as staging:
        write_report(staging.folder / path.name, results)
        staging.commit([path.name])


def open_report(path: Path) -> bool:
    """Open a report in the browser; return whether there is one."""
    return webbrowser.open(path.absolute().as_uri())


def _html(pages: Sequence[tuple[Result, Page]]) -> bytes:
    volumes, crops = _volumes([page for _, page in pages])
    title = pages[0][1].title if len(pages) == 1 else f"{len(pages)} results"
    tabs: list[str] = []
    bodies: list[str] = []
    data, blobs = [], []
    # A comparison stands before the first of its members.
    compared = {one.members[0]: one for one in comparisons([page for _, page in pages])}
    numbers = [i + sum(first <= i for first in compared) for i in range(len(pages))]
    for i, ((result, page), own, crop) in enumerate(zip(pages, volumes, crops, strict=True)):
        if i in compared:
            tabs.append(_tab(len(tabs), compared[i].title))
            bodies.append(comparison_html(compared[i], pages, len(bodies)))
            data.append(comparison_data(compared[i], pages, numbers))
        number = numbers[i]
        tabs.append(_tab(number, page.title))
        bodies.append(_page_html(number, result, page, several=len(pages) > 1))
        shown = [dict(meaning, blob=f"v-{number}-{k}") for k, (meaning, _) in enumerate(own)]
        blobs += [
            f'<script type="application/gzip" id="v-{number}-{k}">{packed.decode("ascii")}</script>'
            for k, (_, packed) in enumerate(own)
        ]
        data.append(_data(page, shown, crop))
    navigation = ""
    if len(pages) > 1:
        navigation = f'<div role="tablist" aria-label="Results">{"".join(tabs)}</div>'
    parts = {
        "POLICY": _POLICY,
        "TITLE": html_text(title),
        "STYLE": _asset("report.css"),
        "TABS": navigation,
        "PAGES": "".join(bodies),
        "VERSION": html_text(occupy_core.__version__),
        "DATA": _json(data),
        "BLOBS": "".join(blobs),
        "SCRIPT": "\n".join(_asset(name) for name in _SCRIPTS),
    }
    text = _asset("report.html")
    for key, value in parts.items():
        text = text.replace(f"<!--{key}-->", value, 1)
    return text.encode("utf-8")


def _tab(number: int, title: str) -> str:
    return (
        f'<button type="button" role="tab" id="tab-{number}" aria-controls="page-{number}">'
        f"{html_text(title)}</button>"
    )


def _volumes(pages: Sequence[Page]) -> tuple[list[Packed], list[Crop | None]]:
    """Pack the volumes of all pages, with as many voxels as fit into the file."""
    whole = _whole(pages)
    found: list[Packed] = []
    crops: list[Crop | None] = []
    last: list[Crop | None] = []
    for edge in _EDGES:
        crops = [None if crop is None else crop.within(edge**3) for crop in whole]
        if crops == last:
            continue
        found = [
            []
            if page.scene is None or crop is None
            else [packed(shown, crop) for shown in page.scene.volumes]
            for page, crop in zip(pages, crops, strict=True)
        ]
        if sum(map(packed_size, found)) <= _MOST_BYTES:
            break
        last = crops
    return found, crops


def _whole(pages: Sequence[Page]) -> list[Crop | None]:
    """Return the part of each page that is shown; of pages that are compared, the same."""
    whole = [
        None
        if page.scene is None
        else crop_around(page.scene.volumes[0].density.grid, page.scene.inside)
        for page in pages
    ]
    for comparison in comparisons(pages):
        own = [crop for member in comparison.members if (crop := whole[member]) is not None]
        for member in comparison.members:
            whole[member] = joined(own)
    return whole


def _data(page: Page, volumes: list[dict[str, Any]], crop: Crop | None) -> dict[str, Any]:
    scene = page.scene
    return {
        "kind": page.kind,
        "title": page.title,
        **page.data,
        "volumes": volumes,
        "grid": None if crop is None else crop.record(),
        "level": 0.0 if scene is None else scene.level,
        "overlay": None if scene is None else scene.overlay,
    }


def _page_html(number: int, result: Result, page: Page, *, several: bool) -> str:
    record = result.record
    answer = answer_of(record) or Answer(sentence="This result holds no answer; run it again.")
    viewer = (
        '<div class="viewer" data-viewer></div>'
        if page.scene is not None
        else ""
        if page.kind in ("regions", "classes", "batch")  # tables, with or without maps
        else paragraph("The maps of this result are not there any more, so nothing is drawn.")
    )
    sections = "".join(
        f"<section><h2>{html_text(heading)}</h2>{html}</section>" for heading, html in page.sections
    )
    article = (
        f'<article class="page" data-kind="{html_text(page.kind)}">'
        f'<h1>{html_text(page.title)}</h1><p class="answer">{html_text(answer.sentence)}</p>'
        f"{_numbers(answer)}{_limits(answer)}{_warnings(record['warnings'])}{viewer}{sections}"
        f"{_end(result, page)}</article>"
    )
    return tab_panel(number, article) if several else article


def _numbers(answer: Answer) -> str:
    cards = "".join(
        f"<div><dd>{html_text(number.value)}</dd><dt>{html_text(number.label)}</dt></div>"
        for number in answer.numbers
    )
    return f'<dl class="numbers">{cards}</dl>' if cards else ""


def _limits(answer: Answer) -> str:
    items = "".join(f"<li>{html_text(text)}</li>" for text in answer.limits)
    return f'<h2>What limits it</h2><ul class="limits">{items}</ul>' if items else ""


def _warnings(warnings: Sequence[str]) -> str:
    parts = []
    for heading, sentences in grouped_warnings(warnings).items():
        items = "".join(f"<li>{html_text(text)}</li>" for text in sentences)
        opened = "" if heading == NOTE else " open"
        kind = "note-box" if heading == NOTE else "warning"
        parts.append(
            f'<details class="{kind}"{opened}><summary>{html_text(heading)} ({len(sentences)})'
            f"</summary><ul>{items}</ul></details>"
        )
    return "".join(parts)


def _end(result: Result, page: Page) -> str:
    """What every page ends with: parameters, how to cite, how to repeat."""
    record = result.record
    references = "".join(f"<li>{html_text(text)}</li>" for text in cited(page.methods))
    inputs = {key: entry["file"] for key, entry in record["inputs"].items()}
    paper = (
        "<section><h2>For a paper</h2>"
        f"{copied(page.methods, 'methods sentence')}<ul>{references}</ul></section>"
    )
    return (
        f"{paper if page.methods else ''}"
        f"<section><h2>Again</h2>{copied(f'occupy-core {one_line(page.command)}', 'command')}"
        "</section><section><h2>Parameters</h2><details><summary>All parameters and files"
        f"</summary>{pairs(record['parameters'], 'Parameters used')}"
        f"{pairs(inputs, 'Files read')}{pairs(record['files'], 'Files written')}"
        f"{pairs(record['versions'], 'Versions')}</details></section>"
    )


def _json(data: Any) -> str:
    """Write values so that no text in them can end the element that they stand in."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")
