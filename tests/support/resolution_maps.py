"""Maps of known local resolution for the tests: random atoms, half of them blurred, and noise."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import fft, ndimage

from occupy_core.maps import Array, DensityMap, Grid, Mask


@dataclass(frozen=True)
class Known:
    """A map as signal and noise."""

    grid: Grid
    signal: Array
    halves: tuple[Array, Array]
    mask: Mask
    sharp: Mask
    blurred: Mask

    @property
    def density(self) -> DensityMap:
        """The full map."""
        return DensityMap((self.halves[0] + self.halves[1]) / 2, self.grid, "known")

    @property
    def half_maps(self) -> tuple[DensityMap, DensityMap]:
        """The half maps."""
        first, second = (DensityMap(h, self.grid, "half") for h in self.halves)
        return first, second


def radius(grid: Grid) -> Array:
    """|k| of the real transform, 1/Å."""
    vz, vy, vx = grid.voxel_size_zyx
    nz, ny, nx = grid.shape
    fz, fy, fx = np.fft.fftfreq(nz, vz), np.fft.fftfreq(ny, vy), np.fft.rfftfreq(nx, vx)
    return np.sqrt(fz[:, None, None] ** 2 + fy[:, None] ** 2 + fx**2).astype(np.float32)


def lowpassed(data: Array, grid: Grid, cut: float) -> Array:
    """Sharp low-pass at `cut` Å."""
    return fft.irfftn(fft.rfftn(data) * (radius(grid) <= 1 / cut), grid.shape).astype(np.float32)


def two_resolutions(grid: Grid, *, noise: float = 1.0, seed: int = 0) -> Known:
    """A ball of atoms, sharp at low x (B 60) and blurred at high x (B 300), in white noise."""
    signal, parts, state = _two_halves(grid, seed)
    rng = np.random.default_rng()
    rng.bit_generator.state = state
    sigma = np.float32(noise * 0.25 * signal.std())
    halves = [signal + sigma * rng.standard_normal(grid.shape, dtype=np.float32) for _ in range(2)]
    mask = parts[0] | parts[1]
    # Away from the joint, so that a window sees one part only.
    column = np.arange(grid.shape[2]) * grid.voxel_size[0] - grid.box[0] / 2
    return Known(
        grid, signal, (halves[0], halves[1]), mask, mask & (column < -8), mask & (column > 8)
    )


@functools.lru_cache(maxsize=16)
def _two_halves(grid: Grid, seed: int) -> tuple[Array, list[Mask], Any]:
    """The density of both halves, which nobody changes, their masks, and where chance stands."""
    rng = np.random.default_rng(seed)
    edges = np.array(grid.box)
    ball = 0.27 * edges.min()
    points = rng.uniform(-ball, ball, (6000, 3))
    points = points[np.linalg.norm(points, axis=1) < ball]
    points = points[: int(0.05 * 4 / 3 * np.pi * ball**3)] + edges / 2
    index = np.rint(points / np.array(grid.voxel_size)).astype(int)
    right = points[:, 0] > edges[0] / 2
    signal = np.zeros(grid.shape, np.float32)
    parts = []
    for part, b_factor in enumerate((60.0, 300.0)):
        x, y, z = index[right == bool(part)].T
        atoms = np.zeros(grid.shape, np.float32)
        np.add.at(atoms, (z, y, x), 1.0)
        gain = np.exp(-b_factor / 4 * radius(grid) ** 2)
        signal += fft.irfftn(fft.rfftn(atoms) * gain, grid.shape).astype(np.float32)
        away = ndimage.distance_transform_edt(atoms == 0, sampling=grid.voxel_size_zyx)
        parts.append(away <= 3.0)
    signal.flags.writeable = False
    return signal, parts, rng.bit_generator.state
