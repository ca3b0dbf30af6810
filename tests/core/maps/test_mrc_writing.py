"""What is written is valid, lies where it should, and is there whole or not at all."""

import os
import resource
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_maps import SHAPE, values

from occupy_core import OutputError
from occupy_core.maps import DensityMap, Grid, read_map, write_map

f32 = st.floats(-1e4, 1e4, width=32)
sizes = st.integers(2, 5)
grids = st.builds(
    Grid,
    shape=st.tuples(sizes, sizes, sizes),
    voxel_size=st.tuples(*[st.floats(0.1, 20)] * 3),
    origin=st.tuples(f32, f32, f32),
    nstart=st.tuples(*[st.integers(-1000, 1000)] * 3),
)


@given(grid=grids)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_grid_comes_back_as_it_was_written(tmp_path, grid):
    path = write_map(tmp_path / "a.mrc", DensityMap(values(grid.shape), grid))
    again = read_map(path)
    np.testing.assert_array_equal(again.data, values(grid.shape))
    assert (again.grid.origin, again.grid.nstart) == (grid.origin, grid.nstart)
    np.testing.assert_allclose(again.grid.voxel_size, grid.voxel_size, rtol=2e-7)
    twice = write_map(tmp_path / "b.mrc", again)
    assert twice.read_bytes() == path.read_bytes()


def test_file_is_valid_mrc2014_with_right_statistics(tmp_path):
    data = values((40, 11, 12)) + 1000
    path = write_map(tmp_path / "a.mrc", DensityMap(data, Grid(data.shape, (1, 2, 3))))
    with Path(os.devnull).open("w") as sink:
        assert mrcfile.validate(path, print_file=sink)
    with mrcfile.open(path) as theirs:
        np.testing.assert_array_equal(theirs.data, data)
        assert theirs.header.dmin == data.min()
        assert theirs.header.dmax == data.max()
        assert theirs.header.dmean == pytest.approx(data.mean(dtype="f8"), rel=1e-7)
        assert theirs.header.rms == pytest.approx(data.std(dtype="f8"), rel=1e-6)
        assert theirs.voxel_size.tolist() == (1, 2, 3)
        assert theirs.header.ispg == 1


def test_labels_are_written_before_the_program_and_nothing_else(tmp_path):
    density = DensityMap(values(), Grid(SHAPE, (1, 1, 1)))
    path = write_map(tmp_path / "a.mrc", density, labels=["local scale, res", "5 Å" + 100 * "x"])
    with mrcfile.open(path) as theirs:
        labels = [bytes(x).decode() for x in theirs.header.label[: theirs.header.nlabl]]
    assert labels[0] == "local scale, res"
    assert labels[1] == "5 ?" + 77 * "x"
    assert labels[2].startswith("Created by occupy_core ")
    assert len(labels) == 3


def test_more_labels_than_a_header_holds_leave_room_for_the_program(tmp_path):
    density = DensityMap(values(), Grid(SHAPE, (1, 1, 1)))
    path = write_map(tmp_path / "a.mrc", density, labels=[str(i) for i in range(20)])
    with mrcfile.open(path) as theirs:
        assert theirs.header.nlabl == 10
        assert theirs.header.label[9].startswith(b"Created by occupy_core ")


def test_the_same_map_gives_the_same_bytes(tmp_path):
    density = DensityMap(values(), Grid(SHAPE, (1, 1, 1)))
    one, two = (write_map(tmp_path / n, density, labels=["x"]).read_bytes() for n in "ab")
    assert one == two


def test_writing_replaces_the_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "a.mrc"
    path.write_text("before")
    assert write_map(str(path), DensityMap(values(), Grid(SHAPE, (1, 1, 1)))) == path
    assert [p.name for p in tmp_path.iterdir()] == ["a.mrc"]


def test_missing_folder_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"folder .*none does not exist"):
        write_map(tmp_path / "none" / "a.mrc", DensityMap(values(), Grid(SHAPE, (1, 1, 1))))


def test_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "a.mrc").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_map(tmp_path / "a.mrc", DensityMap(values(), Grid(SHAPE, (1, 1, 1))))
    assert [p.name for p in tmp_path.iterdir()] == ["a.mrc"]


def test_full_disk_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.mrc"
    path.write_text("before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"a\.mrc cannot be written: .*\."):
            write_map(path, DensityMap(values((20, 20, 20)), Grid.cubic(20, 1.0)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["a.mrc"]


def test_interruption_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("occupy_core.maps.mrc._header_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_map(tmp_path / "a.mrc", DensityMap(values(), Grid(SHAPE, (1, 1, 1))))
    assert not list(tmp_path.iterdir())
