"""Local resolution of half maps beside RELION's, and from the map alone, with times.

    python -m benchmarks.resolution_peers --store FOLDER [--pairs FOLDER] [--maps 4]

Needs `relion_postprocess` (Debian and Ubuntu: apt-get install relion). The store is that of
`benchmarks.resolution`. RELION reports one number, at FSC 0.143, in windows of its own.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.resolution import everywhere, on_reference, read_pair, run, score
from occupy_core.maps import Array, DensityMap, read_map, write_map
from occupy_core.maps.threads import threads
from training.labels import Simulated
from training.sets import load

# Å between the centres of its windows, whose radius is half of that: its default.
SAMPLING = 25.0


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


def main() -> None:
    """Print one line for each pair and method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--maps", type=int, default=4)
    given = parser.parse_args()
    if shutil.which("relion_postprocess") is None:
        parser.error("relion_postprocess is not on the path; install RELION first")
    pairs = [load(p) for p in sorted(given.store.glob("*_reconstruction_*.npz"))[: given.maps]]
    if given.pairs:
        pairs += [read_pair(p)[0] for p in sorted(given.pairs.glob("*.npz"))]
    for sample in pairs:
        inside = sample.mask[::2, ::2, ::2]
        density = DensityMap(sample.average, sample.grid)
        mask = everywhere(sample, density)
        with tempfile.TemporaryDirectory() as folder:
            found, seconds = relion(sample, Path(folder))
        show(
            sample.name, "RELION, half maps", score(found, sample.reference[0.143], inside), seconds
        )
        halves = tuple(DensityMap(h, sample.grid, "half") for h in sample.halves)
        for name, options in (("half maps", {"half_maps": halves}), ("map alone", {})):
            start = time.perf_counter()
            with threads():
                result = run(density, mask=mask, **options)
            seconds = time.perf_counter() - start
            values = on_reference(result.resolution, result.mask, inside.shape)
            show(sample.name, name, score(values, sample.reference[0.143], inside), seconds)


def show(sample: str, method: str, row: dict[str, float], seconds: float) -> None:
    """Print one row of the table."""
    numbers = " | ".join(f"{row[key]:.3f}" for key in ("RMSE", "log RMSE", "Spearman", "skill"))
    print(f"| {sample} | {method} | {numbers} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
