"""What a mask that was laid over a map left of the energy in the windows about its edge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from occupy_core.maps import Array, DensityMap, Mask
from occupy_core.resolution.measure.bands import STEP, BandEnergies, windowed
from occupy_core.solvent.blank import Blank

Values = NDArray[np.float64]

# [taste: nothing moved] Å inside an empty background at which a usual soft mask has lost half the
# power
_HALF_EDGE = 4.0
# [taste: nothing moved] Å over which a band of this width spreads what it filters
_SPREAD = 0.19 / STEP
# [taste: nothing moved] windows from the molecule at which the solvent shows how the edge falls
_AWAY = 2.0
# [taste: nothing moved] of the noise that the windows which show the noise itself hold
_BRIGHT, _LIT = 0.5, 0.3
_POINTS = 50  # [guard] fewer points than this show nothing
_ROUNDS = 4  # [guard] noise and edge, in turn: by then neither moves by a per cent
_LEAST = 0.5  # [taste: nothing moved] of the noise that a window must have kept to be of use


def filled_part(density: DensityMap, blank: Blank, energies: BandEnergies) -> Array:
    """Part of each window that holds more than an empty background, shape (z, y, x).

    Parameters
    ----------
    density : DensityMap
    blank : Blank
        What masks, padding and cuts have left in it.
    energies : BandEnergies
    """
    if not (blank.masked or blank.clipped):
        return np.ones(energies.grid.shape, np.float32)
    holds = (~blank.voxels(density.data)).astype(np.float32)
    return windowed(holds, density.grid, energies.grid, energies.window)


def kept_by_edge(apart: Values, window: float) -> Values:
    """Part of the energy in a window that a soft mask leaves, `apart` Å inside its outer end."""
    return _behind(apart - _HALF_EDGE, window)


def kept_as_measured(
    fine: Array, first: Values, emptied: Mask, distance: Values, energies: BandEnergies
) -> Values:
    """Part of the energy in a window that the mask left, by how the noise falls at its edge.

    Masks are sharp or soft, and a sphere that fills its box leaves nothing empty where it touches
    the faces. So the edge is laid where the noise of the solvent has lost half of its energy,
    whatever fell with it.

    Parameters
    ----------
    fine : ndarray of float32, shape (z, y, x)
        Energy of the finest bands.
    first : ndarray of float64, shape (z, y, x)
        First guess (`kept_by_edge`).
    emptied : ndarray of bool, shape (z, y, x)
        Windows about an empty background.
    distance : ndarray of float64, shape (z, y, x)
        From the molecule, Å.
    energies : BandEnergies

    Returns
    -------
    ndarray of float64, shape (z, y, x)
        Zero where less than half was left; the first guess when the solvent shows no edge.
    """
    window, spacing = energies.window, energies.grid.voxel_size_zyx
    away = distance > _AWAY * window
    if not emptied.any() or (away & (first > _LIT)).sum() < 2 * _POINTS:
        return first
    kept = first
    for _ in range(_ROUNDS):
        good = away & (kept > _BRIGHT)
        if good.sum() < _POINTS:
            good = away & (kept > _LIT)
        if good.sum() < _POINTS:
            return first
        level = fine / np.median(fine[good] / kept[good])
        dark = emptied | ((level < 0.5) & (distance > window))
        # A dark point tells by its energy how far beyond the edge it lies.
        beyond = special.ndtri(np.clip(level, 1e-3, 0.5)) * np.hypot(window, _SPREAD)
        apart, nearest = ndimage.distance_transform_edt(
            ~dark, sampling=spacing, return_indices=True
        )
        kept = _behind(apart + beyond[tuple(nearest)], window)
    return np.where(kept > _LEAST, kept, 0.0)


def _behind(depth: Values, window: float) -> Values:
    """Part of the energy in a window whose middle lies `depth` Å inside an edge."""
    result: Values = special.ndtr(depth / np.hypot(window, _SPREAD))
    return result
