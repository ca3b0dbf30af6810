"""Regional scale: the occupancy of a place, from the local maxima of density in its basins.

Within one chain local maxima vary by a tenth to a fifth, as density is not the same everywhere, but
occupancy is one for a domain and changes in steps. So basins of density are joined to regions of
one level, as far as their values and the noise allow, and voxels at a step belong to the side whose
density they have. `docs/method.md` has the details.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps.filters import gaussian_filter
from occupy_core.maps.grid import Array, Mask
from occupy_core.maps.threads import for_slabs
from occupy_core.scale.calibrated import _basin_loops, _loops
from occupy_core.scale.calibrated.basins import Basins, Regions, find_basins, join, medians
from occupy_core.scale.calibrated.place import Place, inner, spread
from occupy_core.solvent.cells import Cells, Float64Array
from occupy_core.solvent.robust import mad_sigma

_SMALLEST = 0.03  # [guard] occupancy whose logarithm is the least
_PACKING = 1.3  # [fit: python -m benchmarks.modification --set developed] exponent, 0 to 1.6 tried
_PACKED_OVER = 2.6  # [physics] Å; the ball of the maxima, over which packing is averaged
_PRICE = 0.024  # [fit: python -m benchmarks.modification --set developed] of 1 Å², 0.009 to 0.06
_LEAST = (
    4  # [fit: python -m benchmarks.modification --set developed] basins of a region; 1, 4 tried
)
_USUAL = 12.0  # [machine] granularity, Å, to which the two numbers above belong
_AT_SURFACE = 4.0  # [guard] times the variance has a basin at the surface, where density ends in it
_STEADY = 0.05  # [guard] least scatter of logarithms, for maps of few basins
_ALIKE = 4.0  # [physics] basins that share a deviation: those within a side chain or a turn
_HOPS = 3  # [physics] basins to a side, which is about the granularity: how far deviations go on
_CLAIM = (1.3, 3.0)  # [physics] Å; deviation of the Gaussian that smoothed the map, and its reach
_PLANES = 2  # [machine]


@dataclass(frozen=True, eq=False)
class Regional:
    """The occupancy of each place and its standard error, on the voxels; 0 far from content."""

    scale: Array
    sigma: Array


@dataclass(frozen=True, eq=False, kw_only=True)
class Measured:
    """What a map shows, on its voxels and in its cells.

    Parameters
    ----------
    data : ndarray of float32, shape (z, y, x)
        The map.
    smooth, maxima : ndarray of float32, shape (z, y, x)
        The map, smoothed and multiplied by `factor`, and its local maxima as if content were
        equally sharp.
    factor, solvent : float
        Grey units of `smooth` in one of the map, and level of the solvent in `smooth`.
    curve, errors : ndarray of float64, shape (shares,)
        Density above the solvent that full density would have at each share, and its deviation
        from noise.
    shares : tuple of float
    gain : ndarray of float32, shape of the cells
        Factor that makes content equally sharp.
    full : ndarray of bool, shape of the cells
        Cells that are full.
    """

    data: Array
    smooth: Array
    maxima: Array
    factor: float
    solvent: float
    curve: Float64Array
    errors: Float64Array
    shares: tuple[float, ...]
    gain: Array
    full: Mask

    def as_occupancy(self, density: NDArray[np.floating]) -> Float64Array:
        """Read densities above the solvent off the curve, going on in a line above its end."""
        curve, shares = self.curve, self.shares
        slope = (shares[-1] - shares[-2]) / (curve[-1] - curve[-2])
        read: Float64Array = np.interp(density, curve, shares)
        return np.asarray(read + np.maximum(density - curve[-1], 0) * slope, np.float64)

    def error_at(self, occupancy: Float64Array) -> Float64Array:
        """Return the standard error from noise of an occupancy that was read off the curve."""
        slopes = np.gradient(self.curve, self.shares)
        return np.asarray(np.interp(occupancy, self.shares, self.errors / slopes))


def regional_scale(made: Measured, place: Place, granularity: float, *, known: bool) -> Regional:
    """Return the occupancy of each place of a map.

    Parameters
    ----------
    made : Measured
    place : Place
        Where there is content.
    granularity : float
        Size (Å) below which parts are not told apart.
    known : bool
        Whether the noise is known.
    """
    cells, content, shape = place.cells, place.content, made.data.shape
    error = float(np.clip(made.error_at(np.zeros(1))[0], 0, 1))
    near = place.reached()
    basins = find_basins(made.data, made.smooth, made.factor, content, near, cells)
    if len(basins) == 0:
        return Regional(np.zeros(shape, np.float32), np.full(shape, error, np.float32))
    values, packing = _values(made, basins, content)
    core = inner(content)
    full = basins.at_peaks(made.full & core)
    full = full if full.any() else np.ones(len(basins), np.bool_)
    logarithms = np.log(np.maximum(values * packing, _SMALLEST))
    variances = _variances(made, basins, logarithms, known=known)
    variances *= np.where(basins.at_peaks(core), 1.0, _AT_SURFACE)
    price, least = _granular(granularity)
    regions = join(logarithms, variances, basins.contacts, price, least)
    level = medians(logarithms, 1 / variances, regions.of_basin)
    level = np.exp(level - np.median(level[regions.of_basin][full]))
    sigma = level * _relative_error(regions, logarithms, basins, full)
    return _painted(made, place, basins, regions, (level, sigma, error))


def _variances(
    made: Measured, basins: Basins, logarithms: Float64Array, *, known: bool
) -> Float64Array:
    """Return the variance of the logarithm of each basin's value within a region.

    From what neighbours differ by, of which most belong to one region, and the noise of each.
    """
    first, second, _ = basins.contacts
    differences = logarithms[first] - logarithms[second]
    scatter = mad_sigma(differences) / 2**0.5 if len(differences) else 0.0
    values = np.exp(logarithms)
    noise = made.error_at(values) if known else np.zeros(len(basins))
    return np.asarray(max(scatter, _STEADY) ** 2 + (noise / values) ** 2)


def _granular(granularity: float) -> tuple[float, int]:
    """Return what 1 Å² of boundary costs, and the least number of basins of a region."""
    size = granularity / _USUAL
    return _PRICE * size, max(1, round(_LEAST * size**3))


def _values(made: Measured, basins: Basins, content: Mask) -> tuple[Float64Array, Float64Array]:
    """Return the occupancy that each basin reads, and what its packing makes of that."""
    levels = made.solvent / made.factor, (made.solvent + float(made.curve[-1])) / made.factor
    found = basins.means(made.data, made.maxima, levels) - made.solvent
    packing = _packing(made, content, basins.cells)
    return made.as_occupancy(found), np.asarray(basins.at_peaks(packing), np.float64)


def _packing(made: Measured, content: Mask, cells: Cells) -> Array:
    """Return the factors by which maxima are raised where density is less packed than full one is.

    Where atoms are sparse, such as in loops at the surface, fewer of them are in the ball and its
    maximum is lower, but it is also higher above what single cells have.
    """
    level = np.float32(made.solvent)
    wide = made.as_occupancy(cells.means(made.maxima) - level).astype(np.float32)
    own = made.gain * (cells.maxima(made.smooth) - level) / np.float32(made.curve[-1])
    ratio = np.log(np.maximum(wide, np.float32(_SMALLEST)))
    ratio -= np.log(np.maximum(own, np.float32(_SMALLEST)))
    there = content.astype(np.float32)
    widths = [_PACKED_OVER / edge for edge in cells.spacing]
    sparse = gaussian_filter(there * ratio, widths)
    sparse /= np.maximum(gaussian_filter(there, widths), np.float32(1e-3))
    full = made.full & content
    sparse -= np.float32(np.median(sparse[full if full.any() else content]))
    return np.asarray(np.exp(np.float32(_PACKING) * sparse), np.float32)


def _relative_error(
    regions: Regions, values: Float64Array, basins: Basins, full: Mask
) -> Float64Array:
    """Return the standard error of the level of each region, relative to it.

    Basins of a side chain or a turn deviate together, so fewer count than there are. And full
    parts differ by composition and B-factors: so far a level can be off.
    """
    local = values - regions.level[regions.of_basin]
    for _ in range(_HOPS):
        local = basins.with_neighbours(local)
    differ = mad_sigma(local[full])
    scattered = (values - regions.level[regions.of_basin]) ** 2
    scattered = np.bincount(regions.of_basin, scattered) / np.maximum(regions.size - 1, 1)
    return np.sqrt(_ALIKE * (scattered / regions.size + 1 / regions.weight) + differ**2)


def _painted(
    made: Measured,
    place: Place,
    basins: Basins,
    regions: Regions,
    read: tuple[Float64Array, Float64Array, float],
) -> Regional:
    """Return the voxels with what their regions read; beside these what cells around them have."""
    cells, (level, sigma, error) = place.cells, read
    values = np.clip(level, 0, 1).astype(np.float32), np.clip(sigma, 0, 1).astype(np.float32)
    scale, errors = (spread(cells, v) for v in _around(basins, regions, values, place, error))
    steps, weights = _claims(cells)
    dark = made.solvent / made.factor

    def paint(first: int, last: int) -> None:
        for z in range(first, last):
            out = scale[z], errors[z]
            _basin_loops.paint_plane(
                made.data, dark, basins.labels, regions.of_basin, values, steps, weights, z, out
            )

    for_slabs(paint, len(scale), _PLANES)
    scale[place.on_voxels == 0] = 0
    return Regional(scale, errors)


def _claims(cells: Cells) -> tuple[NDArray[np.int64], Array]:
    """Return the steps (z, y, x) to the voxels whose density claims one, and their weights."""
    voxel = cells.grid.voxel_size_zyx
    deviation, radius = _CLAIM
    reach = [max(1, int(radius / v)) for v in voxel]
    steps = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), axis=-1)
    steps = steps.reshape(-1, 3)
    squares = ((steps * np.array(voxel)) ** 2).sum(axis=1)
    inside = squares <= max(radius, 1.01 * max(voxel)) ** 2
    weights = np.exp(-squares[inside] / (2 * deviation**2)).astype(np.float32)
    return np.ascontiguousarray(steps[inside], np.int64), weights


def _around(
    basins: Basins, regions: Regions, values: tuple[Array, Array], place: Place, error: float
) -> tuple[Array, Array]:
    """Return scale and error of the cells of regions and of those around, within their reach."""
    cells = place.cells
    scale, errors = np.zeros((2, *cells.shape), np.float32)
    known = np.zeros(cells.shape, np.bool_)

    def average(first: int, last: int) -> None:
        for i in range(first, last):
            out = scale[i], errors[i], known[i]
            _basin_loops.average_cells(basins.labels, regions.of_basin, values, cells.edge, i, out)

    for_slabs(average, cells.shape[0], _PLANES)
    wanted, after = place.reached(), np.empty_like(known)
    while _loops.fill_next(scale, errors, known, wanted, after):
        known, after = after, np.empty_like(known)
    return scale, np.where(place.confidence > 0, errors, np.float32(error))
