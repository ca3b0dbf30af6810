"""Statistics that strange voxels do not move."""

import numpy as np
import pytest

from occupy_core.solvent.robust import large_parts, mad_sigma, variance


@pytest.mark.parametrize("sigma", [1e-12, 1.0, 1e12])
def test_the_deviation_of_normal_values_survives_outliers(sigma):
    values = np.random.default_rng(0).normal(0, sigma, 20000)
    values[:200] = 1e6 * sigma
    assert mad_sigma(values) == pytest.approx(sigma, rel=0.03)
    assert mad_sigma(values + 5 * sigma, 5 * sigma) == pytest.approx(mad_sigma(values), rel=1e-9)


def test_parts_below_a_share_of_the_largest_are_dropped():
    sizes = [100, 4, 3, 50]
    labels = np.repeat([0, 1, 2, 3, 4], [7, *sizes]).reshape(4, 41, 1)
    kept = large_parts(labels, 4)
    assert np.array_equal(kept, np.isin(labels, [1, 2, 4]))


def test_parts_that_may_not_stay_do_not_set_the_largest():
    labels = np.repeat([0, 1, 2, 3], [5, 1000, 20, 2]).reshape(1, 1, -1)
    kept = large_parts(labels, 3, np.array([False, True, True]))
    assert np.array_equal(kept, np.isin(labels, [2, 3]))
    assert not large_parts(labels, 3, np.zeros(3, np.bool_)).any()


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_the_variance_of_a_region_is_that_of_its_voxels(offset):
    rng = np.random.default_rng(1)
    data = (offset + rng.normal(0, 2, (9, 8, 7))).astype(np.float32)
    region = rng.random(data.shape) > 0.8
    region[:3] = False
    assert variance(data) == pytest.approx(data.astype(np.float64).var(), rel=1e-9)
    assert variance(data, region) == pytest.approx(data[region].astype(np.float64).var(), rel=1e-9)
