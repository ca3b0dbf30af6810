"""Simulate maps of complexes whose chains have known occupancies.

The density of each chain comes from gemmi's electron form factors and the model's own B-factors, on
a grid two times finer than the map; noise of a given radial spectrum is added. Nothing here is
shared with the estimator: it makes its own templates on its own grid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import gemmi
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from occupy_core.maps.fourier import coloured_noise
from occupy_core.maps.grid import DensityMap, Grid

_EDGE = 0.1  # width of the soft end of the spectrum as a fraction of the cut-off
_EMPTY = 15.0  # Å of solvent around the model at least
_LEVELS = 5  # of resolution that a local filter goes through
_FINER = 2  # the density is sampled on a grid finer by this factor, against aliasing


@dataclass(frozen=True)
class Complex:
    """A model put into the middle of a box.

    Parameters
    ----------
    name : str
    structure : gemmi.Structure
        Without hydrogens and waters; alternate conformers kept.
    grid : Grid
    """

    name: str
    structure: gemmi.Structure
    grid: Grid

    @property
    def chains(self) -> list[str]:
        return [chain.name for chain in self.structure[0]]


def place(path: Path, voxel_size: float, *, least_atoms: int = 100) -> Complex:
    """Read a model, drop what no chain consists of, and centre it in a cubic box."""
    structure = gemmi.read_structure(str(path))
    structure.remove_hydrogens()
    structure.remove_waters()
    structure.merge_chain_parts()
    model = structure[0]
    for chain in model:  # OPM marks the planes of a membrane by atoms
        for i in reversed(range(len(chain))):
            if chain[i].name == "DUM":
                del chain[i]
    for name in [c.name for c in model if c.count_atom_sites() < least_atoms]:
        model.remove_chain(name)
    for site in model.all():
        site.atom.occ = 1.0 if site.atom.altloc == "\0" else site.atom.occ
    positions = np.array([site.atom.pos.tolist() for site in model.all()])
    low, high = positions.min(axis=0), positions.max(axis=0)
    edge = float((high - low).max()) + 2 * _EMPTY
    n = fft.next_fast_len(int(np.ceil(edge / voxel_size)), real=True)
    n += n % 2
    move = n * voxel_size / 2 - (low + high) / 2
    for site in model.all():
        site.atom.pos = gemmi.Position(*(np.array(site.atom.pos.tolist()) + move))
    return Complex(path.name.split(".")[0], structure, Grid.cubic(n, voxel_size))


def chain_maps(
    placed: Complex,
    resolution: float,
    *,
    blur: float = 0.0,
    extra_b: Mapping[str, float] | None = None,
    moves: Mapping[str, tuple[float, float, float]] | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Density of each chain at full occupancy on the grid of the map.

    Parameters
    ----------
    placed : Complex
    resolution : float
        Soft end of the spectrum in Å.
    blur : float
        B-factor in Å² added to all atoms (negative: sharpened).
    extra_b : mapping of str to float, optional
        B-factor in Å² added to single chains.
    moves : mapping of str to tuple of float, optional
        Shift (x, y, z) in Å of single chains.
    """
    grid = placed.grid
    n, voxel = grid.shape[0], grid.voxel_size[0]
    frequency = fft.fftfreq(n, voxel)
    k2 = frequency[:, None, None] ** 2 + frequency[:, None] ** 2 + fft.rfftfreq(n, voxel) ** 2
    envelope = _soft_end(np.sqrt(k2) * resolution)
    maps = {}
    for chain in placed.structure[0]:
        b = blur + (extra_b or {}).get(chain.name, 0.0)
        band = _transform(chain, placed, (moves or {}).get(chain.name, (0.0, 0.0, 0.0)))
        band *= envelope * np.exp(-b / 4 * k2)
        maps[chain.name] = fft.irfftn(band, (n, n, n)).astype(np.float32)
    return maps


