"""What each command takes: peak memory, addresses and time of the processor, by box.

    python -m benchmarks.memory 64 144 256 [--only scale]

Prints a table of whole processes with the options that take most, from which the needs of
`occupy_core.commands.shared.memory` are taken. Volumes of ensembles: see `benchmarks.blocks speed`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.mrc import write_map
from occupy_core.maps.synthetic import two_bodies

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
    """Write a map of two bodies, two half maps and two masks in a box of n³ voxels."""
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
    return files


def commands(files: dict[str, Path]) -> dict[str, list[str | Path]]:
    """The runs, with the options that take most."""
    halves: list[str | Path] = ["--half1", files["half1"], "--half2", files["half2"]]
    masks: list[str | Path] = ["--masks", files["mask1"], files["mask2"]]
    return {
        "scale": ["scale", files["map"]],
        "scale, half maps": ["scale", files["map"], *halves, "--amplify", "3"],
        "resolution": ["resolution", *halves, "--filter", "--plot"],
        "resolution bench": ["resolution", "bench", *halves],
        "regions": ["regions", files["map"], *masks],
    }


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
            for what, words in commands(make_maps(folder, n)).items():
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
