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
_BINS = 4096
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

    def means(self, values: Array) -> Array:
        """Return the mean of each cell, float32, shape `shape`."""
        result = np.empty(self.shape, np.float32)

        def work(first: int, last: int) -> None:
            for i in range(first, last):
                _average_cells(values, self.edge, i, result[i])

        for_slabs(work, self.shape[0], 2)
        return result

    def histogram(
        self, values: Array, chosen: Mask, limits: tuple[float, float]
    ) -> NDArray[np.int64]:
        """Count the values of chosen cells in 4096 equal bins.

        Parameters
        ----------
        values : ndarray of float32, shape (z, y, x)
        chosen : ndarray of bool, shape `shape`
        limits : tuple of float
            Outer edges of the bins; values beyond them count in the last ones.

        Returns
        -------
        ndarray of int64, shape (4096,)
        """
        counts = np.zeros((self.shape[0], _BINS), np.int64)
        scale = _BINS / max(limits[1] - limits[0], 1e-300)

        def work(first: int, last: int) -> None:
            for i in range(first, last):
                if chosen[i].any():
                    _count_in_cells(values, self.edge, i, chosen[i], (limits[0], scale), counts[i])

        for_slabs(work, self.shape[0], 2)
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
def _average_cells(values: Array, edge: int, cell: int, means: Array) -> None:
    nz, ny, nx = values.shape
    ncy, ncx = means.shape
    depth = min((cell + 1) * edge, nz) - cell * edge
    total = np.empty(nx, np.float32)
    for cy in range(ncy):
        total[:] = 0
        height = min((cy + 1) * edge, ny) - cy * edge
        for z in range(cell * edge, cell * edge + depth):
            for y in range(cy * edge, cy * edge + height):
                row = values[z, y]
                for x in range(nx):
                    total[x] += row[x]
        for cx in range(ncx):
            end = min((cx + 1) * edge, nx)
            s = np.float32(0)
            for x in range(cx * edge, end):
                s += total[x]
            means[cy, cx] = s / np.float32(depth * height * (end - cx * edge))


@_compiled
def _count_in_cells(
    values: Array,
    edge: int,
    cell: int,
    chosen: Mask,
    bins: tuple[float, float],
    counts: NDArray[np.int64],
) -> None:
    nz, ny, nx = values.shape
    last = len(counts) - 1
    for cy in range(len(chosen)):
        for cx in range(chosen.shape[1]):
            if chosen[cy, cx]:
                for z in range(cell * edge, min((cell + 1) * edge, nz)):
                    for y in range(cy * edge, min((cy + 1) * edge, ny)):
                        for x in range(cx * edge, min((cx + 1) * edge, nx)):
                            place = int((values[z, y, x] - bins[0]) * bins[1])
                            counts[min(max(place, 0), last)] += 1
