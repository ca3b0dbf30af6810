"""Pictures of a local resolution show what they are given; the script is as ChimeraX reads it."""

import warnings

import numpy as np
import pytest
from chimerax_commands import arguments, commands, tokens
from figure_checks import inside, texts

from occupy_core.commands.resolution.chimerax import (
    ResolutionScene,
    write_resolution_chimerax,
)
from occupy_core.commands.resolution.figures import (
    color_limits,
    draw_local_against_global,
    draw_resolution_histogram,
    draw_resolution_slices,
)
from occupy_core.commands.shared.colors import COLORS, NO_VALUE, resolution_scale
from occupy_core.commands.shared.levels import surface_level
from occupy_core.commands.shared.plots import new_figure
from occupy_core.maps import DensityMap, Grid

with warnings.catch_warnings():
    # matplotlib 3.8 calls what newer versions of pyparsing deprecate
    warnings.simplefilter("ignore", DeprecationWarning)
    from matplotlib.colors import to_rgba

pytestmark = pytest.mark.filterwarnings("ignore:.* deprecated.* use :DeprecationWarning")

GRID = Grid((10, 13, 16), (2.0, 1.5, 1.0))


@pytest.fixture
def maps():
    """A density, a resolution that rises with x, and a mask around the middle."""
    rng = np.random.default_rng(1)
    resolution = np.broadcast_to(np.linspace(3, 6, 16, dtype=np.float32), GRID.shape)
    mask = np.zeros(GRID.shape, np.float32)
    mask[2:8, 3:10, 4:12] = 1
    density = rng.standard_normal(GRID.shape).astype(np.float32) + 5 * mask
    return tuple(DensityMap(data, GRID, "a map") for data in (density, resolution * mask, mask))


# ---- colours ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "ends"),
    [((2.94, 6.03), (2.9, 6.1)), ((3.0, 3.1), (3.0, 3.5)), ((4.0, 4.0), (4.0, 4.5))],
)
def test_colours_end_at_round_numbers_that_hold_the_limits(limits, ends):
    levels = resolution_scale(*limits).levels()
    assert (levels[0], levels[-1]) == pytest.approx(ends)
    assert len(levels) == len(COLORS)
    assert (np.diff(levels) > 0).all()


@pytest.mark.parametrize(
    ("censored", "limit", "expected"),
    [
        (0.0, 4.0, (3.0, 6.0)),
        (0.2, 4.0, (4.0, 6.0)),
        (1.0, 7.0, (7.0, 7.0)),
        (0.2, 2.0, (3.0, 6.0)),
    ],
)
def test_what_is_finer_than_the_map_holds_has_one_colour(censored, limit, expected):
    record = {"quantiles": {"5%": 3.0, "95%": 6.0}, "censored_fraction": censored, "limit": limit}
    assert color_limits(record) == expected


# ---- figures ----------------------------------------------------------------------------------


def test_slices_are_coloured_within_the_mask_only(maps):
    density, resolution, mask = maps
    figure = new_figure(9, 5.6)
    draw_resolution_slices(figure, density, resolution, mask, (3.0, 6.0))
    images = [axes.images[0] for axes in figure.axes if axes.images]
    assert len(images) == 6
    for axis, image in enumerate(images[3:]):
        middle = GRID.shape[axis] // 2
        shown = np.ma.filled(np.ma.asarray(image.get_array()).astype(float), np.nan)
        outside = mask.data.take(middle, axis=axis) == 0
        assert np.isnan(shown[outside]).all()
        expected = resolution.data.take(middle, axis=axis)[~outside]
        np.testing.assert_array_equal(shown[~outside], expected)
        assert image.get_clim() == (3.0, 6.0)
        assert image.cmap(np.nan) == pytest.approx(to_rgba(NO_VALUE), abs=0.01)
        assert image.cmap(0.0) == pytest.approx(to_rgba(COLORS[-1]), abs=0.01)
    assert {"x (Å)", "y (Å)", "z (Å)", "local resolution (Å)"} <= set(texts(figure))
    figure.draw_without_rendering()
    assert inside(figure)


