"""What a result was made from: versions of the programs and checksums of the inputs.

Nothing here depends on when or where the program ran, so that a rerun writes the same bytes.
"""

from __future__ import annotations

import hashlib
import importlib
import platform
import threading
from collections.abc import Sequence
from pathlib import Path

import occupy_core
from occupy_core.errors import MapFormatError
from occupy_core.files import open_plain
from occupy_core.machine import start_thread

_CHUNK = 1 << 20  # [machine] bytes
_LIBRARIES = ("numpy", "scipy", "numba", "mrcfile")


def versions() -> dict[str, str]:
    """Return the versions of this package, of Python and of the libraries that compute."""
    found = {"occupy_core": occupy_core.__version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        found[name] = str(importlib.import_module(name).__version__)
    return found


def sha256(path: Path) -> str:
    """Return the SHA-256 checksum of a file as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open_plain(path) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


class Checksums:
    """SHA-256 checksums of files as they are when this is made, computed beside other work.

    Parameters
    ----------
    paths : sequence of Path
        Files that will be read.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._states = {path: _state(path) for path in paths}
        self._digests: dict[Path, str] = {}
        self._error: OSError | None = None
        # A daemon: an interrupted run must not wait for the checksum of a large file.
        self._thread = threading.Thread(target=self._compute, daemon=True)
        self._started = start_thread(self._thread)
        if not self._started:
            self._compute()

    def _compute(self) -> None:
        try:
            for path in self._states:
                self._digests[path] = sha256(path)
        except OSError as error:
            self._error = error

    def result(self) -> dict[Path, str]:
        """Wait for the checksums; call it when all files have been read.

        A file that is another one now, by its place, size and time of change as well as by its
        content, may have been another one when it was read.

        Raises
        ------
        MapFormatError
            When a file could not be read to its end, or has changed meanwhile.
        """
        if self._started:
            self._thread.join()
        if self._error is not None:
            raise MapFormatError(
                f"{self._error.filename} cannot be read to its end: {self._error.strerror}; bring "
                "it back."
            ) from self._error
        for path, before in self._states.items():
            now = _state(path)
            if now not in (before, None) and sha256(path) != self._digests[path]:
                raise MapFormatError(
                    f"The input {path} has changed while it was read, so what comes out would be "
                    "of neither; run this again."
                )
        return dict(self._digests)


def _state(path: Path) -> tuple[int, ...] | None:
    """What changes when a file is replaced or written into; None when it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
