"""Outputs that appear all together at the end, or not at all.

A run writes into a hidden folder inside the output folder and its files are moved to their place
when all are complete. A run that fails or is interrupted removes the folder; one that is killed
leaves it, and the next run removes it. Two runs that would write the same file are told apart when
they start: the first one goes on.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from occupy_core.commands.shared.exchange import NEW, exchange
from occupy_core.commands.shared.terminal import STOPPING
from occupy_core.commands.shared.unfinished import (
    PREFIX,
    folder_lock,
    names_being_written,
    new_folder,
    remove_folder,
    remove_leftovers,
    remove_noted,
)
from occupy_core.errors import OutputError

_HIDDEN = re.compile(rf"/{re.escape(PREFIX)}\w+(/{NEW}\b)?")


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

    def commit(
        self,
        names: Iterable[str],
        stale: Iterable[str] = (),
        inputs: Sequence[Path] = (),
        *,
        force: bool = True,
    ) -> None:
        """Move finished files to the output folder, in the order given.

        Parameters
        ----------
        names : iterable of str
            Names of the files; the record is the last.
        stale : iterable of str
            Files of the output folder that belong to the result which is replaced.
        inputs : sequence of Path
            Files that are read; they are never replaced.
        force : bool
            Whether other files may be.

        Raises
        ------
        OutputError
            When a file cannot be moved, or must not replace another; nothing has changed then.
        """
        names = list(names)
        with output_errors(self.outdir), folder_lock(self.outdir), _HeldSignals():
            # Once more, for another run may have written meanwhile.
            refuse_outputs(self.outdir, names, inputs, force=force)
            exchange(self.folder.parent, self.outdir, names, stale)


@contextmanager
def staged_outputs(outdir: Path, names: Iterable[str] = ()) -> Iterator[Staging]:
    """Make a staging folder in an output folder, which is made too if it is missing.

    Whatever is still in the staging folder at the end of the block is removed, and so is an
    output folder made here in which nothing was put.

    Parameters
    ----------
    outdir : Path
    names : iterable of str
        Names of the files that will be written, as far as they are known.

    Raises
    ------
    OutputError
        When the folders cannot be made, or another run is writing one of the files.
    """
    missing = [f for f in (outdir, *outdir.parents) if not os.path.lexists(f)]
    signals = _HeldSignals()
    claimed: list[Any] = []
    try:
        _make_folder(outdir)
        remove_noted()
        _claim_folder(outdir, list(names), signals, claimed)
        try:
            signals.release()
            yield Staging(claimed[0] / NEW, outdir)
        except OutputError as error:
            raise OutputError(visible(str(error))) from error
        finally:
            _give_up(claimed)
    finally:
        _give_up(claimed)  # where a signal came between the end and the line above
        for made in missing:
            with suppress(OSError):  # it holds the outputs
                made.rmdir()
        signals.release()


def _give_up(claimed: list[Any]) -> None:
    """Remove a staging folder, unless that is done; only the first signal is raised."""
    if len(claimed) > 1:
        os.close(claimed.pop())  # first, for an open file keeps its folder on NFS
    if claimed:
        remove_folder(claimed[0])
        claimed.clear()


def _claim_folder(
    outdir: Path, names: Sequence[str], signals: _HeldSignals, claimed: list[Any]
) -> None:
    """Make a staging folder, unless another run is writing one of the same files.

    Signals wait from then on, until the caller releases them. `claimed` gets the folder, and the
    open file of its lock, for `_give_up`.
    """
    with output_errors(outdir), folder_lock(outdir):
        remove_leftovers(outdir)
        taken = sorted(set(names) & names_being_written(outdir))
        if taken:
            raise OutputError(
                f"Another run is writing {taken[0]} into {outdir}; wait for its end, or give "
                "another --outdir."
            )
        signals.hold()
        claimed += new_folder(outdir, names)


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
    sources = {_identity(path) for path in inputs if path.exists()} if existing else set()
    for path in existing:
        if path.is_dir():
            raise OutputError(f"{path} is a folder; remove it or give another --outdir.")
        if _identity(path) in sources:
            raise OutputError(f"{path} is an input and is never replaced; give another --outdir.")
    if existing and not force:
        more = f" (and {len(existing) - 1} more)" if len(existing) > 1 else ""
        raise OutputError(
            f"{existing[0]} exists already{more}; give another --outdir, or --force to replace it."
        )


def _identity(path: Path) -> tuple[int, int]:
    """What two names of one file share."""
    found = path.stat()
    return found.st_dev, found.st_ino


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


def os_sentence(error: OSError) -> str:
    """Say of a failure of the system which file, of those that the user knows, it is about."""
    reason = (error.strerror or str(error)).rstrip(".")
    if error.filename is None:
        return f"A file cannot be read or written: {reason}; check the space and the paths given."
    if isinstance(error.filename, int):
        return f"A stream cannot be used: {reason}; check the paths given."
    return f"{visible(os.fsdecode(error.filename))} cannot be used: {reason}; check the path."


def visible(text: str) -> str:
    """Return a path, or a sentence, in which unfinished outputs have the names they will have."""
    return _HIDDEN.sub("", text)


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


class _HeldSignals:
    """Lets the signals to end wait: renames and the birth of a folder must not be cut in two.

    As a context, it holds them inside; `hold` and `release` do it in between.
    """

    def __init__(self) -> None:
        self._received: list[int] = []
        self._before: list[tuple[int, Any]] = []

    def hold(self) -> None:
        """Begin to let them wait; not in threads, for Python handles signals in the main one."""
        if self._before or threading.current_thread() is not threading.main_thread():
            return
        handlers = [(number, signal.getsignal(number)) for number in STOPPING]
        self._before = [(n, h) for n, h in handlers if h not in (None, signal.SIG_IGN)]
        for held, _ in self._before:
            signal.signal(held, self._remember)

    def release(self) -> None:
        """Let those that came take effect, now."""
        for held, handler in self._before:
            signal.signal(held, handler)
        received, self._before, self._received = self._received, [], []
        for number in received:
            signal.raise_signal(number)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self._received.append(number)

    def __enter__(self) -> _HeldSignals:
        self.hold()
        return self

    def __exit__(self, *error: object) -> None:
        self.release()
