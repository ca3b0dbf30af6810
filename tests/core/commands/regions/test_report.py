"""Figures, attribute files, models and scripts say what the table says."""

import itertools
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from figure_checks import inside
from hostile import TEXTS
from small_models import chain_lines, pdb_line, three_chains, write_pdb

from occupy_core.commands.regions.figures import bars_size, draw_bars, draw_heatmap, heatmap_size
from occupy_core.commands.regions.files import (
    RegionScene,
    attribute_text,
    model_text,
    scene_text,
)
from occupy_core.commands.shared.colors import OCCUPANCY
from occupy_core.commands.shared.plots import new_figure, save_figure
from occupy_core.errors import ParameterError
from occupy_core.maps.grid import Grid
from occupy_core.regions.by_model.atoms import read_model
from occupy_core.regions.table import RegionTable, make_row

# matplotlib 3.8 calls what newer versions of pyparsing deprecate
pytestmark = pytest.mark.filterwarnings("ignore:.* deprecated.* use :DeprecationWarning")


def table_of(values, regions=None, reference=("A",)):
    """A table of occupancies, a row for each map."""
    regions = regions or [chr(ord("A") + j) for j in range(len(values[0]))]
    maps = [f"map{i}" for i in range(len(values))]
    rows = [
        make_row(name, region, value, 0.05, n_voxels=10, resolution=3.0)
        for name, row in zip(maps, values, strict=True)
        for region, value in zip(regions, row, strict=True)
    ]
    return RegionTable(
        rows=tuple(rows),
        maps=tuple(maps),
        regions=tuple(regions),
        reference=tuple(reference),
        grid=Grid.cubic(8, 1.5),
    )


# ---- figures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [[[1.0, 0.4, 0.0]], [[1.0, 0.4, 1.2], [1.0, math.nan, 0.1]]])
def test_bars_are_as_high_as_the_occupancies(values):
    table = table_of(values)
    figure = new_figure(*bars_size(table))
    draw_bars(figure, table)
    heights = sorted(patch.get_height() for patch in figure.axes[0].patches)
    assert heights == pytest.approx(sorted(v for row in values for v in row if v == v))
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == ["A*", "B", "C"]
    assert len(figure.axes[0].containers) == 2 * len(values)  # bars, and their error bars


def test_error_bars_end_at_zero():
    table = table_of([[1.0, 0.02]])
    figure = new_figure(*bars_size(table))
    draw_bars(figure, table)
    segments = figure.axes[0].collections[0].get_segments()
    assert segments[1][:, 1] == pytest.approx([0.0, 0.07])


@pytest.mark.parametrize("count", [2, 13, 30])
def test_each_map_has_its_own_colour_and_a_name_as_long_as_they_can_be_told(count):
    table = table_of([[1.0, 0.5]] * count)
    figure = new_figure(*bars_size(table))
    draw_bars(figure, table)
    bars = [bar for bar in figure.axes[0].containers if hasattr(bar, "patches")]
    assert len({bar.patches[0].get_facecolor() for bar in bars}) == count
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == list(table.maps)


def test_of_many_numbers_each_is_a_dot_in_the_colour_of_its_occupancy():
    values = np.random.default_rng(0).random((20, 136))
    table = table_of(values.tolist(), [f"C{j}" for j in range(136)], reference=("C0",))
    figure = new_figure(*bars_size(table))
    draw_bars(figure, table)
    ranges, dots = figure.axes[0].collections
    np.testing.assert_allclose(dots.get_offsets()[:, 1], values.ravel())
    np.testing.assert_allclose(dots.get_facecolors()[:, :3], OCCUPANCY.rgb(values.ravel()))
    np.testing.assert_allclose(
        ranges.get_segments()[3][:, 1], [values[:, 3].min(), values[:, 3].max()]
    )
    (label,) = (text.get_text() for text in figure.legends[0].get_texts())
    assert label == "one of 20 maps, typical error ± 0.05"


@pytest.mark.parametrize("draw", [draw_bars, draw_heatmap])
def test_names_of_20_maps_and_136_chains_do_not_lie_over_each_other_on_a_screen(draw):
    values = np.random.default_rng(0).random((20, 136))
    table = table_of(values.tolist(), [f"{chr(65 + j % 26)}{j}" for j in range(136)])
    figure = new_figure(16, 10)
    draw(figure, table)
    figure.draw_without_rendering()
    assert inside(figure)
    renderer = figure.canvas.get_renderer()
    for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis):
        boxes = [label.get_window_extent(renderer) for label in axis.get_ticklabels()]
        shown = [box for box in boxes if box.width > 0]
        assert len(shown) >= 2
        across = axis is figure.axes[0].xaxis
        ends = sorted((box.x0, box.x1) if across else (box.y0, box.y1) for box in shown)
        assert all(b[0] >= a[1] - 1 for a, b in itertools.pairwise(ends))


