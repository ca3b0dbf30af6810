"""The occupancy of chains, ligands and masked regions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import replace
from typing import Any

from occupy_core.api.arguments import Halves, halves_of, pair_of, params_of
from occupy_core.errors import ParameterError
from occupy_core.maps.alike import AlikeMaps
from occupy_core.maps.given import Maps, Volume, VoxelSize
from occupy_core.maps.grid import DensityMap, require_same_grid
from occupy_core.progress import Progress
from occupy_core.regions.by_masks import estimate as by_masks
from occupy_core.regions.by_masks.estimate import RegionParams
from occupy_core.regions.by_model import estimate as by_model
from occupy_core.regions.by_model.atoms import AtomicModel
from occupy_core.regions.by_model.estimate import ChainParams
from occupy_core.regions.table import RegionTable


def chain_occupancy(
    maps: Volume | Iterable[Volume],
    model: AtomicModel | str | os.PathLike[str],
    *,
    voxel_size: VoxelSize | None = None,
    half_maps: Iterable[Halves] | None = None,
    scales: Volume | Iterable[Volume] | None = None,
    align_maps: bool = False,
    match_falloff: bool = False,
    params: ChainParams | None = None,
    progress: Progress | None = None,
    **fields: Any,
) -> RegionTable:
    """Measure the occupancy of the chains, residue windows or ligands of a model in maps.

    Parameters
    ----------
    maps : volume, several volumes, or mapping from names to volumes
        One map, or maps of one grid such as the classes of a classification.
    model : path or AtomicModel
        PDB or mmCIF model in the frame of the maps.
    voxel_size : float or tuple of float, optional
        Å; arrays need it.
    half_maps : sequence of pairs of volumes, optional
        Half maps of each map: where these differ by more than the noise, errors are wider.
    scales : volume or several, optional
        Local scale of each map, for the column `mean_scale`.
    align_maps : bool
        Move each map onto the first, to a fraction of a voxel; nothing is turned.
    match_falloff : bool
        Weaken each shell of frequencies to the amplitude of the weakest map.
    params : ChainParams, optional
    progress : callable, optional
        Takes the fraction done and a few words.
    **fields
        Fields of `ChainParams`, over those of `params`.

    Returns
    -------
    RegionTable

    Raises
    ------
    ParameterError, MapFormatError
        When a volume, the model or a parameter cannot be used.
    GridMismatchError
        When the maps do not lie on one grid.
    EstimationError
        When the model does not lie in the maps, or the reference has no density.
    """
    if not isinstance(model, AtomicModel | str | os.PathLike):
        raise ParameterError(
            f"The model is of type {type(model).__name__} but must be the path of a PDB or mmCIF "
            "file, or an AtomicModel."
        )
    chosen = params_of(ChainParams, params, fields, "chain_occupancy")
    given = Maps(maps, voxel_size)
    densities = AlikeMaps(given, align_maps=align_maps, match_falloff=match_falloff)
    table = by_model.chain_occupancy(
        densities,
        model,
        chosen,
        half_maps=_pairs(half_maps, given, densities, voxel_size),
        scale_of=_scale_of(scales, given, densities, voxel_size),
        progress=progress,
    )
    return replace(table, notes=(*densities.notes, *table.notes))


def region_occupancy(
    maps: Volume | Iterable[Volume],
    masks: Volume | Iterable[Volume],
    *,
    voxel_size: VoxelSize | None = None,
    half_maps: Iterable[Halves] | None = None,
    scales: Volume | Iterable[Volume] | None = None,
    align_maps: bool = False,
    match_falloff: bool = False,
    params: RegionParams | None = None,
    progress: Progress | None = None,
    **fields: Any,
) -> RegionTable:
    """Measure the occupancy of masked regions in maps.

    Parameters
    ----------
    maps, masks : volume, several volumes, or mapping from names to volumes
        On one grid; masks are weights 0 to 1 and may be soft and overlap.
    voxel_size : float or tuple of float, optional
        Å; arrays need it.
    half_maps : sequence of pairs of volumes, optional
        Half maps of each map, for the noise.
    scales : volume or several, optional
        Local scale of each map, for the column `mean_scale`.
    align_maps : bool
        Move each map onto the first, to a fraction of a voxel; nothing is turned.
    match_falloff : bool
        Weaken each shell of frequencies to the amplitude of the weakest map.
    params : RegionParams, optional
    progress : callable, optional
        Takes the fraction done and a few words.
    **fields
        Fields of `RegionParams`, over those of `params`.

    Returns
    -------
    RegionTable

    Raises
    ------
    ParameterError, MapFormatError
        When a volume or a parameter is of the wrong kind, or a mask is empty.
    GridMismatchError
        When maps and masks do not lie on one grid.
    EstimationError
        When the reference has no density, or the contrast is inverted.
    """
    chosen = params_of(RegionParams, params, fields, "region_occupancy")
    given = Maps(maps, voxel_size)
    densities = AlikeMaps(given, align_maps=align_maps, match_falloff=match_falloff)
    table = by_masks.region_occupancy(
        densities,
        Maps(masks, voxel_size, what="mask", beside=given),
        chosen,
        half_maps=_pairs(half_maps, given, densities, voxel_size),
        scale_of=_scale_of(scales, given, densities, voxel_size),
        progress=progress,
    )
    return replace(table, notes=(*densities.notes, *table.notes))


def _pairs(
    half_maps: Iterable[Halves] | None,
    maps: Maps,
    densities: AlikeMaps,
    voxel_size: VoxelSize | None,
) -> Iterator[tuple[DensityMap, DensityMap]] | None:
    """Return the pairs of half maps as maps, one pair for each map, changed as that."""
    if half_maps is None:
        return None
    given = [pair_of(pair) for pair in half_maps]
    _require_one_each(given, maps, "pairs of half maps")
    found = (halves_of(pair, maps.first, voxel_size) for pair in given)
    return (
        (densities.like(i, pair[0]), densities.like(i, pair[1]))
        for i, pair in enumerate(found)
        if pair is not None
    )


def _scale_of(
    scales: Volume | Iterable[Volume] | None,
    maps: Maps,
    densities: AlikeMaps,
    voxel_size: VoxelSize | None,
) -> Callable[[DensityMap], DensityMap] | None:
    """Return what gives the scale of each map, in their order."""
    if scales is None:
        return None
    given = Maps(scales, voxel_size, what="scale map", beside=maps)
    _require_one_each(given, maps, "scale maps")
    waiting = enumerate(given)

    def scale_of(density: DensityMap) -> DensityMap:
        number, scale = next(waiting)
        require_same_grid(density, scale, "scale map")
        return densities.like(number, scale, filtered=False)

    return scale_of


def _require_one_each(given: Sized, maps: Maps, what: str) -> None:
    if len(given) != len(maps):
        raise ParameterError(
            f"The number of {what} is {len(given)} but that of the maps is {len(maps)}; give one "
            "for each map, in the same order."
        )
