"""Classes that do not differ are proposed as one."""

import numpy as np
import pytest
from scipy import stats

from occupy_core.regions.regroup import pair_p_value, regroup

N = 8  # regions


def covariances(rng, n_maps, sigma=0.03):
    """Covariances with errors that regions share, as a reference gives."""
    found = []
    for _ in range(n_maps):
        mixing = np.eye(N) + 0.3 * rng.normal(size=(N, N))
        found.append(sigma**2 * mixing @ mixing.T)
    return np.array(found)


def drawn(rng, truth, covariance):
    return np.array([rng.multivariate_normal(t, c) for t, c in zip(truth, covariance, strict=True)])


def test_p_values_of_equal_maps_are_uniform():
    rng = np.random.default_rng(0)
    c = covariances(rng, 2)
    p = []
    for _ in range(400):
        a, b = drawn(rng, np.ones((2, N)), c)
        p.append(pair_p_value(a - b, c[0] + c[1]))
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_one_region_gives_the_normal_p_value():
    assert pair_p_value(np.array([0.06]), np.array([[0.03**2]])) == pytest.approx(
        2 * stats.norm.sf(2)
    )


def test_a_reference_that_is_one_by_definition_takes_no_degree_of_freedom():
    """The reference mean is 1 in each map: that direction has no error and no difference."""
    share = np.zeros(N)
    share[:3] = 1 / 3
    project = np.eye(N) - np.outer(np.ones(N), share)
    rng = np.random.default_rng(1)
    c = 0.03**2 * project @ project.T
    p = []
    for _ in range(400):
        d = project @ rng.normal(0, 0.03, N)
        p.append(pair_p_value(d, c))
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_regions_that_a_map_cannot_tell_are_left_out():
    c = np.diag(np.full(N, 0.03**2))
    d = np.full(N, 0.05)
    d[2] = np.nan
    rest = np.delete(d, 2)
    expected = stats.chi2.sf((rest**2).sum() / 0.03**2, N - 1)
    assert pair_p_value(d, c) == pytest.approx(expected)
    assert np.isnan(pair_p_value(np.full(N, np.nan), c))


def test_errors_of_very_different_size_do_not_hide_a_difference():
    c = np.diag([1e4, 1e-6])
    assert pair_p_value(np.array([0.0, 0.01]), c) < 1e-10


@pytest.mark.parametrize("n_maps", [2, 3, 6])
def test_maps_split_at_random_are_proposed_as_one(n_maps):
    rng = np.random.default_rng(2)
    whole = 0
    for _ in range(100):
        c = covariances(rng, n_maps)
        truth = np.tile(rng.uniform(0, 1, N), (n_maps, 1))
        found = regroup([str(i) for i in range(n_maps)], drawn(rng, truth, c), c)
        whole += len(found.groups) == 1
    assert whole >= 95


def test_maps_that_differ_by_half_a_subunit_stay_apart():
    rng = np.random.default_rng(3)
    joined = 0
    for _ in range(100):
        c = covariances(rng, 2)
        truth = np.ones((2, N))
        truth[1, 4] = 0.5
        joined += len(regroup("ab", drawn(rng, truth, c), c).groups) == 1
    assert joined <= 1


def test_groups_are_found_whatever_the_order_of_the_maps():
    rng = np.random.default_rng(4)
    states = np.array([[1, 1, 1, 0.0], [1, 1, 0.0, 1], [1, 1, 1, 1]])
    of_map = np.array([0, 1, 2, 0, 2, 2])
    c = np.tile(np.diag(np.full(4, 0.02**2)), (6, 1, 1))
    o = drawn(rng, states[of_map], c)
    names = np.array(list("abcdef"))
    expected = {frozenset("ad"), frozenset("b"), frozenset("cef")}
    for order in (np.arange(6), rng.permutation(6), rng.permutation(6)):
        found = regroup(names[order], o[order], c[order])
        assert {frozenset(group) for group in found.groups} == expected
    assert len(found.merges) == 5
    values = [merge.p_value for merge in found.merges]
    assert values == sorted(values, reverse=True)
    assert values[2] >= found.level > values[3]


def test_a_chain_of_small_steps_is_not_joined():
    """Neighbours agree but the ends differ: all in one group would hide a difference."""
    steps = np.linspace(0, 1, 11)[:, None]
    c = np.full((11, 1, 1), 0.04**2)
    found = regroup([str(i) for i in range(11)], steps, c)
    assert len(found.groups) > 1
    for group in found.groups:
        inside = steps[[int(name) for name in group]]
        assert np.ptp(inside) < 0.3


def test_one_map_is_one_group():
    found = regroup(["a"], np.ones((1, 3)), np.eye(3)[None])
    assert found.groups == (("a",),)
    assert found.merges == ()
