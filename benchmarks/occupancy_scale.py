"""Measure how near the local scale comes to the occupancy of simulated chains.

    python -m benchmarks.occupancy_scale --models DIR [--complexes 8] [--noise 0.03 0.1]
        [--peer PYTHON]

Each complex gets two of its chains in turn at 0.1 to 1.0; read is the median of the scale over the
voxels within 2 Å of the atoms of a chain. The tables have the mean absolute error for the chains
that were changed (at all five occupancies), and what the chains read that are full, by complex and
over all of them; beside it OccuPy 0.1.13 when its interpreter is named. The chains keep the
B-factors of the models, which the scale takes for occupancy to some degree.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.occupancy import COMPLEXES, Case, by_peer, cases
from occupy_core.occupancy import ScaleParams, estimate_scale
from occupy_core.regions.chains import chain_masks

METHODS = {
    "calibrated, res": ScaleParams(mode="res"),
    "calibrated, occ": ScaleParams(mode="occ"),
    "occupy, res": ScaleParams(method="occupy", mode="res"),
}
_NEAR = 2.0  # Å


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, required=True, help="folder of atomic models")
    parser.add_argument("--complexes", type=int, default=8, help="how many of the complexes")
    parser.add_argument("--noise", type=float, nargs="+", default=[0.03, 0.1])
    parser.add_argument("--seed", type=int, default=0, help="added to the seeds of the noise")
    parser.add_argument("--peer", metavar="PYTHON", help="interpreter that has OccuPy 0.1.13")
    chosen = parser.parse_args()
    found: list[Reading] = []
    complexes = COMPLEXES[: chosen.complexes]
    for case in cases(chosen.models, complexes, chosen.noise, chosen.seed):
        found += readings(case, chosen.peer)
    print(table(found))


if __name__ == "__main__":
    main()
