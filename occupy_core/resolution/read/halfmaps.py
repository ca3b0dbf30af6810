"""Local FSC of two half maps in Gaussian windows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from occupy_core.maps import Array, DensityMap
from occupy_core.progress import Progress
from occupy_core.resolution.measure.bands import BandEnergies, local_energies
from occupy_core.resolution.measure.spectrum import Spectrum, analyse, transform
from occupy_core.resolution.read.crossing import smooth_bands
from occupy_core.solvent.noise import on_one_scale


def mean_map(halves: tuple[DensityMap, DensityMap]) -> DensityMap:
    """Return the mean of two half maps on the scale of the first, named as that."""
    first, second = halves
    return first.with_data(np.float32(0.5) * (first.data + on_one_scale(first, second).data))


class HalfMapEnergies(NamedTuple):
    """Local energies of the mean of two half maps, and of its noise: half their difference.

    `spectrum` is that of the mean, which also whitens the difference.
    """

    spectrum: Spectrum
    mean: BandEnergies
    difference: BandEnergies


def half_map_energies(
    first: DensityMap, second: DensityMap, window: float, *, progress: Progress | None = None
) -> HalfMapEnergies:
    """Local energies of the mean of two half maps and of half their difference.

    Parameters
    ----------
    first, second : DensityMap
        Half maps on one grid.
    window : float
        Standard deviation of the window, Å.

    Raises
    ------
    EstimationError
        When the half maps are the same or constant.
    """
    second = on_one_scale(first, second)
    total = first.with_data((first.data + second.data) / 2)
    spectrum = analyse(total)
    rest = first.with_data((first.data - second.data) / 2)
    # Both are scaled to unit variance by their transforms; the ratio of the two is put back.
    ratio = rest.data.std(dtype=np.float64) / total.data.std(dtype=np.float64)
    scaled = Spectrum(
        transform=transform(rest) * np.float32(ratio),
        grid=total.grid,
        frequency=spectrum.frequency,
        power=spectrum.power,
        cutoff_frequency=spectrum.cutoff_frequency,
        cut=spectrum.cut,
    )
    mean, difference = local_energies((spectrum, scaled), window, progress=progress)
    return HalfMapEnergies(spectrum, mean, difference)


def local_fsc(mean: BandEnergies, difference: BandEnergies) -> Array:
    """Local FSC of each band, shape (bands, z, y, x), smoothed over neighbouring bands.

    The energies of half sum and half difference are (E1 + E2 + 2 C) / 4 and (E1 + E2 - 2 C) / 4,
    so their difference over their sum is the FSC with the arithmetic mean of the energies of the
    halves in its denominator.
    """
    total = np.maximum(mean.energy + difference.energy, np.float32(1e-30))
    return smooth_bands((mean.energy - difference.energy) / total)
