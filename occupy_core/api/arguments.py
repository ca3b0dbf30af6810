"""What all functions of the front door make of their arguments and results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

from occupy_core.errors import ParameterError
from occupy_core.maps.given import Volume, VoxelSize, as_map_on
from occupy_core.maps.grid import DensityMap
from occupy_core.plain_values import from_dict, to_dict

P = TypeVar("P")
Halves: TypeAlias = "tuple[Volume, Volume]"


class Answer:
    """A result whose maps are arrays when an array was asked about.

    Every attribute of `estimate` is an attribute of the answer.
    """

    def __init__(self, density: DensityMap, estimate: Any, *, arrays: bool) -> None:
        self.density = density
        self.estimate = estimate
        self._arrays = arrays

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._given(getattr(self.estimate, name))

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *vars(self.estimate)})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.density.name}>"

    def _given(self, value: Any) -> Any:
        """Return maps as arrays if need be, and anything else as it is."""
        if self._arrays and isinstance(value, DensityMap):
            return value.data
        if self._arrays and isinstance(value, tuple):  # such as the filtered map and half maps
            return tuple(self._given(each) for each in value) if _holds_maps(value) else value
        return value


def _holds_maps(values: tuple[Any, ...]) -> bool:
    return any(isinstance(value, DensityMap) for value in values)


def params_of(cls: type[P], params: P | None, fields: Mapping[str, Any], where: str) -> P:
    """Return parameters with some fields changed, each of the type that it must have."""
    if params is None:
        return from_dict(cls, fields, where)
    if not isinstance(params, cls):
        raise ParameterError(
            f"The params of {where} are of type {type(params).__name__} but must be {cls.__name__}."
        )
    return from_dict(cls, {**to_dict(params), **fields}, where) if fields else params


def beside(
    volume: Volume | None, density: DensityMap, what: str, voxel_size: VoxelSize | None
) -> DensityMap | None:
    """Return an optional volume that belongs to a map, as a map."""
    return None if volume is None else as_map_on(volume, density.grid, what, voxel_size)


def pair_of(half_maps: Any) -> Halves:
    """Return the two half maps, or raise."""
    pair = half_maps if isinstance(half_maps, tuple | list) else ()
    if len(pair) != 2:
        raise ParameterError("The half maps must be a pair of volumes; give (half1, half2).")
    return pair[0], pair[1]


def halves_of(
    half_maps: Halves | None, density: DensityMap, voxel_size: VoxelSize | None
) -> tuple[DensityMap, DensityMap] | None:
    """Return optional half maps of a map, as maps."""
    if half_maps is None:
        return None
    first, second = pair_of(half_maps)
    return (
        as_map_on(first, density.grid, "half map 1", voxel_size),
        as_map_on(second, density.grid, "half map 2", voxel_size),
    )
