"""Densities tell a block that is there by half, or on a varying background, from what moves."""

from dataclasses import replace

import numpy as np
import pytest
from ensembles import KnownEnsemble, ellipsoid, ellipsoids, matched_jaccards
from scipy import ndimage

from occupy_core.blocks.contour.binarize import binarize
from occupy_core.blocks.expand.merge_by_density import Group, _joined, find_candidates
from occupy_core.blocks.find import find_blocks
from occupy_core.blocks.sketch.communities import sketch_communities
from occupy_core.maps import DensityMap, Grid
from occupy_core.maps.ensemble import Ensemble

SHAPE = (26, 30, 28)


def ensemble_of(volumes, voxel=4.0):
    grid = Grid(volumes[0].shape, (voxel,) * 3)
    return Ensemble(
        [DensityMap(v.astype(np.float32), grid, f"v{i}") for i, v in enumerate(volumes)]
    )


def bodies_and_core():
    core = ellipsoid(SHAPE, np.array([13, 15, 14]), np.array([4.5, 5, 4]), 0.7)
    centres = np.array([[6, 7, 7], [19, 8, 20], [13, 23, 8]])
    bodies = [ellipsoid(SHAPE, c, np.array([3.6, 4.2, 3.8]), 0.7) for c in centres]
    return np.array(bodies), core


def volumes_with(occupancies, *, noise=0.1, seed=0):
    bodies, core = bodies_and_core()
    rng = np.random.default_rng(seed)
    return [
        core + np.tensordot(row, bodies, axes=1) + noise * rng.standard_normal(SHAPE)
        for row in occupancies
    ]


def masks(found):
    return np.array([found.mask(i).data > 0 for i in range(len(found.blocks))]).reshape(-1, *SHAPE)


@pytest.mark.parametrize("noise", [0.05, 0.25])
def test_a_part_that_is_there_by_half_is_a_block_with_its_occupancies(noise):
    rng = np.random.default_rng(3)
    occupancies = (rng.random((120, 3)) < 0.5).astype(float)
    occupancies[:, 2] = rng.choice([0.0, 0.5, 1.0], 120)
    found = find_blocks(ensemble_of(volumes_with(occupancies, noise=noise)))
    truth = bodies_and_core()[0] > 0.5
    assert len(found.blocks) == 3
    assert matched_jaccards(truth, masks(found)).min() > 0.8
    place = int(np.argmax([(mask & truth[2]).sum() for mask in masks(found)]))
    assert np.abs(found.tracking.occupancy[:, place] - occupancies[:, 2]).mean() < 0.08
    assert found.gradual == (f"B{place + 1}",)


def test_a_part_with_all_occupancies_is_one_block():
    rng = np.random.default_rng(5)
    occupancies = (rng.random((150, 3)) < 0.5).astype(float)
    occupancies[:, 1] = rng.random(150)
    found = find_blocks(ensemble_of(volumes_with(occupancies)))
    truth = bodies_and_core()[0] > 0.5
    assert matched_jaccards(truth, masks(found)).min() > 0.7
    assert len(found.blocks) == 3


def test_blocks_are_found_on_a_background_that_varies_smoothly():
    rng = np.random.default_rng(8)
    occupancies = rng.random((150, 3)) < 0.5
    fields = ndimage.gaussian_filter(rng.standard_normal((3, *SHAPE)), (0, 4, 4, 4), mode="wrap")
    fields *= 0.15 / fields.std() / np.sqrt(3)
    weights = rng.standard_normal((150, 3))
    volumes = [
        volume + np.tensordot(weight, fields, axes=1)
        for volume, weight in zip(volumes_with(occupancies, noise=0), weights, strict=True)
    ]
    found = find_blocks(ensemble_of(volumes))
    truth = bodies_and_core()[0] > 0.5
    assert (matched_jaccards(truth, masks(found)) > 0.6).sum() == 3


