"""The calibrated scale reads occupancies: of maps with a known answer, however they are stored."""

import dataclasses

import numpy as np
import pytest
from calibrated_maps import FINE, OCC, bodies, medians, scale_of_voxels
from scipy import ndimage

from occupy_core.maps.fourier import resample
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.threads import threads
from occupy_core.scale.calibrated.ladder import SHARES
from occupy_core.scale.estimate import estimate_scale
from occupy_core.scale.modify import ModifyParams, iter_modified
from occupy_core.scale.params import ScaleParams


@pytest.fixture(scope="module")
def density():
    return bodies()[0]


@pytest.fixture(scope="module")
def regions():
    return bodies()[1]


@pytest.fixture(scope="module", params=["res", "occ"])
def result(request, density):
    """The scale of voxels; `test_regional.py` has the tests of the regional one."""
    return scale_of_voxels(request.param)


def again(density, result):
    return estimate_scale(density, ScaleParams(mode=result.params.mode, granularity=0.0))


# ---- what it reads ----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["res", "occ"])
@pytest.mark.parametrize("noise", [0.03, 0.1])
@pytest.mark.parametrize("occupancy", [0.1, 0.25, 0.5, 0.75, 1.0])
def test_the_median_over_a_body_is_its_occupancy(occupancy, noise, mode):
    full, partial = medians(scale_of_voxels(mode, occupancy, noise).scale, bodies()[1])
    assert full == pytest.approx(1.0, abs=0.03)
    assert partial == pytest.approx(occupancy, abs=0.03)


def test_it_is_nearer_to_the_truth_than_occupy():
    density, regions = bodies(0.1, 0.1)
    errors = [
        abs(medians(estimate_scale(density, ScaleParams(method=method)).scale, regions)[1] - 0.1)
        for method in ("calibrated", "occupy")
    ]
    assert errors[0] < errors[1] / 4


def test_solvent_reads_nothing(density, result):
    far = ndimage.distance_transform_edt(~(bodies()[1][0] | bodies()[1][1])) > 8
    assert np.median(result.scale.data[far]) < 0.03
    assert np.quantile(result.scale.data[far], 0.99) < 0.2


@pytest.mark.parametrize(
    "grid",
    [
        Grid.cubic(57, 2.0),
        Grid((52, 60, 81), (1.4, 1.4, 1.4), (5.0, 0.0, -3.0)),
        Grid((45, 56, 66), (1.8, 2.0, 2.4), nstart=(1, 2, 3)),
    ],
    ids=str,
)
def test_any_box_reads_the_occupancy_too(grid):
    density, regions = bodies(0.5, 0.05, grid)
    result = estimate_scale(density)
    for made in (result.scale, result.sigma, result.confidence):
        assert made.grid == grid
    full, partial = medians(result.scale, regions)
    assert full == pytest.approx(1.0, abs=0.03)
    assert partial == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(("size", "radius"), [(3, None), (7, None), (7, 2.0), (9, 2.5)])
def test_the_kernel_does_not_change_what_is_read(density, regions, size, radius):
    params = ScaleParams(kernel_size=size, kernel_radius=radius)
    full, partial = medians(estimate_scale(density, params).scale, regions)
    assert full == pytest.approx(1.0, abs=0.03)
    assert partial == pytest.approx(0.5, abs=0.03)


def test_full_density_is_the_highest_level_that_much_of_the_map_shares():
    density, (full, half) = bodies(0.5)
    spots = density.data.copy()
    spots[28, 28, 28] = 20 * spots.max()  # one ion
    for data in (density.data, spots):
        scale = estimate_scale(density.with_data(data)).scale.data
        assert np.median(scale[full]) == pytest.approx(1.0, abs=0.03)
        assert np.median(scale[half]) == pytest.approx(0.5, abs=0.03)


def with_blurred_body(b_factor, noise=0.05):
    """Two full bodies, atoms of the second of a higher B-factor (Å²)."""
    sharp, regions = bodies(1.0, noise, FINE)
    second = bodies(1.0, 0.0, FINE)[0].data - bodies(0.0, 0.0, FINE)[0].data
    width = np.sqrt(b_factor / (8 * np.pi**2)) / FINE.voxel_size[0]
    return sharp.with_data(sharp.data + ndimage.gaussian_filter(second, width) - second), regions


