"""Figures and scripts of blocks show what they are given."""

import warnings

import numpy as np
import pytest
from chimerax_commands import tokens

from occupy_core import ParameterError
from occupy_core.commands.blocks import figures as block_plots
from occupy_core.commands.blocks.chimerax import BlockScene, write_block_scene
from occupy_core.commands.shared import plots
from occupy_core.commands.shared.colors import several_colors
from occupy_core.maps import DensityMap, Grid

with warnings.catch_warnings():
    # matplotlib 3.8 calls what newer versions of pyparsing deprecate
    warnings.simplefilter("ignore", DeprecationWarning)
    from matplotlib.colors import to_rgb
    from matplotlib.patches import FancyArrowPatch

pytestmark = pytest.mark.filterwarnings("ignore:.* deprecated.* use :DeprecationWarning")


def texts(figure):
    found = [text.get_text() for axes in figure.axes for text in axes.texts]
    for axes in figure.axes:
        found += [axes.get_xlabel(), axes.get_ylabel(), axes.get_title()]
        found += [label.get_text() for label in (*axes.get_xticklabels(), *axes.get_yticklabels())]
    for legend in figure.legends:
        found += [text.get_text() for text in legend.get_texts()]
    return found


def saved(figure, tmp_path):
    path = tmp_path / "figure.png"
    plots.save_figure(figure, path)
    return path.stat().st_size


# ---- heat map


def test_the_heat_map_puts_alike_volumes_and_blocks_together(tmp_path):
    rng = np.random.default_rng(0)
    group = rng.permutation(np.repeat([0, 1], 6))
    occupancy = np.zeros((12, 4))
    occupancy[:, [0, 2]] = group[:, None]
    occupancy[:, [1, 3]] = 1 - group[:, None]
    figure = plots.new_figure(6, 5)
    names = [f"v{i}" for i in range(12)]
    block_plots.draw_heatmap(figure, occupancy + 0.01, names, ["B1", "B2", "B3", "B4"])
    image = next(axes.images[0] for axes in figure.axes if axes.images)
    shown = np.array(image.get_array())
    assert np.count_nonzero(np.diff(shown > 0.5, axis=0)) == 4  # one border between the volumes
    assert np.count_nonzero(np.diff(shown > 0.5, axis=1)) == 12
    rows = [t.get_text() for t in image.axes.get_yticklabels()]
    assert sorted(rows) == sorted(names)
    assert len({group[int(name[1:])] for name in rows[:6]}) == 1
    assert saved(figure, tmp_path) > 1000


@pytest.mark.parametrize(("n", "k"), [(12, 1), (1, 3), (300, 45), (5, 0)])
def test_the_heat_map_takes_any_number_of_volumes_and_blocks(tmp_path, n, k):
    occupancy = np.random.default_rng(1).random((n, k))
    figure = plots.new_figure(6, 5)
    names = [f"v{i}" for i in range(n)], [f"B{i}" for i in range(k)]
    block_plots.draw_heatmap(figure, occupancy, *names)
    assert ("No block was found." in texts(figure)) == (k == 0)
    assert saved(figure, tmp_path) > 1000


# ---- slices


def test_the_block_map_shows_each_block_in_its_colour(tmp_path):
    grid = Grid((10, 12, 14), (2.0, 3.0, 4.0))
    data = np.zeros((2, *grid.shape), np.float32)
    data[0, 3:6, 3:6, 3:6] = 1
    data[1, 3:6, 8:11, 9:12] = 1
    masks = [DensityMap(d, grid, f"B{i + 1}") for i, d in enumerate(data)]
    figure = plots.new_figure(9, 4)
    often = data.sum(0)
    often[4] += np.eye(12, 14, dtype=np.float32)
    background = DensityMap(often, grid)
    block_plots.draw_block_map(figure, background, masks)
    assert {"B1", "B2", "x (Å)", "z (Å)"} <= set(texts(figure))
    assert [axes.get_title().split(",")[0] for axes in figure.axes[:3]] == ["xy", "xz", "yz"]
    tints = np.array(figure.axes[0].images[1].get_array())
    for (row, column), color in zip(((4, 4), (9, 10)), several_colors(2), strict=True):
        assert tints[row, column, :3] == pytest.approx(to_rgb(color))
    assert tints[0, 0, 3] == 0
    left, right, low, high = figure.axes[0].images[1].get_extent()
    assert (left, right, low, high) == (0, 14 * 2.0, 0, 12 * 3.0)
    # Only the part of the box with something in it is shown, with the outlines of the blocks.
    assert figure.axes[0].get_ylim() == (0.0, 12 * 3.0)
    assert figure.axes[2].get_ylim() == (0.0, 9 * 4.0)  # of 10 sections; 3 are the margin
    titles = [axes.get_title() for axes in figure.axes[3:6]]
    assert titles == ["outlines along z", "outlines along y", "outlines along x"]
    assert [len(axes.collections) for axes in figure.axes[3:6]] == [2, 2, 2]
    assert "on in all volumes (grey: in some)" in texts(figure)
    assert saved(figure, tmp_path) > 1000


