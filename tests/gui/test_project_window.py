"""The demonstration, and its project opened on a real screen (Xvfb).

The screenshots are kept in the folder that OCCUPY_SCREENSHOTS names, if it does.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

if importlib.util.find_spec("pyworkflow") is None:  # imported here, it would miss its settings
    pytest.skip("Scipion is not installed (extra [scipion])", allow_module_level=True)
pytest.importorskip("tkinter", reason="this Python has no tkinter (apt-get install python3-tk)")

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SHOTS = os.environ.get("OCCUPY_SCREENSHOTS")
PROGRAMS = ("Xvfb", "openbox", "xdotool")
SCREEN = (1600, 1000)
SLICES = ("across z", "density", "voxel", "Contour")
SEEN = {  # of each protocol: what is opened, and words that stand in it
    "local_scale": {
        "showSlices": (*SLICES, "Local scale", "±", "Trust"),
        "showSolvent": ("density of the low-passed map",),
        "showHistogram": ("local scale",),
        "showParameters": ("Warnings", "map"),
        "showChimera": (".cxc",),
        "scaleVolume": ("Local scale",),
        "scaleSigmaVolume": ("standard error",),
        "confidenceVolume": ("confidence",),
        "solventMask": ("Solvent definition",),
    },
    "modify_map": {
        "showSlices": SLICES,
        "showModifiedSlices": (*SLICES, "Input", "three axes"),
        "showModification": ("local scale of the input",),
        "amplifiedVolume": ("Amplified",),
        "attenuatedVolume": ("Attenuated",),
        "sigmoidVolume": ("Sigmoid",),
        "keepMask": ("Keep mask",),
        "subtractMask": ("Subtract mask",),
    },
    "local_scale_of_a_set": {
        "scaleVolumes": ("all maps", "import_state_1", "Local scale"),
        "solventMasks": ("all maps", "Solvent definition"),
    },
    "modified_set": {"amplifiedVolumes": ("all maps",), "keepMasks": ("Keep mask",)},
    "resolution_of_a_set": {
        "resolution_Volumes": ("globalResolution", "all maps"),
        "resolutionMasks": ("Mask",),
    },
    "local_resolution": {
        "showSlices": (*SLICES, "local resolution (Å)", "Trust"),
        "showSigma": ("standard error (Å)",),
        "showHistogram": ("local resolution",),
        "showGlobal": ("frequency",),
        "showParameters": ("Warnings", "window = "),
        "resolution_Volume": ("FSC 0.143",),
        "resolution05_Volume": ("FSC 0.5",),
        "resolutionMask": ("Mask",),
        "globalResolution": ("frequency",),
    },
    "region_occupancy": {
        "showBars": ("A*", "B", "C"),
        "showHeatmap": ("1.00",),
        "showTable": ("Chain B", "occupancy", "sigma", "flags"),
        "showMasks": (*SLICES, "Mask"),
        "regionOccupancies": ("Chain B", "region", "occupancy"),
        "regionMasks": ("Mask",),
        "occupancyModels": ("1.00",),
    },
    "structural_blocks": {
        "showSlices": (*SLICES, "B1", "B4"),
        "showHeatmap": ("B1",),
        "showDependence": ("B1",),
        "showThresholds": ("threshold",),
        "showMasks": ("meanOccupancy",),
        "showBlockTable": ("meanOccupancy",),
        "blockMasks": ("B1", "voxels"),
        "outputVolumes": ("import_vol_000", "B1", "state", "threshold"),
        "subsetVolumes": ("B1", "all maps"),
    },
}
OF_RELION = {  # only with scipion-em-relion, which reads the classes
    "analyse_classes": {
        "showTable": ("absent", "verdict"),
        "showBars": ("full*", "part"),
        "showHeatmap": ("0.00",),
        "showDendrogram": ("p-value",),
        "showResolutions": ("all maps", "FSC 0.143", "particles"),
        "showScale": (*SLICES, "Local scale"),
        "showMerged": ("run_it016_class002 + run_it016_class003", "25"),
        "showParameters": ("Warnings",),
        "scaleVolume": ("Local scale",),
        "resolution_Volumes": ("globalResolution", "all maps"),
        "regionOccupancies": ("part", "absent", "verdict"),
        "mergedClasses": ("run_it016_class002 + run_it016_class003",),
    },
    "select_particles": {
        "showPurity": ("share of the particles", "part"),
        "showParticles": ("occupancy_part", "occupancyClass"),
        "selectedParticles": ("25 of 36 particles", "occupancy_part"),
    },
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Folder in which the demonstration ran, and what it said."""
    folder = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "main_job.py"), "--folder", str(folder)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


@pytest.fixture(scope="module")
def display():
    """Name of a display with a window manager."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        pytest.skip(f"no screen: {', '.join(missing)} not installed (xvfb, openbox, xdotool)")
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


def test_the_command_that_the_demonstration_prints_opens_a_window(demo, display, tmp_path):
    command = demo[1].split("To open the project in Scipion, on a screen\n")[1].splitlines()[0]
    bare = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "DISPLAY": display}
    with (tmp_path / "said").open("w") as said:
        shell = subprocess.Popen(
            ["/bin/sh", "-c", command], env=bare, start_new_session=True, stdout=said, stderr=said
        )
    try:
        end = time.monotonic() + 90
        found = ""
        while not found and time.monotonic() < end:
            time.sleep(0.5)
            search = ["xdotool", "search", "--onlyvisible", "--name", "LocalScale"]
            found = subprocess.run(
                search, env={**os.environ, "DISPLAY": display}, capture_output=True, check=False
            ).stdout
        assert found, (tmp_path / "said").read_text()
        assert "Traceback" not in (tmp_path / "said").read_text()
    finally:
        os.killpg(shell.pid, signal.SIGKILL)
        shell.wait()


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
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.skipif(not SHOTS, reason="only for the figures (OCCUPY_SCREENSHOTS)")
def test_screenshots_of_the_demonstration(demo, display, tmp_path):
    drive(demo[0], "LocalScale", display, tmp_path)


def test_all_that_can_be_opened_in_the_project_window_has_content(analysis, display, tmp_path):
    opened = drive(analysis, "Analysis", display, tmp_path)
    relion = importlib.util.find_spec("relion") is not None
    assert not relion or opened["executed"] == ["OccupyProtSelectParticles"]
    for name, seen in (SEEN | OF_RELION if relion else SEEN).items():
        assert {f"project_{name}", f"form_{name}", f"viewer_{name}"} <= set(opened)
        for what, words in seen.items():
            said = "\n".join(
                opened[f"output_{name}_{what}" if what[:4] != "show" else f"{name}_{what}"]
            )
            for word in words:
                assert word in said, (name, what, word)


def drive(folder, project, display, tmp_path):
    """Open a project on the screen, and each form, wizard, viewer and output; return the words."""
    shots = Path(SHOTS or tmp_path).resolve()
    done = subprocess.run(
        [sys.executable, "-O", str(HERE / "drive.py"), project, str(shots)],
        env=settings(folder) | {"DISPLAY": display, "BROWSER": "true"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "TclError" not in done.stderr
    return json.loads((shots / "opened.json").read_text())
