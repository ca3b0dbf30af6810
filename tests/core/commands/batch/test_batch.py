"""A whole batch: the same results whoever works, and after whatever has ended it."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from small_jobs import contents, run_cli, start_python, write_small_map
from worker_here import WorkerHere

from occupy_core.commands.batch import run as batch
from occupy_core.commands.batch.job import BatchJob
from occupy_core.commands.batch.run import run_batch
from occupy_core.maps import Grid

MAIN = "import sys; from occupy_core.commands.main import main; sys.exit(main(sys.argv[1:]))"
N_MAPS = 10


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    """A folder of small maps of odd boxes."""
    folder = tmp_path_factory.mktemp("maps")
    for i in range(N_MAPS):
        write_small_map(folder / f"m{i}.mrc", seed=i, grid=Grid((30, 33, 28 + i), (2.0,) * 3))
    return folder


@pytest.fixture(scope="module")
def serial(maps, tmp_path_factory):
    """What the maps give one after the other."""
    outdir = tmp_path_factory.mktemp("serial") / "out"
    return run_batch(BatchJob(jobs=maps, outdir=outdir, workers=1)), outdir


@pytest.fixture
def no_process(monkeypatch):
    """Do the work in this process, where the matter is what is done."""
    monkeypatch.setattr(batch, "local_workers", lambda count, memory: WorkerHere())


def files_of(outdir):
    """All files of a batch by their place, with the folder's own name taken out."""
    found = {}
    for path in sorted(outdir.rglob("*")):
        if path.is_file():
            data = path.read_bytes().replace(os.fsencode(outdir), b"OUT")
            found[str(path.relative_to(outdir))] = data
    return found


def test_each_map_gives_what_it_gives_alone(serial, maps, capsys, tmp_path):
    result, outdir = serial
    assert all(outcome.done and not outcome.kept for outcome in result.outcomes)
    run_cli(capsys, "scale", maps / "m3.mrc", "--outdir", tmp_path)
    alone = {name: data.replace(os.fsencode(tmp_path), b"") for name, data in
             contents(tmp_path).items()}  # fmt: skip
    of_batch = contents(outdir / "m3")
    of_batch = {n: data.replace(os.fsencode(outdir / "m3"), b"") for n, data in of_batch.items()}
    assert alone == of_batch


def test_what_is_done_is_not_done_again(serial, maps):
    _, outdir = serial
    before = files_of(outdir)
    times = {path: path.stat().st_mtime_ns for path in outdir.glob("*/*")}
    again = run_batch(BatchJob(jobs=maps, outdir=outdir, workers=1))
    assert all(outcome.kept for outcome in again.outcomes)
    assert files_of(outdir) == before
    assert {path: path.stat().st_mtime_ns for path in outdir.glob("*/*")} == times


def processes_below(pid):
    """Children of a process and theirs."""
    children = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = list(children.get(pid, []))
    for child in found:
        found += children.get(child, [])
    return found


def workers_below(pid):
    """Processes that do the work: started by multiprocessing, and no keeper of its resources."""
    return [
        child
        for child in processes_below(pid)
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def until(condition, seconds=90):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)


@pytest.mark.parametrize("count", [1, 2])
def test_killed_workers_and_a_killed_batch_leave_the_results_of_a_serial_run(
    maps, serial, tmp_path, count
):
    if count > 1:
        pytest.importorskip("distributed", reason="the extra [cluster] is not installed")
    outdir = tmp_path / "out"

    def done():
        return len(list(outdir.glob("[!.]*/result_*.json")))

    words = ("batch", maps, "--outdir", outdir, "--workers", count)
    process = start_python(MAIN, *words)
    try:
        until(lambda: done() >= 1)
        os.kill(workers_below(process.pid)[0], signal.SIGKILL)
        until(lambda: done() >= 4)
        assert process.poll() is None
        left = processes_below(process.pid)
    finally:
        process.kill()
        process.communicate()
    until(lambda: not any(Path(f"/proc/{pid}/fd").exists() for pid in left), 30)
    before = {path: path.stat().st_mtime_ns for path in outdir.glob("*/result_*.json")}
    assert not (outdir / "batch.csv").exists()
    again = run_batch(BatchJob(jobs=maps, outdir=outdir, workers=count))
    assert sum(outcome.kept for outcome in again.outcomes) == len(before) < N_MAPS
    assert (
        before.items()
        <= {path: path.stat().st_mtime_ns for path in outdir.glob("*/result_*.json")}.items()
    )
    assert files_of(outdir) == files_of(serial[1])


