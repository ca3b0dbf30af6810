"""Figures of a local resolution; each function draws into a figure that it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from occupy_core.commands.shared.colors import (
    GUESS_HATCH,
    MODEL_COLOR,
    SOLVENT_COLOR,
    resolution_scale,
)
from occupy_core.commands.shared.figure_style import drawn_in_own_style
from occupy_core.commands.shared.plots import draw_colored_slices
from occupy_core.commands.shared.quoting import figure_text
from occupy_core.maps.grid import Array, DensityMap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BINS = 50  # [layout]
_LOCAL_COLOR = "#2e8b57"
_THRESHOLDS = ((0.143, "global_0143"), (0.5, "global_05"))


def color_limits(record: Mapping[str, Any]) -> tuple[float, float]:
    """Return the resolution in Å at the ends of the colours.

    They are the 5 % and 95 % quantiles within the mask; what is finer than the limit of the map is
    a guess and has one colour.

    Parameters
    ----------
    record : mapping
        The record of a resolution job that found a resolution.
    """
    low, high = (float(record["quantiles"][level]) for level in ("5%", "95%"))
    if record["censored_fraction"] > 0:
        low = max(low, float(record["limit"]))
    return low, max(low, high)


@drawn_in_own_style
def draw_resolution_slices(
    figure: Figure,
    density: DensityMap,
    resolution: DensityMap,
    mask: DensityMap,
    limits: tuple[float, float],
    *,
    finest: float | None = None,
) -> None:
    """Draw the three central slices of a map and of its local resolution.

    Parameters
    ----------
    figure : Figure
        Where to draw.
    density, resolution, mask : DensityMap
        On the same grid; outside the mask (0.5) all is grey.
    limits : tuple of float
        Finest and coarsest resolution that have a colour of their own, Å.
    finest : float, optional
        Finest detail that the map holds in Å: what is finer is a guess, and hatched.
    """
    inside = mask.data > 0.5
    values = np.where(inside, resolution.data, np.float32(np.nan))
    guessed = None if finest is None else inside & (resolution.data < finest)
    draw_colored_slices(figure, density, values, resolution_scale(*limits), guessed=guessed)


@drawn_in_own_style
def draw_resolution_histogram(
    figure: Figure,
    values: Array,
    limits: tuple[float, float],
    *,
    overall: float | None = None,
    finest: float | None = None,
    name: str = "map",
) -> None:
    """Draw how much of the molecule has which local resolution.

    Parameters
    ----------
    figure : Figure
        Where to draw.
    values : ndarray of float32, shape (n,)
        Local resolution within the mask, Å.
    limits : tuple of float
        Finest and coarsest resolution that have a colour of their own, Å.
    overall : float, optional
        Global resolution in Å, marked when given.
    finest : float, optional
        Finest detail that the map holds in Å: what is finer is marked as a guess.
    name : str
        Name of the map, for the title.
    """
    from matplotlib.patches import Rectangle

    axes = figure.add_subplot()
    scale = resolution_scale(*limits)
    low, high = scale.low, scale.high
    # A few voxels are far off: the range shows all but one in a thousand.
    start, stop = np.quantile(values, (0.001, 0.999))
    start, stop = min(start, low, overall or low), max(stop, high, overall or high)
    counts, edges = np.histogram(values, _BINS, (float(start), float(stop)))
    centres = 0.5 * (edges[1:] + edges[:-1])
    colors = scale.rgb(centres)
    shares = 100 * counts / values.size
    bars = axes.bar(
        centres, shares, width=np.diff(edges), color=colors, edgecolor="white", linewidth=0.3
    )
    axes.set(
        xlim=(float(edges[0]), float(edges[-1])),
        ylim=(0, None),
        xlabel="local resolution (Å, FSC 0.143)",
        ylabel="share of the molecule (%)",
        title=figure_text(name),
    )
    marks: list[tuple[float, str, str]] = [(float(np.median(values)), "median", "-")]
    if overall is not None:
        marks.append((overall, "global resolution", "--"))
    if finest is not None and finest > edges[0]:
        text = f"finer than the map holds, {finest:.2f} Å: guessed"
        for bar, centre in zip(bars, centres, strict=True):
            if centre < finest:
                bar.set_hatch(GUESS_HATCH)
        key = Rectangle((float(edges[0]), 0), 0, 0, facecolor=scale.colors[0], label=text)
        key.set(edgecolor="white", hatch=GUESS_HATCH)
        axes.add_patch(key)
    for position, label, style in marks:
        text = f"{label}, {position:.2f} Å"
        axes.axvline(position, color="black", linewidth=1, linestyle=style, label=text)
    figure.legend(loc="outside lower center", frameon=False, fontsize=9)


@drawn_in_own_style
def draw_local_against_global(
    figure: Figure, values: Array, record: Mapping[str, Any], *, name: str = "map"
) -> None:
    """Draw the FSC of the whole molecule beside the share of it that is resolved.

    Both fall from one with frequency: where the molecule is equally resolved everywhere, the share
    drops at once at the global resolution; else it says how much of the molecule is worse.

    Parameters
    ----------
    figure : Figure
        Where to draw.
    values : ndarray of float32, shape (n,)
        Local resolution within the mask, Å.
    record : mapping
        The record of a resolution job: `fsc`, `global_0143`, `global_05` and `limit` are used.
    name : str
        Name of the map, for the title.
    """
    axes = figure.add_subplot()
    limit = 1 / record["limit"]
    local = np.sort(1 / values.astype(np.float64))
    end = max(1.1 * limit, float(local[-1 - local.size // 1000]))
    frequency = np.linspace(0, end, 400)
    resolved = 1 - np.searchsorted(local, frequency) / local.size
    axes.plot(frequency, resolved, color=_LOCAL_COLOR, linewidth=2, label="share resolved locally")
    if record["fsc"] is not None:
        curve: tuple[Sequence[float], Sequence[float]] = (
            record["fsc"]["frequency"],
            record["fsc"]["fsc"],
        )
        axes.plot(*curve, color=MODEL_COLOR, marker=".", label="FSC of the whole molecule")
    for threshold, key in _THRESHOLDS:
        if record[key] is not None:
            axes.axhline(threshold, color=SOLVENT_COLOR, linewidth=0.8)
            text = f"global resolution at {threshold:g}: {record[key]:.2f} Å"
            style = "--" if threshold < 0.5 else "-."
            axes.axvline(1 / record[key], color="black", linewidth=1, linestyle=style, label=text)
    axes.axvline(limit, color="black", linewidth=1, linestyle=":", label="limit of the map")
    axes.set(xlim=(0, end), ylim=(-0.02, 1.02), xlabel="frequency (1/Å)", title=name)
    axes.set_ylabel("FSC, or share of the molecule")
    ticks = axes.secondary_xaxis("top")
    shown = [d for d in (20, 10, 7, 5, 4, 3.5, 3, 2.5, 2.2, 2, 1.7, 1.5, 1.2, 1) if 1 / d <= end]
    ticks.set_xticks([1 / d for d in shown], [f"{d:g} Å" for d in shown], fontsize=7)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
