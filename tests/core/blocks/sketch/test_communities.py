import dataclasses

import numpy as np
import pytest
from ensembles import ellipsoids, null

from occupy_core.blocks.bits import pack, unpack
from occupy_core.blocks.contour.binarize import binarize
from occupy_core.blocks.params import BlocksParams
from occupy_core.blocks.sketch.communities import sketch_communities
from occupy_core.blocks.sketch.patterns import (
    _resolution,
    cluster_patterns,
    find_profiles,
    gradation,
    part_of_continuum,
    partners_consensus,
    silhouettes,
    touching,
    two_classes,
)
from occupy_core.maps import DensityMap, Grid, threads
from occupy_core.maps.ensemble import Ensemble


def ensemble_of(known):
    grid = Grid(known.core.shape, (known.voxel_size,) * 3)
    return Ensemble([DensityMap(known.volume(i), grid, f"vol_{i}") for i in range(len(known))])


def sketch(known, **params):
    params = BlocksParams(**params)
    return sketch_communities(binarize(ensemble_of(known), params), params)


def errors(known, communities):
    """In how many volumes the profile of each true block is wrong, in its best community."""
    differ = known.presence.T[:, None] != communities.profiles[None]
    return np.count_nonzero(differ, axis=2).min(axis=1, initial=len(known))


# ---- patterns


def noisy_copies(profiles, n, flip, rng):
    labels = np.repeat(np.arange(len(profiles)), n)
    return profiles[labels] ^ (rng.random((len(labels), profiles.shape[1])) < flip), labels


def partners_of_own(labels, k, rng):
    return np.array([rng.choice(np.flatnonzero(labels == own), k) for own in labels], np.int32)


@pytest.mark.parametrize(("flip", "left"), [(0.05, 0.0), (0.2, 0.005), (0.3, 0.06)])
def test_a_consensus_removes_the_noise_of_single_voxels(flip, left):
    rng = np.random.default_rng(1)
    profiles = rng.random((2, 150)) < 0.5
    on, labels = noisy_copies(profiles, 60, flip, rng)
    index = partners_of_own(labels, 25, rng)
    found = unpack(partners_consensus(pack(on), index, 150), 150)
    assert np.mean(found != profiles[labels]) <= left


def test_a_consensus_knows_voxels_that_are_on_half_of_the_time_their_block_is_there():
    rng = np.random.default_rng(2)
    profile = rng.random(200) < 0.5
    on = rng.random((80, 200)) < np.where(profile, 0.5, 0.02)
    index = partners_of_own(np.zeros(80, int), 25, rng)
    found = unpack(partners_consensus(pack(on), index, 200), 200)
    assert np.mean(found != profile) < 0.01
    assert np.mean((2 * on[index[0]].sum(axis=0) > 25) != profile) > 0.1  # a majority would not


def test_values_fall_into_two_classes():
    values = np.array([0.1, 0.9, 0.05, 0.8, 0.12, 0.11])
    np.testing.assert_array_equal(two_classes(values), [0, 1, 0, 1, 0, 0])


def patterns_at(distances, n=200):
    """Patterns that differ from the first by the first so many volumes."""
    base = np.random.default_rng(0).random(n) < 0.5
    rows = np.tile(base, (len(distances), 1))
    for row, distance in zip(rows, distances, strict=True):
        row[:distance] ^= True
    return rows


def test_two_patterns_that_agree_in_ninety_percent_are_two_clusters():
    words = pack(patterns_at([0] * 100 + [20] * 40))
    labels = cluster_patterns(words, 200, 0.95)
    assert len(np.unique(labels)) == 2
    assert len(np.unique(cluster_patterns(words, 200, 0.85))) == 1


def test_a_few_patterns_between_two_peaks_do_not_join_them():
    between = [10] * 5
    labels = cluster_patterns(pack(patterns_at([0] * 100 + between + [20] * 40)), 200, 0.95)
    assert labels[0] != labels[-1]


def test_a_ridge_of_patterns_joins_what_lies_along_it():
    labels = cluster_patterns(pack(patterns_at(list(range(0, 60, 3)) * 10)), 200, 0.95)
    assert len(np.unique(labels)) == 1


def test_clusters_are_numbered_by_their_size_and_small_ones_dropped():
    rng = np.random.default_rng(3)
    profiles = rng.random((3, 100)) < 0.5
    sizes = (10, 40, 5)
    on = np.repeat(profiles, sizes, axis=0)
    labels, found = find_profiles(on, np.repeat([7, 3, 5], sizes), 0.95)
    np.testing.assert_array_equal(labels, np.repeat([1, 0, -1], sizes))
    np.testing.assert_array_equal(found, profiles[[1, 0]])


