"""Where a map has content, told cell by cell, and how far that reaches: the place of a voxel.

The confidence of the solvent model is a function of one grey value, so it is low in every gap
between atoms. Whether a place belongs to the molecule is said of its neighbourhood.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from occupy_core.maps.filters import maximum_filter
from occupy_core.maps.grid import Array, Mask
from occupy_core.maps.threads import for_slabs
from occupy_core.scale.calibrated import _loops
from occupy_core.solvent.cells import Cells
from occupy_core.solvent.noise import Solvent, blurred_cells

_SURE = 1.5  # [physics] thresholds: 6 deviations, which noise has in one of 10^9 cells
_FAINT = 0.6  # [physics] thresholds: 2.5 deviations, where the cells around stand out as well
_AROUND = 4.0  # [physics] Å; half an alpha helix
_STANDS_OUT = 4.0  # [physics] deviations: one of 30,000 cells by chance
_DENSE = 0.9  # [guard] quantile of content that stands for the inside of the molecule
_FAINTEST = 0.04  # [physics] of that density: below content of 0.1, whose surface is at half of it
_NEAR, _FAR = 1 / 3, 0.6  # [physics] granularities; 4 Å, so that weak side chains are within, and 7
_PLANES = 8  # [machine]


@dataclass(frozen=True, eq=False)
class Place:
    """The cells that have content, and the confidence that a cell belongs to its neighbourhood.

    Parameters
    ----------
    cells : Cells
    content : ndarray of bool, shape of the cells
    confidence : ndarray of float32, shape of the cells
        1 at content and near it, 0 far from it.
    """

    cells: Cells
    content: Mask
    confidence: Array

    @cached_property
    def on_voxels(self) -> Array:
        """The confidence of the voxels, 0 to 1, float32, shape of the map."""
        return spread(self.cells, self.confidence)

    def reached(self) -> Mask:
        """Return the cells with a confidence and those beside, which share voxels with them."""
        return np.asarray(maximum_filter(self.confidence, np.ones((3, 3, 3), np.bool_)) > 0)


def find_place(coarse: Array, solvent: Solvent, cells: Cells, granularity: float) -> Place:
    """Find the content of a map and how far its neighbourhood reaches.

    Content are cells above the noise that are joined to one which is far above it and not alone:
    what noise makes is small.

    Parameters
    ----------
    coarse : ndarray of float32, shape of the cells
        The map in cells, smoothed.
    solvent : Solvent
        In the grey units of `coarse`.
    cells : Cells
    granularity : float
        Size of what counts as one place, Å.
    """
    above, sure = _above_noise(coarse, solvent, cells)
    content = np.zeros_like(above)
    _loops.grow(above, inner(above) & sure, content)
    reach = _FAR * granularity
    distance = _loops.distances(content, cells.spacing, reach)
    confidence = np.clip((reach - distance) / (reach - _NEAR * granularity), 0, 1)
    return Place(cells, content, confidence.astype(np.float32))


def _above_noise(coarse: Array, solvent: Solvent, cells: Cells) -> tuple[Mask, Mask]:
    """Return the cells that stand out of the noise, by themselves or with those around them.

    And those that do so surely.
    """
    mean, above = solvent.mean, coarse > solvent.threshold
    if not solvent.known:
        return above, above
    lift = solvent.threshold - mean  # 4 deviations
    dense = float(np.quantile(coarse[above], _DENSE)) - mean if above.any() else 0.0
    around, more = blurred_cells(coarse, cells, _AROUND), _noise_at_faces(cells)
    quiet = around[solvent.where]
    level, noise = float(quiet.mean()), float(quiet.std()) * more
    faint = (coarse > mean + _FAINT * lift) & (around > level + _STANDS_OUT * noise)
    above = (above | faint) & (coarse > mean + _FAINTEST * dense)
    sure = (coarse > mean + _SURE * lift * more) | (around > level + _SURE * _STANDS_OUT * noise)
    return above, sure


def _noise_at_faces(cells: Cells) -> Array:
    """Return how much larger the deviation of smoothed noise is in each cell, near faces of a box.

    The border is mirrored, so a cell at a distance d from a face sees noise at 2d twice, which a
    Gaussian of deviation s correlates by exp(-(d/s)²): the variance is 1 + that, along each axis.
    """
    more = np.ones(cells.shape, np.float32)
    for axis, (n, edge) in enumerate(zip(cells.shape, cells.spacing, strict=True)):
        index = np.arange(n) + 0.5
        distance = np.minimum(index, n - index) * edge
        factors = np.sqrt(1 + np.exp(-((distance / _AROUND) ** 2))).astype(np.float32)
        more *= factors.reshape([-1 if i == axis else 1 for i in range(3)])
    return more


def inner(chosen: Mask) -> Mask:
    """Return the chosen cells of which all six neighbours are chosen; beyond the box none is."""
    padded = np.pad(chosen, 1)
    found = chosen.copy()
    for axis in range(3):
        for step in (-1, 1):
            found &= np.roll(padded, step, axis)[1:-1, 1:-1, 1:-1]
    return found


def spread(cells: Cells, values: Array, step: tuple[float, float] = (1.0, 0.5)) -> Array:
    """Return values of cells at the voxels, linear between the middles of cells or sharper.

    Parameters
    ----------
    cells : Cells
    values : ndarray of float32, shape of the cells
    step : tuple of float
        Slope of a boundary relative to the linear one, and where in that its middle is, 0 to 1.

    Returns
    -------
    ndarray of float32, shape of the map
    """
    result = np.empty(cells.grid.shape, np.float32)

    def work(first: int, last: int) -> None:
        for z in range(first, last):
            _loops.spread_plane(values, cells.edge, z, step, result[z])

    for_slabs(work, len(result), _PLANES)
    return result
