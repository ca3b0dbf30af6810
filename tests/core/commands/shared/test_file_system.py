"""What the file system refuses is one sentence, and nothing is half written."""

import json
import os
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
from hostile import file_names
from small_jobs import contents, run_cli, write_small_map

from occupy_core import MapFormatError
from occupy_core.commands.scale.job import ScaleJob
from occupy_core.commands.scale.run import run_scale
from occupy_core.commands.shared.record import record_text
from occupy_core.maps import read_map
from occupy_core.maps.mrc import map_name

LONG = "x" * 300
DEEP = "/".join(["y" * 200] * 30)


def sentence(capsys, *arguments):
    """The one sentence with which a command ends."""
    status, _, err = run_cli(capsys, *arguments)
    assert status == 2
    assert err.startswith("occupy-core: error: ")
    assert len(err.splitlines()) == 1
    assert ".occupy_unfinished" not in err
    return err


# ---- what is no file


@pytest.fixture(params=["pipe", "device", "socket", "loop"])
def no_file(request, tmp_path):
    path = tmp_path / "no_file.mrc"
    if request.param == "pipe":
        os.mkfifo(path)
    elif request.param == "device":
        path.symlink_to("/dev/zero")
    elif request.param == "socket":
        os.mknod(path, 0o140600)
    else:
        path.symlink_to(path)
    return path


@pytest.mark.parametrize(
    "command",
    [
        "scale {x} --outdir {out}",
        "scale {small} --solvent-def {x} --outdir {out}",
        "scale --params {x} --outdir {out}",
        "resolution {x} --outdir {out}",
        "regions {small} --model {x} --outdir {out}",
        "regions {small} --masks {x} --outdir {out}",
        "blocks {many} {x} --outdir {out}",
        "blocks {many} --threshold {x} --outdir {out}",
        "blocks sketch {x} --outdir {out}",
        "blocks subset {x} --where B1",
    ],
)
def test_what_is_no_file_is_told_and_never_waited_for(capsys, no_file, small, tmp_path, command):
    copies = [tmp_path / f"copy_{i}.mrc" for i in range(12)]
    for copy in copies:
        copy.hardlink_to(small)
    many = " ".join(map(str, copies))
    words = command.format(x=no_file, small=small, many=many, out=tmp_path / "out").split()
    assert str(no_file) in sentence(capsys, *words)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", [LONG, DEEP, f"{LONG}/x"], ids=["long", "deep", "under"])
@pytest.mark.parametrize(
    "command", ["scale {x}", "scale {small} --outdir {x}", "scale --params {x}"]
)
def test_names_that_no_file_can_have_are_told(capsys, tmp_path, small, monkeypatch, name, command):
    monkeypatch.chdir(tmp_path)
    before = contents(tmp_path)
    sentence(capsys, *command.format(x=name, small=small).split())
    assert contents(tmp_path) == before


# ---- odd names


@pytest.mark.parametrize("name", [os.fsdecode(b"a\xff\xfeb"), *file_names()], ids=ascii)
def test_a_map_of_any_name_is_worked_on(capsys, tmp_path, name):
    small = write_small_map(tmp_path / "plain.mrc").rename(tmp_path / f"{name}.mrc")
    out = tmp_path / "out"
    quickly = ("--method", "occupy", "--no-chimerax", "--quiet")  # the name is what matters
    status, _, err = run_cli(capsys, "scale", "-i", small, "--outdir", out, *quickly)
    assert (status, err) == (0, "")
    (record,) = out.glob("result_*.json")
    values = json.loads(record.read_bytes().decode("utf-8"))
    assert values["inputs"]["map"]["file"] == str(small)
    assert record.name == f"result_{map_name(small)}.json"
    again = tmp_path / "again"
    assert run_cli(capsys, "scale", "--params", record, "--outdir", again, "--quiet")[0] == 0
    assert contents(again) == contents(out)


def test_numbers_that_are_not_finite_are_null_in_every_record():
    record = {"a": [float("-inf"), 1.5, (np.float64("nan"),)], "b": {"c": float("inf"), "d": "é"}}
    assert json.loads(record_text(record)) == {"a": [None, 1.5, [None]], "b": {"c": None, "d": "é"}}


# ---- inputs that change


