# SPDX-License-Identifier: GPL-3.0-or-later
"""Slices through several maps of one grid side by side, with a slider."""

import numpy as np
from matplotlib.widgets import Slider

from occupy_core.report.colors import scale_colormap

AXES = ("x", "y", "z")
MIN_SCALE = 0.2  # as in the ChimeraX script: colours start here
_PANEL = 3.3  # inches
_ACROSS_AND_UP = {"z": ("x", "y"), "y": ("x", "z"), "x": ("y", "z")}


def figureSize(panels):
    """Size in inches of a figure with so many panels."""
    return _PANEL * panels + 0.6, _PANEL + 0.8


class SliceBrowser:
    """Draws into a figure; keep the browser as long as the slider is to work.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    maps : sequence of (str, DensityMap, bool)
        Title, map and whether it is a scale or a confidence, from 0 to 1. Densities share one grey
        scale, that of the first.
    axis : str
        Axis across which to go: "x", "y" or "z".
    """

    def __init__(self, figure, maps, axis="z"):
        self._index = "zyx".index(axis)
        self._maps = maps
        grid = maps[0][1].grid
        self._step = grid.voxel_size_zyx[self._index]
        count = grid.shape[self._index]
        lengths = dict(zip(AXES, grid.box, strict=True))
        across, up = _ACROSS_AND_UP[axis]
        place = {"origin": "lower", "extent": (0, lengths[across], 0, lengths[up])}
        grey = _greyRange(next(m.data for _, m, isScale in maps if not isScale))
        figure.set_layout_engine("constrained", rect=(0, 0.14, 1, 0.86))  # the slider is below
        panels = figure.subplots(1, len(maps), squeeze=False)[0]
        self._images = []
        for panel, (title, density, isScale) in zip(panels, maps, strict=True):
            look = {"cmap": "gray_r", "vmin": grey[0], "vmax": grey[1]}
            if isScale:
                look = {"cmap": scale_colormap(), "vmin": MIN_SCALE, "vmax": 1.0}
            image = panel.imshow(self._slice(density, count // 2), **place, **look)
            panel.set_title(title, fontsize=10)
            panel.set_xlabel(f"{across} (Å)", fontsize=9)
            panel.tick_params(labelsize=8)
            self._images.append(image)
        panels[0].set_ylabel(f"{up} (Å)", fontsize=9)
        colored = [i for i, (_, _, isScale) in zip(self._images, maps, strict=True) if isScale]
        if colored:
            bar = figure.colorbar(colored[0], ax=list(panels), extend="min", shrink=0.7, pad=0.01)
            bar.ax.tick_params(labelsize=8)
        self.slider = Slider(
            figure.add_axes((0.15, 0.05, 0.6, 0.04), in_layout=False),
            f"{axis} (voxel)",
            1,
            count,
            valinit=count // 2 + 1,
            valstep=1,
        )
        self.slider.on_changed(self.show)
        self.show(count // 2 + 1)

    def _slice(self, density, index):
        return density.data.take(index, axis=self._index)

    def show(self, number):
        """Show a slice; the first one has the number 1."""
        index = int(number) - 1
        for image, (_, density, _) in zip(self._images, self._maps, strict=True):
            image.set_data(self._slice(density, index))
        self.slider.valtext.set_text(f"{index + 1}  ({index * self._step:.1f} Å)")
        self.slider.ax.figure.canvas.draw_idle()


def _greyRange(data):
    """Grey values shown as white and black: nearly all of the map, outliers apart."""
    low, high = np.percentile(data[:: max(1, len(data) // 32)], (0.1, 99.9))
    return (low, high) if high > low else (data.min(), data.max())
