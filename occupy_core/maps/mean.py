"""The weighted mean of maps on one grid, such as the consensus of classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from occupy_core.errors import ParameterError
from occupy_core.maps.grid import DensityMap, require_same_grid


def weighted_mean(
    maps: Iterable[DensityMap], weights: Sequence[float], name: str = "mean"
) -> DensityMap:
    """Return the mean of maps, weighted, on the grid of the first.

    Parameters
    ----------
    maps : iterable of DensityMap
        On one grid; read one by one, so that a generator keeps only one in memory.
    weights : sequence of float
        Such as the sizes of classes; their sum need not be 1.
    name : str
        What the mean is called.

    Raises
    ------
    ParameterError
        When there is no map, or the weights are not positive together.
    GridMismatchError
        When the maps do not lie on one grid.
    """
    sum_of_weights = float(sum(weights))
    if not sum_of_weights > 0:
        raise ParameterError("The weights of a mean must be at least 0, not all of them 0.")
    first: DensityMap | None = None
    total = np.zeros(())
    for density, weight in zip(maps, weights, strict=True):
        if first is None:
            first = density
        else:
            require_same_grid(first, density, "map")
        total = total + weight / sum_of_weights * density.data.astype(np.float64)
    if first is None:
        raise ParameterError("No map is given; name at least one.")
    return first.with_data(total.astype(np.float32), name)
