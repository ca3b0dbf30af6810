"""Where tasks wait for workers and outcomes come in."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from pathlib import Path

from occupy_core.commands.batch.work import Outcome, Task, failed
from occupy_core.commands.batch.workers import Workers
from occupy_core.commands.shared.unfinished import folder_lock, remove_leftovers
from occupy_core.progress import Progress, report

_AGAIN = 30.0  # [layout] s after which it is said again that nothing has changed
_LEAST = 1.0  # [layout] s, in which a job is taken to be done whose need is not known


class Desk:
    """Tasks that wait, tasks that are worked on, and how long it will take.

    Parameters
    ----------
    workers : Workers
    progress : Progress, optional
        Told the share of the work that is done, and the time left.
    """

    def __init__(self, workers: Workers, progress: Progress | None = None) -> None:
        self._workers = workers
        self._progress = progress
        self._waiting: deque[Task] = deque()
        self._running: dict[Future[Outcome], Task] = {}
        self._costs: dict[str, float] = {}  # s, of those that are waiting or running
        self._done = self._failed = self._taken = 0
        self._cost_done = 0.0
        self._start = time.monotonic()
        self._told: tuple[object, float] = (None, 0.0)

    @property
    def busy(self) -> bool:
        """Whether anything waits or is worked on."""
        return bool(self._waiting or self._running)

    def add(self, task: Task, seconds: float | None = None) -> None:
        """Let a task wait; it will take about so long."""
        self._waiting.append(task)
        self._costs[task.name] = seconds or _LEAST
        self._taken += 1

    def step(self, timeout: float) -> list[Outcome]:
        """Give tasks to workers, wait at most so long (s), and return what has come in."""
        slots = self._workers.slots()
        while self._waiting and len(self._running) < slots:
            task = self._waiting.popleft()
            self._running[self._workers.submit(task)] = task
        self._tell(slots)
        if not self._running:
            time.sleep(timeout)
            return []
        done, _ = wait(self._running, timeout=timeout, return_when=FIRST_COMPLETED)
        return [self._came_in(future) for future in done]

    def _came_in(self, future: Future[Outcome]) -> Outcome:
        task, outcome = self._running.pop(future), future.result()
        cost = self._costs.pop(task.name)
        self._done += 1
        self._failed += not outcome.done
        if outcome.kept:
            self._start += outcome.seconds / max(1, self._workers.slots())
        else:
            self._cost_done += cost
        return outcome

    def _tell(self, slots: int) -> None:
        alone, now = slots == 0 and self.busy, time.monotonic()
        state = (self._done, self._taken, alone)
        if state == self._told[0] and now < self._told[1] + _AGAIN:
            return
        self._told = (state, now)
        failed = f", {self._failed} failed" if self._failed else ""
        if alone:
            left = "; no worker has started yet" if not self._done else "; no worker is there now"
        else:
            left = self._time_left()
        share = self._done / max(1, self._taken)
        report(self._progress, share, f"{self._done} of {self._taken} done{failed}{left}")

    def _time_left(self) -> str:
        if self._cost_done == 0 or not self.busy:
            return ""
        elapsed = time.monotonic() - self._start
        return f", about {duration(elapsed * sum(self._costs.values()) / self._cost_done)} left"

    def given_up(self, sentence: str) -> list[Outcome]:
        """Return the outcomes of all tasks that will not be done, and have none left."""
        tasks = [*self._running.values(), *self._waiting]
        self._running.clear()
        self._waiting.clear()
        return [failed(task, sentence) for task in tasks]

    def tidy(self) -> None:
        """Remove what the tasks that were worked on have left, after the workers have ended."""
        for task in self._running.values():
            folder = Path(task.values["outdir"])
            with suppress(OSError):
                with folder_lock(folder):
                    remove_leftovers(folder)
                folder.rmdir()  # when there is nothing in it


def duration(seconds: float) -> str:
    """Write a time for people."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 172800:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days"


def total_cost(costs: Mapping[str, float | None]) -> float:
    """Sum of the times (s) of tasks; of those that are not known, the least."""
    return sum(cost or _LEAST for cost in costs.values())
