"""Local resolution of regions, and how much worse a region is resolved than what lies around it.

The local resolution of a map is averaged over cubes of each region. Its error follows from the
error of each place; a cube is about as large as the window in which the resolution is local, so
cubes are taken as independent. The neighbours of a region are the cubes of other regions near to
it. How they vary among themselves belongs to the error of the comparison: only what is worse than
the usual differences nearby is called worse.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps.grid import Array, DensityMap
from occupy_core.regions.table import RegionTable

Values = NDArray[np.float64]
Weights = Mapping[str, tuple[tuple[slice, slice, slice], Array]]

_CUBE = 12.0  # [physics] Å: the width at half height of the usual window of 5 Å
_NEAR = 30.0  # [taste: nothing moved] Å between the middles of cubes that are neighbours
_LEAST_INSIDE = 0.3  # [guard] of a region must have a resolution: the rest lies in the solvent
_FLOOR = 0.03  # [taste: nothing moved] relative error of the comparison at least


@dataclass(frozen=True, eq=False, kw_only=True)
class _Cubes:
    """Cubes of one region: middle in Å, resolution and its standard deviation, weight."""

    middle: Values
    value: Values
    sigma: Values
    weight: Values
    inside: float

    def mean(self) -> tuple[float, float]:
        """Weighted mean of the resolution and its standard error."""
        share = self.weight / self.weight.sum()
        return float(share @ self.value), float(np.sqrt((share**2) @ (self.sigma**2)))


def with_resolution(
    table: RegionTable,
    map_name: str,
    weights: Weights,
    resolution: DensityMap,
    sigma: DensityMap,
) -> RegionTable:
    """Return the table with the local resolution of the regions in one of its maps.

    Parameters
    ----------
    table : RegionTable
    map_name : str
        Which map the resolution is that of.
    weights : mapping of str to (slices, ndarray)
        Where each region lies: a part of the grid (z, y, x) and weights from 0 to 1 there.
    resolution, sigma : DensityMap
        Local resolution and its standard deviation in Å; 0 where there is none.
    """
    cubes = {
        name: _cubes_of(*weights[name], resolution, sigma)
        for name in table.regions
        if name in weights
    }
    rows = []
    for row in table.rows:
        own = cubes.get(row.region)
        if row.map == map_name and own is not None and own.inside >= _LEAST_INSIDE:
            value, error = own.mean()
            others = [c for name, c in cubes.items() if name != row.region]
            coarser = _coarser(own, value, error, others)
            row = replace(row, resolution=value, resolution_sigma=error, coarser=coarser)
        rows.append(row)
    return replace(table, rows=tuple(rows))


def _cubes_of(
    part: tuple[slice, slice, slice], weight: Array, resolution: DensityMap, sigma: DensityMap
) -> _Cubes:
    """Average the places of a region over cubes."""
    grid = resolution.grid
    voxel = np.array(grid.voxel_size_zyx)
    value, error = resolution.data[part].astype(np.float64), sigma.data[part].astype(np.float64)
    inside = (weight > 0) & (value > 0) & np.isfinite(value) & np.isfinite(error)
    total = float(weight.sum())
    if not inside.any():
        nothing = np.zeros(0)
        return _Cubes(
            middle=np.zeros((0, 3)), value=nothing, sigma=nothing, weight=nothing, inside=0.0
        )
    index = np.argwhere(inside) + [s.start for s in part]
    keys, label = np.unique((index * voxel / _CUBE).astype(np.int64), axis=0, return_inverse=True)
    label = label.ravel()
    own = weight[inside].astype(np.float64)
    norm = np.bincount(label, own).astype(np.float64)
    return _Cubes(
        middle=(keys + 0.5) * _CUBE,
        value=np.bincount(label, own * value[inside]) / norm,
        sigma=np.bincount(label, own * error[inside]) / norm,
        weight=norm,
        inside=float(own.sum()) / total,
    )


def _coarser(own: _Cubes, value: float, error: float, others: list[_Cubes]) -> float:
    """How many standard errors a region is resolved worse than its neighbours; NaN without any."""
    near = []
    for other in others:
        if len(other.value):
            gap = np.linalg.norm(own.middle[:, None] - other.middle[None], axis=2).min(axis=0)
            near.append((other, gap <= _NEAR))
    values = np.concatenate([o.value[n] for o, n in near]) if near else np.zeros(0)
    if not len(values):
        return math.nan
    weight = np.concatenate([o.weight[n] for o, n in near])
    share = weight / weight.sum()
    sigmas = np.concatenate([o.sigma[n] for o, n in near])
    level = float(share @ values)
    spread = math.sqrt(float(share @ (values - level) ** 2))
    level_error = math.sqrt(float(share**2 @ sigmas**2))
    scale = math.hypot(error, level_error, spread, _FLOOR * level)
    return (value - level) / scale
