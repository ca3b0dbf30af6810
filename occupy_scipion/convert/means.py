# SPDX-License-Identifier: GPL-3.0-or-later
"""Means of maps that lie on one grid, such as the consensus of classes."""

import os

from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.mean import weighted_mean
from occupy_core.maps.mrc import write_map
from occupy_scipion.convert.files import readAnything


def writeMeans(folder, sources, weights):
    """Write the mean of maps, and of their half maps when all have them.

    Parameters
    ----------
    folder : str
        Where to; made when missing.
    sources : list of VolumeSource
        The maps, on one grid.
    weights : list of float
        Their weights, such as the sizes of classes.

    Returns
    -------
    list of str
        Names of the files: mean.mrc, and half1.mrc and half2.mrc.

    Raises
    ------
    MapFormatError
        When a map cannot be read.
    """
    os.makedirs(folder, exist_ok=True)
    files = {"mean": [(source.file, source.index) for source in sources]}
    if all(source.halfMaps for source in sources):
        for i in range(2):
            files[f"half{i + 1}"] = [(source.halfMaps[i], 0) for source in sources]
    return [
        _writeMean(os.path.join(folder, f"{name}.mrc"), each, weights, sources[0])
        for name, each in files.items()
    ]


def _writeMean(path, files, weights, source):
    grid = None
    maps = []
    for file, index in files:
        data = readAnything(file, index)
        grid = grid or Grid(data.shape, (source.voxelSize,) * 3, source.origin)
        maps.append(DensityMap(data, grid, "mean"))
    return str(write_map(path, weighted_mean(maps, weights)))
