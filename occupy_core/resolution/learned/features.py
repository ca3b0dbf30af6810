"""What the learned models see: scale-free numbers for each point of a map."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from occupy_core.maps import Array, Mask
from occupy_core.maps.filters import linear_interpolate
from occupy_core.resolution.measure.analysis import Analysis, onto
from occupy_core.resolution.measure.coupling import detail_coupling
from occupy_core.resolution.measure.density_mask import smoothed_density
from occupy_core.resolution.measure.solvent_shells import coarse_energy, distance_from
from occupy_core.resolution.read.crossing import first_crossing, fsc_from_energy, smooth_bands
from occupy_core.solvent.robust import mad_sigma

Values = NDArray[np.float64]

_PARTS = np.array([0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.775, 0.85, 0.925, 1.0])  # of the limit
_FLOORS = (0.02, 0.1)  # quantiles within the mask that stand in for the noise
_DETAILS = (5.0, 7.0, 10.0, 14.0, 20.0)  # Å, of the density that shows the surface
_WIDE = 2.4  # windows about a point in which detail shows its share of signal
_SURE = (0.12, 0.26)  # 1/Å: bands that hold little but signal in most maps
_SHARES = (0.25, 0.5)  # of signal; half maps have an FSC of 0.143 and 0.33 there
_LEAST_FILLED = np.float32(0.15)


def resolution_features(analysis: Analysis, where: Mask) -> Array:
    """Features for the resolution of a map whose noise cannot be measured.

    Energies are divided by the part of the window that the mask left, and compared with the
    median of the molecule, with the coarsest band of the same point, and with low quantiles of
    the molecule that stand in for the noise; frequencies are parts of the limit of the map. How
    detail goes with density tells the share of signal (`detail_coupling`), of the whole molecule
    and about each point.

    Parameters
    ----------
    analysis : Analysis
    where : ndarray of bool
        Points wanted, on the grid of the energies.

    Returns
    -------
    ndarray of float32, shape (points, features)
    """
    energies = analysis.energies
    filled = np.maximum(analysis.filled, _LEAST_FILLED)
    level = np.maximum(energies.energy / filled, np.float32(1e-12))
    f, limit = energies.bands.frequency, analysis.spectrum.limit
    curves = _at_parts(np.log(level[:, where]), f, limit)
    quantiles = np.quantile(curves, [0.05, 0.5, 0.95], axis=1)
    n = curves.shape[1]
    columns = [*(curves - quantiles[1][:, None]), *(curves - curves[1])]
    for row in (quantiles[1] - quantiles[0], quantiles[2] - quantiles[1]):
        columns += [np.full(n, value) for value in row]
    for floor in _FLOORS:
        noise = np.quantile(level[:, where], floor, axis=1)
        fsc = fsc_from_energy(level[:, where], noise)
        for threshold in (0.143, 0.5):
            crossing = first_crossing(fsc, energies.bands, threshold, limit)
            columns.append(np.log(crossing.frequency / limit))
    columns += _shares_of_signal(analysis, where)
    emptied = distance_from(analysis.filled < 0.5, energies.grid.voxel_size_zyx)
    columns.append(analysis.filled[where])
    columns.append(np.minimum(emptied[where], 50.0))
    state = analysis.state
    for number in (1 / limit, state.cut, state.solvent == "masked", state.clipped, state.altered):
        columns.append(np.full(n, float(number)))
    return np.stack(columns, axis=1).astype(np.float32)


def _shares_of_signal(analysis: Analysis, where: Mask) -> list[Array]:
    """Columns on how detail goes with density at the points wanted, and where that falls."""
    energies, limit = analysis.energies, analysis.spectrum.limit
    f, grid = energies.bands.frequency, energies.grid
    coupling = detail_coupling(analysis.spectrum, energies)
    weight = onto(analysis.mask, grid.shape) * np.minimum(analysis.filled, np.float32(1)) ** 2
    if not weight.any():
        weight = np.ones_like(weight)
    total = float(weight.sum(dtype=np.float64))
    sums = np.array([(c * weight).sum(dtype=np.float64) for c in coupling])
    sigma = [_WIDE * energies.window / v for v in grid.voxel_size_zyx]

    def wide(values: Array) -> Array:
        result: Array = ndimage.gaussian_filter(values * weight, sigma, mode="wrap")[where]
        return result

    about = np.maximum(wide(np.ones_like(weight)), np.float32(1e-6))
    points: Array = np.stack([wide(c) / about for c in coupling])
    curve = smooth_bands((sums / total).astype(np.float32))
    # Bands in which nearly all is signal say how strong that is of signal alone.
    sure = (f > _SURE[0]) & (f < _SURE[1])
    full = max(float(np.median(curve[sure]) if sure.any() else curve.max()), 1e-3)
    share = np.where(f > _SURE[0], np.clip(curve / full, 0, 0.99), 0.99).astype(np.float32)
    of_map = [*_at_parts(curve[:, None], f, limit)[:, 0]]
    for part in _SHARES:
        crossing = first_crossing(share[:, None], energies.bands, part, limit)
        of_map.append(np.log(crossing.frequency[0] / np.float32(limit)))
    n = points.shape[1]
    return [*(np.full(n, value, np.float32) for value in of_map), *_at_parts(points, f, limit)]


def is_altered(features: Array) -> Mask:
    """Which rows of `resolution_features` belong to a map that was modified or clipped."""
    result: Mask = features[:, -1] > 0.5
    return result


def mask_features(analysis: Analysis, where: Mask) -> Array:
    """Features of points near the surface of the molecule, for the mask.

    Parameters
    ----------
    analysis : Analysis
    where : ndarray of bool
        Points wanted, on the grid of the surface.

    Returns
    -------
    ndarray of float32, shape (points, features)
    """
    grid, rule = analysis.surface_grid, analysis.mask
    spacing = grid.voxel_size_zyx
    signed = distance_from(rule, spacing) - distance_from(~rule, spacing)
    columns: list[NDArray[Any]] = [np.clip(signed[where], -20, 20)]
    solvent = onto(analysis.noise.zone, grid.shape)
    outside = solvent if solvent.any() else ~rule
    for detail in _DETAILS:
        smooth = smoothed_density(analysis.spectrum, detail)[0]
        level = float(np.median(smooth[outside]))
        spread = mad_sigma(smooth[outside], level)
        height = float(np.quantile(smooth[rule], 0.8)) - level if rule.any() else 1.0
        spread = max(spread, 1e-3 * height)
        columns.append((smooth[where] - level) / height)
        columns.append(np.arcsinh((smooth[where] - level) / spread))
        if detail < 10:
            for extreme in (ndimage.maximum_filter, ndimage.minimum_filter):
                columns.append((extreme(smooth, 3)[where] - level) / height)
    contrast = coarse_energy(analysis.energies)
    strong = np.quantile(contrast, 0.995)
    for energy in (contrast, analysis.energies.energy[-2], analysis.filled):
        scale = strong if energy is contrast else 1.0
        columns.append(linear_interpolate(energy / np.float32(scale), grid.shape)[where])
    state = analysis.state
    for number in (
        1 / analysis.spectrum.limit,
        state.measured,
        state.solvent == "masked",
        rule.mean(),
    ):
        columns.append(np.full(int(where.sum()), float(number)))
    return np.stack(columns, axis=1).astype(np.float32)


def near_surface(analysis: Analysis, reach: float = 9.0) -> Mask:
    """Points within `reach` Å of the mask by significance, on the grid of the surface."""
    result: Mask = distance_from(analysis.mask, analysis.surface_grid.voxel_size_zyx) <= reach
    return result


def _at_parts(curves: Array, f: Values, limit: float) -> Array:
    """Curves (bands, points) at fixed parts of the limit, linear between bands."""
    wanted = np.clip(_PARTS * limit, f[0], f[-1])
    after = np.clip(np.searchsorted(f, wanted), 1, len(f) - 1)
    share = ((wanted - f[after - 1]) / (f[after] - f[after - 1]))[:, None].astype(np.float32)
    result: Array = curves[after - 1] * (1 - share) + curves[after] * share
    return result
