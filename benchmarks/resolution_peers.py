"""Local resolution of half maps beside that of other programs, and from the map alone, with times.

    python -m benchmarks.resolution_peers --store FOLDER [--pairs FOLDER] [--maps 4]
        [--ridge-python FILE]

Needs `relion_postprocess` (Debian and Ubuntu: apt-get install relion). `--ridge-python` is a Python
with the package cryoridge (PyPI). The store is that of `benchmarks.resolution`. Both report one
number, at FSC 0.143, in windows of their own.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.resolution import everywhere, on_reference, read_pair, run, score
from occupy_core.maps import Array, DensityMap, read_map, write_map
from occupy_core.maps.threads import threads
from training.labels import Simulated
from training.sets import load

# Å between the centres of its windows, whose radius is half of that: its default.
SAMPLING = 25.0

_RIDGE = """
import sys, time
import numpy as np
from cryoem_mrc.local_fsc import compute_local_fsc_resolution
with np.load("pair.npz") as z:
    halves, mask, voxel = (z["half1"], z["half2"]), z["mask"], float(z["voxel_size"])
start = time.perf_counter()
found = compute_local_fsc_resolution(*halves, voxel, mask=mask, n_jobs=2)
print(time.perf_counter() - start)
np.save("found.npy", found)
"""


def relion(sample: Simulated, folder: Path) -> tuple[Array, float]:
    """Local resolution of RELION on the points of the reference, and the seconds it took."""
    for number, half in enumerate(sample.halves, 1):
        write_map(folder / f"run_half{number}_class001_unfil.mrc", DensityMap(half, sample.grid))
    start = time.perf_counter()
    subprocess.run(
        ["relion_postprocess", "--i", "run_half1_class001_unfil.mrc", "--o", "run",
         "--angpix", f"{sample.grid.voxel_size[0]:.5f}", "--locres", "--adhoc_bfac", "0",
         "--locres_sampling", str(SAMPLING)],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    return read_map(folder / "run_locres.mrc").data[::2, ::2, ::2], seconds


def ridge(sample: Simulated, folder: Path, python: Path) -> tuple[Array, float]:
    """Local resolution of cryoRIDGE (its defaults) on the points of the reference, and seconds."""
    np.savez(
        folder / "pair.npz",
        half1=sample.halves[0],
        half2=sample.halves[1],
        mask=sample.mask,
        voxel_size=sample.grid.voxel_size[0],
    )
    done = subprocess.run(
        [str(python), "-c", _RIDGE], cwd=folder, check=True, capture_output=True, text=True
    )
    found: Array = np.load(folder / "found.npy").astype(np.float32)
    return found[::2, ::2, ::2], float(done.stdout.split()[-1])


def compare(sample: Simulated, python: Path | None) -> None:
    """Print the rows of one pair."""
    inside, reference = sample.mask[::2, ::2, ::2], sample.reference[0.143]
    density = DensityMap(sample.average, sample.grid)
    mask = everywhere(sample, density)
    found: dict[str, tuple[Array, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        found["RELION, half maps"] = relion(sample, Path(name))
        if python is not None:
            found["cryoRIDGE, half maps"] = ridge(sample, Path(name), python)
    halves = tuple(DensityMap(h, sample.grid, "half") for h in sample.halves)
    for method, options in (("half maps", {"half_maps": halves}), ("map alone", {})):
        start = time.perf_counter()
        with threads():
            result = run(density, mask=mask, **options)
        seconds = time.perf_counter() - start
        found[method] = on_reference(result.resolution, result.mask, inside.shape), seconds
    for method, (values, seconds) in found.items():
        known = inside & np.isfinite(values) & (values > 0)
        row = score(values, reference, known)
        cells = " | ".join(f"{row[key]:.3f}" for key in ("RMSE", "log RMSE", "Spearman", "skill"))
        share = known.sum() / inside.sum()
        print(f"| {sample.name} | {method} | {cells} | {share:.0%} | {seconds:.1f} |", flush=True)


def main() -> None:
    """Print one line for each pair and method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--maps", type=int, default=4)
    parser.add_argument("--ridge-python", type=Path)
    given = parser.parse_args()
    if shutil.which("relion_postprocess") is None:
        parser.error("relion_postprocess is not on the path; install RELION first")
    pairs = [load(p) for p in sorted(given.store.glob("*_reconstruction_*.npz"))[: given.maps]]
    if given.pairs:
        pairs += [read_pair(p)[0] for p in sorted(given.pairs.glob("*.npz"))]
    print("| pair | method | RMSE | log RMSE | Spearman | skill | voxels | s |")
    for sample in pairs:
        compare(sample, given.ridge_python)


if __name__ == "__main__":
    main()