@pytest.mark.parametrize("combine", [np.logical_or, np.logical_and])
def test_what_is_on_where_two_blocks_touch_is_no_third_block(combine):
    rng = np.random.default_rng(4)
    a, b = rng.random((2, 100)) < 0.5
    sizes = (40, 30, 12)
    on = np.repeat([a, b, combine(a, b)], sizes, axis=0)
    labels, found = find_profiles(on, np.repeat([0, 1, 2], sizes), 0.95)
    assert len(found) == 2
    assert np.all(labels[-12:] == -1)


def test_silhouettes_are_one_for_clear_communities_and_fall_with_the_spread():
    rng = np.random.default_rng(5)
    profiles = rng.random((2, 100)) < 0.5
    clear, labels = noisy_copies(profiles, 30, 0.0, rng)
    np.testing.assert_allclose(silhouettes(clear, labels, profiles), 1.0)
    spread, labels = noisy_copies(profiles, 30, 0.15, rng)
    values = silhouettes(spread, labels, profiles)
    assert np.all((values > 0.4) & (values < 0.9))


def test_a_series_of_communities_is_a_continuum_and_a_pair_is_not():
    rng = np.random.default_rng(6)
    base = rng.random(100) < 0.5
    series = np.tile(base, (4, 1))
    for k in range(4):
        series[k, : 10 * k] ^= True
    apart = rng.random((1, 100)) < 0.5
    profiles = np.concatenate([series, apart])
    sizes = np.full(5, 30)
    distinct = np.array([0.75, 0.78, 0.9, 0.75, 0.75])
    moving = np.tile([0.1, 0.01], (5, 1))
    together, apart = np.ones((5, 5), np.bool_), np.eye(5, dtype=np.bool_)
    graded = part_of_continuum(distinct, moving, sizes, apart, profiles)
    np.testing.assert_array_equal(graded, [1, 1, 1, 1, 0])
    unclear = np.tile([0.04, 0.02], (5, 1))
    two = (sizes[:2], together[:2, :2], profiles[:2])
    assert not part_of_continuum(distinct[:2], unclear[:2], *two).any()
    still = np.tile([0.01, 0.01], (5, 1))  # there or not, so blocks that mostly agree
    assert not part_of_continuum(distinct, still, sizes, together, profiles).any()
    # Two that come gradually are edges of one thing when they touch, else partly occupied.
    assert part_of_continuum(distinct[:2], moving[:2], *two).all()
    two = (sizes[:2], apart[:2, :2], profiles[:2])
    assert not part_of_continuum(distinct[:2], moving[:2], *two).any()


def test_only_what_is_vague_or_in_a_series_can_be_an_edge_of_what_moves():
    communities = sketch(ellipsoids(24, 80, n_blocks=2, seed=2, noise=0.1, agreeing=None))
    rng = np.random.default_rng(8)
    series, pair, alone = rng.random((3, 1, 80)) < 0.5
    profiles = np.concatenate([np.tile(series, (3, 1)), np.tile(pair, (2, 1)), alone])
    profiles[[1, 2, 4], :10] ^= True
    profiles[2, 10:20] ^= True
    made = dataclasses.replace(communities, profiles=profiles, silhouettes=np.full(6, 0.85))
    np.testing.assert_array_equal(made.edge_like, [0, 1, 0, 0, 0, 0])
    vague = dataclasses.replace(made, silhouettes=np.full(6, 0.6))
    assert vague.edge_like.all()
    clear = dataclasses.replace(made, silhouettes=np.full(6, 0.96))
    assert not clear.edge_like.any()


def test_communities_touch_within_two_voxels():
    cells = np.array([[0, 0, 0], [2, 2, 2], [5, 2, 2], [5, 4, 1], [9, 9, 9]], np.int32)
    found = touching(cells, np.array([0, 1, 2, 3, 3]), 4)
    expected = np.eye(4, dtype=np.bool_)
    expected[0, 1] = expected[1, 0] = expected[2, 3] = expected[3, 2] = True
    np.testing.assert_array_equal(found, expected)


def test_the_ends_of_what_slides_are_half_there_together():
    rng = np.random.default_rng(3)
    cells = np.stack(np.meshgrid(np.arange(9), np.arange(3), np.arange(3)), axis=-1).reshape(-1, 3)
    place = rng.uniform(-1, 1, 300)
    there = place > 0
    strength = np.clip(0.5 + 3 * place, 0, 1)  # half there in a sixth of the volumes
    chance = rng.random((len(cells), 300))
    value, error = gradation(chance < strength, cells.astype(np.int32), there)
    assert value - 2 * error > 0.05
    for wrong in (0.05, 0.2):
        value, error = gradation((chance < wrong) ^ there, cells.astype(np.int32), there)
        assert abs(value) < 3 * error < 0.06


