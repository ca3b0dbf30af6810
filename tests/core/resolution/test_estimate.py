"""The one door: local resolution, mask, global resolution, half maps, filter, errors."""

from dataclasses import replace

import numpy as np
import pytest
from resolution_maps import lowpassed, two_resolutions
from scipy import ndimage

from occupy_core.errors import EstimationError, GridMismatchError, ParameterError
from occupy_core.maps import DensityMap, Grid
from occupy_core.maps.threads import threads
from occupy_core.resolution import estimate
from occupy_core.resolution.estimate import estimate_resolution
from occupy_core.resolution.learned.trees import load_models
from occupy_core.resolution.measure.bands import local_energies
from occupy_core.resolution.measure.spectrum import analyse
from occupy_core.resolution.read.halfmaps import half_map_energies, local_fsc
from occupy_core.resolution.result import ResolutionParams
from occupy_core.resolution.use.local_filter import filter_locally
from occupy_core.solvent.noise import on_one_scale

GRID = Grid.cubic(72, 1.5)
ODD = Grid((71, 80, 75), (1.5, 1.4, 1.6))


@pytest.fixture(scope="module")
def known():
    return two_resolutions(GRID, noise=14)


@pytest.fixture(scope="module")
def found(known):
    return estimate_resolution(known.density)


@pytest.fixture(scope="module")
def with_halves(known):
    return estimate_resolution(known.density, half_maps=known.half_maps)


@pytest.fixture(scope="module")
def masked(known):
    """The map within a soft mask along its molecule."""
    distance = ndimage.distance_transform_edt(~known.mask, sampling=GRID.voxel_size_zyx)
    ramp = (0.5 + 0.5 * np.cos(np.pi * np.clip((distance - 3) / 5, 0, 1))).astype(np.float32)
    return known.density.with_data(known.density.data * ramp)


@pytest.fixture(scope="module")
def sigma_as_learned(masked):
    """Its errors where the intervals of the model are not widened."""
    with pytest.MonkeyPatch.context() as patch:
        return sigma_of(masked, patch, (1.0, 1.0))


def sigma_of(masked, patch, spread):
    models = replace(load_models(), spread=spread)
    patch.setattr(estimate, "load_models", lambda: models)
    return estimate_resolution(masked).sigma.data


def true_local(known, threshold):
    """Resolution from windowed signal and expected noise, in bands narrower than the estimate's."""
    grid = known.grid
    f = np.arange(0.04, 0.33, 0.01)
    noise = known.halves[0] - known.signal
    sigma = [5.0 / v for v in grid.voxel_size_zyx]
    from resolution_maps import radius
    from scipy import fft

    r, s, n = radius(grid), fft.rfftn(known.signal), fft.rfftn(noise)
    curves = []
    for centre in f:
        gain = np.clip(1 - np.abs(r - centre) / 0.02, 0, 1)
        signal = ndimage.gaussian_filter(fft.irfftn(s * gain, grid.shape) ** 2, sigma, mode="wrap")
        curves.append(signal / (signal + np.mean(fft.irfftn(n * gain, grid.shape) ** 2)))
    below = np.array(curves) < threshold
    return np.where(below.any(axis=0), 1 / f[below.argmax(axis=0)], 1 / f[-1])


@pytest.mark.parametrize("threshold", [0.143, 0.5])
def test_local_resolution_agrees_with_the_known_one(known, found, threshold):
    reference = true_local(known, threshold)
    values = (found.resolution if threshold == 0.143 else found.resolution05).data
    inside = known.mask & (found.mask.data > 0) & (found.censored.data == 0)
    error = np.log(values[inside] / reference[inside])
    assert np.sqrt(np.mean(error**2)) < 0.12
    assert np.median(values[known.blurred & inside]) > 1.3 * np.median(values[known.sharp & inside])


def test_half_maps_decide_and_the_map_alone_stands_beside(with_halves):
    result = with_halves
    assert result.source == "half maps"
    inside = (result.mask.data > 0) & (result.censored.data == 0)
    ratio = np.log(result.single_map.data[inside] / result.resolution.data[inside])
    assert abs(np.median(ratio)) < 0.1
    assert np.std(ratio) < 0.2


