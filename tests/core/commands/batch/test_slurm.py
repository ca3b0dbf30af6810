"""A batch whose workers are jobs of a real SLURM: cancelled, refused, ended before they work."""

import csv
import subprocess
import sys
import time

import numpy as np
import pytest
from small_jobs import write_small_map

from occupy_core.commands.batch.job import BatchJob
from occupy_core.commands.batch.run import run_batch
from occupy_core.maps import DensityMap, Grid, write_map

pytest.importorskip("dask_jobqueue", reason="the extra [cluster] is not installed")
pytestmark = pytest.mark.slow
GRID = Grid((72, 72, 72), (2.0,) * 3)
GOOD = [f"m{i}" for i in range(8)]
MEMORY = "600"  # MB of a worker; the node has 2000
LONG = 240  # s in which a batch must have ended


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    """Maps of which each takes about a second, and one that cannot be used."""
    folder = tmp_path_factory.mktemp("maps")
    for seed, name in enumerate(GOOD):
        write_small_map(folder / f"{name}.mrc", seed=seed, grid=GRID)
    write_map(folder / "flat.mrc", DensityMap(np.ones(GRID.shape, np.float32), GRID))
    return folder


@pytest.fixture(scope="module")
def serial(maps, tmp_path_factory):
    """What the maps give on this machine, one after the other."""
    outdir = tmp_path_factory.mktemp("serial")
    run_batch(BatchJob(jobs=maps, outdir=outdir, workers=1, threads=1))
    return outdir


class Batch:
    """A batch that runs in a process of its own, with two workers in the queue."""

    def __init__(self, slurm, maps, outdir, *more, partition="main"):
        self.slurm, self.outdir = slurm, outdir
        command = [sys.executable, "-m", "occupy_core", "batch", str(maps), "--outdir", str(outdir)]
        command += ["--slurm", "--workers", "2", "--memory", MEMORY, "--partition", partition]
        self.process = subprocess.Popen(
            [*command, *more], cwd=slurm.folder, stderr=subprocess.PIPE, text=True
        )

    def end(self):
        """Wait until it has ended by itself; return its exit status and what it said."""
        try:
            _, said = self.process.communicate(timeout=LONG)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self.slurm.until(lambda: not self.slurm.run("squeue", "-h"))  # it leaves no job
        return self.process.returncode, said

    def done(self):
        """Names of the jobs that have a record."""
        return {path.parent.name for path in self.outdir.glob("m*/result_*.json")}

    def table(self):
        with (self.outdir / "batch.csv").open(newline="") as stream:
            return {row["job"]: row for row in csv.DictReader(stream)}


def maps_of(outdir):
    return {str(path.relative_to(outdir)): path.read_bytes() for path in outdir.glob("*/*.mrc")}


@pytest.fixture
def start(slurm, maps, monkeypatch):
    """Start batches; none outlives its test, nor does a job of its."""
    for name, value in slurm.environment.items():
        monkeypatch.setenv(name, value)
    started = []

    def start_one(outdir, *more, **options):
        started.append(Batch(slurm, maps, outdir, *more, **options))
        return started[-1]

    yield start_one
    for batch in started:
        batch.process.kill()
        batch.process.communicate()
    slurm.run("scancel", "--user=root")
    slurm.until(lambda: not slurm.run("squeue", "-h"))


def test_a_job_that_is_cancelled_loses_no_map_and_a_map_that_fails_stops_no_other(
    slurm, start, serial, tmp_path
):
    batch = start(tmp_path / "out")
    slurm.until(lambda: len(batch.done()) >= 2, LONG)
    first, *_ = slurm.jobs()
    slurm.run("scancel", first)
    status, said = batch.end()
    assert status == 2
    assert "1 of 9 jobs failed: flat;" in said
    table = batch.table()
    assert sorted(table) == sorted([*GOOD, "flat"])
    assert {name for name, row in table.items() if row["state"] == "failed"} == {"flat"}
    assert "everywhere" in table["flat"]["answer"]
    assert batch.done() == set(GOOD)
    assert maps_of(tmp_path / "out") == maps_of(serial)


def test_a_queue_that_takes_no_job_is_told_at_once(slurm, start, tmp_path):
    began = time.monotonic()
    batch = start(tmp_path / "out", partition="shut")
    status, said = batch.end()
    assert status == 2
    assert "The queue takes no job" in said
    assert "partition not available" in said
    assert "Traceback" not in said
    assert time.monotonic() - began < 60
    assert not (tmp_path / "out").exists()


def test_a_full_queue_is_waited_for_and_one_that_shuts_ends_the_batch_with_a_right_table(
    slurm, start, tmp_path
):
    others = tmp_path / "others.sh"
    others.write_text("#!/bin/bash\n#SBATCH --mem=1900\n#SBATCH -c 4\nsleep 300\n")
    slurm.run("sbatch", f"--output={tmp_path}/others.out", str(others))
    slurm.until(slurm.jobs)
    (busy,) = slurm.jobs()
    batch = start(tmp_path / "out")
    slurm.until(lambda: len(slurm.jobs("PENDING")) == 2, LONG)
    pending = slurm.jobs("PENDING")
    slurm.run("scancel", pending[0])  # before its worker has started: it comes again
    slurm.until(lambda: len(set(slurm.jobs("PENDING")) - {pending[0]}) == 2, LONG)
    slurm.run("scancel", busy)
    slurm.until(lambda: len(batch.done()) >= 2, LONG)
    slurm.run("scontrol", "update", "PartitionName=main", "State=INACTIVE")
    try:
        slurm.run("scancel", *slurm.jobs())
        status, said = batch.end()
    finally:
        slurm.run("scontrol", "update", "PartitionName=main", "State=UP")
    assert "Traceback" not in said
    table = batch.table()
    assert sorted(table) == sorted([*GOOD, "flat"])
    failed = {name for name, row in table.items() if row["state"] == "failed"}
    assert failed == {*GOOD, "flat"} - batch.done()
    sentences = {table[name]["answer"] for name in failed - {"flat"}}
    assert all("The queue takes no more jobs" in sentence for sentence in sentences)
    assert status == 2
    assert f"{len(failed)} of 9 jobs failed" in said
    # When the queue is open again, the rest is done.
    status, said = start(tmp_path / "out").end()
    assert batch.done() == set(GOOD), said


def test_jobs_that_end_before_they_work_end_the_batch(slurm, start, tmp_path):
    batch = start(tmp_path / "out", "--prologue", "exit 1")
    status, said = batch.end()
    assert "Traceback" not in said
    assert status == 2
    assert "9 of 9 jobs failed" in said
    assert {row["state"] for row in batch.table().values()} == {"failed"}
    assert "ended before a worker had started in them" in batch.table()["m0"]["answer"]