@pytest.mark.parametrize(("b_factor", "least"), [(100.0, 0.98), (200.0, 0.96)])
@pytest.mark.parametrize("factor", [1.0, 1e-6])
def test_b_factors_lower_what_is_resolved_but_not_what_is_there(b_factor, least, factor):
    density, regions = with_blurred_body(b_factor)
    density = density.with_data(factor * density.data)
    sharp, blurred = medians(estimate_scale(density, ScaleParams(mode="res")).scale, regions)
    assert sharp > 0.97
    assert blurred < 0.85
    sharp, blurred = medians(estimate_scale(density, OCC).scale, regions)
    assert sharp > 0.97
    assert blurred > least


def test_b_factors_do_not_hide_a_low_occupancy():
    blurred, regions = with_blurred_body(100.0)
    second = bodies(1.0, 0.0, FINE)[0].data - bodies(0.0, 0.0, FINE)[0].data
    width = np.sqrt(100 / (8 * np.pi**2)) / FINE.voxel_size[0]
    half = blurred.with_data(blurred.data - 0.5 * ndimage.gaussian_filter(second, width))
    full, partial = medians(estimate_scale(half, OCC).scale, regions)
    assert full == pytest.approx(1.0, abs=0.03)
    assert partial == pytest.approx(0.5, abs=0.03)


def test_large_boxes_are_estimated_on_fewer_voxels_and_come_back_in_place(density, regions):
    result = estimate_scale(density, dataclasses.replace(OCC, max_box=44))
    assert result.scale.grid == result.sigma.grid == density.grid
    full, partial = medians(result.scale, regions)
    assert full == pytest.approx(1.0, abs=0.04)
    assert partial == pytest.approx(0.5, abs=0.04)


def test_values_stay_between_0_and_1(result):
    for made in (result.scale, result.sigma):
        assert made.data.dtype == np.float32
        assert made.data.min() >= 0
        assert made.data.max() <= 1
    assert result.warnings == ()
    assert result.tiles is None
    assert 0 <= result.confidence_limit < 0.5
    assert 0.9 < result.variability_limit < 1.5


def test_the_curve_rises_from_the_noise_to_full_density(result):
    made = result.calibration
    assert made.occupancy == SHARES
    assert np.all(np.diff(made.density) > 0)
    assert made.density[0] > 0  # the largest of several values of noise
    assert made.noise_origin == "solvent"
    assert made.solvent_mean + made.density[-1] == pytest.approx(result.full_scale, rel=1e-6)
    assert 0.3 < made.full_fraction < 0.7  # one of two bodies


def test_target_mask_reads_the_median_of_its_region(density, regions):
    mask = density.with_data(regions[1].astype(np.float32))
    result = estimate_scale(density, target_mask=mask)
    assert result.target_occupancy == medians(result.scale, regions)[1]


# ---- invariances ------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [1e-20, 2.0**-7, 3.7, 1024.0, 1e20])
def test_the_grey_scale_changes_nothing(density, result, factor):
    other = again(density.with_data(np.float32(factor) * density.data), result)
    np.testing.assert_allclose(other.scale.data, result.scale.data, atol=2e-5)
    np.testing.assert_allclose(other.sigma.data, result.sigma.data, atol=2e-5)
    assert other.full_scale == pytest.approx(factor * result.full_scale, rel=1e-4)
    assert other.confidence_limit == pytest.approx(result.confidence_limit, rel=0.03)
    assert np.abs(other.confidence.data - result.confidence.data).mean() < 2e-3


@pytest.mark.parametrize("offset", [-0.5, 0.1, 1.0])
def test_an_offset_changes_nothing(density, result, offset):
    shift = np.float32(offset) * density.data.max()
    other = again(density.with_data(density.data + shift), result)
    np.testing.assert_allclose(other.scale.data, result.scale.data, atol=2e-4)
    assert other.warnings == ()


@pytest.mark.parametrize("voxel_size", [0.01, 1000.0])
def test_a_senseless_voxel_size_ends_well(density, voxel_size):
    strange = DensityMap(density.data, Grid.cubic(56, voxel_size))
    for mode in ("res", "occ"):
        assert np.isfinite(
            estimate_scale(strange, ScaleParams(mode=mode, granularity=0.0)).scale.data
        ).all()


