"""A search for blocks writes what it says, can be gone on with, and loses nothing when it fails."""

import csv
import json
import shutil
from dataclasses import fields, replace
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from ensembles import ellipsoids, matched_jaccards
from small_jobs import contents

from occupy_core import (
    EstimationError,
    GridMismatchError,
    MapFormatError,
    OutputError,
    ParameterError,
)
from occupy_core.blocks.params import (
    CONTOUR_FIELDS,
    EXPAND_FIELDS,
    SKETCH_FIELDS,
    BlocksParams,
)
from occupy_core.jobs import blocks_steps
from occupy_core.jobs.blocks import run_blocks
from occupy_core.jobs.blocks_job import BlocksJob, output_names
from occupy_core.jobs.blocks_tables import (
    choose,
    read_occupancies,
    read_thresholds,
    write_subset,
)
from occupy_core.maps import read_map
from occupy_core.maps.ensemble import volumes_in
from occupy_core.provenance import sha256

# matplotlib 3.8 calls what newer versions of pyparsing deprecate
pytestmark = pytest.mark.filterwarnings("ignore:.* deprecated.* use :DeprecationWarning")

KNOWN = ellipsoids(
    (20, 22, 25), 60, n_blocks=3, seed=4, noise=0.1, size=(0.12, 0.16), agreeing=None
)
START = (-12.0, 30.5, 7.0)


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ensemble")
    for path in KNOWN.write(folder):
        with mrcfile.open(path, "r+") as mrc:
            mrc.header.origin.x, mrc.header.origin.y, mrc.header.origin.z = START
            mrc.header.nxstart = -3
    return tuple(volumes_in(folder))


@pytest.fixture(scope="module")
def done(volumes, tmp_path_factory):
    outdir = tmp_path_factory.mktemp("done") / "out"
    return run_blocks(BlocksJob(volumes, outdir, where="B1 > 0.5 and not B2 > 0.5"))


