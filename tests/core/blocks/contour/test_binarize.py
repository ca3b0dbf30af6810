import numpy as np
import pytest
from ensembles import ellipsoids
from scipy import ndimage

from occupy_core.blocks.bits import unpack
from occupy_core.blocks.contour.binarize import binarize, correlation_limit, noise_distance
from occupy_core.blocks.contour.thresholds import find_threshold, smoothed, solvent_level
from occupy_core.blocks.params import THRESHOLD_RULES, BlocksParams
from occupy_core.errors import EstimationError, ParameterError
from occupy_core.maps import DensityMap, Grid, threads
from occupy_core.maps.ensemble import Ensemble


def ensemble_of(known, n=None):
    grid = Grid(known.core.shape, (known.voxel_size,) * 3)
    maps = [DensityMap(known.volume(i), grid, f"vol_{i}") for i in range(n or len(known))]
    return Ensemble(maps)


@pytest.fixture(scope="module")
def known():
    return ellipsoids((20, 23, 26), 40, n_blocks=4, seed=1, noise=0.15)


@pytest.fixture(scope="module")
def ensemble(known):
    return ensemble_of(known)


# ---- rules


@pytest.mark.parametrize("rule", THRESHOLD_RULES)
@pytest.mark.parametrize(("factor", "offset"), [(1000.0, 0.0), (0.01, 3.0), (7.0, -20.0)])
def test_rules_do_not_depend_on_the_grey_scale(ensemble, rule, factor, offset):
    density = ensemble.read(3)
    value, solvent, *_ = find_threshold(density, rule)
    other = find_threshold(density.with_data(density.data * factor + offset), rule)
    assert other.value == pytest.approx(factor * value + offset, abs=0.02 * factor)
    assert other.solvent == pytest.approx(factor * solvent + offset, abs=0.02 * factor)


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.3, 0.6])
@pytest.mark.parametrize("softness", [0.0, 0.7])
def test_the_default_rule_is_half_of_full_density_whatever_the_noise(noise, softness):
    known = ellipsoids(32, 6, seed=5, noise=noise, softness=softness)
    values = [find_threshold(v, "density").value for v in map(ensemble_of(known).read, range(6))]
    assert np.mean(values) == pytest.approx(0.5, abs=0.08)
    assert np.std(values) < 0.04


def test_correlated_noise_does_not_raise_the_thresholds():
    known = ellipsoids(32, 6, seed=5, noise=0.5, correlation=1.0)
    values = [find_threshold(v, "density").value for v in map(ensemble_of(known).read, range(6))]
    assert 0.3 < min(values) < max(values) < 0.5  # the densest part alone is above 0.6
    assert np.std(values) < 0.04


def test_a_dark_rim_does_not_lower_the_thresholds():
    known = ellipsoids((40, 43, 46), 2, n_blocks=4, seed=1, noise=0.05)
    volume = ensemble_of(known).read(1)
    body = ndimage.binary_dilation(volume.data > 0.6, iterations=2)
    rim = ndimage.binary_dilation(body, iterations=2) & ~body
    rimmed = volume.with_data(np.where(rim, volume.data - 0.4, volume.data).astype(np.float32))
    before, after = (find_threshold(v, "density").value for v in (volume, rimmed))
    assert rim.mean() > 0.04
    assert after == pytest.approx(before, abs=0.02)  # by the variance below the solvent: 0.06


def test_the_default_rule_does_not_depend_on_what_else_is_in_the_volume():
    known = ellipsoids(32, 30, seed=2, noise=0.02)
    values = [find_threshold(v, "density").value for v in map(ensemble_of(known).read, range(30))]
    assert known.presence.sum(axis=1).std() > 0.5
    assert np.std(values) < 0.005


def test_the_solvent_level_is_the_main_peak():
    rng = np.random.default_rng(0)
    data = rng.normal(2.5, 0.3, (24, 24, 24)).astype(np.float32)
    data[8:16, 8:16, 8:16] += 9
    density = DensityMap(data, Grid.cubic(24, 1.0))
    assert solvent_level(density) == pytest.approx(2.5, abs=0.05)


def test_the_solvent_level_of_a_masked_map_is_its_outside():
    data = np.zeros((16, 16, 16), np.float32)
    data[5:11, 5:11, 5:11] = np.random.default_rng(1).normal(5, 1, (6, 6, 6))
    density = DensityMap(data, Grid.cubic(16, 1.0))
    assert solvent_level(density) == pytest.approx(0.0, abs=0.02)
    assert 1.5 < find_threshold(density, "density").value < 4


def test_inverted_density_is_told():
    density = ensemble_of(ellipsoids(16, 2, n_blocks=1, noise=0.01, agreeing=None)).read(0)
    with pytest.raises(EstimationError, match=r"multiply the volumes by -1"):
        find_threshold(density.with_data(-density.data), "otsu")


