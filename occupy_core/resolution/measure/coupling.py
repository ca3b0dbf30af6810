"""How fine detail goes with the density itself: signal told from noise without any solvent.

Where the density of a molecule is high, its finer detail is strong as well: both are of the same
atoms. Noise knows nothing of the density. So the covariance of the square of a band with the
density, a third-order cumulant, is that of the signal alone, however strong the noise; over the
energy of the band it is a share of signal, up to a factor that proteins have in common.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from occupy_core.maps import Array
from occupy_core.resolution.measure.bands import (
    TABLE,
    BandEnergies,
    band_map,
    band_shape,
    cropped,
    whitening,
    windowed,
)
from occupy_core.resolution.measure.spectrum import Spectrum

_COARSEST = 1 / 16  # [trained] 1/Å: from here on the density counts
# [taste: nothing moved] 1/Å: bands in which that of a molecule is strongest
_DETAIL = (1 / 10, 1 / 4)
# [measured: molecules cut out of maps, and noise] of the same: molecules cut out of a map have 0.08
# and more, noise 0.04
_SIGNIFICANT = 0.05
_LEAST = 1e-6  # [guard] energy: below, there is nothing


def detail_coupling(spectrum: Spectrum, energies: BandEnergies) -> Array:
    """Correlation of the square of each band with the density in the window about each point.

    Parameters
    ----------
    spectrum : Spectrum
    energies : BandEnergies
        Of the same map.

    Returns
    -------
    ndarray of float32, shape (bands, z, y, x)
        On the grid of the energies: covariance over the standard deviation of the density and
        over the energy of the band.
    """
    grid, coarse, window = spectrum.grid, energies.grid, energies.window
    edges = energies.bands.edges
    end = edges[-1, 2]
    f = np.arange(int(end * TABLE) + 3) / TABLE
    gain = np.where((f > _COARSEST) & (f < end), whitening(spectrum, f), 0).astype(np.float32)
    density = _density(spectrum, band_shape(grid, edges[-1]), gain)
    mean = windowed(density, grid, coarse, window)
    np.square(density, out=density)
    variance = windowed(density, grid, coarse, window) - mean**2
    spread = np.sqrt(np.maximum(variance, np.float32(_LEAST)))
    result = np.empty_like(energies.energy)
    for b, energy in enumerate(energies.energy):
        band = band_map(spectrum.transform, spectrum, edges[b])
        np.square(band, out=band)
        band *= _density(spectrum, band_shape(grid, edges[b]), gain)
        both = windowed(band, grid, coarse, window)
        result[b] = (both - mean * energy) / (spread * np.maximum(energy, np.float32(_LEAST)))
    return result


def holds_density(spectrum: Spectrum, energies: BandEnergies, filled: Array) -> bool:
    """Whether detail goes with density, of either sign, more than it does in noise.

    Parameters
    ----------
    spectrum : Spectrum
    energies : BandEnergies
    filled : ndarray of float32
        Part of each window that holds more than an empty background.
    """
    f = energies.bands.frequency
    shared = detail_coupling(spectrum, energies)[(f > _DETAIL[0]) & (f < _DETAIL[1])]
    if not len(shared):
        return False
    return abs(float(np.average(shared.mean(axis=0), weights=filled**2))) > _SIGNIFICANT


def _density(spectrum: Spectrum, shape: tuple[int, int, int], gain: Array) -> Array:
    """Filtered map in real space on a grid of `shape` voxels."""
    data = cropped(spectrum.transform, spectrum.grid, shape, gain)
    result: Array = fft.irfftn(data, shape, norm="ortho", overwrite_x=True)
    return result
