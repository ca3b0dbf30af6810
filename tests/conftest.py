"""What all tests share."""

import os
import signal
import sys
import tempfile
from pathlib import Path
from unittest import mock

import pytest
from quick_figures import figures_saved, save_coarsely, save_empty

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


class Remembered:
    """A function of a grid, arrays and numbers whose answers, which nobody changes, are kept."""

    def __init__(self, function, most=64):
        self.function, self.most, self.answers = function, most, {}

    def __call__(self, grid, *values, **named):
        given = (*values, *named.values())
        key = (grid, *named, *(v.tobytes() if hasattr(v, "tobytes") else v for v in given))
        if key not in self.answers:
            if len(self.answers) == self.most:
                self.answers.pop(next(iter(self.answers)))
            self.answers[key] = self.function(grid, *values, **named)
            self.answers[key].flags.writeable = False
        return self.answers[key]


@pytest.fixture(scope="session", autouse=True)
def bodies_made_once():
    """Let test maps of the same bodies, which differ by their noise, share the sums over atoms."""
    from occupy_core.maps import synthetic

    with mock.patch.object(synthetic, "blobs", Remembered(synthetic.blobs)):
        yield


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
    with figures_saved(save_coarsely):
        yield


@pytest.fixture
def empty_figures():
    """Let them draw nothing, where only the file of a figure matters."""
    with figures_saved(save_empty):
        yield


@pytest.fixture
def real_figures():
    """Let them draw real figures after all, to compare them with those of another process."""
    from occupy_core.commands.shared.plots import save_figure

    with figures_saved(save_figure):
        yield


@pytest.fixture(scope="session")
def shared(request):
    """Folder of real maps beside the repository; tests that need it are skipped without it."""
    place = os.environ.get("OCCUPY_SHARED")
    folder = Path(place) if place else request.config.rootpath.parent / "shared"
    if not (folder / "data" / "maps").is_dir():
        pytest.skip(f"no real maps in {folder} (OCCUPY_SHARED names another place)")
    return folder
