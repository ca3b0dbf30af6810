"""The steps of a regional scale lie where density has its valleys."""

import numpy as np
import pytest

from occupy_core.maps.grid import Grid
from occupy_core.scale.calibrated.place import Place, spread
from occupy_core.scale.calibrated.valleys import Density, steps_into_valleys
from occupy_core.solvent.cells import Cells

LOW = 0.4


def two_lobes(valley, axis, voxel_size=1.25, shape=(21, 26, 34)):
    """Two lobes side by side, the second at 0.4, and a scale in cells that does not know where.

    Its step is two cells wide and has its middle at the cell of the valley.
    """
    grid = Grid(shape, (voxel_size,) * 3)
    along = np.arange(shape[axis]) - valley
    profile = np.abs(np.sin(np.pi * along / 10)) + 0.05
    profile[along > 0] *= LOW
    line = np.where(along > 0, np.float32(LOW), np.float32(1))
    data = np.moveaxis(np.broadcast_to(profile, (9, 9, shape[axis])), 2, axis)
    data = np.pad(data, [(0, s - d) for s, d in zip(shape, data.shape, strict=True)], mode="edge")
    truth = np.broadcast_to(np.moveaxis(line[None, None], 2, axis), shape)
    cells = Cells.of(grid)
    middle = valley // cells.edge
    index = np.arange(cells.shape[axis])
    values = np.clip(0.5 - (index - middle) / 2, 0, 1) * (1 - LOW) + LOW
    values = np.broadcast_to(np.moveaxis(values[None, None], 2, axis), cells.shape)
    everywhere = np.ones(cells.shape, np.bool_)
    place = Place(cells, everywhere, everywhere.astype(np.float32))
    density = Density(3 * data.astype(np.float32) + 7, 1 / 3, 7 / 3, [1.0, 1.0, 1.0])
    return density, place, np.ascontiguousarray(values, np.float32), truth


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("valley", [10, 11])
def test_each_lobe_has_its_own_value_up_to_the_valley(axis, valley):
    density, place, values, truth = two_lobes(valley, axis)
    before = spread(place.cells, values)
    scale = before.copy()
    steps_into_valleys(scale, values, place, density)
    assert np.abs(before - truth).max() > 0.2
    off = np.moveaxis(np.abs(scale - truth), axis, 2)
    assert off[..., valley - 2 : valley].max() < 0.06
    assert off[..., valley + 2 : valley + 4].max() < 0.06
    assert scale.min() >= np.float32(LOW) - 1e-6
    assert scale.max() <= 1


def test_what_is_flat_and_what_is_nothing_stay_as_they_are():
    density, place, _, _ = two_lobes(10, 2)
    scale = np.full(place.cells.grid.shape, np.float32(0.6))
    scale[:, :5] = 0
    expected = scale.copy()
    steps_into_valleys(scale, np.full(place.cells.shape, np.float32(0.6)), place, density)
    assert np.abs(scale - expected).max() < 1e-5
    assert (scale[:, :5] == 0).all()


def test_a_mirrored_map_has_a_mirrored_scale():
    density, place, values, _ = two_lobes(10, 2, shape=(20, 26, 34))
    scale, mirrored = (spread(place.cells, v) for v in (values, values[:, :, ::-1].copy()))
    steps_into_valleys(scale, values, place, density)
    other = Density(density.data[:, :, ::-1].copy(), 1 / 3, 7 / 3, [1.0, 1.0, 1.0])
    steps_into_valleys(mirrored, values[:, :, ::-1].copy(), place, other)
    assert np.abs(mirrored[:, :, ::-1] - scale).max() < 1e-5


def test_cells_of_one_voxel_have_no_finer_place():
    density, place, values, _ = two_lobes(10, 2, voxel_size=4.0)
    scale = spread(place.cells, values)
    before = scale.copy()
    steps_into_valleys(scale, values, place, density)
    assert np.array_equal(scale, before)
