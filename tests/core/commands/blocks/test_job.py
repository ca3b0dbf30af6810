"""A search for blocks writes what it says: masks, tables, a record, and subsets."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ensembles import ellipsoids, matched_jaccards
from hostile import TEXTS
from small_blocks import KNOWN, START, masks, rows
from small_jobs import contents

from occupy_core import MapFormatError, ParameterError
from occupy_core.blocks.params import BlocksParams
from occupy_core.commands.blocks.job import BlocksJob
from occupy_core.commands.blocks.run import run_blocks
from occupy_core.commands.blocks.tables import (
    choose,
    read_occupancies,
    write_subset,
)
from occupy_core.commands.blocks.thresholds import read_thresholds
from occupy_core.commands.shared.provenance import sha256
from occupy_core.commands.shared.quoting import csv_text
from occupy_core.maps import read_map
from occupy_core.maps.mrc import map_name

# matplotlib 3.8 calls what newer versions of pyparsing deprecate
pytestmark = pytest.mark.filterwarnings("ignore:.* deprecated.* use :DeprecationWarning")


# ---- what is written


def test_the_blocks_are_binary_masks_where_the_volumes_lie(searched, ensemble_files):
    assert matched_jaccards(KNOWN.truth, masks(searched)).min() > 0.85
    assert [k for k in searched.files if k.startswith("block_")] == [
        "block_001",
        "block_002",
        "block_003",
    ]
    for key in ("block_001", "block_002", "block_003"):
        mask, volume = read_map(searched.files[key]), read_map(ensemble_files[0])
        assert mask.grid == volume.grid
        assert mask.grid.origin == START
        assert set(np.unique(mask.data)) == {0.0, 1.0}


@pytest.mark.usefixtures("empty_figures")
def test_masks_can_be_extended_and_soft(searched, ensemble_files, tmp_path):
    widths = {"mask_extend": 4.0, "mask_soft": 6.0}
    folder = searched.files["result"].parent
    job = BlocksJob(tuple(ensemble_files), tmp_path / "out", resume=folder, **widths, plot=False)
    made = run_blocks(job)
    for number, before in enumerate(masks(searched), start=1):
        after = read_map(made.files[f"block_{number:03d}"]).data
        assert np.all(after[before > 0] == 1)
        assert before.sum() < (after == 1).sum() < (after > 0).sum()
        assert after.min() >= 0
    assert made.result["table"] == searched.result["table"]
    with pytest.raises(ParameterError, match=r"extension of the masks is -1 Å but must be between"):
        run_blocks(replace(job, mask_extend=-1.0))


def test_all_files_are_there_and_the_record_names_them(searched):
    outdir = searched.files["result"].parent
    assert {path.name for path in outdir.iterdir()} == set(searched.result["files"].values())
    assert json.loads(searched.files["result"].read_text()) == json.loads(
        json.dumps(searched.result)
    )
    assert list(searched.files)[-1] == "result"


def test_the_record_says_what_was_read(searched, ensemble_files):
    inputs = searched.result["inputs"]
    assert inputs["volumes_2"] == {
        "file": str(ensemble_files[1]),
        "sha256": sha256(ensemble_files[1]),
    }
    assert len(inputs) == len(ensemble_files)
    assert searched.result["volumes"]["used"] == len(ensemble_files)
    assert "outdir" not in searched.result["job"]


def test_the_occupancies_are_those_of_the_truth(searched):
    found = masks(searched)
    table = rows(searched.files["occupancy"])
    assert [row["volume"] for row in table] == [f"vol_{i}" for i in range(1, 61)]
    for k, truth in enumerate(KNOWN.truth):
        name = f"B{1 + int(np.argmax([(m & truth).sum() for m in found]))}"
        values = np.array([float(row[name]) for row in table])
        assert np.abs(values - KNOWN.presence[:, k]).max() < 0.15
        on = np.array([float(row[f"{name}_on"]) for row in table])
        assert on[KNOWN.presence[:, k]].min() > 0.7
        assert on[~KNOWN.presence[:, k]].max() < 0.1


def test_the_subset_is_that_of_the_rule(searched):
    table = searched.result["table"]
    expected = [r["volume"] for r in table if r["B1"] > 0.5 and not r["B2"] > 0.5]
    assert 0 < len(expected) < len(table)
    assert searched.result["subset"]["volumes"] == expected
    assert [row["volume"] for row in rows(searched.files["subset"])] == expected
    for row, name in zip(rows(searched.files["subset"]), expected, strict=True):
        assert Path(row["file"]).name == f"{name}.mrc"


def test_states_count_all_volumes_once(searched):
    named = [name for state in searched.result["states"] for name in state["volumes"]]
    assert sorted(named) == sorted(row["volume"] for row in searched.result["table"])
    first = searched.result["states"][0]
    of_first = [row["volume"] for row in searched.result["table"] if row["state"] == 1]
    assert of_first == first["volumes"]


def test_the_same_job_writes_the_same_bytes_whatever_the_threads(
    searched, ensemble_files, tmp_path
):
    job = BlocksJob.load(searched.files["result"])
    again = run_blocks(replace(job, outdir=tmp_path / "again", threads=1))
    for key, path in searched.files.items():
        if key != "chimerax":  # it names the folder
            assert path.read_bytes() == again.files[key].read_bytes(), key


@pytest.mark.usefixtures("empty_figures")
def test_a_name_is_added_to_all_outputs(ensemble_files, tmp_path):
    job = BlocksJob(ensemble_files, tmp_path / "out", name="first", plot=False, chimerax=False)
    result = run_blocks(job)
    assert all(Path(name).stem.endswith("_first") for name in result.result["files"].values())


@pytest.mark.usefixtures("empty_figures")
def test_volumes_have_the_names_that_are_given(ensemble_files, tmp_path):
    names = tuple(f"item {i}" for i in range(len(ensemble_files)))
    job = BlocksJob(ensemble_files, tmp_path / "out", names=names, plot=False)
    assert [row["volume"] for row in run_blocks(job).result["table"]] == list(names)


@pytest.mark.usefixtures("empty_figures")
def test_binned_volumes_give_masks_on_the_grid_of_the_volumes(ensemble_files, tmp_path):
    params = BlocksParams(min_volume=500)  # a few of the coarse voxels
    result = run_blocks(
        BlocksJob(ensemble_files, tmp_path / "out", bin=2, blocks=params, plot=False)
    )
    assert masks(result).shape[1:] == (20, 22, 25)
    assert matched_jaccards(KNOWN.truth, masks(result)).min() > 0.5
    assert read_map(result.files["block_001"]).grid == read_map(ensemble_files[0]).grid


def test_nothing_to_be_found_is_a_result_too(tmp_path):
    known = ellipsoids(16, 12, n_blocks=0, seed=1, noise=0.2)
    result = run_blocks(BlocksJob(tuple(known.write(tmp_path / "v")), tmp_path / "out", plot=True))
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
        "vol_1;0.5\nvol_2;0.25\n",
        "vol_1;0,5\nvol_2;0,25\n",
        "volume;threshold\nvol_1;0,5\nvol_2;0,25\n",
        "\ufeffsep=;\r\nvolume;other;threshold\r\nvol_1;9,1;0,5\r\nvol_2;9;0,25\r\n",
        "vol_1\t0,5\nvol_2\t0,25\n",
        "vol_1;0.5\nvol_2;0.25\n".replace(";", " ; "),
        '"vol_1","0,5"\n"vol_2","0,25"\n',
    ],
)
def test_tables_of_thresholds_are_read_in_several_forms(tmp_path, text):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    found, remarks = read_thresholds(tmp_path / "t.csv", ["vol_1", "vol_2"])
    assert found == {"vol_1": 0.5, "vol_2": 0.25}
    assert remarks == []


@pytest.mark.parametrize(
    "changed",
    [
        {"table": [3]},
        {"table": [{"volume": "v"}]},
        {"blocks": [{}]},
        {"blocks": [{"name": "B9"}]},
        {"table": [{"volume": "v", "file": 3, "B1": 1.0}]},
        {"table": [{"volume": "v", "file": "f", "B1": "x"}], "blocks": [{"name": "B1"}]},
    ],
)
def test_a_record_that_lacks_something_is_told(searched, tmp_path, changed):
    record = json.loads(searched.files["result"].read_text()) | changed
    (tmp_path / "blocks.json").write_text(json.dumps(record))
    with pytest.raises(ParameterError, match=r"check the path"):
        read_occupancies(tmp_path)


def test_a_table_that_was_written_is_read_whatever_the_volumes_are_called(tmp_path):
    names = [text for text in TEXTS if text == map_name(text) and text.isprintable()]
    rows = [{"volume": name, "threshold": float(i)} for i, name in enumerate(names)]
    written = csv_text(["volume", "threshold"], rows)
    (tmp_path / "t.csv").write_text(written, encoding="utf-8", newline="")
    found, remarks = read_thresholds(tmp_path / "t.csv", names)
    assert (found, remarks) == ({row["volume"]: row["threshold"] for row in rows}, [])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("vol_1,0.5\nvol_2,high\n", "Line 2 of .* is 'vol_2,high'"),
        ("volume,threshold\nvol_1\n", "Line 2 of .* is 'vol_1'"),
        ("vol_1,0.5\nvol_1,0.6\n", "two thresholds for vol_1"),
        ("vol_1,nan\nvol_2,nan\n", "Line 1 of .* is 'vol_1,nan'"),
        ("vol_1,0,5\nvol_2,0,25\n", "Line 1 of .* is 'vol_1,0,5' .* by semicolons"),
        ("volume,threshold\nvol_1,0,5\n", "Line 2 of .* is 'vol_1,0,5' .* by semicolons"),
        ("vol_1;1.234,5\nvol_2;0,5\n", "Line 1 of .* is 'vol_1;1.234,5'"),
        ("vol_1;0,5\nvol_2;0.25\n", "Line 1 of .* is 'vol_1;0,5'"),
        ("vol_1;1,234,567\nvol_2;0,5\n", "Line 1 of .* is 'vol_1;1,234,567'"),
    ],
)
def test_what_is_wrong_in_a_table_is_said_with_its_line(tmp_path, text, sentence):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError, match=sentence):
        read_thresholds(tmp_path / "t.csv", ["vol_1", "vol_2"])


@pytest.mark.usefixtures("empty_figures")
def test_the_thresholds_that_are_written_can_be_given_back(searched, ensemble_files, tmp_path):
    job = BlocksJob(
        ensemble_files, tmp_path / "out", thresholds=searched.files["thresholds"], plot=False
    )
    again = run_blocks(job)
    assert again.result["parameters"]["threshold_rule"] == "table"
    before, after = searched.result["thresholds"], again.result["thresholds"]
    assert [r["threshold"] for r in before] == [r["threshold"] for r in after]
    assert again.files["block_001"].read_bytes() == searched.files["block_001"].read_bytes()


# ---- subsets


def test_subsets_are_chosen_from_a_folder_and_linked_or_copied(searched, tmp_path):
    table, blocks = read_occupancies(searched.files["result"].parent)
    assert blocks == ["B1", "B2", "B3"]
    chosen = choose("B1_on > 0.5 or B3 < 0.5", table, blocks)
    expected = [r["volume"] for r in table if r["B1_on"] > 0.5 or r["B3"] < 0.5]
    assert [row["volume"] for row in chosen] == expected
    for how in ("link", "copy"):
        files = write_subset(chosen, list(table[0]), tmp_path / how, how=how)
        assert [path.stem for path in files] == [*expected, "subset"]
        assert all(path.is_symlink() == (how == "link") for path in files[:-1])
        assert files[0].read_bytes() == Path(chosen[0]["file"]).read_bytes()


def test_a_subset_with_a_volume_that_is_gone_writes_nothing(searched, tmp_path):
    table, _ = read_occupancies(searched.files["result"])
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


def test_the_names_of_the_outputs_are_known_before(ensemble_files):
    plain = BlocksJob(ensemble_files, plot=False, chimerax=False).output_names()
    assert "heatmap" not in plain
    assert "subset" not in plain
    assert list(plain)[-1] == "result"
