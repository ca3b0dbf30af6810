"""The maps of a job that takes several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from occupy_core.maps.alike import AlikeMaps
from occupy_core.maps.grid import DensityMap
from occupy_core.maps.mrc import read_map, require_varying


class JobOfMaps(Protocol):
    """What of a job says which maps it takes."""

    @property
    def maps(self) -> Sequence[Path]:
        """Files, in their order."""

    @property
    def map_names(self) -> Sequence[str]:
        """What each is called."""

    @property
    def voxel_size(self) -> float | None:
        """Å, instead of that of the headers."""

    @property
    def align_maps(self) -> bool:
        """Whether they are moved onto the first."""

    @property
    def match_falloff(self) -> bool:
        """Whether they are filtered alike."""


class JobMaps:
    """The maps of a job, read one after the other under their names."""

    def __init__(self, job: JobOfMaps) -> None:
        self._job = job

    def __len__(self) -> int:
        return len(self._job.maps)

    def __iter__(self) -> Iterator[DensityMap]:
        for path, name in zip(self._job.maps, self._job.map_names, strict=True):
            density = read_map(path, voxel_size=self._job.voxel_size, name=name)
            require_varying(density)
            yield density
            del density  # not to be held while the next one is read


def alike_maps(job: JobOfMaps) -> AlikeMaps:
    """The maps of a job, made alike as it asks for.

    Raises
    ------
    MapFormatError, GridMismatchError
        When a map cannot be read, or lies on another grid than the first.
    """
    return AlikeMaps(JobMaps(job), align_maps=job.align_maps, match_falloff=job.match_falloff)
