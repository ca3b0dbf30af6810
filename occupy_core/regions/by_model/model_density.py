"""The part of a map that a model fills: a box around it and its Fourier coefficients by shells.

Everything the regression needs of a map are sums of products over shells of |k|: maps of any size
become small matrices.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from occupy_core.errors import ParameterError
from occupy_core.maps.grid import Array, DensityMap, Grid
from occupy_core.maps.soft_edge import soft_edge
from occupy_core.regions.by_model.atoms import Positions
from occupy_core.solvent.blank import Blank

Coefficients = NDArray[np.complex64]
Values = NDArray[np.float64]
Indices = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]

# [taste: python -m benchmarks.sensitivity regions] Å; beyond, maps hold box, mask and solvent more
# than structure
_LOWEST = 40.0
# [taste: nothing moved] Å around the atoms that count fully, and of the soft edge outside
_NEAR, _SOFT = 8.0, 8.0
_RING = 5.0  # [taste: nothing moved] Å from the atoms on is taken for the level of the solvent
_MOST = 0.5  # [words]
_LEAST_COEFFICIENTS = 50  # [guard] of a shell; fewer would be fitted by chance


@dataclass(frozen=True, eq=False, kw_only=True)
class Band:
    """The part of a map that the model fills, and the frequencies that are used.

    Parameters
    ----------
    corner : tuple of int
        First voxel (z, y, x) of the box in the map.
    shape : tuple of int
        Voxels (z, y, x) of the box.
    voxel_size : tuple of float
        Edges (z, y, x) of a voxel, Å.
    start : tuple of float
        Position (x, y, z) in Å of the first voxel of the box.
    resolution : float
        Highest resolution used, Å.
    weight : ndarray of float32, shape of the box
        1 near the atoms, falling softly to 0: what lies far from the model does not count.
    ring : ndarray of bool, shape of the box
        Voxels whose mean is the level of the solvent.
    indices : tuple of ndarray of int, shape (n,)
        Index (z, y, x) of each coefficient in the half transform of the box, shell by shell.
    bounds : ndarray of int, shape (n_shells + 1,)
        Where each shell starts among the coefficients.
    """

    corner: tuple[int, int, int]
    shape: tuple[int, int, int]
    voxel_size: tuple[float, float, float]
    start: tuple[float, float, float]
    resolution: float
    weight: Array
    ring: NDArray[np.bool_]
    indices: Indices
    bounds: NDArray[np.int64]

    @property
    def n_shells(self) -> int:
        """Number of shells."""
        return len(self.bounds) - 1

    @cached_property
    def shells(self) -> list[slice]:
        """Coefficients of each shell."""
        return [slice(int(a), int(b)) for a, b in itertools.pairwise(self.bounds)]

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Where the box lies in the map."""
        z, y, x = (slice(c, c + n) for c, n in zip(self.corner, self.shape, strict=True))
        return z, y, x

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel, Å³."""
        return float(np.prod(self.voxel_size))

    @cached_property
    def frequencies(self) -> NDArray[np.float32]:
        """Frequency vectors (z, y, x) of the coefficients in 1/Å, shape (3, n)."""
        axes = _axes(self.shape, self.voxel_size)
        return np.stack([f[i] for f, i in zip(axes, self.indices, strict=True)]).astype(np.float32)

    @cached_property
    def multiplicity(self) -> NDArray[np.float32]:
        """2 where a coefficient stands for itself and its mirror image, else 1; shape (n,)."""
        x, n = self.indices[2], self.shape[2]
        own = (x == 0) | ((n % 2 == 0) & (x == n // 2))
        return np.where(own, 1, 2).astype(np.float32)

    @cached_property
    def counts(self) -> Values:
        """Coefficients of each shell, of the whole transform; shape (n_shells,)."""
        return self.sums(self.multiplicity)

    @cached_property
    def s2(self) -> Values:
        """Mean squared frequency of each shell in 1/Å², shape (n_shells,)."""
        return self.sums((self.frequencies**2).sum(axis=0)) / np.diff(self.bounds)

    @property
    def share(self) -> float:
        """Share of white noise in the box that `weight` lets through."""
        return float(np.mean(self.weight.astype(np.float64) ** 2))

    def masked(self, density: DensityMap, blank: Blank) -> bool:
        """Whether most of the solvent around the model was masked away."""
        around = density.data[self.slices][(self.weight > 0) & (self.weight < 1)]
        return bool(blank.masked and around.size and blank.voxels(around).mean() > _MOST)

    def sums(self, values: NDArray[Any]) -> Values:
        """Sum of values (..., n) of the coefficients over each shell (..., n_shells)."""
        total = np.add.reduceat(values.astype(np.float64), self.bounds[:-1], axis=-1)
        return np.asarray(total)

    def per_coefficient(self, values: NDArray[Any]) -> NDArray[Any]:
        """Give each coefficient the value of its shell: (..., n_shells) -> (..., n)."""
        return np.repeat(values, np.diff(self.bounds), axis=-1)

    def transform(self, data: Array) -> Coefficients:
        """Coefficients of density on the box, times the root of their multiplicity."""
        spectrum = fft.rfftn(data)[self.indices]
        return np.asarray(
            spectrum * np.sqrt(self.multiplicity) * np.float32(self.voxel_volume), np.complex64
        )

    def observe(self, density: DensityMap) -> Coefficients:
        """Coefficients of a map around the model, the level of the solvent taken off."""
        data = density.data[self.slices]
        level = float(data[self.ring].mean(dtype=np.float64)) if self.ring.any() else 0.0
        return self.transform((data - np.float32(level)) * self.weight)

    def moved(self, coefficients: Coefficients, shift: Values) -> Coefficients:
        """Coefficients of the density moved by a vector (x, y, z) in Å."""
        phase = np.tensordot(shift[::-1].astype(np.float32), self.frequencies, axes=1)
        return np.asarray(coefficients * np.exp(np.complex64(-2j * np.pi) * phase), np.complex64)

    def density(self, coefficients: Coefficients) -> tuple[Array, Values]:
        """Density of coefficients on a grid just fine enough for the band.

        Returns
        -------
        data : ndarray of float32, shape (z, y, x)
            Density in the units of the map.
        voxel_size : ndarray of float64, shape (3,)
            Edges (z, y, x) of its voxels, Å; the first voxel is that of the box.
        """
        highest = [
            int(np.abs(signed_index(i, n)).max())
            for i, n in zip(self.indices, self.shape, strict=True)
        ]
        n = [fft.next_fast_len(2 * h + 1, real=True) for h in highest]
        nz, ny, nx = (max(a, 4) for a in n)
        spectrum = np.zeros((nz, ny, nx // 2 + 1), np.complex64)
        iz, iy, ix = (signed_index(i, s) for i, s in zip(self.indices, self.shape, strict=True))
        spectrum[iz, iy, ix] = coefficients / np.sqrt(self.multiplicity)
        box = np.array(self.shape) * self.voxel_size
        data = fft.irfftn(spectrum, (nz, ny, nx)) * np.float32(nz * ny * nx / box.prod())
        return np.asarray(data, np.float32), box / (nz, ny, nx)


def make_band(
    grid: Grid, positions: Positions, resolution: float, *, n_templates: int, memory: float
) -> Band:
    """Choose the box around a model and the shells of frequencies.

    Parameters
    ----------
    grid : Grid
        Grid of the maps.
    positions : ndarray of float64, shape (n_atoms, 3)
        Atoms (x, y, z) in Å, in the frame of the map.
    resolution : float
        Highest resolution wanted in Å; not beyond the Nyquist frequency.
    n_templates : int
        Number of regions whose coefficients will be held.
    memory : float
        Bytes that they may take: the resolution is lowered until they do.

    Raises
    ------
    ParameterError
        When the box is too small for more than a few shells.
    """
    voxel = np.array(grid.voxel_size_zyx)
    first = np.array(grid.position((0, 0, 0)))
    atoms = (positions - first)[:, ::-1] / voxel
    atoms = atoms[np.all((atoms > -0.5) & (atoms < np.array(grid.shape) - 0.5), axis=1)]
    near = max(_NEAR, 1.5 * resolution)
    corner, shape = _enclosing_box(atoms, (near + _SOFT) / voxel, grid.shape)
    box = np.array(shape) * voxel
    half_sphere = 2 / 3 * np.pi * float(box.prod())  # coefficients at 1 Å
    held = (8 * n_templates * half_sphere / memory) ** (1 / 3)
    resolution = max(resolution, 2 * float(voxel.max()), held)
    indices, bounds = _shells(shape, grid.voxel_size_zyx, resolution)
    if len(bounds) < 6:
        raise ParameterError(
            f"Between {_LOWEST:g} Å and {resolution:.1f} Å the box holds only {len(bounds) - 1} "
            "shells of frequencies, too few to fit a model; give maps of a finer voxel size."
        )
    distance = _distance(atoms - corner, shape, voxel)
    weight = 0.5 * (1 + np.cos(np.pi * np.clip((distance - near) / _SOFT, 0, 1)))
    z, y, x = (int(c) for c in corner)
    return Band(
        corner=(z, y, x),
        shape=shape,
        voxel_size=grid.voxel_size_zyx,
        start=grid.position((z, y, x)),
        resolution=resolution,
        weight=weight.astype(np.float32),
        ring=(distance > _RING) & (weight > 0.5),
        indices=indices,
        bounds=bounds,
    )


def atom_weights(
    positions: Positions, grid: Grid, *, radius: float, soft: float
) -> tuple[tuple[slice, slice, slice], Array]:
    """Soft mask of atoms: 1 within `radius` Å of an atom, 0 from radius + soft on.

    Returns
    -------
    slices : tuple of slice
        Part of the grid (z, y, x) outside of which the mask is 0; empty when no atom is near.
    weight : ndarray of float32
        The mask in that part.
    """
    voxel = np.array(grid.voxel_size_zyx)
    atoms = (positions - np.array(grid.position((0, 0, 0))))[:, ::-1] / voxel
    atoms = atoms[np.all((atoms > -0.5) & (atoms < np.array(grid.shape) - 0.5), axis=1)]
    if not len(atoms):
        return (slice(0), slice(0), slice(0)), np.zeros((0, 0, 0), np.float32)
    corner, shape = _enclosing_box(atoms, (radius + soft) / voxel + 1, grid.shape)
    distance = _distance(atoms - corner, shape, voxel)
    # The distance is one between voxel centres: half a voxel is the error of rounding the atoms.
    z, y, x = (slice(int(c), int(c) + n) for c, n in zip(corner, shape, strict=True))
    return (z, y, x), soft_edge(distance, radius, soft)


def _enclosing_box(
    atoms: Values, margin: Values, available: tuple[int, int, int]
) -> tuple[NDArray[np.int64], tuple[int, int, int]]:
    """First voxel and shape (fast to transform) of a box around atoms, within the map."""
    limit = np.array(available)
    low = np.maximum(np.floor(atoms.min(axis=0) - margin), 0).astype(np.int64)
    high = np.minimum(np.ceil(atoms.max(axis=0) + margin).astype(np.int64) + 1, limit)
    n = np.array([fft.next_fast_len(int(k), real=True) for k in high - low])
    n = np.minimum(n, limit)
    nz, ny, nx = (int(k) for k in n)
    return np.minimum(low, limit - n), (nz, ny, nx)


def _distance(atoms: Values, shape: tuple[int, int, int], voxel: Values) -> Values:
    """Distance in Å of each voxel from the nearest atom (rounded to its voxel)."""
    empty = np.ones(shape, bool)
    nearest = np.rint(atoms).astype(np.int64)
    inside = np.all((nearest >= 0) & (nearest < shape), axis=1)
    empty[tuple(nearest[inside].T)] = False
    return np.asarray(ndimage.distance_transform_edt(empty, sampling=voxel), np.float32)


def _axes(
    shape: tuple[int, int, int], voxel_size: tuple[float, float, float]
) -> tuple[Values, Values, Values]:
    """Frequencies (z, y, x) of a half transform, 1/Å."""
    (nz, ny, nx), (z, y, x) = shape, voxel_size
    return fft.fftfreq(nz, z), fft.fftfreq(ny, y), fft.rfftfreq(nx, x)


def signed_index(index: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Index of a frequency counted from zero, negative ones below it."""
    return np.where(index > n // 2, index - n, index)


def _shells(
    shape: tuple[int, int, int], voxel_size: tuple[float, float, float], resolution: float
) -> tuple[Indices, NDArray[np.int64]]:
    """Coefficients between `_LOWEST` and the resolution, in shells about one index wide."""
    fz, fy, fx = (f.astype(np.float32) for f in _axes(shape, voxel_size))
    k = np.sqrt(fz[:, None, None] ** 2 + fy[:, None] ** 2 + fx**2)
    # A Nyquist plane has no mirror image, so that it cannot be moved by a fraction of a voxel.
    half = min(0.5 / v for v in voxel_size)
    used = (k >= 1 / _LOWEST) & (k <= 1 / resolution) & (k < half * (1 - 1e-6))
    z, y, x = np.nonzero(used)
    width = 1 / max(n * v for n, v in zip(shape, voxel_size, strict=True))
    shell = (k[used] / width).astype(np.int64)
    order = np.argsort(shell, kind="stable")
    starts = np.unique(shell[order], return_index=True)[1]
    bounds = [0]
    for start in (*starts[1:].tolist(), len(order)):
        if start - bounds[-1] >= _LEAST_COEFFICIENTS:
            bounds.append(start)
    bounds[-1] = len(order)
    return (z[order], y[order], x[order]), np.array(bounds)
