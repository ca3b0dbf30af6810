"""The local scale on the grid that is processed, by either method."""

import numpy as np
import pytest
from scipy import ndimage

from occupy_core.errors import EstimationError
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.scale.full_scale import find_full_scale, kernel_footprint
from occupy_core.scale.local import (
    LocalScale,
    median_inside,
    on_grid,
    recalibrated,
    relative_scale,
)
from occupy_core.scale.params import ScaleParams

GRIDS = [Grid.cubic(40, 1.5), Grid((36, 41, 47), (1.3, 1.6, 1.5), origin=(3.0, -2.0, 1.0))]
OCCUPY = ScaleParams(method="occupy", mode="res", lowpass=9.0, tau=0.9)


def a_map(grid, seed=0):
    noise = np.random.default_rng(seed).standard_normal(grid.shape)
    return DensityMap(ndimage.gaussian_filter(noise, 1.5).astype(np.float32) + 0.3, grid, "m")


@pytest.mark.parametrize("grid", GRIDS, ids=["cubic", "odd"])
def test_the_relative_scale_is_the_local_maximum_over_full_density(grid):
    density, numbers = a_map(grid), OCCUPY.resolve(grid)
    found = relative_scale(density, numbers, None)
    full, _ = find_full_scale(density, numbers.tau, tile_size=numbers.tile_size, s0=False)
    footprint = kernel_footprint(grid, numbers.kernel_size, numbers.kernel_radius)
    maxima = ndimage.maximum_filter(density.data, footprint=footprint, mode="nearest")
    inside = tuple(slice(n // 2, -(n // 2)) for n in footprint.shape)
    expected = np.clip(maxima / full, 0, 1)
    assert found.scale.data[inside] == pytest.approx(expected[inside], abs=1e-6)
    assert found.full_scale == pytest.approx(full)
    at_full = density.data[found.scale.data == 1]
    assert found.variability_limit == pytest.approx(at_full.mean() / full, rel=1e-5)


def test_a_target_mask_gets_its_maximum_over_the_full_density_of_as_many_voxels():
    grid = GRIDS[0]
    density, numbers = a_map(grid), OCCUPY.resolve(grid)
    mask = np.zeros(grid.shape, np.float32)
    mask[10:14, 10:15, 10:16] = 1
    found = relative_scale(density, numbers, DensityMap(mask, grid, "target"))
    # tau of 120 voxels: the root of tau^n + tau = 1
    tau = found.target_occupancy and next(t for t in np.linspace(0.9, 1, 200001) if t**120 + t >= 1)
    full, _ = find_full_scale(density, tau, tile_size=numbers.tile_size, s0=False)
    expected = density.data[mask > 0].max() / full
    assert found.target_occupancy == pytest.approx(expected, rel=1e-3)


def test_an_empty_target_mask_is_refused():
    empty = DensityMap(np.zeros(GRIDS[0].shape, np.float32), GRIDS[0], "target")
    with pytest.raises(EstimationError, match="target has no voxel above"):
        relative_scale(a_map(GRIDS[0]), OCCUPY.resolve(GRIDS[0]), empty)


def test_the_noise_level_becomes_zero_and_full_density_stays_one():
    grid = GRIDS[1]
    scale = DensityMap(np.random.default_rng(1).random(grid.shape, np.float32), grid)
    sigma = DensityMap(np.full(grid.shape, 0.1, np.float32), grid)
    local = LocalScale(
        scale=scale, full_scale=5.0, variability_limit=0.4, target_occupancy=0.7, sigma=sigma
    )
    again = recalibrated(local, 0.2)
    assert again.scale.data == pytest.approx(np.clip((scale.data - 0.2) / 0.8, 0, 1), abs=1e-6)
    assert again.sigma.data == pytest.approx(0.125)
    assert again.target_occupancy == pytest.approx(0.625)
    assert (
        recalibrated(
            LocalScale(scale=scale, full_scale=5.0, variability_limit=0.4, target_occupancy=0.1),
            0.2,
        ).target_occupancy
        == 0
    )
    assert local.scale.data.min() < 0.2  # the first one is as it was


def test_the_median_counts_what_is_in_the_mask_only():
    grid = GRIDS[1]
    data = np.arange(np.prod(grid.shape), dtype=np.float32).reshape(grid.shape)
    mask = np.zeros(grid.shape, np.float32)
    mask[3:6, 5:9, 7:20] = 1
    found = median_inside(DensityMap(data, grid), DensityMap(mask, grid))
    assert found == np.median(data[mask > 0])


def test_a_map_on_its_own_grid_keeps_its_values_and_on_another_its_place():
    density = a_map(GRIDS[1])
    assert np.array_equal(on_grid(density, GRIDS[1]).data, density.data)
    coarse = GRIDS[1].resampled((18, 20, 23))
    ramp = np.broadcast_to(np.arange(47, dtype=np.float32), GRIDS[1].shape).copy()
    found = on_grid(DensityMap(ramp, GRIDS[1]), coarse).data[9, 10]
    assert found == pytest.approx(np.arange(23) * 47 / 23, abs=1e-3)


def test_a_grey_value_as_a_scale():
    scale = a_map(GRIDS[0])
    assert LocalScale(scale=scale, full_scale=4.0, variability_limit=1.0).as_scale(1.0) == 0.25
