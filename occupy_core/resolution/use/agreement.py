"""How well two local resolutions agree, and what else is read off a map of local resolution.

A constant map already has an error of about 1 Å, so an error alone says little: the rank
correlation within the molecule and the skill against a constant stand beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps import Array, DensityMap, Mask, require_same_grid

Values = NDArray[np.float64]

_BACKGROUND_SHARE = 0.05  # [words] of the box that one value must fill to be no estimate
_INSIDE = 0.5  # [physics] above this a mask counts as inside, and a voxel as content


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Agreement of an estimate with a reference over some voxels.

    Parameters
    ----------
    voxels : int
        How many voxels were compared; with fewer than two, all else is None.
    rmse, bias : float or None
        Root mean square and median of the difference, Å.
    log_rmse : float or None
        Root mean square of the log ratio, about the relative error.
    spearman : float or None
        Rank correlation; None where one of the two is constant.
    skill : float or None
        One minus the error over that of the best constant; None for a constant reference.
    coverage : float or None
        Part of the voxels where the two differ by less than the standard deviation stated.
    """

    voxels: int
    rmse: float | None = None
    bias: float | None = None
    log_rmse: float | None = None
    spearman: float | None = None
    skill: float | None = None
    coverage: float | None = None


def agreement(
    estimate: Array, reference: Array, inside: Mask, *, sigma: Array | None = None
) -> Agreement:
    """Compare two local resolutions.

    Parameters
    ----------
    estimate, reference : ndarray of float32, shape (z, y, x)
        Å, positive where compared.
    inside : ndarray of bool, shape (z, y, x)
        Where to compare.
    sigma : ndarray of float32, shape (z, y, x), optional
        Standard deviation of the estimate, Å.
    """
    e, r = (values[inside].astype(np.float64) for values in (estimate, reference))
    if e.size < 2:
        return Agreement(voxels=int(e.size))
    error = e - r
    rmse, constant = float(np.sqrt(np.mean(error**2))), float(r.std())
    return Agreement(
        voxels=int(e.size),
        rmse=rmse,
        bias=float(np.median(error)),
        log_rmse=float(np.sqrt(np.mean(np.log(e / r) ** 2))),
        spearman=spearman(e, r),
        skill=1 - rmse / constant if constant > 0 else None,
        coverage=None if sigma is None else float(np.mean(np.abs(error) < sigma[inside])),
    )


def spearman(first: NDArray[np.floating], second: NDArray[np.floating]) -> float | None:
    """Rank correlation of two lists of values; None when one is constant or has no values.

    Equal values share their mean rank.
    """
    a, b = _ranks(first), _ranks(second)
    a, b = a - a.mean() if a.size else a, b - b.mean() if b.size else b
    norm = float(np.sqrt(np.sum(a**2) * np.sum(b**2)))
    return float(np.sum(a * b)) / norm if norm > 0 else None


def estimated(resolution: DensityMap) -> Mask:
    """Where a map of local resolution holds an estimate.

    Programs fill the rest with zero, a large number or the worst resolution: voxels are left out
    that are not positive, or that have the value of all corners of the box if that is common.
    """
    data = resolution.data
    found: Mask = data > 0
    corners = data[:: data.shape[0] - 1 or 1, :: data.shape[1] - 1 or 1, :: data.shape[2] - 1 or 1]
    same = data == corners.flat[0]
    if (corners == corners.flat[0]).all() and same.mean() > _BACKGROUND_SHARE:
        found &= ~same
    return found


def resolution_of_regions(
    resolution: DensityMap, masks: Iterable[DensityMap]
) -> dict[str, float | None]:
    """Median local resolution of each region.

    Parameters
    ----------
    resolution : DensityMap
        Local resolution, Å; what is no estimate is left out (see `estimated`).
    masks : iterable of DensityMap
        Masks named as their regions, on the grid of the resolution; inside above 0.5. A generator
        keeps only one in memory.

    Returns
    -------
    dict of str to float or None
        Å, by the name of the region; None where a mask holds no estimate.

    Raises
    ------
    GridMismatchError
        When a mask lies on another grid.
    """
    known = estimated(resolution)
    medians: dict[str, float | None] = {}
    for mask in masks:
        require_same_grid(resolution, mask, "mask")
        values = resolution.data[known & (mask.data > _INSIDE)]
        medians[mask.name] = float(np.median(values)) if values.size else None
    return medians


def scale_correlation(
    scale: DensityMap, confidence: DensityMap, resolution: DensityMap
) -> float | None:
    """Rank correlation of a local scale with the fineness of the local resolution.

    Parameters
    ----------
    scale, confidence : DensityMap
        Local scale and the confidence that a voxel is not solvent.
    resolution : DensityMap
        Local resolution, Å.

    Returns
    -------
    float or None
        Over the voxels of content (confidence above 0.5) that have a resolution: 1 when the
        scale falls wherever the resolution gets worse, 0 when they have nothing in common; None
        when there are no such voxels.

    Raises
    ------
    GridMismatchError
        When the resolution lies on another grid.
    """
    require_same_grid(scale, resolution, "resolution map")
    content = estimated(resolution) & (confidence.data > _INSIDE)
    return spearman(scale.data[content], 1 / resolution.data[content])


def _ranks(values: NDArray[np.floating]) -> Values:
    """Ranks from 0, shared by equal values."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Values = (np.cumsum(counts) - (counts + 1) / 2)[inverse.reshape(-1)]
    return ranks
