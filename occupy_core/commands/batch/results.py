"""What is written of a batch: one table, one record and one page over all jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from occupy_core.commands.batch.work import Outcome
from occupy_core.commands.shared.answer import Answer, Number, counted, listing
from occupy_core.commands.shared.provenance import versions
from occupy_core.commands.shared.quoting import csv_text
from occupy_core.commands.shared.record import record_text
from occupy_core.commands.shared.staging import output_errors, staged_outputs

NAMES = {"table": "batch.csv", "report": "batch.html", "result": "batch.json"}
_COLUMNS = ("job", "command", "state", "answer", "warnings", "record")


def write_results(
    outdir: Path, outcomes: Sequence[Outcome], asked: Mapping[str, Any], *, page: bool = True
) -> dict[str, Any]:
    """Write the table, the record and the page over all jobs, in place of those that are there.

    Nothing in them depends on who did a job, when, or how long it took.

    Parameters
    ----------
    outdir : Path
    outcomes : sequence of Outcome
        In the order of the jobs.
    asked : mapping
        What was asked for, as plain values.
    page : bool
        Whether the page is written too.

    Returns
    -------
    dict
        The record.

    Raises
    ------
    OutputError
        When something cannot be written.
    """
    names = {key: name for key, name in NAMES.items() if page or key != "report"}
    record = {
        "batch": dict(asked),
        "inputs": {},
        "parameters": dict(asked),
        "jobs": [_row(outcome) for outcome in outcomes],
        "files": names,
        "warnings": [],
        "versions": versions(),
        "answer": _answer(outcomes).record(),
    }
    with staged_outputs(outdir) as staging, output_errors(outdir):
        (staging.folder / NAMES["table"]).write_text(_table(outcomes), encoding="utf-8")
        if page:
            from occupy_core.commands.report.build import write_report
            from occupy_core.commands.report.page import Result

            result = Result(record=record, name=NAMES["result"], folder=outdir)
            write_report(staging.folder / NAMES["report"], [result])
        text = record_text(record)
        (staging.folder / NAMES["result"]).write_text(text, encoding="utf-8")
        staging.commit(names.values())
    return record


def _row(outcome: Outcome) -> dict[str, Any]:
    row = asdict(outcome) | {"numbers": [list(pair) for pair in outcome.numbers]}
    row["warnings"] = list(outcome.warnings)
    for how in ("kept", "seconds"):
        row.pop(how)
    return row


def _table(outcomes: Sequence[Outcome]) -> str:
    """Write one line for each job, with the numbers of its answer in columns."""
    labels = list(dict.fromkeys(label for outcome in outcomes for label, _ in outcome.numbers))
    rows = []
    for outcome in outcomes:
        row: dict[str, Any] = dict.fromkeys((*labels, *_COLUMNS))
        row |= dict(outcome.numbers)
        row |= {
            "job": outcome.name,
            "command": outcome.command,
            "state": "done" if outcome.done else "failed",
            "answer": outcome.sentence,
            "warnings": len(outcome.warnings) if outcome.done else None,
            "record": f"{outcome.name}/{outcome.record}" if outcome.done else None,
        }
        rows.append(row)
    free = [label for label in labels if label not in _COLUMNS]
    return csv_text((*_COLUMNS[:4], *free, *_COLUMNS[4:]), rows)


def _answer(outcomes: Sequence[Outcome]) -> Answer:
    lost = [outcome for outcome in outcomes if not outcome.done]
    done = len(outcomes) - len(lost)
    sentence = f"{done} of {counted(len(outcomes), 'job')} are done."
    if lost:
        sentence += f" Failed: {listing([outcome.name for outcome in lost])}."
    warned = sum(bool(outcome.warnings) for outcome in outcomes)
    return Answer(
        sentence=sentence,
        limits=tuple(f"{outcome.name}: {outcome.sentence}" for outcome in lost),
        numbers=(
            Number(str(done), "done"),
            Number(str(len(lost)), "failed"),
            Number(str(warned), "with warnings"),
        ),
    )
