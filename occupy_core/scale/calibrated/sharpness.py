"""How sharp density is from place to place, and what that does to its local maximum.

Atoms that move more have lower peaks, but there is no less of them: a maximum takes B-factors for
occupancy. Occupancy changes the power of detail and that of all density alike; B-factors change
detail only, so the ratio of the two tells them apart. How much lower a maximum is for a lower ratio
is measured by blurring parts of the map itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from occupy_core.maps.filters import gaussian_filter, maximum_filter
from occupy_core.maps.grid import Array, Mask
from occupy_core.solvent.cells import Cells
from occupy_core.solvent.noise import Solvent, cubes_of

# [fit: python -m benchmarks.sensitivity scale] Å²; B-factor by which parts of the map are blurred
_TRIED = 50.0
_STEEPEST = 0.2  # [taste: nothing moved]
_FAINT = 0.3  # [taste: nothing moved] of the noise: detail of this power counts half
# [fit: python -m benchmarks.sensitivity scale] a factor beyond is noise: 200 Å² of B-factor make
# less
_MOST = 1.4
# [fit: python -m benchmarks.sensitivity scale] of the usual power: where there is less, sharpness
# is the usual one
_REST = 0.02


_Cube = tuple[Array, Array, Mask]


class _Powers(NamedTuple):
    """Power of detail and of all density less that of noise, and the median local maximum."""

    detail: float
    total: float
    maximum: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Sharpness:
    """A map and what is done to it before its local maximum; what smoothing takes is detail.

    Parameters
    ----------
    data : ndarray of float32, shape (z, y, x)
        The map.
    factor : float
        It is multiplied by this, ...
    deviations : list of float
        ... smoothed by a Gaussian of these deviations (z, y, x) in voxels, ...
    footprint : ndarray of bool
        ... and its maximum over this is taken.
    cells : Cells
    solvent : Solvent
        Its cells tell how much of the power is noise.
    """

    data: Array
    factor: float
    deviations: list[float]
    footprint: Mask
    cells: Cells
    solvent: Solvent

    def gain(self, smooth: Array, inside: Mask, reach: float) -> Array:
        """Return the factor that makes local maxima independent of B-factors.

        Parameters
        ----------
        smooth : ndarray of float32, shape (z, y, x)
            The smoothed map.
        inside : ndarray of bool, shape of the cells
            Content.
        reach : float
            Deviation of the Gaussian over which sharpness is averaged, Å.

        Returns
        -------
        ndarray of float32, shape of the cells
            1 where content is as sharp as its median, more where it is blurred.
        """
        signals, noises = [], []
        weights = inside.astype(np.float32)
        widths = [reach / edge for edge in self.cells.spacing]
        powers = self.cells.powers(self.data, self.factor, smooth, self.solvent.mean)
        for power in powers:
            known = self.solvent.known
            noises.append(float(power[self.solvent.where].mean(dtype=np.float64)) if known else 0.0)
            signal = gaussian_filter(weights * (power - np.float32(noises[-1])), widths)
            signals.append(np.maximum(signal, 0))
        detail, total = signals
        usual_detail, usual = float(np.median(detail[inside])), float(np.median(total[inside]))
        exponent = self._exponent(inside)
        if not (usual_detail > 0 and usual > 0 and exponent > 0):
            return np.ones(self.cells.shape, np.float32)
        ratio = (detail / usual_detail + _REST) / (total / usual + _REST)
        unseen = _FAINT * noises[0] * gaussian_filter(weights, widths)
        told = detail / (detail + unseen + 1e-6 * usual_detail)
        gain = np.clip(ratio ** (-exponent * told), 1 / _MOST, _MOST)
        return np.asarray(gain, np.float32)

    def _exponent(self, inside: Mask) -> float:
        """Return by which power of the ratio local maxima fall when content is blurred."""
        sharp, blurred = self._powers(inside, 0.0), self._powers(inside, _TRIED)
        if min(*sharp, *blurred) <= 0:
            return 0.0
        change = math.log(blurred.detail / sharp.detail * sharp.total / blurred.total)
        if change >= 0:
            return 0.0
        return min(max(math.log(blurred.maximum / sharp.maximum) / change, 0.0), _STEEPEST)

    def _powers(self, inside: Mask, b_factor: float) -> _Powers:
        """Measure cubes of content and of solvent, blurred by a B-factor in Å²."""
        cubes = list(self._cubes(inside, b_factor))
        detail, total = self._mean_powers(cubes)
        if self.solvent.known:
            noise = self._mean_powers(self._cubes(self.solvent.where, b_factor))
            detail, total = detail - noise[0], total - noise[1]
        maxima = [maximum_filter(smooth, self.footprint)[within] for _, smooth, within in cubes]
        level = float(np.median(np.concatenate(maxima))) - self.solvent.mean
        return _Powers(detail, total, level)

    def _mean_powers(self, cubes: Iterable[_Cube]) -> tuple[float, float]:
        """Return the mean power of detail and of all density in the chosen voxels of cubes."""
        level = np.float32(self.solvent.mean)
        both = [
            ((part - smooth)[within] ** 2, (smooth[within] - level) ** 2)
            for part, smooth, within in cubes
        ]
        detail, total = (float(np.concatenate(p).mean()) for p in zip(*both, strict=True))
        return detail, total

    def _cubes(self, chosen: Mask, b_factor: float) -> Iterator[_Cube]:
        """Yield cubes of the blurred map, the same smoothed, and where they are chosen."""
        voxel = self.cells.grid.voxel_size_zyx
        blur = [math.sqrt(b_factor / (8 * math.pi**2)) / v for v in voxel]
        for corner, within in cubes_of(self.cells, chosen):
            cube = tuple(slice(c, c + n) for c, n in zip(corner, within.shape, strict=True))
            part = np.float32(self.factor) * self.data[cube]
            part = gaussian_filter(part, blur) if b_factor else part
            yield part, gaussian_filter(part, self.deviations), within
