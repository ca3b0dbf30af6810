"""Standard deviation of a local resolution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from occupy_core.maps import Array, Mask
from occupy_core.resolution.measure.bands import BandEnergies
from occupy_core.resolution.measure.solvent_shells import BandNoise
from occupy_core.resolution.read.crossing import Crossing

Values = NDArray[np.float64]

# Smoothing over bands by 1, 2, 1 leaves this part of the variance: bands overlap by half.
_SMOOTHED = 0.5  # [physics]
_LEAST_SLOPE = 0.5  # [guard] Å; a flatter curve says no more about where it crosses
# Relative error of the noise of the solvent taken for that of the molecule, the same all over a
# map, and what is added within a mask, for one shell of solvent. Both were set so that the
# intervals cover 68 % on maps of the complexes for training.
# [measured: coverage on two reconstructions of each complex for training]
_NOISE_ERROR, _NOISE_ERROR_OF_SHELL = 0.045, 0.3
_FALSE = 0.2  # [taste: nothing moved] of the crossings that are believed, at most, may be false
# [taste: nothing moved] relative: bands are finite, and a reference has errors of its own
_FLOOR = 0.012
# [taste: nothing moved] relative, at least, where the curve has not clearly crossed by the limit
# ...
_CENSORED = 0.05
_EXTRAPOLATED = 0.5  # [taste: nothing moved] ... and this much of the way past it


def noise_error(noise: BandNoise, within_mask: bool) -> float:
    """Relative error of the noise under the molecule, common to all points and bands of a map.

    Within a mask there is less solvent, and all of it near to the edge and to the molecule.
    """
    more = _NOISE_ERROR_OF_SHELL / max(noise.shells, 1) if within_mask else 0.0
    return float(np.hypot(_NOISE_ERROR, more))


def deviation_from_ssnr(
    crossing: Crossing, energies: BandEnergies, threshold: float, level: float
) -> Array:
    """Standard deviation (Å) of a resolution read from energy over noise.

    Parameters
    ----------
    crossing : Crossing
    energies : BandEnergies
    threshold : float
        0.143 or 0.5.
    level : float
        Relative error of the noise (`noise_error`).
    """
    return _in_angstrom(crossing, energies, _of_fsc(energies, threshold, level)[crossing.band])


def clearly_crossed(
    fsc: Array, energies: BandEnergies, threshold: float, level: float, molecule: Mask
) -> Mask:
    """Where a curve lies below a threshold by more than chance and the error of the noise allow.

    The chance that a curve only seems to have crossed is that of the band that lies furthest
    below, in standard deviations. Where most of a molecule is finer than the limit of its map,
    nearly all crossings are chance, so crossings are believed up to the chance at which a fifth
    of them may be false [1]_.

    Parameters
    ----------
    fsc : ndarray of float32, shape (bands, z, y, x)
    energies : BandEnergies
    threshold, level : float
        As in `deviation_from_ssnr`.
    molecule : ndarray of bool, shape (z, y, x)
        Points whose crossings count.

    References
    ----------
    .. [1] Benjamini & Hochberg (1995), J. R. Stat. Soc. B 57, 289,
       doi:10.1111/j.2517-6161.1995.tb02031.x.
    """
    below = np.full(fsc.shape[1:], -np.inf)
    for curve, deviation in zip(fsc, _of_fsc(energies, threshold, level), strict=True):
        np.maximum(below, (threshold - curve) / deviation, out=below)
    chance = special.ndtr(-below)
    ranked = np.sort(chance[molecule])
    believed = ranked[ranked <= _FALSE * np.arange(1, len(ranked) + 1) / max(len(ranked), 1)]
    result: Mask = chance <= (believed[-1] if len(believed) else -1.0)
    return result


def _of_fsc(energies: BandEnergies, threshold: float, level: float) -> Values:
    """Standard deviation of the FSC in each band where it is at a threshold, shape (bands,).

    An energy of n degrees of freedom has the relative variance 2 / n; it reaches the FSC by
    dFSC / d(E / N) = (1 - FSC)² / 2.
    """
    energy = 1 + 2 * threshold / (1 - threshold)
    relative = np.sqrt(2 * _SMOOTHED / energies.freedom + level**2)
    result: Values = (1 - threshold) ** 2 / 2 * energy * relative
    return result


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
    deviation = np.minimum(np.hypot(read, _FLOOR * resolution), resolution)
    limit = energies.bands.edges[-1, 2]
    past = np.maximum(crossing.frequency / limit - 1, 0)
    least = (_CENSORED + _EXTRAPOLATED * past) * resolution
    result: Array = np.where(crossing.censored, np.maximum(deviation, least), deviation).astype(
        np.float32
    )
    return result
