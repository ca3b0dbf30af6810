"""Maps of large voxels, such as averages of subtomograms: the same estimate in a larger unit.

Bands, windows and trees are made for single particles at 1 to 4 Å a voxel. Nothing in them knows
what an Å is, so a map of larger voxels is estimated in a unit in which its voxels are usual.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from occupy_core.maps.grid import DensityMap, Grid

if TYPE_CHECKING:
    from occupy_core.resolution.result import ResolutionParams, ResolutionResult

_LARGEST_VOXEL = 5.0  # [physics] Å; larger ones leave fewer than four bands below Nyquist
_USUAL_VOXEL = 3.0  # [taste: nothing moved] Å, to which larger voxels are brought


def unit_of(grid: Grid) -> float:
    """Unit of length of the estimate, in Å: 1, or more for large voxels."""
    largest = max(grid.voxel_size)
    return 1.0 if largest <= _LARGEST_VOXEL else largest / _USUAL_VOXEL


def in_unit(density: DensityMap, unit: float) -> DensityMap:
    """Return the same voxels on a grid whose lengths are in units."""
    grid = density.grid
    x, y, z = (edge / unit for edge in grid.voxel_size)
    ox, oy, oz = (place / unit for place in grid.origin)
    return replace(density, grid=replace(grid, voxel_size=(x, y, z), origin=(ox, oy, oz)))


def params_in_unit(params: ResolutionParams, unit: float) -> ResolutionParams:
    """Return the parameters with lengths in units."""
    window = None if params.window is None else params.window / unit
    return replace(params, window=window, background=params.background / unit)


def in_angstroms(result: ResolutionResult, unit: float, grid: Grid) -> ResolutionResult:
    """Return a result of lengths in units in Å, on the grid of the map.

    Parameters
    ----------
    result : ResolutionResult
        Its warnings are in Å already.
    unit : float
        In Å.
    grid : Grid
        Of the map as it was given.
    """

    def back(density: DensityMap, factor: float = 1.0) -> DensityMap:
        data = density.data if factor == 1.0 else density.data * np.float32(factor)
        return replace(density, data=data, grid=grid)

    def lengths(density: DensityMap | None) -> DensityMap | None:
        return None if density is None else back(density, unit)

    def length(value: float | None) -> float | None:
        return None if value is None else value * unit

    overall, second = result.overall, result.second_opinion
    return replace(
        result,
        resolution=back(result.resolution, unit),
        resolution05=lengths(result.resolution05),
        sigma=back(result.sigma, unit),
        single_map=lengths(result.single_map),
        censored=back(result.censored),
        mask=back(result.mask),
        second_opinion=None if second is None else back(second),
        filtered=tuple(back(density) for density in result.filtered),
        overall=replace(
            overall,
            frequency=overall.frequency / unit,
            at_0143=length(overall.at_0143),
            at_05=length(overall.at_05),
        ),
        finest_detail=result.finest_detail * unit,
        window=result.window * unit,
        quantiles={level: value * unit for level, value in result.quantiles.items()},
    )