def test_a_background_of_any_value_stays_grey(maps):
    density, resolution, mask = maps
    other = resolution.with_data(np.where(mask.data > 0, resolution.data, np.float32(99)))
    figure = new_figure(9, 5.6)
    draw_resolution_slices(figure, density, other, mask, (3.0, 6.0))
    assert np.nanmax(np.ma.filled(figure.axes[3].images[0].get_array(), np.nan)) <= 6


def test_the_histogram_is_in_percent_of_the_molecule():
    values = np.repeat(np.array([3.0, 4.0, 5.0], np.float32), (200, 600, 200))
    figure = new_figure(5, 4)
    draw_resolution_histogram(figure, values, (3.0, 5.0), overall=3.8, finest=3.2, name="x")
    axes = figure.axes[0]
    heights = np.array([bar.get_height() for bar in axes.containers[0]])
    assert heights.sum() == pytest.approx(100)
    assert sorted(heights[heights > 0]) == pytest.approx([20, 20, 60])
    assert axes.containers[0][0].get_facecolor() == pytest.approx(to_rgba(COLORS[-1]), abs=0.05)
    assert {
        *(
            "median, 4.00 Å",
            "global resolution, 3.80 Å",
            "finer than the map holds, 3.20 Å: guessed",
        ),
        "share of the molecule (%)",
    } <= set(texts(figure))
    figure.draw_without_rendering()
    assert inside(figure)


def test_a_global_resolution_off_the_range_is_still_seen():
    figure = new_figure(5, 4)
    values = np.linspace(4, 5, 1000, dtype=np.float32)
    draw_resolution_histogram(figure, values, (4.0, 5.0), overall=3.0, finest=1.0)
    assert figure.axes[0].get_xlim()[0] <= 3.0
    assert not any("finer" in text for text in texts(figure))


def test_unknown_numbers_are_left_out_of_the_figures():
    values = np.linspace(4, 5, 1000, dtype=np.float32)
    record = {"limit": 3.0, "fsc": None, "global_0143": 4.2, "global_05": None}
    figure = new_figure(5, 4)
    draw_local_against_global(figure, values, record)
    found = texts(figure)
    assert "global resolution at 0.143: 4.20 Å" in found
    assert not any("FSC of the whole" in text or "at 0.5" in text for text in found)
    figure = new_figure(5, 4)
    draw_resolution_histogram(figure, values, (4.0, 5.0))
    assert not any("global" in text for text in texts(figure))


def test_the_share_resolved_falls_where_the_molecule_is():
    values = np.repeat(np.array([4.0, 8.0], np.float32), (250, 750))
    record = {
        "limit": 3.0,
        "fsc": {"frequency": [0.05, 0.15, 0.25], "fsc": [1.0, 0.6, 0.1]},
        "global_0143": 4.2,
        "global_05": 6.0,
    }
    figure = new_figure(6, 4.5)
    draw_local_against_global(figure, values, record, name="x")
    share, fsc = figure.axes[0].lines[:2]
    frequency, resolved = share.get_data()
    assert resolved[frequency < 0.124] == pytest.approx(1)
    assert resolved[(frequency > 0.126) & (frequency < 0.249)] == pytest.approx(0.25)
    assert resolved[frequency > 0.251] == pytest.approx(0)
    np.testing.assert_array_equal(fsc.get_data(), list(record["fsc"].values()))
    figure.draw_without_rendering()
    assert inside(figure)


# ---- ChimeraX ---------------------------------------------------------------------------------


def script(tmp_path, **options):
    values = {
        "density": tmp_path / "my map.mrc",
        "resolution": tmp_path / "resolution.mrc",
        "limits": (3.04, 6.0),
        "extremes": (2.5, 7.0),
        "level": 0.025,
        **options,
    }
    path = tmp_path / "show.cxc"
    write_resolution_chimerax(path, ResolutionScene(**values))
    lines = path.read_text(encoding="utf-8").splitlines()
    return [tokens(line) for line in lines if not line.startswith("#")]


def color_palette(lines):
    (alias,) = (a for a in commands(lines, "alias") if a[0] == "resolution_color")
    assert alias[1:7] == ["color", "sample", "$1", "map", "$2", "palette"]
    pairs = [pair.split(",") for pair in alias[7].split(":")]
    return [float(level) for level, _ in pairs], [color for _, color in pairs]