# ---- whole sketches


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("noise", [0.05, 0.3, 0.7])
def test_blocks_are_told_apart_even_when_they_agree_in_ninety_percent(seed, noise):
    known = ellipsoids((26, 28, 27), 150, seed=seed, noise=noise, size=(0.1, 0.13))
    communities = sketch(known)
    agree = np.mean(known.presence[:, 0] == known.presence[:, 1])
    assert agree == pytest.approx(0.9)
    assert len(communities) == 6
    assert errors(known, communities).max() <= 2
    assert not communities.graded.any()


def test_correlated_noise_is_no_evidence():
    known = null(18, 100, rigid=True, seed=3, noise=0.3, correlation=1.2)
    params = BlocksParams(correction="bh")
    occupied = binarize(ensemble_of(known), params)
    far = sketch_communities(occupied, params)
    near = sketch_communities(occupied, dataclasses.replace(params, min_distance=0.0))
    assert far.min_distance > 4.0  # a voxel
    assert far.n_edges < 0.1 * near.n_edges
    assert len(far) == 0


@pytest.mark.parametrize("rigid", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_noise_and_a_rigid_body_have_no_communities(rigid, seed):
    communities = sketch(null(20, 80, rigid=rigid, seed=seed, noise=0.4, correlation=0.5))
    assert len(communities) == 0


def test_what_slides_is_graded():
    known = ellipsoids(30, 150, n_blocks=2, seed=4, noise=0.1, motion=True, agreeing=None)
    communities = sketch(known)
    right = np.array([(p != known.presence.T).sum(axis=1).min() for p in communities.profiles])
    assert errors(known, communities).max() == 0
    sizes = np.bincount(communities.labels)
    assert not communities.graded[right == 0].any()
    assert sizes[communities.graded].sum() > 0.5 * sizes[right > 0].sum()


def test_few_volumes_are_corrected_by_benjamini_hochberg():
    few = sketch(ellipsoids(24, 20, n_blocks=3, seed=2, noise=0.1, agreeing=None))
    many = sketch(ellipsoids(24, 100, n_blocks=3, seed=2, noise=0.1, agreeing=None))
    assert (few.correction, many.correction) == ("bh", "bonferroni")
    assert len(few) == len(many) == 3


def test_a_sample_is_drawn_where_there_are_too_many_voxels():
    known = ellipsoids(32, 80, n_blocks=8, seed=1, noise=0.1, agreeing=None)
    whole, sampled = sketch(known), sketch(known, max_voxels=1000)
    other = sketch(known, max_voxels=1000, seed=1)
    assert whole.n_sampled == whole.n_screened > 1000
    assert sampled.n_screened == whole.n_screened
    assert sampled.n_sampled == 1000
    assert errors(known, sampled).max() == 0
    assert not np.array_equal(sampled.seeds, other.seeds)


def test_the_factor_of_siren_takes_edges_away():
    known = ellipsoids(24, 100, n_blocks=3, seed=2, noise=0.2, agreeing=None)
    plain, raised = sketch(known), sketch(known, distance_factor=True)
    assert 0 < raised.n_edges < plain.n_edges


@pytest.mark.parametrize("n_threads", [1, 4])
def test_the_sketch_does_not_depend_on_the_threads(n_threads):
    known = ellipsoids(24, 70, n_blocks=4, seed=9, noise=0.3)
    with threads(2):
        expected = sketch(known)
    with threads(n_threads):
        found = sketch(known)
    for field in dataclasses.fields(expected):
        a, b = getattr(expected, field.name), getattr(found, field.name)
        np.testing.assert_array_equal(a, b, err_msg=field.name)


def test_a_sample_is_drawn_where_it_is_asked_for():
    known = ellipsoids(24, 80, n_blocks=3, seed=5, noise=0.1, agreeing=None)
    whole, sampled = sketch(known), sketch(known, subsample=3)
    assert sampled.n_sampled == -(-whole.n_screened // 3)
    assert errors(known, sampled).max() == 0


def test_a_dozen_volumes_show_large_blocks():
    known = ellipsoids(
        28, 14, n_blocks=3, seed=3, noise=0.1, agreeing=None, exclusive=False, size=(0.13, 0.15)
    )
    communities = sketch(known)
    assert len(communities) >= 2
    assert communities.correction == "bh"


@pytest.mark.parametrize(
    ("n_volumes", "agreement", "differ"),
    [(200, 0.97, 6), (100, 0.95, 5), (60, 0.9, 6), (20, 0.95, 1), (10, 0.99, 1)],
)
def test_the_voxels_of_a_block_differ_in_whole_volumes(n_volumes, agreement, differ):
    assert _resolution(n_volumes, agreement) == differ
