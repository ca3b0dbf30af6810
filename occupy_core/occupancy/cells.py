"""Statistics of a map in cells of a few voxels: what is coarse need not be done voxel by voxel.

A map is cut into cubes of `edge` voxels from its first voxel on; the last cell of an axis may be
smaller. The loops are compiled and run on slabs of cells, so results do not depend on threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from occupy_core.maps.grid import Array, Grid, Mask
from occupy_core.maps.threads import for_slabs

Float64Array = NDArray[np.float64]
_EDGE = 2.5  # Å; about what neighbouring voxels share
_compiled = njit(nogil=True, cache=True)


@dataclass(frozen=True)
class Cells:
    """The cells of a map.

    Parameters
    ----------
    grid : Grid
        Grid of the map.
    edge : int
        Voxels along an edge of a cell.
    """

    grid: Grid
    edge: int

    @classmethod
    def of(cls, grid: Grid) -> Cells:
        """Return cells of about 2.5 Å."""
        return cls(grid, max(1, round(_EDGE / grid.mean_voxel_size)))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of cells (z, y, x)."""
        nz, ny, nx = (-(-n // self.edge) for n in self.grid.shape)
        return nz, ny, nx

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Edges of a cell (z, y, x), Å."""
        z, y, x = (self.edge * v for v in self.grid.voxel_size_zyx)
        return z, y, x

    def sums(self, values: Array, guide: Array, level: float) -> tuple[Float64Array, Float64Array]:
        """Count the voxels of each cell whose guide is above a level, and add up their values.

        Parameters
        ----------
        values, guide : ndarray of float32, shape (z, y, x)
        level : float

        Returns
        -------
        sums, counts : ndarray of float64, shape `shape`
        """
        total = np.zeros((2, *self.shape))

        def work(first: int, last: int) -> None:
            _sum_cells(values, guide, np.float32(level), self.edge, (first, last), total)

        for_slabs(work, self.shape[0], 1)
        return total[0], total[1]

    def histogram(
        self, values: Array, guide: Array, level: float, chosen: Mask, limits: tuple[float, float]
    ) -> NDArray[np.int64]:
        """Count the values of chosen cells, where the guide is above a level, in 4096 equal bins.

        Parameters
        ----------
        values, guide : ndarray of float32, shape (z, y, x)
        level : float
        chosen : ndarray of bool, shape `shape`
        limits : tuple of float
            Outer edges of the bins; values beyond them count in the last ones.

        Returns
        -------
        ndarray of int64, shape (4096,)
        """
        counts = np.zeros((self.shape[0], 4096), np.int64)
        scale = 4096 / (limits[1] - limits[0])

        def work(first: int, last: int) -> None:
            for i in range(first, last):
                where = (np.float32(level), self.edge, i)
                _count_in_cells(values, guide, where, chosen, (limits[0], scale), counts[i])

        for_slabs(work, self.shape[0], 1)
        total: NDArray[np.int64] = counts.sum(axis=0)
        return total

    def spread(self, cells: NDArray[Any], corner: tuple[int, ...], size: int) -> NDArray[Any]:
        """Return what the voxels of a cube of the map have in their cells.

        Parameters
        ----------
        cells : ndarray, shape `shape`
        corner : tuple of int
            First voxel (z, y, x) of the cube.
        size : int
            Its edge in voxels; less where the map ends.
        """
        index = [
            np.arange(start, min(start + size, n)) // self.edge
            for start, n in zip(corner, self.grid.shape, strict=True)
        ]
        result: NDArray[Any] = cells[np.ix_(*index)]
        return result


@_compiled
def _sum_cells(
    values: Array,
    guide: Array,
    level: np.float32,
    edge: int,
    slab: tuple[int, int],
    total: Float64Array,
) -> None:
    nz, ny, nx = values.shape
    for z in range(slab[0] * edge, min(slab[1] * edge, nz)):
        for y in range(ny):
            row, by = values[z, y], guide[z, y]
            for x in range(nx):
                if by[x] > level:
                    total[0, z // edge, y // edge, x // edge] += row[x]
                    total[1, z // edge, y // edge, x // edge] += 1


@_compiled
def _count_in_cells(
    values: Array,
    guide: Array,
    where: tuple[np.float32, int, int],
    chosen: Mask,
    bins: tuple[float, float],
    counts: NDArray[np.int64],
) -> None:
    level, edge, cell = where
    nz, ny, nx = values.shape
    for z in range(cell * edge, min((cell + 1) * edge, nz)):
        for y in range(ny):
            row, by, use = values[z, y], guide[z, y], chosen[cell, y // edge]
            for x in range(nx):
                if by[x] > level and use[x // edge]:
                    place = int((row[x] - bins[0]) * bins[1])
                    counts[min(max(place, 0), len(counts) - 1)] += 1
