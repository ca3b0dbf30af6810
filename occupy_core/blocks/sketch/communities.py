"""From pairs of voxels to the seeds of blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occupy_core.blocks import _loops as kernels
from occupy_core.blocks.bits import unpack
from occupy_core.blocks.contour.binarize import OccupiedVoxels, correlation_limit, noise_distance
from occupy_core.blocks.params import BlocksParams
from occupy_core.blocks.sketch.cooccupancy import (
    PairTest,
    bonferroni_attainable,
    corrected_limits,
    cutoff_table,
    log_tail,
)
from occupy_core.blocks.sketch.patterns import (
    ALONE,
    CLEAR,
    FEWEST_PARTNERS,
    PARTNERS,
    cluster_patterns,
    collapse,
    find_profiles,
    gradation,
    linked_profiles,
    part_of_continuum,
    partners_consensus,
    silhouettes,
    touching,
)
from occupy_core.maps.grid import Mask
from occupy_core.maps.threads import for_slabs
from occupy_core.progress import Progress, report

# [taste: nothing moved] voxels; a voxel of a block has a partner in a shell of this width
_SCREEN_WIDTH = 2.0
_SCREEN_LEVEL = 0.01  # [taste: nothing moved] part of the voxels of noise that pass the screen
_ROWS = 512  # [machine]


@dataclass(frozen=True, eq=False, kw_only=True)
class Communities:
    """The seeds of the blocks: sketch of what comes and goes together.

    Parameters
    ----------
    seeds : ndarray of int64, shape (S,)
        The voxels that belong to a community, as places among the union voxels.
    labels : ndarray of int32, shape (S,)
        Community of each, from 0, the largest first.
    patterns : ndarray of bool, shape (S, N)
        Consensus of each seed and its partners.
    profiles : ndarray of bool, shape (K, N)
        In which volumes each community is there.
    silhouettes : ndarray of float64, shape (K,)
        1: all seeds have the same pattern, far from any other; 0: they are as near to another
        community (or to "always there") as to each other (Rousseeuw 1987).
    gradations : ndarray of float64, shape (K, 2)
        How gradually each comes and goes, and the error of that, see `patterns.gradation`.
    touching : ndarray of bool, shape (K, K)
        Which lie beside each other.
    n_screened, n_sampled : int
        Voxels with a partner nearby, and how many of them were compared with all others.
    n_edges : int
        Co-occupied pairs among those.
    correction : str
        "bonferroni" or "bh".
    log_limit : float
        Natural logarithm of the largest tail that makes a pair co-occupied.
    min_distance : float
        Least distance of the voxels of a pair, Å.
    """

    seeds: NDArray[np.int64]
    labels: NDArray[np.int32]
    patterns: Mask
    profiles: Mask
    silhouettes: NDArray[np.float64]
    gradations: NDArray[np.float64]
    touching: Mask
    n_screened: int
    n_sampled: int
    n_edges: int
    correction: str
    log_limit: float
    min_distance: float

    @property
    def graded(self) -> Mask:
        """Communities that are parts of what moves or swells gradually, shape (K,)."""
        sizes = np.bincount(self.labels, minlength=len(self))
        return part_of_continuum(
            self.silhouettes, self.gradations, sizes, self.touching, self.profiles
        )

    @property
    def edge_like(self) -> Mask:
        """Communities that are edges of what moves when their blocks are thin, shape (K,)."""
        in_series = linked_profiles(self.profiles).sum(axis=1) > 2
        moves = (self.silhouettes < ALONE) | (in_series & (self.silhouettes < CLEAR))
        return np.asarray(moves, np.bool_)

    def __len__(self) -> int:
        return len(self.profiles)

    def fit(self, occupied: OccupiedVoxels) -> bool:
        """Whether they can have been found in these voxels."""
        last = int(self.seeds.max(initial=-1))
        volumes = self.profiles.shape[1]
        return volumes == occupied.n_volumes and last < len(occupied.voxels)


def sketch_communities(
    occupied: OccupiedVoxels,
    params: BlocksParams | None = None,
    *,
    progress: Progress | None = None,
) -> Communities:
    """Find the groups of voxels that come and go together.

    Parameters
    ----------
    occupied : OccupiedVoxels
    params : BlocksParams, optional
    progress : callable, optional

    Returns
    -------
    Communities
        Perhaps none.
    """
    params = params or BlocksParams()
    params = params.resolve(occupied.grid)
    report(progress, 0.0, "co-occupancy")
    n = occupied.n_volumes
    test = _pair_test(occupied, params)
    screened = _screen(occupied, test)
    sample = _sample(screened, params)
    voxels = occupied.bits.take(sample)
    level = min(params.posp, params.negp)
    correction = params.correction
    if correction == "auto":
        attainable = bonferroni_attainable(n, max(len(voxels), 2), level)
        correction = "bonferroni" if attainable else "bh"
    test = corrected_limits(voxels, test, params.posp, params.negp, correction=correction)
    degree, index = test.partners(voxels, PARTNERS)
    report(progress, 0.7, "communities")
    kept = np.flatnonzero(degree >= FEWEST_PARTNERS)
    first = partners_consensus(voxels.words, index, n)[:, kept]
    collapsed = collapse(voxels.take(kept).with_words(first), test)
    labels = cluster_patterns(collapsed, n, params.max_agreement)
    on = unpack(voxels.words[:, kept], n)
    labels, profiles = find_profiles(on, labels, params.max_agreement)
    inside = labels >= 0
    cells = voxels.cells[kept[inside]]
    on, patterns, labels = on[inside], unpack(first[:, inside], n), labels[inside]
    return Communities(
        seeds=sample[kept[inside]],
        labels=labels.astype(np.int32),
        patterns=patterns,
        profiles=profiles,
        silhouettes=silhouettes(patterns, labels, profiles),
        gradations=np.array(
            [gradation(on[labels == k], cells[labels == k], p) for k, p in enumerate(profiles)]
        ).reshape(len(profiles), 2),
        touching=touching(cells, labels, len(profiles)),
        n_screened=len(screened),
        n_sampled=len(sample),
        n_edges=int(degree.sum(dtype=np.int64)) // 2,
        correction=correction,
        log_limit=min(test.log_limit_on, test.log_limit_off),
        min_distance=test.min_distance,
    )


# --- which pairs ----------------------------------------------------------------------------------


def _pair_test(occupied: OccupiedVoxels, params: BlocksParams) -> PairTest:
    """Return the test of a pair, with the limits of a single pair."""
    grid = occupied.grid
    log_posp, log_negp = float(np.log(params.posp)), float(np.log(params.negp))
    distance = params.min_distance
    if distance is None:
        pairs = max(len(occupied.bits), 2) ** 2 / 2
        limit = correlation_limit(occupied.n_volumes, log_posp - float(np.log(pairs)))
        distance = noise_distance(occupied.noise, limit) * grid.mean_voxel_size
    bz, by, bx = reversed(grid.box)
    return PairTest(
        log_limit_on=log_posp,
        log_limit_off=log_negp,
        min_distance=distance,
        voxel_size=grid.voxel_size_zyx,
        box=(bz, by, bx),
        distance_factor=params.distance_factor,
    )


def _screen(occupied: OccupiedVoxels, test: PairTest) -> NDArray[np.int64]:
    """Return the voxels that have a co-occupied partner nearby.

    Many union voxels are noise, occupied now and then. A voxel of a block has partners just beyond
    the reach of the noise; one in a hundred voxels of noise has one by chance.
    """
    bits = occupied.bits
    varying = np.flatnonzero(bits.totals < bits.n_volumes)
    voxel_size = np.array(test.voxel_size)
    outer = test.min_distance + _SCREEN_WIDTH * occupied.grid.mean_voxel_size
    reach = np.floor(outer / voxel_size).astype(int)
    steps = np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij")
    offsets = np.stack([s.ravel() for s in steps], axis=1)
    distance = np.sqrt(((offsets * voxel_size) ** 2).sum(axis=1))
    offsets = offsets[(distance > test.min_distance) & (distance <= outer) & (distance > 0)]
    lookup = np.full(occupied.grid.shape, -1, np.int32)
    lookup.ravel()[occupied.voxels] = np.arange(len(bits), dtype=np.int32)
    n = bits.n_volumes
    attainable = float(log_tail(n // 3, n // 3, n // 3, n))  # by agreement in all of few volumes
    strict, loose = np.log(_SCREEN_LEVEL / max(len(offsets), 1)), np.log(_SCREEN_LEVEL)
    least = cutoff_table(bits.totals, n, float(np.clip(attainable, strict, loose)))
    found = np.zeros(len(bits), np.bool_)
    order = np.argsort((offsets**2).sum(axis=1), kind="stable")
    around = kernels.Neighbours(bits.cells, np.ascontiguousarray(offsets[order]), lookup)
    packed = bits.packed(test.voxel_size, test.box)

    def look(start: int, stop: int) -> None:
        kernels.local_partners(packed, around, least, (start, stop), found)

    for_slabs(look, len(bits), _ROWS)
    return varying[found[varying]]


def _sample(screened: NDArray[np.int64], params: BlocksParams) -> NDArray[np.int64]:
    """Return all voxels, or a random sample of them when it is wanted or there are too many."""
    size = min(-(-len(screened) // params.subsample), params.max_voxels)
    if size == len(screened):
        return screened
    rng = np.random.default_rng(params.seed)
    return np.sort(rng.choice(screened, size, replace=False))
