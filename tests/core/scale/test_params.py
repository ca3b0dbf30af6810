"""Limits and derived values of the parameters of scale and modification."""

import dataclasses
import re

import pytest

from occupy_core.errors import ParameterError
from occupy_core.maps.grid import Grid
from occupy_core.scale.outputs import Output
from occupy_core.scale.params import ModifyParams, ScaleParams, processing_shape

GRID = Grid.cubic(64, 1.5)  # a box of 96 Å

SCALE_PROBLEMS = [
    ({"method": "other"}, "The method is 'other' but must be one of calibrated, occupy."),
    ({"mode": "raw"}, "The mode is 'raw' but must be one of res, occ."),
    ({"resolution": 0.0}, "The resolution is 0.0 but must be a positive number."),
    ({"lowpass": -8.0}, "The low-pass is -8.0 but"),
    ({"lowpass": 5e-324}, "The low-pass is 5e-324 but .* number, from 0.001 to 1e.06."),
    ({"kernel_radius": 1e300}, "The kernel radius is 1e.300 but .* from 0.001 to 1e.06."),
    ({"lowpass": float("nan")}, "The low-pass is nan but"),
    ({"lowpass": 97.0}, "The low-pass is 97 Å but must not be larger .* the box, 96.0 Å."),
    ({"resolution": 200.0}, "The resolution is 200 Å but must not be larger"),
    ({"kernel_size": 4}, "The kernel size is 4 voxels but must be an odd .* give 5."),
    ({"kernel_size": 1}, "The kernel size is 1 voxels but .* at least 3; give 3."),
    ({"kernel_size": 65}, "The kernel size is 65 voxels but .* edge of the box has 64"),
    ({"kernel_radius": float("inf")}, "The kernel radius is inf but"),
    ({"tau": 0.0}, "Tau is 0.0 but must be above 0 and at most 1."),
    ({"tau": 1.01}, "Tau is 1.01 but"),
    ({"tile_size": 0}, "The tile size is 0 voxels but must be at least 1."),
    ({"tile_size": 65}, "The tile size is 65 voxels but the shortest edge"),
    ({"max_box": 4}, "The largest box is 4 voxels but must be at least 8."),
    ({"hedge_confidence": 0.5}, "The power that hedges the confidence is 0.5 but"),
    ({"solvent_def_scale": 1.0}, "The scale that defines solvent is 1.0 but"),
]

MODIFY_PROBLEMS = [
    ({"amplify": 0.9}, "The power .gamma. of the amplification is 0.9 but .* at least 1"),
    ({"attenuate": float("inf")}, "The power .gamma. of the attenuation is inf but"),
    ({"sigmoid": float("nan")}, "The power .gamma. of the sigmoid is nan but"),
    ({"pivot": 0.0}, "The pivot of the sigmoid is 0.0 but must be above 0 and below 1."),
    ({"pivot": 1.0}, "The pivot of the sigmoid is 1.0 but"),
    ({"scale_limit": 1.0}, "The scale limit is 1.0 but"),
    ({"lowpass_output": 0.0}, "The low-pass of the output is 0.0 Å but must be a positive number"),
    ({"lowpass_output": 100.0}, "and at most the box, 96.0 Å."),
    ({"subtraction_mask": True}, "A subtraction mask is made of an attenuation or a sigmoid"),
    ({"subtraction_mask": True, "attenuate": 1.0}, "A subtraction mask"),
    ({"exclude_solvent": True, "omit_confidence": True}, "Solvent is excluded by the confidence"),
    ({"seed": -1}, "The seed is -1 but must not be negative."),
]


@pytest.mark.parametrize(("values", "sentence"), SCALE_PROBLEMS)
def test_scale_parameters_outside_their_limits_are_one_sentence_each(values, sentence):
    (problem,) = ScaleParams(**values).problems(GRID)
    assert re.search(sentence, problem)
    assert problem.endswith(".")
    with pytest.raises(ParameterError, match=sentence):
        ScaleParams(**values).resolve(GRID)


@pytest.mark.parametrize(("values", "sentence"), MODIFY_PROBLEMS)
def test_modification_parameters_outside_their_limits_are_one_sentence_each(values, sentence):
    (problem,) = ModifyParams(**values).problems(GRID)
    assert re.search(sentence, problem)
    assert problem.endswith(".")


def test_defaults_and_the_ends_of_the_limits_are_allowed():
    assert ScaleParams().problems() == ScaleParams().problems(GRID) == []
    allowed = ScaleParams(tau=1.0, tile_size=1, kernel_size=63, lowpass=96.0, hedge_confidence=1)
    assert allowed.problems(GRID) == []
    assert ModifyParams().problems(GRID) == []
    assert ModifyParams(amplify=1.0, scale_limit=0.0, pivot=0.01).problems(GRID) == []


def test_several_problems_are_all_told():
    assert len(ScaleParams(tau=2.0, kernel_size=2, mode="x").problems()) == 3
    with pytest.raises(ParameterError) as caught:
        ScaleParams(tau=2.0, kernel_size=2).resolve(GRID)
    assert len(caught.value.problems) == 2


