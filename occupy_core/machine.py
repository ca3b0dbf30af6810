"""What this machine gives a process: cores, threads, memory. Nothing heavy is imported here."""

from __future__ import annotations

import os
import resource
import threading
from contextlib import suppress
from typing import NamedTuple

# [guard] threads beside those that compute: checksums, writing, compiled loops
_SPARE = 3
_OWN_GROUPS = "/proc/self/cgroup"
_GROUPS = "/sys/fs/cgroup"
# [taste: not swept] bytes; control groups of version 1 have a number for no limit
_UNLIMITED = 2**60
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


class MemoryLimit(NamedTuple):
    """A limit of memory: bytes, whether of addresses (not of memory in use), and what sets it."""

    size: int
    of_addresses: bool
    set_by: str


def memory_limits() -> list[MemoryLimit]:
    """What limits the memory of this process."""
    found = []
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        found.append(MemoryLimit(soft, True, "the limit of address space (ulimit -v)"))
    group = _group_limit()
    if group is not None:
        found.append(MemoryLimit(group, False, "the limit of this container or job (cgroup)"))
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if pages > 0:
        found.append(MemoryLimit(pages, False, "the memory of this machine"))
    return found


def _group_limit() -> int | None:
    """The least limit of the control groups of this process, bytes; None without one."""
    from pathlib import Path  # takes time, which the help of the commands need not wait for

    limits, groups = [], Path(_GROUPS)
    with suppress(OSError, ValueError):
        for line in Path(_OWN_GROUPS).read_text(encoding="ascii").splitlines():
            _, kinds, place = line.split(":", 2)
            if kinds == "":
                root, name = groups, "memory.max"
            elif "memory" in kinds.split(","):
                root, name = groups / "memory", "memory.limit_in_bytes"
            else:
                continue
            folder = root / place.lstrip("/")
            for each in (folder, *folder.parents):
                with suppress(OSError, ValueError):  # "max", or not there
                    limits.append(int((each / name).read_text(encoding="ascii")))
                if each == root:
                    break
    least = min(limits, default=_UNLIMITED)
    return least if least < _UNLIMITED else None
