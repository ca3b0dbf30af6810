"""What follows from a grid alone, kept from one map to the next while someone asks for it.

Footprints, bands of frequencies and white noise are the same for all maps of a grid. A loop over
such maps runs under `keeping`, and each of them is made once; elsewhere nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")
Store = dict[Hashable, Any]

_store: ContextVar[Store | None] = ContextVar("occupy_core_kept", default=None)


@contextmanager
def keeping(store: Store) -> Iterator[None]:
    """Keep what is made inside the block in `store`, and take it from there."""
    token = _store.set(store)
    try:
        yield
    finally:
        _store.reset(token)


def is_keeping() -> bool:
    """Whether what is made now is kept, so that it must not be changed."""
    return _store.get() is not None


def kept(key: Hashable, make: Callable[[], T]) -> T:
    """Return what `make` returns, from the store in force if it was made before.

    Parameters
    ----------
    key : hashable
        What the value is, and all that it follows from.
    make : callable
        Makes it. Nobody may change the value: the next one gets the same object.
    """
    store = _store.get()
    if store is None:
        return make()
    if key not in store:
        store[key] = make()
    value: T = store[key]
    return value
