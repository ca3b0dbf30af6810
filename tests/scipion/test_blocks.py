"""The protocol structural blocks, run in a project."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")

import numpy as np
from ensembles import ellipsoids, matched_jaccards
from pwem.objects import Pointer, SetOfVolumes, SetOfVolumesFlex, Volume, VolumeFlex, VolumeMask
from pwem.viewers import Chimera
from scipion_project import header, opened, read, shown, two_bodies, viewer_of, write_mrc

from occupy_scipion.objects import SetOfVolumeMasks

COUNT, VOXEL = 40, 4.0
SHAPE = (20, 20, 20)


@pytest.fixture(scope="module")
def known():
    return ellipsoids(SHAPE, COUNT, n_blocks=3, seed=4, noise=0.1, size=(0.12, 0.16), agreeing=None)


@pytest.fixture(scope="module")
def imported(runner, known):
    folder = runner.inputs / "ensemble"
    for i in range(COUNT):
        write_mrc(folder / f"vol_{i:03d}.mrc", known.volume(i), VOXEL)
    return runner.volumes(folder, voxel=VOXEL)


def new(runner, *pointers, label="", **values):
    protocol = runner.new("OccupyProtBlocks", label, **values)
    for producer, name in pointers:
        protocol.inputVolumes.append(Pointer(producer, extended=name))
    return protocol


@pytest.fixture(scope="module")
def found(runner, imported):
    return runner.launch(new(runner, imported, label="blocks"))


def order(known, found):
    """Which block was found for each true one."""
    masks = np.array([read(mask) > 0.5 for mask in found.blockMasks])
    return [int(np.argmax([np.mean(truth & mask) for mask in masks])) for truth in known.truth]


# ---- what comes out
def test_each_block_is_a_mask_with_its_size_and_occupancy(found, known, imported):
    assert type(found.blockMasks) is SetOfVolumeMasks
    masks = [item.clone() for item in found.blockMasks]
    data = np.array([read(mask) > 0.5 for mask in masks])
    assert matched_jaccards(known.truth, data).min() > 0.8
    volume = next(iter(getattr(*imported))).clone()
    for mask, inside in zip(masks, data, strict=True):
        assert type(mask) is VolumeMask
        assert mask.getSamplingRate() == VOXEL
        assert mask.getShiftsFromOrigin() == pytest.approx((-40, -40, -40))
        assert header(mask)[1] == pytest.approx((-40, -40, -40))
        assert mask.voxels.get() == inside.sum()
        assert mask.volume.get() == pytest.approx(inside.sum() * VOXEL**3)
    assert volume.getDim() == SHAPE
    for truth, place in enumerate(order(known, found)):
        mean = masks[place].meanOccupancy.get()
        assert mean == pytest.approx(known.presence[:, truth].mean(), abs=0.05)


def test_the_volumes_have_the_occupancies_of_their_blocks_as_columns(found, known, imported):
    assert type(found.outputVolumes) is SetOfVolumes
    items = [item.clone() for item in found.outputVolumes]
    assert [item.getFileName() for item in items] == [v.getFileName() for v in getattr(*imported)]
    assert [item.getObjId() for item in items] == list(range(1, COUNT + 1))
    for truth, place in enumerate(order(known, found)):
        values = np.array([getattr(item, f"B{place + 1}").get() for item in items])
        np.testing.assert_array_equal(values > 0.5, known.presence[:, truth])
    assert all(item.threshold.get() > 0 for item in items)
    assert len({item.state.get() for item in items}) > 1


def test_the_summary_and_the_methods_are_about_volumes_and_blocks(found):
    lines = found.summary()
    assert f"come and go in {COUNT} volumes: B1 " in lines[0]
    assert any(line.startswith("B1: ") and "nm³" in line for line in lines)
    assert f"{COUNT} volumes" in found._methods()[0]
    assert not any("not found" in line for line in found.citations())


def test_the_outputs_are_related_to_their_input(found, imported):
    relations = found.getRelations()
    assert len(relations) == 2
    assert {relation["object_parent_id"] for relation in relations} == {imported[0].getObjId()}


# ---- subset, Continue and what follows
def test_a_rule_makes_a_subset_without_a_new_search_and_local_scale_takes_it(
    runner, imported, known
):
    protocol = runner.launch(new(runner, imported, label="subset"))
    first = order(known, protocol).index(0)
    assert runner.resume(protocol, where="B1 > 0.5") == ["createOutputStep"]
    subset = [item.clone() for item in protocol.subsetVolumes]
    chosen = np.flatnonzero(known.presence[:, first]) + 1
    assert [item.getObjId() for item in subset] == list(chosen)
    assert any(f"{len(chosen)} of {COUNT} volumes" in line for line in protocol.summary())
    # A block that is not there costs the subset, and nothing else.
    assert runner.resume(protocol, where="B9 > 0.5") == ["createOutputStep"]
    assert not protocol.hasAttribute("subsetVolumes")
    assert any("names 'B9'" in line for line in protocol.summary())
    assert protocol.blockMasks.getSize() == 3
    few = "B1 > 0.5 and B2 > 0.5 and B3 > 0.5"
    assert runner.resume(protocol, where=few, numberOfThreads=1) == ["createOutputStep"]
    scaled = runner.run(
        "OccupyProtLocalScale", "scale of subset", inputVolumes=(protocol, "subsetVolumes")
    )
    assert scaled.scaleVolumes.getSize() == known.presence.all(axis=1).sum()
    assert scaled.scaleVolumes.getSize() > 0


def written(folder):
    """What the files of a result hold; names of folders are not part of it."""
    return {
        path.name: path.read_bytes()
        for path in sorted(Path(folder).iterdir())
        if path.is_file() and path.suffix != ".cxc" and path.name != "params.json"
    }


@pytest.mark.usefixtures("real_figures")
def test_continue_does_again_only_what_changed_and_gives_what_one_run_gives(
    runner, imported, tmp_path
):
    protocol = runner.launch(new(runner, imported, label="continued"))
    folder = protocol._getExtraPath("blocks")
    everything = ["sketchStep", "expandStep", "createOutputStep"]
    assert runner.resume(protocol) == []
    sketch = written(protocol._getExtraPath("sketch"))
    # For another expansion the sketch stays; a fraction that no voxel reaches leaves no block.
    assert runner.resume(protocol, expFrac=1.0) == everything[1:]
    assert protocol.blockMasks.getSize() > 0
    fewer = protocol.blockMasks.getFirstItem().voxels.get()
    assert runner.resume(protocol, minVolume=64.0 * fewer + 1) == everything[1:]
    assert not protocol.hasAttribute("blockMasks")
    assert written(protocol._getExtraPath("sketch")) == sketch
    # For other tests the sketch is made again, from the contours that are there.
    changed = {"posp": 1e-6, "expFrac": 0.3, "minVolume": None}
    assert runner.resume(protocol, **changed) == everything
    now = written(protocol._getExtraPath("sketch"))
    assert now["state_occupied.npz"] == sketch["state_occupied.npz"]
    assert now["state_communities.npz"] != sketch["state_communities.npz"]
    values = json.loads(Path(folder, "params.json").read_text())
    assert values["blocks"]["posp"] == 1e-6
    # The command line writes the same bytes in one run, without a state to start from.
    once = {**values, "resume": None, "outdir": str(tmp_path / "once")}
    (tmp_path / "once.json").write_text(json.dumps(once))
    command = [sys.executable, "-m", "occupy_core", "blocks", "--params", tmp_path / "once.json"]
    subprocess.run(command, check=True, capture_output=True)
    assert written(tmp_path / "once") == written(folder)
    assert {"block_001.mrc", "occupancy.csv", "blocks.json"} < set(written(folder))


def test_a_sketch_that_was_lost_is_made_again(runner, imported):
    protocol = runner.launch(new(runner, imported, label="lost"))
    before = written(protocol._getExtraPath("blocks"))
    Path(protocol._getExtraPath("sketch"), "state_communities.npz").unlink()
    assert runner.resume(protocol, expFrac=0.3) == ["sketchStep", "expandStep", "createOutputStep"]
    assert runner.resume(protocol, expFrac=0.25) == ["expandStep", "createOutputStep"]
    assert written(protocol._getExtraPath("blocks")) == before


def test_stop_in_the_sketch_leaves_no_state_and_continue_goes_on(runner, tmp_path):
    large = ellipsoids((48, 48, 48), 60, n_blocks=3, seed=4, noise=0.3, agreeing=None)
    folder = tmp_path / "large"
    for i in range(len(large)):
        write_mrc(folder / f"vol_{i:03d}.mrc", large.volume(i), VOXEL)
    protocol = new(runner, runner.volumes(folder, voxel=VOXEL), label="stopped")
    runner.project.launchProtocol(protocol, wait=False)
    sketch = Path(protocol._getExtraPath("sketch"))
    runner.wait_until(lambda: list(sketch.glob(".occupy_unfinished_*")), protocol)
    runner.project.stopProtocol(protocol)
    runner.wait_until(lambda: not runner.processes(protocol), protocol)
    assert [path.name for path in sketch.iterdir() if path.is_file()] == ["params.json"]
    runner.project._updateProtocol(protocol, checkPid=True)
    assert protocol.isAborted()
    assert runner.resume(protocol) == ["sketchStep", "expandStep", "createOutputStep"]
    assert not list(sketch.glob(".occupy_unfinished_*"))
    assert protocol.blockMasks.getSize() == 3


def test_volumes_of_a_decoder_keep_their_place_in_its_space(runner, imported, known):
    producer, name = imported
    flexible = SetOfVolumesFlex.create(producer._getPath(), prefix="flexible")
    flexible.setSamplingRate(VOXEL)
    for i, item in enumerate(getattr(producer, name)):
        copy = VolumeFlex(progName="decoder")
        copy.copyInfo(item)
        copy.setZFlex([i, 0.5])
        flexible.append(copy)
    producer._defineOutputs(flexibleVolumes=flexible)
    producer._store()
    runner.project.mapper.commit()
    protocol = runner.launch(new(runner, (producer, "flexibleVolumes"), label="flexible"))
    items = [item.clone() for item in protocol.outputVolumes]
    # A plain set, for other protocols know no flexible ones; its items are as they were.
    assert type(protocol.outputVolumes) is SetOfVolumes
    assert [list(item.getZFlex()) for item in items] == [[i, 0.5] for i in range(COUNT)]
    truth = known.presence[:, order(known, protocol).index(0)]
    assert [item.B1.get() > 0.5 for item in items] == list(truth)


def test_volumes_can_be_given_one_by_one(runner, imported):
    producer, name = imported
    protocol = new(runner, *((producer, f"{name}.{i}") for i in range(1, 12)))
    assert len(protocol.volumes()) == 11
    assert protocol.validate() == []


# ---- what the viewer shows
def test_slices_show_each_block_under_its_number(runner, found):
    scene = shown(viewer_of(runner, found), "showSlices").scene
    masks = [read(mask) > 0.5 for mask in found.blockMasks]
    layer = scene.chosen()
    assert layer.palette.names == ("B1", "B2", "B3")
    fullest = np.any(masks, axis=0).sum(axis=(1, 2)).argmax()
    assert scene.place[0] == fullest
    for plane in (8, 10, 12):
        drawn = layer.plane(0, plane)
        np.testing.assert_array_equal(np.isfinite(drawn), np.any(masks, axis=0)[plane])
        for number, mask in enumerate(masks, start=1):
            assert set(np.unique(drawn[mask[plane]])) <= {number, *range(number + 1, 4)}


def test_a_double_click_on_each_output_opens_it_with_its_columns(runner, found):
    views = opened(runner, found)
    columns, rows = views["blockMasks"].table
    assert {"block", "voxels", "volume", "meanOccupancy"} <= set(columns)
    scene = views["blockMasks"].scene
    assert [item.name for item in scene.items] == ["B1", "B2", "B3"]
    for item, mask in zip(scene.items, found.blockMasks, strict=True):
        np.testing.assert_array_equal(item.layers[0].values.plane(0, 10), read(mask)[10])
    for name in set(views) & {"outputVolumes", "subsetVolumes"}:
        columns, rows = views[name].table
        assert {"B1", "B2", "B3", "state", "threshold"} <= set(columns)
        output = getattr(found, name)
        assert [row[0] for row in rows] == [item.getObjId() for item in output]
        assert views[name].scene.mode == "all maps"
        for item, volume in zip(views[name].scene.items, output, strict=True):
            np.testing.assert_array_equal(item.density.plane(1, 3), read(volume)[:, 3])


@pytest.mark.parametrize("name", ["showHeatmap", "showDependence", "showThresholds"])
def test_plots_are_drawn(runner, found, name):
    plotter = shown(viewer_of(runner, found), name)
    plotter.figure.canvas.draw()
    texts = [text.get_text() for axes in plotter.figure.axes for text in axes.texts]
    texts += [t.get_text() for axes in plotter.figure.axes for t in axes.get_xticklabels()]
    texts += [axes.get_ylabel() for axes in plotter.figure.axes]
    assert {"B1", "threshold"} & set(texts)


def test_tables_have_our_columns_and_chimerax_its_script(runner, found, monkeypatch):
    monkeypatch.setattr(Chimera, "_program", "/no/such/ChimeraX")
    viewer = viewer_of(runner, found)
    for name, columns in (
        ("showBlockTable", {"block", "voxels", "volume", "meanOccupancy"}),
        ("showVolumeTable", {"B1", "B2", "B3", "state", "threshold"}),
    ):
        view = shown(viewer, name)
        assert columns <= set(view.columns)
        assert len(view.rows) == (3 if name == "showBlockTable" else len(found.outputVolumes))
    message = shown(viewer, "showChimera").getMessage()
    script = next(word for word in message.split() if word.endswith(".cxc"))
    assert "block_003.mrc" in Path(script).read_text()
    (file,) = shown(viewer, "showParameters").getFileList()
    assert "exp_frac = " in Path(file).read_text()


# ---- what is refused
def test_volumes_of_different_boxes_are_named_in_one_sentence_each(runner, imported):
    other = runner.volume(
        write_mrc(runner.inputs / "wide.mrc", two_bodies(n=24), VOXEL), VOXEL, label="wide"
    )
    (error,) = new(runner, imported, other).validate()
    assert "24 x 24 x 24" in error
    assert "20 x 20 x 20" in error
    assert "import_wide" in error


def test_volumes_with_other_origins_are_warned_of(runner, imported, known):
    path = write_mrc(runner.inputs / "moved.mrc", known.volume(0), VOXEL)
    moved = runner.volume(path, VOXEL, setOrigCoord=True, x=5.0, y=0.0, z=0.0, label="moved")
    assert new(runner, imported).warnings() == []
    protocol = new(runner, imported, moved)
    assert protocol.validate() == []
    (warning,) = protocol.warnings()
    assert f"1 of {COUNT + 1} volumes" in warning


def test_too_few_volumes_are_refused(runner, imported):
    producer, name = imported
    (error,) = new(runner, *((producer, f"{name}.{i}") for i in range(1, 6))).validate()
    assert "number of volumes is 5" in error


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"where": "B1 >"}, "rule 'B1 >'"),
        ({"posp": 2.0}, "posp is 2"),
        ({"bin": 0}, "binning is 0"),
        ({"thresholds": "/no/table.csv"}, "is not there"),
    ],
)
def test_parameters_outside_their_limits_are_refused_by_the_form(
    runner, imported, values, sentence
):
    (error,) = new(runner, imported, **values).validate()
    assert sentence in error


def test_other_objects_are_refused_from_a_script(runner, imported):
    producer, _ = imported
    (error,) = new(runner, (producer, "samplingRate")).validate()
    assert "must be a volume, a set of volumes or 3D classes" in error


def test_a_threshold_above_all_data_fails_with_its_sentence_and_leaves_nothing(runner, imported):
    protocol = new(runner, imported, threshold=1e9)
    runner.launch(protocol, check=False)
    assert protocol.isFailed()
    assert "threshold" in protocol.getErrorMessage()
    assert "Traceback" not in runner.stderr(protocol)
    folders = Path(protocol._getExtraPath("sketch")), Path(protocol._getExtraPath("blocks"))
    files = [path.name for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert files == ["params.json"]


def test_items_stay_volumes(found):
    assert type(found.outputVolumes.getFirstItem()) is Volume