def test_what_slides_is_no_candidate():
    known = ellipsoids(30, 150, n_blocks=2, seed=2, noise=0.1, motion=True, agreeing=None)
    ensemble = ensemble_of([known.volume(i) for i in range(len(known))])
    occupied = binarize(ensemble)
    communities = sketch_communities(occupied)
    assert communities.graded.any()
    candidates = find_candidates(ensemble, occupied, communities)
    whole = np.isin(candidates.communities.labels, candidates.discrete)
    voxels = occupied.voxels[candidates.communities.seeds]
    inside = known.truth.any(axis=0).ravel()[voxels]
    assert whole[inside].all()
    assert whole[~inside].mean() < 0.3


def test_what_grows_and_shrinks_is_no_block():
    rng = np.random.default_rng(4)
    centre = np.array([13.0, 15.0, 14.0])
    volumes = [
        ellipsoid(SHAPE, centre, np.array([6.0, 7.0, 6.5]) * rng.uniform(0.9, 1.1), 1.0)
        + 0.05 * rng.standard_normal(SHAPE)
        for _ in range(100)
    ]
    assert find_blocks(ensemble_of(volumes)).blocks == ()


def test_the_two_halves_of_a_block_that_noise_divides_are_one():
    known = ellipsoids(28, 150, n_blocks=3, seed=6, noise=0.1, agreeing=None)
    ensemble = ensemble_of([known.volume(i) for i in range(len(known))])
    occupied = binarize(ensemble)
    whole = sketch_communities(occupied)
    assert len(whole) == 3
    # Every other seed of the first becomes a community whose profile is wrong in six volumes.
    labels = whole.labels.copy()
    labels[np.flatnonzero(labels == 0)[::2]] = 3
    wrong = whole.profiles[0].copy()
    wrong[:6] ^= True
    touching = np.zeros((4, 4), bool)
    touching[:3, :3] = whole.touching
    touching[3], touching[:, 3] = touching[0], touching[:, 0]
    touching[0, 3] = touching[3, 0] = touching[3, 3] = True
    divided = replace(
        whole,
        labels=labels,
        profiles=np.vstack([whole.profiles, wrong]),
        silhouettes=np.append(whole.silhouettes, 0.9),
        gradations=np.vstack([whole.gradations, whole.gradations[:1]]),
        touching=touching,
    )
    found = find_candidates(ensemble, occupied, divided)
    assert len(found.discrete) == 3
    np.testing.assert_array_equal(found.communities.labels, whole.labels)
    np.testing.assert_array_equal(found.weights, whole.profiles)


@pytest.mark.parametrize("noise", [0.05, 0.4])
def test_blocks_that_touch_and_agree_in_nine_of_ten_volumes_stay_two(noise):
    shape = (24, 24, 34)
    bodies = np.zeros((2, *shape), np.float32)
    bodies[0, 6:18, 6:18, 5:14] = 1
    bodies[1, 6:18, 6:18, 14:23] = 1
    core = np.zeros(shape, np.float32)
    core[6:18, 6:18, 25:31] = 1
    presence = np.repeat(np.random.default_rng(1).random((200, 1)) < 0.5, 2, axis=1)
    presence[:20, 1] ^= True
    known = KnownEnsemble(bodies, presence, core, noise, seed=2)
    found = find_blocks(ensemble_of([known.volume(i) for i in range(200)]))
    found_masks = np.array([found.mask(i).data > 0 for i in range(len(found.blocks))])
    assert matched_jaccards(known.truth, found_masks).min() > 0.8


def test_what_lies_between_two_blocks_does_not_join_them():
    rng = np.random.default_rng(0)
    one = (rng.random(100) < 0.5).astype(float)
    other = one.copy()
    other[:10] = 1 - other[:10]
    between = 0.6 * one + 0.4 * other

    class Seeds:
        sizes = np.array([300, 200, 20])

        def size(self, group):
            return int(self.sizes[group].sum())

        def course(self, group):
            return np.array([one, other, between])[group].mean(axis=0)

    class Communities:
        touching = np.ones((3, 3), bool)

    groups = [Group(np.array([k]), graded=False) for k in range(3)]
    joined = _joined(Seeds(), Communities(), groups)
    assert len(joined) == 2
    assert all(not {0, 1} <= set(group.members.tolist()) for group in joined)
