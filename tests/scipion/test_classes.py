"""Real 3D classes, as the RELION plugin imports them (no RELION program is needed)."""

from __future__ import annotations

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")
pytest.importorskip("relion", reason="scipion-em-relion is not installed")

import numpy as np
from pwem.objects import Pointer, SetOfClasses3D, SetOfVolumes
from relion_classes import MEMBERS, VOXEL, write_classification
from scipion_project import header, read, two_bodies, write_mrc

from occupy_scipion.convert.volumes import iterVolumes


@pytest.fixture(scope="module")
def imported(runner):
    maps = [two_bodies(seed, n=32, occupancy=q) for seed, q in enumerate((0.3, 0.6, 1.0))]
    star = write_classification(runner.inputs / "relion", maps)
    cls = runner.protocols["ProtImportParticles"]
    protocol = runner.run(
        "ProtImportParticles",
        "import classes",
        importFrom=cls.IMPORT_FROM_RELION,
        starFile=str(star),
        samplingRate=VOXEL,
        voltage=300,
        sphericalAberration=2.7,
        amplitudeContrast=0.1,
    )
    return protocol, "outputClasses"


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
    assert scaled.summary()[0] == "Local scale of 3 volumes."
    assert "each of 3 maps" in scaled.methods()[0]


def test_the_regions_of_classes_are_compared_and_weighted_with_their_sizes(runner, imported):
    z, y, x = np.mgrid[:32, :32, :32] - 15.5
    masks = runner.new(
        "OccupyProtRegionOccupancy",
        "regions of classes",
        inputVolumes=imported,
        regionsFrom=1,
        reference="full",
    )
    for name, centre in (("full", -5.4), ("part", 5.4)):
        inside = (x - centre) ** 2 + y**2 + z**2 < 20
        path = write_mrc(runner.inputs / "parts" / f"{name}.mrc", inside, VOXEL)
        producer, output = runner.mask(path, VOXEL)
        masks.inputMasks.append(Pointer(producer, extended=output))
    runner.launch(masks)
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
