"""Time whole processes and calls, so that every benchmark counts in the same way."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Measurement:
    """What several runs of one command took."""

    seconds: tuple[float, ...]
    peak_mb: float

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def __str__(self) -> str:
        spread = f"{min(self.seconds):.2f}-{max(self.seconds):.2f}"
        return f"{self.median:.2f} s ({spread}), {self.peak_mb:.0f} MB"


# A child started by a process with large arrays would inherit their peak memory.
_LAUNCHER = """
import os, sys, time
start = time.perf_counter()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print("\\n", os.waitstatus_to_exitcode(status), time.perf_counter() - start, usage.ru_maxrss / 1024)
"""


def run_process(command: Sequence[str], folder: Path) -> tuple[float, float]:
    """Run a command in a folder; return its wall time in s and its peak memory in MB (Linux)."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", _LAUNCHER, *command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    code, wall, peak = done.stdout.split()[-3:]
    if code != "0":
        raise RuntimeError(f"{command} failed:\n{done.stdout[-2000:]}")
    return float(wall), float(peak)


def below(pid: int) -> list[int]:
    """Processes that one has started, and those that they have."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = stat.read_text(errors="replace").rpartition(")")[2].split()[1]
        except OSError:
            continue
        children.setdefault(int(parent), []).append(int(stat.parent.name))
    found = list(children.get(pid, []))
    for child in found:
        found += children.get(child, [])
    return found


def alternate(
    runs: dict[str, Callable[[int], tuple[float, float]]], repeats: int
) -> dict[str, Measurement]:
    """Run the candidates in turn, so that a busy moment of the machine meets all of them."""
    collected: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for repeat in range(repeats):
        for name, run in runs.items():
            collected[name].append(run(repeat))
    return {
        name: Measurement(tuple(wall for wall, _ in values), max(peak for _, peak in values))
        for name, values in collected.items()
    }


def best_of(call: Callable[[], object], repeats: int) -> float:
    """Shortest of several calls in s: the figure least disturbed by other work on the machine."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)
