"""How loops are compiled, and where what was compiled is kept for the next run.

What is kept is a convenience. It stands beside the package, or in the user's cache folder; where
neither can be written, or what is there was damaged, loops are compiled anew in each run, which
takes some seconds. What is read back is compared with its checksum first: of machine code of which
a bit has changed nobody knows what it computes.
"""

from __future__ import annotations

import hashlib
import importlib
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit

from occupy_core.errors import MachineWarning

Function = TypeVar("Function", bound=Callable[..., Any])

_caching: Any = importlib.import_module("numba.core.caching")  # has no types
_DIGEST = hashlib.sha256().digest_size
_told = False


def compiled(function: Function) -> Function:
    """Compile a loop that releases the interpreter lock; keeps its type."""
    return _kept(function)


def compiled_sums(function: Function) -> Function:
    """Compile a loop whose sums may be taken in any order, so that they run in vectors."""
    return _kept(function, fastmath={"reassoc", "contract"})


def _kept(function: Function, **options: Any) -> Function:
    loop = njit(nogil=True, **options)(function)
    try:
        # As `njit(cache=True)` does, which refuses to go on where nothing can be kept.
        loop._cache = _CheckedCache(function)
    except Exception as error:
        _tell(error)
    return cast(Function, loop)


class _CheckedFile(_caching.IndexDataCacheFile):  # type: ignore[misc]
    """Index and machine code of a loop, each behind its checksum."""

    def _load_index(self) -> dict[Any, str]:
        version, stamp, names = _read(self._index_path) or (None, None, None)
        fresh = (version, stamp) == (self._version, self._source_stamp)
        return cast(dict[Any, str], names) if fresh else {}

    def _save_index(self, overloads: dict[Any, str]) -> None:
        with self._open_for_write(self._index_path) as stream:
            stream.write(_checked(self._dump((self._version, self._source_stamp, overloads))))

    def _load_data(self, name: str) -> Any:
        return _read(self._data_path(name))

    def _save_data(self, name: str, data: Any) -> None:
        with self._open_for_write(self._data_path(name)) as stream:
            stream.write(_checked(self._dump(data)))


class _CheckedCache(_caching.FunctionCache):  # type: ignore[misc]
    """What is kept of a loop; nothing that goes wrong here is an error."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file = _CheckedFile(
            cache_path=self._cache_path,
            filename_base=f"{self._impl.filename_base}.checked",
            source_stamp=self._impl.locator.get_source_stamp(),
        )

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # numba raises what it likes for what it cannot use
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except Exception as error:
            _tell(error)


def _checked(content: bytes) -> bytes:
    return hashlib.sha256(content).digest() + content


def _read(path: str) -> Any:
    """Return what was kept in a file; None where there is none, or it was damaged."""
    try:
        content = Path(path).read_bytes()
    except OSError:
        return None
    if _checked(content[_DIGEST:]) != content:
        return None
    return pickle.loads(content[_DIGEST:])


def _tell(error: Exception) -> None:
    """Warn once that nothing is kept."""
    global _told
    if not _told:
        _told = True
        reason = getattr(error, "strerror", None) or "neither the package nor a cache is writable"
        warnings.warn(
            f"The compiled loops cannot be kept for the next run ({reason}), so that it starts "
            "some seconds later; name a folder for them in the variable NUMBA_CACHE_DIR.",
            MachineWarning,
            stacklevel=2,
        )
