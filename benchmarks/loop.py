"""The local scale in a loop over maps of one grid, as in a classification: time for each call.

python -m benchmarks.loop [--edge 128] [--calls 20] [--threads N]

Maps of two bodies at rising occupancies. A fresh call (`local_scale`), a call of a `ScaleEstimator`
and one for the scale alone, in turns, so that other work on the machine hits all alike; beside
them the pair of transforms of scipy.fft that any iteration of a classification makes of a map.
Wall and processor time of the calls after the first, median and quartiles, milliseconds.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

import numpy as np
import scipy.fft
from numpy.typing import NDArray

import occupy_core as occ

VOXEL = 1.5  # Å
Array = NDArray[np.float32]


def timed(calls: dict[str, Callable[[Array], object]], maps: list[Array]) -> None:
    """Print a row for each call."""
    wall: dict[str, list[float]] = {name: [] for name in calls}
    processor: dict[str, list[float]] = {name: [] for name in calls}
    for data in maps:
        for name, call in calls.items():
            start, used = time.perf_counter(), time.process_time()
            call(data)
            wall[name].append(1e3 * (time.perf_counter() - start))
            processor[name].append(1e3 * (time.process_time() - used))
    print("| call | wall, ms | quartiles | processor, ms | first, wall |")
    print("|---|---|---|---|---|")
    for name in calls:
        low, middle, high = np.quantile(wall[name][1:], (0.25, 0.5, 0.75))
        print(
            f"| {name} | {middle:.0f} | {low:.0f} to {high:.0f} | "
            f"{np.median(processor[name][1:]):.0f} | {wall[name][0]:.0f} |"
        )


def main() -> None:
    """Run all and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edge", type=int, default=128)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    grid = occ.Grid.cubic(options.edge, VOXEL)
    maps = [
        occ.two_bodies(grid, occupancy=0.3 + 0.6 * i / options.calls, noise=0.05, seed=i)[0].data
        for i in range(options.calls + 1)
    ]
    with occ.threads(options.threads) as count:
        print(
            f"{options.edge}³ voxels, {options.calls} calls after the first, {count} threads of "
            f"{os.cpu_count()}, load {os.getloadavg()[0]:.1f}"
        )
        calls: dict[str, Callable[[Array], object]] = {}
        for mode in ("res", "occ"):
            estimator = occ.ScaleEstimator(grid, mode=mode)
            calls[f"{mode}: local_scale"] = lambda data, mode=mode: occ.local_scale(  # type: ignore[misc]
                data, voxel_size=VOXEL, mode=mode
            )
            calls[f"{mode}: ScaleEstimator"] = estimator
            calls[f"{mode}: ScaleEstimator.scale_only"] = estimator.scale_only
        scaled = occ.local_scale(maps[0], voxel_size=VOXEL, mode="occ")
        calls["displacement(2) of a result"] = lambda data: scaled.displacement(2)
        calls["scipy.fft: rfftn and irfftn"] = lambda data: scipy.fft.irfftn(
            scipy.fft.rfftn(data, workers=count), data.shape, workers=count
        )
        timed(calls, maps)


if __name__ == "__main__":
    main()
