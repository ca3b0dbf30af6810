"""Filters against scipy and numpy, which are slow but known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from occupy_core.maps import filters
from occupy_core.maps.boxes import box_quantiles, extreme_boxes
from occupy_core.maps.filters import (
    ball_kernel,
    gaussian_filter,
    histogram,
    linear_interpolate,
    map_linearly,
    map_values,
    maximum_filter,
)

SHAPES = [(20, 20, 20), (23, 17, 40), (5, 33, 16), (1, 1, 1), (2, 3, 4), (1, 30, 2), (40, 1, 3)]


def noise(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def no_scipy(*args, **kwargs):
    raise AssertionError("the general filter was used")


# ---- local maximum


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("size", "radius"),
    [(3, 1.0), (3, 1.5), (3, 1.8), (5, 2.6), (7, 3.0), (7, 3.333), (9, 4.8), (11, 5.5), (9, 0.4)],
)
def test_maximum_over_a_ball_is_that_of_scipy(shape, size, radius, monkeypatch):
    data, ball = noise(shape), ball_kernel(size, radius)
    expected = ndimage.maximum_filter(data, footprint=ball, mode="reflect")
    monkeypatch.setattr(ndimage, "maximum_filter", no_scipy)
    result = maximum_filter(data, ball)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("shape", [(21, 18, 25), (3, 40, 2)])
@pytest.mark.parametrize(
    ("size", "radius"),
    [((3, 7, 9), (1.2, 3.4, 4.9)), ((7, 7, 7), (3.3, 2.0, 1.1)), ((9, 1, 5), (4.0, 0.3, 2.2))],
)
def test_maximum_over_an_ellipsoid_is_that_of_scipy(shape, size, radius, monkeypatch):
    data, ellipsoid = noise(shape), ball_kernel(size, radius)
    expected = ndimage.maximum_filter(data, footprint=ellipsoid, mode="reflect")
    monkeypatch.setattr(ndimage, "maximum_filter", no_scipy)
    np.testing.assert_array_equal(maximum_filter(data, ellipsoid), expected)


@given(
    shape=st.tuples(*[st.integers(1, 12)] * 3),
    footprint=hnp.arrays(bool, st.tuples(*[st.integers(1, 5)] * 3)).filter(np.any),
    seed=st.integers(0, 99),
)
@settings(max_examples=150, deadline=None)
def test_any_footprint_gives_what_scipy_gives(shape, footprint, seed):
    data = noise(shape, seed)
    expected = ndimage.maximum_filter(data, footprint=footprint, mode="reflect")
    np.testing.assert_array_equal(maximum_filter(data, footprint), expected)


@given(
    widths=hnp.arrays(int, (3, 3), elements=st.integers(-1, 3)),
    shape=st.tuples(*[st.integers(1, 9)] * 3),
)
@settings(max_examples=150, deadline=None)
def test_every_symmetric_pile_of_rows_gives_what_scipy_gives(widths, shape):
    """Footprints near to the fast ones: symmetric, made of rows, not always convex."""
    quarter = np.abs(np.arange(-3, 4)) <= widths[:, :, None]
    half = np.concatenate([quarter[:, :0:-1], quarter], axis=1)
    footprint = np.concatenate([half[:0:-1], half])
    if not footprint.any():
        return
    data = noise(shape)
    expected = ndimage.maximum_filter(data, footprint=footprint, mode="reflect")
    np.testing.assert_array_equal(maximum_filter(data, footprint), expected)


def test_maximum_of_box_and_cross_is_that_of_scipy():
    data = noise((14, 15, 16))
    cross = ndimage.generate_binary_structure(3, 1)
    for footprint in (np.ones((5, 3, 7), bool), cross, np.ones((1, 1, 1), bool)):
        expected = ndimage.maximum_filter(data, footprint=footprint, mode="reflect")
        np.testing.assert_array_equal(maximum_filter(data, footprint), expected)


@pytest.mark.parametrize("kind", ["negative", "constant", "sparse", "fortran", "double"])
def test_maximum_of_unusual_data_is_that_of_scipy(kind):
    data = {
        "negative": -np.abs(noise((19, 20, 21))) - 5,
        "constant": np.full((19, 20, 21), -2.5, "f4"),
        "sparse": np.where(noise((19, 20, 21)) > 3, noise((19, 20, 21)), 0).astype("f4"),
        "fortran": np.asfortranarray(noise((19, 20, 21))),
        "double": noise((19, 20, 21)).astype("f8"),
    }[kind]
    ball = ball_kernel(7, 3.3)
    expected = ndimage.maximum_filter(data.astype("f4"), footprint=ball, mode="reflect")
    np.testing.assert_array_equal(maximum_filter(data, ball), expected)


def test_boxes_of_several_strips_have_no_seams(monkeypatch):
    data, ball = noise((30, 40, 20)), ball_kernel(9, 4.5)
    monkeypatch.setattr(filters, "_ROWS", 3)
    expected = ndimage.maximum_filter(data, footprint=ball, mode="reflect")
    np.testing.assert_array_equal(maximum_filter(data, ball), expected)


# ---- kernel


@pytest.mark.parametrize(("size", "radius", "voxels"), [(3, 1.0, 7), (3, 1.5, 19), (7, 3.5, 179)])
def test_ball_holds_the_voxels_within_its_radius(size, radius, voxels):
    ball = ball_kernel(size, radius)
    assert ball.shape == (size,) * 3
    assert ball.sum() == voxels


def test_ball_follows_occupys_rule_on_its_surface():
    """Distances and radius in single precision: 8/(2*0.8) voxels holds the voxels at 5."""
    z, y, x = np.indices((11, 11, 11), np.float32) - 5
    expected = np.sqrt(z**2 + y**2 + x**2) <= np.float32(8 / 1.6)
    np.testing.assert_array_equal(ball_kernel(11, 8 / 1.6), expected)
    assert expected[0, 5, 5]


def test_ellipsoid_is_the_ball_of_anisotropic_voxels():
    voxel, radius = np.array([2.0, 1.0, 0.8]), 4.1  # Å, (z, y, x)
    z, y, x = np.indices((5, 9, 11)) - np.array([2, 4, 5])[:, None, None, None]
    expected = (z * 2.0) ** 2 + y**2 + (x * 0.8) ** 2 <= radius**2
    np.testing.assert_array_equal(ball_kernel((5, 9, 11), tuple(radius / voxel)), expected)


# ---- histogram


@pytest.mark.parametrize("bins", [1, 7, 100, 1000])
@pytest.mark.parametrize("span", [(-2.0, 2.0), (0.1, 0.7), (-10.0, 3.0), (-2.5, -2.5)])
def test_histogram_is_that_of_numpy(bins, span):
    data = noise((20, 21, 22))
    expected = np.histogram(data, bins, span)[0]
    result = histogram(data, bins, *span)
    assert result.dtype == np.int64
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("bins", [10, 256, 1000])
def test_values_on_the_edges_fall_where_numpy_puts_them(bins):
    lo, hi = -0.3, 1.7
    edges = np.linspace(lo, hi, bins + 1, dtype="f4")
    near = [np.nextafter(edges, np.float32(d)) for d in (-9, 9)]
    data = np.concatenate([edges, *near]).reshape(1, 3, -1)
    np.testing.assert_array_equal(
        histogram(data, bins, lo, hi), np.histogram(data, bins, (lo, hi))[0]
    )


@given(
    data=hnp.arrays("f4", (2, 3, 40), elements=st.floats(-1e3, 1e3, width=32)),
    bins=st.integers(1, 50),
    lo=st.floats(-500, 500),
    span=st.floats(0.1, 1e3),
)
@settings(max_examples=150, deadline=None)
def test_histogram_of_anything_is_that_of_numpy(data, bins, lo, span):
    expected = np.histogram(data, bins, (lo, lo + span))[0]
    np.testing.assert_array_equal(histogram(data, bins, lo, lo + span), expected)


def test_histogram_over_the_range_of_the_data_counts_every_value():
    data = noise((30, 31, 32))
    assert histogram(data, 1000, data.min(), data.max()).sum() == data.size


@pytest.mark.parametrize("span", [1e-3, 1e-9])
def test_bins_too_narrow_for_single_precision_still_count_every_value(span):
    data = np.full((3, 4, 5), 256, "f4")
    data[0, 0, 0] = np.nextafter(np.float32(256), np.float32(999))
    counts = histogram(data, 1000, 256.0, 256.0 + span)
    assert counts.sum() == np.count_nonzero(data <= np.float32(256.0 + span))


def test_histogram_in_a_mask_counts_only_there(monkeypatch):
    monkeypatch.setattr(filters, "_VALUES", 1000)
    data = noise((20, 21, 22))
    mask = data.transpose(0, 1, 2)[::-1] > 0.5
    np.testing.assert_array_equal(
        histogram(data, 50, -2, 2, mask), np.histogram(data[mask], 50, (-2, 2))[0]
    )
    assert histogram(data, 50, -2, 2, np.zeros(data.shape, bool)).sum() == 0


# ---- quantiles of boxes


@pytest.mark.parametrize("size", [(4, 4, 4), (3, 5, 7), (1, 1, 1)])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.97, 1.0])
@pytest.mark.parametrize("kind", ["noise", "ties", "sorted"])
def test_quantile_of_a_box_is_the_sorted_value_of_its_rank(size, share, kind):
    data = noise((20, 21, 22))
    if kind == "ties":
        data = np.round(data)
    elif kind == "sorted":
        data = np.sort(data.ravel()).reshape(data.shape)
    corners = np.random.default_rng(1).integers(0, np.array(data.shape) - size, (200, 3))
    corners[0] = np.array(data.shape) - size  # touches the far corner
    rank = int(share * (np.prod(size) - 1))
    expected = [
        np.sort(data[z : z + size[0], y : y + size[1], x : x + size[2]], axis=None)[rank]
        for z, y, x in corners
    ]
    np.testing.assert_array_equal(box_quantiles(data, corners, size, rank), expected)


def test_boxes_outside_the_data_and_impossible_ranks_are_refused():
    data = noise((10, 10, 10))
    with pytest.raises(ValueError, match="stick out"):
        box_quantiles(data, np.array([[0, 0, 7]]), (4, 4, 4), 0)
    with pytest.raises(ValueError, match="stick out"):
        box_quantiles(data, np.array([[0, -1, 0]]), (4, 4, 4), 0)
    with pytest.raises(ValueError, match="rank 64"):
        box_quantiles(data, np.array([[0, 0, 0]]), (4, 4, 4), 64)


def test_no_boxes_give_no_quantiles():
    assert box_quantiles(noise((5, 5, 5)), np.zeros((0, 3), int), (2, 2, 2), 0).shape == (0,)


# ---- look-up


@pytest.mark.parametrize("n", [1, 2, 100, 1000])
def test_values_are_replaced_by_the_table_entry_of_their_place(n):
    data = noise((11, 12, 13))
    lo, hi = -1.5, 2.0
    table = np.random.default_rng(2).random(n)
    place = ((data - np.float32(lo)) * np.float32(n / (hi - lo)) - 1).astype(int)
    expected = table[np.clip(place, 0, n - 1)].astype("f4")
    np.testing.assert_array_equal(map_values(data, lo, hi, table), expected)


def test_ends_of_the_table_hold_for_all_values_beyond():
    data = np.array([-1e30, 0, 0.5, 1, 1e30], "f4").reshape(1, 1, 5)
    table = np.arange(10.0)
    np.testing.assert_array_equal(map_values(data, 0, 1, table).ravel(), [0, 0, 4, 9, 9])


# ---- interpolation


@pytest.mark.parametrize("shape", [(8, 9, 10), (16, 18, 20), (13, 5, 31), (1, 1, 1), (3, 40, 7)])
@pytest.mark.parametrize("source", [(8, 9, 10), (1, 9, 2), (15, 4, 33)])
def test_interpolation_is_that_of_scipy(source, shape):
    data = noise(source)
    axes = [
        np.minimum(np.arange(n) * (old / n), old - 1) for n, old in zip(shape, source, strict=True)
    ]
    places = np.meshgrid(*axes, indexing="ij")
    expected = ndimage.map_coordinates(data.astype("f8"), places, order=1, mode="nearest")
    result = linear_interpolate(data, shape)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, atol=2e-6)


def test_interpolation_to_the_same_shape_changes_nothing():
    data = noise((7, 8, 9))
    np.testing.assert_array_equal(linear_interpolate(data, data.shape), data)


def test_interpolation_keeps_a_plane_and_its_position():
    """A linear density in Å is reproduced where it is not beyond the last voxel."""
    z, y, x = np.indices((10, 12, 14))
    data = (2 * z + 3 * y - x).astype("f4")
    result = linear_interpolate(data, (20, 18, 21))
    z, y, x = np.indices((20, 18, 21)) * np.array([10 / 20, 12 / 18, 14 / 21])[:, None, None, None]
    inner = (z <= 9) & (y <= 11) & (x <= 13)
    np.testing.assert_allclose(result[inner], (2 * z + 3 * y - x)[inner], atol=1e-5)


def test_interpolation_stays_within_the_range_of_the_data():
    data = np.clip(noise((9, 9, 9)), 0, 1)
    result = linear_interpolate(data, (25, 26, 27))
    assert result.min() >= 0
    assert result.max() <= 1


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("levels", [3, 1000])
def test_extreme_boxes_are_the_first_of_the_smallest_and_largest_quantiles(seed, levels):
    rng = np.random.default_rng(seed)
    data = rng.integers(0, levels, (20, 17, 23)).astype(np.float32)
    size = (4, 5, 3)
    corners = rng.integers(0, np.subtract(data.shape, size) + 1, (300, 3))
    for rank in (0, 31, 59):
        values = box_quantiles(data, corners, size, rank)
        smallest, largest = extreme_boxes(data, corners, size, rank)
        assert smallest == (int(np.argmin(values)), values.min())
        assert largest == (int(np.argmax(values)), values.max())


# ---- Gaussian


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sigmas", [(0.8, 1.2, 2.0), (0.4, 0.9, 0.5), (1.0, 1.0, 1.0)])
def test_gaussian_is_that_of_scipy_with_a_mirrored_border(shape, sigmas):
    data = noise(shape)
    expected = data.astype(np.float64)
    for axis, sigma in enumerate(sigmas):
        radius = max(1, int(np.ceil(3 * sigma)))
        weights = np.exp(-((np.arange(-radius, radius + 1) / sigma) ** 2) / 2)
        expected = ndimage.correlate1d(expected, weights / weights.sum(), axis, mode="reflect")
    np.testing.assert_allclose(gaussian_filter(data, sigmas), expected, atol=1e-5)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mirrored_map_gives_the_mirrored_bytes_of_a_gaussian(axis):
    data = noise((9, 14, 21))
    mirrored = gaussian_filter(np.flip(data, axis), (0.8, 1.2, 2.0))
    assert np.array_equal(np.flip(mirrored, axis), gaussian_filter(data, (0.8, 1.2, 2.0)))


# ---- linear table


def test_a_linear_table_is_that_of_numpy():
    data = noise((7, 9, 31))
    table = np.array([0.0, 1.0, 4.0, 2.0])
    expected = np.interp(data, np.linspace(-1, 1.5, 4), table)
    np.testing.assert_allclose(map_linearly(data, -1, 1.5, table), expected, atol=1e-5)
