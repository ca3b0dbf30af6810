"""Values far beyond the content of a map are left out, and nothing else is."""

import numpy as np
import pytest
from calibrated_maps import bodies

from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.scale.outliers import without_outliers


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("noise", [0.0, 0.05, 2.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_map_without_outliers_is_left_as_it_is(noise, seed, sign):
    density = bodies(0.1, noise, seed=seed)[0]
    density = density.with_data(sign * density.data)
    found, warnings = without_outliers(density)
    assert found is density
    assert warnings == ()


@pytest.mark.parametrize("unit", [1e-20, 1.0, 1e20])
@pytest.mark.parametrize("offset", [0.0, 3.0])
def test_outliers_become_the_median_and_are_counted(unit, offset):
    density = bodies()[0]
    data = density.data.copy()
    data[0, 0, 0], data[30, 3, 9] = 100 * data.max(), -100 * data.max()
    given = np.float32(unit) * (data + np.float32(offset))
    found, (warning,) = without_outliers(density.with_data(given))
    others = np.ones(data.shape, np.bool_)
    others[0, 0, 0] = others[30, 3, 9] = False
    assert np.array_equal(found.data[others], given[others])
    for place in ((0, 0, 0), (30, 3, 9)):
        assert abs(found.data[place] - np.median(given)) < 0.01 * np.ptp(given[others])
    assert warning.startswith("In two_bodies, 2 voxels (up to ")
    assert np.array_equal(given, np.float32(unit) * (data + np.float32(offset)))


def test_many_voxels_are_content():
    density = bodies()[0]
    data = density.data.copy()
    data[20:23, 20:23, 20:23] = 100 * data.max()
    found, warnings = without_outliers(density.with_data(data))
    assert np.array_equal(found.data, data)
    assert warnings == ()


def test_small_boxes_and_flat_maps_have_no_outliers():
    for shape in ((12, 12, 12), (40, 40, 40)):
        data = np.zeros(shape, np.float32)
        data[3, 4, 5] = 1
        density = DensityMap(data, Grid(shape, (1.0, 1.0, 1.0)))
        assert without_outliers(density) == (density, ())
