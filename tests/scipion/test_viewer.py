"""What the viewer shows, drawn without a screen (tests/gui has it on one)."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")

import numpy as np
from matplotlib import pyplot
from pwem.viewers import Chimera
from pyworkflow.viewer import MessageView, TextView
from scipion_project import read, shown, two_bodies, viewer_of, write_mrc

from occupy_core.maps.grid import DensityMap, Grid
from occupy_scipion.records.scale import ScaleRecord
from occupy_scipion.viewers.slices import Panel, SliceBrowser


@pytest.fixture(scope="module")
def imported(runner):
    return runner.volume(write_mrc(runner.inputs / "seen.mrc", two_bodies()))


@pytest.fixture(scope="module")
def modified(runner, imported):
    return runner.run(
        "OccupyProtModifyMap", "modified", inputVolume=imported, amplify=4.0, sigmoid=3.0
    )


@pytest.fixture(scope="module")
def scaled_set(runner):
    folder = runner.inputs / "seen_set"
    for i in range(2):
        write_mrc(folder / f"state_{i}.mrc", two_bodies(i))
    return runner.run("OccupyProtLocalScale", "set", inputVolumes=runner.volumes(folder))


def test_slices_of_map_scale_and_confidence(runner, modified):
    plotter = shown(viewer_of(runner, modified), "showSlices")
    titles = [axes.get_title() for axes in plotter.figure.axes if axes.get_title()]
    assert titles == ["Input", "Local scale", "Confidence"]


def test_the_error_of_a_scale_stands_beside_it(runner, scaled_set):
    plotter = shown(viewer_of(runner, scaled_set), "showSlices")
    titles = [axes.get_title() for axes in plotter.figure.axes if axes.get_title()]
    assert titles == ["Input", "Local scale", "Standard error", "Confidence"]
    error = plotter.figure.axes[2].images[0]
    low, high = error.get_clim()
    assert low == 0
    # What is nearly the same everywhere is shown neither as nothing nor as the most.
    assert 0.05 < np.median(np.asarray(error.get_array())) / high < 0.7


def test_slices_of_the_modified_maps(runner, modified):
    plotter = shown(viewer_of(runner, modified), "showModifiedSlices")
    titles = [axes.get_title() for axes in plotter.figure.axes if axes.get_title()]
    assert titles == ["Input", "Amplified", "Sigmoid", "Local scale"]


@pytest.mark.parametrize(("axis", "index"), [("x", 2), ("y", 1), ("z", 0)])
def test_the_slider_shows_the_slice_it_says(runner, modified, axis, index):
    viewer = viewer_of(runner, modified)
    viewer.axis.set("xyz".index(axis))
    plotter = shown(viewer, "showSlices")
    plotter.browser.slider.set_val(8)
    record = ScaleRecord.of(viewer.protocol._getExtraPath("modified"))
    confidence = read_file(record.files["confidence"])
    image = plotter.figure.axes[2].images[0].get_array()
    np.testing.assert_array_equal(image, confidence.take(7, axis=index))


def read_file(path):
    class Named:
        def getFileName(self):
            return path

    return read(Named())


def test_slices_keep_the_shape_of_the_box():
    figure = pyplot.figure()
    grid = Grid((6, 10, 20), (1.0, 1.0, 2.0))
    density = DensityMap(np.random.default_rng(0).normal(size=grid.shape), grid)
    SliceBrowser(figure, [Panel("map", density)], "y")
    assert figure.axes[0].images[0].get_extent() == [0, 20, 0, 12]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("showSolvent", "solvent model"),
        ("showHistogram", "local scale"),
        ("showModification", "local scale of the input"),
        ("showModification", "amplified, power 4"),
    ],
)
def test_plots(runner, modified, name, text):
    plotter = shown(viewer_of(runner, modified), name)
    plotter.figure.canvas.draw()
    words = [a.get_xlabel() for a in plotter.figure.axes]
    words += [t.get_text() for legend in plotter.figure.legends for t in legend.get_texts()]
    assert any(text in word for word in words)


def test_the_solvent_model_shown_is_the_one_that_was_used(runner, modified):
    for folder in ("scale", "modified"):
        record = ScaleRecord.of(modified._getExtraPath(folder))
        shown_model, used = record.solventModel(), record.values["limits"]
        assert shown_model.mean == used["solvent_mean"]
        assert shown_model.value_at_half_confidence == used["value_at_half_confidence"]


def test_parameters_and_warnings_are_the_log_of_the_run(runner, modified):
    view = shown(viewer_of(runner, modified), "showParameters")
    assert isinstance(view, TextView)
    (file,) = view.getFileList()
    assert "tau" in Path(file).read_text().lower()


def test_without_chimerax_the_viewer_says_where_the_script_lies(runner, modified, monkeypatch):
    monkeypatch.setattr(Chimera, "_program", "/no/such/ChimeraX")
    view = shown(viewer_of(runner, modified), "showChimera")
    assert isinstance(view, MessageView)
    script = next(word for word in view.getMessage().split() if word.endswith(".cxc"))
    assert Path(script).is_absolute()
    assert "scale_color" in Path(script).read_text()


def test_with_chimerax_the_script_is_opened(runner, modified, monkeypatch, tmp_path):
    program = tmp_path / "bin" / "ChimeraX"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(Chimera, "_program", str(program))
    view = shown(viewer_of(runner, modified), "showChimera")
    assert ".cxc" in view._cmd
    assert str(program) in view._cmd


def test_a_volume_of_a_set_can_be_chosen(runner, scaled_set):
    viewer = viewer_of(runner, scaled_set)
    assert viewer.getParam("item").choices == ["import_state_0", "import_state_1"]
    viewer.item.set(1)
    plotter = shown(viewer, "showHistogram")
    assert plotter.figure.axes[0].get_title() == "import_state_1"


def test_a_protocol_that_has_not_run_shows_a_message(runner, imported):
    viewer = viewer_of(runner, runner.new("OccupyProtLocalScale", inputVolumes=imported))
    view = shown(viewer, "showSlices")
    assert "not ready" in view.getMessage()
