"""Volumes as users have them (arrays, maps or files), as maps on a grid."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from occupy_core.errors import MapFormatError, ParameterError
from occupy_core.maps.grid import Array, DensityMap, Grid
from occupy_core.maps.mrc import map_name, read_map

Volume: TypeAlias = "NDArray[Any] | DensityMap | str | os.PathLike[str]"
VoxelSize: TypeAlias = "float | tuple[float, float, float]"

_KINDS = "an array (z, y, x), a DensityMap or the path of a map"


def as_map(
    volume: Volume,
    voxel_size: VoxelSize | None = None,
    *,
    what: str = "volume",
) -> DensityMap:
    """Return a volume as a map.

    Parameters
    ----------
    volume : ndarray, DensityMap or path
        An array has the axes (z, y, x); a path is that of an MRC or CCP4 file.
    voxel_size : float or tuple of float, optional
        Edge of the voxels in Å, or edges (x, y, z); instead of what a map or a header says. Arrays
        need it.
    what : str
        What the volume is, for messages, and the name of an array.

    Raises
    ------
    ParameterError
        When it is none of these, has no voxel size, or holds no real numbers along three axes.
    MapFormatError
        When a file is no map, or a value is not finite.
    """
    edges = None if voxel_size is None else _edges(voxel_size)
    if isinstance(volume, DensityMap):
        return volume if edges is None else _with_edges(volume, edges)
    if isinstance(volume, str | os.PathLike):
        cubic = edges is not None and len(set(edges)) == 1
        density = read_map(volume, voxel_size=edges[0] if edges and cubic else None)
        return density if edges is None or cubic else _with_edges(density, edges)
    data = _numbers(volume, what)
    if edges is None:
        raise ParameterError(
            f"The {what} is an array, which has no voxel size; give voxel_size, the edge of its "
            "voxels in Å."
        )
    return DensityMap(data, Grid(data.shape, edges), what)


def as_map_on(
    volume: Volume, grid: Grid, what: str, voxel_size: VoxelSize | None = None
) -> DensityMap:
    """Return a volume that belongs to another one (a mask, a half map) as a map.

    An array lies on the grid of that. Other arguments and errors are those of `as_map`.
    """
    if not is_array(volume):
        return as_map(volume, voxel_size, what=what)
    data = _numbers(volume, what)
    return DensityMap(data, replace(grid, shape=data.shape), "given")


class Maps:
    """One volume or several, made maps one by one, so that files need not all be in memory.

    Parameters
    ----------
    volumes : volume, several volumes, or mapping from names to volumes
        Arrays without a name are called map 1, map 2 …; files as they are.
    voxel_size : float or tuple of float, optional
        As of `as_map`.
    what : str
        What each is, for messages and names.
    beside : Maps, optional
        Where arrays lie, instead of a voxel size: as the first of these.

    Raises
    ------
    ParameterError
        When there is none, two have one name, or it is no volume.
    """

    def __init__(
        self,
        volumes: Volume | Iterable[Volume],
        voxel_size: VoxelSize | None = None,
        *,
        what: str = "map",
        beside: Maps | None = None,
    ) -> None:
        self._what, self._voxel_size, self._beside = what, voxel_size, beside
        self._names: list[str | None] = [None]
        self._volumes: list[Any]
        if isinstance(volumes, Mapping):
            self._names = [str(name) for name in volumes]
            self._volumes = list(volumes.values())
        elif isinstance(volumes, DensityMap | str | os.PathLike) or (
            getattr(volumes, "ndim", None) == 3
        ):
            self._volumes = [volumes]
        elif isinstance(volumes, Iterable):
            self._volumes = list(volumes)
            self._names = [None] * len(self._volumes)
        else:
            raise _wrong_kind(volumes, what)
        if not self._volumes:
            raise ParameterError(f"No {what} is given; give at least one.")
        name, count = Counter(self.names).most_common(1)[0]
        if count > 1:
            raise ParameterError(
                f"{count} {what}s are named '{name}'; give a mapping from distinct names to them."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """What the maps are called."""
        return tuple(self._name(i) for i in range(len(self)))

    @cached_property
    def first(self) -> DensityMap:
        """The first map."""
        return self._map(0)

    def __len__(self) -> int:
        return len(self._volumes)

    def __iter__(self) -> Iterator[DensityMap]:
        return (self._map(i) for i in range(len(self)))

    def _name(self, i: int) -> str:
        volume, given = self._volumes[i], self._names[i]
        if given is not None:
            return given
        if isinstance(volume, DensityMap):
            return volume.name
        if isinstance(volume, str | os.PathLike):
            return map_name(volume)
        return self._what if len(self) == 1 else f"{self._what} {i + 1}"

    def _map(self, i: int) -> DensityMap:
        volume, name = self._volumes[i], self._name(i)
        if self._beside is not None and self._voxel_size is None and is_array(volume):
            density = as_map_on(volume, self._beside.first.grid, name)
        else:
            density = as_map(volume, self._voxel_size, what=name)
        return replace(density, name=name)


def is_array(volume: object) -> bool:
    """Whether a volume is an array, so that results are wanted as arrays."""
    return not isinstance(volume, DensityMap | str | os.PathLike)


def _numbers(volume: Any, what: str) -> Array:
    """Return an array as float32, or raise."""
    if not (isinstance(volume, np.ndarray) or hasattr(volume, "__array__")):
        raise _wrong_kind(volume, what)
    data = np.asarray(volume)
    if data.ndim != 3 or 0 in data.shape:
        raise ParameterError(
            f"The {what} has the shape {data.shape} but must have three axes (z, y, x)."
        )
    if data.dtype.kind not in "fiub":
        raise ParameterError(
            f"The {what} holds values of type {data.dtype} but must hold real numbers; convert it."
        )
    with np.errstate(over="ignore"):
        numbers = np.ascontiguousarray(data, dtype=np.float32)
    if not np.isfinite(numbers).all():
        raise MapFormatError(
            f"The {what} has values that are NaN, infinite or too large for single precision; "
            "replace them by numbers."
        )
    return numbers


def _wrong_kind(volume: object, what: str) -> ParameterError:
    return ParameterError(f"The {what} is of type {type(volume).__name__} but must be {_KINDS}.")


def _edges(voxel_size: Any) -> tuple[float, float, float]:
    """Return the edges (x, y, z) of voxels of one edge or of three, or raise."""
    try:
        edges = np.array(voxel_size, np.float64)
    except (TypeError, ValueError):
        edges = np.empty(0)
    if edges.shape not in ((), (3,)) or not (np.isfinite(edges).all() and (edges > 0).all()):
        raise ParameterError(
            f"The voxel size is {voxel_size!r} but must be a positive number, or three (x, y, z), "
            "in Å."
        )
    x, y, z = np.broadcast_to(edges, 3).tolist()
    return x, y, z


def _with_edges(density: DensityMap, edges: tuple[float, float, float]) -> DensityMap:
    return replace(density, grid=replace(density.grid, voxel_size=edges))
