"""The colours of the local scale, one for all: slices, histograms, ChimeraX script and its key.

Low scale is red and high scale is blue, as in coloured local-resolution maps and pLDDT. The colours
are samples of the Turbo colour map (A. Mikhailov, Google, 2019), from high to low.
"""

from __future__ import annotations

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
