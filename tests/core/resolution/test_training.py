"""The simulators behind the learned models: two ways to noise, answers that fit them."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

pytest.importorskip("gemmi", reason="the simulators read models with gemmi")

from occupy_core.maps import Grid
from training.direct import simulate_direct
from training.labels import label
from training.molecules import TEST, TRAIN, Molecule
from training.processing import (
    clipped,
    contour_mask,
    filtered,
    spherical_mask,
    weakened_contrast,
)
from training.reconstruction import conformers, simulate_reconstruction
from training.signals import molecular_mask

GRID = Grid.cubic(48, 2.0)


@pytest.fixture(scope="module")
def molecule():
    rng = np.random.default_rng(0)
    points = rng.normal(0, 10, (1500, 3))
    chain = (points[:, 0] > 0).astype(np.int64)
    return Molecule("ball", points - points.mean(axis=0), np.full(1500, 7.0), chain)


@pytest.mark.parametrize(
    ("simulate", "options"), [(simulate_direct, {}), (simulate_reconstruction, {"images": 400})]
)
def test_half_maps_share_their_signal_and_not_their_noise(molecule, simulate, options):
    sample = simulate(molecule, GRID, 1, **options)
    first, second = (filtered(h, GRID, cut=12.0) for h in sample.halves)
    assert np.corrcoef(first[sample.mask], second[sample.mask])[0, 1] > 0.8
    fine = [h - filtered(h, GRID, cut=4.5) for h in sample.halves]
    assert abs(np.corrcoef(fine[0].ravel(), fine[1].ravel())[0, 1]) < 0.3
    # The curve may end at Nyquist, of which the answer is then a rounding error short.
    assert 0.999 * 2 * max(GRID.voxel_size) < sample.overall[0.143] < 25
    assert sample.overall[0.5] >= sample.overall[0.143]


def test_the_mask_of_a_moving_molecule_holds_all_its_conformers(molecule):
    still, moving = (
        simulate_reconstruction(molecule, GRID, 1, images=20),
        conformers(molecule, np.random.default_rng([1, 2]))[1],
    )
    index = np.rint((molecule.positions + moving[0]) / 2 + 24).astype(int)
    assert still.surface[tuple(index.T[::-1])].all()
    assert still.surface[still.mask].all()


@pytest.mark.parametrize("reach", [3.0, 4.2])
def test_the_mask_about_atoms_is_that_of_their_distances(molecule, reach):
    grid = Grid((45, 52, 49), (1.9, 2.0, 2.1))
    z, y, x = np.indices(grid.shape)
    points = np.stack([(x - 24.5) * 1.9, (y - 26) * 2.0, (z - 22.5) * 2.1], axis=-1)
    distance, _ = cKDTree(molecule.positions).query(points.reshape(-1, 3))
    expected = distance.reshape(grid.shape) <= reach
    assert np.array_equal(molecular_mask(molecule, grid, reach), expected)


def test_weakened_contrast_loses_coarse_detail_and_keeps_fine(molecule):
    data = np.random.default_rng(3).standard_normal(GRID.shape, dtype=np.float32)
    weak = weakened_contrast(data, GRID, np.random.default_rng(1))
    coarse = [filtered(m, GRID, cut=40.0).std() for m in (data, weak)]
    assert coarse[1] < 0.95 * coarse[0]
    fine = [m - filtered(m, GRID, cut=6.0) for m in (data, weak)]
    assert np.allclose(*fine, atol=0.02)


def test_the_same_seed_gives_the_same_map(molecule):
    first, second = (simulate_direct(molecule, GRID, 4) for _ in range(2))
    assert np.array_equal(first.halves[0], second.halves[0])


def test_labels_of_white_signal_in_white_noise_follow_their_ratio():
    rng = np.random.default_rng(1)
    white = [rng.standard_normal(GRID.shape, dtype=np.float32) for _ in range(3)]
    mask = np.ones(GRID.shape, bool)
    for level, resolved in ((0.5, True), (10.0, False)):
        noise = (level * white[1], level * white[2])
        sample = label("white", GRID, (white[0], white[0]), noise, noise, (mask, mask))
        assert (sample.overall[0.143] < 4.5) == resolved


def test_complexes_are_for_training_or_for_testing():
    assert not set(TEST) & set(TRAIN)


def test_a_mask_by_the_contour_holds_the_molecule_and_ends(molecule):
    sample = simulate_direct(molecule, GRID, 1)
    for seed in range(4):
        mask = contour_mask(sample.average, GRID, np.random.default_rng(seed))
        assert mask.min() == 0
        assert mask.max() == 1
        assert np.average(mask, weights=sample.average.clip(0) * sample.mask) > 0.5


def test_clipping_takes_low_density_and_leaves_the_rest():
    data = np.random.default_rng(3).standard_normal(GRID.shape, dtype=np.float32)
    levels = set()
    for seed in range(6):
        low = clipped(data, np.random.default_rng(seed))
        assert low.min() == 0
        assert np.array_equal(low[low > 0], data[low > 0])
        levels.add(round(float(low[low > 0].min()), 1))
    assert len(levels) > 1


def test_a_spherical_mask_is_one_inside_and_zero_outside():
    mask = spherical_mask(GRID, 30.0)
    assert mask[24, 24, 24] == 1
    assert mask[0, 0, 0] == 0
