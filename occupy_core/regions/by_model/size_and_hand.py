"""Whether a model and a map are of one size and one hand: a wrong pixel size, a mirror image.

The atoms are put onto a small grid, scaled about their centre and turned round, and compared with
the map shell by shell (`maps.register`). A model that fits best at another size tells the pixel
size of the map; one that fits best as its mirror image is of the other hand than the map.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps.grid import Array, DensityMap, Grid
from occupy_core.maps.register import MIRROR_NAMES, Match, SmallMap, agreeing_shells
from occupy_core.regions.by_model.atoms import AtomicModel, Positions

Values = NDArray[np.float64]

_MARGIN = 0.15  # [guard] of the model around it: a size of 1.09 and a soft edge fit into it
_MOST_ATOMS = 30_000  # [machine] every second, third … is left out beyond it
_LEAST_EDGE = 8  # [guard] voxels of the part of the map that the model fills
_SIZES = (0.91, 0.94, 0.97, 1.0, 1.03, 1.06, 1.09)  # [guard] a step moves the rim by a voxel
_STEP = 0.01  # [guard] around the best of these
_LEAST_OFF = 0.02  # [guard] a calibration of pixels and a change of conformation reach 1 to 2 %
# [measured: 22 models in maps of other molecules gain up to 20 by chance; a model of 600 kDa in a
# map of 8 Å whose pixels are 3 % off gains 130] of the logarithm of the likelihood
_LEAST_GAIN = 25.0
_LEAST_SHELLS = 6  # [guard] fewer hold the outline alone
_MOST_FSC = 0.999  # [guard] more is the rounding of the small grid


@dataclass(frozen=True, eq=False)
class _Sizes:
    """The part of a map that a model fills, and the model at any size.

    Parameters
    ----------
    small : SmallMap
        The part of the map.
    atoms : ndarray of float64, shape (n_atoms, 3)
        Positions (x, y, z) in Å, inside it.
    """

    small: SmallMap
    atoms: Positions

    def model(self, size: float) -> SmallMap:
        """The atoms as a map, scaled about their centre."""
        centre = self.atoms.mean(axis=0)
        grid = self.small.density.grid
        return SmallMap(
            self.small.density.with_data(_counted(centre + size * (self.atoms - centre), grid))
        )

    def match(self, size: float) -> Match:
        """How well the atoms agree at a size, moved to where they fit best."""
        return self.small.match(self.model(size))

    @cached_property
    def matches(self) -> dict[float, Match]:
        """The match at each size of the search."""
        return {size: self.match(size) for size in _SIZES}

    @cached_property
    def shells(self) -> int:
        """Shells in which the atoms agree at some size."""
        return max(agreeing_shells(match.fsc) for match in self.matches.values())

    def likelihood(self, match: Match) -> float:
        """Logarithm of the likelihood of the map given the atoms; T and v of shells are free."""
        fsc = np.clip(match.fsc[: self.shells], 0, _MOST_FSC)
        return float(-0.5 * (self.small.counts[: self.shells] * np.log1p(-(fsc**2))).sum())

    def best(self) -> tuple[float, Match]:
        """The size at which the atoms fit best, and how well."""
        sizes = np.array(_SIZES)
        found = np.array([self.likelihood(self.matches[s]) for s in _SIZES])
        at = int(np.argmax(found))
        if 0 < at < len(_SIZES) - 1:
            near = _vertex(sizes[at], _SIZES[1] - _SIZES[0], found[at - 1 : at + 2])
            around = near + _STEP * np.array([-1, 0, 1])
            values = np.array([self.likelihood(self.match(size)) for size in around])
            size = _vertex(near, _STEP, values)
            return size, self.match(size)
        return float(sizes[at]), self.matches[_SIZES[at]]


def size_and_hand_doubts(density: DensityMap, model: AtomicModel) -> list[str]:
    """Say when a model fits a map better at another size, or as its mirror image.

    Parameters
    ----------
    density : DensityMap
    model : AtomicModel
        At its place in the map, to within some Å.
    """
    part = _filled(density, model.positions)
    if part is None:
        return []
    compared = part.small.compare(part.model(1.0))
    if compared.is_mirrored:
        shells, mirrored = compared.shells, compared.mirrored
        return [
            f"The model fits the mirror image of {density.name}: flipped "
            f"{MIRROR_NAMES[mirrored.mirror]} it correlates with {mirrored.mean(shells):.2f} "
            f"instead of {compared.moved.mean(shells):.2f}; one of the two is of the other hand, "
            "and the numbers mean nothing."
        ]
    if part.shells < _LEAST_SHELLS:
        return []
    size, match = part.best()
    here = part.matches[1.0]
    gain = part.likelihood(match) - part.likelihood(here)
    if abs(size - 1) < _LEAST_OFF or gain < _LEAST_GAIN:
        return []
    voxels = density.grid.voxel_size
    right = " x ".join(f"{v / size:.4g}" for v in dict.fromkeys(voxels))
    wrong = " x ".join(f"{v:.4g}" for v in dict.fromkeys(voxels))
    return [
        f"The pixel size of {density.name} does not fit the model: with voxels of {right} Å "
        f"instead of {wrong} Å ({1 / size - 1:+.1%}) it correlates with "
        f"{match.mean(part.shells):.2f} instead of {here.mean(part.shells):.2f}; correct it by "
        "--voxel-size, or the model."
    ]


def _filled(density: DensityMap, positions: Positions) -> _Sizes | None:
    """The part of a map that a model fills; None when that is too small to compare."""
    grid = density.grid
    at = (positions - np.array(grid.position((0, 0, 0))))[:, ::-1] / grid.voxel_size_zyx
    inside = np.all((at > -0.5) & (at < np.array(grid.shape) - 0.5), axis=1)
    if not inside.any():
        return None
    at = at[inside]
    low, high = at.min(axis=0), at.max(axis=0)
    margin = _MARGIN * (high - low).max()
    first = np.maximum(np.floor(low - margin), 0).astype(np.int64)
    last = np.minimum(np.ceil(high + margin).astype(np.int64) + 1, grid.shape)
    if (last - first).min() < _LEAST_EDGE:
        return None
    z, y, x = (slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    data = np.ascontiguousarray(density.data[z, y, x])
    start = grid.position((z.start, y.start, x.start))
    small = SmallMap.of(DensityMap(data, Grid(data.shape, grid.voxel_size, start), density.name))
    kept = positions[inside]
    return _Sizes(small, kept[:: 1 + len(kept) // _MOST_ATOMS])


def _counted(positions: Positions, grid: Grid) -> Array:
    """Atoms counted into the voxels around them, by the share of each; wrapped around the grid."""
    at = (positions - np.array(grid.position((0, 0, 0))))[:, ::-1] / grid.voxel_size_zyx
    low = np.floor(at).astype(np.int64)
    share = at - low
    total = np.zeros(int(np.prod(grid.shape)))
    for corner in np.ndindex(2, 2, 2):
        weight = np.where(np.array(corner, bool), share, 1 - share).prod(axis=1)
        voxel = tuple(((low + corner) % grid.shape).T)
        total += np.bincount(np.ravel_multi_index(voxel, grid.shape), weight, len(total))
    return np.asarray(total.reshape(grid.shape), np.float32)


def _vertex(middle: float, step: float, values: Values) -> float:
    """Where a parabola through three values, `step` apart, is highest; within the three."""
    before, here, after = (float(v) for v in values)
    curvature = before - 2 * here + after
    if curvature >= 0:
        return middle
    return middle + step * float(np.clip(0.5 * (before - after) / curvature, -1, 1))
