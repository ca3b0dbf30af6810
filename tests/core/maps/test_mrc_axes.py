"""A map is the same whatever the order of the axes in its file."""

import itertools
import warnings

import numpy as np
import pytest
from small_maps import maker, values

from occupy_core import OccupyWarning
from occupy_core.maps import read_map


@pytest.fixture
def made(tmp_path):
    return maker(tmp_path)


ORDERS = [p for p in itertools.permutations((1, 2, 3)) if p != (1, 2, 3)]


def permuted(made, axes, data, nstart, cell):
    """File of a (z, y, x) density whose columns, rows and sections run along `axes`."""
    stored = data.transpose([3 - a for a in reversed(axes)])
    nx, ny, nz = data.shape[::-1]
    start = dict(zip(("nxstart", "nystart", "nzstart"), (nstart[a - 1] for a in axes), strict=True))
    return made(
        stored,
        mapc=axes[0],
        mapr=axes[1],
        maps=axes[2],
        mx=nx,
        my=ny,
        mz=nz,
        cella=cell,
        origin=(1.0, -2.0, 3.5),
        **start,
    )


@pytest.mark.parametrize("axes", ORDERS)
@pytest.mark.parametrize("shape", [(4, 6, 7), (33, 9, 2)])
def test_any_axis_order_is_put_right_with_a_warning(made, axes, shape):
    data = values(shape)
    path = permuted(made, axes, data, (3, -7, 11), (7.0, 12.0, 10.0))
    with pytest.warns(OccupyWarning, match="axes .* stored in the order") as caught:
        density = read_map(path)
    assert len(caught) == 1
    np.testing.assert_array_equal(density.data, data)
    nz, ny, nx = shape
    assert density.grid.nstart == (3, -7, 11)
    assert density.grid.origin == (1.0, -2.0, 3.5)
    np.testing.assert_allclose(density.grid.voxel_size, (7 / nx, 12 / ny, 10 / nz), rtol=1e-6)


@pytest.mark.parametrize("axes", [(1, 2, 3), *ORDERS])
def test_axis_order_agrees_with_gemmi(made, axes):
    gemmi = pytest.importorskip("gemmi")
    path = permuted(made, axes, values(), (3, 2, 1), (7.0, 12.0, 10.0))
    theirs = gemmi.read_ccp4_map(str(path))
    theirs.setup(float("nan"), gemmi.MapSetup.ReorderOnly)
    array = np.array(theirs.grid, copy=False)  # (x, y, z)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OccupyWarning)
        ours = read_map(path)
    np.testing.assert_array_equal(ours.data, array.T)
    assert ours.grid.nstart == tuple(theirs.header_i32(w) for w in (5, 6, 7))


def test_impossible_axis_order_is_read_as_standard_with_a_warning(made):
    with pytest.warns(OccupyWarning, match=r"axis order .* \[1, 1, 3\]"):
        density = read_map(made(mapr=1))
    np.testing.assert_array_equal(density.data, values())
    density = read_map(made(mapc=0, mapr=0, maps=0))  # never filled in: nothing to warn of
    np.testing.assert_array_equal(density.data, values())
