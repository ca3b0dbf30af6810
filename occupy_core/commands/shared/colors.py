"""The colours of the local scale, one for all: slices, histograms, ChimeraX script and its key.

Low scale is red and high scale is blue, as in coloured local-resolution maps and pLDDT. The colours
are samples of the Turbo colour map (A. Mikhailov, Google, 2019), from high to low. In maps of local
resolution fine detail, the small number, is blue.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

SCALE_COLORS = (
    "#af1801",
    "#e84b0c",
    "#fe992c",
    "#e5d938",
    "#a4fc3c",
    "#3ff68a",
    "#1ccdd8",
    "#458cfd",
    "#4143a7",
)
RESOLUTION_COLORS = SCALE_COLORS[::-1]  # from fine to coarse
_NARROWEST = 0.5  # Å between the ends of the colours
BELOW_COLOR = "#e6e6e6"  # scale under the visible range
SOLVENT_COLOR = "#7f7f7f"
CONFIDENCE_COLOR = "#c1272d"
MODEL_COLOR = "#1f5fa8"


def scale_levels(min_scale: float) -> list[float]:
    """Return the scale at which each of `SCALE_COLORS` stands when colours start at `min_scale`."""
    steps = len(SCALE_COLORS) - 1
    return [min_scale + (1.0 - min_scale) * i / steps for i in range(steps + 1)]


def scale_colormap() -> Colormap:
    """Return the colours as a matplotlib colour map, grey under the range."""
    from matplotlib.colors import LinearSegmentedColormap

    colormap = LinearSegmentedColormap.from_list("local_scale", SCALE_COLORS)
    return colormap.with_extremes(under=BELOW_COLOR)


def resolution_levels(finest: float, coarsest: float) -> list[float]:
    """Return the resolution in Å at which each of `RESOLUTION_COLORS` stands.

    The ends are rounded outwards to 0.1 Å, and half an Å apart or more.
    """
    low, high = math.floor(10 * finest) / 10, math.ceil(10 * coarsest) / 10
    high = max(high, low + _NARROWEST)
    steps = len(RESOLUTION_COLORS) - 1
    return [low + (high - low) * i / steps for i in range(steps + 1)]


def resolution_colormap() -> Colormap:
    """Return the colours of the local resolution as a matplotlib colour map, grey for no value."""
    from matplotlib.colors import LinearSegmentedColormap

    colormap = LinearSegmentedColormap.from_list("local_resolution", RESOLUTION_COLORS)
    return colormap.with_extremes(bad=BELOW_COLOR)
