"""What is around the atoms: distances, and density without atoms that is told and masked."""

import numpy as np
import pytest

from occupy_core.regions.by_model.surroundings import surroundings

SHAPE, VOXEL = (30, 33, 36), np.array([1.0, 1.5, 2.0])
# Region 0 has two atoms, region 1 one, (x, y, z) in Å.
ATOMS = [np.array([[20.0, 15.0, 8.0], [24.0, 15.0, 8.0]]), np.array([[20.0, 30.0, 24.0]])]
MADE = surroundings(ATOMS, SHAPE, VOXEL)


def away(x, y, z):
    """Distance of all voxels from a point, Å."""
    places = np.indices(SHAPE).T * VOXEL
    return np.sqrt(((places - (z, y, x)) ** 2).sum(axis=-1)).T


def maps(*, beside, height, radius=6.0):
    """What is left over, a ball in weak noise, and what is modelled, 1 at the atoms."""
    left = np.random.default_rng(0).normal(0, 0.02, SHAPE)
    left[away(*beside) < radius] += height
    return left, np.exp(-(MADE.distance**2) / 8)


def test_the_distance_is_that_of_the_nearest_atom():
    every = np.array([away(*atom) for region in ATOMS for atom in region])
    assert MADE.distance == pytest.approx(every.min(axis=0), abs=1e-4)
    clear = np.ptp(np.sort(every, axis=0)[:2], axis=0) > 1e-6
    owners = np.array([0, 0, 1])[every.argmin(axis=0)]
    assert np.array_equal(MADE.nearest[clear], owners[clear])


def test_an_atom_outside_the_box_has_no_voxel():
    far = surroundings([ATOMS[0], np.array([[900.0, 0.0, 0.0]])], SHAPE, VOXEL)
    assert set(np.unique(far.nearest)) == {0}


@pytest.mark.parametrize(
    ("height", "radius", "there"), [(0.6, 6.0, True), (0.2, 6.0, False), (0.6, 3.0, False)]
)
def test_density_without_atoms_is_strong_and_large(height, radius, there):
    left, modelled = maps(beside=(50.0, 15.0, 8.0), height=height, radius=radius)
    pieces = MADE.unmodelled(left, modelled)
    assert pieces.any() == there
    if there:
        assert np.array_equal(pieces, away(50.0, 15.0, 8.0) < radius)


def test_density_at_atoms_is_not_without_atoms():
    left, modelled = maps(beside=tuple(ATOMS[1][0]), height=0.6, radius=2.4)
    assert not MADE.unmodelled(left, modelled).any()


def test_a_map_without_the_model_tells_of_no_density_without_atoms():
    left, modelled = maps(beside=(50.0, 15.0, 8.0), height=0.6)
    assert not MADE.unmodelled(left, -modelled).any()


def test_the_mask_is_one_on_the_pieces_and_nothing_on_the_atoms_and_far_away():
    pieces = away(30.0, 15.0, 8.0) < 7.0  # reaches over an atom
    mask = MADE.soft_mask(pieces)
    assert mask[pieces & (MADE.distance > 1.5)] == pytest.approx(1)
    assert (mask[MADE.distance == 0] == 0).all()
    assert (mask[away(30.0, 15.0, 8.0) > 7.0 + 8.0 + 2.0] == 0).all()
    assert ((mask >= 0) & (mask <= 1)).all()


@pytest.mark.parametrize(("x", "told"), [(31.0, [True, False]), (60.0, [False, False])])
def test_a_region_next_to_a_piece_is_told(x, told):
    pieces = away(x, 15.0, 8.0) < 2.5
    assert (MADE.volume_near(pieces) > 0).tolist() == told


def test_the_share_is_of_the_volume_near_the_atoms():
    model = MADE.distance < 2.0
    assert MADE.share_of_model(model) == 1
    assert MADE.share_of_model(~model) == pytest.approx((~model).sum() / model.sum())
