"""An earlier result is replaced whole, or it stays."""

import json
import signal

import pytest
from small_jobs import contents, start_python

from occupy_core import OutputError
from occupy_core.commands.shared import exchange as exchanging
from occupy_core.commands.shared import unfinished
from occupy_core.commands.shared.staging import staged_outputs

NAMES = ["map", "table", "record"]
OLD = {"map": b"old", "table": b"old", "record": b"old", "stale": b"old", "mine": b"old"}
NEW = {"map": b"new", "table": b"new", "record": b"new", "mine": b"old"}


@pytest.fixture
def outdir(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    for name, content in OLD.items():
        (folder / name).write_bytes(content)
    return folder


def put(staging):
    for name in NAMES:
        (staging.folder / name).write_bytes(b"new")


def run(outdir):
    with staged_outputs(outdir, NAMES) as staging:
        put(staging)
        staging.commit(NAMES, ["stale"])


def moves(monkeypatch, at, act):
    """Let `act` happen instead of the move of the given number."""
    move, done = exchanging.Path.replace, [0]

    def moved(self, target):
        done[0] += 1
        if done[0] == at:
            act()
        return move(self, target)

    monkeypatch.setattr(exchanging.Path, "replace", moved)


def test_a_result_is_replaced(outdir):
    run(outdir)
    assert contents(outdir) == NEW


@pytest.mark.parametrize("at", range(1, 8))
def test_a_move_that_fails_leaves_the_earlier_result_whole(outdir, monkeypatch, at):
    def fail():
        raise OSError(28, "No space left on device")

    moves(monkeypatch, at, fail)
    with pytest.raises(OutputError, match="No space left on device"):
        run(outdir)
    assert contents(outdir) == OLD


def test_a_plan_that_cannot_be_removed_leaves_the_earlier_result_whole(outdir, monkeypatch):
    remove, refused = exchanging.Path.unlink, []

    def removed(self, missing_ok=False):
        if self.name == "plan.json" and not refused:
            refused.append(self)
            raise OSError(5, "Input/output error")
        remove(self, missing_ok=missing_ok)

    monkeypatch.setattr(exchanging.Path, "unlink", removed)
    with pytest.raises(OutputError, match="Input/output error"):
        run(outdir)
    assert contents(outdir) == OLD


KILLED = """
import os, signal, sys
from pathlib import Path
from occupy_core.commands.shared.staging import staged_outputs
outdir, at = Path(sys.argv[1]), int(sys.argv[2])
move, done = Path.replace, [0]
def moved(self, target):
    done[0] += 1
    if done[0] == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return move(self, target)
Path.replace = moved
names = ["map", "table", "record"]
with staged_outputs(outdir, names) as staging:
    for name in names:
        (staging.folder / name).write_bytes(b"new")
    staging.commit(names, ["stale"])
"""


def kill_at(outdir, at):
    process = start_python(KILLED, outdir, at)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    left = contents(outdir)
    # Never a record beside files of another run.
    if "record" in left:
        assert {left.get("map"), left.get("table")} == {left["record"]}


@pytest.mark.parametrize("at", [1, 2, 4, 5, 6, 7])
def test_a_kill_in_the_middle_is_put_right_by_the_next_run(outdir, tmp_path, at):
    kill_at(outdir, at)
    with staged_outputs(tmp_path / "elsewhere") as staging:  # wherever it writes
        assert staging.folder.is_dir()
        assert contents(outdir) == OLD


def test_the_next_run_in_the_folder_replaces_what_was_put_right(outdir, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "a file"))
    (tmp_path / "a file").write_text("no folder")  # so there are no notes
    kill_at(outdir, 6)
    run(outdir)
    assert contents(outdir) == NEW


@pytest.mark.parametrize(
    "plan",
    ["", "[]", "{", '{"../mine": [1, 2]}', '{"mine": 3}', '{"map": ["a", "b"]}', '{"map": [1, 2]}'],
)
def test_an_edited_plan_moves_nothing_of_others(outdir, tmp_path, plan):
    kill_at(outdir, 1)
    (left,) = outdir.glob(".occupy_unfinished_*")
    (left / "plan.json").write_text(plan)
    (tmp_path / "mine").write_text("x")
    with staged_outputs(tmp_path / "elsewhere"):
        pass
    assert contents(outdir) == OLD
    assert (tmp_path / "mine").read_text() == "x"


# ---- leftovers


def test_a_link_of_another_is_not_followed(tmp_path):
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "precious").write_text("x")
    out = tmp_path / "out"
    out.mkdir()
    (out / ".occupy_unfinished_link").symlink_to(foreign)
    (out / ".occupy_unfinished_file").write_text("x")
    with staged_outputs(out, ["a"]):
        pass
    assert contents(foreign) == {"precious": b"x"}
    assert (out / ".occupy_unfinished_link").is_symlink()


def test_a_link_inside_a_leftover_is_removed_and_not_followed(outdir, tmp_path):
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "precious").write_text("x")
    kill_at(outdir, 1)
    (left,) = outdir.glob(".occupy_unfinished_*")
    (left / "earlier" / "link").symlink_to(foreign)
    (left / "new" / "deep").symlink_to(foreign)
    run(outdir)
    assert contents(foreign) == {"precious": b"x"}


NOTES = ["", "relative/.occupy_unfinished_x", "/", "/etc", "a\0b", "x" * 9999]


@pytest.mark.parametrize("text", NOTES, ids=range(len(NOTES)))
def test_a_note_of_something_else_does_nothing(tmp_path, monkeypatch, text):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = unfinished._state_folder()
    folder.mkdir(parents=True)
    (folder / "note").write_text(text)
    with staged_outputs(tmp_path / "out"):
        pass
    assert not (tmp_path / "out").exists()


def test_a_run_at_work_is_left_alone_wherever_the_next_one_writes(tmp_path):
    with staged_outputs(tmp_path / "a", ["x"]) as first, staged_outputs(tmp_path / "b"):
        assert first.folder.is_dir()


def test_notes_go_with_their_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with staged_outputs(tmp_path / "a", ["x"]):
        assert len(list(unfinished._state_folder().iterdir())) == 1
    assert list(unfinished._state_folder().iterdir()) == []


# ---- two runs


def test_of_two_runs_that_write_one_file_the_second_ends_at_once(outdir):
    with staged_outputs(outdir, NAMES) as staging:
        with (
            pytest.raises(OutputError, match=r"Another run is writing map into .*; wait for"),
            staged_outputs(outdir, ["other", "map"]),
        ):
            pass
        put(staging)
        staging.commit(NAMES, ["stale"])
    assert contents(outdir) == NEW


def test_what_another_run_wrote_meanwhile_is_not_replaced(tmp_path):
    with staged_outputs(tmp_path, ["map"]) as staging:
        (staging.folder / "map").write_text("mine")
        (tmp_path / "map").write_text("of another")
        with pytest.raises(OutputError, match="exists already"):
            staging.commit(["map"], force=False)
    assert contents(tmp_path) == {"map": b"of another"}


def test_names_that_are_no_list_stop_nobody(outdir):
    kill_at(outdir, 1)
    (left,) = outdir.glob(".occupy_unfinished_*")
    (left / "names").write_text(json.dumps(3))
    run(outdir)
    assert contents(outdir) == NEW
