"""Modified maps: their factors, their solvent, their half maps."""

import numpy as np
import pytest

from occupy_core.errors import GridMismatchError, ParameterError
from occupy_core.maps.fourier import radial_power
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.synthetic import two_bodies
from occupy_core.maps.threads import threads
from occupy_core.scale.estimate import ScaleParams, estimate_scale
from occupy_core.scale.modify import (
    ModifyParams,
    Output,
    iter_modified,
    match_histogram,
    modification_factor,
)

GRID = Grid((44, 48, 52), (2.0, 2.0, 2.0), (-30.0, 12.5, 7.0))
OCC = ScaleParams(mode="occ")
AMPLIFY, ATTENUATE = Output("amplified", 4.0), Output("attenuated", 3.0)
SIGMOID = Output("sigmoid", 4.0, 0.3)


def noisy(seed=0, noise=0.05):
    return two_bodies(
        GRID, occupancy=0.5, noise=noise, noise_b_factor=60.0, resolution=8.0, seed=seed
    )


@pytest.fixture(scope="module")
def density():
    return noisy()[0]


@pytest.fixture(scope="module")
def result(density):
    return estimate_scale(density, OCC)


def modified(density, result, halves=None, **values):
    """Return what is made, by kind."""
    made = iter_modified(
        density, result.scale, result.confidence, result.solvent, ModifyParams(**values),
        half_maps=halves,
    )  # fmt: skip
    return {one.kind: one for one in made}


def factors(result, output, limit=0.05):
    return modification_factor(result.scale.data, output, limit)


# --- maps ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", [AMPLIFY, SIGMOID])
def test_solvent_excluded_map_is_map_times_factor_times_confidence(density, result, output):
    values = {"amplify": 4.0} if output is AMPLIFY else {"sigmoid": 4.0, "pivot": 0.3}
    made = modified(density, result, exclude_solvent=True, **values)[output.kind].map
    expected = density.data * factors(result, output) * result.confidence.data
    lo, hi = min(density.data.min(), 0), density.data.max()
    np.testing.assert_allclose(made.data, expected.clip(lo, hi), rtol=1e-5, atol=1e-9)
    assert made.grid == density.grid


def test_amplified_map_keeps_the_solvent_as_it_is(density, result):
    made = modified(density, result, amplify=4.0)["amplified"].map.data
    solvent = result.confidence.data == 0
    assert solvent.mean() > 0.3
    assert np.array_equal(made[solvent], density.data[solvent])
    c = result.confidence.data
    expected = density.data * factors(result, AMPLIFY) * c + density.data * (1 - c)
    expected = expected.clip(density.data.min(), density.data.max())
    np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-7)


def test_omitted_confidence_modifies_everything(density, result):
    made = modified(density, result, amplify=4.0, omit_confidence=True)["amplified"].map.data
    expected = density.data * factors(result, AMPLIFY)
    np.testing.assert_allclose(
        made, expected.clip(density.data.min(), density.data.max()), rtol=1e-5, atol=1e-9
    )


def test_amplification_makes_the_partly_occupied_body_fuller(density, result):
    full, partial = noisy()[1]
    made = modified(density, result, amplify=4.0)["amplified"].map.data
    before = density.data[partial].mean() / density.data[full].mean()
    after = made[partial].mean() / made[full].mean()
    assert before == pytest.approx(0.5, abs=0.05)
    assert after > before + 0.2


def test_attenuation_makes_it_emptier(density, result):
    full, partial = noisy()[1]
    made = modified(density, result, attenuate=4.0)["attenuated"].map.data
    before = density.data[partial].mean() / density.data[full].mean()
    assert made[partial].mean() / made[full].mean() < before - 0.2


def test_solvent_exclusion_alone_is_map_times_confidence(density, result):
    made = modified(density, result, exclude_solvent=True)
    assert list(made) == ["solvent_excluded"]
    np.testing.assert_array_equal(
        made["solvent_excluded"].map.data, density.data * result.confidence.data
    )


def test_output_stays_in_the_grey_range_of_the_input(density, result):
    lifted = density.with_data(density.data + 1)  # no zero in its range
    retained = modified(lifted, result, amplify=30.0)["amplified"].map.data
    assert retained.min() >= lifted.data.min()
    assert retained.max() <= lifted.data.max()
    excluded = modified(lifted, result, amplify=30.0, exclude_solvent=True)["amplified"].map.data
    assert excluded.min() == 0
    assert excluded.max() <= lifted.data.max()