@pytest.mark.usefixtures("no_process")
def test_a_failed_job_is_listed_with_its_sentence_and_stops_no_other(maps, tmp_path, capsys):
    jobs = [
        {"map": str(maps / "m0.mrc")},
        {"job": "lost", "map": str(maps / "none.mrc")},
        {"job": "odd", "command": "resolution", "map": str(maps / "m1.mrc"), "amplify": 4},
        {"job": "limits", "map": str(maps / "m1.mrc"), "amplify": -1},
        {"job": "res", "command": "resolution", "map": str(maps / "m2.mrc"), "report": True},
    ]
    table = tmp_path / "jobs.json"
    table.write_text(json.dumps(jobs), encoding="utf-8")
    outdir = tmp_path / "out"
    status, out, err = run_cli(capsys, "batch", table, "--outdir", outdir, "--workers", 1)
    assert status == 2
    assert err == (
        f"occupy-core: error: 3 of 5 jobs failed: lost (and 2 more); see {outdir}/batch.csv, mend "
        "them and run this again: what is done is kept.\n"
    )
    assert "lost: The map" in out
    record = json.loads((outdir / "batch.json").read_text(encoding="utf-8"))
    states = {job["name"]: job["record"] for job in record["jobs"]}
    assert states == {
        "m0": "result_m0.json", "lost": None, "odd": None, "limits": None,
        "res": "resolution_m2.json",
    }  # fmt: skip
    sentences = {job["name"]: job["sentence"] for job in record["jobs"]}
    assert "does not exist" in sentences["lost"]
    assert "no option of resolution" in sentences["odd"]
    assert "must be" in sentences["limits"]
    lines = (outdir / "batch.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 6
    assert lines[2].startswith("lost,scale,failed,")
    assert not (outdir / "lost").exists()
    page = (outdir / "batch.html").read_text(encoding="utf-8")
    assert 'href="res/resolution_m2.html"' in page
    assert "no option of resolution" in page


@pytest.mark.usefixtures("no_process")
def test_changed_inputs_and_options_are_not_taken_for_done(maps, tmp_path):
    source = tmp_path / "m.mrc"
    source.write_bytes((maps / "m0.mrc").read_bytes())
    table = tmp_path / "jobs.csv"
    table.write_text(f"map\n{source}\n", encoding="utf-8")

    def state(command="scale", **more):
        job = BatchJob(jobs=table, outdir=tmp_path / "o", workers=1, command=command, **more)
        (outcome,) = run_batch(job).outcomes
        return outcome.done, outcome.kept, outcome.sentence

    assert state()[:2] == (True, False)
    assert state()[:2] == (True, True)
    done, _, sentence = state("scale --plot")
    assert not done
    assert "exists already" in sentence
    assert state("scale --plot", force=True)[:2] == (True, False)
    source.write_bytes((maps / "m1.mrc").read_bytes())
    assert "exists already" in state("scale --plot")[2]
    (tmp_path / "o" / "m" / "conf_m.mrc").unlink()
    assert state("scale --plot", force=True)[:2] == (True, False)


def test_a_job_that_does_not_fit_into_a_worker_is_not_started(maps, tmp_path):
    job = BatchJob(jobs=maps, outdir=tmp_path, workers=1, memory=200.0)
    result = run_batch(job)
    assert not any(outcome.done for outcome in result.outcomes)
    assert all("a worker has 200 MB" in outcome.sentence for outcome in result.outcomes)


def test_by_default_as_many_workers_as_memory_and_cores_allow(maps, tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "memory_limits", lambda: [(10_000_000_000, False, "this")])
    monkeypatch.setattr(batch, "available_cores", lambda: 16)
    job = BatchJob(jobs=maps, outdir=tmp_path)
    for need, count in ((1e9, 9), (2e9, 4), (20e9, 1)):
        staff = batch.staff_for(job, [(need, 1.0)] * 100, 100)
        assert (staff.count, staff.threads) == (count, 16 // count)
        assert staff.memory * count <= 10e9
    assert batch.staff_for(job, [(1e9, 1.0)], 3).count == 3


def test_a_dry_run_says_what_all_take_and_writes_nothing(maps, tmp_path, capsys):
    words = ("batch", maps, "--outdir", tmp_path / "o", "--workers", 2, "--dry-run")
    status, out, err = run_cli(capsys, *words)
    assert (status, err) == (0, "")
    assert out.startswith(f"{N_MAPS} jobs, 2 workers of ")
    assert not (tmp_path / "o").exists()
