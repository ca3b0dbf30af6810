"""Real 3D classes, as the RELION plugin imports them (no RELION program is needed)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")
pytest.importorskip("relion", reason="scipion-em-relion is not installed")

import numpy as np
import starfile
from pwem.objects import Pointer, SetOfClasses3D, SetOfVolumes, SetOfVolumesFlex, VolumeFlex
from relion_classes import MEMBERS, VOXEL
from scipion_project import header, opened, read, two_bodies, write_mrc

from occupy_core.particles.files import read_particles
from occupy_scipion.convert.volumes import iterVolumes
from occupy_scipion.objects import SetOfVolumeMasks


@pytest.fixture(scope="module")
def imported(runner):
    maps = [two_bodies(seed, n=32, occupancy=q) for seed, q in enumerate((0.3, 0.6, 1.0))]
    return runner.classes(runner.inputs / "relion", maps)


@pytest.fixture(scope="module")
def scaled(runner, imported):
    return runner.run("OccupyProtLocalScale", "scale of classes", inputVolumes=imported)


def test_the_input_has_the_traits_of_real_classes(imported):
    producer, name = imported
    classes = getattr(producer, name)
    assert type(classes) is SetOfClasses3D
    for item, members in zip(classes, MEMBERS, strict=True):
        representative = item.getRepresentative()
        assert representative.getSamplingRate() is None
        assert representative.getFileName().endswith(".mrc:mrc")
        assert not representative.hasOrigin()
        assert item.getSize() == members
        assert item.clone().getSize() == 0
    assert [v.particles for v in iterVolumes(classes)] == list(MEMBERS)


def test_classes_give_sets_of_scales_with_the_ids_of_the_classes(imported, scaled):
    for output in (scaled.scaleVolumes, scaled.confidenceVolumes):
        assert type(output) is SetOfVolumes
        assert output.getSize() == 3
        assert output.getSamplingRate() == VOXEL
        items = [item.clone() for item in output]
        assert [item.getObjId() for item in items] == [1, 2, 3]
        assert [item.particles.get() for item in items] == list(MEMBERS)
        assert len({item.getFileName() for item in items}) == 3
        for item in items:
            assert item.getSamplingRate() == VOXEL
            assert item.getDim() == (32, 32, 32)
            assert header(item)[0] == pytest.approx(VOXEL)
            assert item.getShiftsFromOrigin() == pytest.approx((-64, -64, -64))
    assert not scaled.hasAttribute("scaleVolume")


def test_the_scale_of_a_class_follows_its_occupancy(scaled):
    z, y, x = (slice(14, 17), slice(14, 17), slice(20, 23))
    weak = [float(read(item)[z, y, x].mean()) for item in scaled.scaleVolumes]
    assert weak[0] < weak[1] < weak[2]


def test_the_summary_speaks_of_all_classes(scaled):
    assert scaled.summary()[0].startswith("3 volumes, up to 1 side by side")
    assert "each of 3 maps" in scaled.methods()[0]


@pytest.fixture(scope="module")
def measured(runner, imported):
    """Occupancies of two masked regions in the classes."""
    masks = runner.new(
        "OccupyProtRegionOccupancy",
        "regions of classes",
        inputVolumes=imported,
        regionsFrom=1,
        reference="full",
    )
    for producer, output in runner.bodies(runner.inputs / "parts", 32):
        masks.inputMasks.append(Pointer(producer, extended=output))
    return runner.launch(masks)


def test_the_regions_of_classes_are_compared_and_weighted_with_their_sizes(measured):
    masks = measured
    rows = [item.clone() for item in masks.regionOccupancies]
    part = [row for row in rows if row.region.get() == "part"]
    assert [row.particles.get() for row in part] == [*MEMBERS, None]
    values = [row.occupancy.get() for row in part]
    assert values[:3] == pytest.approx([0.3, 0.6, 1.0], abs=0.1)
    assert part[3].map.get() == "weighted mean"
    assert values[3] == pytest.approx(np.average(values[:3], weights=MEMBERS), abs=1e-3)
    assert "weighted with their sizes" in " ".join(masks._methods())
    assert sum("weighted mean" in line for line in masks.summary()) == 2


def test_classes_are_volumes_of_an_ensemble(runner, imported):
    protocol = runner.new("OccupyProtBlocks")
    protocol.inputVolumes.append(Pointer(imported[0], extended=imported[1]))
    (error,) = protocol.validate()
    assert "number of volumes is 3" in error


# ---- all protocols take all that a classification gives
EVERY = {
    "OccupyProtLocalScale": "inputVolumes",
    "OccupyProtModifyMap": "inputVolume",
    "OccupyProtLocalResolution": "inputVolume",
    "OccupyProtRegionOccupancy": "inputVolumes",
    "OccupyProtBlocks": "inputVolumes",
}


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("part", ["", ".2", ".2._representative"])
def test_classes_one_class_and_its_representative_are_volumes_with_rate_size_and_id(
    runner, imported, name, part
):
    producer, output = imported
    protocol = runner.new(name)
    value = getattr(protocol, EVERY[name])
    if name == "OccupyProtBlocks":
        value.append(Pointer(producer, extended=output + part))
    else:
        value.set(producer)
        value.setExtended(output + part)
    volumes = protocol.volumes()
    assert [v.getSamplingRate() for v in volumes] == [VOXEL] * (1 if part else 3)
    assert [v.particles for v in volumes] == ([MEMBERS[1]] if part else list(MEMBERS))
    assert [v.getObjId() for v in volumes] == ([2] if part else [1, 2, 3])
    assert [v.getDim() for v in volumes] == [(32, 32, 32)] * len(volumes)
    assert protocol.givesSets() == (not part)
    # What a form lacks otherwise is told, but nothing of the maps.
    words = " ".join(protocol.validate())
    assert "sampling" not in words
    assert "must be a volume" not in words


def test_flexible_sets_and_mixed_inputs_are_numbered_and_keep_labels_and_half_maps(
    runner, imported
):
    producer, output = imported
    flexible = SetOfVolumesFlex.create(producer._getPath(), prefix="mixed")
    flexible.setSamplingRate(VOXEL)
    halves = [str(write_mrc(runner.inputs / f"h{i}.mrc", two_bodies(i), VOXEL)) for i in (1, 2)]
    for i in range(2):
        item = VolumeFlex(progName="decoder")
        item.setFileName(str(write_mrc(runner.inputs / f"flex{i}.mrc", two_bodies(i), VOXEL)))
        item.setObjLabel(f"state {i}")
        item.setHalfMaps(halves)
        flexible.append(item)
    producer._defineOutputs(mixedVolumes=flexible)
    protocol = runner.new("OccupyProtLocalResolution", inputVolume=imported)
    protocol.moreVolumes.append(Pointer(producer, extended="mixedVolumes"))
    protocol.moreVolumes.append(Pointer(producer, extended=f"{output}.3"))
    volumes = protocol.volumes()
    assert [v.getObjId() for v in volumes] == [1, 2, 3, 4, 5, 6]
    assert [v.particles for v in volumes] == [*MEMBERS, None, None, MEMBERS[2]]
    assert [v.getObjLabel() for v in volumes[3:5]] == ["state 0", "state 1"]
    assert all(v.getHalfMaps(asList=True) == halves for v in volumes[3:5])
    assert {v.getSamplingRate() for v in volumes} == {VOXEL}
    assert protocol.givesSets()


def items_of(output):
    return [item.clone() for item in output]


def test_classes_give_sets_of_local_resolutions(runner, imported):
    protocol = runner.run("OccupyProtLocalResolution", "resolutions", inputVolume=imported)
    assert type(protocol.resolution_Volumes) is SetOfVolumes
    assert type(protocol.resolutionMasks) is SetOfVolumeMasks
    items = items_of(protocol.resolution_Volumes)
    assert [item.getObjId() for item in items] == [1, 2, 3]
    assert [item.particles.get() for item in items] == list(MEMBERS)
    assert all(item.globalResolution.get() > 0 for item in items)
    assert all(item.getSamplingRate() == VOXEL for item in items)
    assert {Path(item.getFileName()).parent.name for item in items} == {
        "volume_001",
        "volume_002",
        "volume_003",
    }
    lines = protocol.summary()
    assert lines[0].startswith("3 volumes, ")
    assert sum("resol" in line for line in lines) >= 3  # one for each class
    assert "each of 3 maps" in " ".join(protocol._methods())
    assert not protocol.hasAttribute("resolution_Volume")


def test_each_class_is_modified_by_the_scale_with_its_id(runner, imported, scaled):
    protocol = runner.run(
        "OccupyProtModifyMap",
        "each its own",
        inputVolume=imported,
        inputScale=(scaled, "scaleVolumes"),
        attenuate=3.0,
        subtractionMaskOf=1,
    )
    assert type(protocol.attenuatedVolumes) is SetOfVolumes
    assert type(protocol.keepMasks) is type(protocol.subtractMasks) is SetOfVolumeMasks
    items = items_of(protocol.attenuatedVolumes)
    assert [item.getObjId() for item in items] == [1, 2, 3]
    assert [item.particles.get() for item in items] == list(MEMBERS)
    used = [record.inputs["scale_map"] for record in protocol._records()]
    assert used == [item.getFileName() for item in items_of(scaled.scaleVolumes)]
    assert "Scale: that of each map." in protocol.summary()
    one = runner.new(
        "OccupyProtModifyMap",
        inputVolume=(imported[0], "outputClasses.2"),
        inputScale=(scaled, "scaleVolumes"),
    )
    assert one._givenScales(one.volumes())[0].getFileName() == used[1]
    assert one.validate() == []
    only = runner.new(
        "OccupyProtModifyMap", inputVolume=imported, inputScale=(scaled, "scaleVolumes.2")
    )
    assert [scale.getFileName() for scale in only._givenScales(only.volumes())] == [used[1]] * 3
    assert only.validate() == []


def test_classes_can_share_the_scale_of_their_mean(runner, imported):
    protocol = runner.run(
        "OccupyProtModifyMap", "one scale", inputVolume=imported, oneScale=True, attenuate=3.0
    )
    assert [step.funcName.get() for step in protocol.loadSteps()] == [
        "meanStep",
        "scaleStep",
        *["modifyStep"] * 3,
        "createOutputStep",
    ]
    maps = [read(item.getRepresentative()) for item in getattr(*imported)]
    weights = np.array(MEMBERS) / sum(MEMBERS)
    mean = read(SimpleNamespace(getFileName=lambda: protocol._getExtraPath("mean", "mean.mrc")))
    np.testing.assert_allclose(mean, np.tensordot(weights, maps, 1), atol=1e-6)
    records = protocol._records()
    for shared in ("scale_map", "confidence_map"):  # so all get the same factors
        assert len({record.inputs[shared] for record in records}) == 1
    assert "Scale: one for all maps." in protocol.summary()
    assert runner.resume(protocol, attenuate=2.0) == [*["modifyStep"] * 3, "createOutputStep"]


@pytest.fixture(scope="module")
def aside(runner):
    """Two maps, of which the second is moved by whole voxels (z, y, x)."""
    maps = [two_bodies(seed, n=32, occupancy=q) for seed, q in enumerate((0.6, 1.0))]
    by = (3, -2, 4)
    folder = runner.inputs / "aside"
    for i, data in enumerate((maps[0], np.roll(maps[1], by, (0, 1, 2)))):
        write_mrc(folder / f"map_{i}.mrc", data, VOXEL)
    return runner.volumes(folder, voxel=VOXEL), maps, by


def test_maps_that_share_a_scale_are_compared_first(runner, aside):
    values = {"inputVolume": aside[0], "oneScale": True, "attenuate": 3.0}
    protocol = runner.run("OccupyProtModifyMap", "not in register", **values)
    assert any("is not in register with" in text for text in protocol.summary())


def test_maps_that_share_a_scale_can_be_aligned_and_stay_where_they_are(runner, aside):
    imported, maps, by = aside
    values = {"inputVolume": imported, "oneScale": True, "alignMaps": True, "attenuate": 3.0}
    protocol = runner.run("OccupyProtModifyMap", "aligned", **values)
    assert any("1 of 2 maps were moved onto" in text for text in protocol.summary())
    mean = read(SimpleNamespace(getFileName=lambda: protocol._getExtraPath("mean", "mean.mrc")))
    assert np.corrcoef(mean.ravel(), (maps[0] + maps[1]).ravel())[0, 1] > 0.998
    scales = [
        read(SimpleNamespace(getFileName=lambda r=r: r.inputs["scale_map"]))
        for r in protocol._records()
    ]
    np.testing.assert_array_equal(scales[1], np.roll(scales[0], by, (0, 1, 2)))
    # What is full stays as it is, where it is.
    full = np.roll(maps[1], by, (0, 1, 2)) * (scales[1] > 0.98)
    second = [read(item) for item in protocol.attenuatedVolumes][1]
    strong = full > 0.5
    assert strong.sum() > 100
    assert np.abs(second[strong] / full[strong] - 1).mean() < 0.05


def test_a_scale_of_another_set_is_refused(runner, imported, scaled):
    protocol = runner.new(
        "OccupyProtModifyMap",
        inputVolume=imported,
        inputScale=(scaled, "scaleVolumes"),
    )
    protocol.moreVolumes.append(Pointer(imported[0], extended=imported[1]))
    (sentence,) = protocol.validate()
    assert "none with the id 4" in sentence


# ---- from regions to particles
def test_particles_of_the_classes_that_have_a_region_are_selected(runner, imported, measured):
    protocol = runner.run(
        "OccupyProtSelectParticles",
        "particles with it",
        inputClasses=imported,
        inputOccupancies=(measured, "regionOccupancies"),
        where="part > 0.45 and full > 0.8",
    )
    given = {
        particle.getObjId(): (particle.getLocation(), group.getObjId())
        for group in getattr(*imported)
        for particle in group
    }
    selected = items_of(protocol.selectedParticles)
    assert len(selected) == MEMBERS[1] + MEMBERS[2]
    values = {}
    for particle in selected:
        location, group = given[particle.getObjId()]
        assert particle.getLocation() == location
        assert particle.hasTransform()
        values.setdefault(group, set()).add(particle.occupancy_part.get())
    assert sorted(values) == [2, 3]
    assert [len(found) for found in values.values()] == [1, 1]
    images = getattr(*imported).getImages()
    view = opened(runner, protocol)["selectedParticles"]
    assert {"occupancyClass"} <= set(view.columns)
    assert any(name.startswith("occupancy_") for name in view.columns)
    assert len(view.rows) == len(selected)
    assert view.words[0] == protocol.summary()[0]
    assert protocol.selectedParticles.getSamplingRate() == images.getSamplingRate()
    assert protocol.selectedParticles.getAlignment() == images.getAlignment()
    first, *others = protocol.summary()
    assert first == f"25 of {sum(MEMBERS)} particles where part > 0.45 and full > 0.8."
    expected = (0.6 * MEMBERS[1] + 1.0 * MEMBERS[2]) / 25
    (line,) = [line for line in others if line.startswith("part: in ")]
    assert float(line.split()[2]) == pytest.approx(expected, abs=0.1)
    assert "were selected" in protocol._methods()[0]

    _same_in_relion(protocol, selected)


def _same_in_relion(protocol, selected):
    """The STAR file beside the output has the same particles, with what the set says of them."""
    star = Path(protocol._getExtraPath("selected_particles.star"))
    assert str(star) in protocol.summary()[-1]
    table = starfile.read(star)["particles"]
    assert list(table["rlnImageName"]) == [
        f"{index:06d}@{name}" for index, name in (p.getLocation() for p in selected)
    ]
    for name in ("full", "part"):
        values = [getattr(p, f"occupancy_{name}").get() for p in selected]
        np.testing.assert_allclose(table[f"occupy{name}"], values, atol=1e-6)
    again = read_particles(star)
    assert again.groups().tolist() == [p.getClassId() for p in selected]
    again.write(star.with_name("again.star"), np.ones(len(again), bool), {})
    if shutil.which("relion_star_handler"):
        selecting = ["--select", "rlnClassNumber", "--minval", "3", "--maxval", "3"]
        files = ["--i", str(star), "--o", str(star.with_name("third.star"))]
        subprocess.run(["relion_star_handler", *files, *selecting], check=True, capture_output=True)
        third = starfile.read(star.with_name("third.star"))["particles"]
        assert len(third) == MEMBERS[2]
        assert third["occupypart"].tolist() == pytest.approx(
            table["occupypart"][table["rlnClassNumber"] == 3].tolist()
        )


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("part > 2", "No class fits part > 2"),
        ("nothing > 0.5", "names 'nothing', but the regions are full, part"),
        ("part >", "ends where a name or a number should follow"),
    ],
)
def test_rules_that_select_nothing_are_told_by_the_form(runner, imported, measured, rule, sentence):
    protocol = runner.new(
        "OccupyProtSelectParticles",
        inputClasses=imported,
        inputOccupancies=(measured, "regionOccupancies"),
        where=rule,
    )
    assert sentence in " ".join(protocol.validate())


def test_without_a_rule_all_particles_get_the_occupancies(runner, imported, measured):
    protocol = runner.run(
        "OccupyProtSelectParticles",
        "all particles",
        inputClasses=imported,
        inputOccupancies=(measured, "regionOccupancies"),
    )
    assert protocol.selectedParticles.getSize() == sum(MEMBERS)
    assert {p.occupancyClass.get() for p in protocol.selectedParticles.iterItems()} == {
        row.map.get() for row in measured.regionOccupancies.iterItems()
    } - {"weighted mean"}


def test_particles_that_the_other_plugin_cannot_write_are_selected_nevertheless(
    runner, imported, measured, monkeypatch
):
    def cannot(*arguments, **more):
        raise NotImplementedError("3D alignment conversion")

    monkeypatch.setattr("relion.convert.writeSetOfParticles", cannot)
    protocol = runner.run(
        "OccupyProtSelectParticles",
        "no star",
        inputClasses=imported,
        inputOccupancies=(measured, "regionOccupancies"),
    )
    assert protocol.selectedParticles.getSize() == sum(MEMBERS)
    assert not list(Path(protocol._getExtraPath()).glob("*.star"))
    assert "could not write the particles (3D alignment" in runner.stdout(protocol)


def test_occupancies_of_other_maps_are_refused(runner, imported, measured):
    other = runner.new("OccupyProtSelectParticles", inputClasses=imported)
    table = type(measured.regionOccupancies).create(measured._getPath(), prefix="other")
    for row in measured.regionOccupancies:
        row.map.set(f"another {row.map.get()}")
        table.append(row)
    measured._defineOutputs(otherOccupancies=table)
    other.inputOccupancies.set(measured)
    other.inputOccupancies.setExtended("otherOccupancies")
    (sentence,) = other.validate()
    assert "measure the occupancies of these classes" in sentence
