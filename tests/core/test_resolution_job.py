"""A resolution job writes all it says, again the same, or nothing."""

import json
import signal
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_jobs import contents, start_python
from small_resolution import GRID, write_resolution_maps

from occupy_core import EstimationError, OutputError, ParameterError
from occupy_core.errors import OccupyWarning
from occupy_core.jobs import resolution as jobs
from occupy_core.jobs.resolution import run_resolution
from occupy_core.jobs.resolution_job import ResolutionJob, output_names
from occupy_core.maps import DensityMap, Grid, read_map, write_map
from occupy_core.provenance import sha256
from occupy_core.resolution.estimate import estimate_resolution
from occupy_core.resolution.processed import soft_masked
from occupy_core.resolution.result import ResolutionParams

# matplotlib 3.8 calls what newer versions of pyparsing deprecate
pytestmark = pytest.mark.filterwarnings("ignore:.* deprecated.* use :DeprecationWarning")


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    return write_resolution_maps(tmp_path_factory.mktemp("maps"))


@pytest.fixture(scope="module")
def halves(maps):
    return {key: maps[key] for key in ("half1", "half2")}


@pytest.fixture(scope="module")
def everything(maps, tmp_path_factory):
    """A job that writes all there is, and its result."""
    job = ResolutionJob(**maps, outdir=tmp_path_factory.mktemp("all"), plot=True, filter=True)
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
        ({"filter": True}, ["filtered_x.mrc"]),
        (
            {"filter": True, "half1": Path("a"), "half2": Path("b")},
            [
                *("resolution_single_x.mrc", "filtered_x.mrc"),
                *("filtered_half1_x.mrc", "filtered_half2_x.mrc"),
            ],
        ),
    ],
)
def test_maps_have_the_names_of_the_manual(options, more):
    names = list(output_names(ResolutionJob(Path("in/x.map.gz"), **options)).values())
    flags = ["resolution_censored_x.mrc", "resolution_disagreement_x.mrc"]
    assert [name for name in names if name.endswith(".mrc")] == PLAIN + flags + more
    assert len(set(names)) == len(names)


def test_the_record_comes_last_and_has_the_name_of_the_map():
    names = output_names(ResolutionJob(Path("x.mrc"), plot=True, filter=True))
    assert list(names.items())[-1] == ("result", "resolution_x.json")


def test_the_name_is_that_of_the_map_or_of_half_map_1():
    assert ResolutionJob(Path("in/x.map")).base_name == "x"
    assert ResolutionJob(half1=Path("a.mrc"), half2=Path("b.mrc")).base_name == "a"
    assert ResolutionJob(Path("x.mrc"), name="other").base_name == "other"


def test_the_filter_of_the_job_is_that_of_the_parameters():
    assert ResolutionJob(Path("x"), filter=True).resolution.filter
    assert not ResolutionJob(Path("x"), resolution=ResolutionParams(filter=True)).resolution.filter


# ---- runs -------------------------------------------------------------------------------------


def test_a_run_writes_exactly_what_it_says(everything):
    job, result = everything
    expected = output_names(job)
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OccupyWarning)
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
    result = run_resolution(ResolutionJob(made["map"], tmp_path / "out", filter=True))
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
    mean = first.with_data(np.float32(0.5) * (first.data + second.data))
    full = write_map(tmp_path / "mean.mrc", mean)
    one = run_resolution(ResolutionJob(full, tmp_path / "one", **halves, filter=True))
    two = run_resolution(ResolutionJob(outdir=tmp_path / "two", **halves, filter=True))
    for key in ("resolution", "filtered"):
        assert one.files[key].read_bytes() == two.files[key].read_bytes()
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
    job = ResolutionJob(None if more else noise, tmp_path / "out", plot=True, filter=True, **more)
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
        ResolutionJob(maps["map"], tmp_path / "out", filter=True), lambda f, text: calls.append(f)
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
        *(Path("x.mrc"), Path("out"), "name", Path("a.mrc"), Path("b.mrc"), Path("m.mrc"), 1.5),
        resolution=ResolutionParams(window=7.0, second_opinion=False, background=-1.0),
        filter=True,
        threads=2,
    )
    assert ResolutionJob.from_dict(json.loads(json.dumps(job.to_dict()))) == job


