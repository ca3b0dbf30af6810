from fractions import Fraction
from math import comb, log, log1p

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from occupy_core.blocks import _loops as kernels
from occupy_core.blocks.bits import VoxelBits, pack, unpack
from occupy_core.blocks.sketch.cooccupancy import (
    PairTest,
    bonferroni_attainable,
    common_volumes,
    corrected_limits,
    cutoff_table,
    log_tail,
)
from occupy_core.maps import threads


def voxels(on, cells=None):
    on = np.asarray(on, bool)
    if cells is None:
        cells = np.zeros((len(on), 3), np.int32)
        cells[:, 2] = 10 * np.arange(len(on))
    return VoxelBits(pack(on), on.sum(axis=1).astype(np.int64), cells, on.shape[1])


def pair_test(limit, *, min_distance=0.0, distance_factor=False, box=1e6):
    size = (1.0, 1.0, 1.0)
    return PairTest(
        log_limit_on=limit,
        log_limit_off=limit,
        min_distance=min_distance,
        voxel_size=size,
        box=(box,) * 3,
        distance_factor=distance_factor,
    )


# ---- tails


def exact_log_tail(both, t_i, t_j, n):
    ways = sum(comb(t_i, x) * comb(n - t_i, t_j - x) for x in range(both, min(t_i, t_j) + 1))
    tail = Fraction(ways, comb(n, t_j))
    if tail > Fraction(1, 2):
        return log1p(-float(1 - tail))
    return log(tail.numerator) - log(tail.denominator)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_tails_equal_integer_arithmetic(data):
    n = data.draw(st.integers(2, 400))
    t_i, t_j = data.draw(st.integers(1, n)), data.draw(st.integers(1, n))
    both = data.draw(st.integers(max(0, t_i + t_j - n), min(t_i, t_j)))
    expected = exact_log_tail(both, t_i, t_j, n)
    assert log_tail(both, t_i, t_j, n) == pytest.approx(expected, rel=1e-10, abs=1e-300)


@pytest.mark.parametrize("n", [20, 200, 1000, 3000])
def test_tails_equal_scipy_down_to_1e_minus_12(n):
    rng = np.random.default_rng(n)
    t_i, t_j = rng.integers(1, n, 3000), rng.integers(1, n, 3000)
    low, high = np.maximum(0, t_i + t_j - n), np.minimum(t_i, t_j)
    both = low + (rng.random(3000) * (high - low + 1)).astype(int)
    expected = scipy.stats.hypergeom.logsf(both - 1, n, t_i, t_j)
    compared = (expected > log(1e-12)) & (expected < -1e-3)
    assert compared.sum() > 100
    np.testing.assert_allclose(
        log_tail(both, t_i, t_j, n)[compared], expected[compared], rtol=1e-10
    )


def test_tails_have_their_ends():
    assert log_tail(0, 5, 6, 20) == 0.0
    assert log_tail(6, 5, 6, 20) == -np.inf
    assert log_tail(3, 15, 8, 20) == 0.0  # at least three must be common


def test_both_on_and_both_off_have_the_same_tail():
    n, t_i, t_j = 50, 20, 14
    both = np.arange(15)
    off = n - t_i - t_j + both
    np.testing.assert_allclose(
        log_tail(both, t_i, t_j, n), log_tail(off, n - t_i, n - t_j, n), atol=1e-12
    )


@pytest.mark.parametrize(("n", "p"), [(30, 1e-3), (130, 1e-8), (1100, 1e-300)])
def test_cutoffs_are_the_smallest_counts_below_the_limit(n, p):
    rng = np.random.default_rng(0)
    totals = rng.integers(0, n + 1, 25)
    table = cutoff_table(totals, n, log(p))
    for t_i in totals:
        for t_j in totals:
            cut = table[t_i, t_j]
            assert cut > min(t_i, t_j) or log_tail(cut, t_i, t_j, n) <= log(p)
            assert cut == 0 or log_tail(cut - 1, t_i, t_j, n) > log(p)
    absent = np.setdiff1d(np.arange(n + 1), totals)[0]
    assert np.all(table[absent] == n + 1)


# ---- bits