def test_local_fsc_is_that_of_three_windowed_products(known):
    first, second = known.half_maps
    total = first.with_data((first.data + on_one_scale(first, second).data) / 2)
    spectrum = analyse(total)
    _, mean, difference = half_map_energies(first, second, 5.0)
    assert np.allclose(mean.energy, local_energies((spectrum,), 5.0)[0].energy, rtol=1e-4)
    fsc = local_fsc(mean, difference)
    assert fsc.max() <= 1
    assert np.median(fsc[-2]) == pytest.approx(0, abs=0.25)


def test_the_grey_scale_of_half_maps_means_nothing(known, with_halves):
    first, second = known.half_maps
    scaled = estimate_resolution(
        known.density, half_maps=(first, second.with_data(100 * second.data + 3))
    )
    np.testing.assert_allclose(scaled.resolution.data, with_halves.resolution.data, rtol=1e-3)


def test_half_maps_that_have_nothing_in_common_are_told(known):
    first, second = known.half_maps
    result = estimate_resolution(known.density, half_maps=(first, second.with_data(-second.data)))
    assert any("do not agree at any resolution" in text for text in result.warnings)
    assert not any("may have been modified" in text for text in result.warnings)


def test_a_mask_beside_the_molecule_is_told(known):
    corner = np.zeros_like(known.density.data)
    corner[:6, :6, :6] = 1
    result = estimate_resolution(known.density, mask=known.density.with_data(corner))
    assert any("nothing is resolved even at 25 Å" in text for text in result.warnings)
    assert result.sigma.data.max() <= 25


@pytest.mark.parametrize(("voxel", "window"), [(0.01, None), (1.5, 30.0)])
def test_a_box_must_hold_four_windows(known, voxel, window):
    density = DensityMap(known.density.data, Grid.cubic(72, voxel))
    with pytest.raises(ParameterError, match=r"needs .* Å; look whether the voxel"):
        estimate_resolution(density, ResolutionParams(window=window))


def test_another_window_than_the_learned_one_is_told(known):
    distance = ndimage.distance_transform_edt(~known.mask, sampling=known.grid.voxel_size_zyx)
    mask = np.exp(-((distance / 3) ** 4)).astype(np.float32)
    masked = known.density.with_data(known.density.data * mask)
    usual, other = (estimate_resolution(masked, ResolutionParams(window=w)) for w in (None, 9.0))
    assert usual.source == other.source == "learned"
    assert not any("learned with windows of" in text for text in usual.warnings)
    assert any("learned with windows of 5 Å" in text for text in other.warnings)


def test_outside_the_mask_stands_the_background(known):
    result = estimate_resolution(known.density, ResolutionParams(background=-1.0))
    outside = result.mask.data == 0
    assert (result.resolution.data[outside] == -1).all()
    assert (result.resolution05.data[outside] == -1).all()
    assert (result.sigma.data[outside] == 0).all()
    assert (result.resolution.data[~outside] > 0).all()


def test_a_mask_given_is_used_as_it_is(known):
    mask = known.density.with_data(known.mask.astype(np.float32))
    assert np.array_equal(estimate_resolution(known.density, mask=mask).mask.data, mask.data)


def test_grey_scale_and_offset_change_nothing(known, found):
    other = estimate_resolution(known.density.with_data(50 * known.density.data - 20))
    assert np.median(np.abs(other.resolution.data - found.resolution.data)) < 1e-4


def test_results_do_not_depend_on_the_number_of_threads(known):
    maps = []
    for n in (1, 3):
        with threads(n):
            maps.append(estimate_resolution(known.density).resolution.data)
    assert np.array_equal(*maps)


@pytest.mark.parametrize("grid", [ODD])
def test_any_grid_gives_maps_on_that_grid(grid):
    result = estimate_resolution(two_resolutions(grid, noise=8).density)
    assert result.resolution.grid == grid
    assert result.overall.at_0143 == pytest.approx(4.0, abs=1.5)


