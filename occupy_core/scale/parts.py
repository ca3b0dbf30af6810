"""What a local scale says of the parts of a map: how much is full, what is weak, and where."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from occupy_core.maps import _loops
from occupy_core.maps.grid import DensityMap, Mask

# [taste: not swept] confidence from which a voxel is more likely content than solvent
CONTENT = 0.5
FULL = 0.8  # [words] scale from which a part is called full
WEAK = 0.5  # [words] scale below which a part is called weak
_MOST_PARTS = 12  # [taste: not swept]


@dataclass(frozen=True, kw_only=True)
class WeakPart:
    """A contiguous weak part.

    Parameters
    ----------
    position : tuple of float
        Its innermost voxel (x, y, z), Å, as ChimeraX places the map.
    index : tuple of int
        That voxel (z, y, x).
    volume : float
        Å³.
    scale : float
        Mean scale.
    sigma : float, optional
        Mean standard error of the scale of its voxels; None when it is not known.
    """

    position: tuple[float, float, float]
    index: tuple[int, int, int]
    volume: float
    scale: float
    sigma: float | None


@dataclass(frozen=True, kw_only=True)
class ScaleParts:
    """How the content of a map divides by its local scale.

    Parameters
    ----------
    content : float
        Volume of the content, Å³.
    full, weak : float
        Share of the content that is full, and that lies in weak parts, 0 to 1.
    weak_parts : tuple of WeakPart
        The largest first, twelve at most.
    n_weak : int
        How many there are.
    """

    content: float
    full: float
    weak: float
    weak_parts: tuple[WeakPart, ...]
    n_weak: int


def scale_parts(
    scale: DensityMap,
    confidence: DensityMap,
    *,
    thickness: float,
    sigma: DensityMap | None = None,
) -> ScaleParts:
    """Find what is full and what is weak.

    Parameters
    ----------
    scale, confidence : DensityMap
        On the same grid, both 0 to 1.
    thickness : float
        Å. A weak part is at least as thick as this everywhere: the low-pass makes a weak rim of
        that thickness around whatever is full.
    sigma : DensityMap, optional
        Standard error of the scale.

    Returns
    -------
    ScaleParts
    """
    grid = scale.grid
    voxel = math.prod(grid.voxel_size)
    content = confidence.data >= CONTENT
    total = int(np.count_nonzero(content))
    if not total:
        return ScaleParts(content=0.0, full=0.0, weak=0.0, weak_parts=(), n_weak=0)
    full = int(np.count_nonzero(content & (scale.data >= FULL)))
    parts = _thick_parts(content & (scale.data < WEAK), thickness / 2, grid.voxel_size_zyx)
    count = len(parts.innermost)
    sizes = np.bincount(parts.labels, minlength=count + 1)[1:]
    order = np.argsort(-sizes, kind="stable")[:_MOST_PARTS]

    def mean_of_parts(density: DensityMap) -> Any:
        values = density.data.ravel()[parts.voxels]
        return np.bincount(parts.labels, values, minlength=count + 1)[1:] / sizes

    means = mean_of_parts(scale)
    errors = [None] * count if sigma is None else mean_of_parts(sigma)
    found = []
    for i in order:
        error = errors[i]
        z, y, x = (int(d) for d in parts.innermost[i])
        found.append(
            WeakPart(
                position=grid.position((z, y, x)),
                index=(z, y, x),
                volume=float(sizes[i]) * voxel,
                scale=float(means[i]),
                sigma=None if error is None else float(error),
            )
        )
    return ScaleParts(
        content=total * voxel,
        full=full / total,
        weak=int(sizes.sum()) / total,
        weak_parts=tuple(found),
        n_weak=count,
    )


class _ThickParts(NamedTuple):
    """Parts of a mask.

    Parameters
    ----------
    voxels : ndarray of int, shape (n,)
        Flat indices of all voxels in parts, ascending.
    labels : ndarray of int32, shape (n,)
        Number of the part of each, from 1.
    innermost : ndarray of int, shape (n_parts, 3)
        The voxel (z, y, x) of each that is farthest from the outside of the mask.
    """

    voxels: NDArray[np.intp]
    labels: NDArray[np.int32]
    innermost: NDArray[np.intp]


def _thick_parts(mask: Mask, radius: float, voxel: tuple[float, float, float]) -> _ThickParts:
    """Label what a ball of that radius (Å) can reach within a mask.

    A core is where the centre of the ball can be; what the ball reaches from two cores belongs to
    the nearer one. Only voxels of the mask are looked at: most of a box has none.
    """
    voxels = np.flatnonzero(mask)
    places = np.array(np.unravel_index(voxels, mask.shape))
    rim = np.array([[math.ceil(radius / edge) + 1] for edge in voxel])
    corner = places.min(axis=1, keepdims=True, initial=max(mask.shape)) - rim
    places -= corner
    inside = np.zeros(places.max(axis=1, initial=0) + rim[:, 0] + 1, np.bool_)
    inside[tuple(places)] = True
    here, flat = np.ravel_multi_index(tuple(places), inside.shape), inside.ravel()
    ball = _ball(radius, voxel, inside.shape)
    core = here
    for step in ball[::-1]:  # the farthest first, which most voxels do not reach
        core = core[flat[core + step]]
    if not len(core):
        return _ThickParts(core, core.astype(np.int32), np.empty((0, 3), np.intp))
    parts, near = np.zeros(inside.shape, np.int32), np.zeros(inside.shape, np.bool_)
    innermost = []
    for i, own in enumerate(_connected(np.array(np.unravel_index(core, inside.shape))), start=1):
        first = own.min(axis=1, keepdims=True) - rim
        box = tuple(map(slice, first[:, 0], own.max(axis=1) + rim[:, 0] + 1))
        parts[tuple(own)] = i
        near[box] = True
        deepest = 0
        if own.shape[1] > 1:
            depth = ndimage.distance_transform_edt(inside[box], sampling=voxel)
            deepest = int(np.argmax(depth[tuple(own - first)]))
        innermost.append(own[:, deepest] + corner[:, 0])
    cores = parts.ravel()
    reached = cores.copy()
    _loops.nearest_label(cores, here[near.ravel()[here]], ball, reached)
    labels = reached[here]
    return _ThickParts(voxels[labels > 0], labels[labels > 0], np.array(innermost))


def _ball(
    radius: float, voxel: tuple[float, float, float], shape: tuple[int, ...]
) -> NDArray[np.intp]:
    """Steps from a voxel of a flat array to those nearer than a radius (Å), the nearest first."""
    rim = [math.ceil(radius / edge) for edge in voxel]
    steps = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in rim), indexing="ij"))
    away = sum((step * edge) ** 2 for step, edge in zip(steps, voxel, strict=True))
    strides = np.array([shape[1] * shape[2], shape[2], 1])
    flat = np.tensordot(strides, steps, 1)
    inner = away < radius**2
    return np.asarray(flat[inner][np.argsort(away[inner], kind="stable")], np.intp)


def _connected(places: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Divide voxels (z, y, x), shape (3, n), into those that touch each other by a face."""
    places_in_box = tuple(places - places.min(axis=1, keepdims=True))
    mask = np.zeros([int(p.max()) + 1 for p in places_in_box], np.bool_)
    mask[places_in_box] = True
    labels = ndimage.label(mask)[0][places_in_box]
    order = np.argsort(labels, kind="stable")
    ends = np.flatnonzero(np.diff(labels[order])) + 1
    return np.split(places[:, order], ends, axis=1)