def test_low_pass_of_the_output_leaves_no_finer_detail(density, result):
    values = {"amplify": 4.0, "lowpass_output": 12.0, "exclude_solvent": True}
    frequency, power = radial_power(modified(density, result, **values)["amplified"].map)
    fine = power[frequency > 1 / 12 + 2 / min(GRID.box)].max()
    assert fine < 1e-3 * power[frequency < 1 / 12].max()


def test_histogram_matching_gives_the_values_of_the_input(density, result):
    made = modified(density, result, amplify=4.0, hist_match=True)["amplified"].map.data
    pair = np.sort(made, axis=None), np.sort(density.data, axis=None)
    assert (pair[0] == pair[1]).mean() > 0.99  # all but ties
    np.testing.assert_allclose(*pair, atol=1e-3 * np.ptp(density.data))
    plain = modified(density, result, amplify=4.0)["amplified"].map.data
    order = np.argsort(plain, axis=None, kind="stable")
    free = (plain > density.data.min()) & (plain < density.data.max())
    assert np.all(np.diff(made.ravel()[order][free.ravel()[order]]) >= 0)


def test_histogram_matching_keeps_equal_values_equal():
    data = np.array([[[0, 0], [1, 2]], [[2, 3], [3, 3]]], np.float32)
    reference = np.arange(8, dtype=np.float32).reshape(2, 2, 2) * 10
    expected = [[[10, 10], [20, 40]], [[40, 70], [70, 70]]]
    np.testing.assert_array_equal(match_histogram(data, reference), expected)


def test_subtraction_masks_are_the_factors_that_never_amplify(density, result):
    params = {"attenuate": 3.0, "sigmoid": 4.0, "pivot": 0.3, "subtraction_mask": True}
    made = list(
        iter_modified(
            *(density, result.scale, result.confidence, result.solvent, ModifyParams(**params)),
            method="occupy",
        )
    )
    masks = {one.pivot: one.map for one in made if one.kind == "subtraction_mask"}
    assert list(masks) == [None, 0.3]
    scale = result.scale.data
    np.testing.assert_allclose(masks[None].data, scale**2, rtol=1e-5, atol=1e-12)
    expected = np.where(scale >= 0.3, 1, modification_factor(scale, SIGMOID, -1.0))
    np.testing.assert_allclose(masks[0.3].data, expected, rtol=1e-5)
    assert masks[0.3].grid == GRID
    assert all(one.half_maps is None for one in made)


def test_scale_zero_is_zero_in_a_subtraction_mask(density, result):
    empty = result.scale.with_data(np.zeros(GRID.shape))
    for values in ({"attenuate": 1.01}, {"sigmoid": 1.01}):
        params = ModifyParams(subtraction_mask=True, exclude_solvent=True, **values)
        *_, mask = iter_modified(
            density, empty, result.confidence, result.solvent, params, method="occupy"
        )
        assert not mask.map.data.any()


@pytest.mark.parametrize("regional", [False, True])
def test_keep_and_subtract_masks_share_what_a_modification_takes(density, result, regional):
    rng = np.random.default_rng(3)
    place = density.with_data(rng.random(GRID.shape, dtype=np.float32)) if regional else None
    values = {"attenuate": 3.0, "sigmoid": 4.0, "pivot": 0.3, "subtraction_mask": True}
    made = iter_modified(
        *(density, result.scale, result.confidence, result.solvent, ModifyParams(**values)),
        place=place,
    )
    masks = {(one.kind, one.pivot): one.map for one in made if one.kind.endswith("mask")}
    confidence = (place or result.confidence).data
    for output, pivot in ((Output("attenuated", 3.0), None), (SIGMOID, 0.3)):
        keep, subtract = masks["keep_mask", pivot], masks["subtract_mask", pivot]
        taken = confidence * (1 - np.minimum(factors(result, output), 1))
        np.testing.assert_allclose(subtract.data, taken, atol=1e-6)
        np.testing.assert_array_equal(keep.data, 1 - subtract.data)
        assert subtract.data.min() >= 0
        assert subtract.data.max() <= 1
        assert subtract.data.any()
        assert not subtract.data[confidence == 0].any()
        assert keep.grid == GRID


