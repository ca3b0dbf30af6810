"""Smoothed density on a coarse grid, and the mask where it stands out."""

import numpy as np
import pytest
from scipy import ndimage

from occupy_core.maps import DensityMap, Grid
from occupy_core.resolution.measure.density_mask import molecular_mask, smoothed_density
from occupy_core.resolution.measure.spectrum import analyse

GRIDS = [Grid.cubic(60, 1.25), Grid((55, 66, 61), (1.2, 1.4, 1.3))]


def wave(grid, cycles):
    """A cosine of whole periods along each axis, and its frequency in 1/Å."""
    phase = sum(
        c * np.arange(n).reshape([-1 if a == axis else 1 for a in range(3)]) / n
        for axis, (c, n) in enumerate(zip(cycles, grid.shape, strict=True))
    )
    edges = [n * v for n, v in zip(grid.shape, grid.voxel_size_zyx, strict=True)]
    return np.cos(2 * np.pi * phase), np.linalg.norm(np.divide(cycles, edges))


@pytest.mark.parametrize("grid", GRIDS, ids=["cubic", "odd"])
@pytest.mark.parametrize("cycles", [(3, 2, 4), (0, 7, 5), (8, 0, 0)])
@pytest.mark.parametrize("detail", [7.0, 10.0])
def test_a_wave_keeps_half_of_its_height_at_the_detail(grid, cycles, detail):
    data, frequency = wave(grid, cycles)
    spectrum = analyse(DensityMap(data.astype(np.float32), grid))
    smooth, coarse = smoothed_density(spectrum, detail)
    assert coarse.box == pytest.approx(grid.box)
    assert max(coarse.voxel_size) <= 2.5 + 1e-6
    # Maps are brought to unit variance before.
    assert smooth.std() == pytest.approx(2 ** -((detail * frequency) ** 2), abs=0.01)


@pytest.fixture(scope="module")
def scene():
    """Two balls, a speck and a gap in noise on a grid of 2.5 Å."""
    grid = Grid((40, 42, 44), (2.5, 2.5, 2.5))
    z, y, x = np.mgrid[:40, :42, :44]

    def ball(cz, cy, cx, r):
        return (z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2 <= r**2

    molecule = ball(20, 21, 16, 8) | ball(20, 21, 28, 5)
    molecule &= x != 22  # a gap of one voxel
    speck = ball(5, 5, 5, 1)
    noise = 0.05 * np.random.default_rng(0).standard_normal(grid.shape)
    data = (molecule | speck) + noise
    away = ~ndimage.binary_dilation(molecule | speck, iterations=3)
    return grid, data.astype(np.float32), molecule, speck, away


def test_the_mask_is_the_molecule_without_specks_and_with_gaps_closed(scene):
    grid, data, molecule, speck, away = scene
    found = molecular_mask(data, grid, away, ndimage.binary_erosion(molecule, iterations=2))
    assert found[molecule].mean() > 0.995
    assert not found[speck].any()
    assert not found[away].any()
    assert found[20, 21, 22]  # the gap
    grown = ndimage.binary_dilation(molecule, iterations=2)
    assert not found[~grown].any()


def test_a_hollow_is_filled(scene):
    grid, data, molecule, _, away = scene
    hollow = data.copy()
    hollow[18:23, 19:24, 14:19] = 0
    found = molecular_mask(hollow, grid, away, molecule & (data > 0.5))
    assert found[20, 21, 16]


def test_without_solvent_what_is_not_molecule_stands_in_for_it(scene):
    grid, data, molecule, _, away = scene
    nowhere = np.zeros(grid.shape, bool)
    sure = ndimage.binary_erosion(molecule, iterations=1)
    one, two = (molecular_mask(data, grid, s, sure) for s in (away, nowhere))
    assert (one & two).sum() / (one | two).sum() > 0.9


def test_even_density_has_no_mask(scene):
    grid = scene[0]
    nowhere = np.zeros(grid.shape, bool)
    assert not molecular_mask(np.zeros(grid.shape, np.float32), grid, nowhere, nowhere).any()
