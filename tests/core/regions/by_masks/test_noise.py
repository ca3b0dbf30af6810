"""The solvent and the noise of maps whose regions are masks."""

import numpy as np
import pytest
from scipy import fft

from occupy_core.errors import GridMismatchError
from occupy_core.maps.fourier import coloured_noise
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.regions.by_masks.noise import (
    away_from_masks,
    doubts_about,
    noise_error,
    solvent_of,
    with_noise,
)

GRIDS = [Grid.cubic(48, 1.5), Grid((41, 48, 55), (1.3, 1.7, 1.5))]
FREQUENCY = np.linspace(0, 0.6, 60)
SPECTRA = {"white": np.ones(60), "coloured": np.exp(-6 * FREQUENCY)}


def noise_of(grid, spectrum, seed):
    return coloured_noise(grid, FREQUENCY, SPECTRA[spectrum], seed=seed)


def molecule(grid):
    """A box of density about the middle, and the parts of the map of its mask."""
    part = tuple(slice(int(0.35 * n), int(0.6 * n)) for n in grid.shape)
    data = np.zeros(grid.shape, np.float32)
    data[part] = 5
    return data, [(part, np.ones(data[part].shape, np.float32))]


def ball(grid, radius):
    z, y, x = (
        (np.arange(n) - n // 2) * v for n, v in zip(grid.shape, grid.voxel_size_zyx, strict=True)
    )
    return (z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 < radius**2).astype(np.float32)


@pytest.mark.parametrize("grid", GRIDS, ids=["cubic", "odd"])
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_half_maps_and_solvent_tell_the_same_noise_of_the_same_map(grid, spectrum):
    data, masks = molecule(grid)
    first, second = (DensityMap(data + noise_of(grid, spectrum, seed), grid) for seed in (1, 2))
    mean = DensityMap((first.data + second.data) / 2, grid)
    solvent = solvent_of(mean, away_from_masks(masks, grid))
    alone = with_noise(solvent, mean, None)
    with_halves = with_noise(solvent, mean, (first, second))
    weight = ball(grid, 8.0)
    errors = [noise_error(weight, found.noise, grid) for found in (alone, with_halves)]
    assert errors[1] == pytest.approx(errors[0], rel=0.2)


@pytest.mark.parametrize("grid", GRIDS, ids=["cubic", "odd"])
@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("radius", [3.0, 8.0])
def test_the_error_of_a_mean_is_its_scatter_over_many_places(grid, spectrum, radius):
    weight = ball(grid, radius)
    noise = noise_of(grid, spectrum, 3)
    # The mean about every voxel of the box at once.
    share = np.roll(weight / weight.sum(), [-(n // 2) for n in grid.shape], (0, 1, 2))
    means = fft.irfftn(fft.rfftn(noise) * fft.rfftn(share).conj(), grid.shape)
    density = DensityMap(noise, grid)
    measured = with_noise(solvent_of(density, np.ones(grid.shape, np.bool_)), density, None)
    assert noise_error(weight, measured.noise, grid) == pytest.approx(means.std(), rel=0.15)


def test_the_level_is_the_mean_of_the_solvent_alone():
    data, masks = molecule(GRIDS[0])
    density = DensityMap(data + 0.7 + 0.1 * noise_of(GRIDS[0], "white", 0), GRIDS[0])
    found = solvent_of(density, away_from_masks(masks, GRIDS[0]))
    assert found.mean == pytest.approx(0.7, abs=0.01)
    assert found.known
    assert doubts_about(with_noise(found, density, None)) == ()


def test_the_solvent_lies_in_the_ellipsoid_and_away_from_all_masks():
    grid = GRIDS[1]
    data, masks = molecule(grid)
    solvent = away_from_masks(masks, grid)
    assert solvent.any()
    assert not solvent[data > 0].any()
    beside = tuple(slice(s.start - 1, s.stop + 1) for s in masks[0][0])
    assert not solvent[beside].any()
    assert not solvent[0, 0, 0]
    assert solvent[:, :, ::-1].sum() == solvent.sum()


def test_a_masked_solvent_is_no_solvent_without_noise():
    data, masks = molecule(GRIDS[0])
    density = DensityMap(data, GRIDS[0])
    found = with_noise(solvent_of(density, away_from_masks(masks, GRIDS[0])), density, None)
    assert not found.known
    assert found.mean == pytest.approx(0, abs=1e-6)
    assert found.noise is None
    assert doubts_about(found) == ("solvent masked: noise unknown",)


def test_half_maps_of_another_grid_are_refused():
    data, masks = molecule(GRIDS[0])
    density = DensityMap(data + noise_of(GRIDS[0], "white", 0), GRIDS[0])
    other = DensityMap(data, Grid.cubic(48, 1.9))
    found = solvent_of(density, away_from_masks(masks, GRIDS[0]))
    with pytest.raises(GridMismatchError, match="half map 2"):
        with_noise(found, density, (density, other))
