"""Maps from and to files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from occupy_core.errors import ParameterError
from occupy_core.maps import mrc
from occupy_core.maps.given import Volume, VoxelSize, as_map
from occupy_core.maps.grid import DensityMap


def read_map(path: str | os.PathLike[str], *, voxel_size: VoxelSize | None = None) -> DensityMap:
    """Read a map.

    Parameters
    ----------
    path : path
        An MRC or CCP4 file, also compressed by gzip or bzip2.
    voxel_size : float or tuple of float, optional
        Edge of the voxels, or edges (x, y, z), in Å, instead of what the header says.

    Raises
    ------
    MapFormatError
        When the file cannot be used, see `occupy_core.maps.mrc.read_map`.
    """
    if not isinstance(path, str | os.PathLike):
        raise ParameterError(f"The path is of type {type(path).__name__} but must be a file name.")
    return as_map(path, voxel_size)


def write_map(
    path: str | os.PathLike[str],
    volume: Volume,
    *,
    voxel_size: VoxelSize | None = None,
    labels: Sequence[str] = (),
) -> Path:
    """Write a volume as float32 MRC2014; the file appears whole or not at all.

    Parameters
    ----------
    path : path
        A file that is there is replaced.
    volume : ndarray, DensityMap or path
    voxel_size : float or tuple of float, optional
        Å; arrays need it.
    labels : sequence of str
        Up to nine header labels of at most 80 characters.

    Raises
    ------
    OutputError
        When it cannot be written.
    """
    return mrc.write_map(path, as_map(volume, voxel_size), labels=labels)
