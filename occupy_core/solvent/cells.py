"""Statistics of a map in cells of a few voxels: what is coarse need not be done voxel by voxel.

A map is cut into cubes of `edge` voxels from its first voxel on; the last cell of an axis may be
smaller. The loops are compiled and run on slabs of cells, so results do not depend on threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps.compiled import compiled
from occupy_core.maps.grid import Array, Grid, Mask
from occupy_core.maps.threads import for_slabs

Float64Array = NDArray[np.float64]
_BINS = 4096  # [machine]
# [taste: python -m benchmarks.sensitivity scale] Å; about what neighbouring voxels share
_EDGE = 2.5


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
        """Return cells of about 2.5 Å, at most as large as the box."""
        edge = round(_EDGE / grid.mean_voxel_size)
        return cls(grid, min(max(1, edge), max(grid.shape)))

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

    def maxima(self, values: Array) -> Array:
        """Return the largest value of each cell, float32, shape `shape`."""
        result = np.empty(self.shape, np.float32)

        def work(first: int, last: int) -> None:
            for i in range(first, last):
                _largest_in_cells(values, self.edge, i, result[i])

        for_slabs(work, self.shape[0], 2)
        return result

    def powers(
        self, values: Array, factor: float, smooth: Array, level: float
    ) -> tuple[Array, Array]:
        """Return the mean of (factor values - smooth)² and of (smooth - level)² in each cell."""
        detail, total = np.empty((2, *self.shape), np.float32)

        def work(first: int, last: int) -> None:
            for i in range(first, last):
                _add_powers(values, smooth, self.edge, i, (factor, level), detail[i], total[i])

        for_slabs(work, self.shape[0], 2)
        return detail, total

    def multiply(self, values: Array, gains: Array, level: float) -> None:
        """Multiply values above a level, in place, by gains that are linear between cells."""

        def work(first: int, last: int) -> None:
            for z in range(first, last):
                _multiply_plane(values, gains, self.edge, z, np.float32(level))

        for_slabs(work, len(values), 8)

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


@compiled
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


@compiled
def _largest_in_cells(values: Array, edge: int, cell: int, largest: Array) -> None:
    nz, ny, nx = values.shape
    row = np.empty(nx, np.float32)
    for cy in range(len(largest)):
        row[:] = -np.inf
        for z in range(cell * edge, min((cell + 1) * edge, nz)):
            for y in range(cy * edge, min((cy + 1) * edge, ny)):
                for x in range(nx):
                    row[x] = max(row[x], values[z, y, x])
        for cx in range(largest.shape[1]):
            most = row[cx * edge]
            for x in range(cx * edge + 1, min((cx + 1) * edge, nx)):
                most = max(most, row[x])
            largest[cy, cx] = most


@compiled
def _add_powers(
    values: Array,
    smooth: Array,
    edge: int,
    cell: int,
    numbers: tuple[float, float],
    detail: Array,
    total: Array,
) -> None:
    nz, ny, nx = values.shape
    factor, level = numbers
    for cy in range(len(detail)):
        for cx in range(detail.shape[1]):
            a, b, n = 0.0, 0.0, 0
            for z in range(cell * edge, min((cell + 1) * edge, nz)):
                for y in range(cy * edge, min((cy + 1) * edge, ny)):
                    for x in range(cx * edge, min((cx + 1) * edge, nx)):
                        a += (factor * values[z, y, x] - smooth[z, y, x]) ** 2
                        b += (smooth[z, y, x] - level) ** 2
                        n += 1
            detail[cy, cx], total[cy, cx] = a / n, b / n


@compiled
def _multiply_plane(values: Array, gains: Array, edge: int, z: int, level: Any) -> None:
    ncz, ncy, ncx = gains.shape
    _, ny, nx = values.shape
    row = np.empty(ncx, np.float32)
    pz = min(max((z + 0.5) / edge - 0.5, 0.0), ncz - 1.0)
    z0 = min(int(pz), max(ncz - 2, 0))
    z1, wz = min(z0 + 1, ncz - 1), pz - z0
    for y in range(ny):
        py = min(max((y + 0.5) / edge - 0.5, 0.0), ncy - 1.0)
        y0 = min(int(py), max(ncy - 2, 0))
        y1, wy = min(y0 + 1, ncy - 1), py - y0
        for c in range(ncx):
            near = (1 - wy) * gains[z0, y0, c] + wy * gains[z0, y1, c]
            far = (1 - wy) * gains[z1, y0, c] + wy * gains[z1, y1, c]
            row[c] = (1 - wz) * near + wz * far
        for x in range(nx):
            px = min(max((x + 0.5) / edge - 0.5, 0.0), ncx - 1.0)
            x0 = min(int(px), max(ncx - 2, 0))
            gain = row[x0] + (px - x0) * (row[min(x0 + 1, ncx - 1)] - row[x0])
            values[z, y, x] = level + (values[z, y, x] - level) * np.float32(gain)


@compiled
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