def rows(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def masks(result):
    files = sorted(path for key, path in result.files.items() if key.startswith("block_"))
    return np.array([read_map(path).data > 0.5 for path in files])


# ---- what is written


def test_the_blocks_are_binary_masks_where_the_volumes_lie(done, volumes):
    assert matched_jaccards(KNOWN.truth, masks(done)).min() > 0.85
    assert [k for k in done.files if k.startswith("block_")] == [
        "block_001",
        "block_002",
        "block_003",
    ]
    for key in ("block_001", "block_002", "block_003"):
        mask, volume = read_map(done.files[key]), read_map(volumes[0])
        assert mask.grid == volume.grid
        assert mask.grid.origin == START
        assert set(np.unique(mask.data)) == {0.0, 1.0}


def test_all_files_are_there_and_the_record_names_them(done):
    outdir = done.files["result"].parent
    assert {path.name for path in outdir.iterdir()} == set(done.result["files"].values())
    assert json.loads(done.files["result"].read_text()) == json.loads(json.dumps(done.result))
    assert list(done.files)[-1] == "result"


def test_the_record_says_what_was_read(done, volumes):
    inputs = done.result["inputs"]
    assert inputs["volumes_2"] == {"file": str(volumes[1]), "sha256": sha256(volumes[1])}
    assert len(inputs) == len(volumes)
    assert done.result["volumes"]["used"] == len(volumes)
    assert "outdir" not in done.result["job"]


def test_the_occupancies_are_those_of_the_truth(done):
    found = masks(done)
    table = rows(done.files["occupancy"])
    assert [row["volume"] for row in table] == [f"vol_{i}" for i in range(1, 61)]
    for k, truth in enumerate(KNOWN.truth):
        name = f"B{1 + int(np.argmax([(m & truth).sum() for m in found]))}"
        values = np.array([float(row[name]) for row in table])
        assert np.abs(values - KNOWN.presence[:, k]).max() < 0.15
        on = np.array([float(row[f"{name}_on"]) for row in table])
        assert on[KNOWN.presence[:, k]].min() > 0.7
        assert on[~KNOWN.presence[:, k]].max() < 0.1


def test_the_subset_is_that_of_the_rule(done):
    table = done.result["table"]
    expected = [r["volume"] for r in table if r["B1"] > 0.5 and not r["B2"] > 0.5]
    assert 0 < len(expected) < len(table)
    assert done.result["subset"]["volumes"] == expected
    assert [row["volume"] for row in rows(done.files["subset"])] == expected
    for row, name in zip(rows(done.files["subset"]), expected, strict=True):
        assert Path(row["file"]).name == f"{name}.mrc"


def test_states_count_all_volumes_once(done):
    named = [name for state in done.result["states"] for name in state["volumes"]]
    assert sorted(named) == sorted(row["volume"] for row in done.result["table"])
    first = done.result["states"][0]
    of_first = [row["volume"] for row in done.result["table"] if row["state"] == 1]
    assert of_first == first["volumes"]


def test_the_same_job_writes_the_same_bytes_whatever_the_threads(done, volumes, tmp_path):
    job = BlocksJob.load(done.files["result"])
    again = run_blocks(replace(job, outdir=tmp_path / "again", threads=1))
    for key, path in done.files.items():
        if key != "chimerax":  # it names the folder
            assert path.read_bytes() == again.files[key].read_bytes(), key


def test_a_name_is_added_to_all_outputs(volumes, tmp_path):
    job = BlocksJob(volumes, tmp_path / "out", name="first", plot=False, chimerax=False)
    result = run_blocks(job)
    assert all(Path(name).stem.endswith("_first") for name in result.result["files"].values())


def test_volumes_have_the_names_that_are_given(volumes, tmp_path):
    names = tuple(f"item {i}" for i in range(len(volumes)))
    job = BlocksJob(volumes, tmp_path / "out", names=names, plot=False)
    assert [row["volume"] for row in run_blocks(job).result["table"]] == list(names)


def test_binned_volumes_give_masks_on_the_grid_of_the_volumes(volumes, tmp_path):
    params = BlocksParams(min_volume=500)  # a few of the coarse voxels
    result = run_blocks(BlocksJob(volumes, tmp_path / "out", bin=2, blocks=params, plot=False))
    assert masks(result).shape[1:] == (20, 22, 25)
    assert matched_jaccards(KNOWN.truth, masks(result)).min() > 0.5
    assert read_map(result.files["block_001"]).grid == read_map(volumes[0]).grid


def test_nothing_to_be_found_is_a_result_too(tmp_path):
    known = ellipsoids(16, 12, n_blocks=0, seed=1, noise=0.2)
    result = run_blocks(BlocksJob(tuple(known.write(tmp_path / "v")), tmp_path / "out"))
    assert result.result["blocks"] == []
    assert any("No block was found" in text for text in result.warnings)
    assert result.files["heatmap"].exists()


# ---- tables of thresholds


@pytest.mark.parametrize(
    "text",
    [
        "vol_1,0.5\nvol_2,0.25\n",
        "volume,threshold\nvol_1.mrc,0.5\n/any/vol_2.mrc,0.25\n",
        "\ufeffvolume,other,threshold\nvol_1,9,0.5\n\nvol_2,9,0.25\n",
        ",predictions,denormalized_predictions\nvol_1.mrc,-0.2,0.5\nvol_2.mrc,1,0.25\n",
    ],
)
def test_tables_of_thresholds_are_read_in_several_forms(tmp_path, text):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    found, remarks = read_thresholds(tmp_path / "t.csv", ["vol_1", "vol_2"])
    assert found == {"vol_1": 0.5, "vol_2": 0.25}
    assert remarks == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("vol_1,0.5\nvol_2,high\n", "Line 2 of .* is 'vol_2,high'"),
        ("volume,threshold\nvol_1\n", "Line 2 of .* is 'vol_1'"),
        ("vol_1,0.5\nvol_1,0.6\n", "two thresholds for vol_1"),
        ("vol_1,nan\nvol_2,nan\n", "Line 2 of .* is 'vol_2,nan'"),
    ],
)
def test_what_is_wrong_in_a_table_is_said_with_its_line(tmp_path, text, sentence):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError, match=sentence):
        read_thresholds(tmp_path / "t.csv", ["vol_1", "vol_2"])


def test_the_thresholds_that_are_written_can_be_given_back(done, volumes, tmp_path):
    job = BlocksJob(volumes, tmp_path / "out", thresholds=done.files["thresholds"], plot=False)
    again = run_blocks(job)
    assert again.result["parameters"]["threshold_rule"] == "table"
    before, after = done.result["thresholds"], again.result["thresholds"]
    assert [r["threshold"] for r in before] == [r["threshold"] for r in after]
    assert again.files["block_001"].read_bytes() == done.files["block_001"].read_bytes()


# ---- going on from saved states


def test_going_on_with_the_same_parameters_gives_the_same(done, volumes, tmp_path):
    for i, states in enumerate((("occupied",), ("occupied", "communities"))):
        saved = {state: done.files[f"state_{state}"] for state in states}
        again = run_blocks(BlocksJob(volumes, tmp_path / str(i), **saved, plot=False))
        for key in ("block_001", "block_002", "occupancy", "state_occupied", "state_communities"):
            assert again.files[key].read_bytes() == done.files[key].read_bytes()


def test_going_on_with_other_parameters_changes_what_they_say(done, volumes, tmp_path):
    job = BlocksJob(
        volumes,
        tmp_path / "out",
        occupied=done.files["state_occupied"],
        communities=done.files["state_communities"],
        blocks=BlocksParams(min_volume=1e9),
        plot=False,
    )
    result = run_blocks(job)
    assert result.result["blocks"] == []
    assert any("dropped" in text for text in result.warnings)


