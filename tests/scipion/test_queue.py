"""One job of a real SLURM for each step: jobs that end well, fail, are killed, or have to wait."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")

import numpy as np
from pyworkflow.protocol import MODE_RESUME
from scipion_project import two_bodies, write_mrc
from slurm import MEMORY

pytestmark = pytest.mark.slow
ENOUGH = "900"  # MB for a job
CHANGED = {"lowpass": 9.0}


@pytest.fixture(autouse=True)
def hosts(slurm, monkeypatch):
    """What the processes of the runs read."""
    monkeypatch.setenv("SCIPION_HOSTS", str(slurm.folder / "hosts.conf"))
    for name, value in slurm.environment.items():
        monkeypatch.setenv(name, value)


def queued(protocol, memory=ENOUGH, queue="main"):
    """Let each step of a protocol be a job."""
    protocol._useQueue.set(True)
    values = {"JOB_TIME": "5", "JOB_MEMORY": memory, "QUEUE_FOR_JOBS": "Y"}
    protocol.setQueueParams((queue, values))
    return protocol


def start(runner, protocol, **changes):
    """Launch or continue a run; do not wait for it."""
    for key, value in changes.items():
        getattr(protocol, key).set(value)
    protocol.runMode.set(MODE_RESUME)
    runner.project.launchProtocol(protocol, wait=False)


def end(runner, protocol):
    """Wait until a run has ended."""

    def is_over():
        runner.project._updateProtocol(protocol, checkPid=True)
        time.sleep(0.5)
        return not protocol.isActive()

    runner.wait_until(is_over, protocol, seconds=180)
    assert "Traceback" not in runner.stderr(protocol), runner.stderr(protocol)
    return protocol


@pytest.fixture(scope="module")
def large(runner):
    """A map whose scale takes some seconds."""
    return runner.volume(write_mrc(runner.inputs / "large.mrc", two_bodies(n=180)))


@pytest.fixture(scope="module")
def done(runner, large):
    """A run that has finished, without a queue, and so has left its record."""
    return runner.run("OccupyProtLocalScale", "done before", inputVolumes=large)


def record_of(protocol):
    return Path(protocol._getExtraPath("volume_001", "result_import_large.json"))


def kill(runner, slurm, protocol):
    runner.wait_until(lambda: runner.calculations(protocol), protocol)
    os.kill(runner.calculations(protocol)[0].pid, signal.SIGKILL)


def cancel(runner, slurm, protocol):
    runner.wait_until(lambda: runner.calculations(protocol), protocol)
    slurm.run("scancel", *slurm.jobs())


@pytest.mark.parametrize(
    ("how", "memory", "words"),
    [
        (kill, ENOUGH, "Killed"),
        (cancel, ENOUGH, "CANCELLED"),
        (None, "100", "exceeded memory limit"),
    ],
    ids=["killed", "cancelled", "out of memory"],
)
def test_a_job_that_leaves_no_result_fails_the_step_and_continue_makes_it(
    runner, slurm, done, how, memory, words
):
    assert record_of(done).exists()
    lowpass = done.lowpass.get() or 8.0
    start(runner, queued(done, memory), lowpass=lowpass + 1.0)
    if how is not None:
        how(runner, slurm, done)
    end(runner, done)
    assert done.isFailed()
    assert "without a result" in done.getErrorMessage()
    assert words in done.getErrorMessage()
    assert not record_of(done).exists()
    assert not done.hasAttribute("scaleVolume")
    start(runner, queued(done))
    end(runner, done)
    assert done.isFinished(), done.getErrorMessage()
    assert f"low-pass {lowpass + 1:.2f} Å" in "\n".join(done.summary())
    assert done.scaleVolume.getDim() == (180, 180, 180)


def test_the_sentence_of_an_error_reaches_the_user(runner, slurm):
    flat = runner.volume(write_mrc(runner.inputs / "flat_queue.mrc", np.ones((24, 24, 24))))
    protocol = queued(runner.new("OccupyProtLocalScale", "flat", inputVolumes=flat))
    start(runner, protocol)
    end(runner, protocol)
    assert protocol.isFailed()
    assert "everywhere" in protocol.getErrorMessage()
    assert "Missing" not in protocol.getErrorMessage()


def test_a_queue_that_takes_no_jobs_is_told(runner, slurm, large):
    protocol = queued(
        runner.new("OccupyProtLocalScale", "refused", inputVolumes=large), queue="shut"
    )
    start(runner, protocol)
    end(runner, protocol)
    assert protocol.isFailed()
    assert "did not take the job" in protocol.getErrorMessage()
    assert "partition not available" in protocol.getErrorMessage()


def test_a_full_queue_is_waited_for(runner, slurm, tmp_path):
    script = tmp_path / "others.sh"
    script.write_text(f"#!/bin/bash\n#SBATCH --mem={MEMORY}\n#SBATCH -c 4\nsleep 300\n")
    slurm.run("sbatch", f"--output={tmp_path}/others.out", str(script))
    slurm.until(slurm.jobs)
    (others,) = slurm.jobs()
    small = runner.volume(write_mrc(runner.inputs / "small_queue.mrc", two_bodies()))
    protocol = queued(runner.new("OccupyProtLocalScale", "waits", inputVolumes=small))
    start(runner, protocol)
    slurm.until(lambda: slurm.jobs("PENDING"))
    time.sleep(5)
    assert slurm.jobs("PENDING")
    runner.project._updateProtocol(protocol)
    assert protocol.isActive()
    slurm.run("scancel", others)
    assert end(runner, protocol).isFinished(), protocol.getErrorMessage()


def test_volumes_of_a_set_are_jobs_side_by_side_with_a_process_each(runner, slurm):
    folder = runner.inputs / "side_by_side"
    for i in range(3):
        write_mrc(folder / f"state_{i}.mrc", two_bodies(i, n=120))
    pointer = runner.volumes(folder)
    alone = runner.run("OccupyProtLocalScale", "one after another", inputVolumes=pointer)
    protocol = runner.new(
        "OccupyProtLocalScale",
        "side by side",
        inputVolumes=pointer,
        numberOfThreads=3,
        binThreads=2,
    )
    start(runner, queued(protocol))
    most, cores = 0, set()

    def is_over():
        nonlocal most
        running = slurm.run("squeue", "-h", "-t", "RUNNING", "-o", "%C").split()
        most = max(most, len(running))
        cores.update(running)
        runner.project._updateProtocol(protocol, checkPid=True)
        time.sleep(0.2)
        return not protocol.isActive()

    runner.wait_until(is_over, protocol, seconds=180)
    assert protocol.isFinished(), protocol.getErrorMessage()
    assert most == 2
    assert cores == {"2"}
    assert "up to 2 side by side with 2 threads each (4 in all)" in protocol.summary()[0]
    for one, other in zip(alone.scaleVolumes, protocol.scaleVolumes, strict=True):
        assert Path(one.getFileName()).read_bytes() == Path(other.getFileName()).read_bytes()
    # Without a queue the steps are side by side, too, and Continue redoes what is lost.
    protocol._useQueue.set(False)
    lost = Path(protocol.scaleVolumes[2].getFileName())
    content = lost.read_bytes()
    lost.unlink()
    assert runner.resume(protocol) == ["scaleStep"]
    assert lost.read_bytes() == content
