"""What counts as full density: the kernel, its quantile tau and the fullest tile of the map."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from occupy_core.errors import EstimationError
from occupy_core.maps.boxes import extreme_boxes
from occupy_core.maps.filters import ball_kernel
from occupy_core.maps.grid import Array, DensityMap, Grid, Mask
from occupy_core.maps.kept import kept

_TILES = 20  # [OccuPy] along each axis


class Tiles(NamedTuple):
    """The tiles of largest and of smallest density.

    Parameters
    ----------
    largest, smallest : tuple of float
        Their centres (x, y, z), Å, as ChimeraX places the map.
    radius : float
        Half the edge of a tile, Å.
    """

    largest: tuple[float, float, float]
    smallest: tuple[float, float, float]
    radius: float


def recommended_tau(n: int) -> float:
    """Return the quantile of X at which the maximum of `n` draws of X has the same confidence.

    The root of x^n + x - 1 between 0 and 1 (OccuPy, `set_tau`), for any number of voxels.

    Parameters
    ----------
    n : int
        Number of voxels, at least 1.
    """
    # Newton from the right end: the function is convex and rises, so no step passes the root.
    x = 1.0
    for _ in range(200):
        power = x ** (n - 1)
        step = (power * x + x - 1) / (n * power + 1)
        x -= step
        if step < 1e-15:
            break
    return x


def kernel_footprint(grid: Grid, size: int, radius: float) -> Mask:
    """Return the ball whose maximum is the local density.

    Parameters
    ----------
    grid : Grid
        Where the voxels lie: with anisotropic voxels it is a ball in Å, an ellipsoid in voxels.
    size : int
        Edge of the cube around the ball, odd, in (mean) voxels.
    radius : float
        Radius of the ball in (mean) voxels; it may reach beyond the cube.

    Returns
    -------
    ndarray of bool, shape (z, y, x)
        Edges are odd; with isotropic voxels each is `size`.
    """
    key = ("footprint", grid.voxel_size, size, radius)
    return kept(key, lambda: _footprint(grid, size, radius))


def _footprint(grid: Grid, size: int, radius: float) -> Mask:
    edges = [v / grid.mean_voxel_size for v in grid.voxel_size_zyx]
    nz, ny, nx = (2 * max(1, round((size - 1) / 2 / edge)) + 1 for edge in edges)
    rz, ry, rx = (radius / edge for edge in edges)
    return ball_kernel((nz, ny, nx), (rz, ry, rx))


def tile_corners(shape: tuple[int, int, int], size: int) -> NDArray[np.int64]:
    """Return the first voxels of the tiles that are searched for full density.

    Up to 20 tiles along each axis, evenly spaced and overlapping in small boxes, of which those
    count whose place in that row of tiles lies inside the inscribed sphere. As in OccuPy that
    sphere is centred half a tile above the centre.

    Parameters
    ----------
    shape : tuple of int
        Number of voxels (z, y, x) of the map.
    size : int
        Edge of a tile, voxels; at most the shortest edge of the map.

    Returns
    -------
    ndarray of int64, shape (n, 3)
        Indices (z, y, x).
    """
    counts = [min(_TILES, n - size + 1) for n in shape]
    starts = []
    for n, count in zip(shape, counts, strict=True):
        step = size + (n - count * size) // (count - 1) if count > 1 else 0
        first = (n - ((count - 1) * step + size)) // 2
        starts.append(first + step * np.arange(count))
    corners = np.stack(np.meshgrid(*starts, indexing="ij"), axis=-1).reshape(-1, 3)
    radii = [count / 2 - 1 for count in counts]
    if min(radii) <= 0:  # so small a box that a sphere of tiles has no meaning
        return corners
    z, y, x = (
        ((np.arange(count) - count / 2) * (radii[0] / radius)) ** 2
        for count, radius in zip(counts, radii, strict=True)
    )
    inside = z[:, None, None] + y[:, None] + x < radii[0] ** 2
    return corners[inside.ravel()] if inside.any() else corners


def find_full_scale(
    density: DensityMap, tau: float, *, tile_size: int, s0: bool
) -> tuple[float, Tiles | None]:
    """Return the grey value of full density and where it was found.

    Parameters
    ----------
    density : DensityMap
        The map (mode "res") or the low-passed map (mode "occ").
    tau : float
        The tau-quantile of a tile is its density.
    tile_size : int
        Edge of a tile, voxels.
    s0 : bool
        Take tau times the maximum of the map instead.

    Raises
    ------
    EstimationError
        When full density is not positive.
    """
    tiles = None
    if s0:
        full = tau * float(density.data.max())
    else:
        full, tiles = fullest_tile(density, tau, tile_size)
    if not full > 0:
        raise EstimationError(
            f"The density of the fullest region of {density.name} is {full:g} but must be "
            "positive; multiply the map by -1 if its contrast is inverted, or subtract its solvent "
            "level."
        )
    return full, tiles


def fullest_tile(density: DensityMap, quantile: float, size: int) -> tuple[float, Tiles]:
    """Return the density of the tile that is filled best, and where it and the emptiest lie.

    Parameters
    ----------
    density : DensityMap
    quantile : float
        This quantile of a tile is its density.
    size : int
        Edge of a tile, voxels; at most the shortest edge of the map.
    """
    corners = tile_corners(density.grid.shape, size)
    n = size**3
    rank = min(math.floor(quantile * n), n - 1)
    (smallest, _), (largest, full) = extreme_boxes(density.data, corners, (size,) * 3, rank)
    tiles = Tiles(
        _centre(density.grid, corners[largest], size),
        _centre(density.grid, corners[smallest], size),
        size * density.grid.mean_voxel_size / 2,
    )
    return full, tiles


def mean_at_full_scale(data: Array, scale: Array | Mask) -> float:
    """Return the mean of the map where the scale is 1 (or true), or 0 where it nowhere is."""
    total, count = 0.0, 0
    for plane, scale_plane in zip(data, scale, strict=True):  # no array of the size of the map
        full = plane[scale_plane == 1]
        total += float(full.sum(dtype=np.float64))
        count += full.size
    return total / count if count else 0.0


def _centre(grid: Grid, corner: NDArray[np.int64], size: int) -> tuple[float, float, float]:
    """Return the centre (x, y, z) in Å of the tile that starts at an index (z, y, x)."""
    z, y, x = (float(c) + (size - 1) / 2 for c in corner)
    return grid.position((z, y, x))
