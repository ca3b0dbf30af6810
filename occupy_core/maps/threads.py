"""How many threads the numerics may use, and the one way in which they use them.

Work is cut into slabs that do not depend on the number of threads, and each slab is computed by
one thread from start to end: the same input gives the same bytes whatever the number of threads.
Both `scipy.fft` and the compiled kernels release the interpreter lock, so plain threads are enough.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar

import scipy.fft

from occupy_core.errors import ParameterError

_MOST = 1024  # threads; more are not more than a slip of the hand

_limit: ContextVar[int | None] = ContextVar("occupy_core_threads", default=None)


def available_cores() -> int:
    """Cores that this process may use: what a scheduler or container leaves of the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_count() -> int:
    """Number of threads in force here: that of the innermost `threads`, else all cores."""
    return _limit.get() or available_cores()


@contextmanager
def threads(n: int | None = None) -> Iterator[int]:
    """Let the numerics inside the block use `n` threads.

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
    token = _limit.set(count)
    try:
        with scipy.fft.set_workers(count):
            yield count
    finally:
        _limit.reset(token)


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
    # A slab that is cut again inside stays on its thread.
    with ThreadPoolExecutor(workers, initializer=_limit.set, initargs=(1,)) as pool:
        futures = [pool.submit(work, start, stop) for start, stop in slabs]
        try:
            for future in futures:
                future.result()
        except BaseException:
            for future in futures:
                future.cancel()
            raise
