"""How the compiled loops of `kernels` are reached, and what they are given."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray


def kernels() -> ModuleType:
    """Return the compiled loops, which take 0.2 s to load: not before they are needed."""
    return importlib.import_module("occupy_core.maps._loops")


def fixed(data: NDArray[Any], dtype: type[Any] = np.float32) -> NDArray[Any]:
    """Read-only contiguous view of a type: always the same, so that kernels are compiled once."""
    view = np.ascontiguousarray(data, dtype).view()
    view.flags.writeable = False
    return view
