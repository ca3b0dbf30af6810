"""Figures of blocks; each function draws into a figure that it is given.

They take arrays, maps and the rows of a record, so that a viewer can draw them from the files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from occupy_core.blocks.track.tracking import RelationKind, tree
from occupy_core.commands.shared.colors import OCCUPANCY, several_colors
from occupy_core.commands.shared.figure_style import drawn_in_own_style
from occupy_core.commands.shared.quoting import figure_text
from occupy_core.maps.grid import Array, DensityMap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = Mapping[str, Any]

_MOST_NAMES = 40  # [layout] along an axis; more cannot be read
_VIEWS = (("xy", 0, "z", "x", "y"), ("xz", 1, "y", "x", "z"), ("yz", 2, "x", "y", "z"))
_CONTRAST = (0.5, 99.8)  # [layout] percentiles of a slice shown as white and black
_OFTEN, _MARGIN = (
    0.1,
    3,
)  # [layout] of the volumes, and voxels around what is occupied in more than that
_DEEP = 2  # [layout] voxels; single ones would clutter the outlines
# How the kinds of relations are drawn: colour, line, arrow.
_KINDS: dict[RelationKind, tuple[str, Any, str]] = {
    "same": ("#222222", "-", "-"),
    "together": ("#1f5fa8", "-", "-"),
    "first only with second": ("#1f5fa8", "-", "-|>"),
    "second only with first": ("#1f5fa8", "-", "<|-"),
    "apart": ("#c1272d", "--", "-"),
    "exclusive": ("#c1272d", "-", "-"),
}
_LEGEND: tuple[tuple[RelationKind, str], ...] = (
    ("together", "together"),
    ("first only with second", "only with (arrow: needs)"),
    ("same", "same"),
    ("apart", "apart"),
    ("exclusive", "exclusive"),
)


@drawn_in_own_style
def draw_heatmap(
    figure: Figure,
    occupancy: NDArray[np.float64],
    volumes: Sequence[str],
    blocks: Sequence[str],
) -> None:
    """Draw blocks by volumes, both in the order of their trees, with the trees.

    Parameters
    ----------
    figure : Figure
        Where to draw.
    occupancy : ndarray of float64, shape (N, K)
        Of each block in each volume; shown from 0 to 1.
    volumes, blocks : sequence of str, length N and K
    """
    if not len(blocks):
        _say(figure, "No block was found.")
        return
    shown = np.clip(occupancy, 0.0, 1.0)
    grid = figure.add_gridspec(2, 2, width_ratios=(1, 5), height_ratios=(1, 6))
    order = []
    for axis, place, side in ((1, grid[0, 1], "top"), (0, grid[1, 0], "left")):
        axes = figure.add_subplot(place)
        order.append(_draw_tree(axes, *tree(shown.T if axis else shown), side))
        axes.set_axis_off()
    columns, rows = order
    axes = figure.add_subplot(grid[1, 1])
    image = axes.imshow(
        shown[np.ix_(rows, columns)],
        aspect="auto",
        interpolation="nearest",
        cmap=OCCUPANCY.colormap(),
        vmin=0,
        vmax=1,
    )
    _name_ticks(axes, "x", [blocks[i] for i in columns])
    axes.yaxis.tick_right()
    _name_ticks(axes, "y", [volumes[i] for i in rows])
    axes.set_xlabel("block")
    axes.set_ylabel(f"{len(volumes)} volumes")
    bar = figure.colorbar(image, ax=axes, location="bottom", shrink=0.5, pad=0.02)
    bar.set_label("occupancy of the block")


@drawn_in_own_style
def draw_block_map(figure: Figure, background: DensityMap, masks: Sequence[DensityMap]) -> None:
    """Draw the blocks in colours: slices through where most of them are, and outlines from outside.

    Only the part of the box with something in it is shown.

    Parameters
    ----------
    figure : Figure
        Where to draw.
    background : DensityMap
        Drawn in grey: in which part of the volumes a voxel is on.
    masks : sequence of DensityMap
        Binary masks on the same grid.
    """
    from matplotlib.patches import Patch

    grid = background.grid
    lengths = dict(zip("xyz", grid.box, strict=True))
    colors = several_colors(len(masks))
    inside = [mask.data > 0.5 for mask in masks]
    middle = _densest_planes(inside, grid.shape)
    seen = _seen(background)
    ratios = [np.diff(seen[across])[0] for _, _, _, across, _ in _VIEWS]
    axes = figure.subplots(2, 3, gridspec_kw={"width_ratios": ratios}, squeeze=False)
    for column, (plane, axis, normal, across, up) in enumerate(_VIEWS):
        slices, projections = axes[:, column]
        extent = (0.0, lengths[across], 0.0, lengths[up])
        place: dict[str, Any] = {"origin": "lower", "extent": extent, "aspect": "equal"}
        grey = background.data.take(middle[axis], axis=axis)
        slices.imshow(grey, cmap="gray_r", vmin=0, vmax=1, **place)
        cuts = [np.asarray(mask.take(middle[axis], axis=axis)) for mask in inside]
        slices.imshow(_tinted(cuts, colors, grey.shape), interpolation="nearest", **place)
        position = middle[axis] * grid.voxel_size_zyx[axis]
        slices.set_title(f"{plane}, {normal} = {position:.0f} Å", fontsize=10)
        projections.imshow(background.data.sum(axis=axis), cmap="gray_r", **place)
        for mask, color in zip(inside, colors, strict=True):
            shadow = mask.sum(axis=axis) >= _DEEP
            if shadow.any() and not shadow.all():
                line = {"levels": [0.5], "colors": [color], "linewidths": 1.6}
                projections.contour(shadow, origin="lower", extent=extent, **line)
        projections.set_title(f"outlines along {normal}", fontsize=10)
        for own in (slices, projections):
            own.set(xlim=seen[across], ylim=seen[up], ylabel=f"{up} (Å)")
        projections.set_xlabel(f"{across} (Å)")
    patches = [
        Patch(color=c, label=figure_text(m.name)) for c, m in zip(colors, masks, strict=True)
    ]
    patches.append(Patch(color="black", label="on in all volumes (grey: in some)"))
    columns = min(len(patches), 8)
    figure.legend(handles=patches, loc="outside lower center", ncols=columns, frameon=False)


@drawn_in_own_style
def draw_block_graph(figure: Figure, blocks: Sequence[Row], relations: Sequence[Row]) -> None:
    """Draw the blocks as discs on a circle, and their dependences as lines between them.

    It has one disc a block, not one a voxel, and only those lines that are significant.

    Parameters
    ----------
    figure : Figure
        Where to draw.
    blocks, relations : sequence of mapping
        As in the record of a job.
    """
    if not blocks:
        _say(figure, "No block was found.")
        return
    axes = figure.add_subplot()
    n = len(blocks)
    angles = [math.pi / 2 - 2 * math.pi * i / n for i in range(n)]
    places = {
        block["name"]: (math.cos(angle), math.sin(angle))
        for block, angle in zip(blocks, angles, strict=True)
    }
    kinds = []
    for relation in relations:
        if relation["kind"] in _KINDS:
            _draw_relation(axes, places, relation)
            kinds.append(
                relation["kind"].replace("second only with first", "first only with second")
            )
    largest = max(block["volume"] for block in blocks)
    for block, color in zip(blocks, several_colors(n), strict=True):
        x, y = places[block["name"]]
        size = 300 + 1500 * block["volume"] / largest
        axes.scatter([x], [y], s=size, color=color, edgecolors="black", linewidths=0.8, zorder=3)
        axes.text(x, y, figure_text(block["name"]), ha="center", va="center", fontsize=9, zorder=4)
        text = f"{block['volume'] / 1000:.3g} nm³, {100 * block['mean_occupancy']:.0f} %"
        below = -3 - math.sqrt(size) / 2  # points; the side of a disc is the root of its size
        label = axes.annotate(text, (x, y), (0, below), textcoords="offset points", fontsize=8)
        label.set(ha="center", va="top", zorder=4)
        label.set_bbox({"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 1})
    axes.set(xlim=(-1.4, 1.4), ylim=(-1.45, 1.25), aspect="equal")
    axes.set_axis_off()
    title = "size and mean occupancy of the blocks\n"
    axes.set_title(f"{title}lines: how they depend on each other", fontsize=10)
    _kind_legend(figure, set(kinds))


@drawn_in_own_style
def draw_thresholds(
    figure: Figure, thresholds: Sequence[Row], previews: Sequence[DensityMap]
) -> None:
    """Draw the thresholds of all volumes, and some volumes with the contour at theirs.

    Parameters
    ----------
    figure : Figure
        Where to draw.
    thresholds : sequence of mapping
        As in the record of a job.
    previews : sequence of DensityMap
        Volumes to show, known by their names.
    """
    figure.set_layout_engine("constrained")  # the compressed one lets subfigures overlap
    rows = {row["volume"]: row for row in thresholds}
    above, below = figure.subfigures(2, 1, squeeze=False).ravel()
    left, right = above.subplots(1, 2)
    x = np.arange(1, len(thresholds) + 1)
    values = np.array([row["threshold"] for row in thresholds])
    outlying = np.array([row["outlying"] for row in thresholds], np.bool_)
    fractions = 100 * np.array([row["on_fraction"] for row in thresholds])
    mean, deviation = values.mean(), values.std()
    left.axhspan(mean - 2 * deviation, mean + 2 * deviation, color="#e6e6e6")
    left.set_title("grey: mean ± 2 standard deviations", fontsize=9)
    right.set_title("part of the box above the threshold", fontsize=9)
    for axes, y, label in ((left, values, "threshold"), (right, fractions, "occupied voxels (%)")):
        axes.plot(x[~outlying], y[~outlying], ".", color="#1f5fa8", markersize=4)
        axes.plot(x[outlying], y[outlying], "x", color="#c1272d", markersize=5)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("volume")
        axes.set_ylabel(label)
    for column, density in enumerate(previews, start=1):
        row = rows[density.name]
        axes = below.add_subplot(1, len(previews), column)
        plane = _fullest_plane(density.data, row["threshold"])
        cut = density.data[plane]
        low, high = np.percentile(cut, _CONTRAST)
        axes.imshow(cut, cmap="gray_r", vmin=low, vmax=max(high, low + 1e-6), origin="lower")
        if cut.min() < row["threshold"] < cut.max():
            axes.contour(cut, levels=[row["threshold"]], colors=["#c1272d"], linewidths=0.8)
        seen = f"z = {plane}, {100 * row['on_fraction']:.2g} % on"
        axes.set_title(f"{figure_text(density.name)}: {row['threshold']:.3g}\n{seen}", fontsize=9)
        axes.set_xlabel("red: the contour at the threshold", fontsize=9)
        axes.set_xticks([])
        axes.set_yticks([])


def _draw_tree(
    axes: Axes, links: NDArray[np.float64], leaves: Sequence[int], side: str
) -> Sequence[int]:
    """Draw a tree of `scipy.cluster.hierarchy` and return the order of its leaves."""
    from matplotlib.collections import LineCollection

    n = len(leaves)
    place = {leaf: (float(i), 0.0) for i, leaf in enumerate(leaves)}
    lines = []
    for step, (a, b, height, _) in enumerate(links):
        (left, low), (right, high) = place.pop(int(a)), place.pop(int(b))
        path = [(left, low), (left, height), (right, height), (right, high)]
        lines.append(path if side == "top" else [(-y, x) for x, y in path])
        place[n + step] = ((left + right) / 2, float(height))
    axes.add_collection(LineCollection(lines, colors="#444444", linewidths=0.7))
    top = float(links[:, 2].max()) * 1.05 if len(links) else 1.0
    if side == "top":
        axes.set(xlim=(-0.5, n - 0.5), ylim=(0, max(top, 1e-9)))
    else:
        axes.set(xlim=(-max(top, 1e-9), 0), ylim=(n - 0.5, -0.5))
    return leaves


def _name_ticks(axes: Axes, which: str, names: Sequence[str]) -> None:
    axis = axes.xaxis if which == "x" else axes.yaxis
    if len(names) > _MOST_NAMES:
        axis.set_ticks([])
        return
    size = 8 if len(names) <= 25 else 6
    axis.set_ticks(range(len(names)), labels=[figure_text(name) for name in names], fontsize=size)


def _draw_relation(axes: Axes, places: Mapping[str, tuple[float, float]], relation: Row) -> None:
    from matplotlib.patches import FancyArrowPatch

    color, line, arrow = _KINDS[relation["kind"]]
    axes.add_patch(
        FancyArrowPatch(
            places[relation["first"]],
            places[relation["second"]],
            arrowstyle=arrow,
            linestyle=line,
            color=color,
            linewidth=3 if relation["kind"] in ("same", "exclusive") else 1.6,
            mutation_scale=18,
            shrinkA=18,
            shrinkB=18,
            zorder=2,
        )
    )


def _kind_legend(figure: Figure, kinds: set[str]) -> None:
    from matplotlib.lines import Line2D

    handles = []
    for kind, label in _LEGEND:
        if kind in kinds:
            color, line, _ = _KINDS[kind]
            width = 3 if kind in ("same", "exclusive") else 1.6
            handles.append(
                Line2D([], [], color=color, linestyle=line, linewidth=width, label=label)
            )
    if handles:
        columns = min(len(handles), 3)
        figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)


def _seen(background: DensityMap) -> dict[str, tuple[float, float]]:
    """Return the range (Å) of voxels occupied in a good part of the volumes, along x, y, z.

    All of the box where that is little of it.
    """
    found = {}
    often = background.data > _OFTEN * background.data.max(initial=0.0)
    for axis, name in enumerate("zyx"):
        size, voxel = background.grid.shape[axis], background.grid.voxel_size_zyx[axis]
        on = np.flatnonzero(often.any(axis=tuple(a for a in range(3) if a != axis)))
        low, high = (on[0] - _MARGIN, on[-1] + 1 + _MARGIN) if len(on) > 1 else (0, size)
        found[name] = (max(low, 0) * voxel, min(high, size) * voxel)
    return found


def _tinted(
    cuts: Sequence[NDArray[np.bool_]], colors: Sequence[str], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Return an image (y, x, rgba) of some masks; where they overlap, the mean of their colours."""
    from matplotlib.colors import to_rgb

    tints = np.zeros((*shape, 4))
    count = np.zeros(shape)
    for cut, color in zip(cuts, colors, strict=True):
        tints[cut, :3] += to_rgb(color)
        count[cut] += 1
    tints[..., :3] /= np.maximum(count, 1)[..., None]
    tints[count > 0, 3] = 0.75
    return tints


def _densest_planes(inside: Sequence[NDArray[np.bool_]], shape: tuple[int, ...]) -> list[int]:
    """Return the plane of each axis that shows most of all blocks, small ones as large ones."""
    planes = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        score = np.zeros(shape[axis])
        for mask in inside:
            score += np.sqrt(mask.sum(axis=others) / max(int(mask.sum()), 1))
        planes.append(int(np.argmax(score)) if score.any() else shape[axis] // 2)
    return planes


def _fullest_plane(data: Array, threshold: float) -> int:
    return int(np.argmax((data > threshold).sum(axis=(1, 2))))


def _say(figure: Figure, text: str) -> None:
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center")
