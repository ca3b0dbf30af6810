# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of maps in any format that Scipion reads, as MRC files that say where the map lies."""

import os
import warnings
from pathlib import Path

import mrcfile
import numpy as np
from pwem.emlib.image import ImageHandler

from occupy_core.errors import MapFormatError
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.mrc import map_name, read_map, write_map

_VOLUME_STACK = 401  # space groups from here on say so, in MRC2014
_PLACE_TOLERANCE = 1e-3  # voxels: less than any program rounds to


def fileState(file):
    """Size and time of change of a file, None when it is gone: a changed file is another input."""
    try:
        info = os.stat(ImageHandler.removeFileType(file))
    except OSError:
        return None
    return info.st_size, info.st_mtime_ns


def mapName(file, index):
    """Name of a map: that of its file without the suffixes of any format."""
    name = ImageHandler.removeFileType(os.path.basename(file))
    stem = map_name(name)
    stem = os.path.splitext(name)[0] if stem == name else stem
    return f"{stem}_{index}" if index > 1 else stem


def locatedMap(file, source, folder, index=0, name=None):
    """Name of an MRC file of a map whose header says where the map lies.

    Parameters
    ----------
    file : str
        The map: the file of `source` itself, or one that belongs to it voxel by voxel.
    source : VolumeSource
        Has the voxel size and the origin that are true.
    folder : str
        Where to write a corrected copy, when the header of the file says something else or the
        format is another one. Nothing is ever written into `file`.
    index : int
        Position of the map in a stack of volumes.
    name : str, optional
        What the map is to be called; by default as its file.

    Returns
    -------
    str
        `file`, a link to it of that name, or the copy.
    """
    plain = ImageHandler.removeFileType(file)
    if name is None and "," in plain:  # lists of half maps that Scipion stores split at commas
        name = mapName(file, index).replace(",", "_")
    copy = Path(folder, (name or mapName(file, index)).replace(os.sep, "_") + ".mrc")
    if index <= 1 and _headerAgrees(file, source):
        if name in (None, map_name(plain)):
            return plain
        os.makedirs(folder, exist_ok=True)
        ending = os.path.basename(plain).removeprefix(map_name(plain))
        link = copy.with_name(copy.name.removesuffix(".mrc") + ending)
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.abspath(plain))
        return str(link)
    data = readAnything(file, index)
    grid = Grid(data.shape, (source.voxelSize,) * 3, source.origin)
    os.makedirs(folder, exist_ok=True)
    return str(write_map(copy, DensityMap(data, grid, copy.stem)))


def _header(file):
    """The MRC header of a file, or None when it has none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is odd in a header shows when the map is read
            name = ImageHandler.removeFileType(file)
            with mrcfile.open(name, permissive=True, header_only=True) as mrc:
                return mrc.header
    except (OSError, ValueError):
        return None


def _numbers(header, *names):
    return tuple(int(header[name]) for name in names)


def _headerAgrees(file, source):
    """Whether the file is MRC, in standard axis order, with this voxel size and origin."""
    header = _header(file)
    if header is None or _numbers(header, "mapc", "mapr", "maps") != (1, 2, 3):
        return False
    shape = _numbers(header, "nz", "ny", "nx")
    if _numbers(header, "mz", "my", "mx") != shape:
        return False
    voxel = [float(c) / n for c, n in zip(header.cella.tolist(), reversed(shape), strict=True)]
    start = _numbers(header, "nxstart", "nystart", "nzstart")
    try:
        grid = Grid(shape, tuple(voxel), tuple(header.origin.tolist()), start)
    except MapFormatError:
        return False
    # A drift of the voxel size counts over the whole box.
    drift = max(
        n * abs(v / source.voxelSize - 1) for n, v in zip(reversed(shape), voxel, strict=True)
    )
    shift = max(
        abs(a - b) / source.voxelSize
        for a, b in zip(grid.position((0, 0, 0)), source.origin, strict=True)
    )
    return max(drift, shift) <= _PLACE_TOLERANCE


def readAnything(file, index):
    """Read the data of a map in any format that Scipion reads, as (z, y, x)."""
    if index <= 1:
        try:
            return read_map(file, voxel_size=1.0).data
        except MapFormatError:
            if _isMrc(file) and not _isMarkedAsStack(file, index):
                raise
    if _isMrc(file) and not file.endswith(":mrc"):
        file += ":mrc"  # a volume, whatever its header says: Scipion knows
    try:
        data = ImageHandler().read((index, file) if index else file).getData()
    except Exception as error:  # xmippLib raises bare exceptions
        raise MapFormatError(f"The map {file} cannot be read: {error}.") from error
    return np.asarray(data, dtype=np.float32).reshape(data.shape[-3:])


def _isMarkedAsStack(file, index):
    """Whether the header of a volume says that it is a stack of images, or of volumes.

    Scipion knows better than the former; of the latter it must say which one is meant.
    """
    header = _header(file)
    if header is None:
        return False
    spaceGroup, depth = _numbers(header, "ispg", "mz")
    return (spaceGroup, depth) == (0, 1) or (index == 1 and spaceGroup >= _VOLUME_STACK)


def _isMrc(file):
    """Whether the name of a file says that it is MRC: then the core's sentence is the best."""
    name = ImageHandler.removeFileType(os.path.basename(file))
    return map_name(name) != name


def by(shape):
    """The numbers of voxels along x, y and z, in words."""
    return " x ".join(str(n) for n in reversed(shape))
