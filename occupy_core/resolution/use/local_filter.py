"""A map low-passed at its local resolution."""

from __future__ import annotations

import numpy as np
from scipy import fft

from occupy_core.maps import Array, DensityMap
from occupy_core.maps.filters import linear_interpolate
from occupy_core.maps.threads import for_slabs
from occupy_core.progress import Progress, report
from occupy_core.resolution import _loops as kernels
from occupy_core.resolution.measure.bands import STEP, TABLE
from occupy_core.resolution.measure.spectrum import frequencies, nyquist

_PLANES = 8  # [machine]


def filter_locally(
    density: DensityMap, resolution: Array, *, progress: Progress | None = None
) -> DensityMap:
    """Low-pass each voxel at its own resolution.

    The map is cut into bands whose gains add up to one; each voxel keeps the bands up to its
    local frequency, and part of the one in which that lies.

    Parameters
    ----------
    density : DensityMap
    resolution : ndarray of float32
        Local resolution in Å on any number of points of the box, everywhere positive.
    progress : Progress, optional

    Returns
    -------
    DensityMap
        The density keeps its grey scale.
    """
    grid = density.grid
    frequency = linear_interpolate((1 / resolution).astype(np.float32), grid.shape)
    highest = min(float(frequency.max()) + STEP, nyquist(grid) * np.sqrt(3))
    spectrum = fft.rfftn(density.data)
    squares = frequencies(grid, grid.shape)
    result = np.zeros(grid.shape, np.float32)
    part = np.empty_like(spectrum)
    centres = STEP * np.arange(int(highest / STEP) + 2)
    for step, centre in enumerate(centres):
        f = np.arange(int((centre + STEP) * TABLE) + 2) / TABLE
        gain = np.cos(np.pi / 2 * np.clip((f - centre) / STEP, -1, 1)) ** 2
        gain[-1] = 0
        table = (gain.astype(np.float32), TABLE)

        def work(start: int, stop: int, table: tuple[Array, float] = table) -> None:
            kernels.band_planes(spectrum, part, (start, stop), squares, table)

        for_slabs(work, grid.shape[0], _PLANES)
        band = fft.irfftn(part, grid.shape)
        band *= np.clip((frequency - np.float32(centre)) / np.float32(STEP) + np.float32(0.5), 0, 1)
        result += band
        report(progress, (step + 1) / len(centres), "filtering to the local resolution")
    return density.with_data(result)
