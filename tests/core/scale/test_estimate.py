"""The local scale of maps with a known answer, of any box and under every parameter."""

import dataclasses
import itertools
import re

import numpy as np
import pytest
from scipy import ndimage

from occupy_core.errors import EstimationError, GridMismatchError, ParameterError
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.synthetic import two_bodies
from occupy_core.maps.threads import threads
from occupy_core.scale.estimate import (
    ScaleParams,
    estimate_confidence,
    estimate_scale,
    processing_map,
    scale_above,
)
from occupy_core.scale.full_scale import kernel_footprint
from occupy_core.scale.lowpass import occupy_lowpass

GRID = Grid((48, 48, 48), (2.0, 2.0, 2.0), (-30.0, 12.5, 7.0), (3, -7, 11))
RES = ScaleParams(method="occupy")
OCC = dataclasses.replace(RES, mode="occ")
BOXES = [
    Grid.cubic(45, 2.0),
    Grid((40, 36, 54), (2.0, 2.0, 2.0), (5.0, 0.0, -3.0)),
    Grid((36, 45, 54), (1.6, 2.0, 2.4), nstart=(1, 2, 3)),
]


def bodies(grid=GRID, occupancy=0.5, noise=0.03):
    return two_bodies(grid, occupancy=occupancy, noise=noise, noise_b_factor=60.0, resolution=8.0)


@pytest.fixture(scope="module")
def density():
    return bodies()[0]


@pytest.fixture(scope="module", params=["res", "occ"])
def result(request, density):
    return estimate_scale(density, dataclasses.replace(RES, mode=request.param))


def core(body):
    return ndimage.binary_erosion(body, iterations=2)


def test_scale_is_the_local_maximum_over_full_scale(density, result):
    source = density
    if result.params.mode == "occ":
        source = occupy_lowpass(density, result.params.lowpass)
    footprint = kernel_footprint(GRID, result.params.kernel_size, result.params.kernel_radius)
    largest = ndimage.maximum_filter(source.data, footprint=footprint, mode="reflect")
    expected = np.clip(largest / np.float32(result.full_scale), 0, 1)
    assert np.array_equal(result.scale.data, expected)


def test_results_lie_on_the_map_and_between_0_and_1(density, result):
    for made in (result.scale, result.confidence):
        assert made.grid == density.grid
        assert made.data.dtype == np.float32
        assert made.data.min() >= 0
        assert made.data.max() <= 1
    assert result.warnings == ()
    assert 0 < result.confidence_limit < 0.5
    assert 0 < result.variability_limit < 1
    assert result.target_occupancy is None
    assert result.solvent_definition is None


@pytest.mark.parametrize("occupancy", [0.3, 0.5, 0.8])
def test_the_partly_occupied_body_reads_its_occupancy(occupancy):
    density, (full, partial) = bodies(occupancy=occupancy)
    scale = estimate_scale(density, OCC).scale.data
    ratio = np.median(scale[core(partial)]) / np.median(scale[core(full)])
    assert ratio == pytest.approx(occupancy, abs=0.06)
    assert np.median(scale[core(full)]) > 0.85


@pytest.mark.parametrize("grid", BOXES, ids=str)
@pytest.mark.parametrize("mode", ["res", "occ"])
def test_any_box_reads_the_occupancy_too(grid, mode):
    density, (full, partial) = bodies(grid)
    result = estimate_scale(density, dataclasses.replace(RES, mode=mode))
    scale = result.scale.data
    assert result.scale.grid == grid
    ratio = np.median(scale[core(partial)]) / np.median(scale[core(full)])
    assert ratio == pytest.approx(0.5, abs=0.1)
    assert result.confidence.data[core(full)].mean() > 0.9