@pytest.mark.parametrize(("n_voxels", "n_volumes"), [(1, 1), (3, 63), (7, 64), (5, 65), (4, 700)])
def test_packing_is_undone_by_unpacking(n_voxels, n_volumes):
    on = np.random.default_rng(n_volumes).random((n_voxels, n_volumes)) < 0.4
    words = pack(on)
    assert words.shape == (-(-n_volumes // 64), n_voxels)
    np.testing.assert_array_equal(unpack(words, n_volumes), on)
    bits = voxels(np.zeros_like(on)).with_words(words)
    np.testing.assert_array_equal(bits.totals, on.sum(axis=1))


@pytest.mark.parametrize("n_volumes", [1, 65, 250, 320])
def test_common_volumes_equal_a_product_of_matrices(n_volumes):
    rng = np.random.default_rng(n_volumes)
    a, b = rng.random((37, n_volumes)) < 0.5, rng.random((1030, n_volumes)) < 0.2
    expected = a.astype(int) @ b.T.astype(int)
    np.testing.assert_array_equal(common_volumes(pack(a), pack(b)), expected)


# ---- pairs


def partners_pair_by_pair(on, limit, distance, *, factor=False):
    n = on.shape[1]
    both = on.astype(int) @ on.T.astype(int)
    totals = on.sum(axis=1)
    tail = log_tail(both, totals[:, None], totals[None], n)
    found = (tail <= limit) & (distance > 0)
    if factor:
        least = cutoff_table(totals, n, limit)[totals[:, None], totals[None]]
        raised = np.ceil(
            least * np.where(distance < 40, np.maximum(0.02 * distance + 0.95, 1.25), 1.75)
        )
        largest = np.minimum(totals[:, None], totals[None])
        found &= both >= np.minimum(raised, largest)
    return found


@pytest.mark.parametrize("factor", [False, True])
def test_partners_are_those_that_the_test_finds_pair_by_pair(factor):
    rng = np.random.default_rng(4)
    hidden = rng.random((6, 90)) < 0.5
    on = hidden[rng.integers(0, 6, 600)] ^ (rng.random((600, 90)) < 0.15)
    cells = rng.integers(0, 40, (600, 3)).astype(np.int32)
    distance = np.sqrt(((cells[:, None] - cells[None]) ** 2).sum(axis=2))
    limit = log(1e-4)
    expected = partners_pair_by_pair(on, limit, distance, factor=factor)
    test = pair_test(limit, distance_factor=factor)
    degree, index = test.partners(voxels(on, cells), 8)
    np.testing.assert_array_equal(degree, expected.sum(axis=1))
    correlation = np.corrcoef(on.astype(float))
    for i in range(0, 600, 37):
        best = correlation[i, index[i][index[i] >= 0]]
        assert np.all(np.diff(best) <= 1e-9)
        others = correlation[i, expected[i] & ~np.isin(np.arange(600), index[i])]
        assert len(best) == min(8, expected[i].sum())
        assert others.max(initial=-1) <= best.min(initial=1) + 1e-9


def test_near_pairs_do_not_count_and_the_box_is_periodic():
    on = np.tile(np.random.default_rng(0).random(60) < 0.5, (4, 1))
    cells = np.array([[0, 0, 0], [0, 0, 3], [0, 0, 19], [0, 10, 10]], np.int32)
    degree, _ = pair_test(log(1e-3), min_distance=3.0, box=20.0).partners(voxels(on, cells), 3)
    np.testing.assert_array_equal(degree, [1, 2, 2, 3])


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_partners_do_not_depend_on_the_threads(n_threads):
    on = np.random.default_rng(2).random((700, 40)) < 0.5
    with threads(1):
        expected = pair_test(log(0.05)).partners(voxels(on), 5)
    with threads(n_threads):
        found = pair_test(log(0.05)).partners(voxels(on), 5)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_factor_of_siren_is_what_its_authors_set():
    assert kernels.siren_factor(1.0) == 1.25
    assert kernels.siren_factor(30.0) == pytest.approx(1.55)
    assert kernels.siren_factor(40.0) == 1.75


# ---- corrections


def noisy_groups():
    rng = np.random.default_rng(7)
    hidden = rng.random((3, 40)) < 0.5
    blocks = hidden[rng.integers(0, 3, 60)] ^ (rng.random((60, 40)) < 0.1)
    return np.concatenate([blocks, rng.random((140, 40)) < 0.5])


def test_bonferroni_divides_the_level_by_the_number_of_pairs():
    bits = voxels(noisy_groups())
    test = corrected_limits(bits, pair_test(0.0), 0.01, 0.05, correction="bonferroni")
    assert test.log_limit_on == pytest.approx(log(0.01 / (200 * 199 / 2)))
    assert test.log_limit_off == pytest.approx(log(0.05 / (200 * 199 / 2)))


@pytest.mark.parametrize("level", [0.01, 0.1])
def test_benjamini_hochberg_rejects_what_sorting_all_p_values_rejects(level):
    on = noisy_groups()
    upper = np.triu_indices(len(on), 1)
    both = (on.astype(int) @ on.T.astype(int))[upper]
    totals = on.sum(axis=1)
    p = np.sort(np.exp(log_tail(both, totals[upper[0]], totals[upper[1]], 40)))
    below = np.flatnonzero(p <= level * np.arange(1, len(p) + 1) / len(p))
    bits = voxels(on)
    test = corrected_limits(bits, pair_test(0.0), level, level, correction="bh")
    degree, _ = test.partners(bits, 1)
    assert degree.sum() // 2 == below[-1] + 1


def test_benjamini_hochberg_finds_nothing_in_noise():
    bits = voxels(np.random.default_rng(5).random((150, 60)) < 0.5)
    test = corrected_limits(bits, pair_test(0.0), 0.01, 0.01, correction="bh")
    assert test.partners(bits, 1)[0].sum() == 0


def test_few_volumes_cannot_pass_bonferroni():
    assert not bonferroni_attainable(20, 2000, 0.01)
    assert bonferroni_attainable(60, 2000, 0.01)
