"""One number for the whole molecule: the FSC of its half maps within the mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps import Array, Mask
from occupy_core.maps.filters import linear_interpolate
from occupy_core.resolution.measure.bands import BandEnergies, Bands, windowed
from occupy_core.resolution.read.crossing import first_crossing

Values = NDArray[np.float64]

# Where only local values are known: the global one is this quantile of them within the mask
# (three reconstructions of known answer give 0.40 to 0.43).
LOCAL_QUANTILE = 0.42  # [measured: three reconstructions of known answer]
# [taste: nothing moved] Å, standard deviation of the window that finds the core of a mask ...
_SURFACE = 3.0
_CORE = 0.75  # [physics] ... of which this share must lie inside: 2 Å below a flat surface


@dataclass(frozen=True, kw_only=True)
class GlobalResolution:
    """FSC of the molecule and where it falls below the thresholds.

    Parameters
    ----------
    frequency, fsc : ndarray of float64, shape (bands,)
        1/Å and FSC of the half maps within the mask.
    at_0143, at_05 : float or None
        Resolution in Å; None when it is not known.
    censored : bool
        True when the FSC has not fallen to 0.143 by the limit of the map; the resolution is then
        extrapolated.
    """

    frequency: Values
    fsc: Values
    at_0143: float | None
    at_05: float | None
    censored: bool


def core_of(inside: Mask, energies: BandEnergies) -> Mask:
    """Points of the grid of the energies well within a mask; all of them when it is thin.

    Windows about the surface hold solvent, and a mask reaches past the atoms by some Å.

    Parameters
    ----------
    inside : ndarray of bool
        Mask on any number of voxels of the box.
    energies : BandEnergies

    Returns
    -------
    ndarray of bool, shape of `energies.grid`
    """
    grid = energies.grid
    full = grid.resampled((inside.shape[0], inside.shape[1], inside.shape[2]))
    share = windowed(inside.astype(np.float32), full, grid, _SURFACE)
    core: Mask = share > _CORE
    return core if core.any() else linear_interpolate(inside.astype(np.float32), grid.shape) > 0.5


def from_energies(
    energy: Array, noise: Array, mask: Mask, bands: Bands, limit: float
) -> GlobalResolution:
    """FSC from the mean SSNR within the mask.

    Parameters
    ----------
    energy : ndarray of float32, shape (bands, z, y, x)
    noise : ndarray of float32, shape (bands,) or (bands, z, y, x)
        Noise of the full map: of the solvent, or local, from half maps.
    mask : ndarray of bool, shape (z, y, x)
    bands : Bands
    limit : float
        Highest frequency that the map holds, 1/Å.
    """
    total = energy[:, mask].mean(axis=1, dtype=np.float64)
    spent = noise[:, mask].mean(axis=1, dtype=np.float64) if noise.ndim > 1 else noise
    ssnr = np.maximum(total / np.maximum(spent, 1e-30) - 1, 0)
    fsc = ssnr / (ssnr + 2)
    column = fsc.astype(np.float32)[:, None]
    fine = first_crossing(column, bands, 0.143, limit)
    half = first_crossing(column, bands, 0.5, limit)
    return GlobalResolution(
        frequency=bands.frequency,
        fsc=fsc,
        at_0143=float(1 / fine.frequency[0]),
        at_05=float(1 / half.frequency[0]),
        censored=bool(fine.censored[0]),
    )
