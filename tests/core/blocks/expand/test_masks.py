import dataclasses

import numpy as np
import pytest
from ensembles import KnownEnsemble, chains, ellipsoids, matched_jaccards, null

from occupy_core.blocks.contour.binarize import binarize
from occupy_core.blocks.expand.masks import expand_communities
from occupy_core.blocks.expand.shapes import non_negative, separability
from occupy_core.blocks.find import Sketch, find_blocks
from occupy_core.blocks.params import BlocksParams
from occupy_core.blocks.saved import (
    load_communities,
    load_occupied,
    save_communities,
    save_occupied,
)
from occupy_core.blocks.sketch.communities import sketch_communities
from occupy_core.errors import MapFormatError, OutputError, ParameterError
from occupy_core.maps import DensityMap, Grid, threads
from occupy_core.maps.ensemble import Ensemble


def ensemble_of(known):
    grid = Grid(known.core.shape, (known.voxel_size,) * 3, (3.0, -4.0, 5.0), (1, 2, 3))
    return Ensemble([DensityMap(known.volume(i), grid, f"vol_{i}") for i in range(len(known))])


def masks(result):
    shape = result.occupied.grid.shape
    found = [result.mask(i).data > 0 for i in range(len(result.blocks))]
    return np.array(found, bool).reshape(len(found), *shape)


def jaccards(known, result):
    return matched_jaccards(known.truth, masks(result))


@pytest.fixture(scope="module")
def known():
    return ellipsoids((26, 28, 27), 120, n_blocks=5, seed=6, noise=0.15, size=(0.1, 0.13))


@pytest.fixture(scope="module")
def result(known):
    return find_blocks(ensemble_of(known))


# ---- what is no block


def test_two_classes_explain_two_values_better_than_a_spread():
    rng = np.random.default_rng(1)
    there = rng.random(100_000) < 0.3
    assert separability(there.astype(float)) == pytest.approx(1)
    assert separability(rng.standard_normal(100_000)) == pytest.approx(2 / np.pi, abs=0.01)
    assert separability(rng.random(100_000)) == pytest.approx(0.75, abs=0.01)
    assert separability(there + 0.2 * rng.standard_normal(100_000)) > 0.8
    assert separability(np.full(20, 3.0)) == 0


def test_what_noise_does_over_some_voxels_is_no_block():
    known = null(18, 100, rigid=True, seed=3, noise=0.3, correlation=1.5)
    params = BlocksParams(min_distance=0.0, correction="bh")  # as if noise were independent
    found = find_blocks(ensemble_of(known), params)
    assert len(found.communities) > 100
    assert any("no more clearly than noise does" in text for text in found.warnings)
    plain = find_blocks(ensemble_of(known))
    assert plain.blocks == ()


def test_a_thin_chain_is_a_block_though_another_mostly_agrees():
    shape = (24, 30, 26)
    bodies = np.zeros((3, *shape), np.float32)
    for k in range(3):  # rods one voxel thick in noise of half of their density
        bodies[k, 4 + 8 * k : 6 + 8 * k, 3:27, 12] = 1
    presence = np.random.default_rng(5).random((150, 3)) < 0.5
    presence[:, 1] = presence[:, 0] ^ (np.arange(150) < 15)
    known = KnownEnsemble(bodies, presence, np.zeros(shape, np.float32), noise=0.3, seed=3)
    found = find_blocks(ensemble_of(known))
    assert len(found.blocks) == 3
    assert jaccards(known, found).min() > 0.5


# ---- masks


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("noise", "softness"), [(0.05, 0.7), (0.3, 0.0), (0.3, 0.5)])
def test_masks_of_known_blocks_are_found(seed, noise, softness):
    known = ellipsoids(24, 100, seed=seed, noise=noise, softness=softness)
    found = find_blocks(ensemble_of(known))
    assert len(found.blocks) == 6
    assert jaccards(known, found).min() > 0.85
    assert jaccards(known, found).mean() > 0.9


def test_masks_do_not_depend_on_the_grey_scales_of_the_volumes(known):
    rng = np.random.default_rng(0)
    grey = dataclasses.replace(
        known, grey=rng.uniform(0.2, 5, len(known)), offset=rng.normal(size=len(known))
    )
    found = find_blocks(ensemble_of(grey))
    assert jaccards(known, found).min() > 0.9


