"""What a map is: its grid, its data, and when two maps lie on each other."""

import dataclasses
import subprocess
import sys
import warnings

import numpy as np
import pytest

from occupy_core import GridMismatchError, MapFormatError, OccupyWarning
from occupy_core.maps import DensityMap, Grid, require_same_grid

GRID = Grid((4, 5, 6), (1.0, 1.5, 2.0), (10.0, -20.0, 30.0), (3, -7, 11))


def flat(grid, name="map"):
    return DensityMap(np.zeros(grid.shape, "f4"), grid, name)


# ---- Grid


def test_vectors_are_xyz_and_shapes_zyx():
    assert GRID.voxel_size_zyx == (2.0, 1.5, 1.0)
    assert GRID.box == (6.0, 7.5, 8.0)
    assert GRID.size == 120
    assert GRID.mean_voxel_size == pytest.approx(3 ** (1 / 3))
    assert Grid.cubic(7, 1.1) == Grid((7, 7, 7), (1.1, 1.1, 1.1))
    assert Grid.cubic(7, 1.1).mean_voxel_size == 1.1


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 0), (-1, 5, 6), (2, 3, 4, 5)])
def test_shape_of_no_volume_is_refused(shape):
    with pytest.raises(MapFormatError, match="three dimensions"):
        Grid(shape, (1.0, 1.0, 1.0))


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_voxel_size_that_is_none_is_refused(bad):
    with pytest.raises(MapFormatError, match="must be positive"):
        Grid((4, 5, 6), (1.0, bad, 1.0))


def test_grid_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        GRID.shape = (1, 1, 1)


def test_origin_places_the_map_where_it_is_set_and_nstart_where_not():
    assert GRID.position((0, 0, 0)) == (10.0, -20.0, 30.0)
    assert GRID.position((1, 2, 3)) == (13.0, -17.0, 32.0)
    unset = dataclasses.replace(GRID, origin=(0.0, 0.0, 0.0))
    assert unset.position((0, 0, 0)) == (3.0, -10.5, 22.0)


@pytest.mark.parametrize("shape", [(8, 10, 12), (2, 5, 3), (5, 4, 7)])
def test_resampled_grid_has_the_same_box_and_first_voxel(shape):
    resampled = GRID.resampled(shape)
    assert resampled.shape == shape
    np.testing.assert_allclose(resampled.box, GRID.box)
    np.testing.assert_allclose(resampled.position((0, 0, 0)), GRID.position((0, 0, 0)))


@pytest.mark.parametrize("nstart", [(-49, 3, 0), (50, -25, 75)])
def test_resampled_grid_keeps_a_first_voxel_that_only_nstart_places(nstart):
    grid = Grid((100, 100, 100), (1.0, 1.3, 2.0), nstart=nstart)
    resampled = grid.resampled((64, 50, 100))
    np.testing.assert_allclose(resampled.position((0, 0, 0)), grid.position((0, 0, 0)))


def test_resampling_to_no_voxels_is_refused():
    with pytest.raises(MapFormatError, match="at least one voxel"):
        Grid.cubic(8, 1.0).resampled((8, 0, 8))


# ---- DensityMap


def test_data_become_contiguous_float32_that_cannot_be_changed():
    data = np.arange(120.0).reshape(6, 5, 4).T
    density = DensityMap(data, GRID)
    assert density.data.dtype == np.float32
    assert density.data.flags.c_contiguous
    np.testing.assert_array_equal(density.data, data)
    with pytest.raises(ValueError, match="read-only"):
        density.data[0, 0, 0] = 1


def test_array_of_the_caller_is_shared_but_stays_writeable():
    data = np.zeros(GRID.shape, "f4")
    density = DensityMap(data, GRID)
    assert np.shares_memory(density.data, data)
    assert data.flags.writeable


def test_data_of_another_shape_are_refused():
    with pytest.raises(GridMismatchError, match=r"data of x have the shape \(6, 5, 4\)"):
        DensityMap(np.zeros((6, 5, 4)), GRID, "x")


def test_other_data_keep_the_grid():
    density = flat(GRID, "a")
    other = density.with_data(np.ones(GRID.shape), "b")
    assert (other.grid, other.name, other.data.sum()) == (GRID, "b", 120)
    assert density.with_data(np.ones(GRID.shape)).name == "a"


# ---- two maps


def test_maps_on_one_grid_pass_in_silence():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        require_same_grid(flat(GRID), flat(GRID), "mask")


def test_another_shape_is_refused_with_both_shapes():
    with pytest.raises(GridMismatchError, match=r"The mask m has 4 x 5 x 7 .* a has 4 x 5 x 6"):
        require_same_grid(flat(GRID, "a"), flat(Grid((4, 5, 7), (1, 1, 1)), "m"), "mask")


@pytest.mark.parametrize(("size", "accepted"), [(1.0005, True), (1.0015, True), (1.01, False)])
def test_voxel_sizes_may_differ_in_the_third_decimal_but_not_by_a_percent(size, accepted):
    a, b = flat(Grid.cubic(100, 1.0), "a"), flat(Grid.cubic(100, size), "b")
    if accepted:
        require_same_grid(a, b, "half map 1")
    else:
        with pytest.raises(GridMismatchError, match=r"voxel size of 1\.01 x .* a has 1 x 1 x 1 Å"):
            require_same_grid(a, b, "half map 1")


def test_another_origin_warns_because_voxels_decide():
    moved = dataclasses.replace(GRID, origin=(11.0, -20.0, 30.0))
    with pytest.warns(OccupyWarning, match=r"another origin than a \(1\.0 voxels\)"):
        require_same_grid(flat(GRID, "a"), flat(moved, "b"), "mask")


# ---- loading


def test_maps_are_loaded_without_numba_and_matplotlib():
    code = (
        "import sys, occupy_core.maps; "
        "sys.exit('numba' in sys.modules or 'matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
