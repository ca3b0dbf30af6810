"""Figures show what they are given, with the units and the colours they should have."""

import io
import warnings
from dataclasses import replace

import numpy as np
import pytest
from figure_checks import inside, texts

from occupy_core.commands.shared import plots, run
from occupy_core.commands.shared.colors import GUESS_HATCH, NO_VALUE, OCCUPANCY, ColorScale
from occupy_core.maps import DensityMap, Grid
from occupy_core.scale.estimate import estimate_confidence, estimate_scale

with warnings.catch_warnings():
    # matplotlib 3.8 calls what newer versions of pyparsing deprecate
    warnings.simplefilter("ignore", DeprecationWarning)
    from matplotlib.colors import to_rgba
    from matplotlib.lines import Line2D

pytestmark = pytest.mark.filterwarnings("ignore:.* deprecated.* use :DeprecationWarning")


@pytest.mark.usefixtures("real_figures")
@pytest.mark.parametrize("layout", ["compressed", "constrained", "none"])
def test_a_figure_is_saved_as_matplotlib_does_it_but_drawn_once(layout):
    drawn = 0

    class Counted(Line2D):
        def draw(self, *args, **kwargs):
            nonlocal drawn
            drawn += 1
            super().draw(*args, **kwargs)

    def figure_of():
        figure = plots.new_figure(4, 3)
        figure.set_layout_engine(layout)
        axes = figure.add_subplot()
        axes.add_line(Counted([0, 1], [0, 1000]))
        axes.set(xlim=(0, 1), ylim=(0, 1000), ylabel="tall\nlabel")
        figure.colorbar(axes.imshow([[0, 1]], aspect="auto"), ax=axes)
        return figure

    saved, expected = io.BytesIO(), io.BytesIO()
    run.save_figure(figure_of(), saved, dpi=70)
    assert drawn == 1
    figure_of().savefig(expected, dpi=70, metadata={"Software": None})
    assert saved.getvalue() == expected.getvalue()


@pytest.fixture(scope="module")
def result():
    from occupy_core.maps.synthetic import two_bodies

    density, _ = two_bodies(Grid((30, 32, 40), (2.0, 2.5, 3.0)))
    return density, estimate_scale(density)


