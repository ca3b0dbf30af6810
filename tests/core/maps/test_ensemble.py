import warnings

import mrcfile
import numpy as np
import pytest
from ensembles import ellipsoids

from occupy_core.errors import (
    EstimationError,
    GridMismatchError,
    MapFormatError,
    ParameterError,
)
from occupy_core.maps import DensityMap, Grid
from occupy_core.maps.binning import bin_map, binned_grid, unbin
from occupy_core.maps.ensemble import Ensemble, natural_key, open_ensemble
from occupy_core.maps.threads import threads


@pytest.fixture
def folder(tmp_path):
    ellipsoids((9, 10, 11), 12, n_blocks=0, seed=3).write(tmp_path / "volumes")
    return tmp_path / "volumes"


def write(path, data, voxel_size=4.0):
    with mrcfile.new(path, np.asarray(data, np.float32), overwrite=True) as mrc:
        mrc.voxel_size = voxel_size


def test_a_folder_is_read_in_natural_order(folder):
    (folder / "notes.txt").write_text("no map")
    (folder / ".hidden.mrc").write_text("no map")
    ensemble = open_ensemble(folder)
    assert ensemble.names == tuple(f"vol_{i}" for i in range(1, 13))
    assert len(ensemble) == 12
    assert ensemble.grid.shape == (9, 10, 11)


def test_numbers_in_names_sort_by_value_wherever_they_are():
    names = ["b_10_2", "b_9_30", "a_3", "b_9_4", "2", "10"]
    assert sorted(names, key=natural_key) == ["2", "10", "a_3", "b_9_4", "b_9_30", "b_10_2"]


def test_a_list_keeps_its_order_and_takes_the_ending_of_scipion(folder):
    ensemble = open_ensemble([f"{folder}/vol_3.mrc:mrc", folder / "vol_1.mrc"])
    assert ensemble.names == ("vol_3", "vol_1")
    assert [p.name for p in ensemble.paths] == ["vol_3.mrc", "vol_1.mrc"]


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path):
    for run in ("run1", "run2"):
        ellipsoids(8, 1, n_blocks=0).write(tmp_path / run)
    ensemble = open_ensemble([tmp_path / run / "vol_1.mrc" for run in ("run1", "run2")])
    assert ensemble.names == ("run1/vol_1", "run2/vol_1")


def test_maps_in_memory_of_one_name_are_numbered():
    grid = Grid.cubic(4, 1.0)
    data = np.arange(64, dtype=np.float32).reshape(4, 4, 4)
    ensemble = Ensemble([DensityMap(data, grid, "v"), DensityMap(data + 1, grid, "v")])
    assert ensemble.names == ("v_1", "v_2")
    assert ensemble.paths == ()


@pytest.mark.parametrize("n_threads", [1, 3])
def test_each_volume_is_worked_on_once_whatever_the_threads(folder, n_threads):
    ensemble = open_ensemble(folder)
    sums, counted = np.zeros(5), []

    def work(place, density):
        sums[place] = density.data.sum()

    with threads(n_threads):
        ensemble.for_each(work, indices=[11, 0, 4, 7, 2], done=counted.append)
    expected = [ensemble.read(i).data.sum() for i in (11, 0, 4, 7, 2)]
    np.testing.assert_array_equal(sums, expected)
    assert counted == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("held", "times"), [(64e6, 1), (100.0, 2)])
def test_small_ensembles_are_read_once_and_large_ones_each_time(folder, monkeypatch, held, times):
    monkeypatch.setattr("occupy_core.maps.ensemble._HELD", held)
    ensemble = open_ensemble(folder)
    read = []
    load = ensemble._load
    monkeypatch.setattr(ensemble, "_load", lambda index: (read.append(index), load(index))[1])
    seen = [{}, {}]
    for each in seen:
        ensemble.for_each(lambda i, volume, each=each: each.update({i: volume.data.tobytes()}))
    assert sorted(read) == sorted([*range(12)] * times)
    assert seen[0] == seen[1] == {i: load(i).data.tobytes() for i in range(12)}


def test_what_is_odd_about_all_headers_is_said_once(tmp_path):
    for i in range(3):
        write(tmp_path / f"v{i}.mrc", np.random.default_rng(i).random((6, 6, 6)))
        with mrcfile.open(tmp_path / f"v{i}.mrc", "r+") as mrc:
            mrc.header.mapc, mrc.header.mapr, mrc.header.maps = 3, 2, 1
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ensemble = open_ensemble(tmp_path)
        ensemble.for_each(lambda _place, _density: None)
    assert len(caught) == 1


