"""Live previews of the forms, without a screen (tests/gui has them on one)."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")

import numpy as np
import pyworkflow
from pwem.objects import Pointer
from pyworkflow.gui import dialog
from scipion_project import VOXEL, read, two_bodies, write_mrc

from occupy_core.errors import ParameterError
from occupy_core.scale.lowpass import occupy_lowpass
from occupy_core.scale.params import ScaleParams
from occupy_scipion.convert.forms import paramsFromForm
from occupy_scipion.convert.volumes import readVolume
from occupy_scipion.records.scale import ScaleRecord
from occupy_scipion.wizards.preview import MissingInput
from occupy_scipion.wizards.wizard_blocks import ThresholdPreview
from occupy_scipion.wizards.wizard_lowpass import KernelPreview
from occupy_scipion.wizards.wizard_modify import ModifyPreview
from occupy_scipion.wizards.wizard_scale import ScalePreview, SolventPreview

BOTH = ("OccupyProtLocalScale", "OccupyProtModifyMap")


@pytest.fixture(scope="module")
def imported(runner):
    rng = np.random.default_rng(5)
    data = two_bodies(occupancy=0.6)
    halves = [data + sign * rng.normal(0, 0.05, data.shape) for sign in (1, -1)]
    files = [write_mrc(runner.inputs / f"half{i}.mrc", half) for i, half in enumerate(halves)]
    return runner.volume(write_mrc(runner.inputs / "wizard.mrc", data), halves=files)


def form_of(runner, name, imported, **values):
    key = "inputVolumes" if name == "OccupyProtLocalScale" else "inputVolume"
    return runner.new(name, **{key: imported}, **values)


def planes_of(preview, item):
    """What the window shows of a map: planes on all axes."""
    scene = preview.scene
    scene.item = [i.name for i in scene.items].index(item)
    scene.place = [11, 12, 13]
    return {panel.axis: scene.values(panel) for panel in scene.panels()}


def assert_same_bytes(shown, data):
    planes = {"z": data[11], "y": data[:, 12], "x": data[:, :, 13]}
    for axis, plane in planes.items():
        assert shown[axis].tobytes() == np.ascontiguousarray(plane).tobytes(), axis


# ---- every form
@pytest.mark.parametrize(
    ("name", "fields"),
    [
        *(
            (name, {"lowpass", "kernelSize", "kernelRadius", "granularity", "hedgeConfidence"})
            for name in BOTH
        ),
        ("OccupyProtModifyMap", {"amplify", "attenuate", "sigmoid", "pivot"}),
        ("OccupyProtBlocks", {"threshold", "thresholdRule", "thresholds"}),
        ("OccupyProtRegionOccupancy", {"chains", "reference", "maskRadius", "maskSoft"}),
    ],
)
def test_the_fields_that_are_chosen_by_looking_have_a_wizard(runner, monkeypatch, name, fields):
    said = []
    monkeypatch.setattr(dialog, "showWarning", lambda *words: said.append(words[1]))
    protocol = runner.new(name)
    found = pyworkflow.Config.getDomain().findWizards(protocol, "tkinter")
    assert fields <= set(found)
    form = SimpleNamespace(protocol=protocol, root=None)
    for field in fields:  # without an input, a sentence says so
        found[field]().show(form)
        assert said.pop().startswith("Choose the ")


def test_the_controls_start_with_what_the_form_has(runner, imported):
    protocol = form_of(runner, "OccupyProtModifyMap", imported, amplify=7.0, pivot=0.4)
    preview = ModifyPreview(protocol).begin()
    assert preview.values() == {"amplify": 7.0, "attenuate": None, "sigmoid": None, "pivot": 0.4}
    assert preview.words() == ["Amplified: power 7"]


# ---- low-pass and kernel
@pytest.mark.parametrize("name", BOTH)
def test_the_low_passed_map_is_that_of_the_method_with_its_kernel_to_scale(runner, imported, name):
    protocol = form_of(runner, name, imported)
    preview = KernelPreview(protocol).begin()
    density = readVolume(protocol.volumes()[0])
    assert preview.used == ScaleParams(mode="occ").resolve(density.grid)
    preview.update({"lowpass": 6.0, "kernelSize": 7, "kernelRadius": 2.4})
    assert_same_bytes(planes_of(preview, "Low-passed"), occupy_lowpass(density, 6.0).data)
    assert_same_bytes(planes_of(preview, "Map"), density.data)
    assert preview.scene.ball == pytest.approx(2.4 * VOXEL, rel=1e-5)
    used = ScaleParams(lowpass=6.0, kernel_size=7, kernel_radius=2.4).resolve(density.grid)
    assert any(f"{used.n_voxels_in_kernel} voxels" in line for line in preview.words())


def test_values_that_cannot_be_used_are_told(runner, imported):
    preview = KernelPreview(form_of(runner, "OccupyProtLocalScale", imported)).begin()
    with pytest.raises(ParameterError):
        preview.update({"lowpass": None, "kernelSize": 4, "kernelRadius": None})


# ---- the preview equals the run
@pytest.fixture(scope="module")
def scaled(runner, imported):
    values = {"hedgeConfidence": 3.0, "granularity": 15.0}
    return runner.run("OccupyProtLocalScale", "by looking", inputVolumes=imported, **values)


def test_the_scale_and_the_confidence_looked_at_are_those_that_the_run_writes(
    runner, imported, scaled
):
    protocol = form_of(runner, "OccupyProtLocalScale", imported, hedgeConfidence=3.0)
    preview = ScalePreview(protocol).begin()
    before = preview.scene.items[0].layers[0].values.plane(0, 11).tobytes()
    preview.update({"granularity": 15.0})
    layer = preview.scene.items[0].layers[0]
    written = read(scaled.scaleVolume)
    assert layer.values.plane(0, 11).tobytes() == written[11].tobytes()
    assert layer.values.plane(2, 13).tobytes() == written[:, :, 13].tobytes()
    assert layer.error.plane(0, 11).tobytes() == read(scaled.scaleSigmaVolume)[11].tobytes()
    assert before != written[11].tobytes()  # of the default granularity
    solvent = SolventPreview(form_of(runner, "OccupyProtLocalScale", imported)).begin()
    confidence = read(scaled.confidenceVolume)
    assert (
        solvent.scene.items[0].layers[0].values.plane(0, 11).tobytes() != confidence[11].tobytes()
    )
    solvent.update({"hedgeConfidence": 3.0, "lowpass": None})
    shown = solvent.scene.items[0].layers[0].values
    assert shown.plane(0, 11).tobytes() == confidence[11].tobytes()
    record = ScaleRecord.of(scaled._getExtraPath("volume_001"))
    assert solvent.solvent.mean == record.values["limits"]["solvent_mean"]


@pytest.mark.parametrize("given", ["no scale", "a scale"])
def test_the_modified_maps_looked_at_are_those_that_the_run_writes(runner, imported, scaled, given):
    scale = {"inputScale": (scaled, "scaleVolume")} if given == "a scale" else {}
    form = form_of(runner, "OccupyProtModifyMap", imported, **scale)
    preview = ModifyPreview(form).begin()
    chosen = {"amplify": 5.0, "attenuate": 3.0, "sigmoid": 4.0, "pivot": 0.6}
    preview.update(chosen)
    run = runner.run("OccupyProtModifyMap", given, inputVolume=imported, **scale, **chosen)
    for item, output in (
        ("Amplified", run.amplifiedVolume),
        ("Attenuated", run.attenuatedVolume),
        ("Sigmoid", run.sigmoidVolume),
    ):
        assert_same_bytes(planes_of(preview, item), read(output))
    record = ScaleRecord.of(run._getExtraPath("modified"))
    assert record.values["job"]["modify"]["pivot"] == 0.6


# ---- blocks
@pytest.fixture(scope="module")
def ensemble(runner):
    folder = runner.inputs / "wizard_ensemble"
    for i in range(10):
        write_mrc(folder / f"vol_{i}.mrc", 2 * two_bodies(i, occupancy=0.1 * i))
    return runner.volumes(folder)


def blocks_form(runner, ensemble, **values):
    protocol = runner.new("OccupyProtBlocks", **values)
    protocol.inputVolumes.append(Pointer(ensemble[0], extended=ensemble[1]))
    return protocol


def test_the_contours_looked_at_are_the_thresholds_of_the_run(runner, ensemble):
    preview = ThresholdPreview(blocks_form(runner, ensemble)).begin()
    run = runner.launch(blocks_form(runner, ensemble))
    record = run._record()
    levels = preview.scene.levels
    written = {row["volume"]: row["threshold"] for row in record.values["thresholds"]}
    assert levels == pytest.approx(written, rel=1e-5)  # the table has six digits
    assert len(preview.scene.panels()) == 10
    assert all(preview.scene.contour(panel) for panel in preview.scene.panels())
    preview.update({"threshold": 1.25, "thresholdRule": "otsu"})
    assert set(preview.scene.levels.values()) == {1.25}


def test_contours_chosen_by_hand_are_compared_with_those_found(runner, ensemble, tmp_path):
    names = [f"import_vol_{i}" for i in range(3)]
    found = ThresholdPreview(blocks_form(runner, ensemble)).begin().scene.levels
    table = tmp_path / "predictions.csv"  # as SIREN writes it
    rows = [f"{name},{found[name] * f}" for name, f in zip(names, (1, 1, 9), strict=True)]
    table.write_text("\n".join([",denormalized_predictions", *rows]) + "\n")
    preview = ThresholdPreview(blocks_form(runner, ensemble, thresholds=str(table))).begin()
    assert any(line.startswith("2 of 3 given contours are met") for line in preview.words())
    figure = pyplot_figure()
    preview.draw(figure)
    (axes,) = figure.axes
    drawn = axes.lines[-1].get_xydata()
    np.testing.assert_allclose(drawn[:2, 0], drawn[:2, 1])
    assert drawn[2, 0] == pytest.approx(9 * drawn[2, 1])


def pyplot_figure():
    from matplotlib.figure import Figure

    return Figure()


def test_an_input_that_is_gone_is_told(runner, imported):
    protocol = form_of(runner, "OccupyProtLocalScale", imported)
    assert paramsFromForm(protocol, ScaleParams).mode == "occ"
    protocol.inputVolumes.set(None)
    with pytest.raises(MissingInput, match="Choose the input volume"):
        KernelPreview(protocol)