def test_the_map_is_opened_under_its_whole_name_and_coloured(tmp_path):
    lines = script(tmp_path, filtered=tmp_path / "filtered.mrc")
    opened = [line[0] for line in commands(lines, "open")]
    assert opened == [str(tmp_path / n) for n in ("my map.mrc", "resolution.mrc", "filtered.mrc")]
    assert commands(lines, "resolution_color") == [["#1", "#2"], ["#3", "#2"]]
    assert commands(lines, "hide") == [["#2", "models"], ["#3", "models"]]
    shown = commands(lines, "volume")[0]
    assert shown[0] == "#1,3"
    assert arguments(shown[1:])["level"] == "0.025"
    assert commands(script(tmp_path), "resolution_color") == [["#1", "#2"]]


def color_at(levels, colors, value):
    """Colour that ChimeraX gives a value: that of the nearest end where it is off the palette."""
    red = [int(color[1:3], 16) for color in colors]
    green = [int(color[3:5], 16) for color in colors]
    blue = [int(color[5:7], 16) for color in colors]
    rgb = (round(float(np.interp(value, levels, c))) for c in (red, green, blue))
    return "#" + "".join(f"{c:02x}" for c in rgb)


@pytest.mark.parametrize("background", [0.0, -1.0, 2.0, 99.0])
def test_no_value_is_grey_and_every_resolution_has_its_colour(tmp_path, background):
    levels, colors = color_palette(script(tmp_path, background=background))
    assert levels == sorted(levels)
    assert color_at(levels, colors, background) == NO_VALUE
    # Finer and coarser than the range of colours, down to the extremes within the mask.
    for fine in (2.5, 2.8, 3.0):
        assert color_at(levels, colors, fine) == COLORS[-1]
    for coarse in (6.0, 6.5, 7.0):
        assert color_at(levels, colors, coarse) == COLORS[0]
    middle = resolution_scale(3.04, 6.0).levels()[4]
    assert color_at(levels, colors, middle) == COLORS[4]


@pytest.mark.parametrize("background", [3.5, 2.49, 7.01])
def test_a_background_among_the_estimates_cannot_be_told_apart(tmp_path, background):
    levels, colors = color_palette(script(tmp_path, background=background))
    assert NO_VALUE not in colors
    assert levels == sorted(levels)


def test_the_key_has_the_colours_of_the_palette(tmp_path):
    lines = script(tmp_path)
    (key,) = commands(lines, "key")
    labels = [token.split(":") for token in key if token.startswith("#")]
    assert tuple(color for color, _ in labels) == COLORS[::-1]
    expected = resolution_scale(3.04, 6.0).levels()
    assert [float(text) for _, text in labels] == pytest.approx(expected, rel=0.005)
    titles = [arguments(line)["text"] for line in commands(lines, "2dlabels")]
    assert titles == ["Local resolution (Å)"]


def test_warnings_are_shown_and_every_command_is_known(tmp_path):
    lines = script(tmp_path, filtered=tmp_path / "f.mrc", warnings=["Look twice."])
    shown = [arguments(line)["text"] for line in commands(lines, "2dlabels")]
    assert "Look twice." in shown
    known = {
        *("open", "volume", "hide", "set", "alias", "key", "2dlabels", "surface", "lighting"),
        *("graphics", "camera", "view", "resolution_color"),
    }
    assert {line[0] for line in lines} <= known


def test_the_level_shows_the_molecule_and_not_the_noise(maps):
    density, _, mask = maps
    level = surface_level(density, mask)
    molecule = density.data[mask.data > 0] > level
    assert 0.3 < molecule.mean() < 0.7
    assert (density.data[mask.data == 0] > level).mean() < 0.001


def test_a_molecule_hardly_above_the_noise_still_has_a_surface():
    rng = np.random.default_rng(3)
    data = rng.standard_normal((24, 24, 24)).astype(np.float32)
    mask = np.zeros(data.shape, np.float32)
    mask[8:16, 8:16, 8:16] = 1
    density = DensityMap(data + mask, Grid.cubic(24, 1.0))
    level = surface_level(density, density.with_data(mask))
    assert (density.data[mask > 0] > level).any()
    everywhere = density.with_data(np.ones_like(mask))
    assert surface_level(density, everywhere) == pytest.approx(np.median(density.data))
