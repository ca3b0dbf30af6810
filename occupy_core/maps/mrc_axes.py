"""From the axes of an MRC file, in any order, to (z, y, x) and the place of the voxels."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occupy_core.errors import MapFormatError, OccupyWarning
from occupy_core.maps.grid import Array, Grid
from occupy_core.maps.threads import for_slabs

_SMALLEST_VOXEL, _LARGEST_VOXEL = 0.01, 1000.0  # [guard] Å; what is beyond was not meant
_PLANES_AT_ONCE = 8  # [machine]


def in_standard_order(
    data: NDArray[Any], header: Any, file: Path, voxel_size: float | None
) -> tuple[Array, Grid]:
    """Turn the file's axes into (z, y, x) and say where the voxels lie.

    NXSTART.. are stored in the order columns, rows, sections; MX.., CELLA and ORIGIN as x, y, z.
    """
    axes = [int(header[n]) for n in ("mapc", "mapr", "maps")]
    start = [int(header[n]) for n in ("nxstart", "nystart", "nzstart")]
    if sorted(axes) != [1, 2, 3]:
        if any(axes):
            _warn(f"The axis order of {file} is {axes}, which is none; it is read as x, y, z.")
        axes = [1, 2, 3]
    if axes != [1, 2, 3]:
        _warn(f"The axes of {file} are stored in the order {axes}; they were put into x, y, z.")
    columns = [axes.index(axis) for axis in (1, 2, 3)]  # file position of x, y, z
    values = _transposed(data, [2 - i for i in reversed(columns)])
    nz, ny, nx = values.shape
    _refuse_skew_cell(header, file)
    edges = _voxel_edges(header, (nx, ny, nz)) if voxel_size is None else (float(voxel_size),) * 3
    if not all(_SMALLEST_VOXEL <= e <= _LARGEST_VOXEL for e in edges):
        raise MapFormatError(
            f"The voxel size of {file} is {edges[0]:g} x {edges[1]:g} x {edges[2]:g} Å but must be "
            f"positive, from {_SMALLEST_VOXEL:g} to {_LARGEST_VOXEL:g}; correct the header or give "
            "--voxel-size."
        )
    origin = [float(v) for v in header["origin"]]
    if not all(map(math.isfinite, origin)):
        _warn(f"The origin of {file} is {origin}, which is no position; it is read as 0, 0, 0.")
        origin = [0.0, 0.0, 0.0]
    x, y, z = (start[i] for i in columns)
    return values, Grid((nz, ny, nx), edges, (origin[0], origin[1], origin[2]), (x, y, z))


def _transposed(data: NDArray[Any], order: list[int]) -> Array:
    """Data with its axes in another order, as contiguous float32; itself when that changes nothing.

    Planes that hold the fastest axis of both sides fit the cache: numpy's own order is slower.
    """
    if order == [0, 1, 2]:
        return np.ascontiguousarray(data, dtype=np.float32)
    source = data.transpose(order)
    values = np.empty(source.shape, np.float32)
    cut = 1 if order[0] == 2 else 0

    def copy(first: int, last: int) -> None:
        for i in range(first, last):
            np.moveaxis(values, cut, 0)[i] = np.moveaxis(source, cut, 0)[i]

    for_slabs(copy, source.shape[cut], _PLANES_AT_ONCE)
    return values


def _voxel_edges(header: Any, sizes: tuple[int, int, int]) -> tuple[float, float, float]:
    """Edges of a voxel (x, y, z) in Å from the cell and its sampling."""
    edges = []
    for axis, n in zip("xyz", sizes, strict=True):
        cell, sampling = header["cella"][axis], int(header[f"m{axis}"]) or n
        edge = float(cell) / sampling
        if not abs(edge) <= _LARGEST_VOXEL:  # NaN too; refused by the caller
            edges.append(edge)
            continue
        # The cell is a float32: take the short number (1.35, not 1.3500000238) where it gives
        # the same cell, so that all axes of a cubic voxel agree.
        short = float(f"{edge:.7g}")
        edges.append(short if np.float32(short * sampling) == cell else edge)
    x, y, z = edges
    return x, y, z


def _refuse_skew_cell(header: Any, file: Path) -> None:
    """Raise when the cell axes are not orthogonal; angles left at zero mean 90 degrees."""
    angles = [float(a) for a in header["cellb"]]
    if any(angles) and not all(abs(a - 90) <= 0.1 for a in angles):
        raise MapFormatError(
            f"The cell of {file} has the angles {', '.join(f'{a:g}' for a in angles)} degrees, but "
            "only 90 can be used; resample the map onto an orthogonal grid."
        )


def _warn(message: str) -> None:
    warnings.warn(message, OccupyWarning, stacklevel=4)
