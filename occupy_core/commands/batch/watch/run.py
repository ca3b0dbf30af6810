"""Follow a folder: a map that has arrived and is complete becomes a job."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from occupy_core.commands.batch.desk import Desk
from occupy_core.commands.batch.job import BatchJob
from occupy_core.commands.batch.results import write_results
from occupy_core.commands.batch.rows import Row, rows_of
from occupy_core.commands.batch.run import BatchResult, Staff, hire, prepared, staff_for
from occupy_core.commands.batch.work import Outcome
from occupy_core.commands.batch.workers import closing
from occupy_core.commands.shared.job import absolute
from occupy_core.errors import ParameterError
from occupy_core.maps.ensemble import volumes_in
from occupy_core.progress import Progress

_LOOK = 0.5  # [layout] s between two looks at the folder
_WRITE = 5.0  # [layout] s between two tables

State = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class WatchJob:
    """A folder to follow.

    Parameters
    ----------
    batch : BatchJob
        What is done with each map, and by whom; its `jobs` is the folder.
    settle : float
        s for which a complete map has not changed.
    until_idle : float, optional
        s without anything to do after which it ends; None: never.
    """

    batch: BatchJob
    settle: float = 2.0
    until_idle: float | None = None

    def __post_init__(self) -> None:
        """Raise ParameterError when the folder is none, or a time is negative."""
        if not self.batch.jobs.is_dir():
            raise ParameterError(
                f"{self.batch.jobs} is no folder; give the one in which the maps arrive."
            )
        for value, what in ((self.settle, "settling"), (self.until_idle or 0.0, "waiting")):
            if not value >= 0:
                raise ParameterError(f"The time of {what} is {value} s but must not be negative.")


class _Arrivals:
    """The maps in a folder, and which of them are complete and not yet done as they are now."""

    def __init__(self, folder: Path, settle: float) -> None:
        self._folder = folder
        self._settle = settle
        self._since: dict[Path, tuple[State, float]] = {}
        self._taken: dict[Path, State] = {}
        self.last = time.monotonic()  # when something last changed

    def complete(self) -> list[Path]:
        """Return the maps that can be done now; each state of a file comes once."""
        now, found = time.monotonic(), []
        for path in _maps(self._folder):
            state = _state(path)
            if state is None or self._taken.get(path) == state:
                continue
            if self._since.get(path, (None, 0.0))[0] != state:
                self._since[path] = (state, now)
                self.last = now
            if now - self._since[path][1] >= self._settle:
                self._taken[path] = state
                found.append(path)
        return found


def _maps(folder: Path) -> list[Path]:
    try:
        return volumes_in(folder)
    except ParameterError:  # none has arrived yet
        return []


def _state(path: Path) -> State | None:
    """Size and time of change of a file; None when it is gone, or empty."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns) if found.st_size else None


def run_watch(watch: WatchJob, progress: Progress | None = None) -> BatchResult:
    """Do a job for each map that arrives in a folder; keep the table over all up to date.

    What an earlier run has done is known as in a batch. A map that is replaced is done again.

    Parameters
    ----------
    watch : WatchJob
    progress : Progress, optional

    Raises
    ------
    ParameterError, OutputError
        As in a batch.
    """
    job = watch.batch
    staff = staff_for(job, [], 1_000_000)  # nobody knows how many will come
    arrivals = _Arrivals(job.jobs, watch.settle)
    table = _Table(job)
    with closing(hire(job, staff)) as workers:
        desk = Desk(workers, progress)
        try:
            while not _is_over(watch, desk, arrivals):
                table.take(_given(job, staff, desk, table, arrivals.complete()))
                outcomes = desk.step(_LOOK)
                if outcomes:
                    arrivals.last = time.monotonic()
                table.take({outcome.name: outcome for outcome in outcomes})
        except BaseException:
            workers.close()
            desk.tidy()
            table.write()
            raise
    return BatchResult(tuple(table.found.values()), table.write())


def _given(
    job: BatchJob, staff: Staff, desk: Desk, table: _Table, paths: list[Path]
) -> dict[str, Outcome]:
    """Give the jobs of some maps to the desk; return the outcomes of those that cannot be done."""
    lost: dict[str, Outcome] = {}
    for path in paths:
        row, again = table.row_of(path)
        tasks, failures = prepared(replace(job, force=job.force or again), [row], staff)
        lost |= failures
        for task in tasks:
            desk.add(task)
    return lost


def _is_over(watch: WatchJob, desk: Desk, arrivals: _Arrivals) -> bool:
    if watch.until_idle is None or desk.busy:
        return False
    return time.monotonic() - arrivals.last > watch.settle + watch.until_idle


class _Table:
    """The outcomes so far, and the names of their jobs."""

    def __init__(self, job: BatchJob) -> None:
        self._job = job
        self._rows: dict[Path, Row] = {}
        self._written = 0.0
        self.found: dict[str, Outcome] = {}

    def row_of(self, path: Path) -> tuple[Row, bool]:
        """Return the row of a map, and whether it was there before: then it has changed."""
        again = path in self._rows
        if not again:
            record = {"": path.absolute()}
            (row,) = rows_of([record], self._job.command)
            names = {other.name for other in self._rows.values()}
            name = row.name if row.name not in names else path.name  # a.mrc, and a.map
            self._rows[path] = replace(row, name=name)
        return self._rows[path], again

    def take(self, outcomes: Mapping[str, Outcome]) -> None:
        """Take outcomes, and write the table now and then."""
        self.found |= outcomes
        if outcomes and time.monotonic() > self._written + _WRITE:
            self.write(page=False)

    def write(self, *, page: bool = True) -> Mapping[str, object]:
        """Write the table, the record and, at the end, the page."""
        self._written = time.monotonic()
        ordered = [self.found[name] for name in sorted(self.found)]
        asked = {"jobs": str(absolute(self._job.jobs)), "command": self._job.command}
        return write_results(absolute(self._job.outdir), ordered, asked, page=page)
