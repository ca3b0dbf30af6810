"""Voxels that no molecule explains, such as hot pixels: what is estimated must not turn on them."""

from __future__ import annotations

import numpy as np

from occupy_core.maps.grid import DensityMap

_FARTHEST = 10.0  # [taste: not swept] times as far from the median as the densest content
_SAMPLE = 2**20  # [machine] voxels, of which the most extreme are compared
_EXTREME = 20  # [taste: not swept] of the sample are not yet content
_SMALLEST = 1000  # [guard] voxels of the sample for each of these


def without_outliers(density: DensityMap) -> tuple[DensityMap, tuple[str, ...]]:
    """Leave out the values of a map that lie far beyond those of its content.

    Content is what the 20th largest and smallest of a million voxels show; what lies ten times as
    far from the median becomes the median.

    Parameters
    ----------
    density : DensityMap

    Returns
    -------
    density : DensityMap
        The same map where there is nothing to leave out.
    warnings : tuple of str
        A sentence when there was.
    """
    data = density.data
    step = -(-data.size // _SAMPLE) | 1  # odd, so that it meets all columns of an even box
    sample = data.reshape(-1)[::step]
    rank = min(_EXTREME, sample.size // _SMALLEST)
    if rank < 2:  # too small a box to tell an outlier from content
        return density, ()
    places = [rank, sample.size // 2, sample.size - 1 - rank]
    low, middle, high = (float(v) for v in np.partition(sample, places)[places])
    reach = _FARTHEST * max(high - middle, middle - low)
    least, most = float(data.min()), float(data.max())
    if reach == 0 or max(most - middle, middle - least) <= reach:
        return density, ()
    strange = (data < np.float32(middle - reach)) | (data > np.float32(middle + reach))
    left = np.where(strange, np.float32(middle), data)
    n_voxels = int(np.count_nonzero(strange))
    many = "voxels" if n_voxels > 1 else "voxel"
    extreme = most if most - middle > middle - least else least
    return density.with_data(left), (
        f"In {density.name}, {n_voxels} {many} (up to {extreme:.3g}) can be no density, being over "
        f"{_FARTHEST:g} times as far from the solvent as all others; the estimate leaves out such "
        "voxels, and modified maps keep them.",
    )
