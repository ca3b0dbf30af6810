"""Run a batch: rows in, a folder for each job out, and one table over all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from occupy_core.commands.batch.desk import Desk, duration, total_cost
from occupy_core.commands.batch.job import BatchJob
from occupy_core.commands.batch.queued import queued_workers
from occupy_core.commands.batch.results import write_results
from occupy_core.commands.batch.rows import Row, read_rows
from occupy_core.commands.batch.work import Outcome, Task, failed, task_of
from occupy_core.commands.batch.workers import (
    Workers,
    WorkersLost,
    closing,
    local_workers,
    workers_at,
)
from occupy_core.commands.shared.job import absolute
from occupy_core.commands.shared.memory import need_of
from occupy_core.errors import OccupyError
from occupy_core.machine import available_cores, memory_limits
from occupy_core.progress import Progress

_WAIT = 1.0  # [layout] s between two looks at the workers
_OF_THE_MACHINE = 0.9  # [guard] of its memory for the workers; the rest is for what starts them
_UNKNOWN = 500e6  # [guard] bytes of a job whose box is not known


@dataclass(frozen=True)
class Staff:
    """How many workers there are, and what each has.

    Parameters
    ----------
    count : int
    memory : float
        Bytes.
    threads : int
    """

    count: int
    memory: float
    threads: int


@dataclass(frozen=True)
class BatchResult:
    """What became of a batch.

    Parameters
    ----------
    outcomes : tuple of Outcome
        In the order of the jobs.
    record : mapping
        As in batch.json.
    """

    outcomes: tuple[Outcome, ...]
    record: Mapping[str, Any]


def run_batch(job: BatchJob, progress: Progress | None = None) -> BatchResult:
    """Do all jobs that are not done yet, and write one table over all.

    A job that fails stops no other. What was finished by an earlier run, also one that was killed,
    is known by its record and by the checksums of its inputs, and is not done again.

    Parameters
    ----------
    job : BatchJob
    progress : Progress, optional
        Told how many are done, and the time left.

    Raises
    ------
    ParameterError
        When the table cannot be read, or the workers cannot be had; nothing was computed.
    OutputError
        When the table over all cannot be written.
    """
    rows = read_rows(job.jobs, job.command)
    needs = {row.name: _need(row, job.threads or 1) for row in rows}
    staff = staff_for(job, [need for need in needs.values() if need is not None], len(rows))
    tasks, found = prepared(job, rows, staff)
    if tasks:
        with closing(hire(job, staff)) as workers:
            desk = Desk(workers, progress)
            for task in tasks:
                need = needs[task.name]
                desk.add(task, None if need is None else need[1])
            found |= {outcome.name: outcome for outcome in _all_done(desk, workers)}
    outcomes = tuple(found[row.name] for row in rows)
    asked = {"jobs": str(absolute(job.jobs)), "command": job.command}
    return BatchResult(outcomes, write_results(absolute(job.outdir), outcomes, asked))


def _all_done(desk: Desk, workers: Workers) -> list[Outcome]:
    outcomes: list[Outcome] = []
    try:
        while desk.busy:
            outcomes += desk.step(_WAIT)
        desk.step(0.0)  # says that all are done
    except WorkersLost as error:
        workers.close()
        desk.tidy()
        outcomes += desk.given_up(str(error))
    except BaseException:
        workers.close()
        desk.tidy()
        raise
    return outcomes


def _need(row: Row, threads: int) -> tuple[float, float] | None:
    return need_of(row.command, {**row.given, "threads": threads})


def staff_for(job: BatchJob, needs: list[tuple[float, float]], tasks: int) -> Staff:
    """Say how many workers are wanted, so that the largest job fits into each of them."""
    largest = max((memory for memory, _ in needs), default=_UNKNOWN)
    elsewhere = job.scheduler is not None or job.system is not None
    whole = _OF_THE_MACHINE * min(limit for limit, _, _ in memory_limits())
    cores = available_cores()
    count = job.workers or max(1, min(cores, tasks, int(whole // (job.memory or largest))))
    memory = job.memory * 1e6 if job.memory else float("inf") if elsewhere else whole / count
    return Staff(count, memory, job.threads or (1 if elsewhere else max(1, cores // count)))


def hire(job: BatchJob, staff: Staff) -> Workers:
    """Start the workers that were asked for."""
    if job.scheduler is not None:
        return workers_at(job.scheduler)
    if job.queue is not None:
        return queued_workers(staff.count, staff.memory, staff.threads, job.queue)
    return local_workers(staff.count, staff.memory)


def prepared(job: BatchJob, rows: list[Row], staff: Staff) -> tuple[list[Task], dict[str, Outcome]]:
    """Make the tasks of rows, and the outcomes of those that cannot be done."""
    tasks: list[Task] = []
    lost: dict[str, Outcome] = {}
    for row in rows:
        folder = absolute(job.outdir) / row.name
        more = {"outdir": str(folder), "threads": staff.threads, "force": job.force}
        nothing = Task(row.name, row.command, {})
        if row.problem:
            lost[row.name] = failed(nothing, row.problem)
            continue
        try:
            task = task_of(row.name, row.command, row.given, more)
        except OccupyError as error:
            lost[row.name] = failed(nothing, str(error))
            continue
        need = _need(row, staff.threads)
        if need is not None and need[0] > staff.memory:
            sentence = (
                f"It needs about {need[0] / 1e6:.0f} MB of memory but a worker has "
                f"{staff.memory / 1e6:.0f} MB; give fewer --workers or more --memory, or bin the "
                "map."
            )
            lost[row.name] = failed(nothing, sentence)
        else:
            tasks.append(task)
    return tasks, lost


def estimate(job: BatchJob) -> str:
    """Say how long a batch will take and with what, for ``--dry-run``."""
    rows = read_rows(job.jobs, job.command)
    needs = {row.name: _need(row, job.threads or 1) for row in rows}
    known = [need for need in needs.values() if need is not None]
    staff = staff_for(job, known, len(rows))
    seconds = total_cost({name: need[1] if need else None for name, need in needs.items()})
    largest = max((memory for memory, _ in known), default=_UNKNOWN)
    unknown = f" The need of {len(rows) - len(known)} of them is not known."
    return (
        f"{len(rows)} jobs, {staff.count} workers of {staff.threads} threads: about "
        f"{duration(seconds / staff.count)}, and about {largest / 1e6:.0f} MB of memory for each "
        f"worker.{unknown if len(known) < len(rows) else ''} Nothing was computed or written."
    )
