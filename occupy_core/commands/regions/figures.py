"""Figures of a table of occupancies; each function draws into a figure that it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from occupy_core.commands.shared.colors import BELOW_COLOR, SOLVENT_COLOR, scale_colormap
from occupy_core.commands.shared.figure_style import drawn_in_own_style
from occupy_core.commands.shared.quoting import figure_text
from occupy_core.regions.table import RegionTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDEST, _HIGHEST = 40.0, 40.0  # inches
_MOST_LABELS = 120  # along an axis; of more, every second, third ... is written
_MOST_NUMBERS = 600  # cells of a heat map that hold their number
_MOST_NAMED = 20  # maps with a colour and a name of their own; of more, the first and the last


def bars_size(table: RegionTable) -> tuple[float, float]:
    """Width and height in inches in which the bars of a table can be told apart."""
    bars = len(table.regions) * (len(table.maps) + 1)
    return min(max(5.0, 1.5 + 0.16 * bars), _WIDEST), 4.2


@drawn_in_own_style
def draw_bars(figure: Figure, table: RegionTable) -> None:
    """Draw the occupancy of each region as a bar for each map, with its 68 % interval.

    Parameters
    ----------
    figure : Figure
        Where to draw.
    table : RegionTable
    """
    axes = figure.add_subplot()
    n_maps, n_regions = len(table.maps), len(table.regions)
    value, sigma = table.occupancy, table.sigma
    width = 0.8 / n_maps
    for i, name in enumerate(table.maps):
        place = np.arange(n_regions) + (i - (n_maps - 1) / 2) * width
        shown = np.isfinite(value[i])
        named = n_maps <= _MOST_NAMED or i in (0, n_maps - 1)
        below = np.minimum(sigma[i], np.maximum(value[i], 0))
        axes.bar(
            place[shown],
            value[i, shown],
            width,
            color=_map_color(i, n_maps) if n_maps > 1 else scale_colormap()(value[i, shown]),
            yerr=[below[shown].tolist(), sigma[i, shown].tolist()],
            error_kw={"elinewidth": 1, "capsize": 2},
            label=figure_text(name) if named else "_nolegend_",
        )
    axes.axhline(1.0, color=SOLVENT_COLOR, linewidth=1, linestyle=":")
    top = np.nanmax(np.where(np.isfinite(value), np.minimum(value + sigma, value + 0.5), 1.0))
    axes.set(
        xlim=(-0.6, n_regions - 0.4),
        ylim=(0, max(1.1, 1.05 * float(top))),
        ylabel="occupancy",
        title=figure_text(table.maps[0]) if n_maps == 1 else None,
    )
    labelled = range(0, n_regions, -(-n_regions // _MOST_LABELS))
    labels = [_marked(table, j) for j in labelled]
    axes.set_xticks(labelled, labels, rotation=0 if max(map(len, labels)) < 4 else 90)
    axes.set_xlabel("region (* reference)")
    if n_maps > 1:
        figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)


def heatmap_size(table: RegionTable) -> tuple[float, float]:
    """Width and height in inches in which the cells of a heat map can be told apart."""
    width = min(max(5.0, 2.5 + 0.42 * len(table.regions)), _WIDEST)
    return width, min(max(2.6, 1.8 + 0.3 * len(table.maps)), _HIGHEST)


@drawn_in_own_style
def draw_heatmap(figure: Figure, table: RegionTable) -> None:
    """Draw the occupancies as a table of colours: a row for each map, a column for each region.

    Parameters
    ----------
    figure : Figure
        Where to draw.
    table : RegionTable
    """
    axes = figure.add_subplot()
    value = np.ma.masked_invalid(table.occupancy)
    colors = scale_colormap().with_extremes(bad="white", under=BELOW_COLOR)
    image = axes.imshow(value, cmap=colors, vmin=0.0, vmax=1.0, aspect="auto")
    for axis, labels in (
        (axes.xaxis, [_marked(table, j) for j in range(len(table.regions))]),
        (axes.yaxis, [figure_text(name) for name in table.maps]),
    ):
        step = -(-len(labels) // _MOST_LABELS)
        axis.set_ticks(range(0, len(labels), step), labels[::step])
    axes.tick_params(axis="x", rotation=0 if max(map(len, table.regions)) < 4 else 90)
    axes.set_xlabel("region (* reference)")
    if value.size <= _MOST_NUMBERS:
        for i, row in enumerate(table.occupancy):
            for j, number in enumerate(row):
                if np.isfinite(number):
                    dark = 0 <= number < 0.15 or number > 0.85
                    text = f"{round(number, 2) + 0.0:.2f}"  # no -0.00
                    axes.text(
                        j, i, text, ha="center", va="center", fontsize=7,
                        color="white" if dark else "black",
                    )  # fmt: skip
    figure.colorbar(image, ax=axes, label="occupancy")


def _map_color(i: int, count: int) -> Any:
    """Colour of one of several maps: a ramp when there are too many to tell and name each."""
    from matplotlib import colormaps

    if count > _MOST_NAMED:
        return colormaps["viridis"](i / (count - 1))
    return colormaps["tab10" if count <= 10 else "tab20"](i)


def _marked(table: RegionTable, j: int) -> str:
    """Name of a region, with a mark on those of the reference."""
    name = table.regions[j]
    return f"{figure_text(name)}*" if name in table.reference else figure_text(name)
