# SPDX-License-Identifier: GPL-3.0-or-later
"""Means of maps that lie on one grid, such as the consensus of classes."""

import json
import os

from occupy_core.maps.alike import AlikeMaps, carried
from occupy_core.maps.ensemble_check import MapsCheck
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.mean import weighted_mean
from occupy_core.maps.mrc import read_map, write_map
from occupy_scipion.convert.files import readAnything

_ABOUT = "about.json"


def writeMeans(folder, sources, weights, names, *, align):
    """Write the mean of maps, and of their half maps when all have them.

    The maps are compared with the first, as all commands on several maps do, or moved onto it.

    Parameters
    ----------
    folder : str
        Where to; made when missing.
    sources : list of VolumeSource
        The maps, on one grid.
    weights : list of float
        Their weights, such as the sizes of classes.
    names : list of str
        What the maps are called.
    align : bool
        Move each map to where it agrees best with the first.

    Returns
    -------
    list of str
        Names of the files: mean.mrc, half1.mrc and half2.mrc, and what was found or done; see
        `meanNotes` and `onMap`.

    Raises
    ------
    MapFormatError
        When a map cannot be read.
    """
    os.makedirs(folder, exist_ok=True)
    maps = _Maps([(source.file, source.index) for source in sources], sources[0], names)
    alike = AlikeMaps(maps, align_maps=align, match_falloff=False)
    files = {"mean": maps}
    if all(source.halfMaps for source in sources):
        for i in range(2):
            halves = [(source.halfMaps[i], 0) for source in sources]
            files[f"half{i + 1}"] = _Maps(halves, sources[0], names)
    written = []
    for name, each in files.items():
        moved = (alike.like(number, density) for number, density in enumerate(each))
        path = os.path.join(folder, f"{name}.mrc")
        written.append(str(write_map(path, weighted_mean(moved, weights, name))))
    about = {"notes": list(alike.notes) or _doubts(maps), "shifts": alike.shifts}
    path = os.path.join(folder, _ABOUT)
    with open(path, "w", encoding="utf-8") as stream:
        json.dump(about, stream)
    return [*written, path]


def meanNotes(folder):
    """Sentences about the maps of a mean: what is wrong with them, or how they were moved."""
    return _about(folder).get("notes", [])


def onMap(folder, number, file, path):
    """Write a map that lies on a mean where it lies on one of the maps; return the file to use.

    Parameters
    ----------
    folder : str
        That of the mean.
    number : int
        Place of the map among all.
    file, path : str
        The map on the mean, and where to write it; not written where the map was not moved.
    """
    shifts = _about(folder).get("shifts", [])
    if not shifts:
        return file
    found = read_map(file)
    moved = carried(found, tuple(-v for v in shifts[number]))
    if moved is found:
        return file
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return str(write_map(path, moved))


def _about(folder):
    try:
        with open(os.path.join(folder, _ABOUT), encoding="utf-8") as stream:
            return json.load(stream)
    except OSError:  # not made yet
        return {}


def _doubts(maps):
    check = MapsCheck(next(iter(maps)), falloff=False)
    for number, density in enumerate(maps):
        check.see(number, density)
    return check.doubts()


class _Maps:
    """Maps of any format, read one by one, on the grid of a source."""

    def __init__(self, files, source, names):
        self._files, self._source, self._names = files, source, names

    def __len__(self):
        return len(self._files)

    def __iter__(self):
        for (file, index), name in zip(self._files, self._names, strict=True):
            data = readAnything(file, index)
            grid = Grid(data.shape, (self._source.voxelSize,) * 3, self._source.origin)
            yield DensityMap(data, grid, name)