@pytest.mark.parametrize("threshold", [0.35, 0.5, 0.65])
def test_the_edges_of_masks_hardly_depend_on_the_threshold(known, threshold):
    found = find_blocks(ensemble_of(known), BlocksParams(threshold=threshold))
    assert jaccards(known, found).min() > 0.85


def halves(presence, overlap):
    """Two half spheres, perhaps with a layer of voxels in common."""
    shape = (20, 20, 20)
    z, y, x = np.indices(shape) - 9.5
    ball = z**2 + y**2 + x**2 < 49
    bodies = np.array([ball & (x < overlap), ball & (x > -overlap)], np.float32)
    core = np.zeros(shape, np.float32)
    core[1:4, 1:4, 1:4] = 1
    return KnownEnsemble(bodies, presence, core, noise=0.1, seed=5)


def test_voxels_that_two_blocks_share_belong_to_both():
    draw = np.random.default_rng(1).random(160)
    known = halves(np.stack([draw < 0.4, draw > 0.7], axis=1), 1.0)
    found = find_blocks(ensemble_of(known))
    assert len(found.blocks) == 2
    assert known.truth.all(axis=0).sum() > 100
    assert jaccards(known, found).min() > 0.95


def test_blocks_of_which_always_one_is_there_do_not_mix():
    one = np.random.default_rng(1).random(80) < 0.5
    known = halves(np.stack([one, ~one], axis=1), 0.0)
    found = find_blocks(ensemble_of(known))
    assert len(found.blocks) == 2
    assert masks(found).sum(axis=0).max() == 1
    assert jaccards(known, found).min() > 0.95


def test_fits_without_negative_terms_are_least_squares_where_these_are_positive():
    rng = np.random.default_rng(0)
    design = np.vstack([np.ones(60), rng.random((3, 60)) < 0.5])
    truth = rng.uniform(0.5, 2, (4, 30))
    fitted = non_negative(design @ design.T, design @ (design.T @ truth))
    np.testing.assert_allclose(fitted, truth, atol=2e-3)
    pushed = non_negative(design @ design.T, design @ (design.T @ -truth))
    np.testing.assert_array_equal(pushed, 0)


def test_pieces_are_counted_and_the_masks_lie_on_the_volumes(known, result):
    assert [block.name for block in result.blocks] == ["B1", "B2", "B3", "B4", "B5"]
    sizes = [len(block.voxels) for block in result.blocks]
    assert sizes == sorted(sizes, reverse=True)
    for i, block in enumerate(result.blocks):
        mask = result.mask(i)
        assert mask.grid == result.occupied.grid
        assert set(np.unique(mask.data)) == {0.0, 1.0}
        assert np.count_nonzero(mask.data) == len(block.voxels) == sum(block.pieces)
        assert block.volume == pytest.approx(64.0 * len(block.voxels))
        assert block.pieces[0] > 0.95 * len(block.voxels)
        assert block.silhouette > 0.95
        assert 1.5 < block.level < 2.5


def test_a_block_in_two_places_has_two_pieces():
    shape = (16, 16, 32)
    body = np.zeros((1, *shape), np.float32)
    body[0, 5:11, 5:11, 3:9] = body[0, 5:10, 5:10, 22:27] = 1
    presence = np.random.default_rng(0).random((60, 1)) < 0.5
    known = KnownEnsemble(body, presence, np.zeros(shape, np.float32), noise=0.1, seed=1)
    found = find_blocks(ensemble_of(known))
    assert [block.pieces for block in found.blocks] == [(216, 125)]


def test_chains_of_a_model_are_found(shared):
    known = chains(shared / "data" / "models" / "3c91.pdb.gz", 32, 120, noise=0.1, seed=3)
    found = find_blocks(ensemble_of(known))
    assert len(found.blocks) == 6
    assert jaccards(known, found).mean() > 0.85


# ---- what is no block


def test_small_blocks_are_dropped_on_request(known, result):
    limit = float(np.median([block.volume for block in result.blocks])) + 1
    found = find_blocks(ensemble_of(known), BlocksParams(min_volume=limit))
    assert len(found.blocks) == 2
    assert any("3 groups of voxels were dropped, being smaller than" in w for w in found.warnings)