def test_the_block_map_is_drawn_without_blocks_too(tmp_path):
    grid = Grid.cubic(8, 2.0)
    figure = plots.new_figure(9, 4)
    block_plots.draw_block_map(figure, DensityMap(np.zeros(grid.shape, np.float32), grid), [])
    assert saved(figure, tmp_path) > 1000


# ---- graph


def block(name, volume=1000.0):
    return {"name": name, "volume": volume, "mean_occupancy": 0.4}


def relation(first, second, kind):
    return {"first": first, "second": second, "kind": kind}


def test_the_graph_has_a_disc_a_block_and_a_line_a_dependence(tmp_path):
    figure = plots.new_figure(6, 6)
    relations = [
        relation("B1", "B2", "together"),
        relation("B1", "B3", "independent"),
        relation("B2", "B3", "second only with first"),
    ]
    block_plots.draw_block_graph(figure, [block("B1"), block("B2"), block("B3", 250.0)], relations)
    axes = figure.axes[0]
    assert [len(c.get_offsets()) for c in axes.collections] == [1, 1, 1]
    sizes = [c.get_sizes()[0] for c in axes.collections]
    assert sizes[0] == sizes[1] > sizes[2]
    lines = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    assert len(lines) == 2
    assert {"together", "only with (arrow: needs)"} <= set(texts(figure))
    assert "exclusive" not in texts(figure)
    assert saved(figure, tmp_path) > 1000


def test_the_arrow_of_the_graph_ends_at_what_is_needed(tmp_path):
    figure = plots.new_figure(6, 6)
    needs = [relation("B1", "B2", "second only with first")]  # B2 needs B1
    block_plots.draw_block_graph(figure, [block("B1"), block("B2")], needs)
    (line,) = (p for p in figure.axes[0].patches if isinstance(p, FancyArrowPatch))
    assert type(line.get_arrowstyle()).__name__ == "CurveFilledA"  # its head is at B1, the first


def test_many_blocks_are_drawn_without_a_layout_of_the_graph(tmp_path):
    blocks = [block(f"B{i}") for i in range(1, 41)]
    relations = [
        relation(a["name"], b["name"], "apart") for i, a in enumerate(blocks) for b in blocks[:i]
    ]
    figure = plots.new_figure(6, 6)
    block_plots.draw_block_graph(figure, blocks, relations)
    assert saved(figure, tmp_path) > 1000


# ---- thresholds


def test_the_preview_marks_outliers_and_contours_at_the_threshold(tmp_path):
    rng = np.random.default_rng(3)
    grid = Grid((6, 12, 10), (3.0, 3.0, 3.0))
    data = rng.normal(0, 0.05, grid.shape).astype(np.float32)
    data[3, 4:8, 3:7] += 1
    rows = [
        {"volume": f"v{i}", "threshold": 0.5, "on_fraction": 0.02, "outlying": i == 7}
        for i in range(9)
    ]
    rows[7]["threshold"] = 2.0
    figure = plots.new_figure(9, 6)
    block_plots.draw_thresholds(figure, rows, [DensityMap(data, grid, "v2")])
    crosses = [line for line in figure.axes[0].lines if line.get_marker() == "x"]
    assert crosses[0].get_xydata().tolist() == [[8.0, 2.0]]
    preview = figure.axes[2]
    assert preview.get_title() == "v2: 0.5\nz = 3, 2 % on"
    assert len(preview.collections) >= 1  # the contour
    assert saved(figure, tmp_path) > 1000


# ---- colours and ChimeraX


def test_colours_are_told_apart():
    colors = np.array([to_rgb(color) for color in several_colors(40)])
    assert len({tuple(c) for c in colors}) == 40
    first = colors[:8]
    distance = np.abs(first[:, None] - first[None]).sum(axis=2) + 9 * np.eye(8)
    assert distance.min() > 0.3
    assert several_colors(3) == several_colors(40)[:3]


def test_the_script_opens_each_mask_in_its_colour(tmp_path):
    masks = [(f"B{i}", tmp_path / f"a folder/block_{i:03d}.mrc") for i in (1, 2, 3)]
    write_block_scene(tmp_path / "x.cxc", BlockScene(tmp_path / "it's.mrc", -0.25, masks))
    commands = [tokens(line) for line in (tmp_path / "x.cxc").read_text().splitlines()[1:]]
    opened = [words[1] for words in commands if words[0] == "open"]
    assert opened == [str(tmp_path / "it's.mrc"), *(str(path) for _, path in masks)]
    levels = {words[1]: words for words in commands if words[0] == "volume"}
    assert levels["#1"][levels["#1"].index("level") + 1] == "-0.25"
    for model, color in zip(("#2", "#3", "#4"), several_colors(3), strict=True):
        assert levels[model][-1] == color
    names = [words[1:] for words in commands if words[0] == "rename"]
    assert names == [["#2", "B1"], ["#3", "B2"], ["#4", "B3"]]
    labels = [words for words in commands if words[0] == "2dlabels"]
    assert [words[2] for words in labels] == ["B1", "B2", "B3"]


def test_a_name_that_chimerax_cannot_read_is_refused(tmp_path):
    scene = BlockScene(tmp_path / "x\ny.mrc", 1.0, [])
    with pytest.raises(ParameterError, match="ChimeraX cannot open"):
        write_block_scene(tmp_path / "x.cxc", scene)
