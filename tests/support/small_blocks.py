"""What the tests of searches for blocks share: a small ensemble in files, and a search in it."""

import csv
from pathlib import Path

import mrcfile
import numpy as np
from ensembles import ellipsoids

from occupy_core.commands.blocks.job import BlocksJob
from occupy_core.commands.blocks.run import run_blocks
from occupy_core.maps import read_map
from occupy_core.maps.ensemble import volumes_in

KNOWN = ellipsoids(
    (20, 22, 25), 60, n_blocks=3, seed=4, noise=0.1, size=(0.12, 0.16), agreeing=None
)
START = (-12.0, 30.5, 7.0)
RULE = "B1 > 0.5 and not B2 > 0.5"


def write_volumes(folder: Path) -> tuple[Path, ...]:
    """Write the volumes, with an origin."""
    for path in KNOWN.write(folder):
        with mrcfile.open(path, "r+") as mrc:
            mrc.header.origin.x, mrc.header.origin.y, mrc.header.origin.z = START
            mrc.header.nxstart = -3
    return tuple(volumes_in(folder))


def search(volumes, folder: Path):
    """Search for blocks, with a rule for a subset."""
    return run_blocks(BlocksJob(volumes, folder / "out", where=RULE))


def rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def masks(result):
    """Return the masks of the blocks, in order."""
    files = sorted(path for key, path in result.files.items() if key.startswith("block_"))
    return np.array([read_map(path).data > 0.5 for path in files])
