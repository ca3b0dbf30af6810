"""The maps of a job that takes several."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from occupy_core.maps.alike import AlikeMaps
from occupy_core.maps.grid import DensityMap
from occupy_core.maps.mrc import map_name, read_map, require_varying


class SeveralMaps:
    """Part of a job with several maps, which have names of their own or those of their files."""

    if TYPE_CHECKING:  # fields of such a job

        @property
        def maps(self) -> tuple[Path, ...]:  # noqa: D102
            ...

        @property
        def names(self) -> tuple[str, ...]:  # noqa: D102
            ...

        @property
        def voxel_size(self) -> float | None:  # noqa: D102
            ...

        @property
        def align_maps(self) -> bool:  # noqa: D102
            ...

        @property
        def match_falloff(self) -> bool:  # noqa: D102
            ...

    @property
    def map_names(self) -> tuple[str, ...]:
        """What the maps are called in tables."""
        return self.names or tuple(map_name(path) for path in self.maps)


class JobMaps:
    """The maps of a job, read one after the other under their names."""

    def __init__(self, job: SeveralMaps) -> None:
        self._job = job

    def __len__(self) -> int:
        return len(self._job.maps)

    def __iter__(self) -> Iterator[DensityMap]:
        for path, name in zip(self._job.maps, self._job.map_names, strict=True):
            density = read_map(path, voxel_size=self._job.voxel_size, name=name)
            require_varying(density)
            yield density
            del density  # not to be held while the next one is read


def alike_maps(job: SeveralMaps) -> AlikeMaps:
    """The maps of a job, made alike as it asks for.

    Raises
    ------
    MapFormatError, GridMismatchError
        When a map cannot be read, or lies on another grid than the first.
    """
    return AlikeMaps(JobMaps(job), align_maps=job.align_maps, match_falloff=job.match_falloff)
