"""The settings with which figures are drawn: matplotlib's own, whatever the user's are.

A matplotlibrc, MPLBACKEND or a style of the program around us (Scipion, a notebook) may ask for
LaTeX, for another font or for a window. Figures must be the same everywhere, and must not fail for
it after the work.
"""

from __future__ import annotations

import functools
import importlib
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from matplotlib.figure import Figure

P = ParamSpec("P")
R = TypeVar("R")

# Of the program around us: which windows it has, and how it uses them.
_NOT_OURS = ("backend", "backend_fallback", "interactive", "toolbar")
_OF_THE_USER = ("MPLBACKEND", "MATPLOTLIBRC")


@contextmanager
def own_style() -> Iterator[None]:
    """Draw and save figures inside the block with matplotlib's own settings.

    Those of the program around us are back afterwards. Letters that the font lacks are drawn as
    boxes, without a word.
    """
    matplotlib = _matplotlib()
    settings = {k: v for k, v in matplotlib.rcParamsDefault.items() if k not in _NOT_OURS}
    with warnings.catch_warnings(), matplotlib.rc_context():
        # matplotlib 3.8 calls what newer versions of pyparsing deprecate
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        dict.update(matplotlib.rcParams, settings)  # as matplotlib does: they are valid
        yield


def drawn_in_own_style(draw: Callable[Concatenate[Figure, P], R]) -> Callable[..., R]:
    """Decorate a function that draws into a figure, so that it does so in `own_style`.

    The figure keeps the style: ticks are made, and texts are set, whenever it is drawn again.
    """

    @functools.wraps(draw)
    def styled(figure: Figure, *args: P.args, **kwargs: P.kwargs) -> R:
        keep_own_style(figure)
        with own_style():
            return draw(figure, *args, **kwargs)

    return styled


def keep_own_style(figure: Figure) -> None:
    """Let a figure be drawn in `own_style`, whoever asks it to draw itself."""
    draw = cast(Callable[..., None], figure.draw)
    if getattr(draw, "in_own_style", False):
        return

    def styled(*args: Any, **kwargs: Any) -> None:
        with own_style():
            draw(*args, **kwargs)

    styled.in_own_style = True  # type: ignore[attr-defined]
    figure.draw = styled  # type: ignore[method-assign]


def _matplotlib() -> Any:
    """Load matplotlib, which refuses to be loaded when the user's settings are wrong."""
    before = {name: os.environ.pop(name) for name in _OF_THE_USER if name in os.environ}
    try:
        return importlib.import_module("matplotlib")
    finally:
        os.environ.update(before)