# ---- failures ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"map": None}, "No map is given"),
        ({"half1": Path("a")}, "Only one half map"),
        ({"half1": Path("a"), "half2": Path("a")}, r"Both half maps are .*/a; give"),
        ({"half1": Path("x.mrc"), "half2": Path("b")}, "as the map and as a half map"),
        ({"voxel_size": 0.0}, "voxel size is 0.0"),
        ({"threads": 0}, "number of threads is 0"),
        ({"name": "a/b"}, "base name of the outputs is 'a/b'"),
        ({"resolution": ResolutionParams(window=0.5)}, "window is 0.5"),
        ({"resolution": ResolutionParams(background=np.inf)}, "background is inf"),
    ],
)
def test_parameters_outside_their_limits_are_met_before_any_work(tmp_path, options, sentence):
    values = {"map": Path("x.mrc"), "outdir": tmp_path / "out", **options}
    with pytest.raises(ParameterError, match=sentence):
        run_resolution(ResolutionJob(**values))
    assert contents(tmp_path) == {}


def test_a_copy_of_the_same_half_map_is_noticed(halves, tmp_path):
    copy = tmp_path / "copy.mrc"
    copy.write_bytes(halves["half1"].read_bytes())
    with pytest.raises(EstimationError, match="hold the same density"):
        run_resolution(ResolutionJob(half1=halves["half1"], half2=copy, outdir=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_box_without_room_for_a_window_is_refused(tmp_path):
    data = np.random.default_rng(1).standard_normal((12, 40, 40)).astype(np.float32)
    path = write_map(tmp_path / "x.mrc", DensityMap(data, Grid(data.shape, (1.5, 1.5, 1.5))))
    with pytest.raises(EstimationError, match=r"12 x 40 x 40 voxels, but .* at least 16"):
        run_resolution(ResolutionJob(path, tmp_path / "out"))


def test_existing_outputs_stay_unless_forced(maps, tmp_path):
    job = ResolutionJob(maps["map"], tmp_path / "out")
    run_resolution(job)
    before = contents(tmp_path / "out")
    changed = replace(job, resolution=ResolutionParams(window=8.0))
    with pytest.raises(OutputError, match=r"resolution_x\.mrc exists already"):
        run_resolution(changed)
    assert contents(tmp_path / "out") == before
    run_resolution(replace(changed, force=True))
    assert contents(tmp_path / "out")["resolution_x.mrc"] != before["resolution_x.mrc"]


def test_an_input_in_the_output_folder_is_never_replaced(tmp_path):
    made = write_resolution_maps(tmp_path)
    mask = made["half1"].rename(tmp_path / "mask_x.mrc")
    with pytest.raises(OutputError, match="is an input and is never replaced"):
        run_resolution(ResolutionJob(made["map"], tmp_path, mask=mask, force=True))


@pytest.mark.parametrize("number", [1, 3])
def test_a_write_that_fails_leaves_the_old_outputs(maps, tmp_path, monkeypatch, number):
    job = ResolutionJob(maps["map"], tmp_path / "out", chimerax=False)
    run_resolution(job)
    before = contents(tmp_path / "out")
    written = []

    def failing(path, *args, **kwargs):
        written.append(path)
        if len(written) == number:
            raise OutputError(f"The map {path} cannot be written: No space left on device.")
        return write_map(path, *args, **kwargs)

    monkeypatch.setattr(jobs, "write_map", failing)
    with pytest.raises(OutputError, match="No space left"):
        run_resolution(replace(job, force=True, resolution=ResolutionParams(window=8.0)))
    assert len(written) == number
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize("what", ["write_resolution_chimerax", "versions"])
def test_a_failure_at_the_very_end_leaves_nothing(maps, tmp_path, monkeypatch, what):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(jobs, what, full)
    with pytest.raises((OutputError, OSError)):
        run_resolution(ResolutionJob(maps["map"], tmp_path / "out"))
    assert not (tmp_path / "out").exists()


MAIN = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a job of the shell
from occupy_core.jobs import resolution as jobs
from occupy_core.cli import main
write, count = jobs.write_map, 0

def write_map(*args, **kwargs):
    global count
    count += 1
    if count == 2:
        print('ready'); time.sleep(60)
    return write(*args, **kwargs)

jobs.write_map = write_map
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_signal_in_the_middle_leaves_nothing(maps, tmp_path, number, status, word):
    process = start_python(MAIN, "resolution", maps["map"], "--outdir", tmp_path / "out")
    for line in process.stdout:
        if line == "ready\n":
            break
    process.send_signal(number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == status
    assert err.splitlines()[-1] == f"occupy-core: {word}; unfinished outputs were removed."
    assert not (tmp_path / "out").exists()
