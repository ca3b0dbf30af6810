"""What each command takes: peak memory, addresses and time of the processor, by box.

    python -m benchmarks.memory 64 144 256 [--only scale]

Prints a table of whole processes with the options that take most, from which the needs of
`occupy_core.commands.shared.memory` are taken. Large ensembles: see `benchmarks.blocks speed`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.mrc import write_map
from occupy_core.maps.synthetic import two_bodies

_VOLUMES = 12  # [layout] of an ensemble
_RESIDUES = 2000  # [layout] of a chain
_RUN = """
import sys, time
from occupy_core.commands.main import main
status = main(sys.argv[1:])
lines = [line.split() for line in open("/proc/self/status")]
peak = {line[0]: int(line[1]) / 1024 for line in lines if line[0] in ("VmPeak:", "VmHWM:")}
text = f"{peak['VmHWM:']:.0f} | {peak['VmPeak:']:.0f} | {time.process_time():.1f}"
print("RESULT", status, "|", text, file=sys.stderr)
"""


def make_maps(folder: Path, n: int) -> dict[str, Path]:
    """Write a map of two bodies in a box of n³ voxels, and what goes with it."""
    grid = Grid.cubic(n, 1.5)
    density, _ = two_bodies(grid)
    noise = np.random.default_rng(0)
    files = {"map": write_map(folder / "map.mrc", density)}
    level = 0.1 * float(density.data.max())
    for i in (1, 2):
        other = density.data + level * noise.standard_normal(grid.shape, np.float32)
        files[f"half{i}"] = write_map(folder / f"half{i}.mrc", density.with_data(other))
        inside = np.zeros(grid.shape, np.float32)
        inside[n // 4 : 3 * n // 4, n // 4 : 3 * n // 4, i * n // 4 : (i + 1) * n // 4] = 1
        files[f"mask{i}"] = write_map(folder / f"mask{i}.mrc", DensityMap(inside, grid))
    files["model"] = folder / "model.pdb"
    files["model"].write_text(_model(density), encoding="ascii")
    return files


def _model(density: DensityMap) -> str:
    """A chain of alpha carbons in each body, at voxels that have much density."""
    inside = np.argwhere(density.data > np.percentile(density.data, 99))
    draw = np.random.default_rng(1)
    lines = []
    for chain, side in (("A", inside[:, 2] < density.grid.shape[2] // 2), ("B", None)):
        voxels = inside[side if side is not None else inside[:, 2] >= density.grid.shape[2] // 2]
        for number, voxel in enumerate(draw.permutation(voxels)[:_RESIDUES], start=1):
            x, y, z = 1.5 * voxel[::-1]
            lines.append(
                f"ATOM  {len(lines) + 1:>5}  CA  ALA {chain}{number:>4}    "
                f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00 30.00           C"
            )
    return "\n".join([*lines, "END", ""])


def make_volumes(folder: Path, n: int, count: int) -> list[Path]:
    """Write volumes of two bodies, of which every second one lacks one of them."""
    found = []
    for i in range(count):
        density, _ = two_bodies(Grid.cubic(n, 1.5), occupancy=0.05 if i % 2 else 1.0, seed=i)
        found.append(write_map(folder / f"v{i:03d}.mrc", density))
    return found


def commands(folder: Path, n: int) -> Iterator[tuple[str, list[str | Path]]]:
    """The runs, with the options that take most; what they read is made as they come."""
    files = make_maps(folder, n)
    halves: list[str | Path] = ["--half1", files["half1"], "--half2", files["half2"]]
    masks: list[str | Path] = ["--masks", files["mask1"], files["mask2"]]
    every = [
        "--mode",
        "occ",
        "--amplify",
        "3",
        "--attenuate",
        "3",
        "--sigmoid",
        "3",
        "--subtraction-mask",
        "--plot",
    ]
    yield "scale", ["scale", files["map"]]
    yield "scale, half maps", ["scale", files["map"], *halves, *every]
    yield "resolution", ["resolution", *halves, "--filter", "--plot"]
    yield "resolution bench", ["resolution", "bench", *halves]
    yield "regions", ["regions", files["map"], *masks, "--plot"]
    yield "regions, model", ["regions", files["map"], "--model", files["model"], "--plot"]
    volumes = make_volumes(folder, n, _VOLUMES)
    yield f"blocks of {_VOLUMES}", ["blocks", *volumes, "--plot"]
    yield "classes", ["classes", volumes[0], volumes[1], *masks, "--plot"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("edges", type=int, nargs="+")
    parser.add_argument("--only", help="commands that start so")
    asked = parser.parse_args()
    print(
        "| command | box | peak memory, MB | addresses, MB | processor, s |\n|---|---|---|---|---|"
    )
    for n in asked.edges:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for what, words in commands(folder, n):
                if asked.only and not what.startswith(asked.only):
                    continue
                command = [sys.executable, "-c", _RUN, *map(str, words), "--outdir", f"{folder}/o"]
                done = subprocess.run(
                    [*command, "--force", "--quiet"], capture_output=True, text=True, check=False
                )
                found = [line for line in done.stderr.splitlines() if line.startswith("RESULT 0")]
                result = found[0].partition("|")[2] if found else f" {done.stderr[-80:]} | |"
                print(f"| {what} | {n}³ |{result} |", flush=True)


if __name__ == "__main__":
    main()
