"""The protocol region occupancy, run in a project."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")

import gemmi
import numpy as np
import pyworkflow
from pwem.objects import AtomStruct, Pointer, SetOfAtomStructs, VolumeMask
from pwem.viewers import Chimera
from scipion_project import header, opened, read, shown, viewer_of, write_mrc
from small_models import GRID, density_of, noisy, three_chains

from occupy_core.commands.regions.job import RegionsJob
from occupy_core.commands.regions.run import run_regions
from occupy_core.commands.shared.colors import OCCUPANCY
from occupy_core.maps.mrc import read_map
from occupy_core.regions.by_model.atoms import read_model
from occupy_core.regions.by_model.estimate import chain_masks
from occupy_scipion.objects import SetOfRegionOccupancies, SetOfVolumeMasks
from occupy_scipion.wizards.preview import MissingInput
from occupy_scipion.wizards.wizard_regions import RegionsPreview

N, VOXEL = GRID.shape[0], GRID.voxel_size[0]
STATES = ({"B": 0.5}, {"B": 0.0, "C": 0.4})


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return three_chains(tmp_path_factory.mktemp("model") / "chains.pdb")


@pytest.fixture(scope="module")
def model(runner, file):
    cls = runner.protocols["ProtImportPdb"]
    values = {"inputPdbData": cls.IMPORT_FROM_FILES, "pdbFile": str(file)}
    return runner.run("ProtImportPdb", "import model", **values), "outputPdb"


@pytest.fixture(scope="module")
def states(file):
    atoms = read_model(file)
    return [noisy(density_of(atoms, state), 0.03, i).data for i, state in enumerate(STATES)]


@pytest.fixture(scope="module")
def imported(runner, states):
    path = write_mrc(runner.inputs / "regions" / "first.mrc", states[0], VOXEL)
    return runner.volume(path, VOXEL, label="import first")


@pytest.fixture(scope="module")
def measured(runner, imported, model):
    return runner.run(
        "OccupyProtRegionOccupancy",
        "chains",
        inputVolumes=imported,
        inputModel=model,
        writeMasks=True,
    )


def rows_of(protocol):
    return {
        (row.map.get(), row.region.get()): row
        for row in (item.clone() for item in protocol.regionOccupancies)
    }


# ---- one volume and a model
def test_each_chain_has_a_row_with_its_occupancy_and_error(measured):
    table = measured.regionOccupancies
    assert type(table) is SetOfRegionOccupancies
    assert table.getSize() == 3
    rows = {region: row for (_, region), row in rows_of(measured).items()}
    assert rows["A"].occupancy.get() == pytest.approx(1.0, abs=0.05)
    assert rows["B"].occupancy.get() == pytest.approx(0.5, abs=0.05)
    for row in rows.values():
        assert 0 < row.sigma.get() < 0.1
        assert row.low.get() < row.occupancy.get() < row.high.get()
        assert row.isReference.get() == (row.region.get() != "B")
        assert row.particles.get() is None


def test_the_viewer_of_sets_shows_the_columns(measured):
    from pwem.viewers.mdviewer import MDViewer
    from pwem.viewers.mdviewer.sqlite_dao import OBJECT_TABLE, ScipionSetsDAO

    table = measured.regionOccupancies
    viewers = pyworkflow.Config.getDomain().findViewers(table, "tkinter")
    assert MDViewer in viewers
    dao = ScipionSetsDAO(table.getFileName())
    tables = dao.getTables()
    classes = tables[OBJECT_TABLE].getDefinitionTable()
    rows = list(dao.iterTable(OBJECT_TABLE, classes=classes))
    assert {"map", "region", "occupancy", "sigma", "low", "high", "flags"} <= set(rows[0])
    assert [row["region"] for row in rows] == ["A", "B", "C"]
    assert rows[1]["occupancy"] == pytest.approx(0.5, abs=0.05)


def test_the_masks_of_the_chains_lie_on_the_volume_and_can_be_chosen_one_by_one(
    runner, imported, measured
):
    volume = getattr(*imported)
    assert type(measured.regionMasks) is SetOfVolumeMasks
    masks = [item.clone() for item in measured.regionMasks]
    assert [mask.region.get() for mask in masks] == ["A", "B", "C"]
    for mask in masks:
        assert type(mask) is VolumeMask
        assert mask.getDim() == (N, N, N)
        assert mask.getSamplingRate() == VOXEL
        assert mask.getShiftsFromOrigin() == volume.getShiftsFromOrigin()
        assert header(mask)[1] == pytest.approx(volume.getShiftsFromOrigin())
        assert 0 <= read(mask).min() <= read(mask).max() == 1
    # The form of a protocol that takes a mask offers each of them.
    protocol = runner.new("OccupyProtLocalResolution")
    runner.project.getRuns(refresh=True)
    offered = runner.project.getProtocolCompatibleOutputs(protocol, [VolumeMask], None)
    names = [pointer.getUniqueId() for pointer in offered]
    assert f"{measured.getObjId()}.regionMasks.2" in names


def test_the_model_has_the_occupancies_in_its_b_column_in_the_frame_of_the_map(measured, imported):
    assert type(measured.occupancyModel) is AtomStruct
    structure = gemmi.read_structure(measured.occupancyModel.getFileName())
    rows = {region: row for (_, region), row in rows_of(measured).items()}
    for chain in structure[0]:
        values = {site.atom.b_iso for site in structure[0].all() if site.chain.name == chain.name}
        (value,) = values
        assert value == pytest.approx(100 * rows[chain.name].occupancy.get(), abs=0.1)


def test_summary_methods_and_citations_speak_of_the_result(measured):
    lines = measured.summary()
    assert lines[0].startswith("Chain B is at 0.")
    assert lines[0].endswith("both other chains are full.")
    assert any("relative to A and C" in line for line in lines)
    assert any(line.startswith("B: 0.") and "±" in line for line in lines)
    assert "3 regions in the map" in measured._methods()[0]
    assert not any("not found" in line for line in measured.citations())


def test_the_outputs_are_related_to_volume_and_model(measured, imported, model):
    creators = {relation["object_parent_id"] for relation in measured.getRelations()}
    assert creators == {imported[0].getObjId(), model[0].getObjId()}
    assert len(measured.getRelations()) == 6


# ---- half maps and a model
@pytest.fixture(scope="module")
def halves(runner, file):
    """Two half maps that differ by more than their noise in a chain, after their mean."""
    atoms = read_model(file)
    made = [noisy(density_of(atoms, {"B": q}), 0.03, i).data for i, q in enumerate((0.35, 0.65))]
    folder = runner.inputs / "halves"
    names = ("whole", "half_1", "half_2")
    for name, data in zip(names, (sum(made) / 2, *made), strict=True):
        write_mrc(folder / f"{name}.mrc", data, VOXEL)
    return [folder / f"{name}.mrc" for name in names]


def test_with_a_model_half_maps_are_used_as_by_the_command_line(runner, halves, model, tmp_path):
    whole, *pair = halves
    imported = runner.volume(whole, VOXEL, halves=pair, label="import halves")
    protocol = runner.new("OccupyProtRegionOccupancy", inputVolumes=imported, inputModel=model)
    assert protocol.validate() == []
    runner.launch(protocol)
    job = RegionsJob.load(Path(protocol.getResultFolder()) / "params.json")
    assert [read_map(path).data.tobytes() for path in (*job.half1, *job.half2)] == [
        read_map(path).data.tobytes() for path in pair
    ]
    table = (Path(protocol.getResultFolder()) / "regions.csv").read_bytes()
    for name, more in (("with", {}), ("without", {"half1": (), "half2": ()})):
        again = replace(job, outdir=tmp_path / name, report=False, **more)
        run_regions(again)
        same = (tmp_path / name / "regions.csv").read_bytes() == table
        assert same == (name == "with")  # half maps decide something


def test_half_maps_of_some_maps_only_are_told(runner, halves, model, imported):
    whole, *pair = halves
    more = runner.volume(whole, VOXEL, halves=pair, label="import halves again")
    protocol = runner.new("OccupyProtRegionOccupancy", inputVolumes=imported, inputModel=model)
    protocol.moreVolumes.append(Pointer(more[0], extended=more[1]))
    assert protocol.validate() == []
    assert any("1 of 2 volumes have half maps" in text for text in protocol.warnings())
    (first, second) = (protocol._regionsArguments()[0]["sources"][i]["halfMaps"] for i in (0, 1))
    assert (len(first), len(second)) == (0, 2)


# ---- classes, sets, masks
def test_a_set_of_volumes_has_one_reference_and_a_model_each(runner, states, model):
    folder = runner.inputs / "region_set"
    for i, data in enumerate(states):
        write_mrc(folder / f"state_{i}.mrc", data, VOXEL)
    protocol = runner.run(
        "OccupyProtRegionOccupancy",
        "set",
        inputVolumes=runner.volumes(folder, voxel=VOXEL),
        inputModel=model,
        reference="A",
        chains="B, C",
    )
    rows = rows_of(protocol)
    first, second = "import_state_0", "import_state_1"
    assert set(rows) == {(m, r) for m in (first, second) for r in "BC"}
    assert rows[first, "B"].occupancy.get() == pytest.approx(0.5, abs=0.05)
    assert rows[second, "B"].occupancy.get() == pytest.approx(0.0, abs=0.05)
    assert rows[second, "C"].occupancy.get() == pytest.approx(0.4, abs=0.05)
    assert type(protocol.occupancyModels) is SetOfAtomStructs
    assert [item.getObjLabel() for item in protocol.occupancyModels] == [first, second]
    assert not protocol.hasAttribute("occupancyModel")
    assert any("differences between maps are significant" in s for s in protocol.summary())


def test_masks_and_sets_of_masks_are_regions_by_their_names(runner, file, imported, measured):
    atoms = read_model(file)
    (whole,) = (m for m in chain_masks(atoms, GRID, radius=3.0, soft=3.0) if m.name == "A")
    extra = runner.mask(write_mrc(runner.inputs / "A_again.mrc", whole.data, VOXEL), VOXEL)
    protocol = runner.new(
        "OccupyProtRegionOccupancy", "masks", inputVolumes=imported, regionsFrom=1
    )
    for producer, name in ((measured, "regionMasks"), extra):
        protocol.inputMasks.append(Pointer(producer, extended=name))
    runner.launch(protocol)
    rows = {region: row for (_, region), row in rows_of(protocol).items()}
    assert set(rows) == {"A", "B", "C", "A_again"}
    assert rows["B"].occupancy.get() == pytest.approx(0.5, abs=0.2)
    assert not protocol.hasAttribute("occupancyModel")


# ---- what the viewer shows
def test_the_viewer_draws_bars_and_a_heat_map_and_opens_the_table(runner, measured):
    viewer = viewer_of(runner, measured)
    bars = shown(viewer, "showBars").figure.axes[0]
    heights = [bar.get_height() for bar in bars.patches]
    expected = [row.occupancy.get() for row in rows_of(measured).values()]
    np.testing.assert_allclose(heights, expected)
    labels = [label.get_text() for label in bars.get_xticklabels()]
    assert labels == ["A*", "B", "C*"]  # with the reference marked
    (cells,) = shown(viewer, "showHeatmap").figure.axes[0].collections
    np.testing.assert_allclose(cells.get_facecolor()[:, :3], OCCUPANCY.rgb(expected), atol=1e-6)
    table = shown(viewer, "showTable")
    column = table.columns.index("occupancy")
    np.testing.assert_allclose([row[column] for row in table.rows], expected)


def test_a_double_click_on_each_output_opens_it(runner, measured):
    views = opened(runner, measured)
    table = views["regionOccupancies"]
    assert {"map", "region", "occupancy", "sigma", "flags"} <= set(table.columns)
    assert len(table.rows) == len(measured.regionOccupancies)
    scene = views["regionMasks"].scene
    assert [item.name for item in scene.items] == ["A", "B", "C"]
    for item, mask in zip(scene.items, measured.regionMasks, strict=True):
        np.testing.assert_array_equal(item.layers[0].values.plane(0, 9), read(mask)[9])
    labels = views["occupancyModel"].figure.axes[0].get_xticklabels()
    assert [label.get_text() for label in labels] == ["A*", "B", "C*"]
    assert set(views) == {"regionOccupancies", "regionMasks", "occupancyModel"}


def test_the_viewer_has_the_script_for_chimerax_and_names_the_files(runner, measured, monkeypatch):
    monkeypatch.setattr(Chimera, "_program", "/no/such/ChimeraX")
    viewer = viewer_of(runner, measured)
    message = shown(viewer, "showChimera").getMessage()
    script = next(word for word in message.split() if word.endswith(".cxc"))
    assert "color byattribute" in Path(script).read_text()
    (file,) = shown(viewer, "showParameters").getFileList()
    assert "occupancy.defattr" in Path(file).read_text()


# ---- the wizard
def test_the_regions_looked_at_are_those_of_the_form_with_the_masks_of_the_run(
    runner, imported, measured, model
):
    protocol = runner.new("OccupyProtRegionOccupancy", inputVolumes=imported, inputModel=model)
    preview = RegionsPreview(protocol).begin()
    assert [control.name for control in preview.controls][:2] == ["reference", "chains"]
    assert preview.controls[0].choices == ("A", "B", "C")
    values = {name: getattr(measured, name).get() for name in ("maskRadius", "maskSoft")}
    preview.update({"reference": None, "chains": None, **values})
    for item, written in zip(preview.scene.items, measured.regionMasks, strict=True):
        mask = item.layers[0].values
        for axis in range(3):
            plane = np.ascontiguousarray(read(written).take(20, axis=axis))
            assert mask.plane(axis, 20).tobytes() == plane.tobytes()
    before = preview.scene.items[0].layers[0].values.plane(0, 20).sum()
    preview.update({**values, "maskRadius": values["maskRadius"] + 3})
    assert preview.scene.items[0].layers[0].values.plane(0, 20).sum() > before


def test_masks_are_shown_by_the_names_of_their_regions(runner, imported, measured):
    protocol = runner.new("OccupyProtRegionOccupancy", inputVolumes=imported, regionsFrom=1)
    protocol.inputMasks.append(Pointer(measured, extended="regionMasks"))
    preview = RegionsPreview(protocol).begin()
    assert [item.name for item in preview.scene.items] == ["A", "B", "C"]
    assert [control.name for control in preview.controls] == ["reference", "chains"]


def test_the_wizard_asks_for_a_model_first(runner, imported):
    protocol = runner.new("OccupyProtRegionOccupancy", inputVolumes=imported)
    with pytest.raises(MissingInput, match="Choose the model"):
        RegionsPreview(protocol)


# ---- what is refused
def test_a_missing_model_or_mask_is_a_sentence_of_the_form(runner, imported):
    (error,) = runner.new("OccupyProtRegionOccupancy", inputVolumes=imported).validate()
    assert "No atomic model is given" in error
    masks = runner.new("OccupyProtRegionOccupancy", inputVolumes=imported, regionsFrom=1)
    (error,) = masks.validate()
    assert "No mask is given" in error


def test_values_outside_their_limits_and_other_grids_are_refused(runner, imported, model):
    protocol = runner.new(
        "OccupyProtRegionOccupancy", inputVolumes=imported, inputModel=model, resolution=0.5
    )
    (error,) = protocol.validate()
    assert "resolution is 0.5" in error
    small = runner.mask(write_mrc(runner.inputs / "s.mrc", np.ones((20, 20, 20)), VOXEL), VOXEL)
    protocol = runner.new("OccupyProtRegionOccupancy", inputVolumes=imported, regionsFrom=1)
    protocol.inputMasks.append(Pointer(small[0], extended=small[1]))
    (error,) = protocol.validate()
    assert "20 x 20 x 20" in error


def test_a_chain_that_is_not_there_fails_with_its_sentence(runner, imported, model):
    protocol = runner.new(
        "OccupyProtRegionOccupancy", inputVolumes=imported, inputModel=model, chains="Z"
    )
    runner.launch(protocol, check=False)
    assert protocol.isFailed()
    assert "'Z' is no chain or region" in protocol.getErrorMessage()
    assert "Traceback" not in runner.stderr(protocol)


# ---- Continue
def test_continue_redoes_what_changed_and_nothing_else(runner, measured):
    assert runner.resume(measured, numberOfThreads=1) == []
    assert runner.resume(measured, writeMasks=False) == ["regionsStep", "createOutputStep"]
    assert not measured.hasAttribute("regionMasks")
    folder = Path(measured.occupancyModel.getFileName()).parent
    assert not list(folder.glob("mask_*"))
    assert runner.resume(measured, maskRadius=5.0) == []
