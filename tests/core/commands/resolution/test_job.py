"""A resolution job writes all it says, again the same, or nothing."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_jobs import contents
from small_resolution import GRID, write_resolution_maps

from occupy_core.commands.resolution.job import ResolutionJob
from occupy_core.commands.resolution.run import run_resolution
from occupy_core.commands.shared.provenance import sha256
from occupy_core.maps import DensityMap, Grid, read_map, write_map
from occupy_core.resolution.estimate import estimate_resolution
from occupy_core.resolution.result import ResolutionParams
from occupy_core.resolution.use.processed import soft_masked

# matplotlib 3.8 calls what newer versions of pyparsing deprecate
pytestmark = pytest.mark.filterwarnings("ignore:.* deprecated.* use :DeprecationWarning")


FILTERED = ResolutionParams(filter=True)


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    return write_resolution_maps(tmp_path_factory.mktemp("maps"))


@pytest.fixture(scope="module")
def halves(maps):
    return {key: maps[key] for key in ("half1", "half2")}


@pytest.fixture(scope="module")
def everything(maps, tmp_path_factory):
    """A job that writes all there is, and its result."""
    job = ResolutionJob(
        **maps, outdir=tmp_path_factory.mktemp("all"), plot=True, resolution=FILTERED
    )
    return job, run_resolution(job)


@pytest.fixture
def noise(tmp_path):
    data = np.random.default_rng(1).standard_normal(GRID.shape, dtype=np.float32)
    return write_map(tmp_path / "noise.mrc", DensityMap(data, GRID))


def no_paths(folder):
    """Contents of a folder without the ChimeraX scripts, which name it."""
    return {k: v for k, v in contents(folder).items() if not k.endswith(".cxc")}


# ---- names ------------------------------------------------------------------------------------

PLAIN = ["resolution_x.mrc", "resolution05_x.mrc", "resolution_sigma_x.mrc", "mask_x.mrc"]


@pytest.mark.parametrize(
    ("options", "more"),
    [
        ({}, []),
        ({"half1": Path("a"), "half2": Path("b")}, ["resolution_single_x.mrc"]),
        ({"resolution": FILTERED}, ["filtered_x.mrc"]),
        (
            {"resolution": FILTERED, "half1": Path("a"), "half2": Path("b")},
            [
                *("resolution_single_x.mrc", "filtered_x.mrc"),
                *("filtered_half1_x.mrc", "filtered_half2_x.mrc"),
            ],
        ),
    ],
)
def test_maps_have_the_names_of_the_manual(options, more):
    names = list(ResolutionJob(Path("in/x.map.gz"), **options).output_names().values())
    flags = ["resolution_censored_x.mrc", "resolution_disagreement_x.mrc"]
    assert [name for name in names if name.endswith(".mrc")] == PLAIN + flags + more
    assert len(set(names)) == len(names)


def test_the_record_comes_last_and_has_the_name_of_the_map():
    names = ResolutionJob(Path("x.mrc"), plot=True, resolution=FILTERED).output_names()
    assert list(names.items())[-1] == ("result", "resolution_x.json")


def test_the_name_is_that_of_the_map_or_of_half_map_1():
    assert ResolutionJob(Path("in/x.map")).base_name == "x"
    assert ResolutionJob(half1=Path("a.mrc"), half2=Path("b.mrc")).base_name == "a"
    assert ResolutionJob(Path("x.mrc"), name="other").base_name == "other"


@pytest.mark.parametrize("chosen", [True, False])
def test_a_filter_beside_its_group_counts_as_it_did(chosen):
    values = {"map": "x", "filter": chosen, "resolution": {"window": 6, "filter": not chosen}}
    assert ResolutionJob.from_dict(values).resolution == ResolutionParams(window=6, filter=chosen)


# ---- runs -------------------------------------------------------------------------------------


def test_a_run_writes_exactly_what_it_says(everything):
    job, result = everything
    expected = job.output_names()
    assert set(contents(job.outdir)) == {path.name for path in result.files.values()}
    assert result.result["files"] == {key: path.name for key, path in result.files.items()}
    assert set(result.files) <= set(expected)
    assert set(expected) - set(result.files) <= {"censored"}
    assert json.loads(result.files["result"].read_text()) == json.loads(json.dumps(result.result))


def test_the_record_says_what_was_found(everything, maps):
    _, result = everything
    record = json.loads(result.files["result"].read_text())
    assert record["source"] == "half maps"
    assert 3 < record["global_0143"] < record["global_05"] < 12
    assert list(record["quantiles"]) == ["5%", "25%", "50%", "75%", "95%"]
    assert list(record["quantiles"].values()) == sorted(record["quantiles"].values())
    assert "solvent" in record["state"]
    assert record["state_flags"]["cut"] is False
    assert len(record["model_checksum"]) == 64
    assert record["warnings"] == list(result.warnings)
    assert {k: v["sha256"] for k, v in record["inputs"].items()} == {
        key: sha256(path) for key, path in maps.items()
    }
    assert record["inputs"]["map"]["shape"] == list(GRID.shape)
    assert record["parameters"]["window"] == 5.0
    assert record["job"]["resolution"]["window"] is None
    assert len(record["fsc"]["fsc"]) == len(record["fsc"]["frequency"])
    inside = read_map(result.files["mask"]).data > 0
    assert record["mask_volume"] == pytest.approx(inside.sum() * 1.5 * 1.4 * 1.6)


def test_the_maps_are_those_of_the_estimate(maps, halves, everything):
    _, result = everything
    density, first, second = (read_map(path) for path in (maps["map"], *halves.values()))
    expected = estimate_resolution(
        density, ResolutionParams(filter=True), half_maps=(first, second)
    )
    for key, density in (
        ("resolution", expected.resolution),
        ("resolution05", expected.resolution05),
        ("sigma", expected.sigma),
        ("mask", expected.mask),
        ("single_map", expected.single_map),
        ("disagreement", expected.second_opinion),
        *zip(("filtered", "filtered_half1", "filtered_half2"), expected.filtered, strict=True),
    ):
        np.testing.assert_array_equal(read_map(result.files[key]).data, density.data, key)
    assert result.result["global_0143"] == expected.overall.at_0143


def test_the_map_alone_stands_beside_the_half_maps(everything):
    compared = everything[1].result["single_map"]
    assert compared["voxels"] > 100
    assert 0 < compared["log_rmse"] < 0.5


def test_every_map_lies_on_the_input(everything):
    maps = [path for path in everything[1].files.values() if path.suffix == ".mrc"]
    assert len(maps) >= 9
    for path in maps:
        assert read_map(path).grid == GRID


@pytest.mark.parametrize(
    "grid",
    [
        Grid((41, 49, 45), (1.5, 1.5, 1.5)),
        Grid((48, 40, 52), (1.2, 1.5, 1.8), origin=(1.0, 2.0, 3.0)),
        Grid((43, 43, 43), (2.0, 2.0, 2.0), nstart=(-21, -21, -21)),
    ],
)
def test_any_box_goes_through(tmp_path, grid):
    made = write_resolution_maps(tmp_path, grid=grid)
    result = run_resolution(ResolutionJob(made["map"], tmp_path / "out", resolution=FILTERED))
    for path in result.files.values():
        if path.suffix == ".mrc":
            assert read_map(path).grid == grid


def test_the_background_stands_outside_the_mask(maps, tmp_path):
    params = ResolutionParams(background=99.0)
    result = run_resolution(ResolutionJob(maps["map"], tmp_path / "out", resolution=params))
    outside = read_map(result.files["mask"]).data == 0
    for key in ("resolution", "resolution05"):
        data = read_map(result.files[key]).data
        assert (data[outside] == 99).all()
        assert (data[~outside] < 30).all()
    assert b"Outside the mask 99" in result.files["resolution"].read_bytes()[:1024]


def test_headers_say_what_the_numbers_are(everything):
    header = everything[1].files["resolution"].read_bytes()[:1024]
    assert b"Local resolution in A at FSC 0.143" in header
    assert b"From half maps, window 5.00 A" in header


def test_without_a_map_it_is_the_mean_of_the_half_maps(maps, halves, tmp_path):
    first, second = (read_map(path) for path in halves.values())
    second = second.with_data(second.data * np.float32(first.data.std() / second.data.std()))
    mean = first.with_data(np.float32(0.5) * (first.data + second.data))
    full = write_map(tmp_path / "mean.mrc", mean)
    one = run_resolution(ResolutionJob(full, tmp_path / "one", **halves, resolution=FILTERED))
    two = run_resolution(ResolutionJob(outdir=tmp_path / "two", **halves, resolution=FILTERED))
    for key in ("resolution", "filtered"):
        found = [read_map(result.files[key]).data for result in (one, two)]
        np.testing.assert_allclose(*found, rtol=1e-3, atol=1e-4)
    assert two.result["inputs"].keys() == {"half1", "half2"}
    assert two.result["inputs"]["half1"]["shape"] == GRID.shape


def test_a_mask_given_says_where_the_resolution_is(maps, tmp_path):
    data = np.zeros(GRID.shape, np.float32)
    data[15:25, 15:30, 20:30] = 1
    mask = write_map(tmp_path / "m.mrc", DensityMap(data, GRID))
    result = run_resolution(ResolutionJob(maps["map"], tmp_path / "out", mask=mask))
    np.testing.assert_array_equal(read_map(result.files["mask"]).data, data)
    np.testing.assert_array_equal(read_map(result.files["resolution"]).data > 0, data > 0)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"halves": True},
    ],
)
def test_pure_noise_gives_maps_without_resolution_and_a_warning(noise, tmp_path, more):
    if more:
        data = np.random.default_rng(2).standard_normal(GRID.shape, dtype=np.float32)
        more = {"half1": noise, "half2": write_map(tmp_path / "n2.mrc", DensityMap(data, GRID))}
    job = ResolutionJob(
        None if more else noise, tmp_path / "out", plot=True, resolution=FILTERED, **more
    )
    result = run_resolution(job)
    (warning,) = result.warnings
    assert "no resolution is reported" in warning
    assert {"resolution", "sigma", "mask", "result"} <= set(result.files)
    assert not {"chimerax", "slices_plot", "filtered"} & set(result.files)
    assert not read_map(result.files["resolution"]).data.any()
    assert result.result["global_0143"] is None
    assert result.result["quantiles"] is None
    assert set(contents(tmp_path / "out")) == {path.name for path in result.files.values()}


def test_where_the_solvent_is_gone_half_is_not_reported(maps, tmp_path):
    density = read_map(maps["map"])
    known = run_resolution(ResolutionJob(maps["map"], tmp_path / "one"))
    masked = soft_masked(density, read_map(known.files["mask"]))
    path = write_map(tmp_path / "masked.mrc", masked)
    result = run_resolution(ResolutionJob(path, tmp_path / "out", plot=True))
    assert result.result["source"] == "learned"
    assert "masked away" in result.result["state"]
    assert result.result["global_05"] is None
    assert result.result["fsc"] is None
    assert not {"resolution05", "disagreement"} & set(result.files)
    assert any("learned on simulated maps" in text for text in result.warnings)
    assert set(contents(tmp_path / "out")) == {path.name for path in result.files.values()}


def test_progress_rises_from_zero_to_one(maps, tmp_path):
    calls = []
    run_resolution(
        ResolutionJob(maps["map"], tmp_path / "out", resolution=FILTERED),
        lambda f, text: calls.append(f),
    )
    assert calls[0] == 0.0
    assert calls[-1] == 1.0
    assert calls == sorted(calls)


# ---- again the same ---------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 3])
def test_a_rerun_of_the_record_gives_the_same_bytes(everything, tmp_path, number):
    job, result = everything
    again = replace(
        ResolutionJob.load(result.files["result"]), outdir=tmp_path / "again", threads=number
    )
    run_resolution(again)
    assert no_paths(tmp_path / "again") == no_paths(job.outdir)


def test_a_job_survives_json():
    job = ResolutionJob(
        Path("x.mrc"),
        Path("out"),
        name="name",
        half1=Path("a.mrc"),
        half2=Path("b.mrc"),
        mask=Path("m.mrc"),
        voxel_size=1.5,
        resolution=ResolutionParams(window=7.0, second_opinion=False, background=-1.0, filter=True),
        threads=2,
    )
    assert ResolutionJob.from_dict(json.loads(json.dumps(job.to_dict()))) == job