@pytest.mark.parametrize("when", ["scale", "conf"])
def test_an_input_replaced_while_the_job_runs_gets_no_record(tmp_path, small, monkeypatch, when):
    from occupy_core.commands.scale import run as jobs

    write = jobs.write_map

    def replaced(path, *args, **kwargs):
        if path.name.startswith(when):
            write_small_map(tmp_path / "other.mrc", seed=3).replace(small)
        return write(path, *args, **kwargs)

    monkeypatch.setattr(jobs, "write_map", replaced)
    with pytest.raises(MapFormatError, match=f"The input {small} has changed while it was read"):
        run_scale(ScaleJob(small, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_forced_run_deletes_no_foreign_file_that_an_edited_record_names(tmp_path, small):
    out = tmp_path / "out"
    record = run_scale(ScaleJob(small, out, chimerax=True)).files["result"]
    (out / "thesis.tex").write_text("x")
    (tmp_path / "outside").write_text("x")
    values = json.loads(record.read_text())
    values["files"] |= {"a": "thesis.tex", "b": "../outside", "c": str(tmp_path / "outside")}
    record.write_text(json.dumps(values))
    run_scale(ScaleJob(small, out, chimerax=False, force=True))
    assert (out / "thesis.tex").exists()
    assert (tmp_path / "outside").exists()
    assert not (out / "chimX_x.cxc").exists()  # this one was its own


@pytest.mark.parametrize("name", ["../state.npz", "/etc/passwd", "a/b.npz", "..", 3, None, "a\0b"])
def test_a_record_of_blocks_names_no_file_outside_its_folder(capsys, tmp_path, name):
    record = tmp_path / "blocks.json"
    record.write_text(json.dumps({"job": {"volumes": ["a"]}, "files": {"state_occupied": name}}))
    said = sentence(capsys, "blocks", "sketch", record, "--outdir", tmp_path / "out")
    assert "is none of its folder" in said


# ---- disks that are full


@pytest.fixture
def mounted(tmp_path):
    """Function that mounts a small file system at a folder."""
    done = []

    def mount(options):
        folder = tmp_path / f"disk{len(done)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("file systems cannot be mounted here")
        done.append(folder)
        return folder

    yield mount
    ended = [subprocess.run(["umount", str(folder)], check=False).returncode for folder in done]
    for folder, status in zip(done, ended, strict=True):
        if status:
            subprocess.run(["umount", "-l", str(folder)], check=True)
    assert not any(ended), "a file is still open"


OPTIONS = ("--amplify", "4", "--plot", "--quiet")


@pytest.mark.parametrize("options", [f"size={n}k" for n in (4, 100, 200, 400, 600, 740, 780)])
def test_a_full_disk_is_told_and_leaves_nothing(capsys, small, mounted, options):
    disk = mounted(options)
    assert "No space left on device" in sentence(capsys, "scale", small, *OPTIONS, "--outdir", disk)
    assert contents(disk) == {}


@pytest.mark.parametrize("inodes", range(2, 12))
def test_a_disk_without_inodes_is_told_and_leaves_nothing(capsys, small, mounted, inodes):
    disk = mounted(f"nr_inodes={inodes}")
    said = sentence(capsys, "scale", small, *OPTIONS, "--outdir", disk / "new")
    assert "No space left on device" in said
    assert contents(disk) == {}


def test_a_full_disk_keeps_the_earlier_result(capsys, small, mounted):
    disk = mounted("size=1100k")
    assert run_cli(capsys, "scale", small, *OPTIONS, "--outdir", disk) == (0, "", "")
    before = contents(disk)
    again = ("scale", small, *OPTIONS, "--kernel", "7", "--outdir", disk, "--force")
    assert "No space left on device" in sentence(capsys, *again)
    assert contents(disk) == before


def test_a_disk_that_is_read_only_is_told(capsys, small, mounted):
    disk = mounted("ro")
    for outdir in (disk, disk / "new"):
        assert "Read-only file system" in sentence(capsys, "scale", small, "--outdir", outdir)


# ---- two at once


def test_of_two_runs_at_once_one_wins_and_the_other_says_so(tmp_path, small):
    said, lock = [], threading.Barrier(2)

    def run(tau):
        lock.wait()
        command = ["python", "-m", "occupy_core", "scale", str(small), "--lowpass", tau]
        done = subprocess.run(
            [os.sys.executable, *command[1:], "--outdir", str(tmp_path / "out"), "--quiet"],
            capture_output=True,
            text=True,
            check=False,
        )
        said.append((done.returncode, done.stderr))

    runs = [threading.Thread(target=run, args=(tau,)) for tau in ("8.5", "9")]
    for thread in runs:
        thread.start()
    for thread in runs:
        thread.join()
    said.sort()
    assert said[0][0] == 0
    assert said[1][0] == 2
    assert "Another run is writing" in said[1][1] or "exists already" in said[1][1]
    record = json.loads((tmp_path / "out" / "result_x.json").read_text())
    assert set(record["files"].values()) == set(contents(tmp_path / "out"))
    assert read_map(tmp_path / "out" / record["files"]["scale"])
    assert Path(record["inputs"]["map"]["file"]) == small
