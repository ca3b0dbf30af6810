"""From a table, a list or a folder to the options of each job."""

import json
from pathlib import Path

import pytest
from small_jobs import write_small_map

from occupy_core.commands.batch.kinds import KINDS, arguments_of, kind_of
from occupy_core.commands.batch.rows import read_rows
from occupy_core.commands.main import _COMMANDS
from occupy_core.commands.shared.job import JobBase
from occupy_core.errors import ParameterError


def rows_of(path, text, command="scale"):
    path.write_text(text, encoding="utf-8")
    return read_rows(path, command)


def test_every_command_that_runs_a_job_can_be_in_a_batch():
    assert {"batch", "report"} >= set(_COMMANDS) - set(KINDS) - {"watch", "relion-hook"}
    for name in KINDS:
        kind = kind_of(name)
        assert kind.command.name == name
        assert issubclass(kind.job, JobBase)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_columns_of_a_table_are_options(tmp_path, separator):
    table = (
        "job,command,input-map,amplify,plot,mode,half1\n"
        "first,,a.mrc,4,yes,,\n"
        ",scale,b c.mrc,,no,occ,h.mrc\n"
    ).replace(",", separator)
    first, second = rows_of(tmp_path / "t.csv", table)
    assert (first.name, first.command, first.problem) == ("first", "scale", "")
    assert first.given == {"map": Path("a.mrc"), "modify.amplify": 4.0, "plot": True}
    assert second.name == "b c"
    assert second.given["scale.mode"] == "occ"
    assert second.given["plot"] is False


def test_a_list_of_objects_does_the_same(tmp_path):
    rows = [
        {"command": "regions", "maps": ["a.mrc", "b d.mrc"], "model": "m.cif"},
        {"map": "a.mrc", "amplify": True, "gamma": 2},
    ]
    first, second = rows_of(tmp_path / "t.json", json.dumps(rows))
    assert first.given["maps"] == [Path("a.mrc"), Path("b d.mrc")]
    assert second.given["gamma"] == 2.0
    assert (first.name, second.name) == ("a", "a_2")


def test_options_of_the_batch_hold_for_each_row_that_says_nothing_else(tmp_path):
    text = "map,amplify\na.mrc,\nb.mrc,8\n"
    first, second = rows_of(tmp_path / "t.csv", text, "scale --amplify 4")
    assert (first.given["modify.amplify"], second.given["modify.amplify"]) == (4.0, 8.0)


def test_each_map_of_a_folder_is_a_job(tmp_path):
    for name in ("b_10", "b_9", "-c"):
        write_small_map(tmp_path / f"{name}.mrc")
    (tmp_path / "notes.txt").write_text("no map", encoding="utf-8")
    assert [row.name for row in read_rows(tmp_path, "resolution")] == ["-c", "b_9", "b_10"]


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("t.csv", "map,colour\na.mrc,red\n", "column colour, which is no option of scale"),
        ("t.csv", "map\n", "has no job"),
        ("t.csv", "", "has no job"),
        ("t.csv", "map,amplify\na.mrc,4,5\n", "Row 1 .* more cells"),
        ("t.json", '{"map": "a.mrc"}', "must hold a list of jobs"),
        ("t.json", "[", "not a JSON file"),
        ("t.csv", "map\n\xff\n", None),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(tmp_path, name, text, sentence):
    path = tmp_path / name
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ParameterError, match=sentence):
        read_rows(path, "scale")


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({"outdir": "x"}, "belongs to no single job"),
        ({"plot": "perhaps"}, "must be yes or no"),
        ({"model": "m.cif"}, "no option of scale"),
    ],
)
def test_a_cell_that_cannot_be_meant_is_told(cells, sentence):
    with pytest.raises(ParameterError, match=sentence):
        arguments_of("scale", cells)


def test_a_wrong_row_is_a_job_that_fails(tmp_path):
    text = "job,command,map,amplify\n../x,,a.mrc,\n,scale,a.mrc,much\n,nothing,a.mrc,\n,,a.mrc,\n"
    problems = [row.problem for row in rows_of(tmp_path / "t.csv", text)]
    assert "name of the job" in problems[0]
    assert "'much' is not a number" in problems[1]
    assert "'nothing' is no command" in problems[2]
    assert problems[3] == ""


def test_a_name_that_no_file_can_have_fails_its_own_job_only(tmp_path):
    table = tmp_path / "jobs.json"
    table.write_text(json.dumps([{"map": "a.mrc"}, {"map": "x" * 5000}, {"map": "b.mrc"}]))
    first, long, last = read_rows(table, "scale")
    assert (first.problem, last.problem) == ("", "")
    assert "File name too long" in long.problem
