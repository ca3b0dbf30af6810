"""Outputs appear all together or not at all."""

import os
import signal
import sys
import threading

import pytest
from small_jobs import contents, start_python

from occupy_core import OutputError
from occupy_core.commands.shared import exchange, unfinished
from occupy_core.commands.shared import staging as staging_module
from occupy_core.commands.shared.staging import refuse_outputs, staged_outputs
from occupy_core.commands.shared.terminal import StoppedError, signals_raised


def put(staging, *names):
    for name in names:
        (staging.folder / name).write_text(name)


def fail_in(outdir, error):
    with staged_outputs(outdir) as staging:
        put(staging, "a")
        raise error


def test_committed_files_stand_in_the_output_folder_and_nothing_else_does(tmp_path):
    with staged_outputs(tmp_path) as staging:
        put(staging, "a", "b", "scratch")
        staging.commit(["a", "b"])
    assert contents(tmp_path) == {"a": b"a", "b": b"b"}


def test_stale_files_go_when_the_others_are_in_place(tmp_path):
    for name in ("a", "stale", "mine"):
        (tmp_path / name).write_text("old")
    with staged_outputs(tmp_path) as staging:
        put(staging, "a")
        staging.commit(["a"], ["stale", "gone already"])
    assert contents(tmp_path) == {"a": b"a", "mine": b"old"}


def test_stale_files_stay_when_the_others_cannot_be_put_in_place(tmp_path):
    (tmp_path / "stale").write_text("old")
    with pytest.raises(OutputError), staged_outputs(tmp_path) as staging:
        staging.commit(["never written"], ["stale"])
    assert contents(tmp_path) == {"stale": b"old"}


