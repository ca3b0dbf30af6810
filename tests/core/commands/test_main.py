"""The command line does what it is told, says what it did and answers to those who stop it."""

import json
import os
import re
import stat
import subprocess
import sys
import time

import pytest
from small_jobs import contents, run_cli, write_small_map

from occupy_core.commands.scale.job import ScaleJob
from occupy_core.commands.scale.run import run_scale


@pytest.fixture
def small(tmp_path):
    return write_small_map(tmp_path / "map.mrc")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        # The examples of the seeds' README, and the files it says they write.
        ("", {"scale_res_map.mrc"}),
        ("--amplify --gamma 4", {"scale_occ_map.mrc", "ampl_4.0_map.mrc"}),
        ("--exclude-solvent", {"scale_res_map.mrc", "solExcl_map.mrc"}),
        (
            "--exclude-solvent --attenuate --amplify --gamma 4",
            {"scale_occ_map.mrc", "ampl_4.0_solExcl_map.mrc", "attn_4.0_solExcl_map.mrc"},
        ),
    ],
)
def test_the_examples_of_the_seeds_write_what_they_say(
    capsys, small, tmp_path, monkeypatch, text, written
):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    status, _, err = run_cli(capsys, "scale", "-i", small, *text.split())
    assert (status, err) == (0, "")
    ours = {"conf_map.mrc", "scale_sigma_map.mrc", "result_map.json"}
    if "scale_occ_map.mrc" in written:
        ours.add("conf_regional_map.mrc")
    always = {"chimX_map.cxc", "log_map.txt"}
    assert set(contents(tmp_path / "here")) == written | always | ours


def test_the_summary_names_what_was_written(capsys, small, tmp_path):
    status, out, err = run_cli(capsys, "scale", small, "--outdir", tmp_path / "out")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"  0 %  reading {small}"
    assert "100 %  done" in lines
    assert "Local scale (res) of map.mrc: kernel 5 voxels, low-pass 8.00 Å" in out
    for name in contents(tmp_path / "out"):
        assert f"  {name}" in lines


def test_quiet_prints_nothing(capsys, small, tmp_path):
    assert run_cli(capsys, "scale", small, "--outdir", tmp_path / "out", "--quiet") == (0, "", "")


def test_verbose_prints_settings_and_limits(capsys, small, tmp_path):
    _, out, _ = run_cli(capsys, "scale", small, "--outdir", tmp_path / "out", "--verbose")
    assert (tmp_path / "out" / "log_map.txt").read_text().rstrip() in out


def test_warnings_go_to_stderr_even_when_quiet(capsys, small, tmp_path):
    status, out, err = run_cli(
        capsys, *("scale", small, "--outdir", tmp_path / "out", "--quiet", "--kernel", "3")
    )
    assert (status, out) == (0, "")
    assert err.startswith("Warning: The kernel is only 3 voxels")


def test_the_base_name_is_that_of_o(capsys, small, tmp_path):
    run_cli(capsys, "scale", small, "--outdir", tmp_path / "out", "-o", "other.mrc")
    assert (tmp_path / "out" / "scale_res_other.mrc").exists()


def test_outputs_can_go_where_the_input_is(capsys, small):
    assert run_cli(capsys, "scale", small, "--keep-output-path")[0] == 0
    assert small.with_name("scale_res_map.mrc").exists()


def test_the_occupancy_of_a_target_mask_is_printed(capsys, small, tmp_path):
    run_scale(ScaleJob(small, tmp_path / "a"))
    mask = tmp_path / "a" / "conf_map.mrc"
    _, out, _ = run_cli(capsys, "scale", small, "--outdir", tmp_path / "b", "--target-mask", mask)
    assert re.search(r"The target mask has an occupancy of [01]\.\d\d\.", " ".join(out.split()))


