"""Outputs that appear all together at the end, or not at all.

A run writes into a hidden folder inside the output folder and its files are renamed to their place
when all are complete. A run that fails or is interrupted removes the folder; one that is killed
leaves it, and the next run removes it. Another run at work in the same output folder is told from
a dead one by the lock it holds.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from occupy_core.errors import OutputError

_PREFIX = ".occupy_unfinished_"
_LOCK = "lock"


class Staging:
    """A folder for the unfinished outputs of one run; use `staged_outputs` to make one.

    Attributes
    ----------
    folder : Path
        Where to write.
    outdir : Path
        Where the files go at the end.
    """

    def __init__(self, folder: Path, outdir: Path) -> None:
        self.folder = folder
        self.outdir = outdir

    def commit(self, names: Iterable[str], stale: Iterable[str] = ()) -> None:
        """Move finished files to the output folder, in the order given.

        Parameters
        ----------
        names : iterable of str
        stale : iterable of str
            Files of the output folder to be removed when all others are in place.

        Raises
        ------
        OutputError
            When a file cannot be moved.
        """
        with _signals_held():
            for name in names:
                with output_errors(self.outdir):
                    (self.folder / name).replace(self.outdir / name)
            for name in stale:
                with suppress(OSError):  # the new files are there, which is what counts
                    (self.outdir / name).unlink()


@contextmanager
def staged_outputs(outdir: Path) -> Iterator[Staging]:
    """Make a staging folder in an output folder, which is made too if it is missing.

    Whatever is still in the staging folder at the end of the block is removed, and so is an
    output folder made here in which nothing was put.

    Raises
    ------
    OutputError
        When the folders cannot be made.
    """
    missing = [f for f in (outdir, *outdir.parents) if not os.path.lexists(f)]
    try:
        _make_folder(outdir)
        _remove_leftovers(outdir)
        with output_errors(outdir):
            folder, lock = _locked_folder(outdir)
        try:
            yield Staging(folder, outdir)
        finally:
            os.close(lock)  # first, for an open file keeps its folder on NFS
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        for made in missing:
            with suppress(OSError):  # it holds the outputs
                made.rmdir()


def refuse_outputs(
    outdir: Path, names: Iterable[str], inputs: Sequence[Path], *, force: bool
) -> None:
    """Raise when an output would replace a file that it must not.

    Parameters
    ----------
    outdir : Path
        The output folder.
    names : iterable of str
        Names of the files to be written there.
    inputs : sequence of Path
        Files that are read; they are never replaced.
    force : bool
        Whether other files may be.

    Raises
    ------
    OutputError
        When an output is a folder, an input, or exists without `force`.
    """
    existing = [outdir / name for name in names if (outdir / name).exists()]
    for path in existing:
        if path.is_dir():
            raise OutputError(f"{path} is a folder; remove it or give another --outdir.")
        if any(source.exists() and path.samefile(source) for source in inputs):
            raise OutputError(f"{path} is an input and is never replaced; give another --outdir.")
    if existing and not force:
        more = f" (and {len(existing) - 1} more)" if len(existing) > 1 else ""
        raise OutputError(
            f"{existing[0]} exists already{more}; give another --outdir, or --force to replace it."
        )


@contextmanager
def output_errors(folder: Path) -> Iterator[None]:
    """Turn a failure to write into a folder into the error that users see.

    Raises
    ------
    OutputError
        For every OSError inside the block.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"Nothing can be written into {folder}: {error.strerror}; free space there or give "
            "another folder."
        ) from error


def _make_folder(outdir: Path) -> None:
    """Make the output folder and its missing parents."""
    try:
        outdir.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise OutputError(
            f"The output folder {outdir} cannot be made, for a file has its name; give another one."
        ) from error
    except OSError as error:
        raise OutputError(
            f"The output folder {outdir} cannot be made: {error.strerror}; give another one."
        ) from error


def _locked_folder(outdir: Path) -> tuple[Path, int]:
    """Make a staging folder and lock it: return it and the open file that holds the lock."""
    while True:
        try:
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=outdir))
            lock = _lock_file(folder)
        except FileNotFoundError:
            if not outdir.is_dir():
                raise
            continue  # a run that started at this moment took the new folder for a leftover
        with suppress(OSError):  # a file system without locks: nobody takes it for a leftover
            fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / _LOCK).exists():
            return folder, lock
        os.close(lock)


def _lock_file(folder: Path) -> int:
    return os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)


def _remove_leftovers(outdir: Path) -> None:
    """Remove the staging folders of killed runs; those of running ones are locked."""
    for folder in outdir.glob(_PREFIX + "*"):
        try:
            lock = _lock_file(folder)
        except OSError:  # another run removes it at this moment, or it is not ours to remove
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # at work, or a file system without locks
            pass
        finally:
            os.close(lock)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait: a few renames must not be cut in two."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python handles signals in the main thread only
        return
    received: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        received.append(number)

    before = [(s, signal.signal(s, remember)) for s in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    finally:
        for held, handler in before:
            signal.signal(held, handler)
        for number in received:
            signal.raise_signal(number)
