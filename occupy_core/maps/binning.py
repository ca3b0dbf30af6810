"""Coarser grids: voxels averaged in cubes of n, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps.grid import DensityMap, Grid


def binned_grid(grid: Grid, n: int) -> Grid:
    """Return the grid whose voxels are cubes of n³ voxels of another.

    A box that is no multiple of n is covered by cubes that reach beyond it.
    """
    if n == 1:
        return grid
    nz, ny, nx = (-(-edge // n) for edge in grid.shape)
    vx, vy, vz = (n * v for v in grid.voxel_size)
    middle = (n - 1) / 2  # of the first cube
    return Grid((nz, ny, nx), (vx, vy, vz), grid.position((middle, middle, middle)))


def bin_map(density: DensityMap, n: int) -> DensityMap:
    """Average a map over cubes of n³ voxels; beyond the box it continues with its last plane.

    Parameters
    ----------
    density : DensityMap
    n : int
        At least 1, which changes nothing.
    """
    if n == 1:
        return density
    grid = binned_grid(density.grid, n)
    missing = [(0, n * new - old) for new, old in zip(grid.shape, density.grid.shape, strict=True)]
    data = np.pad(density.data, missing, mode="edge")
    nz, ny, nx = grid.shape
    cubes = data.reshape(nz, n, ny, n, nx, n)
    return DensityMap(cubes.mean(axis=(1, 3, 5), dtype=np.float32), grid, density.name)


def unbin(data: NDArray[Any], n: int, shape: tuple[int, int, int]) -> NDArray[Any]:
    """Give each voxel of a cube the value of the cube, on a grid of `shape` (z, y, x)."""
    for axis in range(3):
        data = data.repeat(n, axis=axis)
    return data[tuple(slice(edge) for edge in shape)]