def test_past_a_cutoff_nothing_is_claimed_without_the_flag(known):
    cut = known.density.with_data(lowpassed(known.density.data, GRID, 6.0))
    result = estimate_resolution(cut)
    assert any("low-passed at" in message for message in result.warnings)
    sure = (result.mask.data > 0) & (result.censored.data == 0)
    assert result.censored_fraction > 0.3
    assert (result.resolution.data[sure] > 0.98 * result.finest_detail).all()
    flagged = result.censored.data > 0
    relative = result.sigma.data[flagged] / result.resolution.data[flagged]
    assert np.median(relative) >= 0.14


def test_pure_noise_gives_no_resolution_and_says_so():
    noise = np.random.default_rng(1).standard_normal(GRID.shape, dtype=np.float32)
    result = estimate_resolution(DensityMap(noise, GRID))
    (sentence,) = result.warnings  # in the result only: no warning is raised
    assert "Nothing stands out" in sentence
    assert result.source == "nothing"
    assert result.overall.at_0143 is None
    assert result.mask.data.sum() == 0


def test_where_the_solvent_is_gone_the_learned_model_steps_in(masked):
    result = estimate_resolution(masked)
    assert any("learned on simulated maps" in message for message in result.warnings)
    assert result.source == "learned"
    assert result.resolution05 is None
    assert len(result.model_checksum) == 64


@pytest.mark.parametrize(("spread", "factor"), [((3.0, 1.0), 3.0), ((1.0, 3.0), 1.0)])
def test_the_interval_of_a_masked_map_is_widened_as_masked_maps_need(
    masked, sigma_as_learned, monkeypatch, spread, factor
):
    widened = sigma_of(masked, monkeypatch, spread)
    assert np.allclose(widened, factor * sigma_as_learned, rtol=1e-4)


def test_the_filter_keeps_fine_detail_where_it_is_resolved_only(known):
    density = known.density
    resolution = np.full(GRID.shape, 4.0, np.float32)
    resolution[:, :, GRID.shape[2] // 2 :] = 12.0
    result = filter_locally(density, resolution)
    sharp = density.data - lowpassed(density.data, GRID, 6.0)
    kept = result.data - lowpassed(result.data, GRID, 6.0)
    half = GRID.shape[2] // 2
    assert np.std(kept[:, :, : half - 8]) > 0.5 * np.std(
        (lowpassed(density.data, GRID, 4.0) - lowpassed(density.data, GRID, 6.0))[:, :, : half - 8]
    )
    assert np.std(kept[:, :, half + 8 : -8]) < 0.1 * np.std(sharp[:, :, half + 8 : -8])


def test_a_filter_finer_than_nyquist_changes_nothing(known):
    result = filter_locally(known.density, np.full((8, 8, 8), 0.5, np.float32))
    assert np.allclose(result.data, known.density.data, atol=1e-4 * known.density.data.std())


def test_filtered_maps_come_on_request(known):
    result = estimate_resolution(
        known.density, ResolutionParams(filter=True), half_maps=known.half_maps
    )
    assert len(result.filtered) == 3


def test_progress_rises_to_the_end(known):
    seen = []
    estimate_resolution(known.density, progress=lambda fraction, text: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[-1] >= 0.9


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (ResolutionParams(window=0.1), "window is 0.1"),
        (ResolutionParams(window=500), "between 1.5 and 50"),
        (ResolutionParams(background=float("nan")), "background"),
    ],
)
def test_parameters_out_of_range_are_refused(known, params, message):
    with pytest.raises(ParameterError, match=message):
        estimate_resolution(known.density, params)


def test_an_empty_mask_is_refused(known):
    with pytest.raises(ParameterError, match="nowhere above"):
        estimate_resolution(known.density, mask=known.density.with_data(np.zeros(GRID.shape)))


def test_half_maps_on_another_grid_are_refused(known):
    small = DensityMap(np.zeros((8, 8, 8), np.float32), Grid.cubic(8, 1.5))
    with pytest.raises(GridMismatchError, match="half map"):
        estimate_resolution(known.density, half_maps=(small, small))


def test_a_constant_map_is_refused():
    with pytest.raises(EstimationError):
        estimate_resolution(DensityMap(np.ones(GRID.shape, np.float32), GRID))
