"""The demonstration, and its project opened on a real screen (Xvfb).

The screenshots are kept in the folder that OCCUPY_SCREENSHOTS names, if it does.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

if importlib.util.find_spec("pyworkflow") is None:  # imported here, it would miss its settings
    pytest.skip("Scipion is not installed (extra [scipion])", allow_module_level=True)
pytest.importorskip("tkinter", reason="this Python has no tkinter (apt-get install python3-tk)")

from PIL import Image

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PROGRAMS = ("Xvfb", "openbox", "import", "xdotool")
SCREEN = (1500, 950)
SHOWN = {
    "local_scale": ("Slices", "Solvent", "Histogram", "Parameters", "Chimera"),
    "modify_map": ("Slices", "Solvent", "Histogram", "ModifiedSlices", "Modification"),
    "local_resolution": ("Slices", "Sigma", "Histogram", "Global", "Parameters", "Chimera"),
    "region_occupancy": ("Bars", "Heatmap", "Parameters", "Chimera"),
    "structural_blocks": ("Slices", "Heatmap", "Dependence", "Thresholds", "Chimera"),
}
WIZARDS = ("local_scale", "modify_map", "region_occupancy")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Folder in which the demonstration ran, and what it said."""
    folder = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "main_job.py"), "--folder", str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


@pytest.fixture(scope="module")
def display():
    """Name of a display with a window manager."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        pytest.skip(
            f"no screen: {', '.join(missing)} not installed (xvfb, openbox, imagemagick, xdotool)"
        )
    reader, writer = os.pipe()
    width, height = SCREEN
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{width}x{height}x24"],
        pass_fds=(writer,),
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    with os.fdopen(reader) as stream:
        name = ":" + stream.readline().strip()
    manager = subprocess.Popen(
        ["openbox"],
        env={**os.environ, "DISPLAY": name},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield name
    for process in (manager, server):
        process.terminate()
        process.wait()


def test_the_demonstration_says_where_everything_is(demo):
    folder, said = demo
    assert "Traceback" not in said
    named = [Path(word.rstrip(":")) for word in said.split() if word.startswith(str(folder))]
    assert all(path.exists() for path in named)
    for suffix in (".mrc", ".json", ".txt", ".png", ".cxc"):
        assert any(path.suffix == suffix for path in named), suffix
    for log in folder.rglob("run.std*"):
        assert "Traceback" not in log.read_text(), log


def settings(folder):
    """The environment in which Scipion works in a folder only."""
    from scipion.utils import getTemplatesPath

    (folder / "scipion").mkdir(exist_ok=True)
    return {
        **os.environ,
        "SCIPION_HOME": str(folder / "scipion"),
        "SCIPION_USER_DATA": str(folder),
        "SCIPION_DOMAIN": "pwem",
        "SCIPION_NOTIFY": "False",
        "SCIPION_HOSTS": str(Path(getTemplatesPath()) / "hosts.template"),
        "SCIPION_PYTHON": sys.executable,
        "PYTHONPATH": os.pathsep.join(
            [str(HERE.parent / "support"), os.environ.get("PYTHONPATH", "")]
        ),
    }


@pytest.fixture(scope="module")
def analysis(tmp_path_factory):
    """Folder with a project of the other protocols."""
    folder = tmp_path_factory.mktemp("analysis")
    done = subprocess.run(
        [sys.executable, str(HERE / "prepare.py"), "Analysis"],
        env=settings(folder) | {"MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_forms_and_viewers_open_in_the_project_window(demo, display, tmp_path):
    drive(demo[0], "LocalScale", display, tmp_path, ("local_scale", "modify_map"))


def test_forms_and_viewers_of_the_other_protocols_open_too(analysis, display, tmp_path):
    names = ("local_resolution", "region_occupancy", "structural_blocks")
    drive(analysis, "Analysis", display, tmp_path, names)


def drive(folder, project, display, tmp_path, names):
    """Open a project on the screen, and each form and viewer; look at the pictures."""
    shots = Path(os.environ.get("OCCUPY_SCREENSHOTS", tmp_path)).resolve()
    done = subprocess.run(
        [sys.executable, "-O", str(HERE / "drive.py"), project, str(shots)],
        env=settings(folder) | {"DISPLAY": display},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    first = f"project_{names[-1]}"
    wanted = [first, *(f"{window}_{name}" for window in ("form", "viewer") for name in names)]
    wanted += [f"wizard_{name}" for name in names if name in WIZARDS]
    wanted += [f"{name}_show{what}" for name in names for what in SHOWN[name]]
    pictures = {name: np.asarray(Image.open(shots / f"{name}.png").convert("L")) for name in wanted}
    for name, picture in pictures.items():
        assert picture.shape == SCREEN[::-1]
        # A window was opened over the project.
        if name != first:
            changed = np.count_nonzero(picture != pictures[first])
            assert changed > 0.03 * picture.size, name
