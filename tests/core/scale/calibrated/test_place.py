"""What noise makes is no place, nor where the border of a box is mirrored."""

import numpy as np
import pytest

from occupy_core.maps.fourier import coloured_noise
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.scale.calibrated.place import _AROUND, _noise_at_faces
from occupy_core.scale.estimate import estimate_scale
from occupy_core.scale.params import ScaleParams
from occupy_core.solvent.cells import Cells
from occupy_core.solvent.noise import blurred_cells


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 2.6, 3.1)])
def test_noise_is_larger_where_the_border_is_mirrored(spacing):
    cells = Cells.of(Grid((48, 44, 40), spacing))
    white = np.random.default_rng(5).normal(size=(40, *cells.shape)).astype(np.float32)
    found = np.std([blurred_cells(noise, cells, _AROUND) for noise in white], axis=0)
    expected = _noise_at_faces(cells)
    middle = tuple(n // 2 for n in cells.shape)
    for at in (
        (0, slice(None), slice(None)),
        (slice(None), -1, slice(None)),
        (0, slice(None), 0),
        (slice(None), slice(None), 2),
    ):
        inner = found[tuple(slice(n // 3, -n // 3) for n in cells.shape)]
        ratio = np.sqrt((found[at] ** 2).mean() / (inner**2).mean())
        assert ratio == pytest.approx(np.sqrt((expected[at] ** 2).mean()), rel=0.12)
    assert expected[middle] == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(("seed", "voxel_size"), [(32, 2.0), (58, 1.3)])
def test_noise_at_the_faces_of_a_box_is_no_content(seed, voxel_size):
    grid = Grid((64, 60, 56), (voxel_size,) * 3)
    noise = coloured_noise(grid, np.array([0.0, 0.5]), np.array([1.0, 0.3]), seed=seed)
    assert estimate_scale(DensityMap(noise, grid), ScaleParams(mode="occ")).scale.data.max() == 0
