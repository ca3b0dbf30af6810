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

_CHUNK = 1 << 20  # bytes
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
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


class Checksums:
    """SHA-256 checksums of files, computed in a thread while other work goes on.

    Parameters
    ----------
    paths : sequence of Path
        Files to read; they must exist.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(dict.fromkeys(paths))
        self._digests: dict[Path, str] = {}
        self._error: OSError | None = None
        # A daemon: an interrupted run must not wait for the checksum of a large file.
        self._thread = threading.Thread(target=self._compute, daemon=True)
        self._thread.start()

    def _compute(self) -> None:
        try:
            for path in self._paths:
                self._digests[path] = sha256(path)
        except OSError as error:
            self._error = error

    def result(self) -> dict[Path, str]:
        """Wait for the checksums.

        Raises
        ------
        OSError
            When a file could not be read to its end.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        return dict(self._digests)
