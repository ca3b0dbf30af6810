"""Inputs that cannot be used, or not yet, are told in a sentence, never by a traceback."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")

from pwem.objects import Class3D, Pointer, SetOfClasses3D, SetOfParticles, Volume, VolumeMask
from pyworkflow.viewer import MessageView
from scipion_project import VOXEL, shown, two_bodies, viewer_of, write_mrc

from occupy_scipion.protocols import OccupyProtLocalScale
from occupy_scipion.records.record import formWords

POINTERS = {
    "OccupyProtLocalScale": "inputVolumes",
    "OccupyProtModifyMap": "inputVolume",
    "OccupyProtLocalResolution": "inputVolume",
    "OccupyProtRegionOccupancy": "inputVolumes",
}
VALUES = {"OccupyProtModifyMap": {"amplify": 3.0}}


def made(runner, name, voxel=VOXEL, cls=Volume, n=24):
    """A volume, with its file."""
    volume = cls(location=str(write_mrc(runner.inputs / "told" / name, two_bodies(n=n))))
    if voxel is not None:
        volume.setSamplingRate(voxel)
    return volume


@pytest.fixture(scope="module")
def upstream(runner):
    """A protocol that has outputs of many kinds."""
    good = made(runner, "good.mrc")
    gone = made(runner, "gone.mrc", cls=VolumeMask)
    Path(gone.getFileName()).unlink()
    text = made(runner, "text.mrc")
    Path(text.getFileName()).write_text("no map")
    # Not run: it only stands for whatever made these.
    protocol = runner.new("ProtImportVolumes", "upstream", filesPath="none", samplingRate=VOXEL)
    runner.project.saveProtocol(protocol)
    protocol.makePathsAndClean()
    classes = SetOfClasses3D.create(protocol._getPath())
    particles = SetOfParticles.create(protocol._getPath())
    particles.setSamplingRate(VOXEL)
    classes.setImages(particles)
    empty = Class3D()
    empty.setObjId(4)
    classes.append(empty)
    classes.write()
    protocol._defineOutputs(
        good=good,
        gone=gone,
        text=text,
        norate=made(runner, "norate.mrc", voxel=None, cls=VolumeMask),
        small=made(runner, "small.mrc", cls=VolumeMask, n=20),
        particles=particles,
        classes=classes,
    )
    return protocol


def new(runner, name, pointer, **values):
    """A protocol with its main input."""
    return runner.new(name, **{POINTERS[name]: pointer}, **VALUES.get(name, {}), **values)


@pytest.mark.parametrize("name", POINTERS)
@pytest.mark.parametrize(
    ("output", "words"),
    [("gone", "is not there"), ("text", "cannot be read"), ("norate", "no sampling rate")],
)
def test_a_volume_that_cannot_be_used_is_told(runner, upstream, name, output, words):
    (sentence,) = new(runner, name, (upstream, output)).validate()
    assert words in sentence
    assert f"{output}.mrc" in sentence


@pytest.mark.parametrize("name", ["OccupyProtLocalScale", "OccupyProtRegionOccupancy"])
def test_a_class_without_a_volume_is_told(runner, upstream, name):
    (sentence,) = new(runner, name, (upstream, "classes")).validate()
    assert "class 4" in sentence


@pytest.mark.parametrize(
    ("output", "words"),
    [("gone", "is not there"), ("norate", "no sampling rate"), ("small", "20 x 20 x 20 voxels")],
)
@pytest.mark.parametrize(
    ("name", "mask"),
    [
        ("OccupyProtLocalScale", "solventDefinition"),
        ("OccupyProtModifyMap", "inputScale"),
        ("OccupyProtModifyMap", "inputScaleSigma"),
        ("OccupyProtLocalResolution", "inputMask"),
    ],
)
def test_a_mask_that_cannot_be_used_is_told(runner, upstream, name, mask, output, words):
    scale = {"inputScale": (upstream, "good")} if mask == "inputScaleSigma" else {}
    protocol = new(runner, name, (upstream, "good"), **scale, **{mask: (upstream, output)})
    (sentence,) = protocol.validate()
    assert words in sentence


@pytest.mark.parametrize("name", POINTERS)
def test_a_run_that_waits_for_its_input_has_nothing_to_say(runner, upstream, name):
    protocol = new(runner, name, (upstream, "later"))
    (sentence,) = protocol.validate()
    assert "is not there yet" in sentence
    assert protocol.warnings() == []
    assert len(protocol.summary()) == 1
    assert "not ready" in protocol.summary()[0]


def test_an_empty_field_that_must_not_be_is_told_once(runner, upstream):
    protocol = new(runner, "OccupyProtLocalScale", (upstream, "good"), maxBox=None)
    (sentence,) = protocol.validate()
    assert "Largest box" in sentence


def test_blocks_that_wait_for_their_input_have_nothing_to_say(runner, upstream):
    protocol = runner.new("OccupyProtBlocks")
    protocol.inputVolumes.append(Pointer(upstream, extended="later"))
    (sentence,) = protocol.validate()
    assert "is not there yet" in sentence
    assert protocol.warnings() == []


def test_a_result_is_shown_when_its_input_is_gone(runner):
    file = write_mrc(runner.inputs / "removed.mrc", two_bodies())
    protocol = runner.run("OccupyProtLocalScale", inputVolumes=runner.volume(file))
    imported = Path(protocol.inputVolumes.get().getFileName())
    imported.unlink()
    assert protocol.summary()
    viewer = viewer_of(runner, protocol)
    assert shown(viewer, "showHistogram").figure.axes
    removed = Path(next(iter(protocol.getResultFolders())), "input", "map", "import_removed.mrc")
    removed.unlink(missing_ok=True)
    view = shown(viewer, "showSlices")
    assert isinstance(view, MessageView)
    assert "removed.mrc" in view.getMessage()


def test_the_summary_of_many_volumes_has_not_hundreds_of_warnings():
    records = [SimpleNamespace(warnings=["The same.", f"Volume {i}."]) for i in range(50)]
    form = SimpleNamespace(_halfMapWarnings=lambda: ["Volume 0.", "A half map is gone."])
    lines = OccupyProtLocalScale._warningLines(form, records)
    assert len(lines) < 10
    assert lines[:2] == ["*Warning*: Volume 0.", "*Warning*: A half map is gone."]
    assert lines[-1].startswith(f"... and {52 - len(lines) + 1} more")


def test_a_sentence_of_the_command_line_is_put_for_a_form():
    text = "No region is full; name one with --reference-region, or take --mode occ -- soon."
    said = "No region is full; name one with reference region, or take mode occ -- soon."
    assert formWords(text) == said


# ---- half maps
def halved(runner, name, halves, n=24):
    """An imported volume that claims to have half maps."""
    volume = made(runner, name, n=n)
    volume.setHalfMaps([str(half) for half in halves])
    protocol = runner.new("ProtImportVolumes", name, filesPath="none", samplingRate=VOXEL)
    runner.project.saveProtocol(protocol)
    protocol.makePathsAndClean()
    protocol._defineOutputs(outputVolume=volume)
    return protocol, "outputVolume"


def half_files(runner, folder, n=24):
    folder = runner.inputs / folder
    return [write_mrc(folder / f"h{i}, half.mrc", two_bodies(seed=i, n=n)) for i in (1, 2)]


def masks_of(runner, name, n=24):
    if name != "OccupyProtRegionOccupancy":
        return {}
    mask = runner.new("ProtImportMask", "mask", maskPath="none", samplingRate=VOXEL)
    runner.project.saveProtocol(mask)
    mask.makePathsAndClean()
    mask._defineOutputs(outputMask=made(runner, f"mask{n}.mrc", cls=VolumeMask, n=n))
    pointer = Pointer(mask, extended="outputMask")
    return {"regionsFrom": 1, "inputMasks": [pointer]}


@pytest.mark.parametrize("name", POINTERS)
def test_a_cropped_volume_with_uncropped_half_maps_is_told(runner, name):
    pointer = halved(runner, f"cropped{name}.mrc", half_files(runner, f"whole{name}"), n=20)
    values = masks_of(runner, name, 20)
    (sentence,) = new(runner, name, pointer, **values).validate()
    assert "half map 1 has 24 x 24 x 24 voxels, but " in sentence
    assert "has 20 x 20 x 20, as when one of them is cropped" in sentence


def test_the_run_tells_what_the_form_of_a_scheduled_run_did_not(runner):
    pointer = halved(runner, "scheduled.mrc", half_files(runner, "uncropped"), n=20)
    protocol = new(runner, "OccupyProtModifyMap", pointer)
    with mock.patch.object(type(protocol), "_validate", return_value=[]):
        runner.launch(protocol, check=False)
    assert protocol.isFailed()
    assert "half map 1 h1_ half has 24 x 24 x 24 voxels" in protocol.getErrorMessage()
    assert "Traceback" not in runner.stderr(protocol)


@pytest.mark.parametrize("name", POINTERS)
def test_half_maps_that_cannot_be_used_are_told_by_the_form(runner, name):
    files = half_files(runner, f"one{name}")
    pointer = halved(runner, f"one{name}.mrc", files[:1])
    (sentence,) = new(runner, name, pointer, **masks_of(runner, name)).warnings()
    assert "has 1 half map (" in sentence
    pointer = halved(runner, f"two{name}.mrc", files)
    assert new(runner, name, pointer, **masks_of(runner, name)).warnings() == []
    files[1].unlink()
    (sentence,) = new(runner, name, pointer, **masks_of(runner, name)).warnings()
    assert f"are not there any more ({files[1]})" in sentence


def test_half_maps_with_commas_in_their_names_are_modified_and_kept(runner):
    pointer = halved(runner, "with, comma.mrc", half_files(runner, "commas"))
    protocol = runner.launch(new(runner, "OccupyProtModifyMap", pointer))
    stored = runner.project.getProtocol(protocol.getObjId()).amplifiedVolume
    halves = list(stored.getHalfMaps(asList=True))
    assert len(halves) == 2
    assert all(Path(half).exists() for half in halves)


def test_the_run_and_its_summary_tell_of_half_maps_that_are_gone(runner):
    files = half_files(runner, "vanished")
    pointer = halved(runner, "vanished.mrc", files)
    files[0].unlink()
    protocol = runner.launch(new(runner, "OccupyProtModifyMap", pointer))
    sentence = "are not there any more"
    assert sentence in runner.stdout(protocol) + runner.stderr(protocol)
    assert any(sentence in line for line in protocol.summary())
