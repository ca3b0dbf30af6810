"""From seeds to masks: every union voxel is asked which blocks it belongs to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from occupy_core.blocks.bits import pack
from occupy_core.blocks.contour.binarize import OccupiedVoxels
from occupy_core.blocks.expand.merge_by_density import find_candidates
from occupy_core.blocks.expand.shapes import (
    EDGE,
    TOUCHING,
    as_mask,
    calibrated_rows,
    full_levels,
    is_thin,
    non_negative,
    pieces,
    separability,
    voxel_volume,
)
from occupy_core.blocks.params import FEWEST_VOXELS, BlocksParams
from occupy_core.blocks.sketch.communities import Communities
from occupy_core.blocks.sketch.cooccupancy import common_volumes, cutoff_table
from occupy_core.errors import ParameterError
from occupy_core.maps.ensemble import Ensemble
from occupy_core.maps.grid import Array, DensityMap, Grid, Mask
from occupy_core.progress import Progress, report

# [machine] of a block, evenly spread: enough to tell a quarter of them from none
_SEEDS_ASKED = 200
_ROWS = 4096  # [machine]
_BATCH = 64  # [machine] volumes of which the candidates are in memory at a time
_TWO_CLASSES = 0.69  # [taste: nothing moved] of the variance of a density; noise has 2/pi
# [taste: nothing moved] thresholds; what changes by less is a contour that moves, and in doubt 1
_LEAST_LEVEL = 0.75

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Block:
    """A part of the molecule that is there or not.

    Parameters
    ----------
    name : str
        "B1", "B2", ..., the largest first.
    voxels : ndarray of int64
        Flat indices, ascending.
    volume : float
        Å3.
    level : float
        By how much its density rises when it is there, in units of the threshold above the solvent.
    silhouette : float
        How distinct its seeds are, see `Communities`.
    n_seeds : int
        Voxels that it was grown from.
    pieces : tuple of int
        Voxels of its spatially contiguous pieces, the largest first.
    """

    name: str
    voxels: Indices
    volume: float
    level: float
    silhouette: float
    n_seeds: int
    pieces: tuple[int, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class ExpandedBlocks:
    """Blocks with their masks and densities.

    Parameters
    ----------
    grid : Grid
    blocks : tuple of Block, length K
    voxels : ndarray of int64, shape (M,)
        Flat indices of all voxels of blocks, ascending.
    base : ndarray of float32, shape (M,)
        Calibrated density of these voxels without any block.
    contribution : ndarray of float32, shape (K, M)
        Calibrated density that each block adds, 0 outside of it.
    moving : tuple of ndarray of int64
        Contiguous regions that change gradually, as flat indices, the largest first.
    warnings : tuple of str
    """

    grid: Grid
    blocks: tuple[Block, ...]
    voxels: Indices
    base: Array
    contribution: Array
    moving: tuple[Indices, ...]
    warnings: tuple[str, ...]

    def mask(self, index: int) -> DensityMap:
        """Return one block as a binary mask (0 and 1)."""
        block = self.blocks[index]
        data = as_mask(block.voxels, self.grid).astype(np.float32)
        return DensityMap(data, self.grid, block.name)


def expand_communities(
    ensemble: Ensemble,
    occupied: OccupiedVoxels,
    communities: Communities,
    params: BlocksParams | None = None,
    *,
    progress: Progress | None = None,
) -> ExpandedBlocks:
    """Grow the communities to masks.

    A voxel belongs to a block when it, or a voxel that it touches, is co-occupied with enough of
    its seeds, and when the block adds at least half of its full density there. The densities that
    the blocks add are fitted jointly over the volumes n, g_n = base + sum_k profile_kn
    contribution_k, by least squares without negative terms. So what two blocks share counts for
    both, two blocks that mostly agree keep apart, and the edges do not depend on where the volumes
    were contoured.

    Parameters
    ----------
    ensemble : Ensemble
        The one that was binarized.
    occupied : OccupiedVoxels
    communities : Communities
    params : BlocksParams, optional
    progress : callable, optional

    Returns
    -------
    ExpandedBlocks

    Raises
    ------
    ParameterError
        When the ensemble is not the one that was binarized.
    """
    params = params or BlocksParams()
    params = params.resolve(ensemble.grid)
    require_same_ensemble(ensemble, occupied)
    candidates = find_candidates(ensemble, occupied, communities)
    communities, discrete = candidates.communities, candidates.discrete
    joined = _seed_fractions(occupied, communities, discrete, params) >= params.exp_frac
    stands = ~(candidates.doubtful & _layers(occupied, joined))
    discrete, doubtful = discrete[stands], candidates.doubtful[stands]
    joined = joined[stands]
    asked, joined = _with_border(occupied, joined)
    seeds = _seeds_asked(occupied, communities, discrete, asked)
    base, added, densities = _contributions(
        ensemble,
        occupied,
        candidates.weights[stands],
        asked,
        seeds,
        progress=progress,
    )
    levels = full_levels(added, joined, seeds, asked, occupied.grid)
    inside = joined & (added >= EDGE * levels[:, None])
    thin = np.array([is_thin(asked[row], occupied.grid) for row in inside], np.bool_)
    thin &= communities.edge_like[discrete]
    unclear = np.array([separability(row) < _TWO_CLASSES for row in densities], np.bool_)
    relative = levels / np.where(doubtful, 1.0, _LEAST_LEVEL)
    kept, warnings = _standing(inside, relative, (thin, unclear & ~thin), occupied.grid, params)
    order = kept[np.argsort(-inside[kept].sum(axis=1), kind="stable")]
    inside, covered = inside[order], inside[order].any(axis=0)
    blocks = tuple(
        Block(
            name=f"B{n + 1}",
            voxels=asked[inside[n]],
            volume=int(inside[n].sum()) * voxel_volume(occupied.grid),
            level=float(levels[k]),
            silhouette=float(communities.silhouettes[discrete[k]]),
            n_seeds=int(np.count_nonzero(communities.labels == discrete[k])),
            pieces=tuple(len(piece) for piece in pieces(asked[inside[n]], occupied.grid)),
        )
        for n, k in enumerate(order)
    )
    added = np.where(inside, added[order], np.float32(0))[:, covered]
    moving = _moving_regions(occupied, communities, discrete[~thin])
    return ExpandedBlocks(
        grid=occupied.grid,
        blocks=blocks,
        voxels=asked[covered],
        base=base[covered],
        contribution=added,
        moving=moving,
        warnings=warnings,
    )


def require_same_ensemble(ensemble: Ensemble, occupied: OccupiedVoxels) -> None:
    """Raise unless the volumes have the names and the box of those that were binarized."""
    shape, before = (" x ".join(map(str, g.shape)) for g in (ensemble.grid, occupied.grid))
    if shape != before:
        raise ParameterError(
            f"The volumes have a box of {shape} voxels, but the saved state was made from a box of "
            f"{before}; give the same volumes and the same bin."
        )
    if ensemble.names != occupied.thresholds.names:
        raise ParameterError(
            f"The ensemble has {len(ensemble)} volumes from {ensemble.names[0]} on, but the saved "
            f"state was made from {len(occupied.thresholds.names)} volumes from "
            f"{occupied.thresholds.names[0]} on; give the same volumes in the same order."
        )


def _seed_fractions(
    occupied: OccupiedVoxels,
    communities: Communities,
    discrete: Indices,
    params: BlocksParams,
) -> NDArray[np.float64]:
    """Return with which part of the seeds of each block each union voxel is co-occupied.

    The seeds stand with their consensus patterns, which have no noise of their own. The level is
    corrected for one test of each voxel with each block.
    """
    bits = occupied.bits
    chosen, owner = [], []
    for place, k in enumerate(discrete):
        members = np.flatnonzero(communities.labels == k)
        some = np.unique(np.linspace(0, len(members) - 1, _SEEDS_ASKED).astype(int))
        chosen.append(members[some])
        owner.append(np.full(len(some), place))
    fractions = np.zeros((len(discrete), len(bits)))
    if not chosen:
        return fractions
    patterns = communities.patterns[np.concatenate(chosen)]
    owners = np.concatenate(owner)
    words, totals = pack(patterns), patterns.sum(axis=1)
    level = min(params.posp, params.negp) / (len(bits) * len(discrete))
    limit = max(communities.log_limit, math.log(level))
    table = cutoff_table(np.concatenate([bits.totals, totals]), bits.n_volumes, limit)
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    sizes = np.diff(starts, append=len(owners))
    for start in range(0, len(bits), _ROWS):
        rows = slice(start, start + _ROWS)
        both = common_volumes(np.ascontiguousarray(bits.words[:, rows]), words)
        passed = both >= table[bits.totals[rows, None], totals[None, :]]
        fractions[:, rows] = (np.add.reduceat(passed, starts, axis=1, dtype=np.int64) / sizes).T
    return fractions


def _layers(occupied: OccupiedVoxels, joined: Mask) -> Mask:
    """Tell which groups of voxels are layers, though noise has left voxels out."""
    masks = (as_mask(occupied.voxels[row], occupied.grid) for row in joined)
    closed = (ndimage.binary_closing(mask, TOUCHING) for mask in masks)
    return np.array([is_thin(np.flatnonzero(mask), occupied.grid) for mask in closed], np.bool_)


def _with_border(occupied: OccupiedVoxels, joined: Mask) -> tuple[Indices, Mask]:
    """Return the voxels to be asked, with those that touch them, and which block asks which.

    At the edge of a block single voxels are on too seldom to be told from noise.
    """
    masks = [
        ndimage.binary_dilation(as_mask(occupied.voxels[row], occupied.grid), TOUCHING).ravel()
        for row in joined
    ]
    if not masks:
        return np.zeros(0, np.int64), np.zeros((0, 0), np.bool_)
    asked = np.flatnonzero(np.logical_or.reduce(masks))
    return asked, np.array([mask[asked] for mask in masks])


def _seeds_asked(
    occupied: OccupiedVoxels, communities: Communities, discrete: Indices, asked: Indices
) -> Mask:
    """Return which of the voxels asked are seeds of which block, shape (K, M)."""
    seeds = np.zeros((len(discrete), len(asked)), np.bool_)
    for row, k in zip(seeds, discrete, strict=True):
        row[:] = np.isin(asked, occupied.voxels[communities.seeds[communities.labels == k]])
    return seeds


class _Contributions(NamedTuple):
    """What is in the M voxels asked: `base` (M,) always, and `added` (K, M) by each block.

    `densities` (K, N) is the mean density of the seeds of each block in each volume.
    """

    base: Array
    added: Array
    densities: NDArray[np.float64]


def _contributions(
    ensemble: Ensemble,
    occupied: OccupiedVoxels,
    weights: NDArray[np.float64],
    asked: Indices,
    seeds: Mask,
    *,
    progress: Progress | None,
) -> _Contributions:
    """Fit what each block adds to the density of the voxels asked.

    None is negative: that tells which is there of two blocks of which always one is there.
    """
    n = occupied.n_volumes
    design = np.vstack([np.ones((1, n)), weights])  # (1 + K, N)
    moments = np.zeros((len(design), len(asked)))
    densities = np.zeros(weights.shape)
    own = [np.flatnonzero(row) for row in seeds]
    indices = occupied.indices if len(asked) else ()
    for start in range(0, len(indices), _BATCH):
        batch = indices[start : start + _BATCH]
        rows = calibrated_rows(ensemble, occupied, batch, asked)
        for place, row in enumerate(rows):  # in order: the sums do not depend on the threads
            moments += design[:, start + place, None] * row
            densities[:, start + place] = [row[i].mean() if len(i) else 0.0 for i in own]
        report(progress, (start + len(batch)) / n, "masks")
    fitted = non_negative(design @ design.T, moments).astype(np.float32)
    return _Contributions(fitted[0], fitted[1:], densities)


def _standing(
    inside: Mask,
    relative: NDArray[np.float64],
    others: tuple[Mask, Mask],
    grid: Grid,
    params: BlocksParams,
) -> tuple[Indices, tuple[str, ...]]:
    """Return the blocks that stand, and sentences about the rest.

    `relative` are their levels, of the least; `others` those that are layers, which move, and those
    that do not stand out of the noise.
    """
    thin, unclear = others
    voxel = voxel_volume(grid)
    least = params.min_volume or 0.0
    stands = ~thin & ~unclear
    flat = stands & (relative < 1)
    small = stands & ~flat & (inside.sum(axis=1) * voxel < least)
    warnings = []
    if small.any():
        warnings.append(
            f"{_groups(small)} dropped, being smaller than {least:.0f} Å3; lower the smallest "
            "volume of a block to see more."
        )
    if flat.any():
        warnings.append(
            f"{_groups(flat)} dropped, changing by less than three quarters of the threshold: "
            "contours that move, as when sharpness differs."
        )
    if unclear.any():
        warnings.append(
            f"{_groups(unclear)} dropped, coming and going no more clearly than noise does; more "
            "volumes, or less noisy ones, would tell."
        )
    return np.flatnonzero(stands & ~flat & ~small), tuple(warnings)


def _groups(chosen: Mask) -> str:
    n = int(np.count_nonzero(chosen))
    return "1 group of voxels was" if n == 1 else f"{n} groups of voxels were"


def _moving_regions(
    occupied: OccupiedVoxels, communities: Communities, whole: Indices
) -> tuple[Indices, ...]:
    """Return the contiguous regions of the communities that do not come and go as wholes."""
    seeds = communities.seeds[~np.isin(communities.labels, whole)]
    if len(seeds) == 0:
        return ()
    return tuple(
        p for p in pieces(occupied.voxels[seeds], occupied.grid) if len(p) >= FEWEST_VOXELS
    )
