"""The occupancy of a place: flat in a body, with sharp steps, nothing in noise."""

import numpy as np
import pytest
from calibrated_maps import FINE, bodies, medians
from scipy import ndimage

from occupy_core.errors import ParameterError
from occupy_core.maps.fourier import coloured_noise, resample
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.threads import threads
from occupy_core.scale.calibrated import _loops
from occupy_core.scale.estimate import estimate_scale
from occupy_core.scale.modify import full_within_error, iter_modified
from occupy_core.scale.params import ModifyParams, ScaleParams
from occupy_core.solvent.blank import nearest

REGIONAL = ScaleParams(mode="occ")
GRANULAR = ScaleParams(mode="occ", granularity=0.0)


@pytest.fixture(scope="module")
def made():
    density, regions = bodies(0.5, 0.05)
    return density, regions, estimate_scale(density, REGIONAL)


def test_a_body_reads_its_occupancy_and_is_flat(made):
    density, regions, result = made
    full, half = medians(result.scale, regions)
    assert full == pytest.approx(1.0, abs=0.03)
    assert half == pytest.approx(0.5, abs=0.03)
    granular = estimate_scale(density, GRANULAR).scale.data
    for region in regions:
        assert result.scale.data[region].std() < 0.5 * granular[region].std()


@pytest.mark.parametrize("mode", ["res", "occ"])
def test_without_granularity_or_with_res_voxels_have_their_own_scale(made, mode):
    density, _, regional = made
    given = estimate_scale(density, ScaleParams(mode=mode, granularity=0.0))
    other = estimate_scale(density, ScaleParams(mode=mode))
    assert np.array_equal(given.scale.data, other.scale.data) == (mode == "res")
    assert not np.array_equal(regional.scale.data, given.scale.data)


def test_the_bytes_do_not_depend_on_the_threads(made):
    density, _, result = made
    for n in (1, 3):
        with threads(n):
            other = estimate_scale(density, REGIONAL)
        assert np.array_equal(other.scale.data, result.scale.data)
        assert np.array_equal(other.sigma.data, result.sigma.data)


@pytest.mark.parametrize("change", ["factor", "offset", "mirror", "axes", "padding"])
def test_what_a_body_reads_does_not_hang_on_how_the_map_is_given(made, change):
    density, regions, result = made
    data = density.data
    given, back = {
        "factor": (np.float32(3.7) * data, lambda s: s),
        "offset": (data + np.float32(0.3 * data.max()), lambda s: s),
        "mirror": (np.flip(data, 1), lambda s: np.flip(s, 1)),
        "axes": (data.transpose(1, 2, 0), lambda s: s.transpose(2, 0, 1)),
        "padding": (np.pad(data, 13, mode="reflect"), lambda s: s[13:-13, 13:-13, 13:-13]),
    }[change]
    grid = Grid(given.shape, density.grid.voxel_size)
    other = back(estimate_scale(DensityMap(given, grid), REGIONAL).scale.data)
    for region, expected in zip(regions, medians(result.scale, regions), strict=True):
        assert np.median(other[region]) == pytest.approx(expected, abs=0.01)
    off = np.abs(other - result.scale.data)
    assert np.quantile(off, 0.98) < 0.01  # the rest is at steps, which another cell may hold


@pytest.mark.parametrize("change", ["mirror", "resampling"])
def test_what_a_body_of_fine_voxels_reads_does_not_hang_on_the_grid(change):
    density, regions = bodies(0.5, 0.05, FINE)
    expected = medians(estimate_scale(density, REGIONAL).scale, regions)
    if change == "mirror":
        given = density.with_data(np.flip(density.data, 2).copy())
        regions = [np.flip(region, 2) for region in regions]
    else:
        given = resample(density, tuple(round(1.3 * n / 2) * 2 for n in density.data.shape))
        regions = [nearest(region, given.data.shape) for region in regions]
    found = medians(estimate_scale(given, REGIONAL).scale, regions)
    assert found == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("voxel_size", [1.0, 2.0])
def test_noise_is_no_region(seed, voxel_size):
    grid = Grid((40, 44, 48), (voxel_size,) * 3)
    noise = coloured_noise(grid, np.array([0.0, 0.5]), np.array([1.0, 0.2]), seed=seed)
    result = estimate_scale(DensityMap(noise, grid), REGIONAL)
    assert result.scale.data.max() == 0
    assert np.isfinite(result.sigma.data).all()


