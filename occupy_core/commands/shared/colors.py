"""Colours, one `ColorScale` for each quantity: figures, report, tables, ChimeraX, Scipion.

The same occupancy has the same colour wherever it is shown, for its scale always runs from 0 to 1.
All scales share one row of colours. Its lightness falls steadily, and its steps are seen as equal,
also with the two common kinds of colour-blindness: at least as far apart as those of viridis. Dark
violet is what is full, fine or sure; bright yellow is what is weak, coarse or doubtful.
"""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

# The path of matplotlib's plasma (S. van der Walt & N. Smith, 2015) from a lightness of 92 to 25,
# in steps that are equal in CIELAB to normal and to colour-blind sight together.
COLORS = (
    "#f3ef27",
    "#febe2a",
    "#f89640",
    "#eb7655",
    "#db5b68",
    "#c8447b",
    "#b42d8e",
    "#9713a0",
    "#5102a2",
)
NO_VALUE = "#e6e6e6"  # solvent, not measured, or under the visible range
SOLVENT_COLOR = "#7f7f7f"
CONFIDENCE_COLOR = "#c1272d"
MODEL_COLOR = "#1f5fa8"
GUESS_HATCH = "////"  # a resolution past what the map holds, in every figure
# Dark blue, white, dark orange: equal in lightness at equal distance from zero, told apart by the
# colour-blind too (blue and orange of Okabe & Ito 2008, darkened and lightened).
DIFFERENCE_COLORS = ("#00406b", "#4f8fbf", "#ffffff", "#d98233", "#7a3600")
_NARROWEST = 0.5  # [layout] Å between the ends of the colours of a resolution
_JUMP = 1e-3  # [layout] over which a colour turns to grey: palettes take no value twice
_SMOOTH = 256  # [layout] steps of a colour map

# Things that have no order. Eight that are told apart by the colour-blind too (Okabe & Ito 2008,
# without black and yellow's neighbour), then steps of the golden angle around the colour circle.
_SEVERAL = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#d55e00",
    "#56b4e9",
    "#f0e442",
    "#7f3c8d",
)
_GOLDEN_ANGLE = 0.61803398875  # [layout] of a turn


@dataclass(frozen=True, kw_only=True)
class ColorScale:
    """How the values of one quantity become colours.

    Parameters
    ----------
    label : str
        What the values are, for the colour key.
    unit : str
        Of the values; empty for pure numbers.
    low, high : float
        Values at the ends of the colours; those beyond have the colour of the end.
    colors : tuple of str
        As #rrggbb, at equal steps from `low` to `high`, mixed in between.
    hidden_below : float, optional
        Values under this have no colour (`NO_VALUE`); it does not move the colours of the others.
    """

    label: str
    unit: str = ""
    low: float
    high: float
    colors: tuple[str, ...] = COLORS
    hidden_below: float | None = None

    @property
    def title(self) -> str:
        """The label with the unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def levels(self) -> list[float]:
        """Return the value at which each of the colours stands."""
        steps = len(self.colors) - 1
        return [self.low + (self.high - self.low) * i / steps for i in range(steps + 1)]

    def pairs(self) -> list[tuple[float, str]]:
        """Return values, rising, with their colours: grey ones first when some are hidden."""
        pairs = list(zip(self.levels(), self.colors, strict=True))
        start = self.hidden_below
        if start is None or start <= self.low:
            return pairs
        seen = [(level, color) for level, color in pairs if level > start]
        return [(self.low, NO_VALUE), (start - _JUMP, NO_VALUE), (start, self.color(start)), *seen]

    def rgb(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return the colour of each value.

        Parameters
        ----------
        values : ndarray
            Of any shape; NaN where there is none.

        Returns
        -------
        ndarray of float64, the shape of `values` and 3
            Red, green, blue, 0 to 1.
        """
        known = np.isfinite(values)
        if self.hidden_below is not None:
            known &= np.where(known, values, np.inf) >= self.hidden_below
        inside = np.where(known, values, self.low)
        stops = np.array([_rgb(color) for color in self.colors])
        mixed = [np.interp(inside, self.levels(), stops[:, channel]) for channel in range(3)]
        return np.where(known[..., None], np.stack(mixed, axis=-1), _rgb(NO_VALUE))

    def color(self, value: float) -> str:
        """Return the colour of one value as #rrggbb; that of no value for NaN."""
        return _hex(self.rgb(np.array(value, np.float64)))

    def place(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return where values lie between the ends of the colours, 0 to 1."""
        return (values - self.low) / (self.high - self.low)

    def colormap(self) -> Colormap:
        """Return the colours as a matplotlib colour map for values from `low` to `high`."""
        from matplotlib.colors import ListedColormap

        steps = self.low + (self.high - self.low) * (np.arange(_SMOOTH) + 0.5) / _SMOOTH
        hidden = self.hidden_below is not None
        colormap = ListedColormap(self.rgb(steps).tolist(), self.label)
        under = NO_VALUE if hidden else self.colors[0]
        return colormap.with_extremes(bad=NO_VALUE, under=under, over=self.colors[-1])


TRUST = ColorScale(label="trust", low=0.0, high=1.0)
OCCUPANCY = ColorScale(label="occupancy", low=0.0, high=1.0)
CONFIDENCE = ColorScale(label="confidence", low=0.0, high=1.0)


def local_scale(hidden_below: float = 0.0) -> ColorScale:
    """Return the colours of a local scale: those of the occupancy."""
    start = hidden_below if hidden_below > 0 else None
    return ColorScale(label="local scale", low=0.0, high=1.0, hidden_below=start)


def resolution_scale(finest: float, coarsest: float) -> ColorScale:
    """Return the colours of a local resolution between two limits in Å.

    The ends are rounded outwards to 0.1 Å, and half an Å apart or more.
    """
    low, high = math.floor(10 * finest) / 10, math.ceil(10 * coarsest) / 10
    high = max(high, low + _NARROWEST)
    return ColorScale(label="local resolution", unit="Å", low=low, high=high, colors=COLORS[::-1])


def error_scale(largest: float, label: str = "standard error", unit: str = "") -> ColorScale:
    """Return the colours of a standard error from 0 to its largest value."""
    return ColorScale(label=label, unit=unit, low=0.0, high=largest, colors=COLORS[::-1])


def difference_scale(largest: float, label: str = "difference", unit: str = "") -> ColorScale:
    """Return the colours of a difference: blue below zero, white at it, orange above it."""
    colors = DIFFERENCE_COLORS
    return ColorScale(label=label, unit=unit, low=-largest, high=largest, colors=colors)


def several_colors(n: int) -> list[str]:
    """Return a colour for each of `n` things without an order (blocks), as #rrggbb."""
    colors = list(_SEVERAL[:n])
    for i in range(len(colors), n):
        rgb = colorsys.hsv_to_rgb(i * _GOLDEN_ANGLE % 1.0, 0.75 - 0.25 * (i % 2), 0.85)
        colors.append(_hex(np.array(rgb)))
    return colors


def ink(color: str) -> str:
    """Return black or white, whichever is read better on a colour (WCAG 2.1 contrast)."""
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _rgb(color)
    )
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000000" if (luminance + 0.05) ** 2 > 0.05 * 1.05 else "#ffffff"


def _rgb(color: str) -> tuple[float, float, float]:
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def _hex(rgb: NDArray[Any]) -> str:
    return "#" + "".join(f"{round(255 * float(channel)):02x}" for channel in rgb)
