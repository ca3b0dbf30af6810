"""Verdicts on simulated regions whose truth is known; prints the confusion table.

    python -m benchmarks.verdict --models DIR [--regions 60] [--first 0] [--seed 0]
                                [--one-map] [--list]

One chain of a complex is full, at a half, absent, moved, rotated, half absent and moving, or full
with a high B-factor; the others are full. Two half maps with noise of their own are made of each,
or with --one-map a single map. The verdict comes from the occupancy by the model and the local
resolution of the regions, as `occupy-core classes` has them. A region that is not where the model
has it has no occupancy there: *flexible* and *undecided* are both right, anything else is wrong.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import gemmi
import numpy as np
from numpy.typing import NDArray

from benchmarks.occupancy import BLUR, atomic_model
from benchmarks.simulate_occupancy import Complex, add_noise, chain_maps, place
from occupy_core.maps.grid import DensityMap
from occupy_core.regions.by_model.atoms import AtomicModel
from occupy_core.regions.by_model.estimate import chain_occupancy, chain_weights
from occupy_core.regions.region_resolution import with_resolution
from occupy_core.regions.table import RegionTable
from occupy_core.regions.verdict import VERDICTS, judge
from occupy_core.resolution.estimate import estimate_resolution
from occupy_core.resolution.result import ResolutionParams

# File, voxel size and resolution in Å.
COMPLEXES = (
    ("3bep.cif.gz", 1.8, 4.5),
    ("8wg7.cif.gz", 1.8, 4.5),
    ("1e6v.pdb.gz", 2.0, 5.0),
    ("3o21.cif.gz", 2.2, 5.5),
    ("1wcm.pdb.gz", 2.4, 6.0),
)
MOVED = frozenset(("flexible", "undecided"))
KINDS = {
    "full": frozenset(("full",)),
    "half": frozenset(("partial",)),
    "absent": frozenset(("absent",)),
    "shifted by 4-8 Å": MOVED,
    "half of it shifted": MOVED,
    "rotated": MOVED,
    "half absent and moving": frozenset(("partial",)),
    "full, high B": frozenset(("flexible",)),
}
_NOISES = (0.05, 0.1)  # of the 99.9 percentile of the map
_B = (120.0, 250.0)  # Å², of what is mobile
_ANGLES = (15.0, 30.0)  # degrees


@dataclass(frozen=True, kw_only=True)
class Case:
    """A map in which one region is of a known kind."""

    name: str
    kind: str
    region: str
    halves: tuple[DensityMap, DensityMap]
    model: AtomicModel

    @property
    def density(self) -> DensityMap:
        """The mean of the half maps."""
        first, second = self.halves
        return replace(first.with_data((first.data + second.data) / 2), name="map")


def cases(folder: Path, numbers: range, first_seed: int) -> Iterator[Case]:
    """Yield regions by their numbers, the kinds and the complexes in turn."""
    placed: dict[str, tuple[Complex, dict[str, NDArray[np.float32]]]] = {}
    for i in numbers:
        kind = tuple(KINDS)[i % len(KINDS)]
        file, voxel, resolution = COMPLEXES[(i + i // len(KINDS)) % len(COMPLEXES)]
        if file not in placed:
            where = place(folder / file, voxel)
            placed[file] = where, chain_maps(where, resolution, blur=BLUR)
        where, maps = placed[file]
        seed = first_seed + zlib.crc32(f"{file}{kind}{i}".encode())
        rng = np.random.default_rng(seed)
        region = str(rng.choice(where.chains))
        clean = sum(maps.values()) - maps[region]
        clean += of_kind(kind, where, region, resolution, rng)
        noise = float(rng.choice(_NOISES)) * 2**0.5
        halves = tuple(add_noise(clean, where.grid, resolution, noise, seed + j) for j in (1, 2))
        yield Case(
            name=f"{where.name}_{i}",
            kind=kind,
            region=region,
            halves=(halves[0], halves[1]),
            model=atomic_model(where),
        )


def of_kind(
    kind: str, placed: Complex, chain: str, resolution: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """The density of a chain of the given kind."""

    def seen(b: float = 0.0, move: Callable[[gemmi.Chain], None] | None = None):
        structure = placed.structure.clone()
        for name in [c.name for c in structure[0] if c.name != chain]:
            structure[0].remove_chain(name)
        if move is not None:
            move(structure[0][chain])
        return chain_maps(replace(placed, structure=structure), resolution, blur=BLUR + b)[chain]

    outward = direction(placed, chain, rng)
    if kind == "full":
        return seen()
    if kind == "half":
        return 0.5 * seen()
    if kind == "absent":
        return 0 * seen()
    if kind == "rotated":
        angle, axis = np.radians(rng.uniform(*_ANGLES)), rng.standard_normal(3)
        return seen(move=lambda c: rotate(c, axis, angle, -outward))
    shift = outward * rng.uniform(4.0, 8.0)
    if kind == "shifted by 4-8 Å":
        return seen(move=lambda c: translate(c, shift))
    if kind == "half of it shifted":
        return 0.5 * (seen() + seen(move=lambda c: translate(c, shift)))
    high = rng.uniform(*_B)
    return (0.5 if kind == "half absent and moving" else 1.0) * seen(high)


def positions(chain: gemmi.Chain) -> NDArray[np.float64]:
    return np.array([atom.pos.tolist() for residue in chain for atom in residue])


def direction(placed: Complex, chain: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """A direction roughly away from the rest of the complex, where there is room to move."""
    middle = np.array(placed.grid.box) / 2
    away = positions(placed.structure[0][chain]).mean(axis=0) - middle
    away = away / max(np.linalg.norm(away), 1e-9) + 0.5 * rng.standard_normal(3)
    return np.asarray(away / np.linalg.norm(away))


def translate(chain: gemmi.Chain, shift: NDArray[np.float64]) -> None:
    for residue in chain:
        for atom in residue:
            atom.pos += gemmi.Position(*shift)


def rotate(
    chain: gemmi.Chain, axis: NDArray[np.float64], angle: float, inward: NDArray[np.float64]
) -> None:
    """Rotate a chain about its innermost end, as a hinge would."""
    from scipy.spatial.transform import Rotation

    where = positions(chain)
    hinge = where[np.argmax(where @ inward)]
    turn = Rotation.from_rotvec(angle * axis / np.linalg.norm(axis))
    for residue in chain:
        for atom in residue:
            moved = turn.apply(np.array(atom.pos.tolist()) - hinge) + hinge
            atom.pos = gemmi.Position(*moved)


def table_of(case: Case, *, one_map: bool) -> RegionTable:
    """Occupancies and local resolutions of all regions of a case."""
    density = case.density
    table = chain_occupancy([density], case.model)
    found = estimate_resolution(
        density,
        ResolutionParams(second_opinion=False),
        half_maps=None if one_map else case.halves,
    )
    model = case.model.moved(np.array(table.shift))
    return with_resolution(
        table, "map", chain_weights(model, density.grid), found.resolution, found.sigma
    )


def confusion(found: list[tuple[str, str]]) -> str:
    """Verdicts by kind as a Markdown table, with how many are right."""
    lines = [f"| truth | {' | '.join(VERDICTS)} | right |", "|" + "---|" * (len(VERDICTS) + 2)]
    for kind, right in KINDS.items():
        words = [word for of, word in found if of == kind]
        if words:
            counts = [str(words.count(word) or "") for word in VERDICTS]
            n = sum(word in right for word in words)
            lines.append(f"| {kind} | {' | '.join(counts)} | {n} of {len(words)} |")
    right = sum(word in KINDS[kind] for kind, word in found)
    lost = sum(kind == "absent" and word == "full" for kind, word in found)
    lines.append(
        f"\n{right} of {len(found)} right ({right / len(found):.0%}); {lost} absent called full"
    )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, required=True, help="folder of atomic models")
    parser.add_argument("--regions", type=int, default=60)
    parser.add_argument("--first", type=int, default=0, help="number of the first of them")
    parser.add_argument("--seed", type=int, default=0, help="added to the seeds")
    parser.add_argument("--one-map", action="store_true", help="without half maps")
    parser.add_argument("--list", action="store_true", help="print each region, too")
    chosen = parser.parse_args()
    found, others = [], []
    numbers = range(chosen.first, chosen.first + chosen.regions)
    for case in cases(chosen.models, numbers, chosen.seed):
        table = table_of(case, one_map=chosen.one_map)
        row = table.row("map", case.region)
        found.append((case.kind, judge(row)))
        others += [("full", judge(r)) for r in table.rows if r.region != case.region]
        if chosen.list:
            print(
                f"{case.name} {case.region} {case.kind}: {judge(row)}; {row.occupancy:.2f} ± "
                f"{row.sigma:.2f}, {row.resolution:.2f} ± {row.resolution_sigma:.2f} Å, "
                f"{row.coarser:+.1f} sigma, B {row.blur:+.0f}, beside {row.beside:.2f}; "
                f"{'; '.join(row.flags)}",
                flush=True,
            )
    print(confusion(found))
    print("\nThe other regions, which are full:")
    print(confusion(others).splitlines()[2])


if __name__ == "__main__":
    main()
