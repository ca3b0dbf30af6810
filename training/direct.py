"""Simulator one: a blurred molecule plus noise drawn in Fourier space."""

from __future__ import annotations

import numpy as np
from scipy import fft

from occupy_core.maps import Grid
from training.labels import CORE, SURFACE, Simulated, label
from training.molecules import Molecule
from training.signals import blur_field, density_of, molecular_mask


def simulate_direct(molecule: Molecule, grid: Grid, seed: int) -> Simulated:
    """Half maps of a molecule: signal blurred in place, coloured noise, rising from the centre."""
    rng = np.random.default_rng([seed, 1])
    b_factor = blur_field(molecule, rng)
    signal = density_of(molecule, grid, b_factor)
    signal /= np.float32(signal.std())
    nz, ny, nx = grid.shape
    x, y, z = grid.box
    fz, fy, fx = np.fft.fftfreq(nz, z / nz), np.fft.fftfreq(ny, y / ny), np.fft.rfftfreq(nx, x / nx)
    f = np.sqrt(fz[:, None, None] ** 2 + fy[:, None] ** 2 + fx**2).astype(np.float32)
    # Noise of images over the views that share a frequency: rises from zero, then follows the
    # envelope of the microscope back up when the map is corrected for it.
    spectrum = (0.02 + f) ** rng.uniform(0.4, 1.2) * np.exp(rng.uniform(0, 60) * f**2 / 4)
    middle = np.hypot.reduce(
        np.meshgrid(*[np.arange(n) / n - 0.5 for n in grid.shape], indexing="ij")
    )
    local = (1 + rng.uniform(0, 0.25) * np.exp(-((middle / 0.25) ** 2))).astype(np.float32)
    noises = []
    for _ in range(2):
        white = rng.standard_normal(grid.shape, dtype=np.float32)
        noises.append(
            fft.irfftn(fft.rfftn(white) * spectrum, grid.shape).astype(np.float32) * local
        )
    # Scale: signal and noise of a half map meet (FSC 0.143) at the resolution wanted.
    target = 1 / rng.uniform(max(2.3 * grid.voxel_size[0], 2.6), 6.5)
    ring = np.abs(f - target) < 0.02
    power = [np.mean(np.abs(fft.rfftn(m)[ring]) ** 2) for m in (signal, noises[0])]
    level = np.float32(np.sqrt(power[0] / power[1] * (1 - 0.143) / 0.143))
    halves = tuple(signal + level * n for n in noises)
    noise = (level * noises[0], level * noises[1])
    masks = molecular_mask(molecule, grid, CORE), molecular_mask(molecule, grid, SURFACE)
    return label(molecule.name, grid, (signal, signal), noise, (halves[0], halves[1]), masks)
