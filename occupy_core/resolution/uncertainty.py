"""Standard deviation of a local resolution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps import Array
from occupy_core.resolution.bands import BandEnergies
from occupy_core.resolution.ssnr import Crossing

# Smoothing over bands by 1, 2, 1 leaves this part of the variance: bands overlap by half.
_SMOOTHED = 0.5
_LEAST_SLOPE = 0.5  # Å; a flatter curve says no more about where it crosses
_NOISE_ERROR = 0.06  # relative error of the noise of the solvent taken for that of the molecule
_FLOOR = 0.012  # relative: bands are finite, and a reference has errors of its own
_CENSORED = 0.05  # relative, at least, where the curve has not clearly crossed by the limit ...
_EXTRAPOLATED = 0.5  # ... and this much of the way past it


def deviation_from_ssnr(crossing: Crossing, energies: BandEnergies, threshold: float) -> Array:
    """Standard deviation (Å) of a resolution read from energy over noise.

    An energy of n degrees of freedom has the relative variance 2 / n; it reaches the FSC by
    dFSC / d(E / N) = (1 - FSC)² / 2 and the frequency by the slope of the FSC there.
    """
    freedom = energies.freedom[crossing.band]
    energy = 1 + 2 * threshold / (1 - threshold)
    relative = np.sqrt(2 * _SMOOTHED / freedom + _NOISE_ERROR**2)
    return _in_angstrom(crossing, energies, (1 - threshold) ** 2 / 2 * energy * relative)


def deviation_from_fsc(crossing: Crossing, energies: BandEnergies, threshold: float) -> Array:
    """Standard deviation (Å) of a resolution read from the FSC of half maps.

    A correlation of n degrees of freedom has the variance (1 - FSC²)² / n.
    """
    freedom = energies.freedom[crossing.band]
    return _in_angstrom(crossing, energies, (1 - threshold**2) * np.sqrt(_SMOOTHED / freedom))


def _in_angstrom(crossing: Crossing, energies: BandEnergies, fsc: NDArray[np.float64]) -> Array:
    """Carry the deviation of the FSC over to the resolution 1 / f."""
    resolution = 1 / crossing.frequency
    read = fsc / np.maximum(crossing.slope, _LEAST_SLOPE) * resolution**2
    deviation = np.hypot(read, _FLOOR * resolution)
    limit = energies.bands.edges[-1, 2]
    past = np.maximum(crossing.frequency / limit - 1, 0)
    least = (_CENSORED + _EXTRAPOLATED * past) * resolution
    result: Array = np.where(crossing.censored, np.maximum(deviation, least), deviation).astype(
        np.float32
    )
    return result
