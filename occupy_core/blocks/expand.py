"""From seeds to masks: every union voxel is asked which blocks it belongs to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from occupy_core.blocks.binarize import OccupiedVoxels
from occupy_core.blocks.communities import Communities
from occupy_core.blocks.cooccupancy import common_volumes, cutoff_table, pack
from occupy_core.blocks.params import BlocksParams
from occupy_core.blocks.patterns import CLEAR
from occupy_core.errors import ParameterError
from occupy_core.maps.ensemble import Ensemble
from occupy_core.maps.grid import Array, DensityMap, Grid, Mask
from occupy_core.progress import Progress, report

_SEEDS_ASKED = 200  # of a block, evenly spread: enough to tell a quarter of them from none
_ROWS = 4096
_BATCH = 64  # volumes of which the candidates are in memory at a time
# Which seed, and which voxel below the surface, has the full density of its block.
_SEED_QUANTILE, _INSIDE_QUANTILE = 0.8, 0.75
_FEWEST_INSIDE = 8  # voxels; without them the level is that of the seeds
_SOFTNESS = 1.1  # most that the two may differ by
_EDGE = 0.5  # a block ends where its density falls to half
_LEAST_LEVEL = 0.5  # thresholds; what changes by less is a contour that moves
_FEWEST_VOXELS = 20
_SWEEPS, _CONVERGED = 1000, 1e-4
_THICK = np.ones((2, 2, 2), np.bool_)
_THICK_PART = (
    0.25  # of a block; what is thinner than two voxels is the edge of something that moves
)
_TOUCHING = np.ones((3, 3, 3), np.bool_)

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
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


@dataclass(frozen=True, eq=False)
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
        data = _mask(block.voxels, self.grid).astype(np.float32)
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
    params.require_valid()
    require_same_ensemble(ensemble, occupied)
    discrete = np.flatnonzero(~communities.graded)
    joined = _seed_fractions(occupied, communities, discrete, params) >= params.exp_frac
    asked, joined = _with_border(occupied, joined)
    base, added = _contributions(
        ensemble, occupied, communities.profiles[discrete], asked, progress
    )
    seeds = [
        np.isin(asked, occupied.voxels[communities.seeds[communities.labels == k]])
        for k in discrete
    ]
    levels = _full_levels(added, joined, seeds, asked, occupied.grid)
    inside = joined & (added >= _EDGE * levels[:, None])
    thin = np.array([_is_thin(asked[row], occupied.grid) for row in inside], np.bool_)
    thin &= communities.silhouettes[discrete] < CLEAR
    kept, warnings = _standing(inside, levels, thin, occupied.grid, params)
    order = kept[np.argsort(-inside[kept].sum(axis=1), kind="stable")]
    inside, covered = inside[order], inside[order].any(axis=0)
    blocks = tuple(
        Block(
            name=f"B{n + 1}",
            voxels=asked[inside[n]],
            volume=int(inside[n].sum()) * _voxel_volume(occupied.grid),
            level=float(levels[k]),
            silhouette=float(communities.silhouettes[discrete[k]]),
            n_seeds=int(np.count_nonzero(communities.labels == discrete[k])),
            pieces=tuple(len(piece) for piece in _pieces(asked[inside[n]], occupied.grid)),
        )
        for n, k in enumerate(order)
    )
    added = np.where(inside, added[order], np.float32(0))[:, covered]
    moving = _moving_regions(occupied, communities, discrete[thin])
    return ExpandedBlocks(
        occupied.grid, blocks, asked[covered], base[covered], added, moving, warnings
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


def _with_border(occupied: OccupiedVoxels, joined: Mask) -> tuple[Indices, Mask]:
    """Return the voxels to be asked, with those that touch them, and which block asks which.

    At the edge of a block single voxels are on too seldom to be told from noise.
    """
    masks = [
        ndimage.binary_dilation(_mask(occupied.voxels[row], occupied.grid), _TOUCHING).ravel()
        for row in joined
    ]
    if not masks:
        return np.zeros(0, np.int64), np.zeros((0, 0), np.bool_)
    asked = np.flatnonzero(np.logical_or.reduce(masks))
    return asked, np.array([mask[asked] for mask in masks])


def _contributions(
    ensemble: Ensemble,
    occupied: OccupiedVoxels,
    profiles: Mask,
    asked: Indices,
    progress: Progress | None,
) -> tuple[Array, Array]:
    """Fit what each block adds to the density of the voxels asked: base (M,), added (K, M).

    None is negative: that tells which is there of two blocks of which always one is there.
    """
    n = occupied.n_volumes
    design = np.vstack([np.ones((1, n)), profiles.astype(np.float64)])  # (1 + K, N)
    moments = np.zeros((len(design), len(asked)))
    indices = occupied.indices if len(asked) else ()
    for start in range(0, len(indices), _BATCH):
        batch = indices[start : start + _BATCH]
        rows = _calibrated_rows(ensemble, occupied, batch, asked)
        for place, row in enumerate(rows):  # in order: the sums do not depend on the threads
            moments += design[:, start + place, None] * row
        report(progress, (start + len(batch)) / n, "masks")
    fitted = _non_negative(design @ design.T, moments).astype(np.float32)
    return fitted[0], fitted[1:]


def _calibrated_rows(
    ensemble: Ensemble, occupied: OccupiedVoxels, indices: Sequence[int], voxels: Indices
) -> Array:
    """Return the calibrated densities of some voxels in some volumes, shape (volumes, voxels)."""
    rows = np.empty((len(indices), len(voxels)), np.float32)

    def gather(place: int, density: DensityMap) -> None:
        rows[place] = occupied.thresholds.calibrated(density, indices[place]).ravel()[voxels]

    ensemble.for_each(gather, indices=indices)
    return rows


def _full_levels(
    added: Array, joined: Mask, seeds: list[Mask], asked: Indices, grid: Grid
) -> NDArray[np.float64]:
    """Return the density that each block adds inside, below its surface.

    Seeds lie at the edge too, so their level is a little low when the edge is soft. How much
    density differs inside a block must not count: RNA is denser than protein.
    """
    levels = np.zeros(len(added))
    for k, (row, own) in enumerate(zip(added, seeds, strict=True)):
        if own.any():
            levels[k] = np.quantile(row[own], _SEED_QUANTILE)
        whole = _mask(asked[joined[k] & (row >= _EDGE * levels[k])], grid)
        inside = ndimage.binary_erosion(whole).ravel()[asked]
        if np.count_nonzero(inside) >= _FEWEST_INSIDE:
            low, high = levels[k] / _SOFTNESS, levels[k] * _SOFTNESS
            levels[k] = np.clip(np.quantile(row[inside], _INSIDE_QUANTILE), low, high)
    return levels


def _non_negative(gram: NDArray[np.float64], moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minimise x'Gx/2 - m'x over x >= 0 for each column m, by coordinate descent."""
    x = np.zeros_like(moments)
    for _ in range(_SWEEPS):
        largest = 0.0
        for k in range(len(gram)):
            gradient = moments[k] - np.einsum("k,km->m", gram[k], x)
            moved = np.maximum(x[k] + gradient / gram[k, k], 0.0) - x[k]
            x[k] += moved
            largest = max(largest, float(np.abs(moved).max(initial=0.0)))
        if largest < _CONVERGED:
            break
    return x


