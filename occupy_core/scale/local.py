"""The local scale by either method, on the grid that is processed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from occupy_core.errors import EstimationError
from occupy_core.maps.filters import linear_interpolate, maximum_filter
from occupy_core.maps.fourier import resample
from occupy_core.maps.grid import Array, DensityMap, Grid, Mask
from occupy_core.maps.threads import for_slabs
from occupy_core.scale.calibrated.calibration import Calibration
from occupy_core.scale.calibrated.ladder import calibrated_scale
from occupy_core.scale.full_scale import (
    Tiles,
    find_full_scale,
    kernel_footprint,
    mean_at_full_scale,
    recommended_tau,
)
from occupy_core.scale.params import ResolvedScale
from occupy_core.solvent.blank import Blank
from occupy_core.solvent.model import solvent_region

_TARGET_LEVEL = 0.5  # [physics] a target mask is "inside" above this value
_PLANES = 16  # [machine] of a slab


@dataclass(frozen=True, eq=False, kw_only=True)
class LocalScale:
    """What is known before the solvent is; the scale is on the grid that is processed."""

    scale: DensityMap
    full_scale: float
    variability_limit: float
    tiles: Tiles | None = None
    target_occupancy: float | None = None
    sigma: DensityMap | None = None
    calibration: Calibration | None = None
    warnings: tuple[str, ...] = ()
    left_out: Mask | None = None
    place: DensityMap | None = None

    def as_scale(self, value: float) -> float:
        """Return a grey value relative to full density, above the solvent if that is known."""
        if self.calibration is None:
            return value / self.full_scale
        zero = self.calibration.solvent_mean
        return max(0.0, (value - zero) / (self.full_scale - zero))


def calibrated_local_scale(
    work: DensityMap,
    blank: Blank,
    numbers: ResolvedScale,
    definition: DensityMap | None,
    half_maps: tuple[DensityMap, DensityMap] | None,
) -> LocalScale:
    """Return the calibrated scale of a map on the grid that is processed."""
    halves = region = None
    if half_maps is not None:
        first, second = (resample(half, work.grid.shape) for half in half_maps)
        halves = first, second
    if definition is not None:
        region, _ = solvent_region(work, on_grid(definition, work.grid))
    made = calibrated_scale(work, blank, numbers, region=region, halves=halves)
    return LocalScale(
        scale=work.with_data(made.scale),
        full_scale=made.full_scale,
        variability_limit=made.variability_limit,
        sigma=work.with_data(made.sigma),
        calibration=made.calibration,
        warnings=made.warnings,
        left_out=made.left_out,
        place=None if made.place is None else work.with_data(made.place.on_voxels),
    )


def median_inside(scale: DensityMap, mask: DensityMap) -> float:
    """Return the median of a scale in a mask."""
    return float(np.median(scale.data[_inside(mask, scale.grid)]))


def relative_scale(
    source: DensityMap, numbers: ResolvedScale, target_mask: DensityMap | None
) -> LocalScale:
    """Return the maximum around each voxel over the density of the fullest tile."""
    full_scale, tiles = find_full_scale(
        source, numbers.tau, tile_size=numbers.tile_size, s0=numbers.s0
    )
    footprint = kernel_footprint(source.grid, numbers.kernel_size, numbers.kernel_radius)
    scale = _rescaled(maximum_filter(source.data, footprint), 0.0, full_scale)
    return LocalScale(
        scale=source.with_data(scale),
        full_scale=full_scale,
        variability_limit=mean_at_full_scale(source.data, scale) / full_scale,
        tiles=tiles,
        target_occupancy=(
            None if target_mask is None else _target_occupancy(source, target_mask, numbers)
        ),
    )


def _target_occupancy(source: DensityMap, mask: DensityMap, numbers: ResolvedScale) -> float:
    """Return the maximum of the map in a mask over the full density for as many voxels."""
    inside = _inside(mask, source.grid)
    tau = recommended_tau(int(np.count_nonzero(inside)))
    full_scale, _ = find_full_scale(source, tau, tile_size=numbers.tile_size, s0=numbers.s0)
    return float(source.data[inside].max()) / full_scale


def _inside(mask: DensityMap, grid: Grid) -> Mask:
    """Return where a mask is above one half, on another grid."""
    inside: Mask = on_grid(mask, grid).data > _TARGET_LEVEL
    if not inside.any():
        raise EstimationError(
            f"The target mask {mask.name} has no voxel above {_TARGET_LEVEL}; give a mask with "
            "values 0 and 1."
        )
    return inside


def recalibrated(local: LocalScale, limit: float) -> LocalScale:
    """Return the scale with the noise level as its zero (`nlrc`)."""
    target = local.target_occupancy
    if target is not None:
        target = min(max((target - limit) / (1 - limit), 0.0), 1.0)
    scale = local.scale.with_data(_rescaled(local.scale.data.copy(), limit, 1.0))
    sigma = local.sigma
    if sigma is not None:
        sigma = sigma.with_data(sigma.data / np.float32(1 - limit))
    return replace(local, scale=scale, sigma=sigma, target_occupancy=target)


def _rescaled(data: Array, zero: float, one: float) -> Array:
    """Bring `zero` to 0 and `one` to 1 and clip to that range, in place."""

    def work(first: int, last: int) -> None:
        slab = data[first:last]
        if zero:
            slab -= np.float32(zero)
        slab /= np.float32(one - zero)
        np.clip(slab, 0, 1, out=slab)

    for_slabs(work, len(data), _PLANES)
    return data


def on_grid(density: DensityMap, grid: Grid) -> DensityMap:
    """Return the map on another grid of the same box by trilinear interpolation."""
    if density.grid.shape == grid.shape:
        return DensityMap(density.data, grid, density.name)
    return DensityMap(linear_interpolate(density.data, grid.shape), grid, density.name)