@pytest.fixture
def steps(monkeypatch):
    """The steps that are done, by their names."""
    done = []
    for name in ("binarize", "sketch_communities"):
        step = getattr(blocks_steps, name)

        def run(*given, step=step, name=name, **options):
            done.append(name)
            return step(*given, **options)

        monkeypatch.setattr(blocks_steps, name, run)
    return done


def test_resuming_after_the_sketch_writes_the_same_bytes_as_one_run(done, volumes, tmp_path, steps):
    job = BlocksJob(volumes, tmp_path / "sketch", where="B1 > 0.5 and not B2 > 0.5")
    sketched = run_blocks(replace(job, sketch_only=True))
    assert sorted(path.name for path in job.outdir.iterdir()) == [
        "sketch.json",
        "state_communities.npz",
        "state_occupied.npz",
    ]
    assert sum(sketched.result["communities"]) > 100
    assert steps == ["binarize", "sketch_communities"]
    steps.clear()
    outdir = done.files["result"].parent
    again = run_blocks(replace(job, outdir=tmp_path / "out", resume=job.outdir))
    assert steps == []
    for key, path in done.files.items():
        expected = path.read_text() if key == "chimerax" else path.read_bytes()
        if key == "chimerax":  # it names the folder
            expected = expected.replace(str(outdir), str(tmp_path / "out")).encode()
        assert again.files[key].read_bytes() == expected, key


@pytest.mark.parametrize(
    ("changed", "redone"),
    [
        ({"exp_frac": 0.5}, []),
        ({"min_volume": 0.0}, []),
        ({"posp": 0.001}, ["sketch_communities"]),
        ({"max_agreement": 0.97}, ["sketch_communities"]),
        ({"union_fraction": 0.02}, ["binarize", "sketch_communities"]),
    ],
)
def test_resuming_does_again_what_changed_and_what_follows(
    done, volumes, tmp_path, steps, changed, redone
):
    job = BlocksJob(volumes, tmp_path / "a", blocks=BlocksParams(**changed), plot=False)
    resumed = run_blocks(replace(job, resume=done.files["result"].parent))
    assert steps == redone
    whole = run_blocks(replace(job, outdir=tmp_path / "b"))
    for key, path in whole.files.items():
        if key != "chimerax":
            assert path.read_bytes() == resumed.files[key].read_bytes(), key


def test_resuming_takes_nothing_over_that_other_volumes_gave(done, volumes, tmp_path, steps):
    folder = tmp_path / "volumes"
    shutil.copytree(volumes[0].parent, folder)
    changed = folder / volumes[7].name
    with mrcfile.open(changed, "r+") as mrc:  # the name and the box are the same
        mrc.data[3, 4, 5] += 0.01
    job = BlocksJob(tuple(volumes_in(folder)), tmp_path / "out", plot=False)
    run_blocks(replace(job, resume=done.files["result"].parent))
    assert steps == ["binarize", "sketch_communities"]


@pytest.mark.parametrize("broken", ["", "PK", None])
def test_resuming_from_a_broken_state_starts_again(done, volumes, tmp_path, steps, broken):
    saved = tmp_path / "saved"
    saved.mkdir()
    for key in ("state_occupied", "state_communities"):
        whole = done.files[key].read_bytes()
        end = len(whole) - 2000 if broken is None else 0
        (saved / done.files[key].name).write_bytes((broken or "").encode() + whole[:end])
    job = BlocksJob(volumes, tmp_path / "out", resume=saved, plot=False, chimerax=False)
    again = run_blocks(job)
    assert steps == ["binarize", "sketch_communities"]
    assert again.files["block_001"].read_bytes() == done.files["block_001"].read_bytes()


def test_resuming_from_no_folder_is_refused(volumes, tmp_path):
    job = BlocksJob(volumes, tmp_path / "out", resume=tmp_path / "missing")
    with pytest.raises(ParameterError, match=r"missing to resume from does not exist"):
        run_blocks(job)
    assert contents(tmp_path) == {}


def test_every_parameter_decides_one_step():
    of_steps = [*CONTOUR_FIELDS, *SKETCH_FIELDS, *EXPAND_FIELDS]
    assert sorted(of_steps) == sorted(field.name for field in fields(BlocksParams))


def test_a_state_of_other_volumes_is_refused(done, volumes, tmp_path):
    state = done.files["state_occupied"]
    with pytest.raises(ParameterError, match="give the same volumes"):
        run_blocks(BlocksJob(volumes[:20], tmp_path / "out", occupied=state))
    with pytest.raises(ParameterError, match="box of 10 x 11 x 13"):
        run_blocks(BlocksJob(volumes, tmp_path / "out", occupied=state, bin=2))
    assert contents(tmp_path) == {}