def test_slices_are_central_and_in_angstroms(result):
    density, estimate = result
    figure = plots.new_figure(9, 5.6)
    confidence = estimate.confidence
    plots.draw_slices(figure, density, estimate.scale, confidence=confidence, min_scale=0.3)
    maps = [axes for axes in figure.axes if axes.images]
    assert len(maps) == 6
    for axes, axis, extent in zip(
        maps,
        (0, 1, 2, 0, 1, 2),
        ((80, 80), (80, 90), (80, 90), (80, 80), (80, 90), (80, 90)),
        strict=True,
    ):
        source = density if axes in maps[:3] else estimate.scale
        (image,) = axes.images
        shown = source.data.take(source.data.shape[axis] // 2, axis=axis)
        if source is not density:  # solvent has no scale
            solvent = confidence.data.take(source.data.shape[axis] // 2, axis=axis) < 0.5
            assert solvent.any()
            shown = np.where(solvent, np.nan, shown)
        np.testing.assert_array_equal(np.ma.filled(image.get_array(), np.nan), shown)
        assert (axes.get_xlim()[1], axes.get_ylim()[1]) == extent
    image = maps[3].images[0]
    assert image.get_clim() == (0.0, 1.0)
    assert image.cmap(image.norm(0.29)) == pytest.approx(to_rgba(NO_VALUE), abs=0.01)
    assert image.cmap(image.norm(0.6)) == pytest.approx(to_rgba(OCCUPANCY.color(0.6)), abs=0.01)
    assert {"x (Å)", "y (Å)", "z (Å)", "local scale"} <= set(texts(figure))
    figure.draw_without_rendering()
    assert inside(figure)


def test_what_is_guessed_is_hatched_where_it_lies(result):
    density = result[0]
    guessed = np.zeros(density.data.shape, bool)
    guessed[:, :10] = True
    colors = ColorScale(label="x", low=0.0, high=1.0)
    figure = plots.new_figure(9, 5.6)
    plots.draw_colored_slices(figure, density, density.data, colors, guessed=guessed)
    drawn = [c for axes in figure.axes for c in axes.collections if hasattr(c, "hatches")]
    assert [c.hatches for c in drawn] == [[GUESS_HATCH]] * 2  # not in the middle along y
    (top,) = {path.vertices[:, 1].max() for path in drawn[0].get_paths()}
    assert top == pytest.approx(10 * 2.5, abs=2.5)


def test_the_solvent_model_shows_histogram_fit_and_confidence(result):
    solvent, _ = estimate_confidence(result[0])
    figure = plots.new_figure(7, 4.5)
    full = 0.9 * solvent.hi
    plots.draw_solvent_model(figure, solvent, name="a map", full_scale=full)
    left, right = figure.axes
    curve = left.lines[0]
    np.testing.assert_allclose(curve.get_ydata().max(), solvent.amplitude, rtol=0.01)
    np.testing.assert_array_equal(right.lines[0].get_ydata(), solvent.confidence_table)
    assert left.get_xlim() == pytest.approx((solvent.lo, solvent.hi))
    assert [line.get_xdata()[0] for line in left.lines[1:]] == [solvent.edge, full]
    assert {"a map", "solvent model", "confidence", "end of the solvent", "full scale"} <= set(
        texts(figure)
    )
    figure.draw_without_rendering()
    assert inside(figure)


def test_what_is_wrong_with_a_solvent_model_stands_above_it(result):
    solvent, _ = estimate_confidence(result[0])
    told = "The solvent model is bad: " + "give a solvent definition, " * 6 + "please."
    for said in ((), (told,), (told, "Another one.")):
        figure = plots.new_figure(7, 4.5)
        plots.draw_solvent_model(figure, replace(solvent, warnings=said))
        above = " ".join(figure.get_suptitle().split())
        more = " (1 more)" if len(said) > 1 else ""
        assert above == (f"Warning: {told}{more}" if said else "")
        figure.draw_without_rendering()
        assert inside(figure)


def test_full_scale_is_left_out_when_there_is_none(result):
    solvent, _ = estimate_confidence(result[0])
    figure = plots.new_figure(7, 4.5)
    plots.draw_solvent_model(figure, solvent)
    assert "full scale" not in texts(figure)


def test_the_histogram_is_in_percent_and_in_the_colours_of_the_scale():
    figure = plots.new_figure(5, 3.5)
    counts = np.array([10, 0, 30, 60])
    plots.draw_scale_histogram(figure, counts, confidence_limit=0.4, min_scale=0.2, name="x")
    bars = figure.axes[0].patches
    assert [bar.get_height() for bar in bars] == [10, 0, 30, 60]
    assert bars[0].get_facecolor() == pytest.approx(to_rgba(NO_VALUE), abs=0.01)
    expected = to_rgba(OCCUPANCY.color(0.875))
    assert bars[3].get_facecolor() == pytest.approx(expected, abs=0.01)
    assert "confidence 0.5" in texts(figure)
    figure.draw_without_rendering()
    assert inside(figure)


@pytest.mark.parametrize("limit", [None, 0.0, 1.5])
def test_a_limit_outside_the_scale_is_not_marked(limit):
    figure = plots.new_figure(5, 3.5)
    plots.draw_scale_histogram(figure, np.zeros(10), confidence_limit=limit)
    assert figure.legends == []


def test_curves_have_their_names_and_can_be_told_apart_without_colour():
    figure = plots.new_figure(5, 4.8)
    x = np.linspace(0, 1, 11)
    plots.draw_modification(figure, x, {"one": x**2, "two": x**3, "three": x**0.5})
    lines = figure.axes[0].lines
    assert {"unchanged", "one", "two", "three"} <= set(texts(figure))
    np.testing.assert_array_equal(lines[2].get_ydata(), x**3)
    assert len({line.get_linestyle() for line in lines[1:]}) == 3
    figure.draw_without_rendering()
    assert inside(figure)


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    density = DensityMap(
        np.random.default_rng(0).random((5, 6, 7), np.float32),
        Grid.cubic(7, 1.0).resampled((5, 6, 7)),
    )
    files = []
    for name in "ab":
        figure = plots.new_figure(6, 4)
        plots.draw_slices(figure, density, density)
        files.append(tmp_path / f"{name}.png")
        plots.save_figure(figure, files[-1])
    first, second = (file.read_bytes() for file in files)
    assert first == second
    assert first.startswith(b"\x89PNG")
    assert b"Software" not in first
