"""The kernel, tau, and the search for the fullest tile."""

import numpy as np
import pytest

from occupy_core.errors import EstimationError
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.scale.full_scale import (
    find_full_scale,
    kernel_footprint,
    mean_at_full_scale,
    recommended_tau,
    tile_corners,
)


@pytest.mark.parametrize("n", [1, 2, 7, 33, 93, 461, 1000, 7001, 10**6, 10**9])
def test_tau_is_the_root_for_any_number_of_voxels(n):
    tau = recommended_tau(n)
    assert 0 < tau < 1
    assert tau**n + tau == pytest.approx(1, abs=1e-6 if n > 10**6 else 1e-12)


def test_tau_has_the_tabulated_values_of_occupy():
    values = [round(recommended_tau(n), 4) for n in (1, 2, 57, 93, 461)]
    assert values == [0.5, 0.6180, 0.9491, 0.9647, 0.9900]


def test_tau_rises_with_the_number_of_voxels():
    values = [recommended_tau(n) for n in range(1, 300)]
    assert np.all(np.diff(values) > 0)


@pytest.mark.parametrize(("size", "radius", "n"), [(5, 2.96, 93), (5, 2.30, 57), (9, 4.80, 461)])
def test_footprint_has_the_voxels_of_occupy(size, radius, n):
    footprint = kernel_footprint(Grid.cubic(64, 1.3), size, radius)
    assert footprint.shape == (size, size, size)
    assert footprint.sum() == n


def test_footprint_of_anisotropic_voxels_is_a_ball_in_angstrom():
    grid = Grid((40, 40, 40), (0.8, 1.0, 1.25))  # mean edge 1 Å
    footprint = kernel_footprint(grid, 9, 4.0)
    z, y, x = (
        (np.arange(n) - n // 2) * v
        for n, v in zip(footprint.shape, grid.voxel_size_zyx, strict=True)
    )
    distance = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)
    assert np.array_equal(footprint, distance <= 4.0 + 1e-6)
    assert footprint.shape == (7, 9, 11)


@pytest.mark.parametrize(
    "shape", [(3, 3, 3), (8, 8, 8), (12, 12, 12), (31, 31, 31), (64, 40, 90), (100, 100, 100)]
)
def test_tiles_lie_inside_the_box(shape):
    size = min(12, *shape)
    corners = tile_corners(shape, size)
    assert len(corners) > 0
    assert corners.min() >= 0
    assert np.all(corners + size <= shape)
    assert len(np.unique(corners, axis=0)) == len(corners)


def test_tiles_of_a_box_of_100_are_those_of_occupy():
    corners = tile_corners((100, 100, 100), 12)
    starts = np.unique(corners[:, 0])
    assert starts[0] == 6 + 4 * 2  # 20 tiles, 4 voxels apart, from voxel 6; the sphere drops two
    assert np.all(np.diff(starts) == 4)
    assert len(corners) == sum(
        (i - 10) ** 2 + (j - 10) ** 2 + (k - 10) ** 2 < 81
        for i in range(20)
        for j in range(20)
        for k in range(20)
    )


def spotted(grid, at, width=4):
    """Noise with a brighter block that starts at the index `at`."""
    data = np.random.default_rng(3).random(grid.shape, dtype=np.float32)
    data[tuple(slice(a, a + width) for a in at)] += 2
    return DensityMap(data, grid)


@pytest.mark.parametrize(
    "grid", [Grid.cubic(40, 1.2), Grid((33, 41, 52), (1.0, 1.5, 2.0), (5.0, -3.0, 2.0))], ids=str
)
@pytest.mark.parametrize("tau", [0.01, 0.5, 0.9, 1.0])
def test_full_scale_is_the_largest_quantile_of_the_tiles(grid, tau):
    density = spotted(grid, (16, 20, 24))
    full, tiles = find_full_scale(density, tau, tile_size=6, s0=False)
    values = []
    for z, y, x in tile_corners(grid.shape, 6):
        tile = np.sort(density.data[z : z + 6, y : y + 6, x : x + 6], axis=None)
        values.append(tile[min(int(tau * 216), 215)])
    assert full == max(values)
    assert tiles is not None
    assert tiles.radius == pytest.approx(3 * grid.mean_voxel_size)


def test_the_fullest_tile_is_placed_where_the_density_is():
    grid = Grid((40, 44, 48), (1.2, 1.2, 1.2), (-10.0, 20.0, 7.0))
    _, tiles = find_full_scale(spotted(grid, (16, 20, 24)), 0.8, tile_size=4, s0=False)
    centre = np.array(grid.position((17.5, 21.5, 25.5)))
    assert np.abs(np.array(tiles.largest) - centre).max() <= 2 * 1.2
    assert np.abs(np.array(tiles.smallest) - centre).max() > 2 * 1.2


def test_full_scale_s0_is_tau_times_the_maximum():
    density = spotted(Grid.cubic(30, 1.0), (10, 10, 10))
    full, tiles = find_full_scale(density, 0.9, tile_size=6, s0=True)
    assert full == pytest.approx(0.9 * density.data.max())
    assert tiles is None


@pytest.mark.parametrize("s0", [False, True])
def test_full_scale_of_dark_content_is_refused_with_the_remedy(s0):
    density = spotted(Grid.cubic(30, 1.0), (10, 10, 10))
    with pytest.raises(EstimationError, match="must be positive; multiply the map by -1"):
        find_full_scale(density.with_data(-density.data), 0.9, tile_size=6, s0=s0)


def test_mean_at_full_scale_is_taken_where_the_scale_is_one():
    data = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    scale = np.minimum(data / 6, 1).astype(np.float32)
    assert mean_at_full_scale(data, scale) == 6.5
    assert mean_at_full_scale(data, 0 * scale) == 0