def test_the_standard_error_holds_where_a_step_may_lie():
    clean, (body, _) = bodies(1.0, 0.0, FINE)
    share = np.ones(clean.data.shape, np.float32)
    middle = int(np.argwhere(body)[:, 0].mean())
    share[:middle] = 0.4
    noise = bodies(1.0, 0.05, FINE)[0].data - clean.data
    result = estimate_scale(clean.with_data(share * clean.data + noise), REGIONAL)
    off = result.scale.data - share
    for planes in (slice(middle - 4, middle + 4), slice(middle - 8, middle + 8)):
        found, error = off[planes][body[planes]], result.sigma.data[planes][body[planes]]
        assert np.sqrt((found**2).mean()) < 2.5 * np.sqrt((error**2).mean())
    assert np.median(result.sigma.data[body & (share == 1)]) < 0.1


def test_what_is_beside_a_full_body_has_what_it_has_of_its_own():
    density, regions = bodies(0.5, 0.05, grid=FINE)
    full, half = (
        ndimage.distance_transform_edt(~region, sampling=FINE.voxel_size_zyx) for region in regions
    )
    beside = (full > 4) & (full < 6) & (half > 12)
    result = estimate_scale(density, REGIONAL)
    assert np.median(result.place.data[beside]) > 0.9  # a place that is told
    assert np.median(result.scale.data[beside]) < 0.2


def test_far_from_content_there_is_nothing(made):
    _, regions, result = made
    far = ndimage.distance_transform_edt(~(regions[0] | regions[1])) * 2.0 > 22
    assert result.scale.data[far].max() == 0


def test_a_fine_grid_reads_the_same():
    density, regions = bodies(0.5, 0.05, FINE)
    full, half = medians(estimate_scale(density, REGIONAL).scale, regions)
    assert full == pytest.approx(1.0, abs=0.03)
    assert half == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("granularity", [-1.0, 3.0, float("nan"), float("inf")])
def test_a_granularity_is_zero_or_more_than_a_cell(granularity):
    with pytest.raises(ParameterError, match="granularity"):
        ScaleParams(granularity=granularity).resolve(Grid.cubic(32, 2.0))


def test_distances_are_those_of_scipy():
    chosen = np.random.default_rng(3).random((9, 11, 14)) > 0.97
    spacing = (2.0, 2.5, 3.0)
    expected = ndimage.distance_transform_edt(~chosen, sampling=spacing)
    np.testing.assert_allclose(
        _loops.distances(chosen, spacing, 7.0), np.minimum(expected, 7.0), rtol=1e-6
    )


# ---- what is modified by it -------------------------------------------------------------------


def modified(density, result, scale=None, **power):
    (made,) = iter_modified(
        density,
        result.scale if scale is None else scale,
        result.confidence,
        result.solvent,
        ModifyParams(**power),
        sigma=None if result.place is None else result.sigma,
        place=result.place,
    )
    return made.map.data


@pytest.mark.parametrize("power", [{"amplify": 30.0}, {"attenuate": 30.0}, {"sigmoid": 5.0}])
def test_a_full_map_keeps_its_bytes(made, power):
    density, _, result = made
    full = result.scale.with_data(np.ones_like(result.scale.data))
    assert np.array_equal(modified(density, result, full, **power), density.data)


def test_what_is_far_from_content_keeps_its_bytes(made):
    density, _, result = made
    for power in ({"amplify": 30.0}, {"attenuate": 30.0}):
        far = result.place.data == 0
        assert np.array_equal(modified(density, result, **power)[far], density.data[far])


def test_factors_count_from_the_level_of_the_solvent(made):
    density, regions, result = made
    shift = np.float32(0.4 * density.data.max())
    other = density.with_data(density.data + shift)
    again = estimate_scale(other, REGIONAL)
    first = modified(density, result, amplify=30.0)[regions[1]]
    second = modified(other, again, amplify=30.0)[regions[1]] - shift
    assert np.abs(second - first).mean() < 0.02 * first.std()


def test_amplified_bodies_are_full_and_attenuated_ones_gone_or_as_they_were(made):
    density, regions, result = made
    whole = bodies(1.0, 0.0)[0].data

    def gains(data):
        return [np.vdot(data[r], whole[r]) / np.vdot(whole[r], whole[r]) for r in regions]

    full, half = gains(modified(density, result, amplify=30.0))
    assert full == pytest.approx(1.0, abs=0.05)
    assert half == pytest.approx(1.0, abs=0.1)
    full, half = gains(modified(density, result, attenuate=30.0))
    assert abs(half) < 0.05
    granular = estimate_scale(density, GRANULAR)
    assert full > 0.1 + gains(modified(density, granular, attenuate=30.0))[0]


def test_what_is_full_within_a_small_error_is_full():
    scale = np.array([0.9, 0.85, 0.5, 0.9, 1.0, 0.89], np.float32)
    sigma = np.array([0.12, 0.05, 0.6, 0.2, 0.3, 0.05], np.float32)
    expected = np.array([1.0, 0.85, 0.5, 0.9, 1.0, 1.0], np.float32)
    assert np.array_equal(full_within_error(scale, sigma), expected)
