"""Test maps hold what they promise."""

import numpy as np
import pytest

from occupy_core.maps import Grid, radial_power
from occupy_core.maps.synthetic import blobs, two_bodies

GRIDS = [
    Grid.cubic(48, 1.5),
    Grid((40, 45, 64), (1.2, 1.6, 1.0), (5.0, 6.0, 7.0), (1, 2, 3)),
]


@pytest.fixture(params=GRIDS, ids=["cubic", "anisotropic"])
def grid(request):
    return request.param


def test_blobs_hold_their_weight_and_lie_at_their_place(grid):
    middle = np.array(grid.box) / 2
    centres = middle + np.array([[-6.1, 2.3, 0.4], [7.7, -3.2, 5.5]])
    weights = np.array([3.0, 1.0])
    data = blobs(grid, centres, weights, 2.0).astype("f8")
    volume = np.prod(grid.voxel_size)
    assert data.sum() * volume == pytest.approx(4.0, rel=1e-4)
    axes = np.indices(grid.shape)[::-1] * np.array(grid.voxel_size)[:, None, None, None]
    place = [(axis * data).sum() / data.sum() for axis in axes]
    np.testing.assert_allclose(place, (centres * weights[:, None]).sum(axis=0) / 4, atol=1e-3)


def test_blob_is_a_gaussian_of_its_width():
    grid = Grid.cubic(31, 1.0)
    data = blobs(grid, np.array([[15.0, 15.0, 15.0]]), np.array([1.0]), 2.0)
    height = (2 * np.pi * 4) ** -1.5
    assert data[15, 15, 15] == pytest.approx(height, rel=1e-6)
    assert data[15, 18, 15] == pytest.approx(height * np.exp(-9 / 8), rel=1e-6)


def test_blobs_outside_the_box_add_nothing_and_near_the_edge_their_part(grid):
    far = np.array([[-50.0, 5.0, 5.0], [500.0, 5.0, 5.0]])
    assert not blobs(grid, far, np.ones(2), 2.0).any()
    edge = blobs(grid, np.array([[0.0, 30.0, 30.0]]), np.ones(1), 2.0).astype("f8")
    share = edge.sum() * np.prod(grid.voxel_size)
    assert 0.5 < share < 0.8  # half and the half of the first voxel


@pytest.mark.parametrize("occupancy", [0.0, 0.3, 1.0])
def test_second_body_has_the_occupancy_that_is_stated(grid, occupancy):
    density, (full, partial) = two_bodies(grid, occupancy=occupancy, noise=0)
    assert density.grid == grid
    ratio = density.data[partial].sum(dtype="f8") / density.data[full].sum(dtype="f8")
    assert ratio == pytest.approx(occupancy, abs=0.03)


def test_bodies_are_apart_and_hold_all_density(grid):
    density, (full, partial) = two_bodies(grid, noise=0)
    assert not (full & partial).any()
    outside = density.data[~(full | partial)]
    assert outside.mean() < 0.05 * density.data[full].mean()


def test_density_inside_a_body_is_that_of_protein():
    """0.05 atoms of weight 1 in each Å3."""
    density, (full, _) = two_bodies(Grid.cubic(80, 1.5), noise=0)
    assert density.data[full].mean() == pytest.approx(0.05, rel=0.1)


@pytest.mark.parametrize("b_factor", [0.0, 60.0])
def test_noise_has_the_strength_that_is_stated(grid, b_factor):
    clean, _ = two_bodies(grid, noise=0)
    noisy, _ = two_bodies(grid, noise=0.1, noise_b_factor=b_factor, seed=3)
    difference = noisy.data - clean.data
    assert difference.std() == pytest.approx(0.1 * np.quantile(clean.data, 0.999), rel=0.02)


def test_noise_has_the_fall_off_that_is_stated():
    grid = Grid.cubic(48, 1.5)
    clean, _ = two_bodies(grid, noise=0)
    noisy, _ = two_bodies(grid, noise=0.1, noise_b_factor=60.0)
    k, power = radial_power(clean.with_data(noisy.data - clean.data))
    inner = (k > 0.06) & (k < 0.3)
    slope = np.polyfit(k[inner] ** 2, np.log(power[inner]), 1)[0]
    assert slope == pytest.approx(-30, rel=0.1)


def test_seed_changes_the_noise_and_nothing_else(grid):
    one, _ = two_bodies(grid, noise=0.1, seed=1)
    same, _ = two_bodies(grid, noise=0.1, seed=1)
    other, _ = two_bodies(grid, noise=0.1, seed=2)
    clean, _ = two_bodies(grid, noise=0)
    assert one.data.tobytes() == same.data.tobytes()
    noises = [(m.data - clean.data).ravel() for m in (one, other)]
    assert abs(np.corrcoef(*noises)[0, 1]) < 0.02
