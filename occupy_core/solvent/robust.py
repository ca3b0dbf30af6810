"""Statistics that a few strange voxels do not move, and sums that need no copy of a map."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps.grid import Array, Mask

_OF_MEDIAN = 1.4826  # [physics] 1 / (0.75 quantile of a standard normal distribution)
_SMALLEST = 0.04  # [taste: nothing moved] of the largest part: smaller parts are dropped


def mad_sigma(values: NDArray[Any], centre: float = 0.0) -> float:
    """Return the standard deviation of normal values from their median distance to a centre.

    Parameters
    ----------
    values : ndarray
        Not empty.
    centre : float
        Where they are centred, such as their median.
    """
    return _OF_MEDIAN * float(np.median(np.abs(values - centre)))


def large_parts(
    labels: NDArray[Any], count: int, eligible: NDArray[np.bool_] | None = None
) -> Mask:
    """Return the labelled parts that are not small beside the largest one.

    Parameters
    ----------
    labels : ndarray of int, shape (z, y, x)
        0 outside, 1 to `count` for the parts (`scipy.ndimage.label`).
    count : int
    eligible : ndarray of bool, shape (count,), optional
        Parts that may stay; by default all.

    Returns
    -------
    ndarray of bool, shape (z, y, x)
    """
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    kept = np.ones(count, np.bool_) if eligible is None else eligible
    if kept.any():
        kept = kept & (sizes >= _SMALLEST * sizes[kept].max())
    result: Mask = np.concatenate([[False], kept])[labels]
    return result


def variance(data: Array, region: Mask | None = None) -> float:
    """Return the variance of the voxels of a map, or of a region, summed plane by plane in float64.

    Parameters
    ----------
    data : ndarray of float32, shape (z, y, x)
    region : ndarray of bool, shape (z, y, x), optional
        Not empty.
    """
    count, total, squares = 0, 0.0, 0.0
    first = 0 if region is None else int(region.any(axis=(1, 2)).argmax())
    shift = float(_of_plane(data, region, first).mean(dtype=np.float64))  # keeps the sums small
    for z in range(len(data)):
        values = _of_plane(data, region, z).astype(np.float64) - shift
        count += values.size
        total += float(values.sum())
        # Not by the linear algebra library: its sum depends on its threads, which also spin.
        squares += float(np.square(values).sum())
    return squares / count - (total / count) ** 2


def _of_plane(data: Array, region: Mask | None, z: int) -> Array:
    values: Array = data[z].ravel() if region is None else data[z][region[z]]
    return values


def quantile_of_counts(counts: NDArray[np.int64], q: float, limits: tuple[float, float]) -> float:
    """Return a quantile from a histogram of equal bins, linear within them."""
    below = np.concatenate([[0], np.cumsum(counts)])
    place = float(np.interp(q * below[-1], below, np.arange(len(below))))
    return limits[0] + place * (limits[1] - limits[0]) / len(counts)