@pytest.mark.parametrize("factor", [0.125, 1024.0, 3.7])
def test_scale_does_not_depend_on_the_grey_scale(density, result, factor):
    other = density.with_data(np.float32(factor) * density.data)
    again = estimate_scale(other, dataclasses.replace(RES, mode=result.params.mode))
    if factor == 3.7:
        np.testing.assert_allclose(again.scale.data, result.scale.data, atol=1e-5)
    else:
        assert np.array_equal(again.scale.data, result.scale.data)
    assert again.full_scale == pytest.approx(factor * result.full_scale, rel=1e-5)
    assert again.variability_limit == pytest.approx(result.variability_limit, rel=1e-3)


def test_solvent_far_from_zero_is_told(density):
    lifted = density.with_data(density.data + density.data.max(), "lifted")
    result = estimate_scale(lifted, RES)
    assert any("The solvent of lifted lies at" in warning for warning in result.warnings)
    assert result.scale.data.min() > 0.4  # the scale is relative to zero, not to solvent


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3)))[1:])
def test_scale_turns_with_the_axes_of_the_map(density, axes):
    turned = DensityMap(density.data.transpose(axes), Grid.cubic(48, 2.0))
    result = estimate_scale(turned, RES)
    reference = estimate_scale(density, RES)
    assert result.full_scale == reference.full_scale
    assert np.array_equal(result.scale.data, reference.scale.data.transpose(axes))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_scale_of_a_mirrored_map_differs_by_the_tile_grid_only(density, axis):
    mirrored = estimate_scale(density.with_data(np.flip(density.data, axis)), RES)
    reference = estimate_scale(density, RES)
    assert mirrored.full_scale == pytest.approx(reference.full_scale, rel=0.1)
    products = (
        np.flip(mirrored.scale.data, axis) * mirrored.full_scale,
        reference.scale.data * reference.full_scale,
    )
    below = min(mirrored.full_scale, reference.full_scale) * 0.99
    np.testing.assert_allclose(
        np.minimum(products[0], below), np.minimum(products[1], below), rtol=1e-5
    )


def test_solvent_around_the_box_changes_nothing_inside(density):
    padded = np.pad(density.data, 12, mode="reflect")
    outer = estimate_scale(
        DensityMap(padded, Grid.cubic(72, 2.0)), dataclasses.replace(RES, s0=True)
    )
    inner = estimate_scale(density, dataclasses.replace(RES, s0=True))
    assert np.array_equal(outer.scale.data[12:-12, 12:-12, 12:-12], inner.scale.data)


def test_result_is_the_same_for_any_number_of_threads(density, result):
    for n in (1, 3):
        with threads(n):
            again = estimate_scale(density, dataclasses.replace(RES, mode=result.params.mode))
        assert np.array_equal(again.scale.data, result.scale.data)
        assert np.array_equal(again.confidence.data, result.confidence.data)


def test_large_boxes_are_estimated_on_fewer_voxels_and_come_back_in_place(density):
    result = estimate_scale(density, dataclasses.replace(OCC, max_box=40))
    reference = estimate_scale(density, OCC)
    assert result.params.processing_shape == (40, 40, 40)
    assert result.scale.grid == density.grid
    assert result.scale.data.min() >= 0
    assert result.scale.data.max() <= 1
    assert np.corrcoef(result.scale.data.ravel(), reference.scale.data.ravel())[0, 1] > 0.97
    inner = np.s_[8:-8, 8:-8, 8:-8]
    pair = result.confidence.data[inner].ravel(), reference.confidence.data[inner].ravel()
    assert np.corrcoef(*pair)[0, 1] > 0.97


def test_simple_normalisation_is_by_the_maximum(density):
    result = estimate_scale(density, dataclasses.replace(RES, s0=True))
    assert result.full_scale == pytest.approx(result.params.tau * density.data.max(), rel=1e-6)
    assert result.tiles is None


