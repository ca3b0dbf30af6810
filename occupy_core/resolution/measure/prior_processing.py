"""What was done to a map before it came here; it decides how its resolution is read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps import Array, Mask
from occupy_core.resolution.measure.bands import BandEnergies
from occupy_core.resolution.measure.solvent_shells import BandNoise
from occupy_core.resolution.measure.spectrum import Spectrum

Values = NDArray[np.float64]

# [taste: nothing moved] 1/Å: bands in which any map has far more signal than finer ones
_DETAIL = (1 / 12, 1 / 6)
# [taste: nothing moved] of the contrast of those bands that a filtered map keeps in its finest
# bands
_FLAT = 0.5
# [taste: nothing moved] by which the contrast of an unfiltered map never rises with frequency
_RISE = 2.0
# [taste: nothing moved] shells; solvent that is the same over more of them was not filtered locally
_SHORT = 5
_CONTRAST = 250.0  # [taste: nothing moved] energy of molecule over solvent that no noise leaves
# [taste: nothing moved] contrast of the coarsest bands where solvent is well apart from the
# molecule
_CLEAR = 12.0
# [taste: nothing moved] shells of solvent where there is room; fewer that agree were filtered
# unequally
_FEWEST = 3
_FEWEST_WITHIN = 4  # [taste: nothing moved] within a mask; fewer are too near to molecule and edge
# [taste: nothing moved] of the box that an empty background must take to be a mask
_EMPTY_BOX = 0.02
# [taste: nothing moved] Å²; the signal of an unsharpened map falls by a B-factor above this
_SHARP = 30.0


@dataclass(frozen=True, kw_only=True)
class MapState:
    """State of a map.

    Parameters
    ----------
    solvent : str
        "visible", "masked" (no noise is left near the molecule) or "none" (nothing but noise).
    modified : bool
        True when fine detail stands out of the solvent as much as coarse: filtered to its local
        resolution, denoised or modified by a network.
    spherical : bool
        True when the noise ends at a spherical or other wide mask.
    cut : bool
        True when the map was low-passed before Nyquist.
    sharpened : bool
        True when the power of the molecule does not fall towards fine detail.
    tight : bool
        True when the molecule touches the faces of the box.
    clipped : bool
        True when much of the map has its lowest value: the rest was cut off, and what is left of
        the solvent is no noise.
    inverted : bool
        True when the density of the molecule is negative.
    """

    solvent: str
    modified: bool
    spherical: bool
    cut: bool
    sharpened: bool
    tight: bool
    clipped: bool
    inverted: bool

    @property
    def measured(self) -> bool:
        """Whether the noise of the solvent can be measured and be trusted."""
        return self.solvent == "visible" and not self.altered

    @property
    def altered(self) -> bool:
        """Whether density was changed here more than there, other than by a mask."""
        return self.modified or self.clipped

    def words(self) -> tuple[str, ...]:
        """Describe the state, one phrase each."""
        solvent = {
            "visible": "solvent noise visible",
            "masked": "solvent masked away",
            "none": "nothing stands out of the noise",
        }
        flags = {
            "locally filtered or machine-modified": self.modified,
            "spherical or wide mask": self.spherical,
            "low-passed before Nyquist": self.cut,
            "sharpened": self.sharpened,
            "tight box": self.tight,
            "low density cut off": self.clipped,
            "contrast inverted": self.inverted,
        }
        return (solvent[self.solvent], *(text for text, on in flags.items() if on))


def is_inverted(smooth: Array, molecule: Mask, solvent: Mask) -> bool:
    """Whether a molecule is darker than its solvent.

    Atoms are dense spots in what is not: at 7 Å the density of a molecule is skewed to the side
    on which it lies, by 1.5 and more.

    Parameters
    ----------
    smooth : ndarray of float32
        Density at 7 Å.
    molecule, solvent : ndarray of bool, shape of `smooth`
        Surely one and the other; no solvent may be known.
    """
    outside = solvent if solvent.any() else ~molecule
    if not (molecule.any() and outside.any()):
        return False
    above = smooth[molecule] - np.median(smooth[outside])
    return float(np.mean(above.astype(np.float64) ** 3)) < 0


def detect_state(
    spectrum: Spectrum, energies: BandEnergies, noise: BandNoise, filled: Array
) -> MapState:
    """Find what was done to a map from its band energies.

    Signal over white noise falls with frequency, so the contrast of molecule over solvent does
    too. Where the solvent was taken away, or filtered more than the molecule, it does not.
    Whether the map was clipped or inverted its energies do not say.
    """
    molecule = noise.molecule
    level = noise.trend[molecule]
    inside = np.array([np.median(e[molecule] / level) for e in energies.energy], dtype=np.float64)
    contrast = inside / np.maximum(noise.power, 1e-30)
    f = energies.bands.frequency
    whole = max(1, len(f) - 1)  # the last band may end early
    fine = float(np.median(contrast[max(0, whole - 3) : whole]))
    detail = contrast[(f > _DETAIL[0]) & (f < _DETAIL[1])]
    finer = contrast[:whole][f[:whole] > _DETAIL[1]]
    flat = len(finer) >= 3 and (fine > _FLAT * float(np.median(detail)) or _rises(finer))
    empty = float((filled < 0.5).mean())
    # Solvent between molecule and mask that is full of the tail of the molecule is no solvent.
    few = noise.shells < _SHORT
    crowded = few and empty > _EMPTY_BOX and float(contrast[:2].max()) < _CLEAR
    fewest = _FEWEST_WITHIN if empty > _EMPTY_BOX else 1
    masked = noise.shells < fewest or fine > _CONTRAST or (flat and empty > 0.1) or crowded
    tight = _touches_faces(molecule)
    # Where there is room, noise that is the same over next to nothing was filtered unequally.
    uneven = noise.shells < _FEWEST <= noise.room and not tight
    modified = (flat or uneven) and not masked and few
    if noise.featureless:
        return MapState(
            solvent="none",
            modified=False,
            spherical=False,
            cut=spectrum.cut,
            sharpened=False,
            tight=False,
            clipped=False,
            inverted=False,
        )
    return MapState(
        solvent="masked" if masked else "visible",
        modified=modified,
        spherical=not masked and empty > _EMPTY_BOX,
        cut=spectrum.cut,
        sharpened=_apparent_b(spectrum, energies, inside, noise.power, not masked) < _SHARP,
        tight=tight,
        clipped=False,
        inverted=False,
    )


def _rises(contrast: Values) -> bool:
    """Whether a contrast well above the noise rises with frequency."""
    lowest = np.minimum.accumulate(contrast)
    return bool((contrast > np.maximum(_RISE * lowest, 4.0)).any())


def _touches_faces(molecule: Mask) -> bool:
    """Whether the molecule reaches both faces of the box along an axis."""
    return any(
        bool(np.take(molecule, 0, axis=axis).any() and np.take(molecule, -1, axis=axis).any())
        for axis in range(3)
    )


def _apparent_b(
    spectrum: Spectrum, energies: BandEnergies, inside: Values, noise: Values, visible: bool
) -> float:
    """B-factor by which the power of the molecule falls between 10 Å and the finest signal, Å²."""
    f = energies.bands.frequency
    signal = inside - noise if visible else inside
    used = (f > 0.1) & (signal > 0.3 * noise)
    if used.sum() < 3:
        return np.inf
    level = np.interp(f[used], spectrum.frequency, spectrum.power)
    slope = np.polyfit(f[used] ** 2, np.log(signal[used] * level), 1)[0]
    return float(-2 * slope)
