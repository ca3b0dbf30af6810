"""The inscribed ellipsoid, and what keeps away from chosen points."""

import numpy as np
import pytest
from scipy import ndimage

from occupy_core.solvent.region import MARGIN, away_from, inscribed_ellipsoid


@pytest.mark.parametrize("n", [1, 2, 5, 8, 9])
def test_inscribed_ellipsoid_of_a_cube_is_the_sphere_of_occupy(n):
    index = np.arange(n) - (n - 1) / 2
    distance = np.sqrt(index[:, None, None] ** 2 + index[:, None] ** 2 + index**2)
    assert np.array_equal(inscribed_ellipsoid((n, n, n)), distance <= max(n // 2, 0.5))


@pytest.mark.parametrize("shape", [(20, 30, 41), (7, 64, 16)])
def test_inscribed_ellipsoid_fills_half_of_the_box_and_is_symmetric(shape):
    inside = inscribed_ellipsoid(shape)
    assert inside.mean() == pytest.approx(np.pi / 6, abs=0.09)
    for axis in range(3):
        assert np.array_equal(inside, np.flip(inside, axis))
        assert inside.any(axis=tuple({0, 1, 2} - {axis}))[[0, -1]].all() or shape[axis] % 2


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.4, 1.3, 3.1), (2.5, 2.5, 2.5)])
def test_points_are_away_that_lie_beyond_the_margin(spacing):
    chosen = np.zeros((15, 21, 17), np.bool_)
    chosen[7, 10, 8] = chosen[0, 0, 0] = True
    far = ndimage.distance_transform_edt(~chosen, sampling=spacing) > MARGIN + 1e-6
    assert np.array_equal(away_from(chosen, spacing), far)


def test_neighbours_are_near_however_far_apart_points_are():
    chosen = np.zeros((5, 5, 5), np.bool_)
    chosen[2, 2, 2] = True
    near = ~away_from(chosen, (9.0, 9.0, 9.0))
    assert near.sum() == 7


def test_everything_is_away_from_nothing():
    assert away_from(np.zeros((3, 4, 5), np.bool_), (1.0, 1.0, 1.0)).all()
