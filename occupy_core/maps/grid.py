"""What a map is: a grid in space and the density on it.

The conventions of the whole package are stated here once: arrays are indexed
(z, y, x), float32 and C-contiguous; vectors are (x, y, z) in Å.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occupy_core.errors import GridMismatchError, MapFormatError, OccupyWarning

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Two voxel sizes are the same when, over the whole box, they differ by less than this many voxels:
# deposited and GUI-entered values differ in the third decimal, real calibration errors by 1 %.
GRID_TOLERANCE = 0.25  # [guard] voxels


@dataclass(frozen=True)
class Grid:
    """Where the voxels of a map lie.

    Parameters
    ----------
    shape : tuple of int
        Number of voxels (z, y, x).
    voxel_size : tuple of float
        Edges of a voxel (x, y, z) in Å; they may differ.
    origin : tuple of float
        MRC ORIGIN field (x, y, z) in Å.
    nstart : tuple of int
        MRC NXSTART, NYSTART, NZSTART (x, y, z) in voxels.

    Raises
    ------
    MapFormatError
        When the shape is not three positive numbers or a voxel edge is not a positive number.
    """

    shape: tuple[int, int, int]
    voxel_size: tuple[float, float, float]
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    nstart: tuple[int, int, int] = (0, 0, 0)

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise MapFormatError(f"A map needs three dimensions, but the shape is {self.shape}.")
        if not all(math.isfinite(v) and v > 0 for v in self.voxel_size):
            raise MapFormatError(
                f"The voxel size is {self.voxel_size} Å but must be positive; "
                "correct the header or give --voxel-size."
            )

    @classmethod
    def cubic(cls, n: int, voxel_size: float) -> Grid:
        """Grid of n voxels of `voxel_size` Å along each axis, origin zero."""
        return cls((n, n, n), (voxel_size, voxel_size, voxel_size))

    @property
    def voxel_size_zyx(self) -> tuple[float, float, float]:
        """Edges of a voxel in the order of the array axes (z, y, x), Å."""
        x, y, z = self.voxel_size
        return z, y, x

    @property
    def mean_voxel_size(self) -> float:
        """Geometric mean of the voxel edges, Å: the one number for a map of anisotropic voxels."""
        x, y, z = self.voxel_size
        return x if x == y == z else float((x * y * z) ** (1 / 3))

    @property
    def box(self) -> tuple[float, float, float]:
        """Edges of the box (x, y, z), Å."""
        nz, ny, nx = self.shape
        x, y, z = self.voxel_size
        return nx * x, ny * y, nz * z

    @property
    def size(self) -> int:
        """Number of voxels."""
        return math.prod(self.shape)

    def position(self, index: tuple[float, float, float]) -> tuple[float, float, float]:
        """Position (x, y, z) in Å of an array index (z, y, x), as ChimeraX places it.

        The ORIGIN field counts where it is set; otherwise NSTART does (MRC2014 note 8).
        """
        start = (
            self.origin
            if any(self.origin)
            else tuple(n * v for n, v in zip(self.nstart, self.voxel_size, strict=True))
        )
        x, y, z = (
            s + i * v for s, i, v in zip(start, reversed(index), self.voxel_size, strict=True)
        )
        return x, y, z

    def resampled(self, shape: tuple[int, int, int]) -> Grid:
        """Return the grid of the same box and the same voxel 0 with another number of voxels.

        NSTART counts whole voxels: where it cannot say the position any more, ORIGIN does.
        """
        if min(shape) < 1:
            raise MapFormatError(f"A map needs at least one voxel along each axis, not {shape}.")
        ratios = [new / old for new, old in zip(reversed(shape), reversed(self.shape), strict=True)]
        vx, vy, vz = (v / r for v, r in zip(self.voxel_size, ratios, strict=True))
        starts = [s * r for s, r in zip(self.nstart, ratios, strict=True)]
        sx, sy, sz = (round(s) for s in starts)
        exact = all(math.isclose(s, round(s), abs_tol=1e-6) for s in starts)
        return Grid(
            shape,
            (vx, vy, vz),
            self.origin if exact else self.position((0, 0, 0)),
            (sx, sy, sz),
        )


@dataclass(frozen=True)
class DensityMap:
    """Density on a grid.

    Parameters
    ----------
    data : ndarray of float32, shape (z, y, x)
        Density; made C-contiguous float32 and read-only.
    grid : Grid
        Where the voxels lie.
    name : str
        What messages and output files call the map.
    """

    data: Array = field(repr=False)
    grid: Grid
    name: str = "map"

    def __post_init__(self) -> None:
        data = np.ascontiguousarray(self.data, dtype=np.float32)
        if data.shape != self.grid.shape:
            raise GridMismatchError(
                f"The data of {self.name} have the shape {data.shape}, "
                f"but its grid has {self.grid.shape}."
            )
        if data is self.data:
            data = data.view()
        data.flags.writeable = False
        object.__setattr__(self, "data", data)

    def with_data(self, data: NDArray[Any], name: str | None = None) -> DensityMap:
        """Return other data on the same grid."""
        return DensityMap(data, self.grid, self.name if name is None else name)


def require_same_grid(reference: DensityMap, other: DensityMap, what: str) -> None:
    """Raise unless `other` lies voxel by voxel on `reference`.

    Parameters
    ----------
    reference, other : DensityMap
    what : str
        What `other` is for, for the message ("solvent definition", "half map 1").

    Raises
    ------
    GridMismatchError
        When the shapes differ, or the voxel sizes by more than a quarter of a voxel over the box.

    Warns
    -----
    OccupyWarning
        When the origins differ: programs fill that field differently, so the voxels decide.
    """
    a, b = reference.grid, other.grid
    if a.shape != b.shape:
        raise GridMismatchError(
            f"The {what} {other.name} has {_by(b.shape)} voxels, but {reference.name} has "
            f"{_by(a.shape)}; resample it onto the grid of the map."
        )
    drift = max(
        n * abs(va / vb - 1)
        for n, va, vb in zip(reversed(a.shape), a.voxel_size, b.voxel_size, strict=True)
    )
    if drift > GRID_TOLERANCE:
        raise GridMismatchError(
            f"The {what} {other.name} has a voxel size of {_by(b.voxel_size)} Å, but "
            f"{reference.name} has {_by(a.voxel_size)} Å ({drift:.1f} voxels over the box, limit "
            f"{GRID_TOLERANCE}); correct the header that is wrong."
        )
    shift = max(
        abs(pa - pb) / v
        for pa, pb, v in zip(
            a.position((0, 0, 0)), b.position((0, 0, 0)), a.voxel_size, strict=True
        )
    )
    if shift > GRID_TOLERANCE:
        warnings.warn(
            f"The {what} {other.name} has another origin than {reference.name} "
            f"({shift:.1f} voxels); the two are compared voxel by voxel.",
            OccupyWarning,
            stacklevel=2,
        )


def _by(numbers: tuple[float, ...]) -> str:
    """Write three numbers as 'x by y by z'; shapes keep their (z, y, x) order."""
    return " x ".join(f"{n:g}" for n in numbers)
