"""Protocols of Scipion that are stopped within a step, at a change of files, and continued."""

from __future__ import annotations

import mmap
import os
import time
from pathlib import Path
from unittest import mock

import psutil
from copies import at_changes
from pyworkflow.protocol import FunctionStep
from scipion_project import _LAUNCH, Runner, start_copy_of_run

_STEPS = 64  # at most
_LONGEST = 300  # s
# The number of the step that runs, and the changes in each: copies of this process share them.
_shared = memoryview(mmap.mmap(-1, 8 * (_STEPS + 1))).cast("q")


def _counted(at: tuple[int, int] | None):
    """Make what counts the changes in each step, and lets the process wait at one of them."""

    def reached() -> None:
        if at == (_shared[0], _shared[_shared[0]]):
            os.kill(os.getpid(), 19)  # SIGSTOP: nothing of it runs any more

    within = False

    def prepare() -> None:
        run = FunctionStep._runFunc

        def started(step):
            nonlocal within
            _shared[0] += 1
            within = True
            reached()
            try:
                return run(step)
            finally:
                within = False

        def changed(count, what, path) -> None:
            if within:
                _shared[_shared[0]] += 1
                reached()

        FunctionStep._runFunc = started
        at_changes(changed, ["sqlite3.connect"])

    return prepare


def _launched(runner: Runner, protocol, at: tuple[int, int] | None) -> int:
    """Launch a protocol in a copy of this process; return the number of that."""
    started = []

    def run(command, wait, *streams):
        started.append(start_copy_of_run(command, _counted(at)))
        return started[0]

    for i in range(_STEPS + 1):
        _shared[i] = 0
    runner._launched.add(protocol.getClassName())
    with mock.patch.object(_LAUNCH, "_run", run):
        runner.project.launchProtocol(protocol, wait=False)
    return started[0]


def undisturbed(runner: Runner, protocol) -> list[int]:
    """Run a protocol to its end; return how many changes each of its steps made."""
    os.waitpid(_launched(runner, protocol, None), 0)
    runner.project._updateProtocol(protocol, checkPid=True)
    assert protocol.isFinished(), f"{protocol.getErrorMessage()} {runner.stderr(protocol)}"
    return [_shared[i] for i in range(1, _shared[0] + 1)]


def stopped(runner: Runner, protocol, step: int, change: int) -> None:
    """Launch a protocol and stop it as the button does, at a change in a step (from 1)."""
    number = _launched(runner, protocol, (step, change))
    end = time.monotonic() + _LONGEST
    process = psutil.Process(number)
    while not any(
        each.status() == psutil.STATUS_STOPPED
        for each in (process, *process.children(recursive=True))
    ):
        assert time.monotonic() < end, "it did not come to this change"
        assert process.status() != psutil.STATUS_ZOMBIE, runner.stderr(protocol)
        time.sleep(0.02)
    update = runner.project._updateProtocol

    def with_number(*given, **more):
        # Scipion reads it from the database of the run, which may not have it yet.
        update(*given, **more)
        protocol.setPid(number)

    with mock.patch.object(runner.project, "_updateProtocol", with_number):
        runner.project.stopProtocol(protocol)
    os.waitpid(number, 0)
    runner.project._updateProtocol(protocol, checkPid=True)
    assert protocol.isAborted()


def results(protocol) -> dict[str, object]:
    """All that a protocol has made: bytes by name, and what its outputs say."""
    own = os.fsencode(protocol.getWorkingDir())
    folder = Path(protocol._getExtraPath())
    found: dict[str, object] = {
        str(path.relative_to(folder)): path.read_bytes().replace(own, b"RUN")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".sqlite"
    }
    for name, output in protocol.iterOutputAttributes():
        items = output if hasattr(output, "iterItems") else [output]
        told = [str(item.clone().getObjDict()).replace(os.fsdecode(own), "RUN") for item in items]
        found[f"output {name}"] = [type(output).__name__, *told]
    return found
