"""What the tests of jobs and of the command line share: a small map, and ways to run."""

import os
import subprocess
import sys
from pathlib import Path

from occupy_core.commands.main import main
from occupy_core.maps import Grid, write_map
from occupy_core.maps.synthetic import two_bodies
from occupy_core.scale.params import ModifyParams, ScaleParams

ROOT = Path(__file__).resolve().parents[2]
SHAPE = (30, 32, 40)
GRID = Grid(SHAPE, (2.0, 2.0, 2.0), origin=(10.0, -20.0, 5.5), nstart=(3, -7, 11))
EVERYTHING = {
    "scale": ScaleParams(mode="occ"),
    "modify": ModifyParams(amplify=4, attenuate=3, sigmoid=4, pivot=0.3, subtraction_mask=True),
    "chimerax_silent": True,
    "save_all_maps": True,
}


def write_small_map(path, *, seed=0, grid=GRID):
    """Write a map of two bodies, the second at half occupancy."""
    density, _ = two_bodies(grid, seed=seed)
    return write_map(path, density)


def run_cli(capsys, *arguments):
    """Run the command line in this process: exit status, stdout and stderr."""
    capsys.readouterr()
    status = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def start_python(script, *arguments, **options):
    """Start a script in its own process."""
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def contents(folder):
    """Bytes of every file of a folder, hidden ones too, by name."""
    return {p.name: p.read_bytes() for p in Path(folder).iterdir() if p.is_file()} | {
        p.name: None for p in Path(folder).iterdir() if p.is_dir()
    }
