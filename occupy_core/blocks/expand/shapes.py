"""Shapes and densities of groups of voxels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from occupy_core.blocks.contour.binarize import OccupiedVoxels
from occupy_core.blocks.sketch.patterns import two_classes
from occupy_core.maps.ensemble import Ensemble
from occupy_core.maps.grid import Array, DensityMap, Grid, Mask

# Which seed, and which voxel below the surface, has the full density of its block.
_SEED_QUANTILE, _INSIDE_QUANTILE = 0.8, 0.75  # [fit: python -m benchmarks.sensitivity blocks]
_FEWEST_INSIDE = 8  # [guard] voxels; without them the level is that of the seeds
_SOFTNESS = 1.1  # [fit: python -m benchmarks.sensitivity blocks] most that the two may differ by
EDGE = 0.5  # [physics] a block ends where its density falls to half
_THICK = np.ones((2, 2, 2), np.bool_)  # [physics]
# [taste: nothing moved] of a block; less, and it is the edge of something that moves
_THICK_PART = 0.25
TOUCHING = np.ones((3, 3, 3), np.bool_)  # [physics]
_SWEEPS, _CONVERGED = 1000, 1e-4  # [guard] occupancies are told to 0.01

Indices = NDArray[np.int64]


def full_levels(
    added: Array, joined: Mask, seeds: Mask, asked: Indices, grid: Grid
) -> NDArray[np.float64]:
    """Return the density that each block adds inside, below its surface.

    Seeds lie at the edge too, so their level is a little low when the edge is soft. How much
    density differs inside a block must not count: RNA is denser than protein.
    """
    levels = np.zeros(len(added))
    for k, (row, own) in enumerate(zip(added, seeds, strict=True)):
        if own.any():
            levels[k] = np.quantile(row[own], _SEED_QUANTILE)
        whole = as_mask(asked[joined[k] & (row >= EDGE * levels[k])], grid)
        inside = ndimage.binary_erosion(whole).ravel()[asked]
        if np.count_nonzero(inside) >= _FEWEST_INSIDE:
            low, high = levels[k] / _SOFTNESS, levels[k] * _SOFTNESS
            levels[k] = np.clip(np.quantile(row[inside], _INSIDE_QUANTILE), low, high)
    return levels


def is_thin(voxels: Indices, grid: Grid) -> bool:
    """Tell whether most of some voxels form layers one voxel thick."""
    if len(voxels) == 0:
        return False
    cells = np.stack(np.unravel_index(voxels, grid.shape), axis=1)
    cells -= cells.min(axis=0)
    box = np.zeros(cells.max(axis=0) + 1, np.bool_)
    box[tuple(cells.T)] = True
    thick = ndimage.binary_opening(box, _THICK)
    return bool(np.count_nonzero(thick) < _THICK_PART * len(voxels))


def non_negative(gram: NDArray[np.float64], moments: NDArray[np.float64]) -> NDArray[np.float64]:
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


def separability(values: NDArray[np.float64]) -> float:
    """Return which part of the variance of some values two classes explain.

    2/pi of values that spread like a normal distribution, 3/4 of an even spread, 1 of two values,
    0 of one value.
    """
    upper = two_classes(values)
    if upper.all() or not upper.any():
        return 0.0
    within = sum(float(((v - v.mean()) ** 2).sum()) for v in (values[upper], values[~upper]))
    return 1 - within / max(float(((values - values.mean()) ** 2).sum()), 1e-300)


def pieces(voxels: Indices, grid: Grid) -> list[Indices]:
    """Return the contiguous pieces of some voxels, the largest first."""
    labels, n = ndimage.label(as_mask(voxels, grid), structure=TOUCHING)
    of_voxel = labels.ravel()[voxels]
    found = [voxels[of_voxel == k] for k in range(1, n + 1)]
    return sorted(found, key=lambda piece: (-len(piece), int(piece[0])))


def as_mask(voxels: Indices, grid: Grid) -> Mask:
    """Return the box in which some voxels are True."""
    mask = np.zeros(grid.size, np.bool_)
    mask[voxels] = True
    return mask.reshape(grid.shape)


def voxel_volume(grid: Grid) -> float:
    """Return the volume of a voxel, Å3."""
    x, y, z = grid.voxel_size
    return x * y * z


def calibrated_rows(
    ensemble: Ensemble, occupied: OccupiedVoxels, indices: Sequence[int], voxels: Indices
) -> Array:
    """Return the calibrated densities of some voxels in some volumes, shape (volumes, voxels)."""
    rows = np.empty((len(indices), len(voxels)), np.float32)

    def gather(place: int, density: DensityMap) -> None:
        rows[place] = occupied.thresholds.calibrated(density, indices[place]).ravel()[voxels]

    ensemble.for_each(gather, indices=indices)
    return rows
