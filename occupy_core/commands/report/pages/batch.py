"""The page over all jobs of a batch: one table, with what each found or why it failed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from occupy_core.commands.report.page import Page, Result, leading_number, table
from occupy_core.commands.shared.quoting import html_text

KIND = "batch"


def matches(record: Mapping[str, Any]) -> bool:
    """Return whether a record is that of a batch."""
    return "batch" in record and "jobs" in record


def page(result: Result) -> Page:
    """Make the page."""
    record = result.record
    jobs, asked = record["jobs"], record["batch"]
    sections = [("Jobs", _table(jobs))]
    links = _links(jobs)
    if links:
        sections.append(("Reports", links))
    return Page(
        kind=KIND,
        title=f"{len(jobs)} jobs",
        sections=tuple(sections),
        command=f"batch {shlex.quote(asked['jobs'])} --command {shlex.quote(asked['command'])} "
        "--outdir .",
    )


def _table(jobs: list[dict[str, Any]]) -> str:
    labels = list(dict.fromkeys(label for job in jobs for label, _ in job["numbers"]))
    rows = []
    for job in jobs:
        numbers = dict(job["numbers"])
        state = "failed" if job["record"] is None else "done"
        values = [(numbers.get(label, ""), leading_number(numbers.get(label))) for label in labels]
        rows.append((job["name"], job["command"], state, *values, job["sentence"]))
    return table(
        ("job", "command", "state", *labels, "answer, or why it failed"),
        rows,
        caption="All jobs. A column head sorts.",
        numeric=range(3, 3 + len(labels)),
    )


def _links(jobs: list[dict[str, Any]]) -> str:
    items = "".join(
        f'<li><a href="{quote(job["name"])}/{quote(job["report"])}">{html_text(job["name"])}</a>'
        "</li>"
        for job in jobs
        if job["report"] is not None
    )
    return f"<ul>{items}</ul>" if items else ""
