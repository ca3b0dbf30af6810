"""An analysis of classes says what is in which; its steps are those of the other commands."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from small_jobs import contents
from small_models import GRID, density_of, noisy, three_chains

from occupy_core.commands.classes import steps
from occupy_core.commands.classes.cli import COMMAND, job_values
from occupy_core.commands.classes.job import ClassesJob
from occupy_core.commands.classes.run import run_classes
from occupy_core.commands.main import main
from occupy_core.commands.particles.occupancies import read_occupancies
from occupy_core.commands.regions.run import run_regions
from occupy_core.errors import OccupyError, OutputError, ParameterError
from occupy_core.maps.mrc import read_map, write_map
from occupy_core.regions.by_model.atoms import read_model
from occupy_core.regions.by_model.estimate import chain_masks

# matplotlib 3.8 calls what newer versions of pyparsing deprecate
pytestmark = pytest.mark.filterwarnings("ignore:.* deprecated.* use :DeprecationWarning")

STATES = ({}, {"B": 0.0}, {})


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Three classes, of which two are alike, with the model of what is in them."""
    folder = tmp_path_factory.mktemp("inputs")
    model = read_model(three_chains(folder / "m.pdb"))
    for i, state in enumerate(STATES, start=1):
        write_map(folder / f"class{i}.mrc", noisy(density_of(model, state), 0.05, i))
    for mask in chain_masks(model, GRID, radius=3.0, soft=3.0):
        write_map(folder / f"mask{mask.name}.mrc", mask)
    return folder


def job_of(inputs, outdir, n=3, **options):
    maps = tuple(inputs / f"class{i}.mrc" for i in range(1, n + 1))
    given = {"model": inputs / "m.pdb", "weights": (500.0, 300.0, 200.0)[:n], **options}
    return ClassesJob(maps, outdir, **given)


@pytest.fixture(scope="module")
def result(inputs, tmp_path_factory):
    outdir = tmp_path_factory.mktemp("analysis") / "out"
    job = job_of(inputs, outdir, data_sets=("apo", "apo", "ligand"))
    return run_classes(job)


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_absent_is_called_absent_and_the_rest_full(result):
    words = {(row["map"], row["region"]): row["verdict"] for row in result.result["table"]}
    assert words.pop(("class2", "B")) == "absent"
    assert set(words.values()) == {"full"}


def test_occupancy_and_resolution_stand_in_one_table_with_their_errors(result):
    rows = rows_of(result.files["table"])
    assert len(rows) == 9
    for row in rows:
        if row["verdict"] == "full":
            assert float(row["sigma"]) < 0.1
            assert 2 < float(row["resolution"]) < 8
            assert 0 < float(row["resolution_sigma"]) < 2
        assert 0 <= float(row["share"]) <= 1
    assert rows[0]["particles"] == "500"


def test_the_answer_comes_first_with_what_differs_and_what_may_be_one(result):
    found = result.result["answer"]
    assert found["sentence"].startswith("Chain B is absent in class2")
    text = " ".join(found["limits"])
    assert "between classes are significant" in text
    assert "class1 and class3 agree in all regions" in text
    assert "from apo to ligand" in text


def test_the_steps_are_those_of_the_other_commands(result, inputs, tmp_path):
    job = steps.regions_job(job_of(inputs, result.files["result"].parent))
    run_regions(replace(job, outdir=tmp_path / "alone"))
    written = contents(job.outdir)
    alone = contents(tmp_path / "alone")
    same = {name for name in written if name.endswith((".csv", ".json", ".png", ".cif"))}
    assert same
    assert {name: alone[name] for name in same} == {name: written[name] for name in same}


def test_the_consensus_is_the_mean_weighted_with_the_sizes(result, inputs):
    mean = sum(
        w * read_map(inputs / f"class{i}.mrc").data.astype(float)
        for i, w in ((1, 0.5), (2, 0.3), (3, 0.2))
    )
    folder = result.files["result"].parent
    assert read_map(folder / "consensus" / "consensus.mrc").data == pytest.approx(mean, abs=1e-5)
    assert (folder / "scale" / "result_consensus.json").is_file()


