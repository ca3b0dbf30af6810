"""Volumes as a report holds them: cropped, thinned and packed into bytes."""

from __future__ import annotations

import base64
import gzip
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occupy_core.commands.shared.colors import TRUST, ColorScale
from occupy_core.maps.grid import Array, DensityMap, Grid, Mask

_MARGIN = 10.0  # [layout] Å around what is shown
_TAIL = 1e-5  # [layout] of a density: what is beyond this quantile is shown as the quantile
_LEVELS = 255  # [format] of a byte
_LEAST_EDGE = 8  # [layout] voxels of a crop


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A volume to be shown.

    Parameters
    ----------
    key : str
        Its name within the page.
    title : str
        What it is.
    density : DensityMap
    colors : ColorScale, optional
        Of values; a density has none.
    known : ndarray of bool, shape (z, y, x), optional
        Where there is a value; everywhere by default.
    unit : str
    error : str, optional
        Key of the volume with the standard error of this one.
    labels : sequence of (str, str)
        Names and colours of the numbers 1, 2 …, for a volume of them; 0 is none of them.
    is_mask : bool
        Whether it only says where something is (above 0.5).
    level : float, optional
        Contour level of a density that may be shown instead of the first one.
    """

    key: str
    title: str
    density: DensityMap
    colors: ColorScale | None = None
    known: Mask | None = None
    unit: str = ""
    error: str | None = None
    labels: Sequence[tuple[str, str]] = ()
    is_mask: bool = False
    level: float | None = None


def trusted(density: DensityMap, known: Mask) -> Shown:
    """Return how far the values of a result may be believed, as it is shown.

    Parameters
    ----------
    density : DensityMap
        Chances of being right; NaN where they are not known.
    known : ndarray of bool, shape (z, y, x)
        Where there are values.
    """
    return Shown(key="trust", title="Trust", density=density, colors=TRUST, known=known)


@dataclass(frozen=True)
class Crop:
    """The part of a grid that is shown, and every how many voxels.

    Parameters
    ----------
    grid : Grid
        The whole.
    start, stop : tuple of int
        First voxel and the one after the last (z, y, x).
    step : int
        1 shows every voxel.
    """

    grid: Grid
    start: tuple[int, int, int]
    stop: tuple[int, int, int]
    step: int = 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels shown (z, y, x)."""
        z, y, x = (-(-(b - a) // self.step) for a, b in zip(self.start, self.stop, strict=True))
        return z, y, x

    def within(self, limit: int) -> Crop:
        """Return this part with every n-th voxel, so that there are no more than a limit."""
        crop = replace(self, step=1)
        while math.prod(crop.shape) > limit:
            crop = replace(crop, step=crop.step + 1)
        return crop

    def sampled(self, data: NDArray[Any]) -> NDArray[Any]:
        """Take every n-th voxel: true values, that of the middle of each cube."""
        middle = (self.step - 1) // 2
        chosen = [
            np.minimum(np.arange(a + middle, b + middle, self.step), b - 1)
            for a, b in zip(self.start, self.stop, strict=True)
        ]
        part: NDArray[Any] = data[np.ix_(*chosen)]
        return part

    def averaged(self, data: Array) -> Array:
        """Average over cubes of n voxels along each edge; the last one may be smaller."""
        part = data[tuple(slice(a, b) for a, b in zip(self.start, self.stop, strict=True))]
        if self.step == 1:
            return part
        for axis in range(3):
            edges = np.arange(0, part.shape[axis], self.step)
            counts = np.diff(np.append(edges, part.shape[axis]))
            others = tuple(a for a in range(3) if a != axis)
            sums = np.add.reduceat(part, edges, axis=axis)
            part = np.asarray(sums / np.expand_dims(counts, others), np.float32)
        return part

    def record(self) -> dict[str, Any]:
        """Return what the viewer needs to turn voxels into places."""
        middle = tuple((self.step - 1) // 2 + a for a in self.start)
        z, y, x = middle
        return {
            "shape": list(self.shape),
            "voxel": [self.step * v for v in self.grid.voxel_size],
            "first": list(self.grid.position((z, y, x))),
            "start": list(middle),
            "step": self.step,
        }


def crop_around(grid: Grid, inside: Mask | None) -> Crop:
    """Return the part of a grid around what is inside, with a margin; all when nothing is."""
    start, stop = [0, 0, 0], list(grid.shape)
    if inside is not None and inside.any():
        for axis in range(3):
            on = np.flatnonzero(inside.any(axis=tuple(a for a in range(3) if a != axis)))
            margin = max(math.ceil(_MARGIN / grid.voxel_size_zyx[axis]), 1)
            start[axis] = max(int(on[0]) - margin, 0)
            stop[axis] = min(int(on[-1]) + 1 + margin, grid.shape[axis])
            short = _LEAST_EDGE - (stop[axis] - start[axis])
            if short > 0:
                start[axis] = max(start[axis] - short, 0)
                stop[axis] = min(start[axis] + _LEAST_EDGE, grid.shape[axis])
    (z0, y0, x0), (z1, y1, x1) = start, stop
    return Crop(grid, (z0, y0, x0), (z1, y1, x1))


def joined(crops: Sequence[Crop]) -> Crop:
    """Return the part of a grid that holds some parts of it."""
    (z0, y0, x0) = np.min([crop.start for crop in crops], axis=0).tolist()
    (z1, y1, x1) = np.max([crop.stop for crop in crops], axis=0).tolist()
    return Crop(crops[0].grid, (z0, y0, x0), (z1, y1, x1))


def packed(shown: Shown, crop: Crop) -> tuple[dict[str, Any], bytes]:
    """Turn a volume into bytes and what they mean.

    Values are stored in 254 equal steps between their extremes, and 0 stands for no value;
    densities in 255 steps between the quantiles 1e-5 and 1 - 1e-5.

    Parameters
    ----------
    shown : Shown
    crop : Crop
        The part to be stored.

    Returns
    -------
    dict
        Plain values for the viewer; `precision` is the largest error of a value that is read back.
    bytes
        The voxels, base64 of gzip.
    """
    is_value = shown.colors is not None or bool(shown.labels)
    sampled = is_value or shown.is_mask
    data = crop.sampled(shown.density.data) if sampled else crop.averaged(shown.density.data)
    known = np.isfinite(data)
    if shown.known is not None:
        known &= crop.sampled(shown.known)
    low, high = _extremes(data[known], tail=0.0 if is_value else _TAIL)
    if shown.labels:
        low, high, known = 1.0, float(_LEVELS), data > 0
    elif shown.is_mask:
        low, high = 0.0, 1.0
    first = 1 if is_value else 0
    steps = _LEVELS - first
    with np.errstate(invalid="ignore"):
        numbers = np.rint((data - low) / (high - low) * steps).clip(0, steps) + first
    voxels = np.where(known, numbers, 0).astype(np.uint8)
    meaning: dict[str, Any] = {
        "key": shown.key,
        "title": shown.title,
        "unit": shown.unit,
        "low": low,
        "high": high,
        "isValue": is_value,
        "precision": (high - low) / steps / 2,
        "error": shown.error,
        "labels": list(shown.labels),
        "isMask": shown.is_mask,
        "level": shown.level,
        "colors": None if shown.colors is None else colors_record(shown.colors),
    }
    return meaning, base64.b64encode(gzip.compress(voxels.tobytes(), 6, mtime=0))


def colors_record(colors: ColorScale) -> dict[str, Any]:
    """Return a scale of colours as plain values."""
    pairs = colors.pairs()
    return {"title": colors.title, "low": colors.low, "high": colors.high, "stops": pairs}


def _extremes(values: NDArray[Any], tail: float) -> tuple[float, float]:
    if values.size == 0:
        return 0.0, 1.0
    if tail:
        low, high = (float(v) for v in np.quantile(values, (tail, 1 - tail)))
    else:
        low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low, low + max(abs(low), 1.0) * 1e-3)


def packed_size(volumes: Sequence[tuple[dict[str, Any], bytes]]) -> int:
    """Bytes that packed volumes take in a file."""
    return sum(len(data) for _, data in volumes)