def test_maps_are_made_one_by_one_in_order(density, result):
    params = {"amplify": 2.0, "attenuate": 2.0, "sigmoid": 2.0, "exclude_solvent": True}
    told = []
    made = iter_modified(
        density, result.scale, result.confidence, result.solvent, ModifyParams(**params),
        progress=lambda fraction, text: told.append((fraction, text)),
    )  # fmt: skip
    assert next(made).kind == "amplified"
    assert told == [(0.0, "amplified")]
    assert [one.kind for one in made] == ["attenuated", "sigmoid"]
    assert told[-1][0] == 1


def test_nothing_asked_nothing_made(density, result):
    assert modified(density, result) == {}


def test_bad_parameters_and_other_grids_are_refused(density, result):
    with pytest.raises(ParameterError, match="The power"):
        modified(density, result, amplify=0.5)
    other = DensityMap(np.ones((20, 20, 20)), Grid.cubic(20, 1.0), "half")
    with pytest.raises(GridMismatchError, match="The half map 2 half has"):
        modified(density, result, halves=(density, other), amplify=2.0)
    with pytest.raises(GridMismatchError, match="The scale"):
        list(iter_modified(other, result.scale, other, result.solvent, ModifyParams(amplify=2.0)))


def test_extreme_parameters_stay_finite(density, result):
    values = {"amplify": 1e6, "attenuate": 1e6, "sigmoid": 500.0, "pivot": 0.001}
    for one in modified(density, result, scale_limit=0.0, **values).values():
        assert np.isfinite(one.map.data).all()


# --- solvent put back ---------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes_for_any_number_of_threads(density, result):
    made = []
    for n in (1, 3):
        with threads(n):
            made.append(modified(density, result, attenuate=3.0, seed=5)["attenuated"].map.data)
    assert np.array_equal(made[0], made[1])
    other = modified(density, result, attenuate=3.0, seed=6)["attenuated"].map.data
    assert not np.array_equal(made[0], other)


def test_attenuation_and_sigmoid_do_not_share_their_noise(density, result):
    made = modified(density, result, attenuate=1e5, sigmoid=1e5, pivot=0.99, scale_limit=0.0)
    removed = (result.scale.data < 0.95) & (result.confidence.data > 0.99)
    pair = [made[kind].map.data[removed] for kind in ("attenuated", "sigmoid")]
    assert removed.sum() > 1000
    assert abs(np.corrcoef(*pair)[0, 1]) < 0.1


def everything_removed(density, result, **more):
    """Return the attenuated map where all of it is removed and replaced by solvent."""
    nearly_empty = result.scale.with_data(np.full(GRID.shape, 0.06))
    made = iter_modified(
        density, nearly_empty, result.confidence, result.solvent,
        ModifyParams(attenuate=50.0, omit_confidence=True), **more,
    )  # fmt: skip
    return next(iter(made))


def test_solvent_put_back_has_the_spectrum_of_the_solvent(density, result):
    clean, _ = noisy(noise=0.0)
    noise = density.with_data(density.data - clean.data)
    replaced = everything_removed(density, result).map
    frequency, power = radial_power(replaced)
    _, expected = radial_power(noise)
    band = (frequency > 0.03) & (frequency < 0.22)
    ratio = power[band] / expected[band]
    assert np.median(ratio) == pytest.approx(1, abs=0.1)
    assert ratio.min() > 0.5
    assert ratio.max() < 2
    assert expected[band].max() > 3 * expected[band].min()  # white noise would fail
    assert replaced.data.std() == pytest.approx(noise.data.std(), rel=0.1)
    assert replaced.data.mean() == pytest.approx(
        result.solvent.mean, abs=0.05 * float(noise.data.std())
    )


def test_solvent_stays_as_strong_at_any_attenuation(density, result):
    clean, _ = noisy(noise=0.0)
    noise = density.with_data(density.data - clean.data, "noise")
    for level in (0.3, 0.6, 0.9):
        flat = result.scale.with_data(np.full(GRID.shape, level))
        made = iter_modified(
            noise, flat, result.confidence.with_data(np.zeros(GRID.shape)), result.solvent,
            ModifyParams(attenuate=2.0, omit_confidence=True),
        )  # fmt: skip
        assert next(iter(made)).map.data.std() == pytest.approx(noise.data.std(), rel=0.05)


