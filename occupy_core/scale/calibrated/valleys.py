"""The steps of a regional scale, put where density has its valleys.

Chains touch within the cells over which occupancy is told, and a local maximum carries the fuller
one beyond its end. So each voxel takes the value of the peak that it belongs to, and is then read
as what density there is around it, of that which there would be if all were full.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps.filters import gaussian_filter
from occupy_core.maps.grid import Array
from occupy_core.maps.threads import for_slabs
from occupy_core.scale.calibrated import _loops
from occupy_core.scale.calibrated.place import Place

# Of the Gaussian of the local maxima; 0 leaves noise between chains, 1 blurs thin parts.
_SHARPER = 0.5  # [fit: python -m benchmarks.modification --set developed] 0.5 to 1 tried
_LEAST = 0.05  # [guard] scale by which density is divided
_REACH = 3.0  # [machine] deviations of the Gaussian, as in `gaussian_filter`
_PLANES = 2  # [machine]
_SLAB = 24  # [machine] planes that are smoothed at a time, so that there is memory for large maps


@dataclass(frozen=True, eq=False)
class Density:
    """A map whose density above a level counts.

    Parameters
    ----------
    data : ndarray of float32, shape (z, y, x)
    factor : float
        It is multiplied by this.
    level : float
        Of the solvent in what that makes.
    deviations : list of float
        Of the Gaussian that its local maxima were smoothed by (z, y, x), voxels.
    """

    data: Array
    factor: float
    level: float
    deviations: list[float]

    def above(self, box: tuple[slice, ...]) -> Array:
        """Return the density above the level in a box, 0 where there is less."""
        found = np.float32(self.factor) * self.data[box] - np.float32(self.level)
        return np.asarray(np.maximum(found, np.float32(0)), np.float32)


def steps_into_valleys(scale: Array, values: Array, place: Place, density: Density) -> None:
    """Put the steps of a scale into the valleys of density, in place.

    Peaks are those of the density relative to the scale, so that the fuller of two chains does not
    take what belongs to the other. Cells of one voxel are left as they are: nothing is finer.

    Parameters
    ----------
    scale : ndarray of float32, shape of the map
        0 far from content.
    values : ndarray of float32, shape of the cells
        The same in cells.
    place : Place
    density : Density
    """
    cells = place.cells
    if cells.edge == 1:
        return
    near = place.reached()
    edges = [_ends(np.any(near, axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    box = tuple(
        slice(first * cells.edge, min(last * cells.edge, n))
        for (first, last), n in zip(edges, scale.shape, strict=True)
    )
    inside = tuple(slice(first, last) for first, last in edges)
    steps = _climbed(values, near[inside], place, density, box)
    content, given = place.content[inside], scale[box]
    own = np.empty(given.shape, np.float32)

    def follow(first: int, last: int) -> None:
        for z in range(first, last):
            _loops.follow_plane(steps, content, cells.edge, z, given, own[z])

    for_slabs(follow, len(own), _PLANES)
    _read_again(given, own, density, box)


def _ends(chosen: Any) -> tuple[int, int]:
    """Return the first of what is chosen along an axis, and the one after the last."""
    where = np.flatnonzero(chosen)
    return int(where[0]), int(where[-1]) + 1


def _climbed(
    values: Array,
    near: NDArray[np.bool_],
    place: Place,
    density: Density,
    box: tuple[slice, ...],
) -> NDArray[np.int8]:
    """Return the steps from each voxel of a box to the neighbour that rises most."""
    edge = place.cells.edge
    rows, columns = box[1:]
    shape = tuple(part.stop - part.start for part in box)
    relative = np.empty(shape, np.float32)

    def divide(first: int, last: int) -> None:
        plane = np.empty(density.data.shape[1:], np.float32)
        for z in range(first, last):
            place_z = box[0].start + z
            _loops.spread_plane(values, edge, place_z, (1.0, 0.5), plane)
            above = density.above((slice(place_z, place_z + 1), rows, columns))[0]
            relative[z] = above / np.maximum(plane[rows, columns], np.float32(_LEAST))

    for_slabs(divide, shape[0], _PLANES)
    steps = np.empty(shape, np.int8)

    def climb(first: int, last: int) -> None:
        for z in range(first, last):
            _loops.climb_plane(relative, near, edge, z, steps[z])

    for_slabs(climb, shape[0], _PLANES)
    return steps


def _read_again(scale: Array, own: Array, density: Density, box: tuple[slice, ...]) -> None:
    """Write the density around each voxel as a part of what it were if all was full."""
    rows, columns = box[1:]
    deviations = [_SHARPER * deviation for deviation in density.deviations]
    reach = math.ceil(_REACH * deviations[0])
    for start in range(0, len(own), _SLAB):
        first, last = max(start - reach, 0), min(start + _SLAB + reach, len(own))
        part = own[first:last]
        planes = slice(box[0].start + first, box[0].start + last)
        there = density.above((planes, rows, columns))
        there[part == 0] = 0
        whole: Array = np.divide(there, np.maximum(part, np.float32(_LEAST)), dtype=np.float32)
        full, there = (gaussian_filter(values, deviations) for values in (whole, there))
        kept = slice(start - first, min(start + _SLAB, len(own)) - first)
        there, full, read = there[kept], full[kept], scale[start : start + _SLAB]
        read[:] = own[start : start + _SLAB]
        np.divide(there, full, out=read, where=(full > 0) & (read > 0))
        np.minimum(read, np.float32(1), out=read)
