"""Measure how near the local scale comes to the occupancy of simulated chains.

    python -m benchmarks.occupancy_scale --models DIR [--complexes 8] [--noise 0.03 0.1]
        [--peer PYTHON]
    python -m benchmarks.occupancy_scale --models DIR --b-factors 100 200 [--noise 0.03]

Each complex gets two of its chains in turn at 0.1 to 1.0; read is the median of the scale over the
voxels within 2 Å of the atoms of a chain. The tables have the mean absolute error for the chains
that were changed (at all five occupancies), and what the chains read that are full, by complex and
over all of them; beside it OccuPy 0.1.13 when its interpreter is named. The chains keep the
B-factors of the models, which the scale takes for occupancy to some degree. How much that is, the
second command tells: all chains are full, and atoms of one of them are blurred.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.occupancy import BLUR, COMPLEXES, CONFOUNDED, Case, atomic_model, by_peer, cases
from benchmarks.simulate_occupancy import add_noise, chain_maps, place
from occupy_core.regions.by_model.estimate import chain_masks
from occupy_core.scale.estimate import estimate_scale
from occupy_core.scale.params import ScaleParams

METHODS = {
    "calibrated, res": ScaleParams(mode="res"),
    "calibrated, occ": ScaleParams(mode="occ"),
    "occupy, res": ScaleParams(method="occupy", mode="res"),
}
_NEAR = 2.0  # Å
_BLURRED = (
    *CONFOUNDED,
    ("1ihm.pdb.gz", 1.3, 3.0),
    ("3p3w.pdb.gz", 1.6, 4.5),
    ("2xhe.cif.gz", 1.3, 3.5),
)


@dataclass(frozen=True)
class Reading:
    """Median scale of one chain in one map."""

    complex: str
    method: str
    noise: float
    changed: bool
    truth: float
    value: float


def readings(case: Case, peer: str | None) -> Iterator[Reading]:
    """Read every chain of a map by every method."""
    masks = chain_masks(case.model, case.density.grid, radius=_NEAR, soft=0.0)
    inside = {mask.name: mask.data > 0.5 for mask in masks}
    for method, params in METHODS.items():
        scale = estimate_scale(case.density, params).scale.data
        for chain, voxels in inside.items():
            yield _reading(case, method, chain, float(np.median(scale[voxels])))
    if peer:
        for chain, found in zip(inside, by_peer(case, peer), strict=True):
            yield _reading(case, found.method, chain, found.value)


def _reading(case: Case, method: str, chain: str, value: float) -> Reading:
    changed = chain == case.chain
    return Reading(case.name, method, case.noise, changed, case.truth[chain], value)


def table(found: list[Reading]) -> str:
    """Errors by complex, noise and method as a Markdown table; the last rows are over all."""
    lines = [
        "| complex | noise | method | MAE of changed chains | full chains: median, range |",
        "|---|---|---|---|---|",
    ]
    for name in [*dict.fromkeys(r.complex for r in found), "all"]:
        for noise in sorted({r.noise for r in found}):
            for method in dict.fromkeys(r.method for r in found):
                mine = [
                    r
                    for r in found
                    if (r.method, r.noise) == (method, noise) and name in (r.complex, "all")
                ]
                error = np.mean([abs(r.value - r.truth) for r in mine if r.changed])
                full = np.array([r.value for r in mine if r.truth == 1])
                lines.append(
                    f"| {name} | {noise} | {method} | {error:.3f} | {np.median(full):.3f}, "
                    f"{full.min():.3f}-{full.max():.3f} |"
                )
    return "\n".join(lines)


def blurred(folder: Path, b_factors: list[float], noise: float) -> str:
    """What a full chain reads whose atoms have higher B-factors than those of the others."""
    methods = {name: params for name, params in METHODS.items() if params.method == "calibrated"}
    lines = [f"| complex | B + | {' | '.join(methods)} |", "|" + "---|" * (2 + len(methods))]
    for file, voxel, resolution in _BLURRED:
        placed = place(folder / file, voxel)
        chain = placed.chains[len(placed.chains) // 2]
        maps = chain_maps(placed, resolution, blur=BLUR)
        masks = chain_masks(atomic_model(placed), placed.grid, radius=_NEAR, soft=0.0)
        (inside,) = (mask.data > 0.5 for mask in masks if mask.name == chain)
        for b in b_factors:
            softer = chain_maps(placed, resolution, blur=BLUR, extra_b={chain: b})[chain]
            clean = sum(maps.values()) - maps[chain] + softer
            density = add_noise(clean, placed.grid, resolution, noise, 1)
            reads = [
                f"{np.median(estimate_scale(density, params).scale.data[inside]):.3f}"
                for params in methods.values()
            ]
            lines.append(f"| {placed.name} {chain} | {b:g} Å² | {' | '.join(reads)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, required=True, help="folder of atomic models")
    parser.add_argument("--complexes", type=int, default=8, help="how many of the complexes")
    parser.add_argument("--noise", type=float, nargs="+", default=[0.03, 0.1])
    parser.add_argument("--seed", type=int, default=0, help="added to the seeds of the noise")
    parser.add_argument("--peer", metavar="PYTHON", help="interpreter that has OccuPy 0.1.13")
    parser.add_argument("--b-factors", type=float, nargs="+", help="blur one chain by these, Å²")
    chosen = parser.parse_args()
    if chosen.b_factors:
        print(blurred(chosen.models, chosen.b_factors, chosen.noise[0]))
        return
    found: list[Reading] = []
    complexes = COMPLEXES[: chosen.complexes]
    for case in cases(chosen.models, complexes, chosen.noise, chosen.seed):
        found += readings(case, chosen.peer)
    print(table(found))


if __name__ == "__main__":
    main()
