"""Basins follow the density, whatever the axes, and become regions of one level."""

import numpy as np
import pytest
from scipy import ndimage

from occupy_core.maps.grid import Grid
from occupy_core.maps.threads import threads
from occupy_core.scale.calibrated.basins import Contacts, find_basins, join, medians
from occupy_core.solvent.cells import Cells

GRID = Grid((20, 24, 22), (1.3, 1.3, 1.3))


def rough(seed=0):
    noise = np.random.default_rng(seed).standard_normal(GRID.shape)
    return ndimage.gaussian_filter(noise, 1.5).astype(np.float32)


def basins_of(data):
    cells = Cells.of(Grid(data.shape, GRID.voxel_size))
    everywhere = np.ones(cells.shape, np.bool_)
    return find_basins(data, data, 1.0, everywhere, everywhere, cells)


def partition(labels):
    """Return the first voxel of the basin of each voxel: the same however basins are numbered."""
    _, first, which = np.unique(labels, return_index=True, return_inverse=True)
    return first[which].reshape(labels.shape)


def test_each_basin_has_one_peak_and_rises_to_it():
    data = rough()
    basins = basins_of(data)
    peaks = ndimage.maximum_filter(data, size=3, mode="nearest") == data
    assert np.count_nonzero(peaks) == len(basins)
    assert sorted(basins.labels[peaks]) == list(range(len(basins)))
    highest = ndimage.maximum(data, basins.labels, range(len(basins)))
    assert np.array_equal(highest[basins.labels[peaks]], data[peaks])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mirrored_map_has_the_mirrored_basins(axis):
    data = rough()
    mirrored = np.flip(basins_of(np.ascontiguousarray(np.flip(data, axis))).labels, axis)
    assert np.array_equal(partition(mirrored), partition(basins_of(data).labels))


def test_turned_axes_turn_the_basins():
    data = rough()
    turned = basins_of(np.ascontiguousarray(data.transpose(2, 0, 1))).labels.transpose(1, 2, 0)
    assert np.array_equal(partition(turned), partition(basins_of(data).labels))


def test_contacts_are_counted_once_and_do_not_depend_on_threads():
    basins = basins_of(rough())
    first, second, area = basins.contacts
    assert (first < second).all()
    labels = basins.labels
    faces = sum(np.count_nonzero(np.diff(labels, axis=axis)) for axis in range(3))
    assert area.sum() == pytest.approx(faces * 1.3**2)
    with threads(3):
        again = basins_of(rough()).contacts
    for one, other in zip(basins.contacts, again, strict=True):
        assert np.array_equal(one, other)


def row(n):
    """Return the contacts of basins in a row."""
    return Contacts(np.arange(n - 1), np.arange(1, n), np.ones(n - 1))


def test_two_levels_become_two_regions_and_noise_within_them_none():
    rng = np.random.default_rng(1)
    truth = np.repeat([0.0, -0.7], 40)
    regions = join(truth + 0.1 * rng.standard_normal(80), np.full(80, 0.01), row(80), 20.0, 1)
    assert len(regions.level) == 2
    assert np.array_equal(regions.of_basin, np.repeat([0, 1], 40))
    assert regions.level == pytest.approx([0.0, -0.7], abs=0.05)


def test_regions_of_too_few_basins_join_the_neighbour_that_is_most_alike():
    values = np.array([0.0] * 10 + [-1.0] * 2 + [-1.2] * 10)
    joined = join(values, np.full(22, 0.01), row(22), 0.1, 1)
    assert len(joined.level) == 3
    fewer = join(values, np.full(22, 0.01), row(22), 0.1, 4)
    assert np.array_equal(fewer.of_basin, [0] * 10 + [1] * 12)


def test_a_basin_without_neighbours_stays_a_region():
    none = np.empty(0, np.int64)
    regions = join(np.array([0.0, 1.0]), np.ones(2), Contacts(none, none, np.empty(0)), 1.0, 4)
    assert np.array_equal(regions.of_basin, [0, 1])


def test_weighted_medians_are_those_of_each_region():
    rng = np.random.default_rng(2)
    region = rng.integers(0, 3, 101)
    values = rng.standard_normal(101)
    found = medians(values, np.ones(101), region)
    for i in range(3):
        mine = np.sort(values[region == i])
        assert found[i] in mine[[(len(mine) - 1) // 2, len(mine) // 2]]
