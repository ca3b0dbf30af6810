"""A region job writes all it says, again the same, or nothing."""

import csv
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from small_jobs import contents
from small_models import GRID, density_of, noisy, three_chains

from occupy_core.commands.regions.job import RegionsJob, mask_names
from occupy_core.commands.regions.run import run_regions
from occupy_core.commands.shared.record import read_job_values
from occupy_core.errors import GridMismatchError, OutputError, ParameterError
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.mrc import read_map, write_map
from occupy_core.regions.by_model.atoms import read_model
from occupy_core.regions.by_model.estimate import ChainParams, chain_masks
from occupy_core.regions.table import COLUMNS, RegionTable

# matplotlib 3.8 calls what newer versions of pyparsing deprecate
pytestmark = pytest.mark.filterwarnings("ignore:.* deprecated.* use :DeprecationWarning")

WINDOWS = ChainParams(by="residues", window=12)
STATES = ({"B": 0.5}, {"B": 0.0, "C": 0.4})


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Two maps, a model, its masks and half maps, written once."""
    folder = tmp_path_factory.mktemp("inputs")
    model = read_model(three_chains(folder / "m.pdb"))
    for i, state in enumerate(STATES):
        data = density_of(model, state)
        write_map(folder / f"map{i}.mrc", noisy(data, 0.03, i))
        for half in (1, 2):
            write_map(folder / f"map{i}_half{half}.mrc", noisy(data, 0.04, 10 * i + half))
    for mask in chain_masks(model, GRID, radius=3.0, soft=3.0):
        write_map(folder / f"mask{mask.name}.mrc", mask)
    return folder


def job_of(inputs, outdir, n_maps=1, **options):
    maps = tuple(inputs / f"map{i}.mrc" for i in range(n_maps))
    return RegionsJob(maps, outdir=outdir, **{"model": inputs / "m.pdb", **options})


def mask_job(inputs, outdir, n_maps=1, **options):
    masks = tuple(inputs / f"mask{chain}.mrc" for chain in "ABC")
    return job_of(inputs, outdir, n_maps, **{"model": None, "masks": masks, **options})


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_files_are_those_that_are_named(inputs, tmp_path):
    result = run_regions(job_of(inputs, tmp_path / "out", write_masks=True, plot=True))
    assert {p.name for p in (tmp_path / "out").iterdir()} == set(result.result["files"].values())
    assert result.result["files"] == {
        "table": "regions.csv",
        "bars": "regions.png",
        "attributes": "occupancy.defattr",
        "model": "occupancy.cif",
        "chimerax": "regions.cxc",
        **{f"mask_{c}": f"mask_{c}.mrc" for c in "ABC"},
        "result": "result.json",
    }


def test_several_maps_have_files_each_and_a_comparison(inputs, tmp_path):
    more = {"weights": (3.0, 1.0), "names": ("full", "part/1"), "plot": True}
    job = job_of(inputs, tmp_path / "out", 2, **more)
    files = run_regions(job).files
    for key in ("differences", "heatmap", "attributes_1", "attributes_2", "model_2"):
        assert files[key].stat().st_size > 0
    assert files["model_2"].name == "occupancy_part_1.cif"
    record = json.loads(files["result"].read_text(encoding="utf-8"))
    changes = {(d["region"], d["first"]): d for d in record["differences"]}
    assert changes["B", "full"]["difference"] == pytest.approx(-0.5, abs=0.05)
    assert changes["C", "full"]["q_value"] < 1e-6
    mean = {row["region"]: row["occupancy"] for row in record["average"]}
    assert mean["B"] == pytest.approx(0.375, abs=0.03)
    assert mean["C"] == pytest.approx(0.85, abs=0.03)
    assert [r["region"] for r in rows_of(files["differences"])][:2] == [
        d["region"] for d in record["differences"]
    ][:2]


def test_the_table_file_and_the_record_say_the_same(inputs, tmp_path):
    files = run_regions(job_of(inputs, tmp_path / "out", plot=False)).files
    record = json.loads(files["result"].read_text(encoding="utf-8"))
    rows = rows_of(files["table"])
    assert tuple(rows[0]) == COLUMNS
    for row, plain in zip(rows, record["table"], strict=True):
        assert row["region"] == plain["region"]
        assert float(row["occupancy"]) == pytest.approx(plain["occupancy"], rel=1e-3)
        assert row["flags"] == "; ".join(plain["flags"])
    table = RegionTable.from_record(record)
    assert table.record()["table"] == record["table"]
    assert table.row("map0", "B").occupancy == pytest.approx(0.5, abs=0.03)
    assert table.reference == ("A", "C")


def test_masks_read_the_same_as_a_model_within_their_error(inputs, tmp_path):
    halves = {f"half{i}": (inputs / f"map0_half{i}.mrc",) for i in (1, 2)}
    result = run_regions(mask_job(inputs, tmp_path / "out", **halves))
    rows = {row["region"]: row for row in result.result["table"]}
    found, sigma = rows["maskB"]["occupancy"], rows["maskB"]["sigma"]
    assert abs(found - 0.5) < 3 * sigma < 0.5
    assert "model" not in result.files
    assert all(math.isfinite(row["mean_scale"]) for row in rows.values())


def test_the_same_job_writes_the_same_bytes_from_its_record(inputs, tmp_path):
    first = run_regions(job_of(inputs, tmp_path / "one", 2, write_masks=True))
    again = RegionsJob.from_dict(read_job_values(first.files["result"]))
    run_regions(replace(again, outdir=tmp_path / "two", threads=1))
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    script_one, script_two = one.pop("regions.cxc"), two.pop("regions.cxc")
    assert one == two
    assert script_one.replace(b"/one/", b"/two/") == script_two


def test_only_the_chains_asked_for_are_reported_but_all_are_fitted(inputs, tmp_path):
    job = job_of(inputs, tmp_path / "out", 2, chains=("B",), write_masks=True)
    record = run_regions(job).result
    assert [row["region"] for row in record["table"]] == ["B", "B"]
    assert record["reference"] == ["A"]
    assert {d["region"] for d in record["differences"]} == {"B"}
    assert [key for key in record["files"] if key.startswith("mask_")] == ["mask_B"]


def test_a_chain_stands_for_all_its_windows(inputs, tmp_path):
    job = job_of(inputs, tmp_path / "out", chains=("B",), by_model=WINDOWS)
    assert {row["region"] for row in run_regions(job).result["table"]} == {"B:1-12", "B:13-24"}


def test_masks_made_lie_on_the_map_of_a_moved_model(inputs, tmp_path):
    moved = tmp_path / "moved.mrc"
    density = read_map(inputs / "map0.mrc")
    grid = replace(GRID, origin=(30.0, -12.0, 6.0))
    write_map(moved, DensityMap(density.data, grid))
    job = RegionsJob((moved,), outdir=tmp_path / "out", model=inputs / "m.pdb", write_masks=True)
    result = run_regions(job)
    assert result.result["model_shift"] == pytest.approx([30.0, -12.0, 6.0], abs=1.0)
    mask, expected = read_map(result.files["mask_A"]), read_map(inputs / "maskA.mrc")
    assert mask.grid == read_map(moved).grid
    assert np.mean(mask.data[expected.data > 0.9]) > 0.95
    assert any("was moved" in sentence for sentence in result.warnings)


def test_a_scale_map_given_is_used(inputs, tmp_path):
    scale = write_map(tmp_path / "s.mrc", DensityMap(np.full(GRID.shape, 0.25), GRID))
    record = run_regions(job_of(inputs, tmp_path / "out", scales=(scale,))).result
    assert [row["mean_scale"] for row in record["table"]] == pytest.approx([0.25] * 3)


def test_half_maps_that_differ_make_a_fit_by_a_model_less_certain(inputs, tmp_path):
    model = read_model(inputs / "m.pdb")
    halves = {}
    for i, of_b in ((1, 0.3), (2, 0.7)):
        half = noisy(density_of(model, {"B": of_b}), 0.04, i)
        halves[f"half{i}"] = (write_map(tmp_path / f"half{i}.mrc", half),)
    by_model = ChainParams(reference="A,C")
    plain = run_regions(job_of(inputs, tmp_path / "plain", by_model=by_model))
    result = run_regions(job_of(inputs, tmp_path / "halves", by_model=by_model, **halves))
    before, after = (
        {row["region"]: row for row in run.result["table"]}["B"] for run in (plain, result)
    )
    # The reference is a mean that is weighted by the errors.
    assert abs(after["occupancy"] - before["occupancy"]) < 0.1 * before["sigma"]
    assert after["sigma"] > 2 * before["sigma"]
    told = [any("differ by more than" in line for line in run.warnings) for run in (plain, result)]
    assert told == [False, True]


def test_a_second_model_in_the_file_is_warned_of(inputs, tmp_path):
    lines = (inputs / "m.pdb").read_text(encoding="utf-8").splitlines()[:-1]
    path = tmp_path / "two.pdb"
    both = ["MODEL        1", *lines, "ENDMDL", "MODEL        2", *lines, "ENDMDL", "END", ""]
    path.write_text("\n".join(both), encoding="utf-8")
    done = run_regions(job_of(inputs, tmp_path / "out", model=path, plot=False, chimerax=False))
    assert any("the first of the 2 models" in warning for warning in done.warnings)
    assert "the first of the 2 models" in " ".join(done.result["notes"])


def test_outputs_that_exist_are_kept_also_masks(inputs, tmp_path):
    job = job_of(inputs, tmp_path, write_masks=True, plot=False, chimerax=False)
    (tmp_path / "mask_C.mrc").write_text("mine")
    with pytest.raises(OutputError, match=r"mask_C\.mrc exists"):
        run_regions(job)
    assert contents(tmp_path) == {"mask_C.mrc": b"mine"}
    run_regions(replace(job, force=True))
    assert read_map(tmp_path / "mask_C.mrc").grid == GRID


def test_names_of_files_are_distinct_and_tame(inputs, tmp_path):
    job = job_of(inputs, tmp_path, name="x")
    assert list(mask_names(job, ["A/HEM 201", "A:HEM 201", "A:1-20"]).values()) == [
        "mask_A_HEM_201_x.mrc",
        "mask_A_HEM_201_2_x.mrc",
        "mask_A_1-20_x.mrc",
    ]
    assert job.output_names()["result"] == "result_x.json"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"model": None}, "No region is given"),
        ({"masks": ("m.mrc",)}, "give one of them"),
        ({"weights": (1.0, 2.0)}, "class sizes is 2 but that of the maps is 1"),
        ({"weights": (0.0,)}, "not all of them 0"),
        ({"names": ("a", "b")}, "names is 2"),
        ({"half1": ("h.mrc",)}, "on one side only"),
        ({"half1": ("h.mrc",) * 2, "half2": ("k.mrc",) * 2}, "half maps"),
        ({"scales": ("h.mrc",) * 2}, "scale maps is 2"),
        (
            {"by_model": {"by": "residues"}, "model": None, "masks": ("m.mrc",)},
            "--by residues needs a model",
        ),
        ({"write_masks": True, "model": None, "masks": ("m.mrc",)}, "--write-masks needs"),
        ({"by_masks": {"whole": True}}, "--whole is about masks"),
        ({"by_model": {"window": 2}}, "at least 3"),
        ({"mask_soft": -1.0}, "soft edge of the masks is -1 Å"),
        ({"voxel_size": 0.0}, "positive number"),
        ({"threads": 0}, "at least 1"),
        ({"name": "a/b"}, "must be a file name"),
        ({"chains": ("Z",)}, "'Z' is no chain or region; give some of A, B, C"),
        ({"by_model": {"reference": "Z"}}, "the regions are A, B, C"),
    ],
)
def test_wrong_jobs_are_told_in_a_sentence(inputs, tmp_path, options, sentence):
    values = {**job_of(inputs, tmp_path / "out").to_dict(), **options}
    with pytest.raises(ParameterError, match=sentence):
        run_regions(RegionsJob.from_dict(values))
    assert not (tmp_path / "out").exists()


def test_maps_of_one_name_need_names(inputs, tmp_path):
    job = job_of(inputs, tmp_path / "out")
    with pytest.raises(ParameterError, match="2 maps are named 'map0'; give --names"):
        run_regions(replace(job, maps=job.maps * 2))


def test_a_mask_on_another_grid_is_refused(inputs, tmp_path):
    other = write_map(tmp_path / "m.mrc", DensityMap(np.ones((40, 40, 40)), Grid.cubic(40, 1.5)))
    with pytest.raises(GridMismatchError, match="mask"):
        run_regions(mask_job(inputs, tmp_path / "out", masks=(other,)))


def test_progress_ends_at_one(inputs, tmp_path):
    told = []
    run_regions(job_of(inputs, tmp_path / "out", 2), lambda fraction, text: told.append(fraction))
    assert told[-1] == 1.0
    assert told == sorted(told)
