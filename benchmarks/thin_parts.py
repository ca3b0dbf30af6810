"""Read thin parts at a half beside full chains, boxes of noise, and steps between two chains.

    python -m benchmarks.thin_parts thin|noise|step --models DIR [--boxes 100] [--noise 0.03 0.1]

`thin` puts one helix, ligand, glycan or strand of nucleic acid of a complex to 0.5 and prints the
median of the regional scale over the voxels within 2 Å of its atoms. `noise` prints how many boxes
of noise have a scale over 0.1 anywhere. `step` puts one of two chains in contact to 0.3 and prints
over which distance the scale rises from 10 to 90 %.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import gemmi
import numpy as np
from scipy.spatial import cKDTree

from benchmarks.modification import RESOLUTION, VOXEL, nearest_occupancy, width_of_step
from benchmarks.occupancy import BLUR
from benchmarks.simulate_occupancy import Complex, add_noise, chain_maps, place
from occupy_core.maps.fourier import coloured_noise
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.scale.estimate import estimate_scale
from occupy_core.scale.params import ScaleParams

_REGIONAL = ScaleParams(mode="occ")
_NEAR = 2.0  # Å from an atom of the part


@dataclass(frozen=True)
class Part:
    """A part of a model: what it is, and which residues of a chain it takes."""

    name: str
    file: str
    chain: str
    takes: Callable[[gemmi.Residue], bool]


def _numbers(first: int, last: int) -> Callable[[gemmi.Residue], bool]:
    return lambda residue: first <= residue.seqid.num <= last


def _named(*names: str) -> Callable[[gemmi.Residue], bool]:
    return lambda residue: residue.name in names


def _not_peptide(residue: gemmi.Residue) -> bool:
    return not gemmi.find_tabulated_residue(residue.name).is_amino_acid()


PARTS = (
    Part("helix of 22 residues", "3p3w.pdb.gz", "A", _numbers(276, 297)),
    Part("helix of 18 residues", "5ugo.cif.gz", "A", _numbers(12, 29)),
    Part("haem", "5me2.pdb.gz", "A", _named("HEM")),
    Part("glycan of 6 sugars", "1ncb.cif.gz", "A", _not_peptide),
    Part("glycan of 9 sugars", "1igt.pdb.gz", "B", _not_peptide),
    Part("strand of 11 nucleotides", "5ugo.cif.gz", "P", _numbers(1, 99)),
    Part("strand of 16 nucleotides", "5ugo.cif.gz", "T", _numbers(1, 99)),
)
# Two chains in contact: model, which is at 0.3
STEPS = (("1gyt.pdb.gz", 0), ("1ncb.cif.gz", 0), ("5me2.pdb.gz", 1), ("3zyb.cif.gz", 2))


def with_part(placed: Complex, part: Part) -> list[gemmi.Position]:
    """Move a part into a chain of its own, named "part", and return where its atoms are."""
    made, model = gemmi.Chain("part"), placed.structure[0]
    chain = model[part.chain]
    for i in reversed(range(len(chain))):
        if part.takes(chain[i]):
            made.add_residue(chain[i], 0)
            del chain[i]
    model.add_chain(made)
    return [atom.pos for residue in made for atom in residue]


def density_of(placed: Complex, occupancy: dict[str, float], noise: float, seed: int) -> DensityMap:
    """Return the map of a complex in which some chains are partly there."""
    maps = chain_maps(placed, RESOLUTION, blur=BLUR)
    clean = np.asarray(sum(occupancy.get(name, 1.0) * maps[name] for name in maps))
    return add_noise(clean, placed.grid, RESOLUTION, noise, seed)


def thin(models: Path, noises: list[float]) -> Iterator[str]:
    """What thin parts read."""
    yield "| part at 0.5 | " + " | ".join(f"noise {n:g}" for n in noises) + " |"
    yield "|" + "---|" * (1 + len(noises))
    for part in PARTS:
        placed = place(models / part.file, VOXEL, least_atoms=20)
        atoms = [position.tolist()[::-1] for position in with_part(placed, part)]
        index = np.indices(placed.grid.shape, np.float32).reshape(3, -1).T
        distance, _ = cKDTree(atoms).query(
            index * np.float32(placed.grid.voxel_size_zyx), distance_upper_bound=_NEAR
        )
        near = np.isfinite(distance).reshape(placed.grid.shape)
        reads = []
        for noise in noises:
            density = density_of(placed, {"part": 0.5}, noise, 1)
            result = estimate_scale(density, _REGIONAL)
            value, error = (float(np.median(m.data[near])) for m in (result.scale, result.sigma))
            reads.append(f"{value:.2f} ± {error:.2f}")
        yield f"| {part.name}, {placed.name} | {' | '.join(reads)} |"


def noise_boxes(boxes: int) -> str:
    """In how many boxes of noise there is a scale over 0.1."""
    found = 0
    for seed in range(boxes):
        grid = Grid((64, 60, 56), ((1.0, 1.3, 2.0)[seed % 3],) * 3)
        spectrum = np.array([0.0, 0.5]), np.array([1.0, (0.05, 0.3, 1.0)[seed // 3 % 3]])
        noise = coloured_noise(grid, *spectrum, seed=seed)
        scale = estimate_scale(DensityMap(noise, grid), _REGIONAL).scale.data
        found += bool(scale.max() > 0.1)
    return f"{found} of {boxes} boxes of noise have a scale over 0.1"


def steps(models: Path, noises: list[float]) -> Iterator[str]:
    """Over which distance the scale rises between two chains."""
    yield "| 0.3 beside 1 | " + " | ".join(f"noise {n:g}" for n in noises) + " |"
    yield "|" + "---|" * (1 + len(noises))
    for file, which in STEPS:
        placed = place(models / file, VOXEL)
        low = placed.chains[which]
        truth, _ = nearest_occupancy(placed, dict.fromkeys(placed.chains, 1.0) | {low: 0.3})
        widths = []
        for noise in noises:
            density = density_of(placed, {low: 0.3}, noise, 1)
            scale = estimate_scale(density, _REGIONAL).scale.data
            widths.append(f"{width_of_step(scale, truth):.1f} Å")
        yield f"| {placed.name}, chain {low} | {' | '.join(widths)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", choices=("thin", "noise", "step"))
    parser.add_argument("--models", type=Path, help="folder of atomic models")
    parser.add_argument("--noise", type=float, nargs="+", default=[0.03, 0.1])
    parser.add_argument("--boxes", type=int, default=100)
    chosen = parser.parse_args()
    if chosen.table == "noise":
        print(noise_boxes(chosen.boxes))
        return
    if chosen.models is None:
        parser.error("--models is needed for this table")
    for line in (thin if chosen.table == "thin" else steps)(chosen.models, chosen.noise):
        print(line, flush=True)


if __name__ == "__main__":
    main()
