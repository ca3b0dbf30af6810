"""How the compiled loops are reached."""

import sys

import numpy as np
import pytest

from occupy_core.maps._numba import fixed, kernels


def test_the_loops_are_loaded_once():
    assert kernels() is kernels() is sys.modules["occupy_core.maps._loops"]


@pytest.mark.parametrize(
    "data",
    [
        np.arange(24, dtype=np.float64).reshape(2, 3, 4),
        np.arange(24, dtype=">f4").reshape(2, 3, 4),
        np.arange(24, dtype=np.float32).reshape(4, 3, 2).T,
        np.arange(48, dtype=np.float32).reshape(2, 3, 8)[..., ::2],
        np.arange(24, dtype=np.int16).reshape(2, 3, 4),
    ],
    ids=["double", "big-endian", "Fortran", "strided", "integer"],
)
def test_any_array_becomes_the_one_type_that_is_compiled(data):
    view = fixed(data)
    assert np.array_equal(view, data)
    assert view.dtype == np.dtype("=f4")
    assert view.flags.c_contiguous
    assert not view.flags.writeable


def test_the_array_itself_stays_writeable_and_is_not_copied_without_need():
    data = np.zeros((2, 3, 4), np.float32)
    view = fixed(data)
    assert data.flags.writeable
    data[1, 2, 3] = 7
    assert view[1, 2, 3] == 7
