"""Test maps with known answers: bodies of carbon-like atoms at stated occupancies, and noise.

Nothing is read from files; the same arguments give the same map.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps.fourier import Values, coloured_noise
from occupy_core.maps.grid import Array, DensityMap, Grid, Mask

_SPACING = 2.7  # [physics] Å between neighbours: about 0.05 heavy atoms per Å3, as in protein
_JITTER = 0.3  # [sample] of the spacing
_REACH = 5.0  # [physics] sigmas at which a Gaussian is cut: 4e-6 of its height
_BODY_RADIUS, _BODY_OFFSET = 0.17, 0.2  # [sample] of the edges of the box
_BODY_SEED = 20231  # [sample]


def blobs(grid: Grid, centres: Values, weights: Values, sigma: float) -> Array:
    """Sum of Gaussians.

    Parameters
    ----------
    grid : Grid
        Where the density is wanted; nothing is wrapped around the box.
    centres : ndarray of float64, shape (n, 3)
        Positions (x, y, z) in Å from the centre of voxel 0.
    weights : ndarray of float64, shape (n,)
        Height of each Gaussian times (2 pi sigma²)^(3/2), that is its integral in density Å³.
    sigma : float
        Standard deviation, Å.

    Returns
    -------
    ndarray of float32, shape (z, y, x)
    """
    density = np.zeros(grid.shape, np.float32)
    steps = np.array(grid.voxel_size_zyx)
    places = centres[:, ::-1] / steps
    reach = _REACH * sigma / steps
    first = np.maximum(np.ceil(places - reach), 0).astype(int)
    last = np.minimum(np.floor(places + reach) + 1, grid.shape).astype(int)
    heights = weights * (2 * math.pi * sigma**2) ** -1.5
    for place, low, high, height in zip(places, first, last, heights, strict=True):
        if np.any(low >= high):
            continue
        z, y, x = (
            np.exp(-0.5 * ((np.arange(a, b) - p) * step / sigma) ** 2)
            for p, a, b, step in zip(place, low, high, steps, strict=True)
        )
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        density[box] += height * z[:, None, None] * y[:, None] * x
    return density


def two_bodies(
    grid: Grid,
    *,
    occupancy: float = 0.5,
    noise: float = 0.03,
    noise_b_factor: float = 0.0,
    resolution: float = 4.0,
    seed: int = 0,
) -> tuple[DensityMap, tuple[Mask, Mask]]:
    """Make a map of two bodies side by side along x, one full and one partly occupied.

    Parameters
    ----------
    grid : Grid
        Box of any shape; the bodies are ellipsoids of 0.17 of its edges about the points at 0.3
        and 0.7 of its x edge.
    occupancy : float
        Occupancy of the second body.
    noise : float
        Standard deviation of the noise, as a fraction of the 99.9th percentile of the density.
    noise_b_factor : float
        The power of the noise falls as exp(-B k²/2), B in Å²; 0 is white.
    resolution : float
        The atoms are Gaussians of sigma = resolution/(pi sqrt 2), Å.
    seed : int
        Of the noise; the bodies do not depend on it, so that half maps differ by it alone.

    Returns
    -------
    density : DensityMap
    bodies : tuple of ndarray of bool, shape (z, y, x)
        Voxels inside the full and inside the partly occupied body.
    """
    sigma = resolution / (math.pi * math.sqrt(2))
    box = np.array(grid.box)
    centre = box / 2 - np.array(grid.voxel_size) / 2
    data = np.zeros(grid.shape, np.float32)
    bodies: list[Mask] = []
    for side, share in ((-1, 1.0), (1, occupancy)):
        middle = centre + side * np.array([_BODY_OFFSET * box[0], 0.0, 0.0])
        atoms = _atoms_of_body(middle, _BODY_RADIUS * box)
        data += blobs(grid, atoms, np.full(len(atoms), share), sigma)
        bodies.append(_ellipsoid(grid, middle, _BODY_RADIUS * box))
    if noise > 0:
        amplitude = noise * float(np.quantile(data, 0.999))
        data += amplitude * _unit_noise(grid, noise_b_factor, seed)
    return DensityMap(data, grid, "two_bodies"), (bodies[0], bodies[1])


def _atoms_of_body(middle: NDArray[np.float64], radii: NDArray[np.float64]) -> Values:
    """Positions (x, y, z) in Å of the atoms of an ellipsoid: a lattice, each point moved a bit."""
    counts = np.ceil(radii / _SPACING).astype(int)
    axes = [np.arange(-n, n + 1) * _SPACING for n in counts]
    lattice = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    shifts = np.random.default_rng(_BODY_SEED).uniform(-1, 1, lattice.shape) * _JITTER * _SPACING
    atoms = lattice + shifts
    inside: Values = atoms[np.sum((atoms / radii) ** 2, axis=1) <= 1] + middle
    return inside


def _ellipsoid(grid: Grid, middle: NDArray[np.float64], radii: NDArray[np.float64]) -> Mask:
    """Voxels whose centres lie inside an ellipsoid, both given (x, y, z) in Å."""
    z, y, x = (
        ((np.arange(n) * step - m) / r) ** 2
        for n, step, m, r in zip(
            grid.shape, grid.voxel_size_zyx, middle[::-1], radii[::-1], strict=True
        )
    )
    mask: Mask = z[:, None, None] + y[:, None] + x <= 1
    return mask


def _unit_noise(grid: Grid, b_factor: float, seed: int) -> Array:
    """Noise of standard deviation 1 (expected) with a Gaussian fall-off of its power."""
    if b_factor == 0:
        return np.random.default_rng(seed).standard_normal(grid.shape, dtype=np.float32)
    frequency = np.linspace(0, math.sqrt(3) / 2 / min(grid.voxel_size), 512)
    noise = coloured_noise(grid, frequency, np.exp(-b_factor * frequency**2 / 2), seed=seed)
    return noise / np.float32(noise.std(dtype=np.float64))
