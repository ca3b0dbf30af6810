"""What the learned models see: scale-free numbers for each point of a map."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from occupy_core.maps import Array, Mask
from occupy_core.maps.filters import linear_interpolate
from occupy_core.resolution.learned.feature_names import (
    DETAILS,
    FLOORS,
    LOCAL_DETAIL,
    MASK,
    PARTS,
    RESOLUTION,
    SHARES,
    at_parts,
)
from occupy_core.resolution.measure.analysis import Analysis, onto
from occupy_core.resolution.measure.coupling import detail_coupling
from occupy_core.resolution.measure.density_mask import smoothed_density
from occupy_core.resolution.measure.solvent_shells import coarse_energy, distance_from
from occupy_core.resolution.read.crossing import first_crossing, fsc_from_energy, smooth_bands
from occupy_core.solvent.robust import mad_sigma

Values = NDArray[np.float64]
Columns = dict[str, Any]

_WIDE = 2.4  # [trained] windows about a point in which detail shows its share of signal
_SURE = (0.12, 0.26)  # [trained] 1/Å: bands that hold little but signal in most maps
_LEAST_FILLED = np.float32(0.15)  # [trained]


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
        The columns are those of `feature_names.RESOLUTION`.
    """
    energies = analysis.energies
    filled = np.maximum(analysis.filled, _LEAST_FILLED)
    level = np.maximum(energies.energy / filled, np.float32(1e-12))
    f, limit = energies.bands.frequency, analysis.spectrum.cutoff_frequency
    curves = _at_parts(np.log(level[:, where]), f, limit)
    quantiles = np.quantile(curves, [0.05, 0.5, 0.95], axis=1)
    columns: Columns = {}
    columns |= _curve("energy less median", curves - quantiles[1][:, None])
    columns |= _curve("energy less coarse band", curves - curves[1])
    columns |= _curve("median less 5 %", quantiles[1] - quantiles[0])
    columns |= _curve("95 % less median", quantiles[2] - quantiles[1])
    for floor in FLOORS:
        noise = np.quantile(level[:, where], floor, axis=1)
        fsc = fsc_from_energy(level[:, where], noise)
        for threshold in (0.143, 0.5):
            crossing = first_crossing(fsc, energies.bands, threshold, limit)
            columns[f"FSC {threshold:g} with floor {floor:g}"] = np.log(crossing.frequency / limit)
    columns |= _shares_of_signal(analysis, where)
    emptied = distance_from(analysis.filled < 0.5, energies.grid.voxel_size_zyx)
    columns["filled"] = analysis.filled[where]
    columns["distance from the emptied"] = np.minimum(emptied[where], 50.0)
    state = analysis.state
    columns["finest detail"] = 1 / limit
    columns["cut"] = state.cut
    columns["masked"] = state.solvent == "masked"
    columns["clipped"] = state.clipped
    columns["altered"] = state.altered
    return _stacked(columns, RESOLUTION, curves.shape[1])


def _curve(name: str, values: Array) -> Columns:
    """Name what is known at each part of the limit, of the map or of each point."""
    return dict(zip(at_parts(name), values, strict=True))


def _stacked(columns: Columns, names: tuple[str, ...], n: int) -> Array:
    """Put columns side by side in the order of their names; a number holds for all points."""
    stacked = [np.broadcast_to(np.asarray(columns[name], np.float64), n) for name in names]
    return np.stack(stacked, axis=1).astype(np.float32)


def _shares_of_signal(analysis: Analysis, where: Mask) -> Columns:
    """Columns on how detail goes with density at the points wanted, and where that falls."""
    energies, limit = analysis.energies, analysis.spectrum.cutoff_frequency
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
    columns = _curve("coupling of the map", _at_parts(curve[:, None], f, limit)[:, 0])
    for part in SHARES:
        crossing = first_crossing(share[:, None], energies.bands, part, limit)
        columns[f"signal {part:g} of the map"] = np.log(crossing.frequency[0] / np.float32(limit))
    return columns | _curve("coupling about the point", _at_parts(points, f, limit))


def is_altered(features: Array) -> Mask:
    """Which rows of `resolution_features` belong to a map that was modified or clipped."""
    result: Mask = features[:, RESOLUTION.index("altered")] > 0.5
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
        The columns are those of `feature_names.MASK`.
    """
    grid, rule = analysis.surface_grid, analysis.mask
    spacing = grid.voxel_size_zyx
    signed = distance_from(rule, spacing) - distance_from(~rule, spacing)
    columns: Columns = {"distance from the mask": np.clip(signed[where], -20, 20)}
    solvent = onto(analysis.noise.zone, grid.shape)
    outside = solvent if solvent.any() else ~rule
    for detail in DETAILS:
        smooth = smoothed_density(analysis.spectrum, detail)[0]
        level = float(np.median(smooth[outside]))
        spread = mad_sigma(smooth[outside], level)
        height = float(np.quantile(smooth[rule], 0.8)) - level if rule.any() else 1.0
        spread = max(spread, 1e-3 * height)
        at = f"at {detail:g} Å"
        columns[f"height {at}"] = (smooth[where] - level) / height
        columns[f"significance {at}"] = np.arcsinh((smooth[where] - level) / spread)
        if detail < LOCAL_DETAIL:
            largest, smallest = (
                extreme(smooth, 3)[where]
                for extreme in (ndimage.maximum_filter, ndimage.minimum_filter)
            )
            columns[f"largest height around {at}"] = (largest - level) / height
            columns[f"smallest height around {at}"] = (smallest - level) / height
    contrast = coarse_energy(analysis.energies)
    strong = np.quantile(contrast, 0.995)
    for name, energy in (
        ("coarse energy", contrast / np.float32(strong)),
        ("energy of the second finest band", analysis.energies.energy[-2]),
        ("filled", analysis.filled),
    ):
        columns[name] = linear_interpolate(energy, grid.shape)[where]
    state = analysis.state
    columns["finest detail"] = 1 / analysis.spectrum.cutoff_frequency
    columns["measured"] = state.measured
    columns["masked"] = state.solvent == "masked"
    columns["share of the mask"] = rule.mean()
    return _stacked(columns, MASK, int(where.sum()))


def near_surface(analysis: Analysis, reach: float = 9.0) -> Mask:
    """Points within `reach` Å of the mask by significance, on the grid of the surface."""
    result: Mask = distance_from(analysis.mask, analysis.surface_grid.voxel_size_zyx) <= reach
    return result


def _at_parts(curves: Array, f: Values, limit: float) -> Array:
    """Curves (bands, points) at fixed parts of the limit, linear between bands."""
    wanted = np.clip(PARTS * limit, f[0], f[-1])
    after = np.clip(np.searchsorted(f, wanted), 1, len(f) - 1)
    share = ((wanted - f[after - 1]) / (f[after] - f[after - 1]))[:, None].astype(np.float32)
    result: Array = curves[after - 1] * (1 - share) + curves[after] * share
    return result
