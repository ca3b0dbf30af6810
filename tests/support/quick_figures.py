"""Ways to save a figure that take less time than that of a job, for tests of something else."""

from contextlib import contextmanager
from unittest import mock


@contextmanager
def figures_saved(by):
    """Let jobs, and the notebooks that they run, save their figures by a function."""
    from occupy_core.commands.blocks import analysis
    from occupy_core.commands.shared import run

    with mock.patch.object(run, "save_figure", by), mock.patch.object(analysis, "save_figure", by):
        yield


def save_coarsely(figure, path, **_options):
    """Save a figure as `save_figure` does, with a tenth of its resolution and no layout.

    A job spends more than half of its time on layout and pixels of its figures. They are tested
    where they are drawn (`test_plots.py`, `test_figure_style.py`, `test_report.py`), and by every
    run of a job in a process of its own.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_layout_engine("none")
    figure.set_dpi(20)
    # Not `savefig`, which draws twice.
    FigureCanvasAgg(figure).print_png(path, metadata={"Software": None})


def save_empty(figure, path, **_options):
    """Save one white pixel; the figure is not drawn."""
    from PIL import Image

    Image.new("L", (1, 1), 255).save(path, format="png")