def test_recalibration_puts_the_noise_level_at_zero(density):
    plain = estimate_scale(density, OCC)
    result = estimate_scale(density, dataclasses.replace(OCC, nlrc=True))
    c = plain.confidence_limit
    expected = np.clip((plain.scale.data - c) / (1 - c), 0, 1)
    np.testing.assert_allclose(result.scale.data, expected, atol=1e-6)
    assert result.confidence_limit == c


def test_noise_alone_is_not_recalibrated_but_told():
    noise = np.random.default_rng(0).standard_normal((40, 40, 40), dtype=np.float32)
    density = DensityMap(noise, Grid.cubic(40, 1.5), "noise")
    result = estimate_scale(density, dataclasses.replace(OCC, nlrc=True))
    assert any("so the scale was not recalibrated" in warning for warning in result.warnings)
    assert np.array_equal(result.scale.data, estimate_scale(density, OCC).scale.data)


def test_target_mask_reads_the_occupancy_of_its_region(density):
    _, regions = bodies()
    values = [
        estimate_scale(
            density, OCC, target_mask=density.with_data(core(r).astype(np.float32))
        ).target_occupancy
        for r in regions
    ]
    assert values[0] == pytest.approx(1.0, abs=0.15)
    assert values[1] / values[0] == pytest.approx(0.5, abs=0.06)


def test_target_mask_follows_recalibration_and_down_sampling(density):
    mask = density.with_data(core(bodies()[1][1]).astype(np.float32))
    plain = estimate_scale(density, OCC, target_mask=mask)
    c = plain.confidence_limit
    params = dataclasses.replace(OCC, nlrc=True)
    recalibrated = estimate_scale(density, params, target_mask=mask).target_occupancy
    assert recalibrated == pytest.approx((plain.target_occupancy - c) / (1 - c), rel=1e-6)
    small = estimate_scale(density, dataclasses.replace(OCC, max_box=40), target_mask=mask)
    assert small.target_occupancy == pytest.approx(plain.target_occupancy, abs=0.12)


def test_empty_target_mask_is_refused(density):
    mask = density.with_data(np.zeros(GRID.shape), "target")
    with pytest.raises(EstimationError, match=r"target mask target has no voxel above 0\.5"):
        estimate_scale(density, RES, target_mask=mask)


def test_solvent_definition_can_be_made_from_the_scale(density):
    result = estimate_scale(density, dataclasses.replace(OCC, solvent_def_scale=0.4))
    made = result.solvent_definition
    assert made is not None
    assert np.array_equal(made.data, result.scale.data > 0.4)
    by_hand = estimate_scale(density, OCC, solvent_definition=made)
    assert np.array_equal(by_hand.confidence.data, result.confidence.data)
    assert result.solvent.region == "solvent definition"
    assert np.array_equal(scale_above(result.scale, 0.4, "x").data, made.data)


def test_two_solvent_definitions_are_refused(density):
    params = dataclasses.replace(RES, solvent_def_scale=0.4)
    with pytest.raises(ParameterError, match="are both given; give one of them"):
        estimate_scale(density, params, solvent_definition=density)


def test_solvent_definition_works_with_down_sampling(density):
    content = (bodies()[1][0] | bodies()[1][1]).astype(np.float32)
    params = dataclasses.replace(OCC, max_box=40)
    result = estimate_scale(density, params, solvent_definition=density.with_data(content))
    assert result.solvent.region == "solvent definition"
    assert result.confidence.grid == density.grid


@pytest.mark.parametrize("what", ["solvent_definition", "target_mask"])
def test_masks_on_another_grid_are_refused(density, what):
    other = DensityMap(np.ones((48, 48, 48)), Grid.cubic(48, 2.2), "mask")
    with pytest.raises(GridMismatchError, match=f"The {what.replace('_', ' ')} mask has a voxel"):
        estimate_scale(density, RES, **{what: other})