def test_a_record_is_run_again_with_what_is_given_besides(capsys, small, tmp_path):
    arguments = ["--amplify", "2", "--no-chimerax", "--quiet"]
    run_cli(capsys, "scale", small, "--outdir", tmp_path / "a", *arguments)
    record = tmp_path / "a" / "result_map.json"
    again = ["scale", "--params", record, "--quiet"]
    assert run_cli(capsys, *again, "--outdir", tmp_path / "b") == (0, "", "")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    run_cli(capsys, *again, "--outdir", tmp_path / "c", "--amplify", "3", "--chimerax")
    changed = json.loads((tmp_path / "c" / "result_map.json").read_text())["job"]
    before = json.loads(record.read_text())["job"]
    assert changed["modify"] == {**before["modify"], "amplify": 3.0}
    assert changed["scale"] == before["scale"]
    assert changed["chimerax"] is True


@pytest.mark.parametrize("value", ["3", '"x"', "[1]", "null"])
def test_a_group_that_is_none_is_said_whatever_is_given_besides(capsys, tmp_path, value):
    params = tmp_path / "params.json"
    params.write_text(f'{{"map": "x.mrc", "scale": {value}}}')
    status, _, err = run_cli(capsys, "scale", "--params", params, "--tau", "0.9")
    assert status == 2
    assert "'scale' of the command line is" in err
    assert err.endswith("but must be a group of parameters.\n")


def test_an_input_that_changed_since_the_record_is_told(capsys, small, tmp_path):
    run_cli(capsys, "scale", small, "--outdir", tmp_path / "a", "--quiet")
    write_small_map(small, seed=5)
    status, _, err = run_cli(
        capsys,
        *("scale", "--params", tmp_path / "a" / "result_map.json", "--outdir", tmp_path / "b"),
    )
    assert status == 0
    assert f"Warning: The input {small} has changed since" in err


@pytest.fixture
def fake_chimerax(tmp_path, monkeypatch):
    """A program named chimerax that notes what it is given."""
    program = tmp_path / "bin" / "chimerax"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\nprintf '%s' \"$1\" > '{tmp_path}/shown.tmp'\n"
        f"mv '{tmp_path}/shown.tmp' '{tmp_path}/shown'\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return tmp_path / "shown"


def test_the_script_is_opened_in_chimerax(capsys, small, tmp_path, fake_chimerax):
    outdir = tmp_path / "out put"
    run_cli(capsys, "scale", small, "--outdir", outdir, "--show-chimerax", "--no-chimerax")
    for _ in range(200):
        if fake_chimerax.exists():
            break
        time.sleep(0.02)
    assert fake_chimerax.read_text() == str(outdir / "chimX_map.cxc")


def test_without_chimerax_the_place_of_the_script_is_told(capsys, small, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    status, _, err = run_cli(
        capsys, "scale", small, "--outdir", tmp_path / "out", "--show-chimerax"
    )
    assert status == 0
    assert err == f"ChimeraX is not on the PATH; open {tmp_path}/out/chimX_map.cxc in it.\n"


def test_an_emdb_entry_is_the_input(capsys, small, tmp_path, monkeypatch):
    def fetch(entry, folder, *, progress):
        assert entry == "EMD-3061"
        folder.mkdir()
        return small.rename(folder / "emd_3061.map")

    monkeypatch.setattr("occupy_core.commands.scale.emdb.fetch_emdb", fetch)
    outdir = tmp_path / "out"
    assert run_cli(capsys, "scale", "--emdb", "EMD-3061", "--outdir", outdir)[0] == 0
    assert (outdir / "scale_res_emd_3061.mrc").exists()


def test_the_module_runs_as_a_program(small, tmp_path):
    command = [sys.executable, "-m", "occupy_core", "scale", str(small), "--outdir", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\r" not in done.stdout
    assert (tmp_path / "out" / "scale_res_map.mrc").exists()


def test_a_reader_that_goes_away_is_no_error():
    command = f"'{sys.executable}' -m occupy_core scale --help-all | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stdout.startswith("usage:")
    assert done.stderr == ""