def test_excluded_solvent_is_not_put_back(density, result):
    made = modified(density, result, attenuate=3.0, exclude_solvent=True)["attenuated"].map.data
    assert not made[result.confidence.data == 0].any()
    again = modified(density, result, attenuate=3.0, exclude_solvent=True, seed=9)
    assert np.array_equal(again["attenuated"].map.data, made)


def test_without_solvent_the_noise_is_white_and_of_the_model(density, result):
    crowded = result.confidence.with_data(np.ones(GRID.shape))
    nearly_empty = result.scale.with_data(np.full(GRID.shape, 0.06))
    params = ModifyParams(attenuate=50.0)
    made = next(iter_modified(density, nearly_empty, crowded, result.solvent, params)).map.data
    assert made.std() == pytest.approx(result.solvent.sigma, rel=0.05)


# --- half maps ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def halves(density):
    clean, _ = noisy(noise=0.0)
    extra = noisy(seed=77)[0].data - clean.data
    return (
        density.with_data(density.data + extra, "half1"),
        density.with_data(density.data - extra, "half2"),
    )


@pytest.mark.parametrize("values", [{"amplify": 4.0}, {"sigmoid": 4.0, "pivot": 0.3}])
def test_half_maps_get_the_factors_of_the_map(density, result, halves, values):
    (made,) = modified(density, result, halves=halves, exclude_solvent=True, **values).values()
    output = AMPLIFY if "amplify" in values else SIGMOID
    weight = factors(result, output) * result.confidence.data
    for before, after in zip(halves, made.half_maps, strict=True):
        np.testing.assert_allclose(after.data, before.data * weight, rtol=1e-5, atol=1e-9)
        assert after.name == before.name


def test_half_maps_stay_linear(density, result, halves):
    made = modified(density, result, halves=halves, amplify=4.0, hist_match=True)["amplified"]
    mean = (made.half_maps[0].data + made.half_maps[1].data) / 2
    c = result.confidence.data
    weight = 1 + c * (factors(result, AMPLIFY) - 1)
    np.testing.assert_allclose(mean, density.data * weight, rtol=1e-3, atol=1e-6)


def shell_correlation(a, b):
    spectra = [np.fft.rfftn(one.data) for one in (a, b)]
    k = np.sqrt(sum(
        np.square(f).reshape(shape)
        for f, shape in zip(
            (np.fft.fftfreq(44, 2.0), np.fft.fftfreq(48, 2.0), np.fft.rfftfreq(52, 2.0)),
            ((-1, 1, 1), (1, -1, 1), (1, 1, -1)), strict=True,
        )
    ))  # fmt: skip
    shell = (k * 100).astype(int)
    cross, one, two = (
        np.bincount(shell.ravel(), values.ravel())
        for values in (
            (spectra[0] * spectra[1].conj()).real, np.abs(spectra[0])**2, np.abs(spectra[1])**2
        )
    )  # fmt: skip
    return (cross / np.sqrt(one * two))[1:22]


def test_smooth_factors_leave_the_fsc_of_the_half_maps(density, result, halves):
    z = np.linspace(0.3, 1, 44)[:, None, None]
    smooth = result.scale.with_data(np.broadcast_to(z, GRID.shape))
    made = iter_modified(
        density, smooth, result.confidence, result.solvent,
        ModifyParams(amplify=4.0, omit_confidence=True), half_maps=halves,
    )  # fmt: skip
    after = shell_correlation(*next(iter(made)).half_maps)
    np.testing.assert_allclose(after, shell_correlation(*halves), atol=0.06)


def test_half_maps_get_independent_noise(density, result, halves):
    one = everything_removed(density, result, half_maps=halves)
    maps = [one.map.data.ravel(), *(half.data.ravel() for half in one.half_maps)]
    assert np.abs(np.corrcoef(maps) - np.eye(3)).max() < 0.05
    assert one.half_maps[0].data.std() == pytest.approx(2**0.5 * one.map.data.std(), rel=0.1)
