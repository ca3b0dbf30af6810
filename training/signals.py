"""Noise-free density of a molecule whose parts are blurred differently."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import fft

from occupy_core.maps import Array, Grid
from training.molecules import Molecule

Values = NDArray[np.float64]

_LEVELS = np.array([20.0, 50.0, 90.0, 140.0, 200.0, 280.0, 400.0, 600.0, 1000.0])  # B, Å²


@njit(cache=True)
def _deposit(points: Values, weight: Values, level: Values, out: NDArray[np.float32]) -> None:
    """Add atoms to the eight voxels and the two levels of B about each (linear in all)."""
    n = out.shape[1:]
    for a in range(len(points)):
        x, y, z = points[a]
        ix, iy, iz, il = int(np.floor(x)), int(np.floor(y)), int(np.floor(z)), int(level[a])
        for corner in range(16):
            dx, dy, dz, dl = corner & 1, (corner >> 1) & 1, (corner >> 2) & 1, corner >> 3
            share = abs(1 - dx - (x - ix)) * abs(1 - dy - (y - iy)) * abs(1 - dz - (z - iz))
            share *= abs(1 - dl - (level[a] - il))
            if share > 0:
                out[il + dl, (iz + dz) % n[0], (iy + dy) % n[1], (ix + dx) % n[2]] += (
                    share * weight[a]
                )


def density_of(
    molecule: Molecule, grid: Grid, b_factor: Values, shift: Values | None = None
) -> Array:
    """Density of a molecule in the middle of a grid.

    Parameters
    ----------
    molecule : Molecule
    grid : Grid
    b_factor : ndarray, shape (atoms,)
        Å²; 20 to 1000.
    shift : ndarray, shape (atoms, 3), optional
        Displacement (x, y, z) of each atom, Å.
    """
    positions = molecule.positions if shift is None else molecule.positions + shift
    size = np.array(grid.voxel_size)
    points = positions / size + np.array(grid.shape[::-1]) / 2
    roots = np.interp(b_factor, _LEVELS, np.arange(len(_LEVELS)))
    level = np.minimum(roots, len(_LEVELS) - 1.001)
    deposits = np.zeros((len(_LEVELS), *grid.shape), np.float32)
    _deposit(points, molecule.weight, level, deposits)
    nz, ny, nx = grid.shape
    x, y, z = grid.box
    fz, fy, fx = np.fft.fftfreq(nz, z / nz), np.fft.fftfreq(ny, y / ny), np.fft.rfftfreq(nx, x / nx)
    s2 = (fz[:, None, None] ** 2 + fy[:, None] ** 2 + fx**2).astype(np.float32)
    total = np.zeros(s2.shape, np.complex64)
    for b, deposit in zip(_LEVELS, deposits, strict=True):
        if deposit.any():
            total += fft.rfftn(deposit) * np.exp(-np.float32(b / 4) * s2)
    # The protein displaces solvent: its coarse contrast is about a third of its own.
    total *= 1 - np.float32(0.65) * np.exp(-np.float32(200 / 4) * s2)
    result: Array = fft.irfftn(total, grid.shape)
    return result


def blur_field(molecule: Molecule, rng: np.random.Generator) -> Values:
    """B-factor of each atom: a base, and one of a hinge, a distance from the core, or chains."""
    p = molecule.positions
    base = rng.uniform(20, 120)
    rise = rng.uniform(60, 500)
    kind = rng.choice(["hinge", "radial", "chains", "burial"])
    if kind == "hinge":
        axis = rng.normal(size=3)
        along = p @ (axis / np.linalg.norm(axis))
        field = (
            np.clip((along - np.quantile(along, rng.uniform(0.2, 0.6))) / np.ptp(along), 0, 1)
            ** 1.5
        )
    elif kind == "radial":
        field = (np.linalg.norm(p - rng.normal(0, 8, 3), axis=1) / (molecule.extent / 2)) ** 2
    elif kind == "chains":
        field = rng.uniform(0, 1, molecule.chain.max() + 1)[molecule.chain] ** 2
    else:
        field = (np.linalg.norm(p - p.mean(axis=0), axis=1) / (molecule.extent / 2)) ** 4
    jitter = rng.gamma(4, 1 / 4, len(p))  # side chains against main chain
    return np.clip(base + rise * field + 20 * jitter, 20, 999)


@njit(cache=True)
def _cover(points: Values, reach: Values, out: NDArray[np.bool_]) -> None:
    """Mark the voxels within `reach` (voxels along x, y and z) of each point (x, y, z)."""
    n = out.shape
    for a in range(len(points)):
        x, y, z = points[a]
        for k in range(max(0, int(np.ceil(z - reach[2]))), min(n[0] - 1, int(z + reach[2])) + 1):
            for j in range(
                max(0, int(np.ceil(y - reach[1]))), min(n[1] - 1, int(y + reach[1])) + 1
            ):
                left = 1 - ((k - z) / reach[2]) ** 2 - ((j - y) / reach[1]) ** 2
                if left < 0:
                    continue
                half = reach[0] * np.sqrt(left)
                first, last = max(0, int(np.ceil(x - half))), min(n[2] - 1, int(np.floor(x + half)))
                for i in range(first, last + 1):
                    out[k, j, i] = True


def molecular_mask(
    molecule: Molecule, grid: Grid, reach: float, shifts: tuple[Values, ...] = ()
) -> NDArray[np.bool_]:
    """Voxels within `reach` Å of an atom, or of an atom moved by any of `shifts` (atoms, 3)."""
    size = np.array(grid.voxel_size)
    result = np.zeros(grid.shape, np.bool_)
    for shift in shifts or (np.zeros_like(molecule.positions),):
        points = (molecule.positions + shift) / size + np.array(grid.shape[::-1]) / 2
        _cover(points, reach / size, result)
    return result
