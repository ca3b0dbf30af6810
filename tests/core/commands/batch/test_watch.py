"""A folder in which maps arrive: each is done once, also when the command is killed meanwhile."""

import json
import os
import time

import pytest
from small_jobs import run_cli, start_python, write_small_map

from occupy_core.commands.batch.job import BatchJob
from occupy_core.commands.batch.watch.run import WatchJob, _Arrivals
from occupy_core.errors import ParameterError
from occupy_core.maps import Grid

MAIN = "import sys; from occupy_core.commands.main import main; sys.exit(main(sys.argv[1:]))"
GRID = Grid((24, 26, 28), (2.5, 2.5, 2.5))
N_MAPS = 5


def until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.05)


def test_each_map_that_arrives_is_done_once_whatever_happens_meanwhile(tmp_path, capsys):
    folder, outdir = tmp_path / "maps", tmp_path / "out"
    folder.mkdir()
    whole = write_small_map(tmp_path / "last.mrc", grid=GRID, seed=9).read_bytes()

    def done():  # folders with a point are unfinished, and gone before they are looked into
        return sorted(path.parent.name for path in outdir.glob("[!.]*/result_*.json"))

    words = ["watch", folder, "--outdir", outdir, "--workers", "1", "--settle", "0.5"]
    process = start_python(MAIN, *words)
    try:
        for i in range(N_MAPS):
            write_small_map(folder / f"m{i}.mrc", grid=GRID, seed=i)
            if i == 1:
                until(lambda: len(done()) >= 1)
        (folder / "broken.mrc").write_bytes(whole[:5000])
    finally:
        process.kill()
        process.communicate()
    before = {path: path.stat().st_mtime_ns for path in outdir.glob("*/result_*.json")}
    assert before
    status, out, err = run_cli(capsys, *words, "--until-idle", "1")
    assert (status, err) == (0, "")
    assert done() == [f"m{i}" for i in range(N_MAPS)]
    assert before.items() <= {p: p.stat().st_mtime_ns for p in outdir.glob("*/*.json")}.items()
    assert f"{N_MAPS} of {N_MAPS + 1} maps are done." in out
    record = json.loads((outdir / "batch.json").read_text(encoding="utf-8"))
    states = {job["name"]: job["record"] is not None for job in record["jobs"]}
    assert states == {**{f"m{i}": True for i in range(N_MAPS)}, "broken": False}
    assert (outdir / "batch.html").exists()


def test_a_map_is_complete_when_it_does_not_change_and_comes_once(tmp_path):
    arrivals = _Arrivals(tmp_path, settle=0.2)
    assert arrivals.complete() == []
    path = tmp_path / "a.mrc"
    path.write_bytes(b"")
    (tmp_path / "notes.txt").write_bytes(b"x")
    assert arrivals.complete() == []
    for size in (10, 20, 30):  # it grows
        path.write_bytes(b"x" * size)
        assert arrivals.complete() == []
    time.sleep(0.25)
    assert arrivals.complete() == [path]
    assert arrivals.complete() == []
    path.write_bytes(b"y" * 40)  # another one takes its place
    os.utime(path, ns=(1, 1))
    assert arrivals.complete() == []
    time.sleep(0.25)
    assert arrivals.complete() == [path]


def test_only_a_folder_can_be_watched(tmp_path, capsys):
    status, _, err = run_cli(capsys, "watch", tmp_path / "x", "--outdir", tmp_path / "o")
    assert status == 2
    assert "is no folder" in err
    status, _, err = run_cli(capsys, "watch", tmp_path)
    assert status == 2
    assert "--outdir DIR must be given" in err
    with pytest.raises(ParameterError, match="must not be negative"):
        WatchJob(batch=BatchJob(jobs=tmp_path), settle=-1.0)
