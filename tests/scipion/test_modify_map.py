"""The protocol modify map, run in a project."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")

import numpy as np
from pwem.objects import VolumeMask
from scipion_project import VOXEL, header, read, two_bodies, write_mrc

from occupy_core.commands.scale.job import ScaleJob
from occupy_core.commands.scale.run import run_scale
from occupy_core.maps.mrc import read_map
from occupy_core.scale.estimate import estimate_scale
from occupy_core.scale.modify import iter_modified
from occupy_core.scale.params import ModifyParams, ScaleParams

N = 24
POWERS = {"amplify": 4.0, "attenuate": 3.0, "sigmoid": 4.0, "pivot": 0.3}
VOLUMES = ("amplifiedVolume", "attenuatedVolume", "sigmoidVolume")
KINDS = ("amplified", "attenuated", "sigmoid")


@pytest.fixture(scope="module")
def imported(runner):
    """A map at a place of its own, with half maps."""
    data = two_bodies()
    noise = np.random.default_rng(9).normal(0, 0.05, data.shape).astype(np.float32)
    folder = runner.inputs / "modify"
    path = write_mrc(folder / "map.mrc", data)
    halves = [write_mrc(folder / f"half{i}.mrc", data + s * noise) for i, s in ((1, 1), (2, -1))]
    return runner.volume(path, halves=halves)


@pytest.fixture(scope="module")
def scaled(runner, imported):
    return runner.run("OccupyProtLocalScale", "scale", inputVolumes=imported, mode=1)


@pytest.fixture(scope="module")
def modified(runner, imported, scaled):
    return runner.run(
        "OccupyProtModifyMap",
        "modify",
        inputVolume=imported,
        inputScale=(scaled, "scaleVolume"),
        subtractionMaskOf=1,
        **POWERS,
    )


def density(imported):
    producer, name = imported
    return read_map(getattr(producer, name).getFileName(), voxel_size=VOXEL)


def half_names(imported):
    producer, name = imported
    return getattr(producer, name).getHalfMaps(asList=True)


def test_each_modification_is_an_output_at_the_place_of_the_map(imported, modified):
    producer, name = imported
    volume = getattr(producer, name)
    outputs = dict(modified.iterOutputAttributes())
    assert set(outputs) == {*VOLUMES, "keepMask", "subtractMask"}
    for output in outputs.values():
        assert output.getDim() == (N, N, N)
        assert output.getSamplingRate() == VOXEL
        assert output.getShiftsFromOrigin() == volume.getShiftsFromOrigin()
        voxel, origin = header(output)
        assert voxel == pytest.approx(VOXEL)
        assert origin == pytest.approx(volume.getShiftsFromOrigin())
    keep, subtract = modified.keepMask, modified.subtractMask
    assert type(keep) is type(subtract) is VolumeMask
    np.testing.assert_allclose(read(keep) + read(subtract), 1, atol=1e-6)


def test_the_maps_are_those_that_the_core_makes(imported, modified):
    original = density(imported)
    halves = [read_map(half, voxel_size=VOXEL) for half in half_names(imported)]
    estimate = estimate_scale(original, ScaleParams(mode="occ"), half_maps=tuple(halves))
    assert estimate.calibration.noise_origin == "half maps"
    made = iter_modified(
        original,
        estimate.scale,
        estimate.confidence,
        estimate.solvent,
        ModifyParams(**POWERS),
        sigma=estimate.sigma,
        place=estimate.place,
    )
    for name, expected in zip(VOLUMES, made, strict=True):
        found = read(getattr(modified, name))
        np.testing.assert_allclose(found, expected.map.data, atol=1e-5)


def test_half_maps_are_carried_and_modified(imported, modified):
    originals = half_names(imported)
    for name in VOLUMES:
        halves = list(getattr(modified, name).getHalfMaps(asList=True))
        assert len(halves) == 2
        for half, original in zip(halves, originals, strict=True):
            assert not np.array_equal(read_map(half).data, read_map(original).data)
    assert not modified.keepMask.hasHalfMaps()


def test_modified_maps_are_transforms_of_the_input_and_come_from_the_scale(modified):
    relations = [(r["name"], r["object_parent_extended"]) for r in modified.getRelations()]
    assert relations.count(("relation_transform", "outputVolume")) == 5
    assert relations.count(("relation_datasource", "scaleVolume")) == 5


def test_the_summary_and_the_methods_name_the_powers(modified):
    summary = modified.summary()
    assert "amplified with a power of 4" in summary[0]
    assert "modified by a sigmoid with a power of 4" in summary[0]
    assert any(line.startswith("The scale was given with its standard error") for line in summary)
    methods = modified._methods()
    assert "amplified with a power of 4" in methods[-1]
    assert all(sentence.endswith(".") for sentence in methods)


def test_without_a_scale_it_is_estimated_and_the_maps_are_the_same(runner, imported, modified):
    alone = runner.run("OccupyProtModifyMap", "alone", inputVolume=imported, **POWERS)
    assert [s.funcName.get() for s in alone.loadSteps()] == [
        "scaleStep",
        "modifyStep",
        "createOutputStep",
    ]
    for name in VOLUMES:
        np.testing.assert_array_equal(read(getattr(alone, name)), read(getattr(modified, name)))
    assert any(line.startswith("Scale of the low-passed map") for line in alone.summary())


@pytest.fixture(scope="module")
def direct(modified, tmp_path_factory):
    """Files of the run of the command line that estimates and modifies."""
    (record,) = modified._records()
    maps = {name: Path(record.inputs[name]) for name in ("map", "half1", "half2")}
    folder = tmp_path_factory.mktemp("direct")
    scale, modify = ScaleParams(mode="occ"), ModifyParams(**POWERS)
    return run_scale(ScaleJob(outdir=folder, scale=scale, modify=modify, **maps)).files


def test_a_scale_by_pointer_gives_the_bytes_of_a_direct_run(modified, direct):
    for kind, name in zip(KINDS, VOLUMES, strict=True):
        output = getattr(modified, name)
        assert Path(output.getFileName()).read_bytes() == direct[kind].read_bytes()
        halves = output.getHalfMaps(asList=True)
        for i, half in enumerate(halves, start=1):
            assert Path(half).read_bytes() == direct[f"{kind}_half{i}"].read_bytes()


def test_a_standard_error_by_pointer_does_too(runner, imported, scaled, direct):
    """Of a scale and an error that were copied, as by another protocol, and have no record."""
    pointers = {}
    for name, output in (("inputScale", "scaleVolume"), ("inputScaleSigma", "scaleSigmaVolume")):
        copy = runner.inputs / "copied" / f"{name}.mrc"
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(Path(getattr(scaled, output).getFileName()).read_bytes())
        pointers[name] = runner.volume(copy)
    plain = runner.new("OccupyProtModifyMap", inputVolume=imported, **POWERS)
    only = runner.new(
        "OccupyProtModifyMap", inputVolume=imported, inputScaleSigma=pointers["inputScaleSigma"]
    )
    assert "but no local scale" in only.validate()[0]
    assert not plain.warnings()
    protocol = runner.new("OccupyProtModifyMap", inputVolume=imported, **pointers, **POWERS)
    assert protocol.validate() == []
    assert protocol.warnings() == []
    runner.launch(protocol)
    for kind, name in zip(KINDS, VOLUMES, strict=True):
        output = getattr(protocol, name)
        assert Path(output.getFileName()).read_bytes() == direct[kind].read_bytes()


def test_a_scale_without_its_standard_error_is_used_plainly_and_that_is_said(
    runner, imported, scaled
):
    copy = runner.inputs / "alone" / "scale.mrc"
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(Path(scaled.scaleVolume.getFileName()).read_bytes())
    protocol = runner.new(
        "OccupyProtModifyMap", inputVolume=imported, inputScale=runner.volume(copy), amplify=2.0
    )
    (warning,) = protocol.warnings()
    assert "is not known, so its factors will be used plainly" in warning
    runner.launch(protocol)
    assert any("its factors were used plainly" in line for line in protocol.summary())


def test_the_standard_error_of_another_run_is_refused(runner, imported, scaled):
    other = runner.run("OccupyProtLocalScale", "other", inputVolumes=imported, mode=1, lowpass=12.0)
    protocol = runner.new(
        "OccupyProtModifyMap",
        inputVolume=imported,
        inputScale=(scaled, "scaleVolume"),
        inputScaleSigma=(other, "scaleSigmaVolume"),
    )
    (sentence,) = protocol.validate()
    assert "is that of another scale" in sentence


def test_the_solvent_alone_can_be_excluded(runner, imported):
    protocol = runner.run(
        "OccupyProtModifyMap", "solvent", inputVolume=imported, excludeSolvent=True
    )
    assert [name for name, _ in protocol.iterOutputAttributes()] == ["solventExcludedVolume"]
    data = read(protocol.solventExcludedVolume)
    assert abs(float(np.median(data[:3]))) < 1e-3
    assert protocol.summary()[0].startswith("The solvent of import_map was excluded.")


def test_the_subtraction_mask_can_be_that_of_the_sigmoid(runner, imported, modified):
    protocol = runner.run(
        "OccupyProtModifyMap",
        "mask of sigmoid",
        inputVolume=imported,
        subtractionMaskOf=2,
        **POWERS,
    )
    assert not np.array_equal(read(protocol.subtractMask), read(modified.subtractMask))


def test_a_map_without_half_maps_gives_maps_without(runner):
    pointer = runner.volume(write_mrc(runner.inputs / "single.mrc", two_bodies()))
    protocol = runner.run("OccupyProtModifyMap", inputVolume=pointer, amplify=2.0)
    assert not protocol.amplifiedVolume.hasHalfMaps()
    assert any("no half maps" in line for line in protocol.summary())
    assert protocol._warnings() == []


# ---- what is refused, and what is warned of
@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"amplify": 1.0}, "Nothing is to be made"),
        ({"amplify": 0.5}, "at least 1"),
        ({"sigmoid": 3.0, "pivot": 1.0}, "above 0 and below 1"),
        ({"amplify": 2.0, "subtractionMaskOf": 1}, "its power is not given"),
        ({"attenuate": 2.0, "subtractionMaskOf": 2}, "its power is not given"),
        ({"attenuate": 2.0, "seed": -1}, "must not be negative"),
    ],
)
def test_values_outside_their_limits_are_refused_by_the_form(runner, imported, values, sentence):
    protocol = runner.new("OccupyProtModifyMap", inputVolume=imported, **values)
    (error,) = protocol.validate()
    assert sentence in error


def test_a_scale_on_another_grid_is_refused(runner, imported):
    other = runner.volume(write_mrc(runner.inputs / "other.mrc", np.ones((20, 20, 20))))
    protocol = runner.new(
        "OccupyProtModifyMap", inputVolume=imported, inputScale=other, amplify=2.0
    )
    (error,) = protocol.validate()
    assert "20 x 20 x 20" in error


def test_a_map_given_as_scale_fails_with_a_sentence_and_no_traceback(runner, imported):
    protocol = runner.new(
        "OccupyProtModifyMap", inputVolume=imported, inputScale=imported, amplify=2.0
    )
    runner.launch(protocol, check=False)
    assert protocol.isFailed()
    assert "lies between 0 and 1" in protocol.getErrorMessage()
    assert "Traceback" not in runner.stderr(protocol)


def test_half_maps_that_are_gone_are_warned_of_and_left_out(runner):
    folder = runner.inputs / "lost"
    path = write_mrc(folder / "map.mrc", two_bodies())
    halves = [write_mrc(folder / f"half{i}.mrc", two_bodies(i)) for i in (1, 2)]
    pointer = runner.volume(path, halves=halves)
    halves[0].unlink()
    protocol = runner.new("OccupyProtModifyMap", inputVolume=pointer, amplify=2.0)
    (warning,) = protocol._warnings()
    assert "half1" in warning
    runner.launch(protocol)
    assert not protocol.amplifiedVolume.hasHalfMaps()


def test_a_sharpened_input_is_warned_of(runner, imported):
    producer, _ = imported
    post = (
        runner.new("ProtRelionPostprocess", "sharpened")
        if ("ProtRelionPostprocess" in runner.protocols)
        else pytest.skip("scipion-em-relion is not installed")
    )
    post.outputVolume = producer.outputVolume.clone()
    protocol = runner.new("OccupyProtModifyMap", inputVolume=(post, "outputVolume"), amplify=2.0)
    (warning,) = protocol._warnings()
    assert "sharpened" in warning
    assert "without sharpening" in warning


def test_a_map_that_was_modified_before_is_warned_of(runner, modified):
    pointer = modified, "amplifiedVolume"
    (warning,) = runner.new("OccupyProtLocalScale", inputVolumes=pointer)._warnings()
    assert "modify" in warning


# ---- Continue
@pytest.fixture
def alone(runner, imported):
    return runner.run("OccupyProtModifyMap", "to continue", inputVolume=imported, **POWERS)


def test_continue_redoes_what_changed_and_nothing_else(runner, alone):
    assert runner.resume(alone) == []
    assert runner.resume(alone, pivot=0.6) == ["modifyStep", "createOutputStep"]
    assert "sigm_4.0-0.60" in alone.sigmoidVolume.getFileName()
    folder = Path(alone.sigmoidVolume.getFileName()).parent
    assert not list(folder.glob("sigm_4.0-0.30*"))
    assert runner.resume(alone, kernelSize=5) == ["scaleStep", "modifyStep", "createOutputStep"]
    assert runner.resume(alone, subtractionMaskOf=1) == ["modifyStep", "createOutputStep"]
    mask = read(alone.keepMask)
    assert runner.resume(alone, subtractionMaskOf=2) == ["createOutputStep"]
    assert not np.array_equal(read(alone.keepMask), mask)
    assert runner.resume(alone, subtractionMaskOf=0) == ["modifyStep", "createOutputStep"]
    # An output that is not wanted any more goes, and then the pivot has no effect.
    assert runner.resume(alone, sigmoid=None) == ["modifyStep", "createOutputStep"]
    assert [name for name, _ in alone.iterOutputAttributes()] == list(VOLUMES[:2])
    assert runner.resume(alone, pivot=0.4) == []
    transforms = [r for r in alone.getRelations() if r["name"] == "relation_transform"]
    assert len(transforms) == 2
    Path(alone.amplifiedVolume.getFileName()).unlink()
    assert runner.resume(alone) == ["modifyStep"]
    assert Path(alone.amplifiedVolume.getFileName()).exists()


# ---- what the user does next
def test_the_default_form_runs_and_amplifies(runner, imported):
    protocol = runner.run("OccupyProtModifyMap", "default", inputVolume=imported)
    assert [name for name, _ in protocol.iterOutputAttributes()] == ["amplifiedVolume"]
    assert "was amplified with a power of 4" in protocol.summary()[0]


def test_a_scale_that_falls_with_resolution_is_asked_about(runner, imported, scaled):
    other = runner.run("OccupyProtLocalScale", "of res", inputVolumes=imported, mode=0)
    for producer, warned in ((other, 1), (scaled, 0)):
        protocol = runner.new(
            "OccupyProtModifyMap", inputVolume=imported, inputScale=(producer, "scaleVolume")
        )
        assert protocol.validate() == []
        assert sum("mode res" in sentence for sentence in protocol.warnings()) == warned
    assert runner.launch(protocol).isFinished()
    asked = runner.run(
        "OccupyProtModifyMap", "asked", inputVolume=imported, inputScale=(other, "scaleVolume")
    )
    assert any("estimated in the mode res" in line for line in asked.summary())
