"""The protocol for the usual question: from 3D classes to verdicts, merged classes and a report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("pyworkflow", reason="Scipion is not installed (extra [scipion])")
pytest.importorskip("relion", reason="scipion-em-relion is not installed")

from pwem.objects import Pointer, SetOfClasses3D
from relion_classes import MEMBERS, VOXEL
from scipion_project import opened, read, two_bodies

from occupy_core.commands.classes.job import ClassesJob
from occupy_core.commands.main import main

STATES = (0.0, 1.0, 1.0)  # of the second body; two classes are alike


@pytest.fixture(scope="module")
def imported(runner):
    maps = [two_bodies(seed, n=32, occupancy=q) for seed, q in enumerate(STATES)]
    return runner.classes(runner.inputs / "analysed", maps)


@pytest.fixture(scope="module")
def masks(runner):
    """A mask for each body."""
    return runner.bodies(runner.inputs, 32)


def new(runner, imported, masks, **more):
    protocol = runner.new(
        "OccupyProtAnalyseClasses", "analyse", inputVolumes=imported, reference="full", **more
    )
    for producer, output in masks:
        protocol.inputMasks.append(Pointer(producer, extended=output))
    return protocol


@pytest.fixture(scope="module")
def analysed(runner, imported, masks):
    return runner.launch(new(runner, imported, masks))


def test_the_absent_is_called_absent_in_the_table_of_regions(analysed):
    rows = [item.clone() for item in analysed.regionOccupancies]
    words = {(r.map.get(), r.region.get()): r.verdict.get() for r in rows if r.verdict.get()}
    parts = [word for (_, region), word in words.items() if region == "part"]
    assert parts[0] == "absent"
    assert "absent" not in parts[1:]
    assert [r.particles.get() for r in rows if r.region.get() == "part"][:3] == list(MEMBERS)
    assert all(r.resolution.get() > 0 for r in rows[:1])


def test_the_summary_begins_with_the_answer(analysed):
    assert "part" in analysed.summary()[0]
    assert "absent" in analysed.summary()[0]
    assert "verdicts hold for 95 % intervals" in analysed.methods()[0]


def test_each_class_has_its_local_resolution(analysed):
    items = [item.clone() for item in analysed.resolution_Volumes]
    assert [item.getObjId() for item in items] == [1, 2, 3]
    assert [item.particles.get() for item in items] == list(MEMBERS)
    assert all(read(item).max() > 0 for item in items)
    assert read(analysed.scaleVolume).max() <= 1.0001
    made = [item.getFileName() for item in items] + [analysed.scaleVolume.getFileName()]
    assert not any(Path(name).is_absolute() for name in made)  # a project can be moved


def test_classes_that_are_alike_are_one_with_all_their_particles(analysed):
    merged = analysed.mergedClasses
    assert type(merged) is SetOfClasses3D
    groups = [(g.getObjId(), g.getSize(), g.getObjLabel()) for g in merged.iterItems()]
    assert [size for _, size, _ in groups] == [MEMBERS[0], MEMBERS[1] + MEMBERS[2]]
    first = merged[2]
    particles = [p.clone() for p in first.iterItems()]
    assert {p.getClassId() for p in particles} == {2}
    assert all(p.hasTransform() for p in particles)
    assert merged[2].getRepresentative().getSamplingRate() == VOXEL
    assert merged.getImages().getSize() == sum(MEMBERS)


def test_a_double_click_on_each_output_opens_it(runner, analysed):
    views = opened(runner, analysed)
    assert {"map", "region", "verdict"} <= set(views["regionOccupancies"].columns)
    scene = views["resolution_Volumes"].scene
    assert scene.mode == "all maps"
    for item, volume in zip(scene.items, analysed.resolution_Volumes, strict=True):
        resolution = item.layer("FSC 0.143").values
        assert resolution.plane(0, 10).tobytes() == read(volume)[10].tobytes()
    scale = views["scaleVolume"].scene.chosen().values
    assert scale.plane(0, 10).tobytes() == read(analysed.scaleVolume)[10].tobytes()
    sizes = [row[2] for row in views["mergedClasses"].rows]
    assert sizes == [MEMBERS[0], MEMBERS[1] + MEMBERS[2]]


@pytest.mark.usefixtures("real_figures")
def test_the_command_line_writes_the_same_bytes(analysed, tmp_path):
    folder = Path(analysed.getResultFolder())
    job = ClassesJob.load(folder / "params.json")
    again = tmp_path / "again"
    assert main(["classes", "--params", str(folder / "params.json"), "--outdir", str(again)]) == 0
    for name in ("classes.csv", "differences.csv", "dendrogram.png"):
        assert (again / name).read_bytes() == (folder / name).read_bytes(), name
    assert (again / "regions" / "regions.csv").read_bytes() == (
        folder / "regions" / "regions.csv"
    ).read_bytes()
    assert job.map_names == tuple(json.loads((folder / "params.json").read_text())["names"])


def test_there_is_a_step_for_the_resolution_of_each_class(runner, analysed):
    names = [step.funcName.get() for step in analysed.loadSteps()]
    assert names == [
        "prepareStep",
        "scaleStep",
        *["resolutionStep"] * 3,
        "regionsStep",
        "analyseStep",
        "createOutputStep",
    ]
    assert "Traceback" not in runner.stderr(analysed)


def test_with_continue_nothing_is_done_twice(runner, analysed):
    folder = Path(analysed.getResultFolder())
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("result*.json")}
    analysed.chains.set("part")
    runner.launch(analysed)
    after = {p: p.stat().st_mtime_ns for p in folder.rglob("result*.json")}
    changed = {p.parent.name for p, time in after.items() if before[p] != time}
    assert changed == {"analysis", "regions"}
    assert {row.region.get() for row in analysed.regionOccupancies} == {"part"}


def test_the_particles_of_a_region_are_selected_from_it(runner, imported, masks):
    analysis = runner.launch(new(runner, imported, masks))
    selected = runner.run(
        "OccupyProtSelectParticles",
        "with part",
        inputClasses=imported,
        inputOccupancies=(analysis, "regionOccupancies"),
        where="part > 0.5",
    )
    assert selected.selectedParticles.getSize() == MEMBERS[1] + MEMBERS[2]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"dataSets": "apo, ligand"}, "number of data sets is 2"),
        ({"window": 1, "by": 1}, None),  # of a model, which is not given
    ],
)
def test_what_is_wrong_with_the_form_is_told(runner, imported, masks, more, sentence):
    errors = new(runner, imported, masks, **more).validate()
    assert bool(errors) == (sentence is not None)
    if sentence:
        assert sentence in errors[0]