def test_smoothing_is_in_angstroms():
    data = np.zeros((15, 15, 15), np.float32)
    data[7, 7, 7] = 1
    wide = smoothed(DensityMap(data, Grid((15, 15, 15), (1.0, 1.0, 2.0))), 2.0).data
    assert wide[7, 7, 9] == pytest.approx(wide[7, 7, 5])
    assert wide[7, 9, 7] > 2 * wide[9, 7, 7]  # two voxels are 2 Å along y, 4 Å along z


# ---- bits


@pytest.mark.parametrize("n_threads", [1, 3])
def test_the_union_holds_exactly_the_voxels_above_the_threshold(known, ensemble, n_threads):
    with threads(n_threads):
        occupied = binarize(ensemble, BlocksParams(threshold=0.6, union_fraction=0.05))
    on = np.array([known.volume(i).ravel() > 0.6 for i in range(40)]).T
    union = np.flatnonzero(on.sum(axis=1) > 2)
    np.testing.assert_array_equal(occupied.voxels, union)
    np.testing.assert_array_equal(unpack(occupied.bits.words, 40), on[union])
    np.testing.assert_array_equal(occupied.bits.totals, on[union].sum(axis=1))
    cells = np.stack(np.unravel_index(union, known.core.shape), axis=1)
    np.testing.assert_array_equal(occupied.bits.cells, cells)
    np.testing.assert_allclose(occupied.thresholds.on_fraction, on.mean(axis=0))
    assert occupied.thresholds.rule == "number"


def test_grey_scales_of_single_volumes_change_nothing(known):
    plain = binarize(ensemble_of(known))
    rng = np.random.default_rng(8)
    grid = Grid(known.core.shape, (known.voxel_size,) * 3)
    maps = [
        DensityMap(known.volume(i) * rng.uniform(0.1, 9) + rng.normal(), grid, f"vol_{i}")
        for i in range(40)
    ]
    scaled = binarize(Ensemble(maps))
    differ = np.setxor1d(plain.voxels, scaled.voxels)
    assert len(differ) < 0.02 * len(plain.voxels)
    np.testing.assert_allclose(
        plain.thresholds.on_fraction, scaled.thresholds.on_fraction, rtol=0.02
    )


def test_a_table_gives_each_volume_its_threshold(ensemble):
    table = {f"vol_{i}": 0.4 + 0.01 * i for i in range(40)}
    occupied = binarize(ensemble, table=table)
    np.testing.assert_allclose(occupied.thresholds.values, list(table.values()))
    assert occupied.thresholds.rule == "table"


def test_volumes_with_odd_thresholds_are_left_out_on_request(known):
    grid = Grid(known.core.shape, (known.voxel_size,) * 3)
    maps = [DensityMap(known.volume(i) * (9 if i == 7 else 1), grid, f"vol_{i}") for i in range(20)]
    every = binarize(Ensemble(maps))
    assert every.thresholds.outlying.nonzero()[0].tolist() == [7]
    assert every.n_volumes == 20
    some = binarize(Ensemble(maps), BlocksParams(filter_volumes=True))
    assert some.n_volumes == 19
    assert "vol_7" not in some.names
    assert some.indices == tuple(i for i in range(20) if i != 7)


def test_noisy_volumes_are_smoothed_before_they_are_contoured():
    clean = binarize(ensemble_of(ellipsoids(24, 12, seed=1, noise=0.1)))
    noisy = binarize(ensemble_of(ellipsoids(24, 12, seed=1, noise=0.7)))
    assert clean.smoothing == 0
    assert noisy.smoothing == 4.0
    ratio = noisy.thresholds.on_fraction / clean.thresholds.on_fraction
    assert 0.5 < ratio.min() < ratio.max() < 2  # unsmoothed, a fifth of the box would be


@pytest.mark.parametrize(
    ("noise", "correlation", "smoothed"), [(2.0, 0.0, True), (0.7, 1.0, True), (0.7, 1.5, False)]
)
def test_noise_that_is_smooth_itself_is_not_smoothed(noise, correlation, smoothed):
    known = ellipsoids(24, 12, seed=1, noise=noise, correlation=correlation)
    assert (binarize(ensemble_of(known)).smoothing > 0) == smoothed


def test_a_volume_with_nothing_in_it_is_not_contoured_in_its_noise(known):
    grid = Grid(known.core.shape, (known.voxel_size,) * 3)
    rng = np.random.default_rng(3)
    maps = [DensityMap(known.volume(i), grid, f"vol_{i}") for i in range(20)]
    maps[4] = DensityMap(8 * rng.normal(0, 0.15, known.core.shape) - 3, grid, "empty")
    thresholds = binarize(Ensemble(maps)).thresholds
    assert find_threshold(maps[4], "density").empty
    assert not find_threshold(maps[5], "density").empty
    assert thresholds.on_fraction[4] < 0.01  # half of the densest noise: a third would be on
    others = np.delete(thresholds.heights, 4)
    assert thresholds.heights[4] == pytest.approx(8 * np.median(others), rel=0.1)


# ---- noise