def test_maps_that_are_aligned_are_so_in_the_consensus_and_bring_their_resolution(
    result, inputs, tmp_path
):
    for i in (1, 3):
        shutil.copy(inputs / f"class{i}.mrc", tmp_path)
    aside = read_map(inputs / "class2.mrc")
    steps_aside = (4, -3, 5)  # voxels along z, y, x
    write_map(tmp_path / "class2.mrc", aside.with_data(np.roll(aside.data, steps_aside, (0, 1, 2))))
    maps = tuple(tmp_path / f"class{i}.mrc" for i in (1, 2, 3))
    more = {"model": inputs / "m.pdb", "weights": (500.0, 300.0, 200.0), "align_maps": True}
    found = run_classes(ClassesJob(maps, tmp_path / "out", plot=False, **more))
    consensus = "consensus/consensus.mrc"
    mean = read_map(found.files["result"].parent / consensus).data
    wanted = read_map(result.files["result"].parent / consensus).data
    assert np.corrcoef(mean.ravel(), wanted.ravel())[0, 1] > 0.999
    before, after = (
        {(row["map"], row["region"]): row for row in rows_of(run.files["table"])}
        for run in (result, found)
    )
    for region in "AC":
        row = after["class2", region]
        for name in ("occupancy", "resolution"):
            expected = float(before["class2", region][name])
            assert float(row[name]) == pytest.approx(expected, abs=0.05), name


def test_the_report_has_the_page_of_the_whole_and_of_the_steps(result):
    text = result.files["report"].read_text(encoding="utf-8")
    assert text.index('data-kind="classes"') < text.index('data-kind="regions"')
    assert 'data-kind="scale"' in text
    assert "Dendrogram of the classes" in text
    assert 'src="data:image/png;base64,' in text


def test_its_particles_can_be_chosen(result):
    found = read_occupancies(result.files["result"].parent)
    assert found.kind == "regions"
    assert found.maps == ("class1", "class2", "class3")


def test_steps_that_are_done_are_kept_and_the_same_job_writes_the_same(result, inputs, monkeypatch):
    folder = result.files["result"].parent
    before = contents(folder)
    for command in steps._RUNS:
        monkeypatch.setitem(steps._RUNS, command, None)  # cannot be called
    job = replace(ClassesJob.load(result.files["result"]), outdir=folder, force=True)
    run_classes(job)
    assert contents(folder) == before


def test_a_step_on_other_files_is_done_again(result, inputs, tmp_path):
    job = steps.regions_job(job_of(inputs, result.files["result"].parent))
    path = job.outdir / "result.json"
    assert steps._is_done(job, path)
    assert not steps._is_done(replace(job, chains=("A",)), path)
    record = json.loads(path.read_text(encoding="utf-8"))
    record["inputs"]["maps_1"]["sha256"] = "0" * 64
    other = tmp_path / "result.json"
    other.write_text(json.dumps(record), encoding="utf-8")
    assert not steps._is_done(job, other)


def test_half_maps_reach_the_resolution_and_the_errors(inputs, tmp_path):
    halves = {f"half{i}": tuple(tmp_path / f"h{i}_{k}.mrc" for k in range(3)) for i in (1, 2)}
    job = job_of(inputs, tmp_path, **halves)
    assert [each.half1 for each in steps.resolution_jobs(job)] == list(halves["half1"])
    regions = steps.regions_job(job)
    assert (regions.half1, regions.half2) == (halves["half1"], halves["half2"])
    assert steps.scale_job(job).half2 == tmp_path / "consensus" / "consensus_half2.mrc"


def test_nothing_is_overwritten_without_force(result, inputs):
    with pytest.raises(OutputError, match="exists already"):
        run_classes(job_of(inputs, result.files["result"].parent))


