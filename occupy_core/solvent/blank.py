"""Where a map is blank: masked away or padded, or cut off at its lowest value.

Noise has no value twice. Where a map has one value in all voxels of a region, somebody put it
there, and that region says nothing about the solvent. Two things leave such values:

- a mask, or padding, leaves whole regions of one value, which reach the faces of the box;
- a cut leaves the lowest value of the map in single voxels, wherever density was lower.

Every method asks here, so that all of them see one map alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps.grid import Array, DensityMap, Grid, Mask
from occupy_core.solvent.cells import Cells
from occupy_core.solvent.region import MARGIN, away_from
from occupy_core.solvent.robust import variance

# [taste: nothing moved] of the deviation of the map: values nearer than this differ by rounding, no
# noise
_EQUAL = 1e-3
_OF_FACES = 0.05  # [guard] of the faces of the box: there, masks and padding leave their value
_OF_BOX = 0.02  # [taste: nothing moved] of the box: what is less leaves the solvent as it is
# [taste: nothing moved] of the voxels that no mask took: no noise has its lowest value so often
CUT = 0.05
_WHOLE = 0.999  # [guard] of the voxels of a cell: rounding of a mean of ones
_SAMPLES = 128  # [machine] lines along an edge of a face that are looked at, and planes, at least


@dataclass(frozen=True, eq=False, kw_only=True)
class Blank:
    """What masks, padding and cuts have left in a map.

    Parameters
    ----------
    value : float or None
        Grey value of what was masked away or padded; None when nothing was.
    lowest : float or None
        Grey value at which lower density was cut off; None when it was not.
    share : float
        Part of the voxels, as far as no mask took them, that have the lowest value.
    tolerance : float
        Grey values that differ by less are one.
    regions : ndarray of bool, shape (z, y, x), or None
        Cells of the map (`Cells.of`) that were masked away or padded.
    """

    value: float | None
    lowest: float | None
    share: float
    tolerance: float
    regions: Mask | None

    @property
    def masked(self) -> bool:
        """Whether a part of the map was masked away or padded."""
        return self.value is not None

    @property
    def clipped(self) -> bool:
        """Whether density was cut off below a level, and the noise with it."""
        return self.lowest is not None

    def voxels(self, data: Array) -> Mask:
        """Return which voxels have a value that a mask, padding or a cut has left.

        Parameters
        ----------
        data : ndarray of float32, shape (z, y, x)
            The map that was looked at, or a part of it.
        """
        blank = np.zeros(data.shape, np.bool_)
        if self.value is not None:
            blank |= _near(data, self.value, self.tolerance)
        if self.lowest is not None:
            blank |= data <= np.float32(self.lowest)
        return blank

    def cells(self, cells: Cells) -> Mask:
        """Return the cells that were masked away or padded, of any number of voxels of the box."""
        if self.regions is None:
            return np.zeros(cells.shape, np.bool_)
        return nearest(self.regions, cells.shape)

    def far(self, grid: Grid) -> Mask:
        """Return the voxels of a grid of the box that are away from what was masked or padded."""
        if self.regions is None:
            return np.ones(grid.shape, np.bool_)
        spacing = tuple(
            n * v / m
            for n, v, m in zip(grid.shape, grid.voxel_size_zyx, self.regions.shape, strict=True)
        )
        return nearest(away_from(self.regions, (spacing[0], spacing[1], spacing[2])), grid.shape)

    def share_of(self, region: Mask) -> float:
        """Return the part of a region, on any number of voxels, that was masked away or padded."""
        if self.regions is None or not region.any():
            return 0.0
        return float(nearest(self.regions, region.shape)[region].mean())


def find_blank(density: DensityMap) -> Blank:
    """Find out whether a map was masked away, padded or cut off, and to which value.

    The value of a mask is the one that most voxels of the faces of the box share. It is one when
    cells of about 2.5 Å and their neighbours hold nothing else. Where it is the lowest value of
    the map, a cut could have left it too: then only places count that are blank for 6 Å to all
    sides, as cut noise hardly ever is.

    Parameters
    ----------
    density : DensityMap
        The map as it was read, before any filter.
    """
    data = density.data
    tolerance = _EQUAL * variance(data[:: _step(len(data))]) ** 0.5
    lowest = float(data.min())
    value = _value_of_faces(data, tolerance)
    regions = None
    if value is not None:
        could_be_cut = value <= lowest + tolerance
        regions = _regions(density, value, tolerance, MARGIN if could_be_cut else 0.0)
        if regions.mean() < _OF_BOX:
            value = regions = None
    share = _share_at(density, lowest, regions)
    return Blank(
        value=value,
        lowest=lowest if share > CUT else None,
        share=share,
        tolerance=tolerance,
        regions=regions,
    )


def _step(n: int) -> int:
    return max(1, n // _SAMPLES)


def _near(data: Array, value: float, tolerance: float) -> Mask:
    low, high = np.float32(value - tolerance), np.float32(value + tolerance)
    near: Mask = (data >= low) & (data <= high)
    return near


def _value_of_faces(data: Array, tolerance: float) -> float | None:
    """Return the value that most voxels of the faces share, None when these are too few."""
    faces = []
    for axis in range(3):
        for place in (0, -1):
            face = np.take(data, place, axis=axis)
            faces.append(face[:: _step(len(face)), :: _step(face.shape[1])].ravel())
    values = np.sort(np.concatenate(faces)).astype(np.float64)
    counts = np.searchsorted(values, values + 2 * tolerance, "right") - np.arange(len(values))
    first = int(np.argmax(counts))
    if counts[first] < _OF_FACES * len(values):
        return None
    return float(values[first + counts[first] // 2])


def _regions(density: DensityMap, value: float, tolerance: float, reach: float) -> Mask:
    """Return the cells that lie in places with one value everywhere.

    A place reaches so many Å to all sides of its middle, or to the neighbours; beyond the faces of
    the box all is blank.
    """
    cells = Cells.of(density.grid)
    whole = cells.means(_near(density.data, value, tolerance).astype(np.float32)) > _WHOLE
    middles = away_from(~whole, cells.spacing, reach)
    places: Mask = whole & ~away_from(middles, cells.spacing, reach)
    return places


def _share_at(density: DensityMap, lowest: float, regions: Mask | None) -> float:
    """Return the part of the voxels that have the lowest value, where no mask is near."""
    at_lowest = density.data <= np.float32(lowest)
    share = float(np.count_nonzero(at_lowest) / at_lowest.size)
    if regions is None or share <= CUT:
        return share
    cells = Cells.of(density.grid)
    rest = away_from(regions, cells.spacing)
    if rest.mean() < _OF_BOX:
        return 0.0
    return float(cells.means(at_lowest.astype(np.float32))[rest].mean(dtype=np.float64))


def nearest(data: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return the voxels that lie nearest below those of another grid of the same box."""
    if data.shape == shape:
        return data
    index = (np.arange(n) * m // n for n, m in zip(shape, data.shape, strict=True))
    chosen: NDArray[Any] = data[np.ix_(*index)]
    return chosen
