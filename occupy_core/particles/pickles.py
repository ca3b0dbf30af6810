"""Arrays in pickles, read without running what a pickle may hold."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occupy_core.errors import MapFormatError


def read_pickled_array(path: Path, *, key: str | None = None) -> NDArray[Any]:
    """Read the first numpy array of a pickle, and nothing else than numpy arrays.

    A pickle can run any program when it is loaded. This reader knows the few names that numpy
    arrays need and refuses every other one.

    Parameters
    ----------
    path : Path
    key : str, optional
        What is wanted of a pickled dictionary, such as the labels of RECOVAR's kmeans_result.pkl.

    Raises
    ------
    MapFormatError
        When the file is no pickle, or holds something else.
    """
    try:
        with path.open("rb") as file:
            values = _ArrayUnpickler(file).load()
    except MapFormatError:
        raise
    except Exception as error:  # a damaged pickle raises nearly anything
        raise MapFormatError(
            f"{path} cannot be read as a pickled array ({type(error).__name__}: {error})."
        ) from error
    if isinstance(values, dict):
        values = values.get(key)
    if isinstance(values, list):
        values = np.asarray(values)
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu" or not values.ndim:
        raise MapFormatError(f"{path} holds no array of numbers; give z.pkl or labels.pkl.")
    return values


class _ArrayUnpickler(pickle.Unpickler):
    """Knows numpy arrays and the plain values that they are made of."""

    _KNOWN = frozenset(
        (module, name)
        for core in ("numpy.core", "numpy._core")
        for module, name in (
            (f"{core}.multiarray", "_reconstruct"),
            (f"{core}.multiarray", "scalar"),
            (f"{core}.numeric", "_frombuffer"),
        )
    ) | {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._KNOWN:
            raise MapFormatError(
                f"A pickle asks for {module}.{name}, which is no numpy array; only arrays are read."
            )
        if module.startswith("numpy.core"):
            # The module moved in numpy 2; the old name warns there and the new one is not known
            # to numpy 1.
            newer = module.replace("numpy.core", "numpy._core")
            try:
                return super().find_class(newer, name)
            except ModuleNotFoundError:
                return super().find_class(module, name)
        if module.startswith("numpy._core"):
            try:
                return super().find_class(module, name)
            except ModuleNotFoundError:
                return super().find_class(module.replace("numpy._core", "numpy.core"), name)
        return super().find_class(module, name)
