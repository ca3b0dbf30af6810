"""How a step runs the program, and what it says when that ends badly."""

from __future__ import annotations

import io
import logging
import os
import signal
from pathlib import Path

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")

from pyworkflow.protocol.executor import logger as executor_logger
from scipion_project import two_bodies, write_mrc

import occupy_scipion
from occupy_core.commands.scale.job import ScaleJob
from occupy_core.commands.scale.run import run_scale
from occupy_core.scale.params import ScaleParams
from occupy_scipion.constants import OCCUPY_PYTHON
from occupy_scipion.protocols.program import OccupyFailed, RunsProgram, _ending, _OwnOutput


@pytest.fixture(scope="module")
def large(runner):
    return runner.volume(write_mrc(runner.inputs / "to_be_killed.mrc", two_bodies(n=48)))


def test_a_calculation_that_is_killed_is_told_and_leaves_no_earlier_result(runner, large):
    protocol = runner.new("OccupyProtLocalScale", "killed", inputVolumes=large)
    folder = Path(protocol._getExtraPath("volume_001"))
    runner.project.launchProtocol(protocol, wait=False)

    runner.wait_until(lambda: runner.calculations(protocol), protocol)
    for process in runner.calculations(protocol):
        os.kill(process.pid, signal.SIGKILL)

    def is_over():
        runner.project._updateProtocol(protocol, checkPid=True)
        return not protocol.isActive()

    runner.wait_until(is_over, protocol)
    assert protocol.isFailed()
    assert "killed (SIGKILL)" in protocol.getErrorMessage()
    assert "memory" in protocol.getErrorMessage()
    assert "Traceback" not in runner.stderr(protocol)
    assert not list(folder.glob("result_*.json"))


def test_a_python_without_the_program_is_told(runner, monkeypatch):
    monkeypatch.setenv(OCCUPY_PYTHON, "/bin/false")  # for a new process
    monkeypatch.setitem(occupy_scipion.Plugin._vars, OCCUPY_PYTHON, "/bin/false")
    small = runner.volume(write_mrc(runner.inputs / "small_program.mrc", two_bodies()))
    protocol = runner.new("OccupyProtLocalScale", "no program", inputVolumes=small)
    runner.launch(protocol, check=False)
    assert protocol.isFailed()
    assert "ended with the exit status 1" in protocol.getErrorMessage()


class _Nothing:
    def words(self):
        return ""


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (-signal.SIGKILL, "killed (SIGKILL)"),
        (128 + signal.SIGKILL, "killed (SIGKILL)"),
        (-signal.SIGTERM, "ended from outside (SIGTERM)"),
        (-signal.SIGSEGV, "ended from outside (SIGSEGV)"),
        (1, "exit status 1"),
        (127, "exit status 127"),
        (255, "exit status 255"),
    ],
)
def test_the_way_in_which_a_calculation_ended_is_told(status, words):
    sentence = _ending(status, _Nothing())
    assert words in sentence
    assert sentence.endswith(".")


def test_only_what_was_said_since_the_step_began_counts(tmp_path, monkeypatch):
    with (tmp_path / "run.stderr").open("a+") as log:
        monkeypatch.setattr("sys.stderr", log)
        print("occupy-core: error: Of an earlier run.", file=log, flush=True)
        said = _OwnOutput()
        assert said.errors() == ""
        print("Warning: not this", file=log)
        print("occupy-core: error: The map is flat; take another with --map.", file=log)
        print("  50 % of a step beside this one", file=log, flush=True)
        assert said.errors() == "The map is flat; take another with map."


def test_a_record_of_another_job_is_not_taken_for_the_result(tmp_path):
    path = write_mrc(tmp_path / "map.mrc", two_bodies())
    first = ScaleJob(map=path, outdir=tmp_path / "out", scale=ScaleParams(mode="occ"))
    run_scale(first)
    record = str(tmp_path / "out" / first.output_names()["result"])
    assert "scale" in RunsProgram._recordOf(first, record).files
    other = ScaleJob(map=path, outdir=tmp_path / "out", scale=ScaleParams(mode="occ", lowpass=9.0))
    with pytest.raises(OccupyFailed, match="of another run, with another scale"):
        RunsProgram._recordOf(other, record)


def test_steps_side_by_side_log_a_sentence_and_no_traceback():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    executor_logger.addHandler(handler)
    try:
        for error in (OccupyFailed("The map is flat."), ValueError("a fault of ours")):
            try:
                raise error
            except Exception as caught:
                executor_logger.error("Couldn't run the code in a thread.", exc_info=caught)
            text = stream.getvalue()
            assert ("Traceback" in text) == isinstance(error, ValueError)
    finally:
        executor_logger.removeHandler(handler)
    assert stream.getvalue().startswith("The map is flat.\n")
