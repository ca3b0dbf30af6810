# SPDX-License-Identifier: GPL-3.0-or-later
"""Slices through several maps of one grid side by side, with a slider."""

import dataclasses

import numpy as np
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.widgets import Slider

from occupy_core.commands.shared.colors import error_scale, local_scale, resolution_scale
from occupy_core.maps.grid import DensityMap

AXES = ("x", "y", "z")
_PANEL, _WIDEST = 3.3, 13.5  # inches, of a panel and of all: a screen of 1400 pixels
_ACROSS_AND_UP = {"z": ("x", "y"), "y": ("x", "z"), "x": ("y", "z")}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Colors:
    """How numbers become colours.

    Parameters
    ----------
    colormap : Colormap
    low, high : float
        Numbers at its ends.
    label : str
        What the numbers are, for the colour bar.
    extend : str
        Ends of the bar beyond which there are numbers: "neither", "min", "max" or "both".
    names : tuple of str
        Names of the numbers 1, 2 …, to stand at the bar in their place.
    """

    colormap: Colormap
    low: float
    high: float
    label: str = ""
    extend: str = "neither"
    names: tuple = ()


@dataclasses.dataclass(frozen=True, eq=False)
class Panel:
    """One of the maps.

    Parameters
    ----------
    title : str
    density : DensityMap
    colors : Colors or None
        None: grey, in one grey scale for all panels, that of the first.
    below : DensityMap or None
        Shown in grey where `density` is NaN.
    """

    title: str
    density: DensityMap
    colors: Colors | None = None
    below: DensityMap | None = None


SCALE = Colors(colormap=local_scale().colormap(), low=0.0, high=1.0)
"""Of a scale or a confidence, from 0 to 1."""


def errorColors(largest):
    """Colours of a standard error from 0 to its largest value."""
    return Colors(colormap=error_scale(largest).colormap(), low=0.0, high=largest, extend="max")


def resolutionColors(finest, coarsest):
    """Colours of a local resolution between two limits, Å."""
    scale = resolution_scale(finest, coarsest)
    # Where there is no resolution the map itself is seen.
    colormap = scale.colormap().with_extremes(bad=(0, 0, 0, 0))
    return Colors(colormap=colormap, low=scale.low, high=scale.high, label="Å", extend="both")


def labelColors(names, colors):
    """Colours of the numbers 1, 2 … that stand for something with a name."""
    return Colors(
        colormap=ListedColormap(colors), low=0.5, high=len(colors) + 0.5, names=tuple(names)
    )


def figureSize(panels):
    """Size in inches of a figure with so many panels."""
    panel = min(_PANEL, _WIDEST / panels)
    return panel * panels + 0.6, panel + 0.8


class SliceBrowser:
    """Draws into a figure; keep the browser as long as the slider is to work.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    panels : sequence of Panel
    axis : str
        Axis across which to go: "x", "y" or "z".
    """

    def __init__(self, figure, panels, axis="z"):
        first = _firstPlane(panels, "zyx".index(axis)) + 1
        self._index = "zyx".index(axis)
        grid = panels[0].density.grid
        self._step = grid.voxel_size_zyx[self._index]
        count = grid.shape[self._index]
        lengths = dict(zip(AXES, grid.box, strict=True))
        across, up = _ACROSS_AND_UP[axis]
        self._place = {"origin": "lower", "extent": (0, lengths[across], 0, lengths[up])}
        self._grey = _greyRange(_firstGrey(panels).data)
        figure.set_layout_engine("constrained", rect=(0, 0.14, 1, 0.86))  # the slider is below
        every = figure.subplots(1, len(panels), squeeze=False)[0]
        self._images = []  # with the map that each shows
        bars = {}  # one for all panels of the same colours
        for axes, panel in zip(every, panels, strict=True):
            if panel.below is not None:
                self._add(axes, panel.below, None)
            image = self._add(axes, panel.density, panel.colors)
            if panel.colors is not None:
                bars.setdefault(panel.colors, (image, []))[1].append(axes)
            axes.set_title(panel.title, fontsize=10)
            axes.set_xlabel(f"{across} (Å)", fontsize=9)
            axes.tick_params(labelsize=8)
        every[0].set_ylabel(f"{up} (Å)", fontsize=9)
        for colors, (image, beside) in bars.items():
            _addBar(figure, image, beside, colors)
        self.slider = Slider(
            figure.add_axes((0.15, 0.05, 0.6, 0.04), in_layout=False),
            f"{axis} (voxel)",
            1,
            count,
            valinit=first,
            valstep=1,
        )
        self.slider.on_changed(self.show)
        self.show(first)

    def _add(self, axes, density, colors):
        look = {"cmap": "gray_r", "vmin": self._grey[0], "vmax": self._grey[1]}
        if colors is not None:
            look = {"cmap": colors.colormap, "vmin": colors.low, "vmax": colors.high}
            if colors.names:
                look["interpolation"] = "nearest"
        image = axes.imshow(self._slice(density, 0), **self._place, **look)
        self._images.append((image, density))
        return image

    def _slice(self, density, index):
        return density.data.take(index, axis=self._index)

    def show(self, number):
        """Show a slice; the first one has the number 1."""
        index = int(number) - 1
        for image, density in self._images:
            image.set_data(self._slice(density, index))
        self.slider.valtext.set_text(f"{index + 1}  ({index * self._step:.1f} Å)")
        self.slider.ax.figure.canvas.draw_idle()


def _addBar(figure, image, beside, colors):
    bar = figure.colorbar(image, ax=beside, extend=colors.extend, shrink=0.7, pad=0.01)
    bar.ax.tick_params(labelsize=8)
    bar.set_label(colors.label, fontsize=8)
    if colors.names:
        bar.set_ticks(range(1, len(colors.names) + 1), labels=colors.names)


def _firstPlane(panels, axis):
    """The middle, or where there is most of what has names."""
    for panel in panels:
        if panel.colors is not None and panel.colors.names:
            named = np.isfinite(panel.density.data)
            others = tuple(a for a in range(3) if a != axis)
            return int(np.argmax(np.count_nonzero(named, axis=others)))
    return panels[0].density.grid.shape[axis] // 2


def _firstGrey(panels):
    """The first map that is drawn in grey."""
    shown = (panel.density if panel.colors is None else panel.below for panel in panels)
    return next(density for density in shown if density is not None)


def _greyRange(data):
    """Grey values shown as white and black: nearly all of the map, outliers apart."""
    low, high = np.percentile(data[:: max(1, len(data) // 32)], (0.1, 99.9))
    return (low, high) if high > low else (data.min(), data.max())
