"""Which block is how much in which volume, and what that says about the blocks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from occupy_core.blocks.bits import unpack
from occupy_core.blocks.contour.binarize import OccupiedVoxels
from occupy_core.blocks.expand.masks import ExpandedBlocks, require_same_ensemble
from occupy_core.blocks.sketch.cooccupancy import log_tail
from occupy_core.maps.ensemble import Ensemble
from occupy_core.maps.grid import DensityMap, Mask
from occupy_core.progress import Progress, report

Table = NDArray[np.float64]

# How the presences of two blocks depend on each other; records and pictures use these words.
RelationKind = Literal[
    "independent",
    "together",
    "apart",
    "exclusive",
    "same",
    "first only with second",
    "second only with first",
]
RELATION_KINDS: tuple[RelationKind, ...] = get_args(RelationKind)

_PRESENT = 0.5  # [physics]
_LEVEL = 0.01  # [words] of all tests of dependence together
_EXCEPTIONS = 0.02  # [words] of the volumes of a block; a rule with fewer exceptions still is one


@dataclass(frozen=True, kw_only=True)
class Relation:
    """How the presences of two blocks depend on each other.

    Parameters
    ----------
    first, second : str
        Names of the blocks.
    both, only_first, only_second, neither : int
        Numbers of volumes.
    log_p_together, log_p_apart : float
        Natural logarithms of the hypergeometric tails of `both`, upper and lower, given how often
        each is there.
    kind : str
        "independent", "together" (more often than by chance), "apart" (less often), "exclusive"
        (never both), "same" (never one without the other), "first only with second", or "second
        only with first". Never means in up to 2 % of the volumes of the rarer block.
    """

    first: str
    second: str
    both: int
    only_first: int
    only_second: int
    neither: int
    log_p_together: float
    log_p_apart: float
    kind: RelationKind


@dataclass(frozen=True, eq=False, kw_only=True)
class Tracking:
    """Blocks by volumes.

    Parameters
    ----------
    volumes : tuple of str, length N
        The volumes used.
    blocks : tuple of str, length K
    occupancy : ndarray of float64, shape (N, K)
        How much of the block's density is there: 0 as in the volumes without it, 1 as in those
        with it. It may lie a little outside, and beyond 1 where the block is denser than usual.
    on_fraction : ndarray of float64, shape (N, K)
        Part of its voxels above the threshold of the volume.
    relations : tuple of Relation
        Of all pairs of blocks.
    parents : dict of str to tuple of str
        For each block those that it is never seen without, only the nearest.
    """

    volumes: tuple[str, ...]
    blocks: tuple[str, ...]
    occupancy: Table
    on_fraction: Table
    relations: tuple[Relation, ...]
    parents: dict[str, tuple[str, ...]]

    @property
    def present(self) -> Mask:
        """Where the occupancy is above one half, shape (N, K)."""
        return self.occupancy > _PRESENT

    @property
    def between(self) -> Table:
        """Part of the volumes with an occupancy from 0.25 to 0.75, shape (K,).

        Nearly 0 for what is there or not; larger for partial occupancy, motion and strong noise.
        """
        inside = np.abs(self.occupancy - _PRESENT) < _PRESENT / 2
        return np.asarray(np.count_nonzero(inside, axis=0) / len(self.volumes))

    def states(self) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        """Return the combinations of blocks that occur and their volumes, the most frequent first.

        Returns
        -------
        list of (blocks, volumes)
        """
        groups: dict[tuple[str, ...], list[str]] = {}
        for name, row in zip(self.volumes, self.present, strict=True):
            key = tuple(b for b, there in zip(self.blocks, row, strict=True) if there)
            groups.setdefault(key, []).append(name)
        found = [(blocks, tuple(names)) for blocks, names in groups.items()]
        return sorted(found, key=lambda group: (-len(group[1]), group[0]))


def track(
    ensemble: Ensemble,
    occupied: OccupiedVoxels,
    expanded: ExpandedBlocks,
    *,
    progress: Progress | None = None,
) -> Tracking:
    """Measure every block in every volume.

    The occupancies of a volume are fitted jointly to its calibrated density in all blocks,
    g = base + sum_k occupancy_k contribution_k, so that a neighbour does not count as the block.

    Parameters
    ----------
    ensemble : Ensemble
        The one that was binarized.
    occupied : OccupiedVoxels
    expanded : ExpandedBlocks
    progress : callable, optional

    Returns
    -------
    Tracking
    """
    require_same_ensemble(ensemble, occupied)
    n, k = occupied.n_volumes, len(expanded.blocks)
    occupancy = np.zeros((n, k))
    if k:
        added = expanded.contribution.astype(np.float64)
        inverse = np.linalg.inv(np.einsum("km,lm->kl", added, added))
        indices = occupied.indices

        def fit(place: int, density: DensityMap) -> None:
            values = occupied.thresholds.calibrated(density, indices[place])
            excess = values.ravel()[expanded.voxels] - expanded.base
            occupancy[place] = inverse @ np.einsum("km,m->k", added, excess)

        ensemble.for_each(
            fit, indices=indices, done=lambda done: report(progress, done / n, "occupancies")
        )
    names = tuple(block.name for block in expanded.blocks)
    present = occupancy > _PRESENT
    relations = _relations(names, present)
    return Tracking(
        volumes=occupied.names,
        blocks=names,
        occupancy=occupancy,
        on_fraction=_on_fractions(occupied, expanded),
        relations=relations,
        parents=_parents(names, relations),
    )


def _on_fractions(occupied: OccupiedVoxels, expanded: ExpandedBlocks) -> Table:
    """Return which part of the voxels of each block is occupied in each volume, shape (N, K)."""
    fractions = np.zeros((occupied.n_volumes, len(expanded.blocks)))
    for k, block in enumerate(expanded.blocks):
        union = np.flatnonzero(np.isin(occupied.voxels, block.voxels, assume_unique=True))
        on = unpack(occupied.bits.words[:, union], occupied.n_volumes)
        # Voxels outside the union are as good as never on.
        fractions[:, k] = np.count_nonzero(on, axis=0) / len(block.voxels)
    return fractions


def _relations(names: tuple[str, ...], present: Mask) -> tuple[Relation, ...]:
    n = len(present)
    pairs = len(names) * (len(names) - 1) // 2
    limit = math.log(_LEVEL / (2 * pairs)) if pairs else 0.0
    found = []
    for a in range(len(names)):
        for b in range(a + 1, len(names)):
            one, two = present[:, a], present[:, b]
            both = int(np.count_nonzero(one & two))
            only_one, only_two = int(one.sum()) - both, int(two.sum()) - both
            together = float(log_tail(both, one.sum(), two.sum(), n))
            apart = float(log_tail(only_one, one.sum(), n - two.sum(), n))
            kind = _kind(both, only_one, only_two, together <= limit, apart <= limit)
            relation = Relation(
                first=names[a],
                second=names[b],
                both=both,
                only_first=only_one,
                only_second=only_two,
                neither=n - both - only_one - only_two,
                log_p_together=together,
                log_p_apart=apart,
                kind=kind,
            )
            found.append(relation)
    return tuple(found)


def _kind(
    both: int, only_first: int, only_second: int, together: bool, apart: bool
) -> RelationKind:
    first, second = both + only_first, both + only_second
    if apart:
        return "exclusive" if both <= _EXCEPTIONS * min(first, second) else "apart"
    if not together:
        return "independent"
    first_needs = only_first <= _EXCEPTIONS * first
    second_needs = only_second <= _EXCEPTIONS * second
    if first_needs and second_needs:
        return "same"
    if first_needs:
        return "first only with second"
    return "second only with first" if second_needs else "together"


def _parents(names: tuple[str, ...], relations: tuple[Relation, ...]) -> dict[str, tuple[str, ...]]:
    """Return what each block needs, without what its needs need themselves."""
    needs: dict[str, set[str]] = {name: set() for name in names}
    for relation in relations:
        if relation.kind == "first only with second":
            needs[relation.first].add(relation.second)
        elif relation.kind == "second only with first":
            needs[relation.second].add(relation.first)
    return {
        name: tuple(
            other
            for other in names
            if other in own and not any(other in needs[between] for between in own)
        )
        for name, own in needs.items()
    }


def tree(rows: Table) -> tuple[Table, list[int]]:
    """Return the tree of some rows, by average linkage of their mean differences.

    Parameters
    ----------
    rows : ndarray of float64, shape (n, m)

    Returns
    -------
    links : ndarray of float64, shape (n - 1, 4)
        As of `scipy.cluster.hierarchy`; empty when there is one row or nothing in it.
    order : list of int
        The rows in the order of the leaves.
    """
    if len(rows) < 2 or rows.shape[1] == 0:
        return np.zeros((0, 4)), list(range(len(rows)))
    from scipy.cluster import hierarchy  # loads much; only figures ask for trees

    links = np.asarray(hierarchy.linkage(rows, method="average", metric="cityblock"))
    return links, [int(i) for i in hierarchy.leaves_list(links)]