@pytest.mark.parametrize("axes", [(1, 2, 0), (2, 1, 0)])
def test_the_order_of_the_axes_changes_nothing(density, regions, result, axes):
    other = again(density.with_data(density.data.transpose(axes)), result).scale.data
    back = other.transpose(np.argsort(axes))
    assert np.abs(back - result.scale.data).max() < 0.01  # other noise makes the curve


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_mirroring_changes_nothing(density, result, axis):
    other = again(density.with_data(np.flip(density.data, axis)), result).scale.data
    assert np.abs(np.flip(other, axis) - result.scale.data).max() < 0.01


@pytest.mark.parametrize("options", [{"mode": "reflect"}, {"constant_values": 0.0}])
def test_padding_changes_nothing(density, regions, options):
    reference = medians(estimate_scale(density).scale, regions)
    padded = DensityMap(np.pad(density.data, 13, **options), Grid.cubic(82, 2.0))
    inner = estimate_scale(padded).scale.data[13:-13, 13:-13, 13:-13]
    for region, expected in zip(regions, reference, strict=True):
        assert np.median(inner[region]) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("n", [72, 44])
def test_the_voxel_size_changes_nothing(density, regions, result, n):
    other = again(resample(density, (n, n, n)), result).scale.data
    places = np.rint(np.arange(56) * n / 56).astype(int).clip(0, n - 1)
    back = other[np.ix_(places, places, places)]
    for region, expected in zip(regions, medians(result.scale, regions), strict=True):
        assert np.median(back[region]) == pytest.approx(expected, rel=0.02)


def test_the_bytes_are_the_same_for_any_number_of_threads(density, result):
    for n in (1, 3):
        with threads(n):
            other = again(density, result)
        assert np.array_equal(other.scale.data, result.scale.data)
        assert np.array_equal(other.sigma.data, result.sigma.data)


# ---- parameters -------------------------------------------------------------------------------


def test_parameters_without_effect_are_told(density):
    result = estimate_scale(density, ScaleParams(tile_size=9, tau=0.8))
    assert [w.split(" has no effect")[0] for w in result.warnings] == [
        "The tile size of 9",
        "The tau of 0.8",
    ]


def test_a_small_kernel_is_told_only_when_it_was_chosen(density):
    coarse = DensityMap(density.data, Grid.cubic(56, 4.0))
    assert estimate_scale(coarse).params.kernel_size == 3
    assert estimate_scale(coarse).warnings == ()
    for params in (ScaleParams(kernel_size=3), ScaleParams(method="occupy")):
        (warning,) = estimate_scale(coarse, params).warnings
        assert warning.startswith("The kernel is only 3 voxels")
        assert warning.endswith("give a kernel of 5 or a low-pass of 20 Å.")


def test_full_density_can_be_taken_from_the_maximum(density, regions):
    plain, lower = (
        estimate_scale(density, ScaleParams(s0=True, tau=tau)).full_scale for tau in (1.0, 0.5)
    )
    assert lower == pytest.approx(plain / 2, rel=0.01)
    full, partial = medians(estimate_scale(density, ScaleParams(s0=True)).scale, regions)
    assert partial / full == pytest.approx(0.5, abs=0.05)


def test_recalibration_raises_the_zero_and_the_error(density, result):
    params = ScaleParams(mode=result.params.mode, granularity=0.0, nlrc=True)
    other = estimate_scale(density, params)
    c = result.confidence_limit
    expected = np.clip((result.scale.data - c) / (1 - c), 0, 1)
    np.testing.assert_allclose(other.scale.data, expected, atol=1e-6)
    np.testing.assert_allclose(other.sigma.data, result.sigma.data / (1 - c), rtol=1e-5)


def test_a_solvent_definition_helps_where_the_box_is_full(density, regions):
    content = density.with_data((regions[0] | regions[1]).astype(np.float32))
    result = estimate_scale(density, solvent_definition=content)
    assert medians(result.scale, regions)[1] == pytest.approx(0.5, abs=0.03)


def test_maps_are_modified_by_it_as_by_any_scale(density):
    result = estimate_scale(density, OCC)
    params = ModifyParams(amplify=4.0, attenuate=3.0, sigmoid=4.0)
    for made in iter_modified(density, result.scale, result.confidence, result.solvent, params):
        assert np.isfinite(made.map.data).all()
        full = result.scale.data == 1
        solvent_share = result.confidence.data[full].min()
        if solvent_share == 1:
            np.testing.assert_allclose(made.map.data[full], density.data[full], rtol=1e-4)
