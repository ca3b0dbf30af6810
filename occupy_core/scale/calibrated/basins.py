"""The basins of a map: each voxel belongs to the peak of density that steepest ascent leads to.

Basins are as large as a few atoms, end in the valleys between chains, and do not hang on how the
grid is laid. Those that touch make a graph, and regions of one level are made by joining basins of
it as long as that costs less than the boundary between them (Koepfler, Lopez & Morel, SIAM J.
Numer. Anal. 31 (1994), doi:10.1137/0731015; the functional is that of Mumford & Shah with constant
pieces, doi:10.1002/cpa.3160420503).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps.grid import Array, Mask
from occupy_core.maps.threads import for_slabs
from occupy_core.scale.calibrated import _basin_loops
from occupy_core.scale.calibrated._basin_loops import Floats, Integers, Labels
from occupy_core.solvent.cells import Cells

_TIE = 1e-3  # [guard] of the smoothed map: leads upwards where a map of few grey values is flat
_PLANES = 2  # [machine]


class Contacts(NamedTuple):
    """Pairs that touch, shape (n,) each: the number of either, and the area (Å²)."""

    first: Integers
    second: Integers
    area: Floats


@dataclass(frozen=True, eq=False)
class Basins:
    """The basins whose peaks are content.

    Parameters
    ----------
    cells : Cells
    labels : ndarray of int32, shape of the map
        Basin of each voxel, -1 for none.
    peaks : ndarray of int64, shape (basins,)
        Flat index of the cell of each peak.
    """

    cells: Cells
    labels: Labels
    peaks: Integers

    def __len__(self) -> int:
        return len(self.peaks)

    def at_peaks(self, cells: NDArray[Any]) -> NDArray[Any]:
        """Return what the cells of the peaks have, shape (basins,)."""
        return cells.ravel()[self.peaks]

    def means(self, data: Array, values: Array, levels: tuple[float, float]) -> Floats:
        """Return the mean of values in each basin, weighted by the square of its density.

        Parameters
        ----------
        data, values : ndarray of float32, shape of the map
        levels : tuple of float
            Grey value of no density and one that is more by full density.
        """
        sums = np.zeros((2, len(self)))
        size = max(levels[1] - levels[0], 1e-300)
        _basin_loops.weighted_sums(data, values, (levels[0], size), self.labels, sums)
        return np.asarray(sums[1] / sums[0])

    def with_neighbours(self, values: Floats) -> Floats:
        """Return the mean of each basin's value and those of the basins that it touches."""
        first, second, _ = self.contacts
        n = len(self)
        total = values + np.bincount(first, values[second], n)
        total += np.bincount(second, values[first], n)
        count = 1 + np.bincount(first, minlength=n) + np.bincount(second, minlength=n)
        return np.asarray(total / count)

    @cached_property
    def contacts(self) -> Contacts:
        """Return the pairs of basins that touch, and the area (Å²) over which they do."""
        labels, n = self.labels, len(self)
        z, y, x = self.cells.grid.voxel_size_zyx
        planes = len(labels)
        none = np.empty(0, np.int64)
        counts = np.zeros(planes, np.int64)

        def count(first: int, last: int) -> None:
            for i in range(first, last):
                counts[i] = _basin_loops.pairs_of_plane(labels, i, n, none, False)

        for_slabs(count, planes, _PLANES)
        ends = np.cumsum(counts)
        pairs = np.empty(int(ends[-1]), np.int64)

        def write(first: int, last: int) -> None:
            for i in range(first, last):
                out = pairs[ends[i] - counts[i] : ends[i]]
                _basin_loops.pairs_of_plane(labels, i, n, out, True)

        for_slabs(write, planes, _PLANES)
        both, faces = np.unique(pairs, return_counts=True)
        return Contacts(both // n, both % n, faces * (z * y * x) ** (2 / 3))


def find_basins(
    data: Array, smooth: Array, factor: float, content: Mask, near: Mask, cells: Cells
) -> Basins:
    """Find the basins of a map near its content.

    Parameters
    ----------
    data, smooth : ndarray of float32, shape of the map
        The map, and the same smoothed and multiplied by `factor`.
    factor : float
    content, near : ndarray of bool, shape of the cells
        Where peaks count, and where voxels are looked at.
    cells : Cells
    """
    steps = np.empty(data.shape, np.int8)

    def climb(first: int, last: int) -> None:
        for z in range(first, last):
            weights = factor, _TIE
            _basin_loops.climb_plane((data, smooth), weights, near, cells.edge, z, steps[z])

    for_slabs(climb, len(data), _PLANES)
    tops = np.flatnonzero(steps == _basin_loops._STAY)
    where = np.unravel_index(tops, data.shape)
    places = np.ravel_multi_index(tuple(i // cells.edge for i in where), cells.shape)
    kept = content.ravel()[places]
    labels = np.full(data.shape, -1, np.int32)
    labels.ravel()[tops[kept]] = np.arange(np.count_nonzero(kept), dtype=np.int32)

    def follow(first: int, last: int) -> None:
        for z in range(first, last):
            _basin_loops.follow_plane(steps, z, labels)

    for_slabs(follow, len(data), _PLANES)
    return Basins(cells, labels, np.asarray(places[kept], np.int64))


@dataclass(frozen=True, eq=False)
class Regions:
    """What basins were joined to.

    Parameters
    ----------
    of_basin : ndarray of int64, shape (basins,)
    level, weight : ndarray of float64, shape (regions,)
        Mean of the values of the basins, weighted by their inverse variances, and these added up.
    size : ndarray of int64, shape (regions,)
        Number of basins.
    """

    of_basin: Integers
    level: Floats
    weight: Floats
    size: Integers


def join(
    values: Floats,
    variances: Floats,
    contacts: Contacts,
    price: float,
    least: int,
) -> Regions:
    """Join basins to regions of one level.

    Two regions cost what the squared deviations from their levels grow by when they become one, in
    units of the variance, for each Å² of the boundary that vanishes. The cheapest are joined
    first, up to a price; then those of too few basins, to the neighbour that costs least.

    Parameters
    ----------
    values, variances : ndarray of float64, shape (basins,)
    contacts : Contacts
        Of the basins.
    price : float
        Of an Å² of boundary.
    least : int
        Number of basins that a region has at least, if it touches others.
    """
    n = len(values)
    region = np.arange(n)
    for most, few in ((price, False), (np.inf, True)):
        while True:
            made = _statistics(region, values, variances, n)
            first, second, area = _between(region, contacts, n)
            if few:
                chosen = np.minimum(made.size[first], made.size[second]) < least
                first, second, area = first[chosen], second[chosen], area[chosen]
            harmonic = made.weight[first] * made.weight[second]
            harmonic /= made.weight[first] + made.weight[second]
            cost = harmonic * (made.level[first] - made.level[second]) ** 2 / area
            into = np.arange(n)
            if not _basin_loops.pair_up(first, second, cost, most, into):
                break
            region = into[region]
    _, region = np.unique(region, return_inverse=True)
    return _statistics(region, values, variances, int(region.max()) + 1)


def medians(values: Floats, weights: Floats, region: Integers) -> Floats:
    """Return the weighted median of the basins of each region, shape (regions,)."""
    order = np.lexsort((values, region))
    below = np.cumsum(weights[order])
    ends = np.cumsum(np.bincount(region)) - 1
    before = np.concatenate([[0.0], below[ends[:-1]]])
    middle = np.searchsorted(below, (before + below[ends]) / 2)
    return np.asarray(values[order][np.minimum(middle, ends)])


def _statistics(region: Integers, values: Floats, variances: Floats, n: int) -> Regions:
    weight = np.bincount(region, 1 / variances, n).astype(np.float64)
    level = np.bincount(region, values / variances, n) / np.maximum(weight, 1e-300)
    return Regions(region, level, weight, np.bincount(region, minlength=n))


def _between(region: Integers, contacts: Contacts, n: int) -> Contacts:
    """Return the pairs of regions that touch, and their areas."""
    one, other, area = region[contacts.first], region[contacts.second], contacts.area
    apart = one != other
    one, other = one[apart], other[apart]
    both = np.minimum(one, other) * n + np.maximum(one, other)
    pairs, which = np.unique(both, return_inverse=True)
    areas = np.bincount(which, area[apart], len(pairs))
    return Contacts(pairs // n, pairs % n, areas.astype(np.float64))
