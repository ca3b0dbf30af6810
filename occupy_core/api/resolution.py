"""The local resolution of a map."""

from __future__ import annotations

from typing import Any

from occupy_core.api.arguments import Answer, Halves, beside, halves_of, pair_of, params_of
from occupy_core.errors import ParameterError
from occupy_core.maps.given import Volume, VoxelSize, as_map, as_map_on, is_array
from occupy_core.progress import Progress
from occupy_core.resolution.estimate import estimate_resolution
from occupy_core.resolution.read.halfmaps import mean_map
from occupy_core.resolution.result import ResolutionParams, ResolutionResult


class MapWithResolution(Answer):
    """A map and its local resolution.

    Attributes
    ----------
    resolution, sigma, mask : ndarray or DensityMap
        Local resolution and its standard deviation in Å, and the mask of the molecule; on the grid
        of the map, read-only.
    density : DensityMap
        The map.
    estimate : ResolutionResult
        All that was found, with maps as `DensityMap`. Its other attributes, such as `overall`,
        `censored`, `filtered` and `warnings`, are attributes here too.
    """

    estimate: ResolutionResult


def local_resolution(
    volume: Volume | None = None,
    *,
    voxel_size: VoxelSize | None = None,
    half_maps: Halves | None = None,
    mask: Volume | None = None,
    params: ResolutionParams | None = None,
    progress: Progress | None = None,
    **fields: Any,
) -> MapWithResolution:
    """Estimate the local and global resolution of a map, and the mask of its molecule.

    Parameters
    ----------
    volume : ndarray, DensityMap or path, optional
        The map; the mean of the half maps when left out.
    voxel_size : float or tuple of float, optional
        Å; arrays need it.
    half_maps : pair of volumes, optional
        Unfiltered half maps: their local FSC is the answer then.
    mask : volume, optional
        Mask of the molecule (above 0.5), instead of the one found.
    params : ResolutionParams, optional
    progress : callable, optional
        Takes the fraction done and a few words.
    **fields
        Fields of `ResolutionParams`, over those of `params`.

    Returns
    -------
    MapWithResolution

    Raises
    ------
    ParameterError, MapFormatError
        When a volume or a parameter is of the wrong kind or outside its limits.
    GridMismatchError
        When volumes do not lie on one grid.
    EstimationError
        When a map is constant, too small or holds too little detail.
    """
    chosen = params_of(ResolutionParams, params, fields, "local_resolution")
    if volume is not None:
        density = as_map(volume, voxel_size)
        halves, arrays = halves_of(half_maps, density, voxel_size), is_array(volume)
    elif half_maps is not None:
        first, second = pair_of(half_maps)
        lead = as_map(first, voxel_size, what="half map 1")
        halves = lead, as_map_on(second, lead.grid, "half map 2", voxel_size)
        density, arrays = mean_map(halves), is_array(first)
    else:
        raise ParameterError("No map is given; give a volume, or half_maps.")
    result = estimate_resolution(
        density,
        chosen,
        half_maps=halves,
        mask=beside(mask, density, "mask", voxel_size),
        progress=progress,
    )
    return MapWithResolution(density, result, arrays=arrays)
