"""How many threads the numerics may use, and the one way in which they use them.

Work is cut into slabs that do not depend on the number of threads, and each slab is computed by
one thread from start to end: the same input gives the same bytes whatever the number of threads.
Both `scipy.fft` and the compiled kernels release the interpreter lock, so plain threads are enough.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Generic, TypeVar

import scipy.fft

from occupy_core.errors import MachineWarning, ParameterError
from occupy_core.machine import available_cores, start_thread, threads_start

T = TypeVar("T")

_MOST = 1024  # [guard] threads; more are not more than a slip of the hand

_limit: ContextVar[int | None] = ContextVar("occupy_core_threads", default=None)
_crew: ContextVar[_Crew | None] = ContextVar("occupy_core_crew", default=None)


def thread_count() -> int:
    """Number of threads in force here: that of the innermost `threads`, else all cores."""
    return _limit.get() or available_cores()


@contextmanager
def threads(n: int | None = None) -> Iterator[int]:
    """Let the numerics inside the block use `n` threads, which are kept until its end.

    Parameters
    ----------
    n : int or None
        Number of threads; None means all cores this process may use.

    Yields
    ------
    int
        The number of threads in force.

    Raises
    ------
    ParameterError
        When `n` is less than one.
    """
    if n is not None and n < 1:
        raise ParameterError(f"The number of threads is {n} but must be at least 1.")
    count = available_cores() if n is None else min(n, _MOST)
    if count > 1 and not threads_start(count):
        warnings.warn(
            f"This machine does not let {count} threads be started, so one is used; the results "
            "are the same. Raise the limit of processes (ulimit -u), or give --threads 1.",
            MachineWarning,
            stacklevel=3,
        )
        count = 1
    crew = _Crew()
    token, others = _limit.set(count), _crew.set(crew)
    try:
        with scipy.fft.set_workers(count):
            yield count
    finally:
        _crew.reset(others)
        _limit.reset(token)
        crew.leave()


def for_slabs(work: Callable[[int, int], None], total: int, thickness: int) -> None:
    """Call `work(start, stop)` for consecutive slabs of 0..total on the threads in force.

    Parameters
    ----------
    work : callable
        Must write only where no other slab writes.
    total : int
        Number of planes, rows or voxels to cover.
    thickness : int
        Size of a slab; the last one may be smaller.

    Raises
    ------
    Exception
        The first one that `work` raises, after the slabs under way have ended.
    """
    slabs = [(i, min(i + thickness, total)) for i in range(0, total, thickness)]
    workers = min(thread_count(), len(slabs))
    if workers <= 1:
        for start, stop in slabs:
            work(start, stop)
        return
    kept = _crew.get()
    if kept is not None and kept.is_of_this_process():
        _Team(work, slabs).run(workers, kept)
        return
    crew = _Crew()
    try:
        _Team(work, slabs).run(workers, crew)
    finally:
        crew.leave()


class _Crew:
    """Threads that wait for calls: a run has hundreds of loops, each of some milliseconds."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._process = os.getpid()

    def is_of_this_process(self) -> bool:
        """Return whether the threads are here: a fork has none of them."""
        return self._process == os.getpid()

    def call(self, work: Callable[[], None], times: int) -> list[threading.Event]:
        """Let threads call `work`, each once; return what is set as each call ends.

        Fewer where not so many threads can be started.
        """
        with self._lock:
            while len(self._threads) < times:
                thread = threading.Thread(target=self._serve, daemon=True)
                if not start_thread(thread):
                    break
                self._threads.append(thread)
            times = min(times, len(self._threads))
        ends = [threading.Event() for _ in range(times)]
        for end in ends:
            self._calls.put(partial(_call, work, end))
        return ends

    def leave(self) -> None:
        """End the threads."""
        if self.is_of_this_process():
            for _ in self._threads:
                self._calls.put(None)
            for thread in self._threads:
                thread.join()
            self._threads.clear()

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


def _call(work: Callable[[], None], end: threading.Event) -> None:
    try:
        work()
    finally:
        end.set()


class _Team:
    """Threads, this one among them, that take slab after slab until none is left."""

    def __init__(self, work: Callable[[int, int], None], slabs: list[tuple[int, int]]) -> None:
        self._work = work
        self._slabs = iter(slabs)
        self._lock = threading.Lock()
        self._errors: dict[int, BaseException] = {}

    def run(self, workers: int, crew: _Crew) -> None:
        ends = crew.call(self._work_on, workers - 1)
        try:
            self._work_on()
        finally:
            self._slabs = iter(())  # for one that was interrupted
            for end in ends:
                end.wait()
        if self._errors:
            raise self._errors[min(self._errors)]

    def _work_on(self) -> None:
        token = _limit.set(1)  # a slab that is cut again inside stays on its thread
        try:
            with scipy.fft.set_workers(1):
                while (slab := self._next()) is not None:
                    try:
                        self._work(*slab)
                    except BaseException as error:
                        self._errors[slab[0]] = error
        finally:
            _limit.reset(token)

    def _next(self) -> tuple[int, int] | None:
        with self._lock:
            return None if self._errors else next(self._slabs, None)


class Background(Generic[T]):
    """Calls that are done one after the other beside this thread, or at once where none starts.

    At the end of a `with` block all of them are done.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._starts = start_thread(threading.Thread(target=lambda: None))

    def __enter__(self) -> Background[T]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown()

    def submit(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> Future[T]:
        """Let `work` be called; the future has its result, or its error."""
        if self._starts:
            return self._pool.submit(work, *args, **kwargs)
        done: Future[T] = Future()
        try:
            done.set_result(work(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done
