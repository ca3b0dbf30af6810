"""What the viewer shows, drawn without a screen (tests/gui has it on one)."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")

import numpy as np
import pyworkflow
from pwem.viewers import Chimera
from pyworkflow.viewer import MessageView, TextView
from scipion_project import opened, read, shown, two_bodies, viewer_of, write_mrc

from occupy_scipion.preferred_viewers import preferOurs
from occupy_scipion.records.scale import ScaleRecord
from occupy_scipion.viewers import OccupyOutputViewer, viewer_base


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
    scene = shown(viewer_of(runner, modified), "showSlices").scene
    assert [item.name for item in scene.items] == ["import_seen"]
    assert scene.layer == "Local scale"
    assert "Confidence" in scene.titles()


def test_the_error_of_a_scale_stands_beside_it(runner, scaled_set):
    scene = shown(viewer_of(runner, scaled_set), "showSlices").scene
    assert scene.titles() == ["Local scale", "Trust", "Standard error", "Confidence"]
    error = scene.items[0].layer("Standard error")
    low, high = error.palette.ends
    assert low == 0
    # What is nearly the same everywhere is shown neither as nothing nor as the most.
    assert 0.05 < np.median(error.values.sample) / high < 0.7
    scale = scene.items[0].layer("Local scale")
    inside = np.argwhere(np.isfinite(scale.plane(0, 12)))[0]
    scene.place = [12, *map(int, inside)]
    value, sigma = scale.values.value(scene.place), error.values.value(scene.place)
    assert f"Local scale {value:.2f} ± {sigma:.2f}" in scene.words()


def test_slices_of_the_modified_maps(runner, modified):
    scene = shown(viewer_of(runner, modified), "showModifiedSlices").scene
    assert [item.name for item in scene.items] == ["Input", "Amplified", "Sigmoid"]
    assert scene.modes() == ("three axes", "two side by side", "difference", "all maps")


def test_a_double_click_on_each_output_opens_it(runner, modified, scaled_set):
    views = opened(runner, modified)
    for name, title in (("amplifiedVolume", "Amplified"), ("sigmoidVolume", "Sigmoid")):
        scene = views[name].scene
        assert scene.items[scene.item].name == title
        output = read(getattr(modified, name))
        np.testing.assert_array_equal(scene.values(scene.panels()[0]), output[scene.place[0]])
    assert set(views) == {"amplifiedVolume", "sigmoidVolume"}
    views = opened(runner, scaled_set)
    shows = {
        "scaleVolumes": "Local scale",
        "scaleSigmaVolumes": "Standard error",
        "confidenceVolumes": "Confidence",
    }
    for name, layer in shows.items():
        scene = views[name].scene
        assert scene.mode == "all maps"
        assert len(scene.panels()) == 2
        assert scene.layer == layer
        for item, output in zip(scene.items, getattr(scaled_set, name), strict=True):
            values = item.layer(layer).values
            np.testing.assert_array_equal(values.plane(2, 7), read(output)[..., 7])
    assert set(views) == set(shows)


def test_what_others_have_made_stays_theirs(runner, imported):
    found = pyworkflow.Config.getDomain().findViewers(imported[0].outputVolume, "tkinter")
    assert OccupyOutputViewer not in found


def test_ours_stands_before_the_viewers_that_scipion_prefers_once():
    names = {"Volume": ["pwem.viewers.DataViewer"]}
    preferOurs(names)
    preferOurs(names)
    ours = "occupy_scipion.viewers.OccupyOutputViewer"
    assert names["Volume"] == [ours, "pwem.viewers.DataViewer"]
    assert importlib.import_module("occupy_scipion.viewers").OccupyOutputViewer
    assert set(names) == {cls.__name__ for cls in OccupyOutputViewer._targets}
    chosen = {"Volume": ["pwem.viewers.DataViewer", ours]}
    preferOurs(chosen)
    assert chosen["Volume"][0] == "pwem.viewers.DataViewer"


def test_every_output_of_every_protocol_has_a_view():
    domain = pyworkflow.Config.getDomain()
    for protocol in domain.getProtocols().values():
        if not protocol.__module__.startswith("occupy_scipion."):
            continue
        (viewer,) = (v for v in domain.getViewers().values() if protocol in v._targets)
        for name, cls in protocol._possibleOutputs.items():
            assert cls in OccupyOutputViewer._targets, name
            views = getattr(viewer, "shownOutputs", {name: ()})
            assert name in views or name.removesuffix("s") in views, name


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


def test_the_warnings_of_a_run_stand_on_its_figures_and_slices(runner, modified, monkeypatch):
    told = ("The solvent model is bad.", "Look at it.")
    monkeypatch.setattr(ScaleRecord, "warnings", told)
    viewer = viewer_of(runner, modified)
    figure = shown(viewer, "showHistogram").figure
    assert figure.get_suptitle() == "Warning: The solvent model is bad. (1 more)"
    assert shown(viewer, "showSlices").warnings == told


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


def test_the_report_of_a_set_has_a_tab_for_each_volume(runner, scaled_set, monkeypatch):
    opened_files = []
    monkeypatch.setattr(viewer_base, "open_report", lambda path: not opened_files.append(path))
    viewer = viewer_of(runner, scaled_set)
    viewer.item.set(1)
    assert viewer._getVisualizeDict()["showReport"]("showReport") == []
    text = opened_files[0].read_text(encoding="utf-8")
    tabs = re.findall(r'role="tab"[^>]*>([^<]*)<', text)
    assert tabs[0] == "Comparison of 2 local scales"
    chosen_first = [(True, False), (False, True)]
    assert [("state_1" in tab, "state_0" in tab) for tab in tabs[1:]] == chosen_first


def test_a_protocol_that_has_not_run_shows_a_message(runner, imported):
    viewer = viewer_of(runner, runner.new("OccupyProtLocalScale", inputVolumes=imported))
    view = shown(viewer, "showSlices")
    assert "not ready" in view.getMessage()
