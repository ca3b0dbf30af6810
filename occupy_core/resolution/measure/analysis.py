"""Everything that is measured on a map before its resolution is read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from occupy_core.maps import Array, DensityMap, Grid, Mask
from occupy_core.maps.filters import linear_interpolate
from occupy_core.progress import Progress
from occupy_core.resolution.measure.bands import BandEnergies, local_energies, window_for
from occupy_core.resolution.measure.coupling import holds_density
from occupy_core.resolution.measure.density_mask import molecular_mask, smoothed_density
from occupy_core.resolution.measure.mask_edge import filled_part
from occupy_core.resolution.measure.prior_processing import (
    MapState,
    detect_state,
    is_inverted,
)
from occupy_core.resolution.measure.solvent_shells import (
    BandNoise,
    nothing_but_noise,
    solvent_noise,
    stands_out,
)
from occupy_core.resolution.measure.spectrum import Spectrum, analyse
from occupy_core.solvent.blank import find_blank


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """Measurements on a map.

    Parameters
    ----------
    spectrum : Spectrum
        Of the map, its sign such that the molecule is positive.
    energies : BandEnergies
    filled : ndarray of float32
        Part of each window that holds more than an empty background.
    noise : BandNoise
    state : MapState
    smooth : ndarray of float32
        Smoothed density on `surface_grid`.
    surface_grid : Grid
        Grid on which the mask is decided.
    mask : ndarray of bool
        Mask by significance, on `surface_grid`.
    """

    spectrum: Spectrum
    energies: BandEnergies
    filled: Array
    noise: BandNoise
    state: MapState
    smooth: Array
    surface_grid: Grid
    mask: Mask


def analyse_map(
    density: DensityMap,
    *,
    window: float | None = None,
    measured: tuple[Spectrum, BandEnergies] | None = None,
    progress: Progress | None = None,
) -> Analysis:
    """Measure the spectrum, band energies, noise, state and mask of a map.

    Parameters
    ----------
    density : DensityMap
    window : float, optional
        Standard deviation of the window, Å; derived from the map when None.
    measured : tuple, optional
        Spectrum and energies when they are known already.
    progress : Progress, optional

    Raises
    ------
    EstimationError
        When the map is constant or holds too little detail.
    """
    if measured is None:
        spectrum = analyse(density)
        width = window_for(density.grid, spectrum.cutoff_frequency) if window is None else window
        (energies,) = local_energies((spectrum,), width, progress=progress)
    else:
        spectrum, energies = measured
    blank = find_blank(density)
    filled = filled_part(density, blank, energies)
    # Of a molecule cut out along its surface all is alike, and yet not noise.
    if stands_out(energies, filled) or holds_density(spectrum, energies, filled):
        noise = solvent_noise(energies, filled)
    else:
        noise = nothing_but_noise(energies)
    state = detect_state(spectrum, energies, noise, filled)
    smooth, grid = smoothed_density(spectrum)
    mask = np.zeros(grid.shape, bool)
    if not noise.featureless:
        zone, molecule = (onto(m, grid.shape) for m in (noise.zone, noise.molecule))
        inverted = is_inverted(smooth, molecule, zone)
        state = replace(state, clipped=blank.clipped, inverted=inverted)
        if inverted:
            smooth, spectrum = -smooth, replace(spectrum, transform=-spectrum.transform)
        mask = molecular_mask(smooth, grid, zone, molecule)
    return Analysis(
        spectrum=spectrum,
        energies=energies,
        filled=filled,
        noise=noise,
        state=state,
        smooth=smooth,
        surface_grid=grid,
        mask=mask,
    )


def onto(mask: Mask, shape: tuple[int, int, int]) -> Mask:
    """Resample a mask to another number of voxels of the same box."""
    result: Mask = linear_interpolate(mask.astype(np.float32), shape) > 0.5
    return result
