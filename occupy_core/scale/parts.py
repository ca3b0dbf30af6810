"""What a local scale says of the parts of a map: how much is full, what is weak, and where."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

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
    box = _bounding_box(content)
    values, inside = scale.data[box], content[box]
    full = int(np.count_nonzero(inside & (values >= FULL)))
    parts, innermost = _thick_parts(inside & (values < WEAK), thickness / 2, grid.voxel_size_zyx)
    count = len(innermost)
    # Most of a box is in no part: what follows looks at the voxels that are.
    where = np.flatnonzero(parts)
    labels, numbers = parts.ravel()[where], range(1, count + 1)
    sizes = np.bincount(labels, minlength=count + 1)[1:]
    order = np.argsort(-sizes, kind="stable")[:_MOST_PARTS]

    def mean_of_parts(density: DensityMap) -> Any:
        return ndimage.mean(density.data[box].ravel()[where], labels, numbers) if count else ()

    means = mean_of_parts(scale)
    errors = [None] * count if sigma is None else mean_of_parts(sigma)
    found = []
    for i in order:
        error = errors[i]
        z, y, x = (int(d) + s.start for d, s in zip(innermost[i], box, strict=True))
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


def _bounding_box(mask: Mask) -> tuple[slice, ...]:
    spans = []
    for axis in range(3):
        on = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        spans.append(slice(int(on[0]), int(on[-1]) + 1))
    return tuple(spans)


class _ThickParts(NamedTuple):
    """Parts of a mask.

    Parameters
    ----------
    parts : ndarray of int32, shape (z, y, x)
        Number of the part, from 1; 0 outside.
    innermost : ndarray of int, shape (n_parts, 3)
        The voxel (z, y, x) of each that is farthest from the outside of the mask.
    """

    parts: NDArray[np.int32]
    innermost: NDArray[np.intp]


def _thick_parts(mask: Mask, radius: float, voxel: tuple[float, float, float]) -> _ThickParts:
    """Label what a ball of that radius (Å) can reach within a mask.

    A core is where the centre of the ball can be; what the ball reaches from two cores belongs to
    the nearer one. Distances are measured around each core only: most of a box is far from all.
    """
    rim = [math.ceil(radius / edge) + 1 for edge in voxel]
    padded = np.pad(mask, [(r, r) for r in rim])
    offsets = np.ogrid[tuple(slice(-r, r + 1) for r in rim)]
    away: Any = sum((o * edge) ** 2 for o, edge in zip(offsets, voxel, strict=True))
    cores, count = ndimage.label(ndimage.binary_erosion(padded, away < radius**2))
    parts = np.zeros(padded.shape, np.int32)
    nearest = np.full(padded.shape, radius, np.float32)
    innermost = np.empty((count, 3), np.intp)
    for i, core in enumerate(ndimage.find_objects(cores)):
        box = tuple(slice(s.start - r, s.stop + r) for s, r in zip(core, rim, strict=True))
        own = cores[box] == i + 1
        apart = ndimage.distance_transform_edt(~own, sampling=voxel)
        mine = padded[box] & (apart < nearest[box])
        parts[box][mine] = i + 1
        nearest[box][mine] = apart[mine]
        depth = ndimage.distance_transform_edt(padded[box], sampling=voxel) * own
        deepest = np.unravel_index(np.argmax(depth), depth.shape)
        innermost[i] = [int(d) + s.start - r for d, s, r in zip(deepest, box, rim, strict=True)]
    inner = tuple(slice(r, -r) for r in rim)
    return _ThickParts(parts[inner], innermost)