def test_the_voxel_size_can_be_given_for_all(folder):
    ensemble = open_ensemble(folder, voxel_size=2.5)
    assert ensemble.read(5).grid.voxel_size == (2.5, 2.5, 2.5)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            lambda f: write(f / "vol_7.mrc", np.ones((9, 10, 12))),
            GridMismatchError,
            "vol_7 has 9 x",
        ),
        (
            lambda f: write(f / "vol_7.mrc", np.random.default_rng(1).random((9, 10, 11)), 4.4),
            GridMismatchError,
            "voxel size of 4.4",
        ),
        (
            lambda f: write(f / "vol_7.mrc", np.full((9, 10, 11), 2)),
            EstimationError,
            "2 everywhere",
        ),
        (lambda f: (f / "vol_7.mrc").unlink(), MapFormatError, "vol_7.mrc does not exist"),
        (lambda f: (f / "vol_7.mrc").write_bytes(b""), MapFormatError, "is empty"),
    ],
)
def test_a_bad_volume_is_named_when_its_turn_comes(folder, change, error, message):
    ensemble = open_ensemble(folder)
    change(folder)
    with pytest.raises(error, match=message):
        ensemble.for_each(lambda _place, _density: None)


def test_a_volume_with_nan_is_refused(folder):
    data = np.random.default_rng(0).random((9, 10, 11))
    data[1, 2, 3] = np.nan
    with pytest.warns(RuntimeWarning, match="NaN"):
        write(folder / "vol_2.mrc", data)
    with pytest.raises(MapFormatError, match=r"vol_2\.mrc has 1 values that are not numbers"):
        open_ensemble(folder).read(1)


@pytest.mark.parametrize(
    ("volumes", "error", "message"),
    [
        ([], ParameterError, "has no volume"),
        (["vol_1.mrc", "nope.mrc", "neither.mrc"], MapFormatError, r"nope.mrc .* \(and 1 more\)"),
        (["vol_1.mrc", "vol_1.mrc"], ParameterError, "is given twice"),
    ],
)
def test_bad_lists_are_refused_at_once(folder, volumes, error, message):
    with pytest.raises(error, match=message):
        open_ensemble([folder / name for name in volumes])


def test_folders_without_maps_are_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"has no file that ends in \.mrc"):
        open_ensemble(tmp_path)
    with pytest.raises(MapFormatError, match="does not exist"):
        open_ensemble(tmp_path / "missing")


# ---- names and bins


def test_volumes_can_be_named(folder):
    paths = open_ensemble(folder).paths
    names = [f"class {i}" for i in range(12)]
    ensemble = Ensemble(paths, names=names)
    assert ensemble.names == tuple(names)
    assert ensemble.read(3).name == "class 3"
    with pytest.raises(ParameterError, match="11 names are given for 12 volumes"):
        Ensemble(paths, names=names[1:])
    with pytest.raises(ParameterError, match="Two volumes are called class 1;"):
        Ensemble(paths, names=["class 1", *names[1:]])


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("shape", [(8, 12, 10), (9, 11, 7)])
def test_bins_average_cubes_and_lie_where_the_cubes_do(shape, n):
    grid = Grid(shape, (1.0, 2.0, 3.0), (-4.0, 0.5, 9.0))
    data = np.random.default_rng(0).random(shape, dtype=np.float32)
    binned = bin_map(DensityMap(data, grid, "x"), n)
    assert binned.grid == binned_grid(grid, n)
    assert binned.grid.shape == tuple(-(-edge // n) for edge in shape)
    assert binned.data[1, 2, 1] == pytest.approx(
        data[n : 2 * n, 2 * n : 3 * n, n : 2 * n].mean(), rel=1e-5
    )
    middle = (n - 1) / 2
    assert binned.grid.position((1, 2, 0)) == pytest.approx(
        grid.position((n + middle, 2 * n + middle, middle))
    )


@pytest.mark.parametrize("n", [2, 3, 4])
def test_what_is_binned_and_brought_back_is_the_same_where_cubes_are_constant(n):
    rng = np.random.default_rng(1)
    coarse = rng.random((4, 3, 5), dtype=np.float32)
    shape = (4 * n - 1, 3 * n, 5 * n - n + 1)
    fine = unbin(coarse, n, shape)
    assert fine.shape == shape
    again = bin_map(DensityMap(fine, Grid(shape, (1.0, 1.0, 1.0))), n)
    np.testing.assert_allclose(again.data, coarse, rtol=1e-6)


def test_a_binned_ensemble_reads_binned_volumes(folder):
    paths = open_ensemble(folder).paths
    with pytest.raises(ParameterError, match="bin is 2, but of a box of 9 x 10 x 11"):
        Ensemble(paths, bin=2)
