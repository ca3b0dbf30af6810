"""Agreement of local resolutions, what regions and scales read off them, and processed maps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from resolution_maps import radius, two_resolutions
from scipy import fft, stats

from occupy_core import GridMismatchError
from occupy_core.maps import DensityMap, Grid
from occupy_core.resolution.read.global_resolution import GlobalResolution
from occupy_core.resolution.use.agreement import (
    agreement,
    estimated,
    resolution_of_regions,
    scale_correlation,
    spearman,
)
from occupy_core.resolution.use.processed import post_processed, soft_masked

SHAPE = (9, 11, 14)
GRID = Grid(SHAPE, (1.0, 1.5, 2.0))
EVERYWHERE = np.ones(SHAPE, bool)


@pytest.fixture
def reference():
    return np.random.default_rng(1).uniform(3, 8, SHAPE).astype(np.float32)


# ---- agreement --------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=30))
def test_the_rank_correlation_is_that_of_scipy(pairs):
    a, b = (np.array(values, float) for values in zip(*pairs, strict=True))
    found = spearman(a, b)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        assert found is None
    else:
        assert found == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)


def test_no_values_have_no_correlation():
    assert spearman(np.array([]), np.array([])) is None


def test_the_truth_agrees_fully_with_itself(reference):
    found = agreement(reference, reference, EVERYWHERE, sigma=np.full(SHAPE, 0.1))
    assert (found.rmse, found.log_rmse, found.bias) == (0, 0, 0)
    assert found.spearman == pytest.approx(1)
    assert (found.skill, found.coverage, found.voxels) == (1, 1, reference.size)


def test_a_relative_error_is_the_log_rmse(reference):
    found = agreement(1.1 * reference, reference, EVERYWHERE)
    assert found.log_rmse == pytest.approx(np.log(1.1), rel=1e-4)
    assert found.bias == pytest.approx(0.1 * np.median(reference), rel=1e-4)
    assert found.spearman == pytest.approx(1)
    assert found.coverage is None


def test_the_best_constant_has_no_skill_and_no_rank(reference):
    constant = np.full(SHAPE, reference.mean(dtype=np.float64), np.float32)
    found = agreement(constant, reference, EVERYWHERE)
    assert found.skill == pytest.approx(0, abs=1e-4)
    assert found.spearman is None
    assert agreement(reference, constant, EVERYWHERE).skill is None


def test_an_error_of_half_the_spread_has_half_the_skill(reference):
    sign = np.where(np.random.default_rng(3).uniform(size=SHAPE) < 0.5, -1, 1)
    estimate = (reference + sign * reference.std() / 2).astype(np.float32)
    assert agreement(estimate, reference, EVERYWHERE).skill == pytest.approx(0.5, abs=1e-4)


def test_coverage_of_a_normal_error_is_68_percent():
    rng = np.random.default_rng(2)
    reference = np.full((40, 40, 40), 5.0, np.float32)
    sigma = rng.uniform(0.1, 0.5, reference.shape).astype(np.float32)
    estimate = reference + sigma * rng.standard_normal(reference.shape).astype(np.float32)
    found = agreement(estimate, reference, np.ones(reference.shape, bool), sigma=sigma)
    assert found.coverage == pytest.approx(0.683, abs=0.01)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_voxels_are_not_judged(reference, count):
    inside = np.zeros(SHAPE, bool)
    inside.flat[:count] = True
    found = agreement(reference, reference, inside)
    assert (found.voxels, found.rmse, found.spearman) == (count, None, None)


def test_only_voxels_inside_count(reference):
    inside = reference < 5
    other = np.where(inside, reference, 100).astype(np.float32)
    assert agreement(other, reference, inside).rmse == 0


# ---- what regions and scales read off ------------------------------------------------------------


@pytest.mark.parametrize("background", [0.0, -1.0, 100.0, 8.864])
def test_the_background_of_any_program_is_no_estimate(reference, background):
    data = np.full(SHAPE, background, np.float32)
    data[2:6, 3:9, 4:11] = reference[2:6, 3:9, 4:11]
    found = estimated(DensityMap(data, GRID))
    expected = np.zeros(SHAPE, bool)
    expected[2:6, 3:9, 4:11] = True
    np.testing.assert_array_equal(found, expected)


def test_a_map_estimated_everywhere_is_used_everywhere(reference):
    assert estimated(DensityMap(reference, GRID)).all()


def test_each_region_has_the_median_of_its_estimates(reference):
    data = reference.copy()
    data[:2] = 0
    resolution = DensityMap(data, GRID)
    first, second, third = (np.zeros(SHAPE, np.float32) for _ in range(3))
    first[1:5, 2:8] = 1
    second[6:] = 0.6
    third[:2] = 1
    masks = (DensityMap(m, GRID, n) for n, m in (("A", first), ("B", second), ("C", third)))
    found = resolution_of_regions(resolution, masks)
    assert found["A"] == pytest.approx(np.median(data[2:5, 2:8]))
    assert found["B"] == pytest.approx(np.median(data[6:]))
    assert found["C"] is None
    assert list(found) == ["A", "B", "C"]


def test_a_region_on_another_grid_is_refused(reference):
    other = Grid((9, 11, 13), (1.0, 1.5, 2.0))
    mask = DensityMap(np.ones(other.shape), other)
    with pytest.raises(GridMismatchError, match="mask"):
        resolution_of_regions(DensityMap(reference, GRID), [mask])


def test_a_scale_that_follows_the_resolution_correlates_with_it(reference):
    resolution, confidence = DensityMap(reference, GRID), DensityMap(EVERYWHERE, GRID)
    falling = DensityMap(3 / reference, GRID)
    assert scale_correlation(falling, confidence, resolution) == pytest.approx(1)
    rising = DensityMap(reference / 8, GRID)
    assert scale_correlation(rising, confidence, resolution) == pytest.approx(-1)
    rng = np.random.default_rng(5)
    unrelated = DensityMap(rng.uniform(0, 1, SHAPE), GRID)
    assert abs(scale_correlation(unrelated, confidence, resolution)) < 0.15


def test_solvent_does_not_count_for_the_correlation(reference):
    confidence = (reference < 6).astype(np.float32)
    scale = np.where(confidence > 0, 3 / reference, 1).astype(np.float32)
    maps = [DensityMap(data, GRID) for data in (scale, confidence, reference)]
    assert scale_correlation(*maps) == pytest.approx(1)
    nothing = DensityMap(np.zeros(SHAPE), GRID)
    assert scale_correlation(maps[0], nothing, maps[2]) is None


# ---- processed maps -----------------------------------------------------------------------------


def test_post_processing_weights_sharpens_and_cuts():
    grid = Grid((40, 45, 36), (1.5, 1.4, 1.6))
    data = np.random.default_rng(1).standard_normal(grid.shape).astype(np.float32)
    frequency = np.array([0.05, 0.15, 0.25, 0.3])
    overall = GlobalResolution(
        frequency=frequency,
        fsc=np.array([1.0, 0.8, 0.3, 0.05]),
        at_0143=4.0,
        at_05=5.0,
        censored=False,
    )
    found = fft.rfftn(post_processed(DensityMap(data, grid), overall).data.astype(float))
    before = fft.rfftn(data.astype(float))
    r = radius(grid)
    fsc = np.interp(r, frequency, overall.fsc)
    gain = np.sqrt(2 * fsc / (1 + fsc)) * np.exp(25 * r**2)
    kept = r < 0.248
    np.testing.assert_allclose(found[kept], (before * gain)[kept], atol=0.01 * abs(before).max())
    assert abs(found[r > 0.252]).max() < 1e-3 * abs(before).max()


def test_a_soft_mask_keeps_the_molecule_and_ends_9_angstroms_past_it():
    known = two_resolutions(Grid((44, 47, 52), (1.5, 1.4, 1.6)), noise=8)
    mask = known.density.with_data(known.mask.astype(np.float32))
    ones = known.density.with_data(np.ones(known.grid.shape))
    factor = soft_masked(ones, mask).data
    assert (factor[known.mask] == 1).all()
    assert factor.min() == 0
    assert factor.max() == 1
    from scipy import ndimage

    distance = ndimage.distance_transform_edt(~known.mask, sampling=known.grid.voxel_size_zyx)
    assert (factor[distance <= 3] == 1).all()
    assert factor[distance >= 9] == pytest.approx(0, abs=1e-6)
    assert factor[np.abs(distance - 6) < 0.1] == pytest.approx(0.5, abs=0.06)
