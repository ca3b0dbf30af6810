"""A reconstruction as users process it, to see what that does to an estimate of its resolution."""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

from occupy_core.maps import Array, DensityMap
from occupy_core.maps.threads import for_slabs
from occupy_core.resolution import _loops as kernels
from occupy_core.resolution.measure.bands import TABLE
from occupy_core.resolution.measure.spectrum import frequencies, nyquist
from occupy_core.resolution.read.global_resolution import GlobalResolution

_B_FACTOR = -100.0  # [default] Å², a usual sharpening
_MARGIN, _EDGE = 3.0, 6.0  # [default] Å by which a mask is grown, and over which it falls to zero
_PLANES = 8  # [machine]


def post_processed(density: DensityMap, overall: GlobalResolution) -> DensityMap:
    """Weight a map by its FSC, sharpen it by a B-factor and cut it at its resolution.

    The weight sqrt(2 FSC / (1 + FSC)) is that of Rosenthal & Henderson (2003), J. Mol. Biol. 333,
    721, doi:10.1016/j.jmb.2003.07.013.

    Parameters
    ----------
    density : DensityMap
    overall : GlobalResolution
        FSC of the half maps of the map and where it falls to 0.143; a map of unknown resolution
        is not cut.
    """
    grid = density.grid
    end = nyquist(grid) if overall.at_0143 is None else 1 / overall.at_0143
    f = np.arange(int(end * TABLE) + 2) / TABLE
    fsc = np.clip(np.interp(f, overall.frequency, overall.fsc), 0, 1)
    gain = np.sqrt(2 * fsc / (1 + fsc)) * np.exp(-_B_FACTOR / 4 * f**2)
    table = (gain.astype(np.float32), TABLE)  # past its end there is nothing
    spectrum = fft.rfftn(density.data)
    squares = frequencies(grid, grid.shape)
    weighted = np.empty_like(spectrum)

    def work(start: int, stop: int) -> None:
        kernels.band_planes(spectrum, weighted, (start, stop), squares, table)

    for_slabs(work, grid.shape[0], _PLANES)
    return density.with_data(fft.irfftn(weighted, grid.shape, overwrite_x=True))


def soft_masked(density: DensityMap, mask: DensityMap) -> DensityMap:
    """Multiply a map by a mask grown by 3 Å with a soft edge of 6 Å.

    Parameters
    ----------
    density, mask : DensityMap
        On the same grid; the mask is inside above 0.5.
    """
    distance = ndimage.distance_transform_edt(
        mask.data <= 0.5, sampling=density.grid.voxel_size_zyx
    ).astype(np.float32)
    depth = np.clip((distance - np.float32(_MARGIN)) / np.float32(_EDGE), 0, 1)
    soft: Array = np.float32(0.5) + np.float32(0.5) * np.cos(np.float32(np.pi) * depth)
    return density.with_data(density.data * soft)