def test_a_number_below_zero_can_be_read():
    table = table_of([[1.0, -0.3], [1.0, -0.001]])
    figure = new_figure(*heatmap_size(table))
    draw_heatmap(figure, table)
    numbers = {text.get_text(): text.get_color() for text in figure.axes[0].texts}
    assert numbers == {"1.00": "#ffffff", "-0.30": "#000000", "0.00": "#000000"}


def test_the_heat_map_has_a_cell_for_each_region_and_map():
    table = table_of([[1.0, 0.4, 0.0], [1.0, math.nan, 0.1]])
    figure = new_figure(*heatmap_size(table))
    draw_heatmap(figure, table)
    (cells,) = figure.axes[0].collections
    known = np.isfinite(table.occupancy)
    np.testing.assert_allclose(cells.get_facecolors()[:, :3], OCCUPANCY.rgb(table.occupancy[known]))
    centres = [path.vertices[:4].mean(axis=0) for path in cells.get_paths()]
    np.testing.assert_allclose(centres, np.argwhere(known)[:, ::-1])
    assert {t.get_text() for t in figure.axes[0].texts} == {"1.00", "0.40", "0.00", "0.10"}


def test_a_cell_is_the_smaller_the_larger_its_error():
    rows = [
        make_row("map0", region, 0.5, sigma, n_voxels=10, resolution=3.0)
        for region, sigma in zip("ABC", (0.01, 0.2, 2.0), strict=True)
    ]
    figure = new_figure(5, 3)
    draw_heatmap(figure, replace(table_of([[0.5] * 3]), rows=tuple(rows)))
    (cells,) = figure.axes[0].collections
    edges = [np.ptp(path.vertices[:, 0]) for path in cells.get_paths()]
    assert 1 > edges[0] > edges[1] > edges[2] > 0.25


def test_figures_of_many_windows_keep_a_size_that_can_be_saved(tmp_path):
    table = table_of([[0.5] * 700], [f"A:{i}" for i in range(700)])
    for size, draw in ((bars_size, draw_bars), (heatmap_size, draw_heatmap)):
        assert max(size(table)) <= 16
        figure = new_figure(*size(table))
        draw(figure, table)
        assert len(figure.axes[0].get_xticks()) <= 140
    save_figure(figure, tmp_path / "x.png")


# ---- attributes and models --------------------------------------------------------------------


@pytest.fixture
def model(tmp_path):
    pytest.importorskip("gemmi")
    return read_model(three_chains(tmp_path / "m.pdb"))


def test_attributes_name_the_residues_of_each_region(model):
    text = attribute_text(table_of([[1.0, 0.456, math.nan]]), model, "map0")
    assert text.splitlines() == [
        "attribute: region_occupancy",
        "recipient: residues",
        "\t/A\t1.0000",
        "\t/B\t0.4560",
    ]


def test_windows_ligands_and_odd_numbers_are_specified(tmp_path):
    pytest.importorskip("gemmi")
    lines = chain_lines("A", (20, 20, 20), n_residues=12)
    heme = [
        pdb_line(900 + i, f" C{i}", "HEM", "A", 201, (25 + i, 20, 20), record="HETATM", element="C")
        for i in range(4)
    ]
    text = "\n".join(lines)
    text = text.replace("ALA A   1 ", "ALA A  -2 ").replace("ALA A   3 ", "ALA A   2B")
    path = write_pdb(tmp_path / "m.pdb", text.splitlines(), heme)
    found = read_model(path, by="residues", window=6)
    table = table_of([[0.5] * len(found.names)], list(found.names))
    assert [
        line.split("\t")[1] for line in attribute_text(table, found, "map0").splitlines()[2:]
    ] == [
        "/A:-2,2,2B,4-6",
        "/A:7-12",
        "/A:201",
    ]


