"""What cannot be printed costs no result, and signals end a run as they should."""

import io
import os
import signal
import subprocess
import sys
import warnings

import pytest
from small_jobs import contents, run_cli, write_small_map

from occupy_core.commands import main as entry
from occupy_core.commands.main import main
from occupy_core.commands.shared.staging import os_sentence
from occupy_core.commands.shared.terminal import (
    StoppedError,
    machine_warnings_said,
    say,
    signals_raised,
)
from occupy_core.errors import MachineWarning
from occupy_core.progress import ProgressLine

PROGRAM = [sys.executable, "-m", "occupy_core"]


def run(*arguments, redirect="", **env):
    """Run the program from a shell with redirected streams: exit status, stdout, stderr."""
    words = " ".join(f"'{word}'" for word in (*PROGRAM, *arguments))
    done = subprocess.run(
        ["bash", "-c", f"{words} {redirect}"],
        env={**os.environ, **env},
        capture_output=True,
    )
    return done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")


@pytest.mark.parametrize(
    "env",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=["ascii", "C"],
)
def test_signs_that_the_encoding_lacks_are_spelled(env):
    status, out, err = run("scale", "--help-all", **env)
    assert (status, err) == (0, "")
    assert out.isascii()
    assert " A" in out


def test_a_name_that_is_not_utf8_is_said():
    status, _, err = run("scale", os.fsdecode(b"a\xff\xfeb.mrc").encode("utf-8", "surrogateescape")
                         .decode("latin-1"), PYTHONIOENCODING="ascii")  # fmt: skip
    assert status == 2
    assert "does not exist" in err


@pytest.mark.parametrize("arguments", [["--help"], ["scale", "--help-all"]])
def test_help_that_cannot_be_printed_is_an_error(arguments):
    status, _, err = run(*arguments, redirect=">/dev/full")
    assert status == 2
    assert err == (
        "occupy-core: error: What was found cannot be printed: No space left on device; outputs "
        "in a folder are whole.\n"
    )


def test_an_error_that_cannot_be_said_is_one():
    assert run("nonsense", redirect="2>/dev/full")[0] == 2
    assert run("nonsense", redirect="2>&-")[0] == 2


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """A map, and the folder of what its job writes."""
    folder = tmp_path_factory.mktemp("expected")
    small = write_small_map(folder / "x.mrc")
    assert run("scale", str(small), "--outdir", str(folder / "out"), "--quiet")[0] == 0
    return small, folder / "out"


@pytest.mark.parametrize("redirect", [">/dev/full", ">&-", "<&- >&- 2>&-"])
def test_a_job_writes_everything_whatever_becomes_of_its_streams(tmp_path, expected, redirect):
    small, expected = expected
    out = tmp_path / "out"
    status, _, err = run("scale", str(small), "--outdir", str(out), redirect=redirect)
    assert status == (2 if "full" in redirect else 0)
    assert "Traceback" not in err
    assert set(contents(out)) == set(contents(expected))
    for name, content in contents(out).items():
        if name.endswith(".mrc"):
            assert content == contents(expected)[name]


def test_progress_that_cannot_be_printed_is_left_out():
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, "No space left on device")

    progress = ProgressLine(Full())
    progress(0.0, "reading")
    progress(1.0, "done")
    progress.close()


def test_the_name_of_a_file_commands_no_terminal():
    stream = io.StringIO()
    ProgressLine(stream)(0.0, "reading a\x1b[2J\nb.mrc")
    assert stream.getvalue() == "  0 %  reading a?[2J?b.mrc\n"


# ---- signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_only_the_first_signal_counts(number):
    def interrupted_twice():
        with signals_raised():
            try:
                os.kill(os.getpid(), number)
            finally:
                os.kill(os.getpid(), number)
                os.kill(os.getpid(), signal.SIGINT)

    before = [signal.getsignal(n) for n in (signal.SIGINT, number)]
    with pytest.raises(StoppedError) as caught:
        interrupted_twice()
    assert caught.value.number == number
    assert [signal.getsignal(n) for n in (signal.SIGINT, number)] == before


def test_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_raised():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


# ---- the last net


def test_no_failure_of_the_system_is_a_traceback(capsys, monkeypatch):
    def fail(arguments):
        raise OSError(5, "Input/output error", "/data/.occupy_unfinished_x1/map.mrc")

    monkeypatch.setattr(entry, "_run", fail)
    assert run_cli(capsys, "scale") == (
        2,
        "",
        "occupy-core: error: /data/map.mrc cannot be used: Input/output error; check the path.\n",
    )


def test_a_failure_without_a_file_is_said_too():
    assert os_sentence(OSError(28, "No space left on device")) == (
        "A file cannot be read or written: No space left on device; check the space and the paths "
        "given."
    )


def test_what_the_machine_lacks_is_said_in_one_line(capsys):
    with machine_warnings_said():
        warnings.warn("Less of x;\nuse y.", MachineWarning, stacklevel=1)
    assert capsys.readouterr().err == "Warning: Less of x;\\nuse y.\n"


def test_a_sentence_is_one_line(capsys):
    say("a\nb\x1b[0m")
    assert capsys.readouterr().err == "a\\nb\\x1b[0m\n"


def test_main_leaves_signals_as_they_were():
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert main(["--version"]) == 0
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before
