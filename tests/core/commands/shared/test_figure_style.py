"""Figures do not depend on the matplotlib of the user: same bytes, and nothing fails."""

import os
import subprocess
import sys
import warnings

import pytest
from hostile import TEXTS
from quick_figures import save_coarsely
from small_jobs import ROOT, write_small_map

from occupy_core.commands.shared import plots
from occupy_core.commands.shared.figure_style import keep_own_style, own_style
from occupy_core.commands.shared.quoting import figure_text

pytestmark = pytest.mark.filterwarnings("ignore:.* deprecated.* use :DeprecationWarning")

DRAW = """
import sys, numpy as np
from pathlib import Path
from occupy_core.commands.shared import plots
figure = plots.new_figure(4, 3)
x = np.linspace(0, 1, 5)
plots.draw_modification(figure, x, {"amplify": x**2})
plots.save_figure(figure, Path(sys.argv[1]))
"""
USERS = """
text.usetex: True
font.family: serif
axes.facecolor: black
figure.dpi: 30
savefig.transparent: True
lines.linewidth: 9
axes.formatter.use_locale: True
no.such.setting: 3
"""


def draw(path, cwd, **settings):
    env = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", DRAW, str(path)],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return path.read_bytes()


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    return draw(folder / "a.png", folder)


@pytest.mark.parametrize(
    "backend", ["TkAgg", "module://matplotlib_inline.backend_inline", "no backend at all"]
)
def test_the_backend_of_the_user_does_not_matter(tmp_path, plain, backend):
    assert draw(tmp_path / "a.png", tmp_path, MPLBACKEND=backend) == plain


def test_the_settings_of_the_user_do_not_matter(tmp_path, plain):
    rc = tmp_path / "rc"
    rc.write_text(USERS)
    assert draw(tmp_path / "a.png", tmp_path, MATPLOTLIBRC=str(rc)) == plain


def test_the_settings_of_the_program_around_do_not_matter_and_are_kept(tmp_path):
    import matplotlib

    def drawn(name):
        figure = plots.new_figure(5, 3.5)
        plots.draw_scale_histogram(figure, [1, 2, 3], name="x")
        plots.save_figure(figure, tmp_path / name)
        return (tmp_path / name).read_bytes()

    first = drawn("a.png")
    with matplotlib.rc_context({"text.usetex": True, "font.size": 30, "axes.grid": True}):
        assert drawn("b.png") == first
        assert matplotlib.rcParams["font.size"] == 30
        assert matplotlib.rcParams["text.usetex"] is True


def test_a_figure_of_a_viewer_is_drawn_again_in_our_style():
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    def picture(**settings):
        with matplotlib.rc_context(settings):
            figure = Figure(figsize=(5, 3.5), facecolor="white", dpi=100)
            canvas = FigureCanvasAgg(figure)
            plots.draw_scale_histogram(figure, [1, 2, 3], name="x")
            figure.axes[0].set_xlim(0, 2)  # makes new ticks when it is drawn
            canvas.draw()
            return bytes(canvas.buffer_rgba())

    assert picture(**{"text.usetex": True, "xtick.labelsize": 40}) == picture()


def test_a_style_is_kept_once():
    figure = plots.new_figure(2, 2)
    keep_own_style(figure)
    draw_once = figure.draw
    keep_own_style(figure)
    assert figure.draw is draw_once
    with own_style(), own_style():
        figure.canvas.draw()


@pytest.mark.parametrize("text", [*TEXTS, "x" * 300], ids=lambda text: ascii(text)[:30])
def test_a_name_is_drawn_as_it_is(text, tmp_path):
    figure = plots.new_figure(5, 3.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.draw_scale_histogram(figure, [1, 2, 3], name=text)
        save_coarsely(figure, tmp_path / "a.png")
    axes = figure.axes[0]
    assert len(axes.get_title().splitlines()) <= 1
    assert axes.get_title() == figure_text(text)


def test_a_job_with_figures_ends_well_whatever_the_user_has_set(tmp_path):
    small = write_small_map(tmp_path / "x.mrc")
    (tmp_path / "rc").write_text(USERS)
    command = [sys.executable, "-m", "occupy_core", "scale", str(small), "--plot", "--quiet"]
    env = {**os.environ, "MATPLOTLIBRC": str(tmp_path / "rc"), "MPLBACKEND": "nonsense"}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
