# SPDX-License-Identifier: GPL-3.0-or-later
"""Planes of maps, read when they are looked at: a large map opens at once and takes no memory."""

import functools
import math
import os
import warnings

import mrcfile
import numpy as np
from mrcfile.mrcfile import MrcFile
from mrcfile.utils import data_dtype_from_header

from occupy_core.errors import OccupyWarning
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.mrc import map_name, read_map

_SLAB = 16  # planes of which the pages are held at once while a slice crosses them
_SAMPLED = 16  # planes that tell the range of the values
_STANDARD_AXES = (1, 2, 3)
_KEPT = 64  # planes last looked at, of each map


class Planes:
    """A map of which planes and single values can be had.

    Parameters
    ----------
    grid : Grid
    read : callable
        Takes an axis (0 for z, 1 for y, 2 for x) and an index; returns the values there, float32.
    name : str
    """

    def __init__(self, grid, read, name=""):
        self.grid, self.name = grid, name
        self._read = functools.lru_cache(_KEPT)(read)

    @classmethod
    def of(cls, source):
        """Planes of a file, by its name, or of a map that is in memory."""
        if isinstance(source, cls):
            return source
        if isinstance(source, DensityMap):
            return cls(source.grid, _fromArray(source.data), source.name)
        return _fromFile(str(source).removesuffix(":mrc"))

    @classmethod
    def combined(cls, function, *others):
        """What a function makes of the values of several maps on one grid, place by place."""
        first = others[0]

        def read(axis, index):
            made = function(*(other.plane(axis, index) for other in others))
            return np.asarray(made, np.float32)

        return cls(first.grid, read, first.name)

    @property
    def shape(self):
        """Voxels along z, y and x."""
        return self.grid.shape

    def plane(self, axis, index):
        """The values of a plane across an axis (0 for z, 1 for y, 2 for x), float32."""
        return self._read(axis, index)

    def value(self, place):
        """The value at a voxel (z, y, x)."""
        z, y, x = place
        return float(self.plane(0, z)[y, x])

    @functools.cached_property
    def sample(self):
        """Some of the values, from all over the map."""
        count = self.shape[0]
        chosen = np.unique(np.linspace(0, count - 1, min(count, _SAMPLED)).astype(int))
        sample = np.concatenate([self.plane(0, int(i))[::2, ::2].ravel() for i in chosen])
        return sample[np.isfinite(sample)]

    @functools.cached_property
    def range(self):
        """Values between which nearly all others lie: outliers apart, NaN apart."""
        sample = self.sample
        if not sample.size:
            return 0.0, 1.0
        low, high = (float(v) for v in np.percentile(sample, (0.1, 99.9)))
        if high <= low:
            low, high = float(sample.min()), float(sample.max())
        return low, high if high > low else low + 1.0


def _fromArray(data):
    def read(axis, index):
        return data.take(index, axis=axis)

    return read


def _fromFile(path):
    """Planes of a file; one that is compressed, or has other axes, is read whole."""
    plain = _plain(path)
    if plain is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OccupyWarning)  # the run has told of them
            return Planes.of(read_map(path))
    grid, kind, start = plain

    def read(axis, index):
        # Opened anew each time: hundreds of maps would need as many file handles, and what was
        # looked at would count as memory of this process.
        if axis == 0:
            return np.array(_mapped(path, kind, start, grid.shape)[index], np.float32)
        made = np.empty([n for a, n in enumerate(grid.shape) if a != axis], np.float32)
        for first in range(0, grid.shape[0], _SLAB):
            slab = slice(first, first + _SLAB)
            data = _mapped(path, kind, start, grid.shape)
            made[slab] = data[slab].take(index, axis=axis)
        return made

    return Planes(grid, read, map_name(path))


def _mapped(path, kind, start, shape):
    return np.memmap(path, kind, "r", start, shape)


def _plain(path):
    """Grid, type of the numbers and where they start; None when a file must be read whole."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with mrcfile.open(path, header_only=True, permissive=True) as file:
                header, found = file.header, type(file)
        kind = data_dtype_from_header(header)
    except (ValueError, OSError):
        return None
    shape = tuple(int(header[name]) for name in ("nz", "ny", "nx"))
    axes = tuple(int(header[name]) for name in ("mapc", "mapr", "maps"))
    edges = tuple(float(header.cella[a]) / max(int(header[f"m{a}"]), 1) for a in "xyz")
    start = header.nbytes + int(header.nsymbt)
    if found is not MrcFile or axes != _STANDARD_AXES or min(edges) <= 0 or min(shape) < 1:
        return None
    if kind.kind == "c" or os.path.getsize(path) < start + math.prod(shape) * kind.itemsize:
        return None
    return Grid(shape, edges), kind, start
