"""Figures of a result; each function draws into a figure that it is given.

Nothing here opens a window or needs a display: the caller makes the figure (`new_figure`, or one of
a viewer) and saves or shows it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from occupy_core.commands.shared.colors import (
    CONFIDENCE_COLOR,
    GUESS_HATCH,
    MODEL_COLOR,
    SOLVENT_COLOR,
    ColorScale,
    local_scale,
)
from occupy_core.commands.shared.figure_style import drawn_in_own_style, own_style
from occupy_core.commands.shared.quoting import figure_text, one_line
from occupy_core.maps.grid import Array, DensityMap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from occupy_core.solvent.model import SolventModel

_DPI = 200  # [layout]
_LETTERS_PER_INCH = 15  # [layout] of a warning above a figure
_CONTRAST = (0.1, 99.9)  # [layout] percentiles of a slice shown as white and black
_CURVE_COLORS = ("#1f5fa8", "#c1272d", "#2e8b57", "#8a5ea8")
_CURVE_STYLES = ("-", "--", "-.", ":")
_VIEWS = (("xy", 0, "z", "x", "y"), ("xz", 1, "y", "x", "z"), ("yz", 2, "x", "y", "z"))


def new_figure(width: float, height: float) -> Figure:
    """Make a figure of a size in inches, drawn without a display."""
    with own_style():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(width, height), layout="compressed")
        FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, target: Path | BinaryIO, *, dpi: int = _DPI) -> None:
    """Save a figure of `new_figure` as PNG; the same figure gives the same bytes.

    It is laid out and drawn once. `Figure.savefig` draws a figure with a layout twice.
    """
    engine, canvas = figure.get_layout_engine(), cast(Any, figure.canvas)
    with own_style():
        figure.set_dpi(dpi)
        if engine is not None:
            engine.execute(figure)
            figure.set_layout_engine("none")
        canvas.print_png(target, metadata={"Software": None})
        if engine is not None:
            figure.set_layout_engine(engine)


@drawn_in_own_style
def draw_solvent_model(
    figure: Figure,
    solvent: SolventModel,
    *,
    name: str = "map",
    full_scale: float | None = None,
) -> None:
    """Draw the histogram of the low-passed map, the Gaussian of its solvent and the confidence.

    What is wrong with the model stands above it.

    Parameters
    ----------
    figure : Figure
        Where to draw.
    solvent : SolventModel
        What to draw.
    name : str
        Name of the map, for the title.
    full_scale : float, optional
        Density of full scale in the low-passed map, grey units, marked when given.
    """
    axes = figure.add_subplot()
    filled = solvent.density[solvent.density > 0]
    floor = 0.5 * float(filled.min())
    ceiling = 2.0 * float(max(filled.max(), solvent.amplitude))
    axes.stairs(
        solvent.density,
        solvent.edges,
        baseline=floor,
        fill=True,
        color="#c9c9c9",
        label=f"low-passed map ({solvent.region})",
    )
    x = np.linspace(solvent.lo, max(solvent.hi, full_scale or solvent.hi), 2000)
    axes.plot(x, np.maximum(solvent.curve(x), floor), color=MODEL_COLOR, label="solvent model")
    axes.set(
        yscale="log",
        xlim=(float(x[0]), float(x[-1])),
        ylim=(floor, ceiling),
        xlabel="density of the low-passed map",
        ylabel="probability density",
        title=figure_text(name),
    )
    _mark(axes, solvent.edge, "end of the solvent", ":")
    if full_scale is not None:
        _mark(axes, full_scale, "full scale", "-.")

    confidence = axes.twinx()
    steps = np.linspace(solvent.lo, solvent.hi, len(solvent.confidence_table))
    confidence.plot(steps, solvent.confidence_table, color=CONFIDENCE_COLOR, label="confidence")
    confidence.set_ylim(0, 1.05)
    confidence.set_ylabel("confidence", color=CONFIDENCE_COLOR)
    confidence.tick_params(axis="y", colors=CONFIDENCE_COLOR)
    _legend_below(figure, axes, confidence)
    draw_warnings(figure, solvent.warnings)


def draw_warnings(figure: Figure, warnings: Sequence[str]) -> None:
    """Write above a figure what limits its result; nothing when there is no warning.

    Parameters
    ----------
    figure : Figure
    warnings : sequence of str
        The first is written, and how many more there are.
    """
    if not warnings or figure.get_suptitle():
        return
    more = f" ({len(warnings) - 1} more)" if len(warnings) > 1 else ""
    letters = int(_LETTERS_PER_INCH * figure.get_size_inches()[0])
    lines = textwrap.wrap(one_line(f"Warning: {warnings[0]}{more}"), letters)
    text = "\n".join(lines).replace("$", r"\$")
    figure.suptitle(text, fontsize=8, color=CONFIDENCE_COLOR, x=0.02, ha="left")


@drawn_in_own_style
def draw_slices(
    figure: Figure,
    density: DensityMap,
    scale: DensityMap,
    *,
    confidence: DensityMap | None = None,
    min_scale: float = 0.0,
) -> None:
    """Draw the three central slices of a map and of its local scale.

    Parameters
    ----------
    figure : Figure
        Where to draw.
    density, scale : DensityMap
        On the same grid.
    confidence : DensityMap, optional
        Where it is below one half there is solvent, which is grey.
    min_scale : float
        Lower scale is grey.
    """
    values = scale.data
    if confidence is not None:
        values = np.where(confidence.data >= 0.5, values, np.float32(np.nan))
    draw_colored_slices(figure, density, values, local_scale(min_scale))


@drawn_in_own_style
def draw_colored_slices(
    figure: Figure,
    density: DensityMap,
    values: Array,
    colors: ColorScale,
    *,
    guessed: NDArray[np.bool_] | None = None,
) -> None:
    """Draw the three central slices of a map in grey, and of values on its grid in colour.

    Parameters
    ----------
    figure : Figure
        Where to draw.
    density : DensityMap
    values : ndarray of float32, shape of the map
        NaN where there is none.
    colors : ColorScale
    guessed : ndarray of bool, shape of the map, optional
        Where the values are guesses: hatched.
    """
    grid = density.grid
    lengths = dict(zip("xyz", grid.box, strict=True))
    ratios = [lengths[across] for _, _, _, across, _ in _VIEWS]
    axes = figure.subplots(2, 3, gridspec_kw={"width_ratios": ratios}, squeeze=False)
    low, high = np.percentile(_central_slice(density.data, 0), _CONTRAST)
    colored: Any = None
    for column, (plane, axis, normal, across, up) in enumerate(_VIEWS):
        extent = (0.0, lengths[across], 0.0, lengths[up])
        position = density.data.shape[axis] // 2 * grid.voxel_size_zyx[axis]
        place: dict[str, Any] = {"origin": "lower", "extent": extent, "aspect": "equal"}
        top, bottom = axes[0, column], axes[1, column]
        top.imshow(_central_slice(density.data, axis), cmap="gray_r", vmin=low, vmax=high, **place)
        top.set_title(f"{plane}, {normal} = {position:.0f} Å", fontsize=10)
        colored = bottom.imshow(
            _central_slice(values, axis),
            cmap=colors.colormap(),
            vmin=colors.low,
            vmax=colors.high,
            interpolation="nearest",
            **place,
        )
        if guessed is not None:
            hatch(bottom, _central_slice(guessed, axis), extent)
        bottom.set_xlabel(f"{across} (Å)")
        for row in (top, bottom):
            row.set_ylabel(f"{up} (Å)")
    figure.suptitle(figure_text(density.name))
    extend = "neither" if colors.unit == "" else "both"
    bar = figure.colorbar(colored, ax=list(axes[1]), extend=extend, shrink=0.9, pad=0.02)
    bar.set_label(colors.title)


def hatch(axes: Axes, guessed: NDArray[Any], extent: tuple[float, float, float, float]) -> None:
    """Hatch a part of a slice: the one look of what is guessed."""
    if guessed.any():
        drawn = axes.contourf(
            guessed.astype(np.float32),
            levels=[0.5, 2.0],
            colors="none",
            hatches=[GUESS_HATCH],
            origin="lower",
            extent=extent,
        )
        drawn.set(edgecolor="white", linewidth=0.0)


@drawn_in_own_style
def draw_scale_histogram(
    figure: Figure,
    counts: NDArray[Any],
    *,
    confidence_limit: float | None = None,
    min_scale: float = 0.0,
    name: str = "map",
) -> None:
    """Draw how much of the content has which local scale.

    Parameters
    ----------
    figure : Figure
        Where to draw.
    counts : ndarray, shape (bins,)
        Voxels (or sum of confidences) in equal bins of the scale from 0 to 1.
    confidence_limit : float, optional
        Scale that is told from solvent with a confidence of one half, marked when given.
    min_scale : float
        Lower scale is grey.
    name : str
        Name of the map, for the title.
    """
    axes = figure.add_subplot()
    edges = np.linspace(0.0, 1.0, len(counts) + 1)
    centres = 0.5 * (edges[1:] + edges[:-1])
    shares = 100 * np.asarray(counts, np.float64) / max(float(np.sum(counts)), 1.0)
    colors = local_scale(min_scale).rgb(centres)
    axes.bar(centres, shares, width=np.diff(edges), color=colors, edgecolor="white", linewidth=0.3)
    axes.set(
        xlim=(0, 1),
        xlabel="local scale",
        ylabel="share of the content (%)",
        title=figure_text(name),
        ylim=(0, None),
    )
    if confidence_limit is not None and 0 < confidence_limit < 1:
        _mark(axes, confidence_limit, "confidence 0.5", ":")
        figure.legend(loc="outside lower center", frameon=False, fontsize=9)


@drawn_in_own_style
def draw_modification(
    figure: Figure, scale: NDArray[Any], curves: Mapping[str, NDArray[Any]]
) -> None:
    """Draw the scale after a modification against the scale before.

    Parameters
    ----------
    figure : Figure
        Where to draw.
    scale : ndarray, shape (n,)
        Scale before, 0 to 1.
    curves : mapping of str to ndarray, shape (n,)
        Scale after, by the name of the modification.
    """
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=SOLVENT_COLOR, linewidth=1, label="unchanged")
    styles = zip(_cycle(_CURVE_COLORS, curves), _cycle(_CURVE_STYLES, curves), strict=True)
    for (label, after), (color, style) in zip(curves.items(), styles, strict=True):
        axes.plot(scale, after, color=color, linestyle=style, linewidth=2, label=label)
    axes.set(
        xlim=(0, 1),
        ylim=(0, 1.02),
        xlabel="local scale of the input",
        ylabel="local scale of the output",
        aspect="equal",
    )
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)


def _mark(axes: Axes, position: float, label: str, style: str) -> None:
    axes.axvline(position, color="black", linewidth=1, linestyle=style, label=label)


def _legend_below(figure: Figure, *several: Axes) -> None:
    """Put one legend for axes that lie over each other under them."""
    pairs = [axes.get_legend_handles_labels() for axes in several]
    figure.legend(
        [handle for handles, _ in pairs for handle in handles],
        [label for _, labels in pairs for label in labels],
        loc="outside lower center",
        ncols=3,
        frameon=False,
        fontsize=9,
    )


def _central_slice(data: NDArray[Any], axis: int) -> NDArray[Any]:
    """Take the slice through the middle of an axis (0, 1, 2 = z, y, x)."""
    middle: NDArray[Any] = data.take(data.shape[axis] // 2, axis=axis)
    return middle


def _cycle(values: Sequence[str], names: Mapping[str, Any]) -> list[str]:
    return [values[i % len(values)] for i in range(len(names))]
