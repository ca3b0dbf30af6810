"""Filters in real space: local maximum, histogram, look-up, interpolation.

The loops are compiled by numba, release the interpreter lock and run on slabs (see
`occupy_core.maps.threads`), so their results do not depend on the number of threads. Data must be
finite: maps with NaN are refused where they are read.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occupy_core.machine import start_thread
from occupy_core.maps._numba import fixed, kernels
from occupy_core.maps.grid import Array, Mask
from occupy_core.maps.kept import kept
from occupy_core.maps.threads import for_slabs

Integers = NDArray[np.int64]
# [machine] of a strip of the maximum filter: what it works on then fits the cache of a core
_ROWS = 16
_VALUES = 2**20  # [machine] of a slab where the order does not matter
_PLANES = 8  # [machine]
_REACH = 3.0  # [taste: not swept] standard deviations


@contextmanager
def kernels_loading() -> Iterator[None]:
    """Load the compiled loops in a thread, while the block reads a map first."""
    one = np.zeros(1, np.float32)
    thread = threading.Thread(target=histogram, args=(one, 1, 0.0, 1.0))
    started = start_thread(thread)  # or they are loaded when they are needed
    try:
        yield
    finally:
        if started:
            thread.join()


def ball_kernel(
    size: int | tuple[int, int, int], radius: float | tuple[float, float, float]
) -> Mask:
    """Ball (or ellipsoid) of voxels about the centre of a box.

    Parameters
    ----------
    size : int or (z, y, x)
        Edge of the box in voxels.
    radius : float or (z, y, x)
        Radius in voxels; one for each axis makes an ellipsoid, the ball of a map whose voxels are
        not cubic.

    Returns
    -------
    ndarray of bool, shape (size, size, size)
        True where the distance of the voxel centre is at most the radius. Distances are single
        precision, as in OccuPy, so that voxels right on the surface fall on the same side.
    """
    sizes = np.broadcast_to(size, 3)
    radii = np.broadcast_to(radius, 3).astype(np.float32)
    largest = radii.max()
    z, y, x = np.ogrid[tuple(slice(0, int(n)) for n in sizes)]
    squared = [
        ((index - np.float32((n - 1) / 2)) * (largest / r)) ** 2
        for index, n, r in zip((z, y, x), sizes, radii, strict=True)
    ]
    distance = np.sqrt((squared[0] + squared[1] + squared[2]).astype(np.float32))
    kernel: Mask = distance <= largest
    return kernel


def maximum_filter(data: Array, footprint: Mask) -> Array:
    """Local maximum over a footprint; the border is mirrored (d c b a | a b c d | d c b a).

    Parameters
    ----------
    data : ndarray of float32, shape (z, y, x)
        Finite values.
    footprint : ndarray of bool, shape (z, y, x)
        Of odd sizes; any shape.

    Returns
    -------
    ndarray of float32, shape (z, y, x)
        Identical to ``scipy.ndimage.maximum_filter(data, footprint=footprint, mode="reflect")``.

    Notes
    -----
    A convex symmetric footprint, such as a ball, is a pile of discs made of rows. Maxima over rows
    of half width w come from those of w - 1 by one comparison; each disc holds the next smaller
    one, so only the rows by which it grows are looked at. About 25 comparisons are left of the 179
    of a ball of 7 voxels. Any other footprint goes to scipy.
    """
    ball = np.asarray(footprint, np.bool_)
    plan = kept(("discs", ball.shape, ball.tobytes()), lambda: _plan_discs(ball))
    values = fixed(data)
    result = np.empty(values.shape, np.float32)
    if plan is None:
        from scipy import ndimage  # takes 0.1 s, and balls do not need it

        ndimage.maximum_filter(values, footprint=footprint, mode="reflect", output=result)
        return result
    rows, ends = plan
    for_slabs(
        lambda first, last: kernels().maximum_of_strip(values, result, (first, last), rows, ends),
        values.shape[1],
        _ROWS,
    )
    return result


def gaussian_filter(data: Array, sigmas: Sequence[float]) -> Array:
    """Convolve with a Gaussian; the border is mirrored as by `maximum_filter`.

    Parameters
    ----------
    data : ndarray of float32, shape (z, y, x)
    sigmas : (z, y, x)
        Standard deviations in voxels; the Gaussian is sampled up to 3 of them and normalised.

    Returns
    -------
    ndarray of float32, shape (z, y, x)
        Flipping the data flips the result exactly.
    """
    values = fixed(data)
    result = np.empty(values.shape, np.float32)
    wz, wy, wx = (_gaussian_weights(sigma) for sigma in sigmas)
    for_slabs(
        lambda first, last: kernels().smooth_planes(values, (first, last), wz, wy, wx, result),
        len(values),
        _PLANES,
    )
    return result


def histogram(data: Array, bins: int, lo: float, hi: float, mask: Mask | None = None) -> Integers:
    """Count values in equal bins.

    Parameters
    ----------
    data : ndarray of float32
    bins : int
        Number of bins.
    lo, hi : float
        Outer edges; values outside are not counted, `hi` itself is in the last bin.
    mask : ndarray of bool, shape of `data`, optional
        Where to count.

    Returns
    -------
    ndarray of int64, shape (bins,)
        Equal to ``np.histogram(data, bins, (lo, hi))[0]``, whose edges are single precision; bins
        too narrow for that, which numpy refuses, stay empty but for the last of equal edges.
    """
    values = fixed(data).reshape(-1)
    counted = fixed(np.zeros(0) if mask is None else mask, np.bool_).reshape(-1)
    low, high = (float(lo), float(hi)) if lo != hi else (float(lo) - 0.5, float(hi) + 0.5)
    edges = np.linspace(low, high, bins + 1, dtype=np.float32)
    counts = np.zeros((-(-values.size // _VALUES), bins), np.int64)

    def count(first: int, last: int) -> None:
        kernels().count_values(
            values[first:last], counted[first:last], edges, counts[first // _VALUES]
        )

    for_slabs(count, values.size, _VALUES)
    total: Integers = counts.sum(axis=0)
    return total


def map_values(data: Array, lo: float, hi: float, table: NDArray[Any]) -> Array:
    """Replace each value by that of a table.

    Parameters
    ----------
    data : ndarray of float32, shape (z, y, x)
    lo, hi : float
        Values at the two ends of the table, lo < hi.
    table : ndarray, shape (n,)
        Entry i is for the values that lie between i + 1 and i + 2 n-ths of the way from lo to hi,
        the first also for all values below; this offset of one is OccuPy's.

    Returns
    -------
    ndarray of float32, shape of `data`
        table[clip(trunc(n (v - lo)/(hi - lo) - 1), 0, n - 1)]
    """
    values = fixed(data)
    entries = fixed(table)
    result = np.empty(values.shape, np.float32)
    flat, flat_result = values.reshape(-1), result.reshape(-1)
    scale = np.float32(len(entries) / (float(hi) - float(lo)))
    low = np.float32(lo)
    for_slabs(
        lambda first, last: kernels().look_up(
            flat[first:last], low, scale, entries, flat_result[first:last]
        ),
        flat.size,
        _VALUES,
    )
    return result


def map_linearly(data: Array, lo: float, hi: float, table: NDArray[Any]) -> Array:
    """Replace each value by that of a table, linear between its entries.

    Parameters
    ----------
    data : ndarray of float32, shape (z, y, x)
    lo, hi : float
        Values of the first and the last entry, lo < hi; beyond them the table goes on constant.
    table : ndarray, shape (n,)
        At least two entries, equally spaced.

    Returns
    -------
    ndarray of float32, shape of `data`
    """
    values, entries = fixed(data), fixed(table)
    result = np.empty(values.shape, np.float32)
    flat, flat_result = values.reshape(-1), result.reshape(-1)
    scale = np.float32((len(entries) - 1) / (float(hi) - float(lo)))
    for_slabs(
        lambda first, last: kernels().interpolate_table(
            flat[first:last], np.float32(lo), scale, entries, flat_result[first:last]
        ),
        flat.size,
        _VALUES,
    )
    return result


def linear_interpolate(data: Array, shape: tuple[int, int, int]) -> Array:
    """Give the same box another number of voxels by trilinear interpolation.

    Parameters
    ----------
    data : ndarray of float32, shape (z, y, x)
    shape : tuple of int
        Number of voxels (z, y, x) wanted.

    Returns
    -------
    ndarray of float32, shape `shape`
        Voxel 0 stays where it was: voxel i of n comes from the position i n_data/n, held at the
        last voxel beyond it. Up to rounding, no value lies outside the range of the data.
    """
    values = fixed(data)
    result = np.empty(shape, np.float32)
    (z, wz), rows, columns = (
        _positions(old, new) for old, new in zip(values.shape, shape, strict=True)
    )
    for_slabs(
        lambda first, last: kernels().interpolate_planes(
            values, (z[first:last], wz[first:last]), rows, columns, result[first:last]
        ),
        shape[0],
        4,
    )
    return result


def _gaussian_weights(sigma: float) -> Array:
    """Weights of a sampled Gaussian from its centre on; those of both sides sum to 1."""
    x = np.arange(max(1, math.ceil(_REACH * sigma)) + 1) / max(sigma, 1e-3)
    w = np.exp(-(x**2) / 2)
    result: Array = (w / (2 * w.sum() - w[0])).astype(np.float32)
    return result


def _positions(old: int, new: int) -> tuple[Integers, Array]:
    """Voxel below each new voxel and the weight of the voxel above it."""
    position = np.minimum(np.arange(new) * (old / new), old - 1)
    below = position.astype(np.int64)
    return below, (position - below).astype(np.float32)


def _plan_discs(footprint: Mask) -> tuple[Integers, Integers] | None:
    """Rows to be joined for the discs of a convex symmetric footprint; None for any other.

    Returns
    -------
    rows : ndarray of int64, shape (m, 2)
        Offset ±y and half width of a row, in the order in which the disc grows.
    ends : ndarray of int64, shape (hz + 2,)
        The disc at ±z is made of the rows before ends[z]; ends[hz + 1] = 0.
    """
    if footprint.ndim != 3 or any(n % 2 == 0 for n in footprint.shape):
        return None
    cz, cy, cx = (n // 2 for n in footprint.shape)
    half_width = np.where(footprint.any(axis=2), footprint.sum(axis=2) // 2, -1)
    made_of_rows = np.abs(np.arange(footprint.shape[2]) - cx) <= half_width[:, :, None]
    quarter = half_width[cz:, cy:]
    convex = (
        np.array_equal(made_of_rows, footprint)
        and np.array_equal(half_width, half_width[::-1])
        and np.array_equal(half_width, half_width[:, ::-1])
        and quarter[0, 0] >= 0
        and not np.any(np.diff(quarter, axis=0) > 0)
    )
    if not convex:
        return None
    hz = int(np.flatnonzero((quarter >= 0).any(axis=1)).max())
    rows: list[tuple[int, int]] = []
    ends = np.zeros(hz + 2, np.int64)
    before = np.full(cy + 1, -1)
    for z in range(hz, -1, -1):
        rows += [(y, int(w)) for y, w in enumerate(quarter[z]) if w > before[y]]
        before = quarter[z]
        ends[z] = len(rows)
    return np.array(rows, np.int64), ends
