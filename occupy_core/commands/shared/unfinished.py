"""Staging folders: which runs are at work, and what became of those that are not.

A run holds a lock on a file in its staging folder as long as it lives. Where the staging folders of
a user are is noted in the user's state folder, so that the next run, wherever it writes, removes
what a killed one has left.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from occupy_core.commands.shared.exchange import NEW, undo

PREFIX = ".occupy_unfinished_"
_LOCK, _NAMES = "lock", "names"
_LONGEST_NOTE = 8192  # [guard] bytes; paths have 4096


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Let one run at a time look at a folder and change it, where the file system has locks."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def new_folder(outdir: Path, names: Sequence[str]) -> tuple[Path, int]:
    """Make a staging folder for a run that will write files of these names.

    Returns
    -------
    Path
        The folder.
    int
        The open file that holds its lock.
    """
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=outdir))
        try:
            lock = _claim(folder, names)
            break
        except FileNotFoundError:
            if not outdir.is_dir():
                raise
            # Where folders have no locks, a run that starts at this moment takes it for a leftover.
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    with suppress(OSError):  # a home that cannot be written
        note = _note_of(folder)
        note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        note.write_bytes(os.fsencode(folder))
    return folder, lock


def _claim(folder: Path, names: Sequence[str]) -> int:
    """Lock a staging folder and note there what will be written; return the file of the lock."""
    lock = _open_lock(folder)
    try:
        with suppress(OSError):  # a file system without locks: nobody takes it for a leftover
            fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / NEW).mkdir()
        (folder / _NAMES).write_text(json.dumps(list(names)), encoding="utf-8")
    except BaseException:
        os.close(lock)
        raise
    return lock


def remove_folder(folder: Path) -> None:
    """Remove a staging folder and the note of it."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        _note_of(folder).unlink()


def names_being_written(outdir: Path) -> set[str]:
    """Return the names of the files that other runs are writing into a folder."""
    found: set[str] = set()
    for folder in outdir.glob(PREFIX + "*"):
        if _is_ours(folder):
            with suppress(OSError, ValueError, TypeError):
                found.update(json.loads((folder / _NAMES).read_text(encoding="utf-8")))
    return found


def remove_leftovers(outdir: Path) -> None:
    """Tidy up after killed runs: those that wrote into this folder, and those noted."""
    for folder in outdir.glob(PREFIX + "*"):
        _remove_dead(folder)


def remove_noted() -> None:
    """Tidy up after killed runs of this user, wherever they wrote."""
    for note in _state_folder().glob("*"):
        with suppress(OSError, ValueError):
            if note.lstat().st_size > _LONGEST_NOTE or not _is_ours(note, folder=False):
                continue
            folder = Path(os.fsdecode(note.read_bytes()))
            if not os.path.lexists(folder):
                note.unlink()
            elif folder.is_absolute() and folder.name.startswith(PREFIX):
                with folder_lock(folder.parent):
                    _remove_dead(folder)


def _remove_dead(folder: Path) -> None:
    """Remove a staging folder of a run that is not at work any more; a link never."""
    if not _is_ours(folder):
        return
    try:
        lock = _open_lock(folder)
    except OSError:  # another run removes it at this moment
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # at work, or a file system without locks
        return
    else:
        undo(folder, folder.parent)
        remove_folder(folder)
    finally:
        os.close(lock)


def _open_lock(folder: Path) -> int:
    return os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)


def _is_ours(path: Path, *, folder: bool = True) -> bool:
    """Whether a folder, or a file, is there itself and belongs to this user."""
    try:
        status = path.lstat()
    except OSError:
        return False
    kind = stat.S_ISDIR if folder else stat.S_ISREG
    return kind(status.st_mode) and status.st_uid == os.geteuid()


def _state_folder() -> Path:
    """Where notes are kept (XDG base directories)."""
    place = os.environ.get("XDG_STATE_HOME", "")
    base = Path(place) if place.startswith("/") else Path("~/.local/state").expanduser()
    return base / "occupy_core" / "unfinished"


def _note_of(folder: Path) -> Path:
    return _state_folder() / hashlib.sha256(os.fsencode(folder)).hexdigest()[:32]
