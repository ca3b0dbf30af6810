"""Files that are read, and no pipes or devices, from which reading may never come back."""

from __future__ import annotations

import errno
import stat
from pathlib import Path
from typing import IO


def open_plain(path: Path) -> IO[bytes]:
    """Open a file for reading.

    Raises
    ------
    OSError
        When it cannot be opened, or is a pipe, a socket or a device.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.ESPIPE, "it is a pipe or a device and not a file", str(path))
    return path.open("rb")


def read_plain(path: Path) -> bytes:
    """Return the content of a file; see `open_plain`."""
    with open_plain(path) as stream:
        return stream.read()


def is_job(path: Path) -> bool:
    """Whether a path is a job or a table of one (.star, .cs) rather than a map."""
    return path.is_dir() or path.suffix.lower() in (".star", ".cs")
