"""The protocol local scale, run in a project."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")

import numpy as np
from pwem.objects import Pointer, VolumeMask
from scipion_project import VOXEL, header, read, two_bodies, write_mrc
from scipion_stops import stopped, undisturbed

from occupy_core.maps.mrc import read_map
from occupy_core.scale.estimate import estimate_scale
from occupy_core.scale.params import ScaleParams

N = 24


def file_of(volume) -> Path:
    return Path(volume.getFileName().removesuffix(":mrc"))


@pytest.fixture(scope="module")
def imported(runner):
    return runner.volume(write_mrc(runner.inputs / "map.mrc", two_bodies()))


@pytest.fixture(scope="module")
def volume(imported):
    producer, name = imported
    return getattr(producer, name)


@pytest.fixture(scope="module")
def scaled(runner, imported):
    return runner.run("OccupyProtLocalScale", "scale", inputVolumes=imported)


@pytest.fixture(scope="module")
def mask(runner):
    z, y, x = np.mgrid[:N, :N, :N] - (N - 1) / 2
    inside = (x / 9) ** 2 + (y / 5) ** 2 + (z / 5) ** 2 < 1
    return runner.mask(write_mrc(runner.inputs / "mask.mrc", inside.astype(np.float32)))


# ---- one volume
def test_a_volume_gives_its_scale_and_confidence_at_its_place(volume, scaled):
    for output in (scaled.scaleVolume, scaled.scaleSigmaVolume, scaled.confidenceVolume):
        assert output.getDim() == (N, N, N)
        assert output.getSamplingRate() == VOXEL
        assert output.getShiftsFromOrigin() == volume.getShiftsFromOrigin()
        voxel, origin = header(output)
        assert voxel == pytest.approx(VOXEL)
        assert origin == pytest.approx(volume.getShiftsFromOrigin())
    assert scaled.scaleVolume.getOrigin() is not scaled.confidenceVolume.getOrigin()
    outputs = [name for name, _ in scaled.iterOutputAttributes()]
    assert outputs == ["scaleVolume", "scaleSigmaVolume", "confidenceVolume"]


def test_the_scale_is_the_one_that_the_core_estimates(volume, scaled):
    expected = estimate_scale(read_map(file_of(volume), voxel_size=VOXEL), ScaleParams(mode="occ"))
    np.testing.assert_allclose(read(scaled.scaleVolume), expected.scale.data, atol=1e-6)
    np.testing.assert_allclose(read(scaled.scaleSigmaVolume), expected.sigma.data, atol=1e-6)
    np.testing.assert_allclose(read(scaled.confidenceVolume), expected.confidence.data, atol=1e-6)


def test_the_outputs_are_related_to_their_input(imported, scaled):
    producer, _ = imported
    relations = scaled.getRelations()
    assert len(relations) == 3
    for relation in relations:
        assert relation["name"] == "relation_datasource"
        assert relation["object_parent_id"] == producer.getObjId()
        assert relation["object_parent_extended"] == "outputVolume"


def test_the_summary_and_the_methods_name_the_numbers_used(scaled):
    used = ScaleParams(mode="occ").resolve(read_map(file_of(scaled.scaleVolume)).grid)
    lines = scaled.summary()
    assert "of the content of import_map is full" in lines[0]
    (settings,) = (line for line in lines if line.startswith("Scale of the"))
    assert f"low-pass {used.lowpass:.2f} Å" in settings
    assert f"{used.n_voxels_in_kernel} voxels" in settings
    (methods,) = scaled._methods()
    assert "corrected for noise" in methods
    assert "[Forsberg2023]" in methods
    assert methods.endswith(".")


def test_warnings_of_the_core_are_in_the_summary(runner, imported):
    protocol = runner.run("OccupyProtLocalScale", "small", inputVolumes=imported, kernelSize=3)
    assert any(line.startswith("*Warning*: The kernel") for line in protocol.summary())


def test_a_mask_defines_the_solvent_and_another_one_is_measured(runner, imported, mask):
    protocol = runner.run(
        "OccupyProtLocalScale",
        "with masks",
        inputVolumes=imported,
        solventDefinition=mask,
        targetMask=mask,
    )
    assert protocol.summary()[0].startswith("The target mask has an occupancy of ")
    creators = [relation["object_parent_extended"] for relation in protocol.getRelations()]
    assert sorted(creators) == ["outputMask"] * 3 + ["outputVolume"] * 3


def test_a_solvent_definition_made_from_the_scale_is_an_output(runner, imported):
    protocol = runner.run(
        "OccupyProtLocalScale", "own definition", inputVolumes=imported, solventDefScale=0.4
    )
    assert isinstance(protocol.solventMask, VolumeMask)
    assert set(np.unique(read(protocol.solventMask))) == {0, 1}


# ---- sets
def test_a_set_gives_sets_even_when_its_files_have_one_name(runner):
    folder = runner.inputs / "states"
    maps = {i: two_bodies(i, occupancy=q) for i, q in ((1, 0.3), (2, 0.8))}
    first = runner.volume(write_mrc(folder / "a" / "state.mrc", maps[1]), label="a")
    second = runner.volume(write_mrc(folder / "b" / "state.mrc", maps[2]), label="b")
    union = runner.new("ProtUnionSet")
    for producer, name in (first, second):
        union.inputSets.append(Pointer(producer, extended=name))
    runner.launch(union)
    scaled = runner.run("OccupyProtLocalScale", "scale of a set", inputVolumes=(union, "outputSet"))
    files = [Path(item.getFileName()) for item in scaled.scaleVolumes]
    assert len(files) == 2
    assert files[0].name == files[1].name
    for i, item in enumerate([item.clone() for item in scaled.scaleVolumes], start=1):
        expected = estimate_scale(
            read_map(write_mrc(runner.inputs / "x.mrc", maps[i])), ScaleParams(mode="occ")
        )
        np.testing.assert_allclose(read(item), expected.scale.data, atol=1e-6)


def test_one_volume_of_a_set_can_be_chosen(runner):
    folder = runner.inputs / "three"
    for i in range(3):
        write_mrc(folder / f"state_{i}.mrc", two_bodies(i))
    producer, name = runner.volumes(folder)
    scaled = runner.run(
        "OccupyProtLocalScale", "one of three", inputVolumes=(producer, f"{name}.2")
    )
    assert scaled.scaleVolume.getDim() == (N, N, N)
    assert scaled.scaleVolume.getFileName().endswith("state_1.mrc")


# ---- what is refused
@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"kernelSize": 4}, "must be an odd number"),
        ({"tau": 1.5}, "Tau is 1.5"),
        ({"lowpass": 500.0}, "must not be larger than the shortest edge"),
        ({"hedgeConfidence": 0.5}, "at least 1"),
    ],
)
def test_parameters_outside_their_limits_are_refused_by_the_form(
    runner, imported, values, sentence
):
    protocol = runner.new("OccupyProtLocalScale", inputVolumes=imported, **values)
    (error,) = protocol.validate()
    assert sentence in error


def test_masks_on_another_grid_are_refused_by_the_form(runner, imported):
    small = runner.mask(write_mrc(runner.inputs / "small.mrc", np.ones((20, 20, 20))))
    coarse = runner.mask(
        write_mrc(runner.inputs / "coarse.mrc", np.ones((N, N, N)), 2.7), voxel=2.7
    )
    protocol = runner.new(
        "OccupyProtLocalScale", inputVolumes=imported, solventDefinition=small, targetMask=coarse
    )
    errors = protocol.validate()
    assert len(errors) == 2
    assert "20 x 20 x 20" in errors[0]
    assert "24 x 24 x 24" in errors[0]
    assert "2.7 Å" in errors[1]
    assert "1.35 Å" in errors[1]


def test_objects_of_another_class_are_refused_from_a_script(runner, imported):
    producer, _ = imported
    protocol = runner.new("OccupyProtLocalScale", inputVolumes=(producer, "samplingRate"))
    (error,) = protocol.validate()
    assert "must be a volume, a set of volumes or 3D classes" in error


def test_an_input_whose_file_is_gone_is_refused(runner):
    path = write_mrc(runner.inputs / "gone.mrc", two_bodies())
    pointer = runner.volume(path)
    path.unlink()
    (error,) = runner.new("OccupyProtLocalScale", inputVolumes=pointer).validate()
    assert "gone.mrc" in error


def test_a_map_that_cannot_be_used_fails_with_its_sentence_and_no_traceback(runner):
    pointer = runner.volume(write_mrc(runner.inputs / "flat.mrc", np.ones((N, N, N))))
    protocol = runner.launch(runner.new("OccupyProtLocalScale", inputVolumes=pointer), check=False)
    assert protocol.isFailed()
    assert "everywhere" in protocol.getErrorMessage()
    assert "Traceback" not in runner.stderr(protocol)


# ---- Continue
def test_continue_without_a_change_does_nothing(runner, scaled):
    assert runner.resume(scaled) == []


def test_continue_with_another_parameter_redoes_the_scale(runner, imported):
    protocol = runner.run("OccupyProtLocalScale", "changed", inputVolumes=imported)
    before = read(protocol.scaleVolume)
    assert runner.resume(protocol, mode=0) == ["scaleStep", "createOutputStep"]
    assert not np.array_equal(read(protocol.scaleVolume), before)
    assert "scale_res_import_map.mrc" in protocol.scaleVolume.getFileName()
    folder = Path(protocol.scaleVolume.getFileName()).parent
    assert not (folder / "scale_occ_import_map.mrc").exists()
    assert len(protocol.getRelations()) == 3


def test_continue_does_not_care_for_the_number_of_threads(runner, scaled):
    assert runner.resume(scaled, numberOfThreads=1) == []


def test_continue_redoes_only_the_volume_whose_file_was_removed(runner):
    folder = runner.inputs / "pair"
    for i in range(2):
        write_mrc(folder / f"state_{i}.mrc", two_bodies(i))
    protocol = runner.run("OccupyProtLocalScale", "pair", inputVolumes=runner.volumes(folder))
    files = [Path(item.getFileName()) for item in protocol.scaleVolumes]
    content = files[1].read_bytes()
    files[1].unlink()
    assert runner.resume(protocol) == ["scaleStep"]
    assert files[1].read_bytes() == content
    # With another parameter all is done again, and the sets hold each volume once.
    assert runner.resume(protocol, mode=0) == ["scaleStep", "scaleStep", "createOutputStep"]
    for output in (protocol.scaleVolumes, protocol.confidenceVolumes):
        output.close()  # the file was made anew
        assert [item.getObjId() for item in output] == [1, 2]
    assert all("scale_res" in item.getFileName() for item in protocol.scaleVolumes)


def test_continue_sees_that_the_input_was_made_anew(runner):
    path = write_mrc(runner.inputs / "new.mrc", two_bodies(1))
    protocol = runner.run("OccupyProtLocalScale", "anew", inputVolumes=runner.volume(path))
    write_mrc(path, two_bodies(2))
    assert runner.resume(protocol) == ["scaleStep", "createOutputStep"]


# ---- Stop
def test_stop_leaves_no_half_written_output(runner, scaled):
    changes = undisturbed(runner, runner.project.copyProtocol(scaled))[0]
    protocol = runner.project.copyProtocol(scaled)
    stopped(runner, protocol, 1, changes // 2)
    folder = Path(protocol._getExtraPath("volume_001"))
    assert list(folder.glob(".occupy_unfinished_*"))
    assert sorted(p.name for p in folder.iterdir() if p.is_file()) == ["params.json"]
    assert runner.resume(protocol) == ["scaleStep", "createOutputStep"]
    assert protocol.scaleVolume.getDim() == (N, N, N)
    assert not list(folder.glob(".occupy_unfinished_*"))
