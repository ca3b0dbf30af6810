"""A search for blocks that fails says why in a sentence, and loses nothing."""

from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from small_blocks import KNOWN
from small_jobs import contents

from occupy_core import (
    EstimationError,
    GridMismatchError,
    MapFormatError,
    OutputError,
    ParameterError,
)
from occupy_core.blocks.params import BlocksParams
from occupy_core.commands.blocks.job import BlocksJob
from occupy_core.commands.blocks.run import run_blocks
from occupy_core.maps.ensemble import volumes_in

# matplotlib 3.8 calls what newer versions of pyparsing deprecate
pytestmark = pytest.mark.filterwarnings("ignore:.* deprecated.* use :DeprecationWarning")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"bin": 0}, "bin is 0"),
        ({"bin": 4}, "bin is 4, but of a box of 20 x 22 x 25"),
        ({"threads": 0}, "number of threads is 0"),
        ({"name": "a/b"}, "is 'a/b'"),
        ({"names": ("a",)}, "1 names are given for 60 volumes"),
        ({"names": ("a",) * 60}, "Two volumes are called a"),
        ({"voxel_size": -1.0}, "voxel size is -1.0"),
        ({"communities": Path("c.npz")}, "without the occupied voxels"),
        ({"resume": Path("r"), "occupied": Path("o.npz")}, "leave out one"),
        ({"thresholds": Path("t"), "blocks": BlocksParams(threshold=1.0)}, "leave out one"),
        ({"where": "B1 >"}, "ends where"),
        ({"blocks": BlocksParams(subsample=0)}, "subsample is 0"),
        ({"blocks": BlocksParams(threshold=1e9)}, "No voxel of any volume lies above"),
        ({"blocks": BlocksParams(threshold=-1e9)}, "its solvent lies at"),
        ({"thresholds": Path("none.csv")}, "none.csv cannot be read"),
        ({"occupied": Path("none.npz")}, "none.npz does not exist"),
    ],
)
def test_parameters_outside_their_limits_leave_nothing(ensemble_files, tmp_path, options, sentence):
    with pytest.raises((ParameterError, EstimationError, MapFormatError), match=sentence):
        run_blocks(BlocksJob(ensemble_files, tmp_path / "out", **options))
    assert contents(tmp_path) == {}


def spoil(ensemble_files, folder, change):
    """Copy the volumes, and let `change` spoil the data of the fifth."""
    folder.mkdir()
    copies = []
    for path in ensemble_files[:20]:
        copies.append(folder / path.name)
        copies[-1].write_bytes(path.read_bytes())
    with mrcfile.open(copies[4], "r+") as mrc:
        mrc.set_data(change(mrc.data.copy()))
        mrc.voxel_size = KNOWN.voxel_size
    return tuple(copies)


def with_nan(data):
    data[3, 4, 5] = np.nan
    return data


@pytest.mark.filterwarnings("ignore:Data array contains NaN")
@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        (with_nan, MapFormatError, "not numbers"),
        (np.ones_like, EstimationError, "1 everywhere"),
        (lambda data: data[1:].copy(), GridMismatchError, "vol_5 has 19 x 22 x 25"),
    ],
)
def test_a_bad_volume_half_way_leaves_earlier_outputs(
    ensemble_files, tmp_path, change, error, sentence
):
    bad = spoil(ensemble_files, tmp_path / "v", change)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "blocks.json").write_text("{}")
    with pytest.raises(error, match=sentence):
        run_blocks(BlocksJob(bad, tmp_path / "out", force=True))
    assert contents(tmp_path / "out") == {"blocks.json": b"{}"}


def test_a_volume_that_vanishes_half_way_leaves_nothing(ensemble_files, tmp_path, monkeypatch):
    monkeypatch.setattr("occupy_core.maps.ensemble._HELD", 0)  # as if the volumes were large
    copies = spoil(ensemble_files, tmp_path / "v", lambda data: data)

    def remove(_fraction, text):
        if text == "thresholds":
            copies[-1].unlink(missing_ok=True)

    with pytest.raises(MapFormatError, match=r"vol_20.mrc does not exist"):
        run_blocks(BlocksJob(copies, tmp_path / "out", threads=1), remove)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("count", "make", "error", "sentence"),
    [
        (1, lambda i: KNOWN.volume(0), ParameterError, "1 volume can be used and 10 is the least"),
        (12, lambda i: KNOWN.volume(0), EstimationError, "is occupied in all 12 volumes"),
        (12, lambda i: -KNOWN.volume(i), EstimationError, "multiply the volumes by -1"),
    ],
)
def test_ensembles_that_cannot_be_searched_are_told(tmp_path, count, make, error, sentence):
    (tmp_path / "v").mkdir()
    for i in range(count):
        with mrcfile.new(tmp_path / "v" / f"{i}.mrc", make(i)) as mrc:
            mrc.voxel_size = 4.0
    with pytest.raises(error, match=sentence):
        run_blocks(BlocksJob(tuple(volumes_in(tmp_path / "v")), tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("empty_figures")
def test_outputs_that_exist_are_replaced_only_when_forced(searched, ensemble_files, tmp_path):
    job = BlocksJob(ensemble_files, tmp_path, plot=False)
    run_blocks(job)
    before = contents(tmp_path)
    with pytest.raises(OutputError, match="exists already"):
        run_blocks(job)
    assert contents(tmp_path) == before
    # Fewer blocks: masks of the earlier run must not stay as if they were of this one.
    state = {s: searched.files[f"state_{s}"] for s in ("occupied", "communities")}
    other = replace(job, **state, force=True, blocks=BlocksParams(min_volume=1e9))
    result = run_blocks(other)
    assert set(contents(tmp_path)) == set(result.result["files"].values())


@pytest.mark.usefixtures("empty_figures")
def test_an_unknown_block_in_the_rule_loses_no_work(searched, ensemble_files, tmp_path):
    state = {s: searched.files[f"state_{s}"] for s in ("occupied", "communities")}
    result = run_blocks(BlocksJob(ensemble_files, tmp_path, **state, where="B9 > 0.5", plot=False))
    assert result.result["subset"] is None
    assert any("names 'B9', but the blocks are B1, B2, B3" in text for text in result.warnings)
    assert "subset" not in result.files
    assert result.files["block_003"].exists()


@pytest.mark.usefixtures("empty_figures")
def test_a_table_that_vanishes_is_told(ensemble_files, searched, tmp_path):
    table = tmp_path / "t.csv"
    table.write_bytes(searched.files["thresholds"].read_bytes())
    state = {s: searched.files[f"state_{s}"] for s in ("occupied", "communities")}
    job = BlocksJob(ensemble_files, tmp_path / "out", **state, thresholds=table)
    table.unlink()
    with pytest.raises(MapFormatError, match=r"t\.csv cannot be read"):
        run_blocks(job)
    assert not (tmp_path / "out").exists()