def test_limits_of_the_map_count_only_with_a_map():
    assert ScaleParams(kernel_size=65, lowpass=1000.0).problems() == []


def test_a_box_of_two_voxels_is_too_thin():
    (problem,) = ScaleParams().problems(Grid((2, 30, 30), (1.0, 1.0, 1.0)))
    assert problem.startswith("The shortest edge of the box has 2 voxels")


@pytest.mark.parametrize(
    ("voxel_size", "lowpass", "kernel", "radius"),
    [
        (0.834, 8.0, 9, 8 / (2 * 0.834)),  # EMD-11007
        (1.35, 8.0, 5, 8 / 2.7),  # EMD-3186
        (1.742, 8.0, 5, 8 / 3.484),  # EMD-5168
        (4 / 3, 8.0, 7, 3.0),
        (3.54, 10.62, 3, 1.5),  # betaGal
        (0.5, 8.0, 9, 8.0),
    ],
)
def test_low_pass_and_kernel_follow_the_voxel_size_as_in_occupy(
    voxel_size, lowpass, kernel, radius
):
    numbers = ScaleParams(method="occupy").resolve(Grid.cubic(100, voxel_size))
    assert numbers.lowpass == pytest.approx(lowpass, rel=1e-6)
    assert numbers.kernel_size == kernel
    assert numbers.kernel_radius == pytest.approx(radius, rel=1e-6)
    assert numbers.tau == numbers.recommended_tau
    assert numbers.tile_size == 12
    calibrated = ScaleParams().resolve(Grid.cubic(100, voxel_size))
    assert calibrated.kernel_size == kernel
    assert calibrated.kernel_radius == pytest.approx(lowpass / 3 / voxel_size, rel=1e-6)


@pytest.mark.parametrize(
    ("values", "lowpass"),
    [
        ({"resolution": 5.0}, 8.0),
        ({"resolution": 12.0}, 12.0),
        ({"lowpass": 6.0}, 6.0),
        ({"lowpass": 6.0, "resolution": 9.0}, 9.0),
    ],
)
def test_the_coarser_of_resolution_and_low_pass_counts(values, lowpass):
    assert ScaleParams(**values).resolve(GRID).lowpass == lowpass


@pytest.mark.parametrize("n", range(3, 14))
@pytest.mark.parametrize("voxel_size", [0.4, 1.0, 3.0])
def test_defaults_fit_into_any_tiny_box(n, voxel_size):
    numbers = ScaleParams().resolve(Grid.cubic(n, voxel_size))
    assert numbers.kernel_size <= n
    assert numbers.tile_size <= n
    assert numbers.lowpass <= n * voxel_size / 2 + 1e-6
    assert numbers.n_voxels_in_kernel >= 1


def test_given_values_are_used():
    values = {"kernel_size": 11, "kernel_radius": 2.0, "tau": 0.8, "tile_size": 7, "max_box": 32}
    numbers = ScaleParams(**values).resolve(GRID)
    assert values.items() <= dataclasses.asdict(numbers).items()
    assert numbers.n_voxels_in_kernel == 33
    assert numbers.recommended_tau == pytest.approx(0.9246)


@pytest.mark.parametrize(
    ("shape", "max_box", "expected"),
    [
        ((100, 100, 100), 256, (100, 100, 100)),
        ((512, 512, 512), 256, (256, 256, 256)),
        ((257, 257, 257), 256, (256, 256, 256)),
        ((300, 150, 30), 100, (100, 50, 10)),
        ((400, 4, 400), 100, (100, 1, 100)),
    ],
)
def test_large_boxes_are_brought_to_the_largest_edge(shape, max_box, expected):
    assert processing_shape(Grid(shape, (1.0, 1.0, 1.0)), max_box) == expected


def test_kernel_counts_the_voxels_that_are_processed():
    numbers = ScaleParams(method="occupy", max_box=64).resolve(Grid.cubic(128, 1.0))
    assert numbers.processing_voxel_size == (2.0, 2.0, 2.0)
    assert numbers.kernel_radius == 2.0


def test_outputs_are_listed_in_order_with_their_powers():
    params = ModifyParams(amplify=4.0, attenuate=3.0, sigmoid=5.0, pivot=0.3, subtraction_mask=True)
    assert params.kinds() == (
        Output("amplified", 4.0),
        Output("attenuated", 3.0),
        Output("sigmoid", 5.0, 0.3),
        Output("keep_mask", 3.0),
        Output("subtract_mask", 3.0),
        Output("keep_mask", 5.0, 0.3),
        Output("subtract_mask", 5.0, 0.3),
    )
    assert params.active


@pytest.mark.parametrize("params", [ModifyParams(), ModifyParams(amplify=1.0, sigmoid=1.0)])
def test_a_power_of_one_makes_nothing(params):
    assert params.kinds() == ()
    assert not params.active


def test_solvent_exclusion_alone_is_an_output_of_its_own():
    assert ModifyParams(exclude_solvent=True).kinds() == (Output("solvent_excluded"),)
    made = ModifyParams(exclude_solvent=True, amplify=2.0).kinds()
    assert made == (Output("amplified", 2.0),)
