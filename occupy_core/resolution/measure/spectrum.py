"""The transform of a map, its radial power, and the frequency at which the map was cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from occupy_core.maps import DensityMap, Grid, require_varying
from occupy_core.maps.threads import for_slabs
from occupy_core.resolution import _loops as kernels

Values = NDArray[np.float64]
Transform = NDArray[np.complex64]

_FALL = 100.0  # [taste: nothing moved] power past a cut-off has fallen by more than this ...
_FALL_WIDTH = 0.056  # [trained] ... within this width, 1/Å: twice the step of the bands
# [taste: nothing moved] 1/Å; below, the power of a compact particle falls as steeply by itself
_LOWEST_CUTOFF = 0.04
_PLANES = 8  # [machine]


@dataclass(frozen=True, kw_only=True)
class Spectrum:
    """Transform of a map of mean zero and unit variance.

    Parameters
    ----------
    transform : ndarray of complex64, shape (z, y, x // 2 + 1)
        Real transform, orthonormal.
    grid : Grid
        Grid of the map.
    frequency, power : ndarray of float64, shape (n,)
        Centres of the shells (1/Å) up to Nyquist and the mean of |F|² in them.
    cutoff_frequency : float
        Highest frequency that is believed, 1/Å: where the map was cut, or Nyquist.
    cut : bool
        True when the map was cut before Nyquist.
    """

    transform: Transform
    grid: Grid
    frequency: Values
    power: Values
    cutoff_frequency: float
    cut: bool


def nyquist(grid: Grid) -> float:
    """Highest frequency that a grid holds along each of its axes, 1/Å."""
    return 0.5 / max(grid.voxel_size)


def frequencies(grid: Grid, shape: tuple[int, int, int]) -> tuple[Values, Values, Values]:
    """Squared frequencies along z, y and x (1/Å²) of the real transform of `shape` voxels."""
    nz, ny, nx = shape
    x, y, z = grid.box
    along_x = np.arange(nx // 2 + 1) / x
    return (fft.fftfreq(nz, z / nz)) ** 2, (fft.fftfreq(ny, y / ny)) ** 2, along_x**2


def transform(density: DensityMap) -> Transform:
    """Orthonormal real transform of a map of mean zero and unit variance.

    Grey scale and offset of the map leave no trace in it.
    """
    require_varying(density)
    mean = density.data.mean(dtype=np.float64)
    deviation = density.data.std(dtype=np.float64)
    data = (density.data - np.float32(mean)) * np.float32(1 / deviation)
    result: Transform = fft.rfftn(data, norm="ortho", overwrite_x=True)
    return result


def shell_power(spectrum: Transform, grid: Grid) -> tuple[Values, Values]:
    """Mean of |F|² in shells of |k| as wide as one voxel of the longest axis, up to Nyquist.

    Returns
    -------
    frequency, power : ndarray of float64, shape (n,)
    """
    per_shell = max(grid.box)
    n_shells = int(nyquist(grid) * per_shell + 0.5) + 1
    fz, fy, fx = frequencies(grid, grid.shape)
    sums = np.zeros((-(-len(fz) // _PLANES), 2, n_shells))

    def work(start: int, stop: int) -> None:
        kernels.shell_sums(
            spectrum[start:stop], (fz[start:stop], fy, fx), per_shell, sums[start // _PLANES]
        )

    for_slabs(work, len(fz), _PLANES)
    power, count = sums.sum(axis=0)
    return np.arange(n_shells) / per_shell, power / np.maximum(count, 1)


def find_cutoff(frequency: Values, power: Values) -> float | None:
    """Frequency at which a map was low-passed, 1/Å; None when it was not.

    Past a low-pass filter nothing is left but rounding and what later masking leaks, so the power
    falls by more than 100 within two bands (0.056 1/Å), far faster than the signal and noise of a
    reconstruction do. The cut-off lies where the first such fall has lost a factor of ten.

    Parameters
    ----------
    frequency, power : ndarray of float64, shape (n,)
        Shells and their mean power (`shell_power`).
    """
    width = max(2, round(_FALL_WIDTH / (frequency[1] - frequency[0])))
    # A median of three shells: one odd shell (a ring of a crystal, a spike) is no edge.
    level = ndimage.median_filter(np.log10(np.maximum(power, 1e-30)), 3, mode="nearest")
    first = int(np.searchsorted(frequency, _LOWEST_CUTOFF))
    starts = np.arange(first, len(level) - 2)
    stops = np.minimum(starts + width, len(level) - 1)
    falls = np.flatnonzero(level[starts] - level[stops] > np.log10(_FALL))
    if len(falls) == 0:
        return None
    start = int(starts[falls[0]])
    fallen = start + int(np.flatnonzero(level[start:] < level[start] - 1)[0])
    return float(frequency[fallen - 1])


def analyse(density: DensityMap) -> Spectrum:
    """Transform a map and find the highest frequency that is believed.

    Raises
    ------
    EstimationError
        When the map is constant.
    """
    data = transform(density)
    frequency, power = shell_power(data, density.grid)
    cutoff = find_cutoff(frequency, power)
    limit = nyquist(density.grid)
    if cutoff is not None and cutoff < limit - 2 / max(density.grid.box):
        return Spectrum(
            transform=data,
            grid=density.grid,
            frequency=frequency,
            power=power,
            cutoff_frequency=cutoff,
            cut=True,
        )
    return Spectrum(
        transform=data,
        grid=density.grid,
        frequency=frequency,
        power=power,
        cutoff_frequency=limit,
        cut=False,
    )
