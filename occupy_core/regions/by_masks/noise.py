"""Solvent and noise of a map whose regions are given by masks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from occupy_core.maps.fourier import radial_power
from occupy_core.maps.grid import Array, DensityMap, Grid, require_same_grid
from occupy_core.solvent.noise import on_one_scale
from occupy_core.solvent.region import away_from, inscribed_ellipsoid

Values = NDArray[np.float64]
Slices = tuple[slice, slice, slice]

_LEAST_SOLVENT = 0.02  # of the box
_NOISE_REACH = 20.0  # Å over which noise is correlated at most


def solvent_weight(masks: Iterable[tuple[Slices, Array]], grid: Grid) -> Array:
    """1 in the inscribed ellipsoid away from all masks, 0 elsewhere."""
    masked = np.zeros(grid.shape, np.bool_)
    for part, weight in masks:
        masked[part] |= weight > 0
    free = away_from(masked, grid.voxel_size_zyx) & inscribed_ellipsoid(grid.shape)
    return np.asarray(free, np.float32)


@dataclass(frozen=True, eq=False)
class Solvent:
    """What the solvent of a map tells.

    Parameters
    ----------
    level : float
        Density of the solvent; 0 when it cannot be seen.
    level_known : bool
        Whether it was seen.
    noise : tuple of ndarray, optional
        Spectrum of the noise (frequency in 1/Å, power), when it is known.
    flags : tuple of str
        Doubts about them, a few words each.
    """

    level: float
    level_known: bool
    noise: tuple[Values, Values] | None
    flags: tuple[str, ...]


def solvent_of(
    density: DensityMap, halves: tuple[DensityMap, DensityMap] | None, solvent: Array
) -> Solvent:
    """Measure the solvent, and the noise there or in the difference of half maps.

    Parameters
    ----------
    density : DensityMap
    halves : tuple of DensityMap, optional
    solvent : ndarray of float32
        See `solvent_weight`.

    Raises
    ------
    GridMismatchError
        When a half map lies on another grid.
    EstimationError
        When the second half map has one value everywhere.
    """
    outside = density.data[solvent > 0]
    masked = outside.size == 0 or bool(np.mean(outside == np.median(outside)) > 0.5)
    scarce = outside.size < _LEAST_SOLVENT * density.grid.size
    level = float(outside.mean(dtype=np.float64)) if not masked else 0.0
    doubts = ("solvent masked",) if masked else ("little solvent",) if scarce else ()
    known = not doubts
    if halves is not None:
        for number, half in enumerate(halves, start=1):
            require_same_grid(density, half, f"half map {number}")
        second = on_one_scale(*halves)
        half_difference = density.with_data(0.5 * (halves[0].data - second.data))
        return Solvent(level, known, radial_power(half_difference), doubts)
    if doubts:
        return Solvent(level, known, None, (f"{doubts[0]}: noise unknown",))
    return Solvent(level, known, radial_power(density, solvent), ())


def noise_error(weight: Array, frequency: Values, power: Values, grid: Grid) -> float:
    """Standard error of the weighted mean that noise of a given spectrum causes.

    The integral of the spectrum times the squared transform of the weights (sum 1) over all
    frequencies, taken in a box padded by the reach of the noise.
    """
    voxel = np.array(grid.voxel_size_zyx)
    share = weight / weight.sum(dtype=np.float64)
    reach = np.ceil(_NOISE_REACH / voxel).astype(int)
    nz, ny, nx = (
        fft.next_fast_len(int(n + r), real=True) for n, r in zip(share.shape, reach, strict=True)
    )
    transform = fft.rfftn(share.astype(np.float32), (nz, ny, nx))
    z, y, x = (float(v) for v in voxel)
    fz, fy, fx = fft.fftfreq(nz, z), fft.fftfreq(ny, y), fft.rfftfreq(nx, x)
    k = np.sqrt(fz[:, None, None] ** 2 + fy[:, None] ** 2 + fx**2)
    twice = np.where((fx == 0) | (2 * np.arange(len(fx)) == nx), 1, 2)
    spectrum = np.interp(k, frequency, power) * np.abs(transform) ** 2 * twice
    return math.sqrt(float(spectrum.sum()) / (nz * ny * nx * float(voxel.prod())))
