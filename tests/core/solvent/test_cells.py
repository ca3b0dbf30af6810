"""What is coarse is computed in cells of voxels."""

import numpy as np
import pytest

from occupy_core.maps.grid import Grid
from occupy_core.solvent.cells import Cells
from occupy_core.solvent.noise import cubes_of


def test_cells_have_the_means_of_their_voxels():
    grid = Grid((7, 10, 9), (1.0, 1.2, 0.9))
    data = np.random.default_rng(0).standard_normal(grid.shape, dtype=np.float32)
    cells = Cells(grid, 3)
    assert cells.shape == (3, 4, 3)
    means = cells.means(data)
    assert means[1, 2, 0] == pytest.approx(data[3:6, 6:9, 0:3].mean(), abs=1e-6)
    assert means[2, 3, 2] == pytest.approx(data[6:, 9:, 6:].mean(), abs=1e-6)
    spread = cells.spread(means, (2, 5, 4), 32)
    assert spread.shape == (5, 5, 5)
    assert spread[1, 1, 2] == means[1, 2, 2]


def test_cells_have_the_power_of_what_smoothing_takes_and_leaves():
    grid = Grid((7, 10, 9), (1.0, 1.2, 0.9))
    data, smooth = np.random.default_rng(0).standard_normal((2, *grid.shape), dtype=np.float32)
    detail, total = Cells(grid, 3).powers(data, 0.5, smooth, 0.3)
    part = (slice(6, 7), slice(3, 6), slice(0, 3))
    assert detail[2, 1, 0] == pytest.approx(((0.5 * data - smooth)[part] ** 2).mean(), rel=1e-5)
    assert total[2, 1, 0] == pytest.approx(((smooth - 0.3)[part] ** 2).mean(), rel=1e-5)


@pytest.mark.parametrize("edge", [1, 3])
def test_gains_are_linear_between_the_middles_of_cells(edge):
    grid = Grid((9, 12, 15), (1.0, 1.0, 1.0))
    cells = Cells(grid, edge)
    z, y, x = (edge * (np.arange(n) + 0.5) - 0.5 for n in cells.shape)
    gains = (1 + 0.1 * z[:, None, None] + 0.2 * y[:, None] + 0.3 * x).astype(np.float32)
    values = np.full(grid.shape, 3.0, np.float32)
    cells.multiply(values, gains, 1.0)
    inner = tuple(slice(edge, -edge) for _ in range(3))
    z, y, x = np.indices(grid.shape)
    expected = 1 + 2 * (1 + 0.1 * z + 0.2 * y + 0.3 * x)
    np.testing.assert_allclose(values[inner], expected[inner], rtol=1e-5)


def test_cells_count_the_values_of_those_chosen():
    grid = Grid((5, 6, 7), (1.0, 1.0, 1.0))
    data = np.random.default_rng(0).random(grid.shape, dtype=np.float32)
    cells = Cells(grid, 2)
    chosen = np.random.default_rng(1).random(cells.shape) < 0.5
    counts = cells.histogram(data, chosen, (0.0, 1.0))
    values = data[np.repeat(np.repeat(np.repeat(chosen, 2, 0), 2, 1), 2, 2)[:5, :6, :7]]
    np.testing.assert_array_equal(counts, np.histogram(values, 4096, (0.0, 1.0))[0])


def test_cubes_hold_the_voxels_of_chosen_cells():
    grid = Grid.cubic(70, 1.2)
    cells = Cells.of(grid)
    chosen = np.zeros(cells.shape, np.bool_)
    chosen[3:10, 4:12, 5:9] = True
    found = cubes_of(cells, chosen)
    assert found
    for corner, inside in found:
        assert inside.any()
        assert all(0 <= c <= 70 - 32 for c in corner)
        assert np.array_equal(inside, cells.spread(chosen, corner, 32))
