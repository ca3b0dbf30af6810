"""What all tests share."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

# training/ and benchmarks/ are not installed. The last place in the path: of what is installed and
# in the checkout too, the tests must get the installed copy.
sys.path.append(str(Path(__file__).parents[1]))

# Notes of staging folders: other runs on this machine must not tidy up what a test has left.
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="occupy_state_")


def pytest_addoption(parser):
    parser.addoption("--run-slow", action="store_true", help="run the tests that take minutes too")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--run-slow") or "slow" in config.getoption("-m"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="takes minutes; give --run-slow"))


@pytest.fixture(scope="session")
def shared(request):
    """Folder of real maps beside the repository; tests that need it are skipped without it."""
    place = os.environ.get("OCCUPY_SHARED")
    folder = Path(place) if place else request.config.rootpath.parent / "shared"
    if not (folder / "data" / "maps").is_dir():
        pytest.skip(f"no real maps in {folder} (OCCUPY_SHARED names another place)")
    return folder