def _is_thin(voxels: Indices, grid: Grid) -> bool:
    """Tell whether most of some voxels form layers one voxel thick."""
    if len(voxels) == 0:
        return False
    cells = np.stack(np.unravel_index(voxels, grid.shape), axis=1)
    cells -= cells.min(axis=0)
    box = np.zeros(cells.max(axis=0) + 1, np.bool_)
    box[tuple(cells.T)] = True
    thick = ndimage.binary_opening(box, _THICK)
    return bool(np.count_nonzero(thick) < _THICK_PART * len(voxels))


def _standing(
    inside: Mask,
    levels: NDArray[np.float64],
    thin: Mask,
    grid: Grid,
    params: BlocksParams,
) -> tuple[Indices, tuple[str, ...]]:
    """Return the blocks that stand, and sentences about the others."""
    voxel = _voxel_volume(grid)
    least = _FEWEST_VOXELS * voxel if params.min_volume is None else params.min_volume
    volumes = inside.sum(axis=1) * voxel
    flat, small = ~thin & (levels < _LEAST_LEVEL), ~thin & (volumes < least)
    warnings = []
    if (small & ~flat).any():
        n = int(np.count_nonzero(small & ~flat))
        warnings.append(
            f"{n} groups of voxels are smaller than {least:.0f} Å3 and were dropped; lower the "
            "smallest volume of a block to see them."
        )
    if flat.any():
        warnings.append(
            f"{int(flat.sum())} groups of voxels change by less than half of the threshold and "
            "were dropped: contours that move, as when the volumes differ in sharpness."
        )
    return np.flatnonzero(~(flat | small | thin)), tuple(warnings)


def _moving_regions(
    occupied: OccupiedVoxels, communities: Communities, thin: Indices
) -> tuple[Indices, ...]:
    """Return the contiguous regions of graded communities and of thin layers."""
    gradual = communities.graded
    gradual[thin] = True
    if not gradual.any():
        return ()
    seeds = communities.seeds[gradual[communities.labels]]
    return tuple(
        p for p in _pieces(occupied.voxels[seeds], occupied.grid) if len(p) >= _FEWEST_VOXELS
    )


def _pieces(voxels: Indices, grid: Grid) -> list[Indices]:
    """Return the contiguous pieces of some voxels, the largest first."""
    labels, n = ndimage.label(_mask(voxels, grid), structure=_TOUCHING)
    of_voxel = labels.ravel()[voxels]
    pieces = [voxels[of_voxel == k] for k in range(1, n + 1)]
    return sorted(pieces, key=lambda piece: (-len(piece), int(piece[0])))


def _mask(voxels: Indices, grid: Grid) -> Mask:
    mask = np.zeros(grid.size, np.bool_)
    mask[voxels] = True
    return mask.reshape(grid.shape)


def _voxel_volume(grid: Grid) -> float:
    x, y, z = grid.voxel_size
    return x * y * z