# ---- what goes wrong


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
def test_parameters_outside_their_limits_leave_nothing(volumes, tmp_path, options, sentence):
    with pytest.raises((ParameterError, EstimationError, MapFormatError), match=sentence):
        run_blocks(BlocksJob(volumes, tmp_path / "out", **options))
    assert contents(tmp_path) == {}


def spoil(volumes, folder, change):
    """Copy the volumes, and let `change` spoil the data of the fifth."""
    folder.mkdir()
    copies = []
    for path in volumes[:20]:
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
def test_a_bad_volume_half_way_leaves_earlier_outputs(volumes, tmp_path, change, error, sentence):
    bad = spoil(volumes, tmp_path / "v", change)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "blocks.json").write_text("{}")
    with pytest.raises(error, match=sentence):
        run_blocks(BlocksJob(bad, tmp_path / "out", force=True))
    assert contents(tmp_path / "out") == {"blocks.json": b"{}"}


def test_a_volume_that_vanishes_half_way_leaves_nothing(volumes, tmp_path):
    copies = spoil(volumes, tmp_path / "v", lambda data: data)

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
        (12, lambda i: KNOWN.volume(0), EstimationError, "is on in all 12 volumes"),
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


def test_outputs_that_exist_are_replaced_only_when_forced(done, volumes, tmp_path):
    job = BlocksJob(volumes, tmp_path, plot=False)
    run_blocks(job)
    before = contents(tmp_path)
    with pytest.raises(OutputError, match="exists already"):
        run_blocks(job)
    assert contents(tmp_path) == before
    # Fewer blocks: masks of the earlier run must not stay as if they were of this one.
    state = {s: done.files[f"state_{s}"] for s in ("occupied", "communities")}
    other = replace(job, **state, force=True, blocks=BlocksParams(min_volume=1e9))
    result = run_blocks(other)
    assert set(contents(tmp_path)) == set(result.result["files"].values())


def test_an_unknown_block_in_the_rule_loses_no_work(done, volumes, tmp_path):
    state = {s: done.files[f"state_{s}"] for s in ("occupied", "communities")}
    result = run_blocks(BlocksJob(volumes, tmp_path, **state, where="B9 > 0.5", plot=False))
    assert result.result["subset"] is None
    assert any("names 'B9', but the blocks are B1, B2, B3" in text for text in result.warnings)
    assert "subset" not in result.files
    assert result.files["block_003"].exists()


# ---- subsets


def test_subsets_are_chosen_from_a_folder_and_linked_or_copied(done, tmp_path):
    table, blocks = read_occupancies(done.files["result"].parent)
    assert blocks == ["B1", "B2", "B3"]
    chosen = choose("B1_on > 0.5 or B3 < 0.5", table, blocks)
    expected = [r["volume"] for r in table if r["B1_on"] > 0.5 or r["B3"] < 0.5]
    assert [row["volume"] for row in chosen] == expected
    for how in ("link", "copy"):
        files = write_subset(chosen, list(table[0]), tmp_path / how, how=how)
        assert [path.stem for path in files] == [*expected, "subset"]
        assert all(path.is_symlink() == (how == "link") for path in files[:-1])
        assert files[0].read_bytes() == Path(chosen[0]["file"]).read_bytes()


def test_a_subset_with_a_volume_that_is_gone_writes_nothing(done, tmp_path):
    table, _ = read_occupancies(done.files["result"])
    gone = [*table[:2], {**table[2], "file": str(tmp_path / "gone.mrc")}]
    with pytest.raises(MapFormatError, match="1 of 3 volumes are not there any more"):
        write_subset(gone, list(table[0]), tmp_path / "out", how="copy")
    assert contents(tmp_path) == {}


def test_a_folder_without_a_search_is_told(tmp_path):
    with pytest.raises(ParameterError, match=r"has no blocks.json"):
        read_occupancies(tmp_path)
    (tmp_path / "blocks.json").write_text('{"job": {}}')
    with pytest.raises(ParameterError, match="not the record of a search"):
        read_occupancies(tmp_path)


def test_the_names_of_the_outputs_are_known_before(volumes):
    plain = output_names(BlocksJob(volumes, plot=False, chimerax=False))
    assert "heatmap" not in plain
    assert "subset" not in plain
    assert list(plain)[-1] == "result"


def test_a_table_that_vanishes_is_told(volumes, done, tmp_path):
    table = tmp_path / "t.csv"
    table.write_bytes(done.files["thresholds"].read_bytes())
    state = {s: done.files[f"state_{s}"] for s in ("occupied", "communities")}
    job = BlocksJob(volumes, tmp_path / "out", **state, thresholds=table)
    table.unlink()
    with pytest.raises(MapFormatError, match=r"t\.csv cannot be read"):
        run_blocks(job)
    assert not (tmp_path / "out").exists()
