"""What this machine gives a process: cores, threads, memory. Nothing heavy is imported here."""

from __future__ import annotations

import os
import threading
from contextlib import suppress

# [guard] threads beside those that compute: checksums, writing, compiled loops
_SPARE = 3
_LIBRARIES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def available_cores() -> int:
    """Cores that this process may use: what a scheduler or container leaves of the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_start(count: int) -> bool:
    """Whether `count` threads to compute with can be started, beside those of the libraries.

    A limit of processes (ulimit -u, a container) or of address space may forbid it.
    """
    release = threading.Event()
    started: list[threading.Thread] = []
    try:
        for _ in range(count + (os.cpu_count() or 1) + _SPARE):  # scipy.fft starts one for each
            thread = threading.Thread(target=release.wait, daemon=True)
            thread.start()
            started.append(thread)
    except RuntimeError:
        return False
    finally:
        release.set()
        for thread in started:
            thread.join()
    return True


def spare_the_libraries() -> None:
    """Let the libraries that are loaded later start no threads where they could not.

    OpenBLAS ends the process by an interrupt when it cannot start its own.
    """
    if not threads_start(2 * available_cores()):  # OpenBLAS is in numpy and in scipy
        for name in _LIBRARIES:
            os.environ.setdefault(name, "1")


def start_thread(thread: threading.Thread) -> bool:
    """Start a thread; return whether it could be."""
    with suppress(RuntimeError):
        thread.start()
        return True
    return False
