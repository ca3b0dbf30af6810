"""Volumes and files: Scipion's sampling rate and origin are the truth."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import mrcfile
import numpy as np
import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")

from pwem.emlib.image import ImageHandler
from pwem.objects import (
    Class3D,
    Particle,
    SetOfClasses3D,
    SetOfParticles,
    SetOfVolumes,
    SetOfVolumesFlex,
    Transform,
    Volume,
    VolumeFlex,
)
from scipion_project import VOXEL, write_mrc

from occupy_core import MapFormatError
from occupy_core.maps.mrc import read_map
from occupy_scipion.convert.files import locatedMap
from occupy_scipion.convert.half_maps import halfMapProblem, halfMapsOf, halfMapWarning
from occupy_scipion.convert.volumes import (
    VolumeSource,
    distinctNames,
    gridOf,
    gridProblem,
    gridProblems,
    iterVolumes,
)

ORIGIN = (-20.5, 3.25, 7.0)
SHAPE = (8, 10, 12)


@pytest.fixture
def data():
    return np.random.default_rng(3).normal(size=SHAPE).astype(np.float32)


def volume(file, voxel=VOXEL, origin=ORIGIN) -> Volume:
    made = Volume(location=str(file))
    made.setSamplingRate(voxel)
    if origin is not None:
        transform = Transform()
        transform.setShifts(*origin)
        made.setOrigin(transform)
    return made


def located(made, folder) -> Path:
    source = VolumeSource.of(made)
    return Path(locatedMap(source.file, source, str(folder), source.index))


def assert_true_map(path, data, voxel=VOXEL, origin=ORIGIN):
    density = read_map(path)
    np.testing.assert_array_equal(density.data, data)
    np.testing.assert_allclose(density.grid.voxel_size, voxel, rtol=1e-6)
    np.testing.assert_allclose(density.grid.position((0, 0, 0)), origin, atol=1e-5)


def test_a_file_whose_header_agrees_is_used_itself(tmp_path, data):
    file = write_mrc(tmp_path / "map.mrc", data, VOXEL, ORIGIN)
    assert located(volume(f"{file}:mrc"), tmp_path / "copies") == file
    assert not (tmp_path / "copies").exists()


@pytest.mark.parametrize(
    ("voxel", "origin"), [(1.0, ORIGIN), (VOXEL * 1.001, ORIGIN), (VOXEL, (0, 0, 0)), (0.0, ORIGIN)]
)
def test_a_wrong_header_gives_a_corrected_copy_and_an_untouched_input(
    tmp_path, data, voxel, origin
):
    file = write_mrc(tmp_path / "map.mrc", data, voxel, origin)
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    copy = located(volume(file), tmp_path / "copies")
    assert copy == tmp_path / "copies" / "map.mrc"
    assert_true_map(copy, data)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before


def test_start_indices_count_as_a_place(tmp_path, data):
    file = write_mrc(tmp_path / "map.mrc", data)
    with mrcfile.open(file, "r+") as mrc:
        mrc.nstart = (2, -3, 4)  # x, y, z
    x, y, z = (VOXEL * n for n in (2, -3, 4))
    assert located(volume(file, origin=(x, y, z)), tmp_path / "copies") == file
    copy = located(volume(file, origin=(0.0, 0.0, 0.0)), tmp_path / "copies")
    assert_true_map(copy, data, origin=(0, 0, 0))


def test_other_axis_orders_are_put_in_order(tmp_path, data):
    file = write_mrc(tmp_path / "map.mrc", data.transpose(2, 1, 0), VOXEL, ORIGIN)
    with mrcfile.open(file, "r+") as mrc:
        mrc.header.mapc, mrc.header.mapr, mrc.header.maps = 3, 2, 1
        mrc.header.mx, mrc.header.my, mrc.header.mz = SHAPE[::-1]
        mrc.header.cella = tuple(n * VOXEL for n in SHAPE[::-1])
    with pytest.warns(match="axes"):
        copy = located(volume(file), tmp_path / "copies")
    assert_true_map(copy, data)


def test_spider_volumes_are_converted(tmp_path, data):
    file = tmp_path / "map.vol"
    image = ImageHandler().createImage()
    image.setData(data)
    image.write(str(file))
    assert_true_map(located(volume(file), tmp_path / "copies"), data)


def test_compressed_maps_are_converted_unless_their_header_agrees(tmp_path, data):
    plain = write_mrc(tmp_path / "map.mrc", data, 1.0, ORIGIN)
    file = tmp_path / "map.map.gz"
    file.write_bytes(gzip.compress(plain.read_bytes()))
    assert_true_map(located(volume(file), tmp_path / "copies"), data)


def test_a_volume_marked_as_a_stack_is_a_volume_all_the_same(tmp_path, data):
    file = write_mrc(tmp_path / "map.mrc", data, VOXEL, ORIGIN)
    with mrcfile.open(file, "r+") as mrc:
        mrc.set_image_stack()
    with pytest.raises(MapFormatError, match="stack"):
        read_map(file)
    assert_true_map(located(volume(f"{file}:mrc"), tmp_path / "copies"), data)
    assert_true_map(located(volume(file), tmp_path / "copies"), data)


@pytest.mark.parametrize("index", [1, 2])
def test_a_volume_of_an_mrc_stack_is_taken_out(tmp_path, data, index):
    file = tmp_path / "stack.mrcs"
    with mrcfile.new(file) as mrc:
        mrc.set_data(np.stack([data, 3 * data]))  # MRC2014 marks it as a stack of volumes
    made = volume(file)
    made.setLocation(index, str(file))
    source = VolumeSource.of(next(iterVolumes(made)))
    found = read_map(locatedMap(source.file, source, str(tmp_path / "in"), source.index))
    np.testing.assert_array_equal(found.data, (1, 3)[index - 1] * data)
    assert found.grid.position((0, 0, 0)) == pytest.approx(ORIGIN)


def test_a_volume_of_a_stack_is_taken_out(tmp_path, data):
    file = str(tmp_path / "stack.stk")
    handler = ImageHandler()
    for index, factor in ((1, 1), (2, 3)):
        image = handler.createImage()
        image.setData(data * factor)
        handler.write(image, (index, file))
    made = volume(file)
    made.setLocation(2, file)
    copy = located(made, tmp_path / "copies")
    assert copy.name == "stack_2.mrc"
    assert_true_map(copy, data * 3)


def test_a_file_that_is_no_map_is_refused_with_one_sentence(tmp_path):
    file = tmp_path / "map.mrc"
    file.write_text("no map")
    with pytest.raises(MapFormatError, match=r"map\.mrc"):
        located(volume(file), tmp_path / "copies")


# ---- sources
def test_a_source_changes_when_the_file_is_made_anew(tmp_path, data):
    file = write_mrc(tmp_path / "map.mrc", data)
    first = VolumeSource.of(volume(file))
    assert VolumeSource.of(volume(file)) == first
    write_mrc(file, data + 1)
    assert VolumeSource.of(volume(file)) != first


def test_half_maps_that_are_gone_are_left_out(tmp_path, data):
    made = volume(write_mrc(tmp_path / "map.mrc", data))
    halves = [str(write_mrc(tmp_path / f"half{i}.mrc", data)) for i in (1, 2)]
    made.setHalfMaps(halves)
    assert VolumeSource.of(made, withHalfMaps=True).halfMaps == tuple(halves)
    assert VolumeSource.of(made).halfMaps == ()
    Path(halves[1]).unlink()
    (sentence,) = halfMapWarning(made, "map", "they are not used")
    assert halves[1] in sentence
    assert halves[0] not in sentence
    assert VolumeSource.of(made, withHalfMaps=True).halfMaps == ()


@pytest.mark.parametrize(
    "names",
    [
        ("a, 3 A_half1.mrc", "a, 3 A_half2.mrc"),
        ("one,half1.mrc", "half2.mrc"),
        ("half1.mrc", ",half,2,.mrc"),
        ("h1.mrc", "h2.mrc"),
    ],
)
def test_commas_in_the_names_of_half_maps_survive_the_list_of_scipion(tmp_path, data, names):
    made = volume(write_mrc(tmp_path / "map.mrc", data))
    halves = [str(write_mrc(tmp_path / "a,b" / name, data)) for name in names]
    made.setHalfMaps(halves)
    stored = SetOfVolumes(filename=str(tmp_path / "set.sqlite"))
    stored.setSamplingRate(VOXEL)
    stored.append(made)
    stored.write()
    again = next(iter(SetOfVolumes(filename=stored.getFileName()))).clone()
    assert len(again.getHalfMaps(asList=True)) > 2
    assert halfMapsOf(again) == halves
    assert VolumeSource.of(again, withHalfMaps=True).halfMaps == tuple(halves)
    assert halfMapWarning(again, "map", "they are not used") == []
    stored.close()


def test_a_single_half_map_is_told(tmp_path, data):
    made = volume(write_mrc(tmp_path / "map.mrc", data))
    made.setHalfMaps(str(write_mrc(tmp_path / "half,1.mrc", data)))
    assert VolumeSource.of(made, withHalfMaps=True).halfMaps == ()
    (sentence,) = halfMapWarning(made, "map", "they are not used")
    assert "map has 1 half map (" in sentence
    assert sentence.endswith("two are needed; they are not used.")


def test_half_maps_of_another_box_are_told(tmp_path, data):
    made = volume(write_mrc(tmp_path / "map.mrc", data))
    halves = [str(write_mrc(tmp_path / f"half{i}.mrc", data)) for i in (1, 2)]
    made.setHalfMaps(halves)
    assert halfMapProblem(made, "map", SHAPE) == []
    (sentence,) = halfMapProblem(made, "map", (6, 10, 12))
    assert "half map 1 has 12 x 10 x 8 voxels, but map has 12 x 10 x 6" in sentence
    Path(halves[1]).write_text("no map")
    (sentence,) = halfMapProblem(made, "map", SHAPE)
    assert "half2.mrc of half map 2 cannot be read" in sentence


def test_the_copy_that_is_worked_on_has_no_comma_in_its_name(tmp_path, data):
    made = volume(write_mrc(tmp_path / "a,b.mrc", data, VOXEL, ORIGIN))
    source = VolumeSource.of(made)
    found = locatedMap(source.file, source, str(tmp_path / "input"))
    assert Path(found).name == "a_b.mrc"
    assert np.array_equal(read_map(found).data, data)


# ---- volumes of an input
def test_a_volume_without_an_origin_lies_in_the_centre(tmp_path, data):
    made = volume(write_mrc(tmp_path / "map.mrc", data), origin=None)
    (complete,) = iterVolumes(made)
    nz, ny, nx = SHAPE
    assert complete.getShiftsFromOrigin() == pytest.approx([-n / 2 * VOXEL for n in (nx, ny, nz)])
    assert not made.hasOrigin()
    assert gridOf(complete).shape == SHAPE


def test_items_of_a_set_are_clones_with_their_ids_and_labels(tmp_path, data):
    volumes = SetOfVolumes(filename=str(tmp_path / "set.sqlite"))
    volumes.setSamplingRate(VOXEL)
    for i in (3, 1, 7):
        item = volume(write_mrc(tmp_path / f"{i}" / "map.mrc", data * i))
        item.setObjId(i)
        item.setObjLabel(f"state {i}")
        volumes.append(item)
    found = list(iterVolumes(volumes))
    assert [v.getObjId() for v in found] == [1, 3, 7]
    assert [v.getObjLabel() for v in found] == ["state 1", "state 3", "state 7"]
    assert len({v.getFileName() for v in found}) == 3
    assert len({id(v.getOrigin()) for v in found}) == 3


def test_sets_with_flexibility_are_sets_of_volumes_too(tmp_path, data):
    volumes = SetOfVolumesFlex(filename=str(tmp_path / "flex.sqlite"), progName="test")
    volumes.setSamplingRate(VOXEL)
    item = VolumeFlex(progName="test")
    item.setFileName(str(write_mrc(tmp_path / "map.mrc", data)))
    item.setZFlex([1.0, 2.0])
    volumes.append(item)
    (found,) = iterVolumes(volumes)
    assert found.getSamplingRate() == VOXEL


def test_classes_give_their_representatives_with_sampling_and_size(tmp_path, data):
    particles = SetOfParticles(filename=str(tmp_path / "particles.sqlite"))
    particles.setSamplingRate(VOXEL)
    for i in range(5):
        particle = Particle()
        particle.setLocation(i + 1, "stack.mrcs")
        particle.setClassId(1 + i % 2)
        particles.append(particle)
    particles.write()
    classes = SetOfClasses3D(filename=str(tmp_path / "classes.sqlite"))
    classes.setImages(particles)
    for i in (1, 2):
        item = Class3D()
        file = write_mrc(tmp_path / f"class{i}.mrc", data * i)
        item.setRepresentative(Volume(location=f"{file}:mrc"))
        item.setObjId(i)
        classes.append(item)
        for particle in particles:
            if particle.getClassId() == i:
                item.append(particle)
        classes.update(item)
    classes.write()
    found = list(iterVolumes(classes))
    assert [v.getSamplingRate() for v in found] == [VOXEL, VOXEL]
    assert [v.particles for v in found] == [3, 2]


# ---- grids
def test_problems_of_grids_name_both_numbers(tmp_path, data):
    def complete(name, values, voxel=VOXEL):
        return next(iterVolumes(volume(write_mrc(tmp_path / name, values), voxel)))

    first = complete("map.mrc", data)
    assert gridProblem(first, complete("same.mrc", data, VOXEL * 1.0001), "mask") == []
    (size,) = gridProblem(first, complete("small.mrc", data[1:]), "mask")
    assert "12 x 10 x 7" in size
    assert "12 x 10 x 8" in size
    (sampling,) = gridProblem(first, complete("coarse.mrc", data, 2.7), "mask")
    assert "2.7 Å" in sampling
    assert "1.35 Å" in sampling


# ---- names and grids of several volumes
def named(made, name, folder) -> Path:
    source = VolumeSource.of(made)
    return Path(locatedMap(source.file, source, str(folder), source.index, name))


@pytest.mark.parametrize("ending", [".mrc", ".mrc.gz"])
def test_a_map_of_another_name_is_a_link_when_its_header_agrees(tmp_path, data, ending):
    file = write_mrc(tmp_path / "map.mrc", data, VOXEL, ORIGIN)
    if ending.endswith(".gz"):
        file = tmp_path / f"map{ending}"
        file.write_bytes(gzip.compress((tmp_path / "map.mrc").read_bytes()))
    made = volume(tmp_path / "map.mrc")
    made.setFileName(str(file))
    source = VolumeSource.of(made)
    link = Path(locatedMap(str(file), source, str(tmp_path / "in"), 0, "chain A/1"))
    assert link == tmp_path / "in" / f"chain A_1{ending}"
    assert link.resolve() == file
    assert_true_map(link, data)
    # Once more, as with Continue.
    assert Path(locatedMap(str(file), source, str(tmp_path / "in"), 0, "chain A/1")) == link


def test_a_map_of_another_name_is_a_copy_when_its_header_is_wrong(tmp_path, data):
    file = write_mrc(tmp_path / "map.mrc", data, 9.0)
    copy = named(volume(file), "B", tmp_path / "in")
    assert copy == tmp_path / "in" / "B.mrc"
    assert not copy.is_symlink()
    assert_true_map(copy, data)


def test_names_are_labels_or_those_of_the_files_and_no_two_are_the_same(tmp_path, data):
    volumes = [volume(write_mrc(tmp_path / d / "map.mrc", data)) for d in "abc"]
    volumes[2].setObjLabel("open")
    assert distinctNames(volumes) == ["map", "map (2)", "open"]


def test_volumes_off_the_grid_of_the_first_are_named_but_not_all(tmp_path, data):
    volumes = [volume(write_mrc(tmp_path / "0.mrc", data))]
    volumes += [volume(write_mrc(tmp_path / f"{i}.mrc", data[:6])) for i in range(1, 6)]
    assert gridProblems(volumes[:1]) == []
    problems = gridProblems(volumes)
    assert problems[0].startswith("The volume 1 has 12 x 10 x 6 voxels, but the first one has")
    assert len(problems) == 4
    assert "2 more volumes" in problems[3]
