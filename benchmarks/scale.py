"""Local scale beside OccuPy 0.1.13 (whole processes, in turn) and beside one FFT pair of the box.

    python -m benchmarks.scale [--map emd_11007.map] [--peer-python PYTHON] [--large] [--repeats 3]

The peer runs where PYTHON has it:
    pip install occupy==0.1.13 'numpy<2' 'setuptools<81' 'matplotlib<3.9' PyQt5
Without a map the bundled sample is padded to the deposited 240 voxels; `--large` adds a box of 512.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import scipy.fft

from benchmarks.measure import Measurement, alternate, best_of, run_process
from occupy_core.maps import DensityMap, Grid
from occupy_core.maps.fourier import resample
from occupy_core.maps.mrc import read_map, write_map
from occupy_core.maps.threads import threads
from occupy_core.scale.estimate import ScaleParams, estimate_scale

METHODS = ("calibrated", "occupy")  # the default, and peer mode
SAMPLE = Path(__file__).parents[1] / "examples" / "emd_11007_120.map.gz"

PEER = """
import sys
from occupy_lib import estimate, args
options = args.occupy_options(input_map=sys.argv[1], max_box=int(sys.argv[2]), amplify=4.0,
                              lp_scale=True, scale_mode="occ", pivot=None, quiet=True)
estimate.occupy_run(options)
"""


def peer(python: str, path: Path, max_box: int, _repeat: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        return run_process([python, "-c", PEER, str(path), str(max_box)], Path(folder))


def ours(method: str, path: Path, max_box: int, _repeat: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        command = [sys.executable, "-m", "occupy_core", "scale", str(path), "--outdir", "out"]
        return run_process(
            [
                *(*command, "--method", method, "--mode", "occ"),
                *("--amplify", "4", "--max-box", str(max_box)),
            ],
            Path(folder),
        )


def whole_processes(
    label: str, path: Path, max_box: int, *, peer_python: str | None, repeats: int
) -> None:
    runs = {method: partial(ours, method, path, max_box) for method in METHODS}
    if peer_python:
        runs["OccuPy 0.1.13"] = partial(peer, peer_python, path, max_box)
    for method in METHODS:
        ours(method, path, max_box, 0)  # compiles the kernels, which are then cached on disk
    results = alternate(runs, repeats)
    for name, measurement in results.items():
        print(f"| {label} | {name} | {measurement} |", flush=True)
    default, like_peer = (results[method] for method in METHODS)
    times = default.median / like_peer.median
    print(f"| {label} | default / peer mode | time {times:.2f} |", flush=True)
    for method in METHODS if peer_python else ():
        ratio(f"{label} | {method}", results[method], results["OccuPy 0.1.13"])


def ratio(label: str, mine: Measurement, other: Measurement) -> None:
    print(
        f"| {label} / OccuPy | time 1/{other.median / mine.median:.1f}, "
        f"memory {mine.peak_mb / other.peak_mb:.0%} |",
        flush=True,
    )


def estimate_beside_fft(size: int, method: str) -> None:
    """Time the estimate without start-up and files against one rfftn + irfftn of the box."""
    density = molecule(size, 1.2)
    params = ScaleParams(method=method, mode="occ", max_box=size)

    def transform_pair() -> None:
        scipy.fft.irfftn(scipy.fft.rfftn(density.data), s=density.data.shape)

    estimate_scale(density, params)
    with threads(None):
        estimate = best_of(lambda: estimate_scale(density, params), 3)
        pair_threaded = best_of(transform_pair, 3)
    pair = best_of(transform_pair, 3)
    print(
        f"| {method}, estimate {size}³ | {estimate:.2f} s, {1e9 * estimate / size**3:.0f} ns a "
        f"voxel | "
        f"FFT pair {pair:.2f} s ({pair_threaded:.2f} s on all cores) | {estimate / pair:.2f} |",
        flush=True,
    )


def molecule(size: int, voxel_size: float) -> DensityMap:
    """Bundled sample in the middle of a larger box of other voxels, with noise everywhere."""
    sample = read_map(SAMPLE)
    n = round(sample.grid.shape[0] * sample.grid.voxel_size[0] / voxel_size / 2) * 2
    data = resample(sample, (n, n, n)).data
    noise = np.random.default_rng(0).standard_normal((size, size, size), dtype=np.float32)
    keep = min(n, size)
    inner, outer = (n - keep) // 2, (size - keep) // 2
    box = slice(outer, outer + keep)
    crop = slice(inner, inner + keep)
    noise *= 0.1 * data.std()
    noise[box, box, box] += data[crop, crop, crop]
    return DensityMap(noise, Grid.cubic(size, voxel_size), f"molecule_{size}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--map", type=Path, help="EMD-11007 as deposited")
    parser.add_argument("--peer-python", help="interpreter that has OccuPy 0.1.13")
    parser.add_argument("--large", action="store_true", help="also a box of 512")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    compare = partial(whole_processes, peer_python=options.peer_python, repeats=options.repeats)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "emd_11007.map"
        if options.map:
            shutil.copy(options.map, path)
        else:
            write_map(path, resample(read_map(SAMPLE), (240, 240, 240)))
        compare("240³, kernel 9, --amplify 4", path, 256)
        if options.large:
            large = write_map(Path(folder) / "molecule_512.mrc", molecule(512, 1.2))
            compare("512³, kernel 7, --amplify 4, --max-box 512", large, 512)
    for size in (256, 512) if options.large else (256,):
        for method in METHODS:
            estimate_beside_fft(size, method)


if __name__ == "__main__":
    main()
