"""What is done to a map before it is deposited: sharpening, masks, filters, cropping."""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

from occupy_core.maps import Array, DensityMap, Grid, resample
from training.labels import Simulated


def _radius(grid: Grid) -> Array:
    nz, ny, nx = grid.shape
    vz, vy, vx = grid.voxel_size_zyx
    fz, fy, fx = np.fft.fftfreq(nz, vz), np.fft.fftfreq(ny, vy), np.fft.rfftfreq(nx, vx)
    return np.sqrt(fz[:, None, None] ** 2 + fy[:, None] ** 2 + fx**2).astype(np.float32)


def filtered(
    data: Array, grid: Grid, *, b_factor: float = 0.0, cut: float = 0.0, edge: float = 0.01
) -> Array:
    """Multiply by exp(-B f² / 4); where `cut` (Å) is given, low-pass with a cosine edge (1/Å)."""
    f = _radius(grid)
    gain = np.exp(-np.float32(b_factor / 4) * f**2)
    if cut:
        gain *= 0.5 + 0.5 * np.cos(np.pi * np.clip((f - np.float32(1 / cut)) / edge, 0, 1))
    result: Array = fft.irfftn(fft.rfftn(data) * gain, grid.shape)
    return result


def weakened_contrast(data: Array, grid: Grid, rng: np.random.Generator) -> Array:
    """Lose a part of the coarse contrast, as by little defocus, a high-pass or dense solvent."""
    share, b_factor = rng.uniform(0, 0.8), rng.uniform(200, 2000)
    gain = 1 - np.float32(share) * np.exp(-np.float32(b_factor / 4) * _radius(grid) ** 2)
    result: Array = fft.irfftn(fft.rfftn(data) * gain, grid.shape)
    return result


def sharpened(sample: Simulated, rng: np.random.Generator) -> Array:
    """Post-processed: weighted by the FSC, sharpened, and low-passed at the global resolution."""
    overall = sample.overall[0.143]
    f = _radius(sample.grid)
    fall = np.clip((f * overall - 0.5) / 0.5, 0, 3)
    fsc = 1 / (1 + (0.857 / 0.143) ** (2 * fall - 1))
    weighted = fft.irfftn(
        fft.rfftn(sample.average) * np.sqrt(2 * fsc / (1 + fsc)), sample.grid.shape
    )
    b_factor = -rng.uniform(0.4, 1.2) * 12 * overall**2 / 2
    cut = max(overall * rng.uniform(0.85, 1.0), 2.05 * max(sample.grid.voxel_size))
    return filtered(weighted, sample.grid, b_factor=b_factor, cut=cut)


def soft_mask(sample: Simulated, rng: np.random.Generator) -> Array:
    """Molecular mask: grown by 2 to 8 Å with a cosine edge of 3 to 10 Å."""
    v = sample.grid.voxel_size_zyx
    distance = ndimage.distance_transform_edt(~sample.mask, sampling=v)
    grown, edge = rng.uniform(0, 6), rng.uniform(3, 10)
    ramp = np.clip((distance - grown) / edge, 0, 1)
    return (0.5 + 0.5 * np.cos(np.pi * ramp)).astype(np.float32)


def contour_mask(data: Array, grid: Grid, rng: np.random.Generator) -> Array:
    """Mask as users make it: what lies above a level of the low-passed map, grown, with an edge.

    Low-passed at 8 to 20 Å, above 8 to 30 % of the maximum, grown by up to 12 Å, with a cosine
    edge of 1 to 15 Å.
    """
    smooth = filtered(data, grid, cut=rng.uniform(8, 20), edge=0.02)
    labels, _ = ndimage.label(smooth > rng.uniform(0.08, 0.3) * smooth.max())
    largest = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
    distance = ndimage.distance_transform_edt(~largest, sampling=grid.voxel_size_zyx)
    grown, edge = rng.uniform(0, 12), rng.uniform(1, 15)
    ramp = np.clip((distance - grown) / edge, 0, 1)
    return (0.5 + 0.5 * np.cos(np.pi * ramp)).astype(np.float32)


def clipped(data: Array, rng: np.random.Generator) -> Array:
    """Lose the density below zero, or below a level of up to 15 % of the maximum."""
    level = data.max() * np.float32(max(0.0, rng.uniform(-0.15, 0.15)))
    return np.where(data > level, data, np.float32(0))


def spherical_mask(grid: Grid, radius: float, edge: float = 6.0) -> Array:
    """Soft sphere about the middle of the box; radius and edge in Å."""
    axes = [
        (np.arange(n) - n / 2) * v for n, v in zip(grid.shape, grid.voxel_size_zyx, strict=True)
    ]
    r = np.sqrt(axes[0][:, None, None] ** 2 + axes[1][:, None] ** 2 + axes[2] ** 2)
    return (0.5 + 0.5 * np.cos(np.pi * np.clip((r - radius) / edge, 0, 1))).astype(np.float32)


def locally_filtered(data: Array, grid: Grid, local: Array) -> Array:
    """Low-pass each voxel at its local resolution (`local` in Å, on every second voxel)."""
    index = [np.arange(n) / 2 for n in grid.shape]
    limits = [k - 1 for k in local.shape]
    grids = np.meshgrid(
        *[np.minimum(i, k) for i, k in zip(index, limits, strict=True)], indexing="ij"
    )
    frequency = 1 / ndimage.map_coordinates(local.astype(np.float32), grids, order=1)
    step = 0.02
    spectrum, f = fft.rfftn(data), _radius(grid)
    result = np.zeros(grid.shape, np.float32)
    for lower in np.arange(0, 0.5 / max(grid.voxel_size), step):
        band = fft.irfftn(spectrum * ((f >= lower) & (f < lower + step)), grid.shape)
        result += band * np.clip((frequency + step / 2 - lower) / step, 0, 1)
    return result


def coarser(data: Array, grid: Grid, factor: float) -> DensityMap:
    """The same box in fewer voxels: a Nyquist-limited map."""
    nz, ny, nx = (round(k / factor) for k in grid.shape)
    return resample(DensityMap(data, grid), (nz, ny, nx))