def test_the_model_has_percent_occupancy_for_b_factors_where_it_was_fitted(model, tmp_path):
    gemmi = pytest.importorskip("gemmi")
    moved = model.moved(np.array([3.0, 0.0, -2.0]))
    path = tmp_path / "o.cif"
    path.write_text(model_text(table_of([[1.0, 0.456, math.nan]]), moved, "map0"))
    chains = {chain.name: chain for chain in gemmi.read_structure(str(path))[0]}
    assert list(chains) == ["A", "B", "C"]
    for name, value in {"A": 100.0, "B": 45.6, "C": -1.0}.items():
        assert {atom.b_iso for residue in chains[name] for atom in residue} == {np.float32(value)}
    found = np.array([a.pos.tolist() for r in chains["A"] for a in r])
    np.testing.assert_allclose(found, moved.regions[0].positions, atol=1e-3)
    assert [r.name for r in chains["A"]] == ["ALA"] * 24


def test_windows_go_back_into_their_chain(model, tmp_path):
    gemmi = pytest.importorskip("gemmi")
    windows = read_model(tmp_path / "m.pdb", by="residues", window=12)
    values = [0.1 * i for i in range(len(windows.names))]
    path = tmp_path / "o.cif"
    path.write_text(model_text(table_of([values], list(windows.names)), windows, "map0"))
    chains = {chain.name: chain for chain in gemmi.read_structure(str(path))[0]}
    assert [len(chain) for chain in chains.values()] == [24, 24, 24]
    assert chains["B"][0][0].b_iso == pytest.approx(20.0)
    assert chains["B"][23][0].b_iso == pytest.approx(30.0)


# ---- script -----------------------------------------------------------------------------------


def script(tmp_path, values, masks):
    table = table_of(values)
    maps = [tmp_path / f"a map {i}.mrc" for i in range(len(values))]
    colored = [tmp_path / f"m{j}.mrc" for j in range(len(values[0]) if masks else len(values))]
    return scene_text(table, RegionScene(maps, colored, masks=masks, volume=8e4)).splitlines()


def test_the_script_opens_all_files_before_it_names_them(tmp_path):
    for masks, n_models in ((False, 4), (True, 5)):
        lines = script(tmp_path, [[1.0, 0.5, 0.0], [1.0, 1.0, 1.0]], masks)
        opened = [line for line in lines if line.startswith("open ")]
        assert len(opened) == n_models
        assert opened[0] == f'open "{tmp_path}/a map 0.mrc"'
        used = {int(n) for line in lines for n in re.findall(r"#(\d{1,2})\b(?![0-9a-f])", line)}
        assert max(used) == n_models
        assert sum(line.startswith("key ") for line in lines) == 1
        assert "volume #1-2 encloseVolume 40000" in lines


def test_each_map_has_a_command_that_shows_its_occupancies(tmp_path):
    lines = script(tmp_path, [[1.0, 0.0], [0.0, 1.0]], masks=True)
    first, second = (line for line in lines if line.startswith("alias "))
    assert "color #3 #5102a2" in first
    assert "color #4 #f3ef27" in first
    assert "color #3 #f3ef27" in second
    assert lines.index("occupancy_1") > lines.index(second)


def test_models_are_coloured_by_their_b_factor_column_with_grey_for_no_number(tmp_path):
    lines = script(tmp_path, [[1.0, 0.5]], masks=False)
    (line,) = (line for line in lines if line.startswith("color byattribute"))
    assert line.startswith(
        "color byattribute a:bfactor #2 palette -1,#e6e6e6:-0.5,#e6e6e6:0,#f3ef27"
    )
    assert line.endswith("100,#5102a2")


def test_a_file_that_chimerax_cannot_name_is_refused(tmp_path):
    table = table_of([[1.0, 0.5]])
    with pytest.raises(ParameterError, match="ChimeraX cannot open"):
        scene_text(
            table,
            RegionScene([tmp_path / "a\nb.mrc"], [tmp_path / "m.cif"], masks=False, volume=8e4),
        )


@pytest.mark.parametrize("name", TEXTS, ids=ascii)
def test_the_name_of_a_map_is_no_command_of_the_script(tmp_path, name):
    table = table_of([[1.0, 0.4]])
    rows = tuple(replace(row, map=name) for row in table.rows)
    table = replace(table, rows=rows, maps=(name,))
    plain = RegionScene([tmp_path / "m.mrc"], [tmp_path / "model.cif"], masks=False, volume=1e4)
    lines = scene_text(table, plain).splitlines()
    commands = [line for line in lines if not line.startswith("#")]
    expected = scene_text(table_of([[1.0, 0.4]]), plain).splitlines()
    assert commands == [line for line in expected if not line.startswith("#")]
