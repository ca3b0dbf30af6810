"""Many maps at once: what kills it, how it scales, what it costs beside the estimate, how soon.

python -m benchmarks.batch kills    [--maps 200] [--edge 64]
python -m benchmarks.batch workers  [--maps 20]  [--edge 256]
python -m benchmarks.batch overhead [--maps 100] [--edge 128] [--alone 100]
python -m benchmarks.batch watch    [--maps 20]  [--edge 64]

`kills`: two workers; one of them gets SIGKILL when an eighth is done, and the whole run when half
is; then it is run again. Each map must be done once, with the bytes of a serial run. `workers`: the
rate of two workers of one thread beside twice that of one, in turns. `overhead`: the time of a map
in a batch of one worker, beside reading, estimate and writing in a loop, and beside the command
line.
`watch`: from the end of writing a map to its record. Maps of two bodies with noise, in a temporary
folder (--folder: where), which needs about eleven maps for each.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import occupy_core as occ
from benchmarks.measure import below

Array = NDArray[np.float64]
VOXEL = 1.5  # Å
ROOT = Path(__file__).parents[1]
WORKER = b"spawn_main"  # processes that multiprocessing starts
PATIENCE = 3600.0  # s


def write_maps(folder: Path, number: int, edge: int) -> Path:
    """Write maps of which no two are the same."""
    folder.mkdir()
    grid = occ.Grid.cubic(edge, VOXEL)
    for i in range(number):
        occupancy = 0.3 + 0.6 * i / number
        density, _ = occ.two_bodies(grid, occupancy=occupancy, noise=0.05, seed=i)
        occ.write_map(folder / f"m{i:03d}.mrc", density)
    return folder


def start(*words: object) -> subprocess.Popen[bytes]:
    """Start `occupy-core` with these words."""
    command = [sys.executable, "-m", "occupy_core", *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=sys.stderr)


def seconds_of(*words: object) -> Array:
    """Run `occupy-core` with these words; return wall time and processor time, s."""
    before = now(resource.RUSAGE_CHILDREN)
    if start(*words).wait():
        raise RuntimeError(f"occupy-core {' '.join(map(str, words))} failed")
    return now(resource.RUSAGE_CHILDREN) - before


def now(who: int) -> Array:
    """Wall time and processor time of this process, or of all that it has waited for."""
    used = resource.getrusage(who)
    return np.array([time.perf_counter(), used.ru_utime + used.ru_stime])


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("it takes too long")
        time.sleep(0.05)


def records(outdir: Path) -> dict[str, int]:
    """When each record was written, by its map."""
    return {p.parent.name: p.stat().st_mtime_ns for p in outdir.glob("[!.]*/result_*.json")}


def files_of(outdir: Path) -> dict[str, bytes]:
    """All files of a batch by their place, with the name of its folder taken out."""
    return {
        str(path.relative_to(outdir)): path.read_bytes().replace(os.fsencode(outdir), b"")
        for path in outdir.rglob("*")
        if path.is_file()
    }


def kills(place: Path, options: argparse.Namespace) -> None:
    maps = write_maps(place / "maps", options.maps, options.edge)
    serial, outdir = place / "serial", place / "out"
    seconds_of("batch", maps, "--outdir", serial, "--workers", 1)
    words = ("batch", maps, "--outdir", outdir, "--workers", 2)
    process = start(*words)
    until(lambda: len(records(outdir)) >= options.maps // 8)
    workers = [p for p in below(process.pid) if WORKER in Path(f"/proc/{p}/cmdline").read_bytes()]
    os.kill(workers[0], signal.SIGKILL)
    at_worker = len(records(outdir))
    until(lambda: len(records(outdir)) >= options.maps // 2)
    left = below(process.pid)
    process.kill()
    process.wait()
    until(lambda: not any(Path(f"/proc/{pid}/fd").exists() for pid in left))
    before = records(outdir)
    seconds_of(*words)
    after = records(outdir)
    kept = sum(after.get(name) == written for name, written in before.items())
    same = files_of(serial) == files_of(outdir)
    print("| maps | done when worker, run were killed | kept | results | bytes of serial run |")
    print("|---|---|---|---|---|")
    row = f"| {options.maps} of {options.edge}³ | {at_worker}, {len(before)} "
    print(f"{row}| {kept} of {len(before)} | {len(after)} | {'yes' if same else 'NO'} |")


def workers(place: Path, options: argparse.Namespace) -> None:
    number = options.maps
    maps = write_maps(place / "maps", number, options.edge)
    print("| maps | load before | workers | whole, s | from record to record, s |")
    print("|---|---|---|---|---|")
    whole, steady = {1: 0.0, 2: 0.0}, {1: 0.0, 2: 0.0}
    for count in (1, 2, 2, 1):  # what else the machine does, and its heat, fall on both alike
        out, load = place / "out", os.getloadavg()[0]
        words = ("--outdir", out, "--workers", count, "--threads", 1)
        took, _ = seconds_of("batch", maps, *words)
        written = sorted(records(out).values())
        between = 1e-9 * (written[-1] - written[count - 1]) / (number - count) * number
        whole[count] += took
        steady[count] += between
        row = f"| {number} of {options.edge}³ | {load:.1f} | {count} "
        print(f"{row}| {took:.1f} | {between:.1f} |", flush=True)
        shutil.rmtree(out)  # 4 GB of 20 maps of 256³
    ratio, start = (taken[1] / (2 * taken[2]) for taken in (steady, whole))
    print(
        f"rate of two / twice that of one: {ratio:.2f}, with the start of the command {start:.2f}"
    )


def overhead(place: Path, options: argparse.Namespace) -> None:
    maps = write_maps(place / "maps", options.maps, options.edge)
    paths = sorted(maps.iterdir())
    bare_folder = place / "bare"
    bare_folder.mkdir()
    loop = timed_loop(paths, bare_folder)
    batch = seconds_of("batch", maps, "--outdir", place / "out", "--workers", 1) / len(paths)
    again = timed_loop(paths, bare_folder)
    bare = (loop + again) / 2
    some = paths[: options.alone]
    alone = [seconds_of("scale", p, "--outdir", place / "alone" / p.stem) for p in some]
    single = np.mean(alone, axis=0)
    print(f"{options.maps} maps of {options.edge}³, s for each map")
    print("| time | bare, before and after | batch | batch / bare | alone | alone / batch |")
    print("|---|---|---|---|---|---|")
    for k, name in enumerate(("wall", "processor")):
        row = f"| {name} | {loop[k]:.2f}, {again[k]:.2f} | {batch[k]:.2f} "
        ratios = batch[k] / bare[k], single[k] / batch[k]
        print(f"{row}| {ratios[0]:.2f} | {single[k]:.2f} | {ratios[1]:.1f} |")


def timed_loop(paths: list[Path], folder: Path) -> Array:
    """Read, estimate and write as `scale` does, in this process; return both times of a map."""
    took = []
    for path in paths:
        began = now(resource.RUSAGE_SELF)
        density = occ.read_map(path)
        found = occ.local_scale(density)
        for name in ("scale", "sigma", "confidence"):
            made = getattr(found, name)
            if made is not None:
                occ.write_map(folder / f"{name}.mrc", made)
        took.append(now(resource.RUSAGE_SELF) - began)
    mean: Array = np.mean(took[1:], axis=0)  # the first one loads and compiles
    return mean


def watch(place: Path, options: argparse.Namespace) -> None:
    made = write_maps(place / "made", options.maps, options.edge)
    maps, outdir = place / "maps", place / "out"
    maps.mkdir()
    process = start("watch", maps, "--outdir", outdir, "--workers", 1, "--until-idle", 30)
    took = []
    for path in sorted(made.iterdir()):
        time.sleep(1.0)
        (maps / path.name).write_bytes(path.read_bytes())
        began = time.monotonic()
        until(lambda name=path.stem: name in records(outdir))  # type: ignore[misc]
        took.append(time.monotonic() - began)
    process.wait()
    first, *others = took
    print("| maps | the first, with the start of the command, s | the others, s | longest |")
    print("|---|---|---|---|")
    row = f"| {options.maps} of {options.edge}³ | {first:.1f} | {statistics.median(others):.1f} "
    print(f"{row}| {max(others):.1f} |")


SECTIONS = {
    "kills": (kills, 200, 64),
    "workers": (workers, 20, 256),
    "overhead": (overhead, 100, 128),
    "watch": (watch, 20, 64),
}


def main() -> None:
    """Run one section and print its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("section", choices=SECTIONS)
    parser.add_argument("--maps", type=int)
    parser.add_argument("--edge", type=int)
    parser.add_argument("--alone", type=int, default=100, help="maps of the command line alone")
    parser.add_argument("--folder", type=Path, help="where the temporary folder is made")
    options = parser.parse_args()
    work, number, edge = SECTIONS[options.section]
    options.maps, options.edge = options.maps or number, options.edge or edge
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        work(Path(folder), options)


if __name__ == "__main__":
    main()
