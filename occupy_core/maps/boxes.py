"""Order statistics of the values in boxes, such as the tiles of a map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps._numba import fixed, kernels
from occupy_core.maps.grid import Array
from occupy_core.maps.threads import for_slabs

Integers = NDArray[np.int64]
_BOXES = 64  # [machine] of a slab
_PILOT = 16  # [machine] of so many boxes one is looked at first


def box_quantiles(data: Array, corners: Integers, size: Sequence[int], rank: int) -> Array:
    """Value of a given rank in each of many boxes.

    Parameters
    ----------
    data : ndarray of float32, shape (z, y, x)
    corners : ndarray of int, shape (n, 3)
        First voxel (z, y, x) of each box; the boxes must lie inside the data.
    size : (z, y, x)
        Edges of a box in voxels.
    rank : int
        How many values of the box are smaller or come before: 0 is the minimum.

    Returns
    -------
    ndarray of float32, shape (n,)

    Raises
    ------
    ValueError
        When a box sticks out of the data or the rank is not that of a voxel of the box.
    """
    starts = np.ascontiguousarray(corners, np.int64)
    edges = np.asarray(size, np.int64)
    _require_inside(starts, edges, data.shape)
    if not 0 <= rank < edges.prod():
        raise ValueError(f"The rank {rank} is not below the {edges.prod()} voxels of a box.")
    values = fixed(data)
    result = np.empty(len(starts), np.float32)
    for_slabs(
        lambda first, last: kernels().select_in_boxes(
            values, starts[first:last], edges, rank, result[first:last]
        ),
        len(starts),
        _BOXES,
    )
    return result


def extreme_boxes(
    data: Array, corners: Integers, size: Sequence[int], rank: int
) -> tuple[tuple[int, float], tuple[int, float]]:
    """Find the boxes whose value of a given rank is the smallest and the largest.

    Parameters
    ----------
    data, corners, size, rank
        As in `box_quantiles`.

    Returns
    -------
    smallest, largest : tuple of int and float
        Index of the first such box, and the value.

    Notes
    -----
    A few boxes give limits, and counting tells which of the others may lie beyond: only those are
    put in order.
    """
    starts = np.ascontiguousarray(corners, np.int64)
    pilot = box_quantiles(data, starts[::_PILOT], size, rank)
    limits = np.array([pilot.min(), pilot.max()], np.float32)
    values, edges = fixed(data), np.asarray(size, np.int64)
    _require_inside(starts, edges, data.shape)
    counts = np.empty((len(starts), 2), np.int64)
    for_slabs(
        lambda first, last: kernels().count_in_boxes(
            values, starts[first:last], edges, limits, counts[first:last]
        ),
        len(starts),
        _BOXES,
    )
    beyond = (counts[:, 0] > rank) | (counts[:, 1] >= int(edges.prod()) - rank)
    candidates = np.flatnonzero(beyond)
    found = box_quantiles(data, starts[candidates], size, rank)
    low, high = int(np.argmin(found)), int(np.argmax(found))
    return (int(candidates[low]), float(found[low])), (int(candidates[high]), float(found[high]))


def _require_inside(starts: Integers, edges: Integers, shape: tuple[int, ...]) -> None:
    if len(starts) and (starts.min() < 0 or np.any(starts.max(axis=0) + edges > shape)):
        raise ValueError(f"Boxes of {edges.tolist()} voxels stick out of {shape}.")