def test_maps_out_of_register_are_told_first(inputs, tmp_path, capsys):
    moved = np.roll(read_map(inputs / "class1.mrc").data, 2, axis=2)
    write_map(tmp_path / "moved.mrc", read_map(inputs / "class1.mrc").with_data(moved))
    masks = [str(inputs / f"mask{chain}.mrc") for chain in "ABC"]
    status = main(
        ["classes", str(inputs / "class1.mrc"), str(tmp_path / "moved.mrc"), "--masks", *masks,
         "--outdir", str(tmp_path / "out"), "--no-report", "--no-plot"]
    )  # fmt: skip
    assert status == 0
    said = capsys.readouterr()
    assert "moved is not in register with class1" in " ".join(said.out.split())
    record = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))
    assert "not in register" in record["answer"]["limits"][0]
    assert sorted(p.suffix for p in (tmp_path / "out").iterdir() if p.is_file()) == [
        ".csv",
        ".csv",
        ".json",
    ]


def test_a_post_processed_map_is_warned_of(inputs, tmp_path):
    density = read_map(inputs / "class1.mrc")
    path = write_map(tmp_path / "postprocess.mrc", density)
    job = ClassesJob((path,), tmp_path / "out", model=inputs / "m.pdb", report=False, plot=False)
    result = run_classes(job)
    assert "postprocess seems to be post-processed (by its name)" in result.warnings[0]
    assert result.result["answer"]["limits"][0] == result.warnings[0]


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("--weights 5 3", "weights", (5.0, 3.0)),
        ("--data-sets apo ligand", "data_sets", ("apo", "ligand")),
        ("--blocks", "blocks", True),
        ("--align-maps", "align_maps", True),
        ("--match-falloff", "match_falloff", True),
        ("--no-blocks", "blocks", False),
        ("--reference A,B", "by_model.reference", "A,B"),
        ("--by residues --window 9", "by_model.window", 9),
        ("--no-report", "report", False),
        ("--chains D G", "chains", ("D", "G")),
    ],
)
def test_options_set_their_field(text, field, value):
    given = COMMAND.parse(["a.mrc", "b.mrc", "--model", "m.cif", *text.split()])
    found = ClassesJob.from_dict(job_values(given))
    for part in field.split("."):
        found = getattr(found, part)
    assert found == value


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"data_sets": ("apo",)}, "number of data sets is 1"),
        ({"weights": (1.0,)}, "number of class sizes is 1"),
        ({"model": None, "chains": ("A",)}, "--chains needs a model"),
    ],
)
def test_what_is_wrong_is_told_before_the_work(inputs, tmp_path, options, sentence):
    with pytest.raises(ParameterError, match=sentence):
        run_classes(job_of(inputs, tmp_path / "out", **options))


@pytest.mark.parametrize(
    "options",
    [
        {"model": None, "masks": ("maskA.mrc", "gone.mrc")},
        {"half1": ("class1.mrc",) * 3, "half2": ("class2.mrc", "class2.mrc", "gone.mrc")},
        {"model": "gone.pdb"},
    ],
)
def test_an_input_that_is_needed_last_is_looked_at_first(inputs, tmp_path, options):
    options = {
        key: value
        if value is None
        else inputs / value
        if isinstance(value, str)
        else tuple(inputs / name for name in value)
        for key, value in options.items()
    }
    with pytest.raises(OccupyError, match="gone"):
        run_classes(job_of(inputs, tmp_path / "out", **options))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("n", "asked", "found"), [(11, None, False), (12, None, True), (3, True, True)]
)
def test_blocks_are_searched_for_in_twelve_maps_or_more(inputs, tmp_path, n, asked, found):
    maps = tuple(tmp_path / f"{i}.mrc" for i in range(n))
    assert ClassesJob(maps, blocks=asked).with_blocks is found
