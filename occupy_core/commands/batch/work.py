"""What a worker does: one job after the other, in one process that has loaded everything once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from occupy_core.commands.batch.kinds import kind_of
from occupy_core.commands.shared.job import JobBase
from occupy_core.commands.shared.provenance import sha256
from occupy_core.commands.shared.record import read_record
from occupy_core.commands.shared.run import NOT_RECORDED
from occupy_core.commands.shared.staging import os_sentence
from occupy_core.errors import OccupyError, ParameterError

# Warnings are collected by a place that all threads of a process share.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Task:
    """One job on its way to a worker.

    Parameters
    ----------
    name : str
        Of the job, and of its folder.
    command : str
    values : mapping
        Its plain values, with the folder.
    """

    name: str
    command: str
    values: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a job.

    Parameters
    ----------
    name : str
    command : str
    record : str, optional
        Name of the record in its folder; None when the job failed.
    sentence : str
        Its answer, or what went wrong.
    numbers : tuple of (str, str)
        Label and value of the numbers of its answer.
    warnings : tuple of str
    report : str, optional
        Name of its report page.
    kept : bool
        Whether an earlier run had done it.
    seconds : float
        Time that it took.
    """

    name: str
    command: str
    record: str | None
    sentence: str
    numbers: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    report: str | None = None
    kept: bool = False
    seconds: float = 0.0

    @property
    def done(self) -> bool:
        """Whether its results are there."""
        return self.record is not None


def failed(task: Task, sentence: str) -> Outcome:
    """Return the outcome of a job that has no result."""
    return Outcome(name=task.name, command=task.command, record=None, sentence=sentence)


def work(task: Task) -> Outcome:
    """Do a job, unless its results are there already; never raise for what a user can mend."""
    start = time.perf_counter()
    with _ONE_AT_A_TIME:
        try:
            outcome = _work(task)
        except OccupyError as error:
            outcome = failed(task, str(error))
        except MemoryError:
            outcome = failed(task, "There is not enough memory for it; use fewer workers.")
        except OSError as error:
            outcome = failed(task, os_sentence(error))
    return replace(outcome, seconds=time.perf_counter() - start)


def _work(task: Task) -> Outcome:
    kind = kind_of(task.command)
    job = kind.job.from_dict(task.values, f"the job {task.name}")
    name = job.output_names()["result"]
    record = finished(job, job.outdir / name)
    kept = record is not None
    if record is None:
        result = kind.run(job, None)
        record, name = result.result, result.files["result"].name
    return _outcome(task, name, record, kept)


def _outcome(task: Task, name: str, record: Mapping[str, Any], kept: bool) -> Outcome:
    answer = record.get("answer") or {"sentence": "done", "numbers": ()}
    return Outcome(
        name=task.name,
        command=task.command,
        record=name,
        sentence=answer["sentence"],
        numbers=tuple((number["label"], number["value"]) for number in answer["numbers"]),
        warnings=tuple(record["warnings"]),
        report=record["files"].get("report"),
        kept=kept,
    )


def finished(job: JobBase, path: Path) -> dict[str, Any] | None:
    """Return the record of a job that was done before with the same parameters and inputs.

    Parameters
    ----------
    job : JobBase
    path : Path
        Where its record would be.

    Returns
    -------
    dict or None
        None when the record is missing or of another job, an input has other bytes now, or an
        output is gone.
    """
    try:
        record = read_record(path)
        earlier = type(job).load(path)
        same = _computed(earlier) == _computed(job)
        inputs = record["inputs"].values()
        whole = all((path.parent / file).is_file() for file in record["files"].values())
        if not (same and whole and len(inputs) == len(job.inputs)):
            return None
        if any(sha256(Path(entry["file"])) != entry["sha256"] for entry in inputs):
            return None
    except (OccupyError, OSError, KeyError, TypeError, AttributeError):
        return None
    return record


def _computed(job: JobBase) -> Any:
    """What a job computes, as plain values; not how it is run."""
    values = {key: value for key, value in job.to_dict().items() if key not in NOT_RECORDED}
    return json.loads(json.dumps(values))


def task_of(name: str, command: str, given: Mapping[str, Any], more: Mapping[str, Any]) -> Task:
    """Make the task of a row.

    Parameters
    ----------
    name : str
    command : str
    given : mapping
        Values of the options of the row, by field.
    more : mapping
        What the batch decides: folder, threads, force.

    Raises
    ------
    ParameterError
        When the values make no job.
    """
    kind = kind_of(command)
    job = kind.job.from_dict({**kind.values(dict(given)), **more}, f"the job {name}")
    problems = job.problems()
    if problems:
        raise ParameterError(*problems)
    return Task(name, command, job.to_dict())
