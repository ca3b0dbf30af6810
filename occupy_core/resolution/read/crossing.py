"""From band energies and noise to the resolution at which a half-map FSC would fall.

With S and N the power of signal and noise in the map, SSNR = S / N = E / N - 1; a half map holds
twice the noise, so the FSC of two halves is (SSNR / 2) / (1 + SSNR / 2) [1]_.

References
----------
.. [1] Frank & Al-Ali (1975), Nature 256, 376, doi:10.1038/256376a0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps import Array, Mask
from occupy_core.resolution.measure.bands import Bands

Values = NDArray[np.float64]

# [taste: nothing moved] Å: what is reported where not even the coarsest detail is resolved
COARSEST = 25.0
# [taste: python -m benchmarks.sensitivity resolution] of the limit: as far as a decay is followed
# past what the map holds
_EXTRAPOLATION = 1.25
# [taste: nothing moved] by which the FSC of the last band must lie below the threshold to have
# crossed
_CLEARLY = 0.08
_SMALLEST = 1e-4  # [guard] SSNR; below, its logarithm means nothing


@dataclass(frozen=True)
class Crossing:
    """Where a curve first falls below a threshold.

    Parameters
    ----------
    frequency : ndarray of float32
        1/Å, never below 1/25.
    censored : ndarray of bool
        True where the curve has not clearly crossed by the limit of the map; the frequency then
        follows the decay of the curve, if need be past the limit, and is no better than a guess.
    slope : ndarray of float32
        -d FSC / d frequency at the crossing, Å.
    band : ndarray of int64
        Band after which the curve crosses.
    """

    frequency: Array
    censored: Mask
    slope: Array
    band: NDArray[np.int64]

    @property
    def resolution(self) -> Array:
        """Resolution, Å: one over the frequency."""
        result: Array = np.float32(1) / self.frequency
        return result


def fsc_from_energy(energy: Array, noise: Values, trend: Array | None = None) -> Array:
    """FSC of the half maps in each band at each point, from the energy of the full map.

    Parameters
    ----------
    energy : ndarray of float32, shape (bands, ...)
    noise : ndarray of float64, shape (bands,)
        Power of the noise, in the same units.
    trend : ndarray of float32, shape (...), optional
        Noise of each point relative to that.

    Returns
    -------
    ndarray of float32, shape (bands, ...)
        Smoothed over neighbouring bands by 1, 2, 1: their windows overlap in frequency.
    """
    expanded = noise.reshape(-1, *(1,) * (energy.ndim - 1))
    level = expanded.astype(np.float32) if trend is None else expanded.astype(np.float32) * trend
    ssnr = np.maximum(energy / level - 1, 0)
    return smooth_bands(ssnr / (ssnr + 2))


def smooth_bands(curve: Array) -> Array:
    """Average each band with its neighbours, 1 to 2 to 1 (3 to 1 at the finest band)."""
    result = curve.copy()
    result[1:-1] = (curve[:-2] + 2 * curve[1:-1] + curve[2:]) / 4
    result[-1] = (curve[-2] + 3 * curve[-1]) / 4
    return result


def first_crossing(fsc: Array, bands: Bands, threshold: float, limit: float) -> Crossing:
    """Find where FSC curves first fall below a threshold.

    Parameters
    ----------
    fsc : ndarray of float32, shape (bands, ...)
    bands : Bands
    threshold : float
        0.143 or 0.5.
    limit : float
        Highest frequency that the map holds, 1/Å.
    """
    n = len(fsc)
    flat = fsc.reshape(n, -1)
    below = flat < threshold
    index = np.where(below.any(axis=0), below.argmax(axis=0), n)
    f = bands.frequency
    columns = np.arange(flat.shape[1])
    after = np.clip(index, 1, n - 1)
    upper, lower = flat[after - 1, columns], flat[after, columns]
    fall = np.maximum(upper - lower, 1e-6)
    width = f[after] - f[after - 1]
    frequency = f[after - 1] + width * np.clip((upper - threshold) / fall, 0, 1)
    slope = fall / width
    start = index == 0
    frequency[start] = 1 / COARSEST
    censored = index == n
    if censored.any():
        beyond, steep = _follow_decay(flat[:, censored], f, threshold)
        frequency[censored] = np.clip(beyond, f[-1], _EXTRAPOLATION * limit)
        slope[censored] = steep
    # Protein has little signal about 6 Å: a curve may dip in the last band and rise beyond it.
    last = (index == n - 1) & (flat[-1] > threshold - _CLEARLY)
    censored |= last | (frequency > limit)
    shape = fsc.shape[1:]
    return Crossing(
        np.maximum(frequency, 1 / COARSEST).astype(np.float32).reshape(shape),
        censored.reshape(shape),
        slope.astype(np.float32).reshape(shape),
        np.clip(index, 0, n - 1).reshape(shape),
    )


def _follow_decay(fsc: Array, f: Values, threshold: float) -> tuple[Values, Values]:
    """Extrapolate curves: log SSNR against f², from the last band on.

    A B-factor makes the SSNR of signal over white noise exp(-B f² / 2); the slope is that of the
    line through the finer half of the bands.
    """
    used = slice(max(0, min(len(f) // 2, len(f) - 3)), len(f))
    ssnr = np.maximum(2 * fsc / np.maximum(1 - fsc, 1e-6), _SMALLEST)
    x = f[used] ** 2
    centred = x - x.mean()
    logs = np.log(ssnr[used])
    decay = -(centred[:, None] * logs).sum(axis=0) / (centred**2).sum()
    decay = np.maximum(decay, 1e-3)
    target = np.log(2 * threshold / (1 - threshold))
    square = x[-1] + (logs[-1] - target) / decay
    frequency = np.sqrt(np.maximum(square, f[-1] ** 2))
    return frequency, 2 * frequency * decay * threshold * (1 - threshold)
