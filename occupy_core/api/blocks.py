"""The blocks of an ensemble."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from occupy_core.api.arguments import params_of
from occupy_core.blocks import find
from occupy_core.blocks.find import BlocksResult, Sketch
from occupy_core.blocks.params import BlocksParams
from occupy_core.errors import ParameterError
from occupy_core.maps.ensemble import Ensemble, volumes_in
from occupy_core.maps.given import Volume, as_map
from occupy_core.maps.grid import DensityMap
from occupy_core.progress import Progress


def find_blocks(
    volumes: Ensemble | str | os.PathLike[str] | Iterable[Volume],
    *,
    voxel_size: float | None = None,
    bin: int = 1,  # noqa: A002 - as the option is called
    align_maps: bool = False,
    match_falloff: bool = False,
    names: Sequence[str] | None = None,
    thresholds: Mapping[str, float] | None = None,
    resume: Sketch | None = None,
    params: BlocksParams | None = None,
    progress: Progress | None = None,
    **fields: Any,
) -> BlocksResult:
    """Find the parts of a complex that come and go together in an ensemble of volumes.

    Parameters
    ----------
    volumes : folder, several volumes, or Ensemble
        At least 10 aligned volumes on one grid; files are read when they are needed.
    voxel_size : float, optional
        Edge of the cubic voxels in Å; arrays need it.
    bin : int
        Volumes are averaged over cubes of so many voxels along each edge.
    align_maps : bool
        Move each volume onto the first, to a fraction of a voxel; nothing is turned.
    match_falloff : bool
        Weaken each shell of frequencies to the amplitude of the weakest volume.
    names : sequence of str, optional
        What the volumes are called; by default as their files.
    thresholds : mapping of str to float, optional
        Threshold of each volume by its name, instead of a rule or a number.
    resume : Sketch, optional
        Steps that were done before on the same volumes, such as
        ``Sketch(result.occupied, result.communities)``; they are not done again.
    params : BlocksParams, optional
    progress : callable, optional
        Takes the fraction done and a few words.
    **fields
        Fields of `BlocksParams`, over those of `params`.

    Returns
    -------
    BlocksResult
        Perhaps without a block.

    Raises
    ------
    ParameterError, MapFormatError
        When a volume or a parameter is of the wrong kind, or there are too few volumes.
    GridMismatchError
        When a volume lies on another grid.
    EstimationError
        When the volumes are constant, all the same, or below their thresholds.
    """
    chosen = params_of(BlocksParams, params, fields, "find_blocks")
    if not isinstance(volumes, Ensemble):
        volumes = Ensemble(
            _sources(volumes, voxel_size), voxel_size=voxel_size, names=names, bin=bin
        )
    volumes = volumes.made_alike(align_maps=align_maps, match_falloff=match_falloff)
    return find.find_blocks(
        volumes, chosen, thresholds=thresholds, resume=resume, progress=progress
    )


def _sources(
    volumes: str | os.PathLike[str] | Iterable[Volume], voxel_size: float | None
) -> list[Path | DensityMap]:
    """Return files as they are, for they are read later, and the others as maps."""
    if isinstance(volumes, str | os.PathLike):
        return list(volumes_in(volumes))
    if isinstance(volumes, DensityMap) or not isinstance(volumes, Iterable):
        raise ParameterError(
            f"The volumes are of type {type(volumes).__name__} but must be a folder, an Ensemble "
            "or several volumes."
        )
    return [
        Path(volume)
        if isinstance(volume, str | os.PathLike)
        else as_map(volume, voxel_size, what=f"volume {i}")
        for i, volume in enumerate(volumes, start=1)
    ]
