"""Solvent and noise of a map whose regions are given by masks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from occupy_core.maps.fourier import radial_power
from occupy_core.maps.grid import Array, DensityMap, Grid, Mask
from occupy_core.maps.register import require_halves_of
from occupy_core.solvent.blank import find_blank
from occupy_core.solvent.noise import (
    SOLVENT_VOXELS,
    Noise,
    Solvent,
    level_and_deviation,
    on_one_scale,
)
from occupy_core.solvent.region import away_from, inscribed_ellipsoid
from occupy_core.solvent.robust import variance

Values = NDArray[np.float64]
Slices = tuple[slice, slice, slice]

_NOISE_REACH = 20.0  # [taste: nothing moved] Å over which noise is correlated at most


def away_from_masks(masks: Iterable[tuple[Slices, Array]], grid: Grid) -> Mask:
    """Return the voxels of the inscribed ellipsoid that lie away from all masks."""
    masked = np.zeros(grid.shape, np.bool_)
    for part, weight in masks:
        masked[part] |= weight > 0
    free = inscribed_ellipsoid(grid.shape)
    free &= away_from(masked, grid.voxel_size_zyx)
    return free


def solvent_of(density: DensityMap, free: Mask) -> Solvent:
    """Find the solvent of a map away from its masks, and its level.

    Where too little is left, its level is that of what was masked away; 0 when nothing was.

    Parameters
    ----------
    density : DensityMap
    free : ndarray of bool
        See `away_from_masks`.
    """
    blank = find_blank(density)
    where = free & blank.far(density.grid) if blank.masked else free
    values = density.data[where]
    if values.size < SOLVENT_VOXELS:
        level = 0.0 if blank.value is None else blank.value
        return Solvent(blank=blank, where=where, known=False, mean=level, sigma=0.0)
    mean, sigma = level_and_deviation(values, blank)
    return Solvent(blank=blank, where=where, known=True, mean=mean, sigma=sigma)


def with_noise(
    solvent: Solvent, density: DensityMap, halves: tuple[DensityMap, DensityMap] | None
) -> Solvent:
    """Return the solvent with the noise of a map: of its half maps, or else of the solvent.

    Parameters
    ----------
    solvent : Solvent
    density : DensityMap
    halves : tuple of DensityMap, optional

    Returns
    -------
    Solvent
        Without noise when neither tells it.

    Raises
    ------
    GridMismatchError
        When a half map lies on another grid.
    EstimationError
        When the second half map has one value everywhere.
    """
    if halves is not None:
        require_halves_of(density, halves)
        second = on_one_scale(*halves)
        difference = density.with_data(0.5 * (halves[0].data - second.data))
        frequency, power = radial_power(difference)
        sigma = variance(difference.data) ** 0.5
        return replace(solvent, noise=Noise(sigma, frequency, power, "half maps"))
    if not solvent.known:
        return solvent
    frequency, power = radial_power(density, solvent.where)
    if solvent.blank.clipped:  # what was cut off is missing in the power
        power = power * (solvent.sigma**2 / variance(density.data, solvent.where))
    return replace(solvent, noise=Noise(solvent.sigma, frequency, power, "solvent"))


def doubts_about(solvent: Solvent) -> tuple[str, ...]:
    """Return what is doubtful about the solvent of a map, a few words each."""
    if solvent.known:
        return ("noise cut off",) if solvent.blank.clipped and _of_solvent(solvent) else ()
    words = "solvent masked" if solvent.blank.masked else "little solvent"
    return (words if solvent.noise is not None else f"{words}: noise unknown",)


def _of_solvent(solvent: Solvent) -> bool:
    return solvent.noise is not None and solvent.noise.origin == "solvent"


def noise_error(weight: Array, noise: Noise, grid: Grid) -> float:
    """Return the standard error of a weighted mean that noise causes.

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
    spectrum = np.interp(k, noise.frequency, noise.power) * np.abs(transform) ** 2 * twice
    return math.sqrt(float(spectrum.sum()) / (nz * ny * nx * float(voxel.prod())))
