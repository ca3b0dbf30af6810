"""A second opinion: the finest band whose monogenic amplitude stands out of the noise.

The amplitude of a band V and its Riesz transforms R is A = sqrt(V² + R1² + R2² + R3²); a detail is
present where A, averaged over its own wavelength, exceeds the 95 % quantile of the solvent [1]_.
It measures the presence of signal, not an FSC, so it is compared up to a factor.

References
----------
.. [1] Vilas et al. (2018), Structure 26, 337, doi:10.1016/j.str.2017.12.018.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from occupy_core.maps import Array, Mask
from occupy_core.progress import Progress, report
from occupy_core.resolution.measure.analysis import Analysis
from occupy_core.resolution.measure.bands import cropped_band, windowed
from occupy_core.resolution.measure.spectrum import frequencies

_EVERY = 2  # [machine] bands: a second opinion needs no finer steps
_QUANTILE = 0.95  # [paper: doi:10.1016/j.str.2017.12.018]


def monogenic_resolution(analysis: Analysis, *, progress: Progress | None = None) -> Array:
    """Resolution (Å) at which the monogenic amplitude disappears in the noise.

    Parameters
    ----------
    analysis : Analysis
        Of a map whose solvent is visible.
    progress : Progress, optional

    Returns
    -------
    ndarray of float32
        On the grid of the energies.
    """
    energies, spectrum = analysis.energies, analysis.spectrum
    bands = energies.bands
    chosen = np.arange(len(bands.frequency) - 1, -1, -_EVERY)[::-1]
    present = np.ones(energies.grid.shape, bool)
    found = np.full(energies.grid.shape, 1 / bands.frequency[0], np.float32)
    for step, b in enumerate(chosen):
        amplitude = _amplitude(
            *cropped_band(spectrum.transform, spectrum, bands.edges[b]), analysis
        )
        wavelength = 1 / bands.frequency[b]
        local = windowed(amplitude, spectrum.grid, energies.grid, max(wavelength / 2, 2.0))
        present &= local > np.quantile(local[analysis.noise.zone], _QUANTILE)
        found[present] = wavelength
        report(progress, (step + 1) / len(chosen), f"second opinion at {wavelength:.1f} Å")
        if not present.any():
            break
    return found


def disagreement(resolution: Array, second: Array, mask: Mask) -> Array:
    """Absolute log ratio of two resolutions, relative to its median within the mask."""
    ratio = np.log(resolution / second)
    middle = np.median(ratio[mask]) if mask.any() else 0.0
    result: Array = np.abs(ratio - middle).astype(np.float32)
    return result


def _amplitude(
    band: NDArray[np.complex64], shape: tuple[int, int, int], analysis: Analysis
) -> Array:
    """Monogenic amplitude of a band given by its cropped transform."""
    fz, fy, fx = frequencies(analysis.spectrum.grid, shape)
    nz, ny, _ = shape
    per_radius = np.sqrt(fz[:, None, None] + fy[:, None] + fx).astype(np.float32)
    per_radius[0, 0, 0] = 1
    np.reciprocal(per_radius, out=per_radius)
    directions = (
        (np.sqrt(fz) * np.sign(fft.fftfreq(nz)))[:, None, None],
        (np.sqrt(fy) * np.sign(fft.fftfreq(ny)))[:, None],
        np.sqrt(fx),
    )
    total: Array = fft.irfftn(band, shape, norm="ortho")
    np.square(total, out=total)
    turned = band * per_radius
    turned *= np.complex64(-1j)
    for direction in directions:
        riesz = fft.irfftn(
            turned * direction.astype(np.float32), shape, norm="ortho", overwrite_x=True
        )
        np.square(riesz, out=riesz)
        total += riesz
    return np.sqrt(total, out=total)
