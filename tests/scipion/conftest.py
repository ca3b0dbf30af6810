"""A Scipion project for the tests of the plugin.

The environment is set before pyworkflow is imported, which reads it once. Nothing outside a
temporary folder is touched, and nothing is downloaded.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import pytest
from quick_figures import figures_saved, save_empty

try:
    from scipion.utils import getTemplatesPath
except ImportError:
    HOME = None  # the test modules skip themselves
else:
    HOME = Path(tempfile.mkdtemp(prefix="occupy_scipion_"))
    os.environ.update(
        SCIPION_HOME=str(HOME / "home"),
        SCIPION_USER_DATA=str(HOME / "data"),
        SCIPION_DOMAIN="pwem",
        SCIPION_NOTIFY="False",
        SCIPION_HOSTS=str(Path(getTemplatesPath()) / "hosts.template"),
        SCIPION_PYTHON=sys.executable,
        MPLBACKEND="Agg",
    )
    (HOME / "home").mkdir()
    (HOME / "data").mkdir()
    with warnings.catch_warnings():
        # What the imports of Scipion warn of (pyparsing, scipy.ndimage.filters) is not ours.
        warnings.simplefilter("ignore")
        import pyworkflow

        domain = pyworkflow.Config.getDomain()
        domain.getProtocols()
        domain.getViewers()
        domain.getWizards()


# What pyworkflow warns of while it works: it leaves databases and logs open, and its BibTeX parser
# uses old names of pyparsing.
NOT_OURS = (
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore:'.*deprecated:DeprecationWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out the warnings that are not ours."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            for warning in NOT_OURS:
                item.add_marker(pytest.mark.filterwarnings(warning))


def pytest_unconfigure() -> None:
    """Remove the projects."""
    if HOME is not None:
        shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def coarse_figures():
    """Let calculations in copies of this process draw nothing.

    The first run of each protocol is a new process, which draws its figures, and `tests/core` draws
    those of every command.
    """
    with figures_saved(save_empty):
        yield


@pytest.fixture(scope="session")
def runner():
    """The project in which the tests run their protocols."""
    from scipion_project import Runner

    before = Path.cwd()
    yield Runner("Tests")
    os.chdir(before)


@pytest.fixture(autouse=True)
def in_project(request, monkeypatch):
    """File names of Scipion are relative to the project."""
    if "runner" in request.fixturenames:
        monkeypatch.chdir(request.getfixturevalue("runner").project.path)


@pytest.fixture(autouse=True)
def closed_figures():
    """Close what a viewer or a wizard has opened."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
