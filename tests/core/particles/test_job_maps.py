"""Jobs of other programs, as they lie on the disk: maps, sizes and half maps are found."""

import pickle

import numpy as np
import pytest
from relion_classes import write_classification

from occupy_core import MapFormatError, ParameterError
from occupy_core.files import is_job
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.mrc import write_map
from occupy_core.particles.job_maps import particles_file, read_job

GRID = Grid.cubic(8, 4.0)
POSTPROCESS = """
data_general

_rlnFinalResolution 8.3
_rlnUnfilteredMapHalf1 Refine3D/job010/run_half1_class001_unfil.mrc
_rlnUnfilteredMapHalf2 Refine3D/job010/run_half2_class001_unfil.mrc
"""
MODEL_OF_ONE = """
data_model_general

_rlnNrClasses 1

data_model_classes

loop_
_rlnReferenceImage #1
_rlnClassDistribution #2
Refine3D/job010/run_class001.mrc 1.000000
"""


def put_maps(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    for name in names:
        data = rng.normal(size=GRID.shape).astype(np.float32)
        write_map(folder / name, DensityMap(data, GRID))


def names_of(job):
    return [m.name for m in job.maps]


@pytest.fixture
def class3d(tmp_path):
    rng = np.random.default_rng(2)
    return write_classification(tmp_path, [rng.normal(size=(8, 8, 8)) for _ in range(3)])


@pytest.mark.parametrize("given", ["model.star", "data.star", "optimiser.star", "folder"])
def test_a_classification_of_relion_gives_classes_sizes_and_particles(class3d, given):
    job = class3d.parent
    path = job if given == "folder" else job / f"run_it016_{given}"
    if given == "optimiser.star":
        path.write_text("data_optimiser_general\n\n_rlnCurrentIteration 16\n")
    found = read_job(path)
    assert names_of(found) == [f"run_it016_class00{k}" for k in (1, 2, 3)]
    assert [m.size for m in found.maps] == pytest.approx([11 / 36, 7 / 36, 18 / 36], abs=1e-4)
    assert all(m.path.is_file() and m.half1 is None for m in found.maps)
    assert found.particles == class3d == particles_file(path if path != class3d else job)


def test_the_last_iteration_of_a_folder_counts(class3d):
    job = class3d.parent
    for part in ("model", "data"):
        early = (job / f"run_it016_{part}.star").read_text().replace("it016", "it009")
        (job / f"run_it009_{part}.star").write_text(early)
    assert names_of(read_job(job))[0] == "run_it016_class001"


def test_a_job_that_was_copied_without_its_project_is_read(class3d, tmp_path):
    alone = tmp_path / "elsewhere"
    class3d.parent.rename(alone)
    assert all(m.path.parent == alone for m in read_job(alone).maps)


def test_a_class_without_particles_is_left_out_and_told(class3d):
    model = class3d.with_name("run_it016_model.star")
    model.write_text(model.read_text().replace(" 0.1944 ", " 0.0000 "))
    found = read_job(model)
    assert names_of(found) == ["run_it016_class001", "run_it016_class003"]
    assert "run_it016_class002.mrc has no particles" in found.notes[0]


@pytest.mark.parametrize("given", ["folder", "model", "postprocess"])
def test_a_refinement_gives_its_half_maps(tmp_path, given):
    job = tmp_path / "Refine3D" / "job010"
    halves = [f"run_half{k}_class001_unfil.mrc" for k in (1, 2)]
    put_maps(job, "run_class001.mrc", *halves, "run_it009_half1_class001.mrc")
    (job / "run_model.star").write_text(MODEL_OF_ONE)
    (job / "run_it009_half1_model.star").write_text(MODEL_OF_ONE)
    path = job if given == "folder" else job / "run_model.star"
    if given == "postprocess":
        path = tmp_path / "PostProcess" / "job012"
        put_maps(path, "postprocess.mrc", "postprocess_masked.mrc")
        (path / "postprocess.star").write_text(POSTPROCESS)
    (only,) = read_job(path).maps
    assert only.name == ("postprocess" if given == "postprocess" else "run_class001")
    assert [only.half1, only.half2] == [job / half for half in halves]


def test_an_unfinished_refinement_is_told(tmp_path):
    job = tmp_path / "Refine3D" / "job010"
    put_maps(job, "run_it009_half1_class001.mrc", "run_it009_half2_class001.mrc")
    for k in (1, 2):
        (job / f"run_it009_half{k}_model.star").write_text(MODEL_OF_ONE)
    with pytest.raises(ParameterError, match="not finished"):
        read_job(job)


def test_a_folder_of_cryosparc_gives_the_last_iteration_of_each_class(tmp_path):
    job = tmp_path / "J42"
    last = [f"J42_class_0{k}_00042_volume" for k in (0, 1)]
    halves = [f"{name}_half_{h}.mrc" for name in last for h in "AB"]
    sharp = [f"{name}_sharp.mrc" for name in last]
    old = ["J42_class_00_00007_volume.mrc", "J42_class_01_00007_volume.mrc"]
    put_maps(job, *(f"{name}.mrc" for name in last), *halves, *sharp, *old)
    table = np.zeros(5, dtype=[("uid", "<u8"), ("alignments3D/class", "<u4")])
    table["alignments3D/class"] = [0, 1, 1, 1, 0]
    with (job / "J42_00042_particles.cs").open("wb") as file:
        np.save(file, table)
    found = read_job(job)
    assert names_of(found) == last
    assert [m.size for m in found.maps] == [2, 3]
    assert found.maps[0].half2 == job / "J42_class_00_00042_volume_half_B.mrc"
    assert found.particles == job / "J42_00042_particles.cs"


def test_a_refinement_of_cryosparc_with_its_project_in_the_names(tmp_path):
    job = tmp_path / "J9"
    start = "cryosparc_P3_J9_008_volume_map"
    put_maps(job, *(f"{start}{end}.mrc" for end in ("", "_half_A", "_half_B", "_sharp")))
    put_maps(job, "cryosparc_P3_J9_008_volume_mask_refine.mrc")
    (only,) = read_job(job).maps
    assert only.path == job / f"{start}.mrc"
    assert only.half1 == job / f"{start}_half_A.mrc"


def test_a_table_of_volumes_names_them_from_the_project(tmp_path):
    put_maps(tmp_path / "J5", "J5_map.mrc", "J5_a.mrc", "J5_b.mrc")
    fields = [(f"{k}/path", "S40") for k in ("map", "map_half_A", "map_half_B")]
    row = (b">J5/J5_map.mrc", b">J5/J5_a.mrc", b">J5/J5_b.mrc")
    with (tmp_path / "J5" / "J5_volume.cs").open("wb") as file:
        np.save(file, np.array([row], dtype=fields))
    (only,) = read_job(tmp_path / "J5" / "J5_volume.cs").maps
    assert only.name == "J5_map"
    assert only.half2 == tmp_path / "J5" / "J5_b.mrc"


@pytest.mark.parametrize("program", ["cryoDRGN", "RECOVAR"])
def test_volumes_of_clusters_have_the_sizes_of_the_clusters(tmp_path, program):
    folder = tmp_path / ("kmeans3" if program == "cryoDRGN" else "kmeans")
    labels = np.array([2, 0, 0, 1, 2, 2], np.int32)
    if program == "cryoDRGN":
        put_maps(folder, "vol_000.mrc", "vol_001.mrc", "vol_002.mrc")
        table, content = folder / "labels.pkl", labels
    else:
        maps = [f"center00{k}{end}" for k in range(3) for end in (".mrc", "_half1_unfil.mrc")]
        put_maps(folder, *maps, *(f"center00{k}_half2_unfil.mrc" for k in range(3)))
        (tmp_path / "data").mkdir()
        table = tmp_path / "data" / "kmeans_result.pkl"
        content = {"labels": labels, "centers": np.eye(3, 2)}
    np.savetxt(folder / "centers.txt", np.eye(3, 2))
    table.write_bytes(pickle.dumps(content, protocol=4))
    found = read_job(folder)
    assert [m.size for m in found.maps] == [2, 1, 3]
    assert found.particles == table
    assert all((m.half1 is not None) == (program == "RECOVAR") for m in found.maps)


@pytest.mark.parametrize(
    ("name", "content", "error", "says"),
    [
        ("nothing", None, ParameterError, "no finished job of RELION"),
        ("run_model.star", "no star", MapFormatError, "model_classes|cannot be read"),
        ("run_model.star", MODEL_OF_ONE, MapFormatError, "does not exist"),
        ("run_data.star", "data_particles\n", MapFormatError, "not beside it"),
        ("particles.star", "data_a\n\n_rlnVoltage 300\n", MapFormatError, "data_general"),
        ("volumes.cs", "no table", MapFormatError, "table of cryoSPARC"),
    ],
)
def test_what_is_no_job_is_told(tmp_path, name, content, error, says):
    path = tmp_path / name
    path.mkdir() if content is None else path.write_text(content)
    assert is_job(path)
    with pytest.raises(error, match=says):
        read_job(path)
