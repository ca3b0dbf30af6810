"""The two half maps of a job: what is wrong with their names, and how they are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from occupy_core.errors import EstimationError
from occupy_core.maps.grid import DensityMap, require_same_grid
from occupy_core.maps.mrc import read_map, require_varying


def half_map_problems(half1: Path | None, half2: Path | None) -> list[str]:
    """Return one sentence for each fault of a pair of half maps that shows in the names alone."""
    if (half1 is None) != (half2 is None):
        return ["Only one half map is given, but there must be two; give --half1 and --half2."]
    if half1 is not None and half1 == half2:
        return [f"Both half maps are {half1}; give the two halves."]
    return []


def read_half_maps(
    half1: Path, half2: Path, voxel_size: float | None
) -> tuple[DensityMap, DensityMap]:
    """Read two half maps.

    Raises
    ------
    MapFormatError, GridMismatchError
        When one cannot be used, or they lie on different grids.
    EstimationError
        When one is constant, or both hold the same density.
    """
    first, second = (read_map(path, voxel_size=voxel_size) for path in (half1, half2))
    require_varying(first)
    require_varying(second)
    require_same_grid(first, second, "half map 2")
    if np.array_equal(first.data, second.data):
        raise EstimationError(
            f"The half maps {half1} and {half2} hold the same density; give the two halves of a "
            "reconstruction."
        )
    return first, second
