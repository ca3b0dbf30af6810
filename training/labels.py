"""What is known of a simulated map: the local FSC of its halves, from signal and noise apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from occupy_core.maps import Array, Grid

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]

WINDOW = 5.0  # Å, of the reference quantity
CORE = 3.0  # Å from the centre of an atom: where the resolution is scored
SURFACE = 4.2  # Å from the centre of an atom, 3 Å beyond its density: what the mask should hold
_STEP = 0.01  # 1/Å, finer than the bands of the estimate
_WIDTH = 0.02  # 1/Å, half width of a band of the reference
_NOISE_WINDOW = 15.0  # Å: the power of the noise is an expectation, not this draw of it


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """Half maps and their answer.

    Parameters
    ----------
    name : str
    grid : Grid
    halves : tuple of ndarray
        Half maps.
    reference : dict
        Local resolution in Å by threshold (0.143, 0.5), on every second voxel.
    mask : ndarray of bool
        Voxels within 3 Å of the centre of an atom.
    surface : ndarray of bool
        Voxels within 4.2 Å of the centre of an atom in any of its conformers.
    overall : dict
        Global resolution in Å by threshold: FSC of the molecule as a whole.
    """

    name: str
    grid: Grid
    halves: tuple[Array, Array]
    reference: dict[float, Array]
    mask: Mask
    surface: Mask
    overall: dict[float, float]

    @property
    def average(self) -> Array:
        """The full map."""
        return (self.halves[0] + self.halves[1]) / 2


def label(
    name: str,
    grid: Grid,
    signals: tuple[Array, Array],
    noises: tuple[Array, Array],
    halves: tuple[Array, Array],
    masks: tuple[Mask, Mask],
) -> Simulated:
    """Make the local and global FSC of half maps from their signals and noises."""
    mask, surface = masks
    frequency = np.arange(0.04, 0.5 / grid.voxel_size[0] + 1e-9, _STEP)
    transforms = [fft.rfftn(m, norm="ortho") for m in (*signals, *noises)]
    n = grid.shape
    f = [np.fft.fftfreq(k, v) for k, v in zip(n, grid.voxel_size_zyx, strict=True)]
    radius = np.sqrt(
        f[0][:, None, None] ** 2 + f[1][:, None] ** 2 + np.abs(f[2][: n[2] // 2 + 1]) ** 2
    ).astype(np.float32)
    local, whole = [], []
    sigma = [WINDOW / v for v in grid.voxel_size_zyx]
    wide = [_NOISE_WINDOW / v for v in grid.voxel_size_zyx]
    for centre in frequency:
        gain = np.cos(np.pi / 2 * np.clip((radius - np.float32(centre)) / _WIDTH, -1, 1))
        a, b, c, d = (fft.irfftn(t * gain, n, norm="ortho") for t in transforms)
        noise = (c * c + d * d) / 2
        common = ndimage.gaussian_filter(a * b, sigma, mode="wrap", truncate=4)[::2, ::2, ::2]
        other = ndimage.gaussian_filter((a - b) ** 2 / 2, wide, mode="wrap", truncate=3)[
            ::2, ::2, ::2
        ]
        spread = (
            ndimage.gaussian_filter(noise, wide, mode="wrap", truncate=3)[::2, ::2, ::2] + other
        )
        local.append(common / (np.maximum(common, 0) + spread))
        total = float((a * b)[mask].sum())
        whole.append(
            total
            / (max(total, 0.0) + float(noise[mask].sum()) + float(((a - b) ** 2)[mask].sum()) / 2)
        )
    curves, overall = np.array(local, dtype=np.float32), np.array(whole, dtype=np.float32)
    reference = {t: _crossing(curves, frequency, t) for t in (0.143, 0.5)}
    globals_ = {t: float(_crossing(overall[:, None], frequency, t)[0]) for t in (0.143, 0.5)}
    return Simulated(
        name=name,
        grid=grid,
        halves=halves,
        reference=reference,
        mask=mask,
        surface=surface,
        overall=globals_,
    )


def _crossing(curves: Array, frequency: Values, threshold: float) -> Array:
    """Resolution at which curves (n, ...) first fall below a threshold, Å; 25 at most."""
    below = curves < threshold
    index = np.where(below.any(axis=0), below.argmax(axis=0), len(curves) - 1)
    after = np.maximum(index, 1)
    upper = np.take_along_axis(curves, after[None] - 1, 0)[0]
    lower = np.take_along_axis(curves, after[None], 0)[0]
    share = np.clip((upper - threshold) / np.maximum(upper - lower, 1e-6), 0, 1)
    found = frequency[after - 1] + share * _STEP
    found = np.where(index == 0, 1 / 25, found)
    result: Array = (1 / found).astype(np.float32)
    return result
