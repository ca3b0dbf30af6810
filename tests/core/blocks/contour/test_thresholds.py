"""Automatic thresholds mean the same in every volume, whatever its grey scale."""

import numpy as np
import pytest
from scipy import ndimage

from occupy_core.blocks.contour.thresholds import (
    find_threshold,
    noise_sigma,
    smoothed,
    solvent_level,
)
from occupy_core.errors import EstimationError
from occupy_core.maps.grid import DensityMap, Grid

GRIDS = [Grid.cubic(40, 3.0), Grid((36, 41, 47), (3.0, 2.6, 3.3))]
RULES = ("density", "scale", "solvent", "otsu")


def a_volume(grid, level=1.0, noise=0.1, seed=0, soft=1.0):
    """A ball of even density in noise."""
    z, y, x = (
        (np.arange(n) - (n - 1) / 2) * v
        for n, v in zip(grid.shape, grid.voxel_size_zyx, strict=True)
    )
    ball = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 < 27.0**2
    data = level * ndimage.gaussian_filter(ball.astype(np.float32), soft)
    data += noise * np.random.default_rng(seed).standard_normal(grid.shape)
    return DensityMap(data.astype(np.float32), grid, "v")


@pytest.mark.parametrize("grid", GRIDS, ids=["cubic", "odd"])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("a", "b"), [(30.0, 0.0), (0.02, 5.0)])
def test_a_threshold_goes_with_the_grey_scale(grid, rule, a, b):
    density = a_volume(grid)
    other = density.with_data(np.float32(a) * density.data + np.float32(b))
    one, two = find_threshold(density, rule), find_threshold(other, rule)
    tolerance = 0.03 * a
    assert two.value == pytest.approx(a * one.value + b, abs=tolerance)
    assert two.solvent == pytest.approx(a * one.solvent + b, abs=tolerance)
    assert two.sigma == pytest.approx(a * one.sigma, rel=0.05)


@pytest.mark.parametrize("grid", GRIDS, ids=["cubic", "odd"])
@pytest.mark.parametrize("rule", ["density", "scale", "otsu"])
@pytest.mark.parametrize("noise", [0.02, 0.1])
def test_even_density_is_contoured_half_way(grid, rule, noise):
    assert find_threshold(a_volume(grid, noise=noise), rule).value == pytest.approx(0.5, abs=0.08)


def test_the_threshold_by_density_does_not_move_with_the_noise():
    values = [find_threshold(a_volume(GRIDS[0], noise=s), "density").value for s in (0.02, 0.25)]
    assert values[1] == pytest.approx(values[0], abs=0.05)


@pytest.mark.parametrize("level", [0.0, -3.0, 7.0])
def test_the_solvent_is_the_main_peak(level):
    density = a_volume(GRIDS[0])
    assert solvent_level(density.with_data(density.data + np.float32(level))) == pytest.approx(
        level, abs=0.02
    )


@pytest.mark.parametrize("sigma", [0.05, 0.2])
def test_the_noise_is_measured_below_the_solvent(sigma):
    density = a_volume(GRIDS[1], noise=sigma)
    assert noise_sigma(density, 0.0) == pytest.approx(sigma, rel=0.05)
    assert find_threshold(density, "density").sigma == pytest.approx(sigma, rel=0.08)
    assert noise_sigma(density, float(density.data.min())) == 0


def test_noise_alone_is_empty_and_density_is_not():
    assert find_threshold(a_volume(GRIDS[0], level=0.0), "density").empty
    found = find_threshold(a_volume(GRIDS[0]), "density")
    assert not found.empty
    assert not found.inverted


def test_inverted_contrast_is_told():
    assert find_threshold(a_volume(GRIDS[0], level=-1.0), "density").inverted


def test_a_threshold_that_is_not_above_the_solvent_is_refused():
    with pytest.raises(EstimationError, match="multiply the volumes by -1"):
        find_threshold(a_volume(GRIDS[0], level=-1.0, noise=0.01), "otsu")


def test_smoothing_is_in_angstrom_along_each_axis():
    grid = Grid((31, 31, 31), (1.0, 2.0, 4.0))
    data = np.zeros(grid.shape, np.float32)
    data[15, 15, 15] = 1
    found = smoothed(DensityMap(data, grid), 4.0).data
    positions = [(np.arange(31) - 15) * v for v in grid.voxel_size_zyx]
    for axis, position in enumerate(positions):
        profile = found.sum(axis=tuple(a for a in range(3) if a != axis))
        # Cut off at two sigma, so a little narrower than 4 Å.
        assert np.sqrt((profile * position**2).sum() / profile.sum()) == pytest.approx(3.6, abs=0.3)
    density = DensityMap(data, grid)
    assert smoothed(density, 0) is density