def test_volumes_of_different_sharpness_have_no_blocks():
    from scipy import ndimage

    rng = np.random.default_rng(1)
    z, y, x = np.indices((24, 24, 24)) - 11.5
    body = (z**2 + y**2 + x**2 < 36).astype(np.float32)
    grid = Grid.cubic(24, 3.0)
    maps = [
        ndimage.gaussian_filter(body, rng.uniform(0.3, 2)) + 0.03 * rng.normal(size=body.shape)
        for _ in range(100)
    ]
    found = find_blocks(Ensemble([DensityMap(m, grid, f"v{i}") for i, m in enumerate(maps)]))
    assert not found.blocks
    assert any("No block was found" in w for w in found.warnings)


def test_what_slides_is_reported_as_a_moving_region():
    known = ellipsoids(30, 150, n_blocks=2, seed=4, noise=0.1, motion=True, agreeing=None)
    found = find_blocks(ensemble_of(known))
    assert jaccards(known, found).min() > 0.9
    assert len(found.blocks) <= 4
    slides = np.abs(known.moving).reshape(-1) > 0.5
    assert found.expanded.moving
    covered = slides[found.expanded.moving[0]].mean()
    assert covered > 0.2
    assert any("changes gradually" in w for w in found.warnings)


# ---- steps and saved states


def test_steps_rerun_from_saved_states_give_the_same(known, result, tmp_path):
    save_occupied(tmp_path / "occupied.npz", result.occupied)
    save_communities(tmp_path / "communities.npz", result.communities)
    occupied = load_occupied(tmp_path / "occupied.npz")
    communities = load_communities(tmp_path / "communities.npz")
    again = find_blocks(ensemble_of(known), resume=Sketch(occupied, communities))
    assert again.record() == result.record()
    np.testing.assert_array_equal(masks(again), masks(result))
    sketched = sketch_communities(occupied, BlocksParams())
    np.testing.assert_array_equal(sketched.seeds, communities.seeds)
    wider = expand_communities(
        ensemble_of(known), occupied, communities, BlocksParams(exp_frac=1.0)
    )
    assert len(wider.blocks) == len(result.blocks)


def test_the_same_input_gives_the_same_bytes_whatever_the_threads(known, tmp_path):
    contents = []
    for n in (1, 3):
        with threads(n):
            found = find_blocks(ensemble_of(known))
        save_occupied(tmp_path / "a.npz", found.occupied)
        save_communities(tmp_path / "b.npz", found.communities)
        files = [(tmp_path / name).read_bytes() for name in ("a.npz", "b.npz")]
        contents.append((*files, found.tracking.occupancy.tobytes(), masks(found).tobytes()))
    assert contents[0] == contents[1]


def test_states_of_something_else_are_refused(result, tmp_path):
    save_communities(tmp_path / "c.npz", result.communities)
    (tmp_path / "junk.npz").write_text("junk")
    with pytest.raises(MapFormatError, match="holds 'communities 2'"):
        load_occupied(tmp_path / "c.npz")
    with pytest.raises(MapFormatError, match="is no saved state"):
        load_communities(tmp_path / "junk.npz")
    with pytest.raises(MapFormatError, match="does not exist"):
        load_occupied(tmp_path / "missing.npz")
    with pytest.raises(OutputError, match="cannot be written"):
        save_occupied(tmp_path / "no" / "folder.npz", result.occupied)


def test_another_ensemble_is_refused(known, result):
    some = Ensemble([ensemble_of(known).read(i) for i in range(20)])
    with pytest.raises(ParameterError, match=r"has 20 volumes .* from 120 volumes"):
        find_blocks(some, resume=Sketch(result.occupied, result.communities))


def test_progress_comes_to_its_end(known):
    seen = []
    binarize(ensemble_of(known), progress=lambda f, text: seen.append(f))
    assert len(seen) > 100
    seen.clear()
    find_blocks(ensemble_of(known), progress=lambda f, text: seen.append((f, text)))
    fractions = [f for f, _ in seen]
    assert fractions == sorted(fractions)
    assert seen[-1] == (1.0, "done")
    assert {"thresholds", "co-occupancy", "masks", "occupancies"} <= {text for _, text in seen}


def test_masks_of_soft_bodies_end_at_half_of_their_full_density():
    known = ellipsoids((31, 34, 33), 150, n_blocks=4, seed=3, noise=0.1, softness=1.2)
    found = find_blocks(ensemble_of(known))
    scores = matched_jaccards(known.truth, masks(found))
    assert scores.min() > 0.9
    sizes = [len(block.voxels) for block in found.blocks]
    assert sum(sizes) == pytest.approx(known.truth.sum(), rel=0.08)