def add_noise(
    clean: NDArray[np.float32], grid: Grid, resolution: float, level: float, seed: int
) -> DensityMap:
    """Add noise whose standard deviation is `level` of the 99.9 percentile of the map.

    Its spectrum falls to a third towards the resolution, as it does for reconstructions, and has
    the same soft end.
    """
    frequency = np.linspace(0, 1.5 / resolution, 200)
    power = np.exp(-frequency * resolution) * _soft_end(frequency * resolution)
    noise = coloured_noise(grid, frequency, power, seed=seed)
    noise *= level * np.percentile(clean, 99.9) / noise.std()
    return DensityMap(clean + noise, grid)


def sharpened(density: DensityMap, b: float) -> DensityMap:
    """A map with a B-factor in Å² added to all of it (negative: sharpened)."""
    return density.with_data(_filtered(density, lambda k2: np.exp(-b / 4 * k2)))


def locally_filtered(density: DensityMap, finest: float, coarsest: float) -> DensityMap:
    """A map low-passed to `finest` Å in its middle and to `coarsest` Å at 0.8 of its half edge."""
    n = density.grid.shape[0]
    x = (np.arange(n) - n / 2) / (0.4 * n)
    level = np.minimum(np.sqrt(x[:, None, None] ** 2 + x[:, None] ** 2 + x**2), 1) * _LEVELS
    total = np.zeros_like(density.data)
    for i, resolution in enumerate(np.linspace(finest, coarsest, _LEVELS + 1)):
        smooth = _filtered(density, lambda k2, r=resolution: _soft_end(np.sqrt(k2) * r))
        total += np.clip(1 - np.abs(level - i), 0, 1).astype(np.float32) * smooth
    return density.with_data(total)


def _filtered(
    density: DensityMap, response: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.float32]:
    """A map times a response to the squared frequency in 1/Å²."""
    n, voxel = density.grid.shape[0], density.grid.voxel_size[0]
    f = fft.fftfreq(n, voxel)
    k2 = f[:, None, None] ** 2 + f[:, None] ** 2 + fft.rfftfreq(n, voxel) ** 2
    return fft.irfftn(fft.rfftn(density.data) * response(k2), (n, n, n)).astype(np.float32)


def _soft_end(k: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 below a relative frequency of 1 and 0 above, with a soft edge."""
    return np.asarray(0.5 * (1 + np.cos(np.pi * np.clip((k - 1) / _EDGE + 0.5, 0, 1))))


def _transform(
    chain: gemmi.Chain, placed: Complex, move: tuple[float, float, float]
) -> NDArray[np.complex64]:
    """Transform of the density of one chain, cropped to the band of the map."""
    n = placed.grid.shape[0]
    model = gemmi.Model(1)
    model.add_chain(chain)
    for site in model.all():
        site.atom.pos += gemmi.Position(*move)
    calculator = gemmi.DensityCalculatorE()
    calculator.set_refmac_compatible_blur(model)
    calculator.grid.set_unit_cell(gemmi.UnitCell(*placed.grid.box, 90, 90, 90))
    calculator.grid.spacegroup = gemmi.SpaceGroup("P 1")
    fine = _FINER * n
    calculator.grid.set_size(fine, fine, fine)
    calculator.d_min = 2 * placed.grid.voxel_size[0]
    calculator.blur = max(calculator.blur, 12 * placed.grid.voxel_size[0] ** 2)
    calculator.add_model_density_to_grid(model)
    density = np.asarray(calculator.grid.array).transpose(2, 1, 0)
    band = fft.rfftn(density)
    for axis in (0, 1):
        keep = np.r_[0 : n // 2, fine - n // 2 : fine]
        band = band.take(keep, axis=axis)
    band = band[:, :, : n // 2 + 1] / _FINER**3
    frequency = fft.fftfreq(n, placed.grid.voxel_size[0])
    k2 = frequency[:, None, None] ** 2 + frequency[:, None] ** 2
    k2 = k2 + fft.rfftfreq(n, placed.grid.voxel_size[0]) ** 2
    return np.asarray(band * np.exp(calculator.blur / 4 * k2), np.complex64)
