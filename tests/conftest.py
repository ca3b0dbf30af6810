"""What all tests share."""

import os
import signal
import sys
import tempfile
from pathlib import Path
from unittest import mock

import pytest

# training/ and benchmarks/ are not installed. The last place in the path: of what is installed and
# in the checkout too, the tests must get the installed copy.
sys.path.append(str(Path(__file__).parents[1]))

# Notes of staging folders: other runs on this machine must not tidy up what a test has left.
_STATE = tempfile.TemporaryDirectory(prefix="occupy_state_")  # removed when the process ends
os.environ["XDG_STATE_HOME"] = _STATE.name

# Under nohup the tests of signals would wait for one that is ignored.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_addoption(parser):
    parser.addoption("--run-slow", action="store_true", help="run the tests that take minutes too")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--run-slow") or "slow" in config.getoption("-m"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="takes minutes; give --run-slow"))


def save_coarsely(figure, path):
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


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """A real SLURM cluster of one node, this machine."""
    from slurm import Slurm

    cluster = Slurm(tmp_path_factory.mktemp("slurm"))
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session", autouse=True)
def coarse_figures():
    """Let jobs that run in the process of the tests draw coarse figures."""
    from occupy_core.commands.shared import run

    with mock.patch.object(run, "save_figure", save_coarsely):
        yield


@pytest.fixture
def real_figures():
    """Let them draw real figures after all, to compare them with those of another process."""
    from occupy_core.commands.shared import plots, run

    with mock.patch.object(run, "save_figure", plots.save_figure):
        yield


@pytest.fixture(scope="session")
def shared(request):
    """Folder of real maps beside the repository; tests that need it are skipped without it."""
    place = os.environ.get("OCCUPY_SHARED")
    folder = Path(place) if place else request.config.rootpath.parent / "shared"
    if not (folder / "data" / "maps").is_dir():
        pytest.skip(f"no real maps in {folder} (OCCUPY_SHARED names another place)")
    return folder
