"""The molecular mask: where density stands out of the noise, in one or few connected parts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from occupy_core.maps import Array, Grid, Mask
from occupy_core.resolution.measure.spectrum import Spectrum, frequencies
from occupy_core.solvent.robust import large_parts, mad_sigma

Values = NDArray[np.float64]

DETAIL = 7.0  # [trained] Å: detail at which the surface is drawn
SPACING = 2.5  # [trained] Å between the points at which the mask is decided
_SEED = 0.35  # [taste: nothing moved] of the density of the molecule: a part of it starts here
# [taste: python -m benchmarks.sensitivity resolution] of the density of the molecule: the surface
# lies here at least
_SURFACE = 0.14
# [taste: python -m benchmarks.sensitivity resolution] standard deviations of the solvent
_SIGNIFICANT = 3.0
# [taste: python -m benchmarks.sensitivity resolution] Å: gaps narrower than twice this are closed
_CLOSING = 4.0


def smoothed_density(spectrum: Spectrum, detail: float = DETAIL) -> tuple[Array, Grid]:
    """Density low-passed at `detail` Å (Gaussian, half gain there) on a grid of about 2.5 Å.

    Returns
    -------
    data : ndarray of float32, shape (z', y', x')
    grid : Grid
        The box of the map in fewer voxels.
    """
    grid = spectrum.grid
    nx, ny, nz = (
        min(n, fft.next_fast_len(int(np.ceil(edge / SPACING)), real=True))
        for n, edge in zip(reversed(grid.shape), grid.box, strict=True)
    )
    shape = (nz, ny, nx)
    fz, fy, fx = frequencies(grid, shape)
    gain = np.exp(-np.log(2) * detail**2 * (fz[:, None, None] + fy[:, None] + fx))
    cropped = _corner(spectrum.transform, shape) * gain.astype(np.float32)
    scale = np.float32(np.sqrt(nz * ny * nx / grid.size))
    data: Array = fft.irfftn(cropped, shape, norm="ortho") * scale
    return data, grid.resampled(shape)


def molecular_mask(density: Array, grid: Grid, solvent: Mask, molecule: Mask) -> Mask:
    """Decide which points are molecule: hysteresis, the largest parts, closed gaps.

    Parameters
    ----------
    density : ndarray of float32
        Smoothed density (`smoothed_density`) on `grid`.
    grid : Grid
    solvent, molecule : ndarray of bool
        Points that are surely solvent (may be none) and surely molecule, on `grid`.

    Returns
    -------
    ndarray of bool, shape of `grid`
        Empty when nothing stands out.
    """
    where = solvent if solvent.any() else ~molecule
    level = float(np.median(density[where])) if where.any() else 0.0
    spread = mad_sigma(density[where], level) if where.any() else 0.0
    inside = density[molecule] if molecule.any() else density
    height = float(np.quantile(inside, 0.8)) - level
    surface = level + max(_SIGNIFICANT * spread, _SURFACE * height)
    seed = level + max(2 * _SIGNIFICANT * spread, _SEED * height)
    grown: Mask = density > surface
    labels, count = ndimage.label(grown, structure=np.ones((3, 3, 3)))
    if count == 0:
        return np.zeros_like(grown)
    peaks = np.asarray(ndimage.maximum(density, labels, np.arange(1, count + 1)))
    return _closed(large_parts(labels, count, peaks > seed), grid)


def _closed(mask: Mask, grid: Grid) -> Mask:
    """Close narrow gaps and fill hollows, without growing at the faces of the box."""
    reach = [max(1, round(_CLOSING / v)) for v in grid.voxel_size_zyx]
    z, y, x = np.ogrid[tuple(slice(-r, r + 1) for r in reach)]
    ball = (z / reach[0]) ** 2 + (y / reach[1]) ** 2 + (x / reach[2]) ** 2 <= 1.01
    padded = np.pad(mask, [(r, r) for r in reach])
    closed = ndimage.binary_closing(padded, ball)
    inner = tuple(slice(r, -r) for r in reach)
    result: Mask = ndimage.binary_fill_holes(closed[inner])
    return result


def _corner(spectrum: NDArray[np.complex64], shape: tuple[int, int, int]) -> NDArray[np.complex64]:
    """Low frequencies of a real transform, as the transform of a coarser grid holds them."""
    nz, ny, nx = shape
    z = np.r_[: nz // 2 + 1, -(nz - nz // 2 - 1) : 0]
    y = np.r_[: ny // 2 + 1, -(ny - ny // 2 - 1) : 0]
    result: NDArray[np.complex64] = spectrum[np.ix_(z, y, np.arange(nx // 2 + 1))]
    return result
