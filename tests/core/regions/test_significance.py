"""The reference is the level that full regions share, and differences have honest p-values."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occupy_core.errors import EstimationError, ParameterError
from occupy_core.maps.grid import Grid
from occupy_core.regions.significance import differences, full_level, normalise, region_indices
from occupy_core.regions.table import RegionTable, make_row


def covariances(sigma):
    return np.stack([np.diag(np.square(row)) for row in np.atleast_2d(sigma)])


def test_the_highest_shared_level_is_full():
    amplitude = np.array([2.0, 2.01, 1.0, 1.99, 0.5])
    members = full_level(amplitude, np.full(5, 0.02), np.full(5, 100))
    assert members.tolist() == [True, True, False, True, False]


def test_a_small_region_far_above_is_no_reference():
    amplitude = np.array([1.0, 1.0, 1.4])
    members = full_level(amplitude, np.full(3, 0.01), np.array([100, 100, 5]))
    assert members.tolist() == [True, True, False]


def test_an_uncertain_region_may_join_but_not_drag_the_level():
    amplitude = np.array([1.0, 1.01, 1.3])
    found = normalise(amplitude[None], covariances([0.01, 0.01, 0.2]), np.array([10, 10, 10]))
    assert found.values[0, :2] == pytest.approx([0.995, 1.005], abs=0.01)


def test_an_uncertain_level_far_above_all_that_is_known_is_the_full_one():
    amplitude, sigma = np.array([9.7, 10.4, 0.93]), np.array([0.5, 0.5, 0.01])
    members = full_level(amplitude, sigma, np.array([20, 20, 100]))
    assert members.tolist() == [True, True, False]


def test_a_region_that_may_as_well_be_empty_is_no_reference():
    members = full_level(np.array([1.0, 0.6]), np.array([0.01, 0.7]), np.array([10, 10]))
    assert members.tolist() == [True, False]


@pytest.mark.parametrize(("size", "member"), [(5, 0), (1, 1)])
def test_a_small_region_is_full_when_the_others_cannot_be(size, member):
    amplitude, sizes = np.array([[2.0, 1.0, 1.0]]), np.array([size, 50, 45])
    found = normalise(amplitude, covariances(0.01 * np.ones((1, 3))), sizes)
    assert member in found.members


def test_regions_must_be_full_in_every_map_to_be_the_reference():
    amplitudes = np.array([[1.0, 1.0, 1.0], [2.0, 0.0, 2.0], [3.0, 3.0, 0.3]])
    found = normalise(amplitudes, covariances(0.01 * np.ones((3, 3))), np.array([5, 5, 5]))
    assert found.members == (0,)
    assert np.allclose(found.values, [[1, 1, 1], [1, 0, 1], [1, 1, 0.1]])


def test_without_a_common_full_region_the_nearest_is_taken_and_told():
    amplitudes = np.array([[1.0, 0.9, 0.0], [0.0, 0.9, 1.0]])
    found = normalise(amplitudes, covariances(0.01 * np.ones((2, 3))), np.array([5, 5, 5]))
    assert found.members == (1,)
    assert any("No region is full in all maps" in note for note in found.notes)
    assert found.flags == ("no full reference",)
    errors = np.sqrt(np.diagonal(found.covariance, axis1=1, axis2=2))
    assert (errors >= 0.1 * found.values).all()


def test_unmeasured_regions_stay_unknown():
    amplitudes = np.array([[1.0, np.nan, 0.5]])
    spread = np.full((1, 3, 3), np.nan)
    spread[0][np.ix_([0, 2], [0, 2])] = np.diag([1e-4, 1e-4])
    found = normalise(amplitudes, spread, np.array([5, 5, 5]))
    assert np.isnan(found.values[0, 1])
    assert found.values[0, 2] == pytest.approx(0.5)


def test_a_reference_without_density_is_refused():
    with pytest.raises(EstimationError, match="no density in map 1"):
        normalise(np.array([[0.0, 1.0]]), covariances([[0.1, 0.1]]), np.array([5, 5]), (0,))


@settings(max_examples=25, deadline=None)
@given(st.floats(1e-3, 1e3), st.integers(0, 10))
def test_the_grey_scale_of_a_map_does_not_matter(scale, seed):
    rng = np.random.default_rng(seed)
    amplitude = rng.uniform(0.2, 1.0, (1, 6))
    sigma = rng.uniform(0.01, 0.05, (1, 6))
    sizes = rng.integers(50, 500, 6)
    first = normalise(amplitude, covariances(sigma), sizes)
    second = normalise(scale * amplitude, covariances(scale * sigma), sizes)
    assert np.allclose(first.values, second.values)
    assert np.allclose(first.covariance, second.covariance)
    assert first.members == second.members


def test_the_error_of_the_reference_is_in_the_errors_of_the_others():
    found = normalise(np.array([[1.0, 1.0]]), covariances([[0.1, 0.0]]), np.array([5, 5]), (0,))
    assert math.sqrt(found.covariance[0, 0, 0]) == pytest.approx(0.0, abs=1e-12)
    assert math.sqrt(found.covariance[0, 1, 1]) == pytest.approx(0.1)


def table(values, sigma=0.05):
    values = np.atleast_2d(values)
    maps = tuple(f"m{i}" for i in range(len(values)))
    regions = tuple("ABCDEFGHIJ"[: values.shape[1]])
    rows = tuple(
        make_row(m, r, float(v), sigma, n_voxels=10, resolution=3.0)
        for m, row in zip(maps, values, strict=True)
        for r, v in zip(regions, row, strict=True)
    )
    return RegionTable(
        rows=rows, maps=maps, regions=regions, reference=(regions[0],), grid=Grid.cubic(8, 1.5)
    )


def test_chance_differences_are_not_significant_after_correction():
    rng = np.random.default_rng(0)
    values = 1 + 0.05 * rng.normal(size=(6, 10))
    found = differences(table(values))
    assert len(found) == 15 * 10
    assert sum(d.p_value < 0.05 for d in found) > 1
    assert min(d.q_value for d in found) > 0.05


def test_a_real_difference_stands_first():
    found = differences(table([[1.0, 1.0], [1.0, 0.4]]))
    assert (found[0].region, found[0].first, found[0].second) == ("B", "m0", "m1")
    assert found[0].difference == pytest.approx(-0.6)
    assert found[0].sigma == pytest.approx(0.05 * math.sqrt(2))
    assert found[0].q_value < 1e-10


def test_q_values_rise_with_p_values():
    found = differences(table(np.random.default_rng(1).uniform(0.5, 1, (4, 5))))
    assert all(a.q_value <= b.q_value for a, b in itertools.pairwise(found))
    assert all(d.q_value >= d.p_value for d in found)


def test_unknown_regions_are_left_out_of_the_differences():
    found = differences(table([[1.0, math.nan], [1.0, 0.4]]))
    assert {d.region for d in found} == {"A"}


def test_class_sizes_weigh_the_mean():
    rows = table([[1.0, 1.0], [1.0, 0.0]]).averaged([3, 1])
    assert rows[1].occupancy == pytest.approx(0.75)
    assert rows[1].sigma == pytest.approx(0.05 * math.hypot(0.75, 0.25))


@pytest.mark.parametrize("weights", [[1], [0, 0], [1, -1], [1, math.nan]])
def test_wrong_class_sizes_are_refused(weights):
    with pytest.raises(ParameterError, match="class sizes"):
        table([[1.0], [1.0]]).averaged(weights)


def test_intervals_do_not_go_below_zero():
    assert make_row("m", "A", 0.05, 0.1, n_voxels=3, resolution=3.0).low == 0


def test_reference_regions_are_found_by_name():
    assert region_indices(["A", "B", "C"], "C, A") == (2, 0)
    assert region_indices(["A"], None) is None
    with pytest.raises(ParameterError, match="'Z'; the regions are A, B"):
        region_indices(["A", "B"], "A,Z")
    with pytest.raises(ParameterError, match="empty"):
        region_indices(["A"], " ,")
