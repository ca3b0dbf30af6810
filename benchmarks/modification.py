"""Measure, voxel by voxel, the occupancy map of simulated complexes and the maps modified by it.

    python -m benchmarks.modification --models DIR [--set developed held-back]
        [--noise 0.03 0.1] [--gamma 4 30] [--peer PYTHON] [--complexes N] [--seed 0]

A third of the chains of each complex has occupancies of 0.3 to 0.7. All figures are over the voxels
within 2.5 Å of atoms, and the truth of a voxel is the occupancy of the nearest atom. Gain is the
least-squares factor against the noiseless map in which all chains are full; with an amplification
it should be 1 for every chain, with a strong attenuation 1 for the full chains and 0 for the
others. The estimator was developed on the complexes of the first set; those of the second were held
back. OccuPy 0.1.13 runs beside it when its interpreter is named.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from benchmarks.occupancy import BLUR
from benchmarks.simulate_occupancy import Complex, add_noise, chain_maps, place
from occupy_core.maps.grid import Array, DensityMap, Mask
from occupy_core.maps.mrc import read_map, write_map
from occupy_core.scale import ModifyParams, ScaleParams, estimate_scale, iter_modified

VOXEL, RESOLUTION = 1.3, 3.5  # Å
DEVELOPED = (
    *("1e6v.pdb.gz", "1gyt.pdb.gz", "1ncb.cif.gz", "3sn6.cif.gz", "3zyb.cif.gz"),
    *("4opj.cif.gz", "5me2.pdb.gz", "8wg7.cif.gz"),
)
HELD_BACK = (
    *("1lnl.pdb.gz", "2nwl.pdb.gz", "3o21.cif.gz", "3p3w.pdb.gz", "5fuu.pdb.gz"),
    *("5ni1_updated.cif.gz", "7l2i.cif.gz", "7pbl.pdb.gz"),
)
SETS = {"developed": DEVELOPED, "held-back": HELD_BACK}
LEVELS = (0.3, 0.5, 0.7)
_NEAR = 2.5  # Å from an atom; what is nearer counts
_SOLVENT = 12.0  # Å from an atom; what is farther is solvent
_CONTACT = 6.0  # Å between atoms of two chains in contact
_STEPS = np.arange(-20.0, 20.1, 0.5)  # Å from the boundary of two chains


@dataclass(frozen=True, eq=False)
class Case:
    """A simulated map, what it would be if all chains were full, and its true occupancies.

    `truth` is 0 farther than 2.5 Å from any atom; `solvent` is where there is only noise.
    """

    name: str
    noise: float
    density: DensityMap
    full: Array
    truth: Array
    solvent: Mask


@dataclass(frozen=True, eq=False)
class Made:
    """A local scale, and the maps that were modified by it, by kind and power."""

    scale: Array
    modified: dict[tuple[str, float], Array]


def occupancies(name: str, chains: list[str], seed: int) -> dict[str, float]:
    """Put a third of the chains at 0.3, 0.5 and 0.7, in turn."""
    random = np.random.default_rng([seed, zlib.crc32(name.encode())])
    partial = random.permutation(len(chains))[: max(1, round(len(chains) / 3))]
    first = int(random.integers(len(LEVELS)))
    found = dict.fromkeys(chains, 1.0)
    for i, chain in enumerate(partial):
        found[chains[chain]] = LEVELS[(first + i) % len(LEVELS)]
    return found


def nearest_occupancy(placed: Complex, truth: dict[str, float]) -> tuple[Array, Mask]:
    """Return the occupancy of the nearest atom of each voxel, and where no atom is near."""
    positions, values = [], []
    for chain in placed.structure[0]:
        for residue in chain:
            for atom in residue:
                positions.append(atom.pos.tolist()[::-1])
                values.append(truth[chain.name])
    shape, voxel = placed.grid.shape, placed.grid.voxel_size_zyx
    index = np.indices(shape, np.float32).reshape(3, -1).T * np.float32(voxel)
    distance, which = cKDTree(positions).query(index, distance_upper_bound=_SOLVENT)
    found = np.append(values, 0.0)[np.where(distance < _NEAR, which, len(values))]
    return found.astype(np.float32).reshape(shape), np.isinf(distance).reshape(shape)


def cases(
    folder: Path, complexes: tuple[str, ...], noises: list[float], seed: int
) -> Iterator[Case]:
    """Yield every complex at each noise level."""
    for file in complexes:
        placed = place(folder / file, VOXEL)
        maps = chain_maps(placed, RESOLUTION, blur=BLUR)
        truth = occupancies(placed.name, placed.chains, seed)
        near, solvent = nearest_occupancy(placed, truth)
        clean: Array = np.asarray(sum(truth[name] * maps[name] for name in maps))
        full: Array = np.asarray(sum(maps.values()))
        for noise in noises:
            number = seed + zlib.crc32(f"{file}{noise}".encode())
            density = add_noise(clean, placed.grid, RESOLUTION, noise, number)
            yield Case(
                placed.name, noise, replace(density, name=placed.name), full, near, solvent
            )
