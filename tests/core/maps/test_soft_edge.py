"""Masks with a soft edge."""

import numpy as np
import pytest

from occupy_core.maps.soft_edge import edge_problems, extended, soft_edge

VOXEL = (2.0, 1.0, 1.5)


def one_voxel():
    inside = np.zeros((21, 23, 25), np.bool_)
    inside[10, 11, 12] = True
    z, y, x = np.indices(inside.shape)
    distance = np.sqrt(
        ((z - 10) * VOXEL[0]) ** 2 + ((y - 11) * VOXEL[1]) ** 2 + ((x - 12) * VOXEL[2]) ** 2
    )
    return inside, distance


@pytest.mark.parametrize(("extend", "soft"), [(0.0, 4.0), (3.0, 0.0), (2.5, 5.0)])
def test_a_mask_is_one_up_to_a_distance_and_falls_to_zero_over_another(extend, soft):
    inside, distance = one_voxel()
    mask = extended(inside, VOXEL, extend, soft)
    assert mask.dtype == np.float32
    assert np.all(mask[distance <= extend] == 1)
    assert np.all(mask[distance >= extend + soft + 1e-4] == 0)
    between = (distance > extend) & (distance < extend + soft)
    assert between.any() == (soft > 0)
    order = np.argsort(distance[between])
    assert np.all(np.diff(mask[between][order]) <= 1e-6)
    np.testing.assert_allclose(mask, soft_edge(distance, extend, soft), atol=1e-5)


def test_half_way_down_the_edge_a_mask_is_one_half():
    np.testing.assert_allclose(soft_edge(np.array([2.0, 4.0, 6.0]), 2.0, 4.0), [1, 0.5, 0])


def test_without_an_edge_a_mask_stays_binary():
    inside, _ = one_voxel()
    np.testing.assert_array_equal(extended(inside, VOXEL, 0.0, 0.0), inside)
    assert not extended(np.zeros_like(inside), VOXEL, 3.0, 3.0).any()


@pytest.mark.parametrize(("extend", "soft", "n"), [(0, 0, 0), (50, 50, 0), (-1, 51, 2)])
def test_widths_have_limits(extend, soft, n):
    found = edge_problems(("extension", extend), soft)
    assert len(found) == n
    assert all("must be between 0 and 50 Å." in sentence for sentence in found)