def test_missing_folders_are_made(tmp_path):
    outdir = tmp_path / "new" / "deep"
    with staged_outputs(outdir) as staging:
        put(staging, "a")
        staging.commit(["a"])
    assert contents(outdir) == {"a": b"a"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_the_folder_as_it_was(tmp_path, error):
    (tmp_path / "a").write_text("old")
    with pytest.raises(error):
        fail_in(tmp_path, error)
    assert contents(tmp_path) == {"a": b"old"}


def test_a_failure_removes_the_folders_it_made(tmp_path):
    with pytest.raises(ValueError, match="stop"):
        fail_in(tmp_path / "new" / "deep", ValueError("stop"))
    assert contents(tmp_path) == {}


def test_a_folder_that_came_to_hold_other_files_is_kept(tmp_path):
    outdir = tmp_path / "new"
    with staged_outputs(outdir):
        (outdir / "of somebody else").write_text("x")
    assert contents(outdir) == {"of somebody else": b"x"}


def test_two_runs_in_one_folder_leave_each_other_alone(tmp_path):
    with staged_outputs(tmp_path) as first, staged_outputs(tmp_path) as second:
        put(first, "a")
        put(second, "b")
        assert first.folder != second.folder
        second.commit(["b"])
        first.commit(["a"])
    assert contents(tmp_path) == {"a": b"a", "b": b"b"}


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path):
    script = """
import os, signal, sys
from pathlib import Path
from occupy_core.commands.shared.staging import staged_outputs
with staged_outputs(Path(sys.argv[1])) as staging:
    (staging.folder / "a").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    process = start_python(script, tmp_path)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    (leftover,) = tmp_path.iterdir()
    assert leftover.name.startswith(".occupy_unfinished_")
    with staged_outputs(tmp_path) as staging:
        put(staging, "b")
        staging.commit(["b"])
    assert contents(tmp_path) == {"b": b"b"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_waits_until_all_files_are_in_place(tmp_path, number, monkeypatch):
    caught = []
    before = signal.signal(number, lambda *_: caught.append("signal"))
    try:
        with staged_outputs(tmp_path) as staging:
            put(staging, "a", "b")

            def names():
                yield "a"
                os.kill(os.getpid(), number)
                yield "b"

            staging.commit(names())
            assert (tmp_path / "b").exists()
            assert caught == ["signal"]
    finally:
        signal.signal(number, before)


def test_other_threads_can_commit(tmp_path):
    def work():
        with staged_outputs(tmp_path) as staging:
            put(staging, "a")
            staging.commit(["a"])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert contents(tmp_path) == {"a": b"a"}


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_file_in_place_of_the_folder_is_said(tmp_path, below):
    (tmp_path / "file").write_text("x")
    outdir = tmp_path / "file" / below
    with pytest.raises(OutputError, match="cannot be made, for a file has its name"):
        fail_in(outdir, AssertionError)
    assert contents(tmp_path) == {"file": b"x"}


def test_a_folder_that_cannot_be_written_is_said(tmp_path, monkeypatch):
    # The tests may run as root, whom no permission stops: the system call fails instead.
    def refused(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("occupy_core.commands.shared.unfinished.tempfile.mkdtemp", refused)
    with pytest.raises(OutputError, match=r"Nothing can be written into .*: Permission denied"):
        fail_in(tmp_path, AssertionError)


def test_a_file_system_without_locks_is_written_all_the_same(tmp_path, monkeypatch):
    def unsupported(*args):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("occupy_core.commands.shared.unfinished.fcntl.flock", unsupported)
    with staged_outputs(tmp_path) as first, staged_outputs(tmp_path) as second:
        put(first, "a")
        put(second, "b")
        first.commit(["a"])
        second.commit(["b"])
    assert contents(tmp_path) == {"a": b"a", "b": b"b"}


def test_existing_outputs_are_refused_unless_forced(tmp_path):
    (tmp_path / "b").write_text("old")
    (tmp_path / "c").write_text("old")
    with pytest.raises(OutputError) as caught:
        refuse_outputs(tmp_path, ["a", "b", "c"], [], force=False)
    assert str(caught.value) == (
        f"{tmp_path}/b exists already (and 1 more); give another --outdir, or --force to "
        "replace it."
    )
    refuse_outputs(tmp_path, ["a", "b", "c"], [], force=True)


@pytest.mark.parametrize("link", [False, True])
def test_an_input_is_never_replaced(tmp_path, link):
    source = tmp_path / "a"
    source.write_text("input")
    given = source
    if link:
        given = tmp_path / "link"
        given.symlink_to(source)
    with pytest.raises(OutputError, match="is an input and is never replaced"):
        refuse_outputs(tmp_path, ["a"], [given], force=True)


def test_a_folder_is_never_replaced(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        refuse_outputs(tmp_path, ["a"], [], force=True)


# ---- signals at any moment


def write_two(outdir):
    with staged_outputs(outdir, ["a", "b"]) as staging:
        (staging.folder / "a").write_text("1")
        (staging.folder / "b").write_text("2")
        staging.commit(["a", "b"])


def signalled_at(line, work, number):
    """Do some work and get a signal before a line of the modules that stage outputs."""
    files = {staging_module.__file__, unfinished.__file__, exchange.__file__}
    seen = 0

    def trace(frame, event, argument):
        nonlocal seen
        if frame.f_code.co_filename not in files:
            return None
        if event == "line":
            seen += 1
            if seen == line:
                sys.settrace(None)
                os.kill(os.getpid(), number)
        return trace

    with signals_raised():
        sys.settrace(trace)
        try:
            work()
        except (StoppedError, KeyboardInterrupt):
            return True
        finally:
            sys.settrace(None)
    return False


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_at_any_line_leaves_all_or_nothing(tmp_path, monkeypatch, number, there):
    line = stopped = whole = 0
    while True:
        line += 1
        place = tmp_path / str(line)
        monkeypatch.setenv("XDG_STATE_HOME", str(place / "state"))
        outdir = place / "deep" / "out"
        if there:
            outdir.mkdir(parents=True)
        ended = signalled_at(line, lambda outdir=outdir: write_two(outdir), number)
        names = {path.name for path in outdir.iterdir()} if outdir.exists() else None
        stopped += ended
        whole += names == {"a", "b"}
        nothing = set() if there else None
        assert names in (nothing, {"a", "b"}), line
        assert there or names is not None or not outdir.parent.exists(), line
        if not ended and line > 50:
            break
    assert stopped > 50
    assert whole < line
