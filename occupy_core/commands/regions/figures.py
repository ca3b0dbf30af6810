"""Figures of a table of occupancies; each function draws into a figure that it is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from occupy_core.commands.shared.colors import OCCUPANCY, SOLVENT_COLOR, ink, several_colors
from occupy_core.commands.shared.figure_style import drawn_in_own_style
from occupy_core.commands.shared.quoting import figure_text
from occupy_core.regions.table import RegionTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDEST, _HIGHEST = 16.0, 10.0  # [layout] inches: 1600 x 1000 pixels on a screen
_LETTERS_AN_INCH = 14  # [layout] of a legend
_MOST_BARS = 60  # [layout] of more, no error bar can be told from the next one
_MOST_LABELS = 140  # [layout] along an axis; of more, every second, third ... is written
_MOST_NUMBERS = 300  # [layout] cells of a heat map that hold their number
# [layout] edge of a cell with a standard error of that much or more
_SMALLEST, _DOUBT = 0.3, 0.5


def bars_size(table: RegionTable) -> tuple[float, float]:
    """Width and height in inches in which the occupancies of a table can be told apart."""
    if not _is_for_bars(table):
        return _clipped(2.0 + 0.12 * len(table.regions)), 6.0
    bars = len(table.regions) * (len(table.maps) + 1)
    return _clipped(1.5 + 0.16 * bars), 4.2


@drawn_in_own_style
def draw_bars(figure: Figure, table: RegionTable) -> None:
    """Draw the occupancy of each region in each map, with its 68 % interval.

    More than 60 numbers are drawn as dots, one column a region, without intervals: the typical one
    is said.

    Parameters
    ----------
    figure : Figure
        Where to draw.
    table : RegionTable
    """
    axes = figure.add_subplot()
    if _is_for_bars(table):
        _draw_bars(axes, table)
    else:
        _draw_dots(axes, table)
    value, sigma = table.occupancy, table.sigma
    axes.axhline(1.0, color=SOLVENT_COLOR, linewidth=1, linestyle=":")
    top = np.nanmax(np.where(np.isfinite(value), np.minimum(value + sigma, value + 0.5), 1.0))
    axes.set(
        xlim=(-0.6, len(table.regions) - 0.4),
        ylim=(min(0.0, float(np.nanmin(value, initial=0.0))), max(1.1, 1.05 * float(top))),
        ylabel="occupancy",
        title=figure_text(table.maps[0]) if len(table.maps) == 1 else None,
    )
    _label(axes, "x", _region_labels(table))
    axes.set_xlabel("region (* reference)")
    if len(table.maps) > 1:
        # Names side by side, as many as the figure is wide.
        columns = int(_LETTERS_AN_INCH * figure.get_figwidth() / (max(map(len, table.maps)) + 6))
        figure.legend(
            loc="outside lower center", ncols=min(max(columns, 1), 4), frameon=False, fontsize=9
        )


def _is_for_bars(table: RegionTable) -> bool:
    return len(table.regions) * len(table.maps) <= _MOST_BARS


def _draw_bars(axes: Axes, table: RegionTable) -> None:
    n_maps = len(table.maps)
    value, sigma = table.occupancy, table.sigma
    width = 0.8 / n_maps
    for i, name in enumerate(table.maps):
        place = np.arange(len(table.regions)) + (i - (n_maps - 1) / 2) * width
        shown = np.isfinite(value[i])
        below = np.minimum(sigma[i], np.maximum(value[i], 0))
        axes.bar(
            place[shown],
            value[i, shown],
            width,
            color=several_colors(n_maps)[i] if n_maps > 1 else OCCUPANCY.rgb(value[i, shown]),
            yerr=[below[shown].tolist(), sigma[i, shown].tolist()],
            error_kw={"elinewidth": 1, "capsize": 2, "ecolor": "#444444"},
            label=figure_text(name),
        )


def _draw_dots(axes: Axes, table: RegionTable) -> None:
    """Draw a column for each region: a line over all maps, and a dot in the colour of each."""
    value, sigma = table.occupancy, table.sigma
    columns = np.broadcast_to(np.arange(len(table.regions)), value.shape)
    known = np.isfinite(value)
    measured = known.any(axis=0)
    axes.vlines(
        columns[0][measured],
        np.nanmin(value[:, measured], axis=0),
        np.nanmax(value[:, measured], axis=0),
        colors="#c9c9c9",
        linewidth=1,
    )
    axes.scatter(
        columns[known],
        value[known],
        s=14,
        c=OCCUPANCY.rgb(value[known]),
        edgecolors="#444444",
        linewidths=0.3,
        zorder=3,
        label=f"one of {len(table.maps)} maps, typical error ± {np.nanmedian(sigma):.2f}",
    )


def heatmap_size(table: RegionTable) -> tuple[float, float]:
    """Width and height in inches in which the cells of a heat map can be told apart."""
    each = 0.42 if table.occupancy.size <= _MOST_NUMBERS else 0.11
    width = _clipped(2.5 + each * len(table.regions))
    return width, min(max(2.6, 1.8 + 0.3 * len(table.maps)), _HIGHEST)


@drawn_in_own_style
def draw_heatmap(figure: Figure, table: RegionTable) -> None:
    """Draw the occupancies as a table of colours: a row for each map, a column for each region.

    A cell is the smaller the larger its standard error.

    Parameters
    ----------
    figure : Figure
        Where to draw.
    table : RegionTable
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import Normalize
    from matplotlib.patches import Rectangle

    axes = figure.add_subplot()
    value = table.occupancy
    edges = np.clip(1 - (1 - _SMALLEST) * table.sigma / _DOUBT, _SMALLEST, 1.0) * 0.96
    known = [(i, j) for i, j in np.ndindex(value.shape) if np.isfinite(value[i, j])]
    squares = []
    for i, j in known:
        edge = float(edges[i, j])
        squares.append(Rectangle((j - edge / 2, i - edge / 2), edge, edge))
    colors = OCCUPANCY.rgb(value[np.isfinite(value)])
    axes.add_collection(PatchCollection(squares, facecolors=colors, edgecolors="none"))
    axes.set(xlim=(-0.5, value.shape[1] - 0.5), ylim=(value.shape[0] - 0.5, -0.5))
    axes.set_facecolor("#f7f7f7")
    _label(axes, "x", _region_labels(table))
    _label(axes, "y", [figure_text(name) for name in table.maps])
    axes.set_xlabel("region (* reference)\na small cell is uncertain, an empty one not measured")
    if value.size <= _MOST_NUMBERS:
        for i, j in known:
            text = f"{round(float(value[i, j]), 2) + 0.0:.2f}"  # no -0.00
            color = ink(OCCUPANCY.color(float(value[i, j]))) if edges[i, j] > 0.7 else "#000000"
            axes.text(j, i, text, ha="center", va="center", fontsize=7, color=color)
    shown = ScalarMappable(Normalize(OCCUPANCY.low, OCCUPANCY.high), OCCUPANCY.colormap())
    figure.colorbar(shown, ax=axes, label=OCCUPANCY.title)


def _clipped(width: float) -> float:
    return min(max(5.0, width), _WIDEST)


def _label(axes: Axes, which: str, labels: Sequence[str]) -> None:
    """Write names along an axis, as many as can be read."""
    axis: Any = axes.xaxis if which == "x" else axes.yaxis
    step = -(-len(labels) // _MOST_LABELS)
    size = 9 if len(labels) <= 40 else 6
    axis.set_ticks(range(0, len(labels), step), labels[::step], fontsize=size)
    if which == "x":
        short = max(map(len, labels)) < 4 and len(labels) <= 60
        axes.tick_params(axis="x", rotation=0 if short else 90)


def _region_labels(table: RegionTable) -> list[str]:
    """Names of the regions, with a mark on those of the reference."""
    shown = [(figure_text(name), name in table.reference) for name in table.regions]
    return [f"{name}*" if full else name for name, full in shown]