@pytest.mark.parametrize("sigma", [0.0, 0.7, 1.0, 1.5])
def test_the_correlation_of_the_noise_is_measured_in_the_solvent(sigma):
    known = ellipsoids(28, 12, n_blocks=3, seed=1, noise=0.2, correlation=sigma)
    noise = binarize(ensemble_of(known)).noise
    distance = np.arange(7)
    expected = np.exp(-(distance**2) / (4 * sigma**2)) if sigma else np.eye(1, 7)[0]
    np.testing.assert_allclose(noise, expected, atol=0.12)


def test_the_distance_of_noise_is_where_its_correlation_falls_below_the_limit():
    falling = np.array([1.0, 0.8, 0.4, 0.1, 0.0, 0.0, 0.0])
    assert noise_distance(falling, 0.4) == pytest.approx(2.0)
    assert noise_distance(falling, 0.25) == pytest.approx(2.5)
    assert noise_distance(np.ones(7), 0.5) == 6.0


def test_noise_may_correlate_bits_by_a_little_less_than_what_is_significant():
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, 1_000_000))
    for n, of_bits in ((100, 0.5 - 0.1), (500, np.sqrt(2 * 20.0 / 500) - np.sqrt(1 / 500))):
        rho = correlation_limit(n, -20.0)
        both = np.mean((a > 0) & (rho * a + np.sqrt(1 - rho**2) * b > 0))
        assert 4 * both - 1 == pytest.approx(of_bits, abs=0.005)
    assert correlation_limit(100_000, -20.0) == pytest.approx(np.sin(0.1 * np.pi / 2))


# ---- bad input


def constant_but_one(value):
    grid = Grid.cubic(8, 1.0)
    rng = np.random.default_rng(0)
    maps = [DensityMap(rng.random((8, 8, 8)), grid, f"v{i}") for i in range(12)]
    return Ensemble([*maps[:5], DensityMap(np.full((8, 8, 8), value), grid, "flat"), *maps[5:]])


@pytest.mark.parametrize(
    ("make", "params", "error", "message"),
    [
        (lambda e: Ensemble([e.read(0)]), {}, ParameterError, "1 volume can be used and 10 is"),
        (lambda e: Ensemble([e.read(i) for i in range(9)]), {}, ParameterError, "9 volumes can"),
        (lambda _: constant_but_one(3.0), {}, EstimationError, "flat is 3 everywhere"),
        (
            lambda e: Ensemble([e.read(0).with_data(e.read(0).data, f"v{i}") for i in range(12)]),
            {},
            EstimationError,
            "no part comes or goes",
        ),
        (lambda e: e, {"threshold": 1e9}, EstimationError, "No voxel of any volume"),
        (lambda e: e, {"threshold": -1e9}, ParameterError, "threshold above the solvent"),
        (lambda e: e, {"posp": 0.0}, ParameterError, "posp is 0 but must be"),
        (lambda e: e, {"threshold_rule": "best"}, ParameterError, "one of density, scale,"),
        (lambda e: e, {"smoothing": 1e9}, ParameterError, "smoothing is 1e.09 Å but must be at"),
        (lambda e: e, {"min_volume": -1.0, "seed": -2}, ParameterError, "min_volume .* seed is"),
    ],
)
def test_bad_input_is_told_in_a_sentence(ensemble, make, params, error, message):
    with pytest.raises(error, match=message):
        binarize(make(ensemble), BlocksParams(**params))


def test_a_table_that_lacks_volumes_is_refused(ensemble):
    with pytest.raises(ParameterError, match=r"no row for vol_1 \(39 of 40 volumes"):
        binarize(ensemble, table={"vol_0": 1.0})


def test_thresholds_that_hardly_any_voxel_reaches_are_told(ensemble):
    with pytest.raises(EstimationError, match="No voxel is occupied in more than 50 %"):
        binarize(ensemble, BlocksParams(threshold=1.45, union_fraction=0.5))


def test_the_frequency_is_the_part_of_the_volumes_in_which_a_voxel_is_on(ensemble):
    occupied = binarize(ensemble)
    frequency = occupied.frequency
    assert frequency.grid == ensemble.grid
    on = unpack(occupied.bits.words, occupied.n_volumes)
    flat = frequency.data.ravel()
    np.testing.assert_allclose(flat[occupied.voxels], on.mean(axis=1), rtol=1e-6)
    assert np.count_nonzero(flat) == len(occupied.voxels)


def test_inverted_volumes_are_told(ensemble):
    inverted = [ensemble.read(i) for i in range(12)]
    inverted = [density.with_data(-density.data) for density in inverted]
    with pytest.raises(EstimationError, match=r"In 12 of 12 volumes .* multiply the volumes by -1"):
        binarize(Ensemble(inverted))


def test_volumes_are_smoothed_where_correlated_noise_hides_the_bodies():
    options = {"n_blocks": 4, "seed": 1, "softness": 0.5}
    clear = binarize(ensemble_of(ellipsoids(24, 16, noise=0.2, **options)))
    noisy = binarize(ensemble_of(ellipsoids(24, 16, noise=0.6, correlation=1.0, **options)))
    assert clear.smoothing == 0
    assert noisy.smoothing == noisy.grid.mean_voxel_size
