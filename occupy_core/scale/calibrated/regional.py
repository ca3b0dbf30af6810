"""Regional scale: the occupancy of a place, from the local maxima of density in its cells.

Within one chain local maxima vary by a tenth to a fifth, as density is not the same everywhere, but
occupancy is one for a domain and changes in steps. So the maxima are averaged over the
neighbourhood, but only over cells of about the same level (a mean shift towards the nearest mode),
which leaves steps where they are. `docs/method.md` has the details.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps.filters import gaussian_filter
from occupy_core.maps.grid import Array, Mask
from occupy_core.maps.threads import for_slabs
from occupy_core.scale.calibrated import _loops
from occupy_core.scale.calibrated.place import Place, inner, spread
from occupy_core.scale.calibrated.valleys import Density, steps_into_valleys
from occupy_core.solvent.cells import Cells, Float64Array
from occupy_core.solvent.robust import mad_sigma

_SMALLEST = 0.03  # [guard] occupancy whose logarithm is the least
_PACKING = 1.3  # [fit: python -m benchmarks.modification --set developed] exponent, 0 to 1.6 tried
_PACKED_OVER = 2.6  # [physics] Å; the ball of the maxima, over which packing is averaged
_BALL = 4.0  # [fit: python -m benchmarks.modification --set developed] Å, 2.7 to 8 tried
_QUANTILE = 0.45  # [fit: python -m benchmarks.modification --set developed] 0.3 to 0.85 tried
_BAND = (0.3, 0.15)  # [fit: python -m benchmarks.modification --set developed] 0.25 to 0.4 tried
_ROUNDS = 4  # [guard] of the mean shift; the fourth changes cells by less than 0.01
_SURFACE = 0.05  # [guard] weight of cells at the surface, where density ends within the cell
_WIDE = 2.7  # [physics] Å; the ball of a local maximum, which farther on holds nothing of content
_SHARED = 82.0  # [physics] Å³; the ball of 2.7 Å of a local maximum, which its neighbours share
# Slope and place of the step between two levels: a maximum carries the higher one across it.
_STEP = (3.0, 0.6)  # [fit: python -m benchmarks.modification --set developed] 0.5 to 0.9 tried
# Within which a step lies elsewhere: errors up to 4 Å from one are 0.8 to 2.9 times what is stated.
_STEP_LIES_WITHIN = 2.0  # [fit: python -m benchmarks.modification --set developed] Å, 1.3 to 2.7
# Part of their deviation there: with 1 the edges of chains at 0.7 beside full ones count as full.
_STEP_COUNTS = 0.6  # [fit: python -m benchmarks.modification --set developed] 0.4 to 1
_PLANES = 2  # [machine]


@dataclass(frozen=True, eq=False)
class Regional:
    """The occupancy of each place and its standard error, on the voxels; 0 far from content."""

    scale: Array
    sigma: Array


@dataclass(frozen=True, eq=False)
class Maxima:
    """The local maxima of a map in cells, relative to full density without an upper limit.

    Parameters
    ----------
    wide : ndarray of float32, shape of the cells
        Mean over the voxels of a cell of the maximum over the ball around each, read as occupancy.
    own : ndarray of float32, shape of the cells
        Maximum over the voxels of the cell alone, as a part of full density: noise raises it less
        than the maximum over a ball, from which the curve of that would take too much.
    full : ndarray of bool, shape of the cells
        Cells that are full.
    """

    wide: Array
    own: Array
    full: Mask


def as_occupancy(density: Array, curve: Float64Array, shares: tuple[float, ...]) -> Array:
    """Read densities above the solvent off a curve, going on in a line above its end."""
    slope = (shares[-1] - shares[-2]) / (curve[-1] - curve[-2])
    above = np.maximum(density - curve[-1], 0) * slope
    return np.asarray(np.interp(density, curve, shares) + above, np.float32)


def regional_scale(
    maxima: Maxima, density: Density, place: Place, granularity: float, error: float
) -> Regional:
    """Return the occupancy of each place of a map.

    Parameters
    ----------
    maxima : Maxima
    density : Density
        The map whose maxima they are.
    place : Place
        Where there is content.
    granularity : float
        Radius (Å) of the neighbourhood over which cells of one level are averaged.
    error : float
        Standard error of a voxel of solvent.
    """
    cells, content = place.cells, place.content
    shape = cells.grid.shape
    if not content.any():
        return Regional(np.zeros(shape, np.float32), np.full(shape, error, np.float32))
    core = inner(content)
    values = _unpacked(maxima, content, cells)
    weights = np.where(core, np.float32(1), np.float32(_SURFACE)) * content
    level = _quantiles(values, weights, cells)
    mean, sigma = _modes(values, weights, level, cells, granularity)
    full = maxima.full & core
    full = full if full.any() else core
    mean /= np.float32(np.median(mean[full]))
    # Full regions differ by composition and B-factors: so far a level can be off.
    spread_of_full = np.float32(mad_sigma(mean[full], 1.0))
    sigma = np.hypot(sigma, mean * spread_of_full)
    _fill(mean, sigma, core, place)
    _empty(mean, sigma, maxima.wide, place, error)
    np.clip(mean, 0, 1, out=mean)
    sigma = np.hypot(sigma, _error_of_steps(mean, cells))
    np.clip(sigma, 0, 1, out=sigma)
    scale = spread(cells, mean, _STEP)
    errors = spread(cells, np.where(place.confidence > 0, sigma, np.float32(error)))
    scale[place.on_voxels == 0] = 0
    steps_into_valleys(scale, mean, place, density)
    return Regional(scale, errors)


def _unpacked(maxima: Maxima, content: Mask, cells: Cells) -> Array:
    """Return the wide maxima as if density were packed as densely everywhere as where it is full.

    Where atoms are sparse, such as in loops at the surface, fewer of them are in the ball and its
    maximum is lower, but it is also higher above what single cells have.
    """
    wide, own = (np.log(np.maximum(v, np.float32(_SMALLEST))) for v in (maxima.wide, maxima.own))
    there = content.astype(np.float32)
    widths = [_PACKED_OVER / edge for edge in cells.spacing]
    sparse = gaussian_filter(there * (wide - own), widths)
    sparse /= np.maximum(gaussian_filter(there, widths), np.float32(1e-3))
    full = maxima.full & content
    sparse -= np.float32(np.median(sparse[full if full.any() else content]))
    return np.asarray(maxima.wide * np.exp(np.float32(_PACKING) * sparse), np.float32)


def _ball(radius: float, cells: Cells) -> tuple[NDArray[np.int64], Float64Array]:
    """Return the steps (z, y, x) to the cells of a ball, and their squared distances in Å²."""
    reach = [int(radius / edge) for edge in cells.spacing]
    steps = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), axis=-1)
    steps = steps.reshape(-1, 3)
    squares = ((steps * np.array(cells.spacing)) ** 2).sum(axis=1)
    inside = squares <= radius**2
    return np.ascontiguousarray(steps[inside], np.int64), squares[inside]


def _quantiles(values: Array, weights: Array, cells: Cells) -> Array:
    """Return the level of each cell, told from the few around it."""
    steps, _ = _ball(max(_BALL, 1.01 * max(cells.spacing)), cells)
    level = values.copy()
    for_slabs(
        lambda first, last: _loops.quantiles_around(
            values, weights, (first, last), steps, _QUANTILE, level
        ),
        len(values),
        _PLANES,
    )
    return level


def _modes(
    values: Array, weights: Array, level: Array, cells: Cells, granularity: float
) -> tuple[Array, Array]:
    """Return the mean of the cells of one level around each cell, and its standard error."""
    steps, squares = _ball(max(granularity, 1.01 * max(cells.spacing)), cells)
    near = np.exp(-2 * squares / granularity**2).astype(np.float32)
    given = level
    for number in range(_ROUNDS):
        # The last round averages what was measured, so that its scatter tells the error.
        source = values if number == _ROUNDS - 1 else given
        mean, error = level.copy(), np.ones_like(level)
        rounds = partial(_shift, (source, weights, level), steps, near, (mean, error))
        for_slabs(rounds, len(level), _PLANES)
        given = level = mean
    shared = max(1.0, _SHARED / float(np.prod(cells.spacing)))
    return level, error * np.float32(shared**0.5)


def _shift(
    maps: tuple[Array, Array, Array],
    steps: NDArray[np.int64],
    near: Array,
    out: tuple[Array, Array],
    first: int,
    last: int,
) -> None:
    _loops.shift_to_mode(maps, (first, last), steps, near, _BAND, out)


def _error_of_steps(mean: Array, cells: Cells) -> Array:
    """Return how far values are off as steps may lie elsewhere: a part of their local deviation.

    Cells that have no value do not count.
    """
    there, widths = (mean > 0).astype(np.float32), [_STEP_LIES_WITHIN / e for e in cells.spacing]
    share = np.maximum(gaussian_filter(there, widths), np.float32(1e-3))
    first, second = (gaussian_filter(mean**power, widths) / share for power in (1, 2))
    there *= np.float32(_STEP_COUNTS)
    return np.asarray(there * np.sqrt(np.maximum(second - first * first, 0)), np.float32)


def _fill(values: Array, errors: Array, known: Mask, place: Place) -> None:
    """Give cells around known ones, as far as they have a confidence, the values of these."""
    # One cell more, as the last voxels lie between that and the last one with a confidence.
    wanted, after = place.reached(), np.empty_like(known)
    while _loops.fill_next(values, errors, known, wanted, after):
        known, after = after, np.empty_like(known)
    values[~known] = 0


def _empty(values: Array, errors: Array, own: Array, place: Place, error: float) -> None:
    """Lower cells without content to what they have of their own, where that is less.

    A chain of which a tenth is there hardly stands out of the noise. It is no content then, and
    would be told by its neighbours. Next to content a local maximum is that of the content, so
    what is lower is so only farther away.
    """
    away = _loops.distances(place.content, place.cells.spacing, 2 * _WIDE) > _WIDE
    most = own + np.float32(error)
    less = away & (most < values)
    values[less] = most[less]
    errors[less] = np.float32(error)