def test_confidence_alone_equals_that_of_the_estimate(density, result):
    solvent, confidence = estimate_confidence(
        density, dataclasses.replace(RES, mode=result.params.mode)
    )
    assert np.array_equal(confidence.data, result.confidence.data)
    assert solvent.sigma == result.solvent.sigma
    with pytest.raises(ParameterError):
        estimate_confidence(density, dataclasses.replace(RES, kernel_size=2))


def test_confidence_alone_of_a_large_box_lies_on_the_map(density):
    _, confidence = estimate_confidence(density, dataclasses.replace(RES, max_box=32))
    assert confidence.grid == density.grid


def test_the_map_is_processed_as_it_is_unless_it_is_large(density):
    assert processing_map(density, OCC.resolve(GRID)) is density
    small = processing_map(density, dataclasses.replace(OCC, max_box=32).resolve(GRID))
    assert max(small.grid.shape) == 32


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        (
            dataclasses.replace(RES, kernel_size=3),
            "The kernel is only 3 voxels .* give a kernel of 5",
        ),
        (
            dataclasses.replace(RES, kernel_size=9, kernel_radius=2.0),
            "The kernel radius is only 2.00 voxels",
        ),
        (
            dataclasses.replace(RES, lowpass=12.0, resolution=9.0),
            "The resolution of 9 Å has no effect",
        ),
    ],
)
def test_unwise_parameters_are_told(density, params, sentence):
    (warning,) = estimate_scale(density, params).warnings
    assert re.search(sentence, warning)


def test_dark_content_is_refused_with_the_remedy(density):
    with pytest.raises(EstimationError, match="must be positive; multiply the map by -1"):
        estimate_scale(density.with_data(-density.data - 1), RES)


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_not_a_number_is_refused(density, value):
    data = density.data.copy()
    data[0, 0, 0] = value
    with pytest.raises(EstimationError, match="contains NaN or Inf"):
        estimate_scale(density.with_data(data), RES)


@pytest.mark.parametrize("shape", [(3, 3, 3), (8, 8, 8), (5, 20, 20), (12, 13, 14)])
@pytest.mark.parametrize("voxel_size", [0.5, 2.0])
def test_tiny_boxes_give_finite_results(shape, voxel_size):
    data = np.random.default_rng(1).random(shape, dtype=np.float32)
    density = DensityMap(data, Grid(shape, (voxel_size,) * 3))
    for mode in ("res", "occ"):
        result = estimate_scale(density, dataclasses.replace(RES, mode=mode))
        assert np.isfinite(result.scale.data).all()
        assert np.isfinite(result.confidence.data).all()


@pytest.mark.parametrize("factor", [1e-20, 1e-6, 1e6, 1e20])
def test_huge_grey_ranges_give_finite_results(density, result, factor):
    other = density.with_data(density.data * np.float32(factor))
    again = estimate_scale(other, dataclasses.replace(RES, mode=result.params.mode))
    np.testing.assert_allclose(again.scale.data, result.scale.data, atol=1e-4)
    assert np.isfinite(again.confidence.data).all()
    assert abs(again.confidence.data.mean() - result.confidence.data.mean()) < 0.05


def test_masked_map_gives_a_warning_and_a_usable_result(density):
    full, partial = bodies()[1]
    inside = ndimage.binary_dilation(full | partial, iterations=3)
    masked = estimate_scale(density.with_data(density.data * inside, "masked"), OCC)
    assert masked.solvent.suspect
    assert any("was masked away" in warning for warning in masked.warnings)
    ratio = np.median(masked.scale.data[core(partial)]) / np.median(masked.scale.data[core(full)])
    assert ratio == pytest.approx(0.5, abs=0.06)
    assert masked.confidence.data[core(full)].min() > 0.9


def test_progress_rises_from_zero_to_one(density):
    told = []
    estimate_scale(density, RES, progress=lambda fraction, text: told.append((fraction, text)))
    fractions = [fraction for fraction, _ in told]
    assert fractions[0] == 0
    assert fractions[-1] == 1
    assert fractions == sorted(fractions)
    assert all(text for _, text in told)
