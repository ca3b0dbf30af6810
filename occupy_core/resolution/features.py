"""What the learned models see: scale-free numbers for each point of a map."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from occupy_core.maps import Array, Mask
from occupy_core.maps.filters import linear_interpolate
from occupy_core.resolution.analysis import Analysis, onto
from occupy_core.resolution.mask import smoothed_density
from occupy_core.resolution.noise import coarse_energy, distance_from
from occupy_core.resolution.ssnr import first_crossing, fsc_from_energy

Values = NDArray[np.float64]

_PARTS = np.array([0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.775, 0.85, 0.925, 1.0])  # of the limit
_FLOORS = (0.02, 0.1)  # quantiles within the mask that stand in for the noise
_DETAILS = (5.0, 7.0, 10.0, 14.0, 20.0)  # Å, of the density that shows the surface
_LEAST_FILLED = np.float32(0.15)


def resolution_features(analysis: Analysis, where: Mask) -> Array:
    """Features for the resolution of a map whose noise cannot be measured.

    Energies are divided by the part of the window that the mask left, and compared with the
    median of the molecule, with the coarsest band of the same point, and with low quantiles of
    the molecule that stand in for the noise; frequencies are parts of the limit of the map.

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
    emptied = distance_from(analysis.filled < 0.5, energies.grid.voxel_size_zyx)
    columns.append(analysis.filled[where])
    columns.append(np.minimum(emptied[where], 50.0))
    state = analysis.state
    for number in (1 / limit, state.cut, state.solvent == "masked", state.modified):
        columns.append(np.full(n, float(number)))
    return np.stack(columns, axis=1).astype(np.float32)


def is_modified(features: Array) -> Mask:
    """Which rows of `resolution_features` belong to a map that was modified."""
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
        level = np.median(smooth[outside])
        spread = 1.4826 * np.median(np.abs(smooth[outside] - level))
        height = np.quantile(smooth[rule], 0.8) - level if rule.any() else np.float32(1)
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
