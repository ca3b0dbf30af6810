"""A scale made before modifies a map as the run that estimates it does."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_jobs import GRID, run_cli, write_small_map

from occupy_core import GridMismatchError, MapFormatError, ParameterError
from occupy_core.commands.scale.given import completed, origin_of
from occupy_core.commands.scale.job import ScaleJob
from occupy_core.commands.scale.run import run_scale
from occupy_core.maps import DensityMap, Grid, read_map, write_map
from occupy_core.scale.params import ModifyParams, ScaleParams

MODIFY = ModifyParams(amplify=4, attenuate=3, sigmoid=4, pivot=0.3, subtraction_mask=True)
OCC = ScaleParams(mode="occ")
MODIFIED = ("amplified", "attenuated", "sigmoid")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A map and its half maps."""
    folder = tmp_path_factory.mktemp("inputs")
    halves = {f"half{i}": write_small_map(folder / f"h{i}.mrc", seed=i) for i in (1, 2)}
    first, second = map(read_map, halves.values())
    mean = write_map(folder / "x.mrc", first.with_data(0.5 * (first.data + second.data)))
    return {"map": mean, **halves}


@pytest.fixture(scope="module")
def direct(inputs, tmp_path_factory):
    """The run that estimates and modifies."""
    job = ScaleJob(outdir=tmp_path_factory.mktemp("direct"), scale=OCC, modify=MODIFY, **inputs)
    return run_scale(job)


def given(inputs, outdir, **values):
    """A job that modifies by a scale, with nothing said of that scale."""
    return ScaleJob(outdir=outdir, scale=OCC, modify=MODIFY, **inputs, **values)


def modified(result):
    """Bytes of the modified maps, their halves and the masks, by name."""
    kinds = (*MODIFIED, "mask")
    return {
        path.name: path.read_bytes()
        for key, path in result.files.items()
        if any(kind in key for kind in kinds) and path.suffix == ".mrc"
    }


# ---- as in one run
def test_a_scale_brings_what_lies_beside_it(inputs, direct, tmp_path):
    again = run_scale(given(inputs, tmp_path, scale_map=direct.files["scale"]))
    assert len(modified(again)) == len(modified(direct)) >= 9
    assert modified(again) == modified(direct)
    assert again.files["confidence"].read_bytes() == direct.files["confidence"].read_bytes()
    assert again.warnings == direct.warnings
    job = again.result["job"]
    assert job["scale_sigma"] == str(direct.files["scale_sigma"])
    assert job["regional_confidence"] == str(direct.files["regional_confidence"])
    assert {"scale_sigma", "regional_confidence"} <= set(again.result["inputs"])
    assert not {"scale", "scale_sigma", "regional_confidence"} & set(again.files)
    assert again.result["parts"] == direct.result["parts"]
    assert "with its standard error" in again.result["scale_usage"]
    assert again.result["scale_usage"] in again.files["log"].read_text()


def test_a_scale_and_its_standard_error_are_enough(inputs, direct, tmp_path):
    moved = {
        field: Path(shutil.copy(direct.files[key], tmp_path / f"{key}.mrc"))
        for field, key in (("scale_map", "scale"), ("scale_sigma", "scale_sigma"))
    }
    again = run_scale(given(inputs, tmp_path / "again", **moved))
    assert modified(again) == modified(direct)
    assert again.warnings == direct.warnings
    regional = again.files["regional_confidence"].read_bytes()
    assert regional == direct.files["regional_confidence"].read_bytes()


@pytest.mark.parametrize(
    "scale",
    [
        ScaleParams(mode="occ", granularity=0.0),
        ScaleParams(mode="occ", granularity=8.0, nlrc=True),
        ScaleParams(mode="occ", solvent_def_scale=0.5),
        ScaleParams(mode="occ", method="occupy"),
        ScaleParams(mode="occ", lowpass=12.0, max_box=24, hedge_confidence=3.0),
        ScaleParams(mode="res"),
    ],
    ids=["voxels", "8 Å", "definition", "occupy", "reduced", "res"],
)
def test_each_kind_of_scale_is_used_as_where_it_was_made(inputs, tmp_path, scale):
    job = ScaleJob(outdir=tmp_path / "a", scale=scale, modify=MODIFY, **inputs)
    first = run_scale(job)
    # The method and the granularity are not given again, but for the mode res, which is meant.
    known = replace(scale, method="calibrated", granularity=12.0)
    again = replace(job, outdir=tmp_path / "b", scale=known, scale_map=first.files["scale"])
    second = run_scale(again)
    assert modified(second) == modified(first)
    for name in ("method", "mode", "granularity"):
        assert second.result["parameters"][name] == first.result["parameters"][name]


def test_the_two_steps_of_the_command_line_are_one(inputs, tmp_path, capsys):
    by = ("--attenuate", 30, "--subtraction-mask")
    run_cli(capsys, "scale", inputs["map"], "--outdir", tmp_path / "one", *by)
    run_cli(capsys, "scale", inputs["map"], "--outdir", tmp_path / "scale", "--mode", "occ")
    scale = tmp_path / "scale" / "scale_occ_x.mrc"
    status, out, err = run_cli(
        *(capsys, "scale", inputs["map"], "--outdir", tmp_path / "two", "--scale-map", scale, *by)
    )
    assert status == 0
    assert "with its standard error" in out
    assert "Warning" not in err
    names = {p.name for p in (tmp_path / "one").glob("*.mrc")} - {"x.mrc"}
    names -= {"scale_occ_x.mrc", "scale_sigma_x.mrc", "conf_regional_x.mrc"}
    assert len(names) >= 3
    for name in names:
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    # The record repeats the run.
    record = tmp_path / "two" / "result_x.json"
    run_cli(capsys, "scale", "--params", record, "--outdir", tmp_path / "three")
    name = "attn_30.0_x.mrc"
    assert (tmp_path / "three" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()


def test_maps_that_share_a_scale_share_its_place(inputs, direct, tmp_path):
    """A part that another map lacks gets the factors that it has in the map of the scale."""
    density = read_map(inputs["map"])
    other = density.with_data(density.data[::-1, ::-1, ::-1].copy())
    write_map(tmp_path / "other.mrc", other)
    job = ScaleJob(tmp_path / "other.mrc", tmp_path / "out", scale=OCC, modify=MODIFY)
    made = run_scale(replace(job, scale_map=direct.files["scale"]))
    place = read_map(direct.files["regional_confidence"]).data
    attenuated = read_map(made.files["attenuated"]).data
    np.testing.assert_array_equal(attenuated[place == 0], other.data[place == 0])


# ---- plainly
def test_without_its_standard_error_a_scale_is_used_plainly_and_that_is_told(
    inputs, direct, tmp_path, capsys
):
    bare = Path(shutil.copy(direct.files["scale"], tmp_path / "scale.mrc"))
    plain = run_scale(given(inputs, tmp_path / "out", scale_map=bare))
    (sentence,) = plain.warnings
    assert sentence.startswith(f"The scale {bare} has no standard error, so its factors were used")
    assert plain.result["scale_usage"] == sentence
    assert sentence in plain.files["log"].read_text()
    assert modified(plain) != modified(direct)
    arguments = ("--outdir", tmp_path / "cli", "--amplify", 4, "--scale-map", bare)
    status, _, err = run_cli(capsys, "scale", inputs["map"], *arguments)
    assert status == 0
    assert "has no standard error" in err


def test_a_standard_error_that_is_gone_is_missed(inputs, direct, tmp_path):
    folder = tmp_path / "moved"
    folder.mkdir()
    for key in ("scale", "result"):
        shutil.copy(direct.files[key], folder)
    scale = folder / direct.files["scale"].name
    assert origin_of(scale).mode == "occ"
    assert origin_of(scale).sigma is None
    plain = run_scale(given(inputs, tmp_path / "out", scale_map=scale))
    assert "has no standard error" in plain.warnings[0]


# ---- what a scale says of itself
def test_a_scale_says_what_it_is_without_its_record(inputs, tmp_path):
    for number, scale in enumerate(
        (ScaleParams(mode="res"), OCC, ScaleParams(mode="occ", method="occupy"))
    ):
        job = ScaleJob(inputs["map"], tmp_path / str(number), scale=scale)
        file = run_scale(job).files["scale"]
        origin = origin_of(Path(shutil.copy(file, tmp_path / f"{number}.mrc")))
        assert (origin.mode, origin.method) == (scale.mode, scale.method)
        assert origin.granularity == (12.0 if scale is OCC else 0.0)
        assert origin.sigma is None


def test_scales_of_occupy_are_known_by_their_label(inputs, tmp_path):
    density = read_map(inputs["map"])
    scale = DensityMap(np.clip(density.data / density.data.max(), 0, 1), density.grid, "s")
    labels = ("Created using OccuPy 0.1.13", "occupy scale: occ")
    file = write_map(tmp_path / "scale_occ_x.mrc", scale, labels=labels)
    assert (origin_of(file).method, origin_of(file).mode) == ("occupy", "occ")
    made = run_scale(
        ScaleJob(inputs["map"], tmp_path / "o", scale=OCC, modify=MODIFY, **{"scale_map": file})
    )
    assert made.result["parameters"]["method"] == "occupy"
    assert made.warnings == ()
    assert "one of voxels (occupy, occ)" in made.result["scale_usage"]


@pytest.mark.parametrize("moved", [False, True], ids=["with its record", "alone"])
def test_a_scale_that_falls_with_resolution_is_refused_unless_asked_for(inputs, tmp_path, moved):
    file = run_scale(ScaleJob(inputs["map"], tmp_path / "a")).files["scale"]
    file = Path(shutil.copy(file, tmp_path / "s.mrc")) if moved else file
    job = ScaleJob(inputs["map"], tmp_path / "b", modify=MODIFY, scale=OCC, scale_map=file)
    with pytest.raises(ParameterError, match=r"estimated in the mode res, .* give --mode res"):
        run_scale(job)
    assert not (tmp_path / "b").exists()
    asked = run_scale(replace(job, scale=ScaleParams(mode="res")))
    assert asked.result["parameters"]["mode"] == "res"
    # Without a modification by the scale nothing is wrong with it.
    only = ModifyParams(exclude_solvent=True)
    assert run_scale(replace(job, outdir=tmp_path / "c", modify=only)).warnings == ()


# ---- what is no standard error of this scale
@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        (lambda m: m.with_data(m.data - 1), MapFormatError, r"has values from -.* standard error"),
        (lambda m: m.with_data(m.data + 1), MapFormatError, r"to .* a standard error lies between"),
        (
            lambda m: m.with_data(np.where(m.data > 0, np.float32(np.nan), m.data)),
            MapFormatError,
            "not finite|NaN",
        ),
        (
            lambda m: DensityMap(m.data[1:], Grid(m.data[1:].shape, GRID.voxel_size), m.name),
            GridMismatchError,
            "standard error of the scale",
        ),
    ],
    ids=["negative", "above one", "NaN", "other grid"],
)
def test_a_map_that_is_no_standard_error_is_refused(
    inputs, direct, tmp_path, change, error, sentence
):
    sigma = change(read_map(direct.files["scale_sigma"]))
    path = write_map(tmp_path / "sigma.mrc", sigma)
    job = given(inputs, tmp_path / "out", scale_map=direct.files["scale"], scale_sigma=path)
    with pytest.raises(error, match=sentence):
        run_scale(job)
    assert not (tmp_path / "out").exists()


def test_the_standard_error_of_another_scale_is_refused(inputs, direct, tmp_path):
    other = run_scale(ScaleJob(inputs["map"], tmp_path / "a", scale=replace(OCC, lowpass=12.0)))
    sigma = other.files["scale_sigma"]
    job = given(inputs, tmp_path / "out", scale_map=direct.files["scale"], scale_sigma=sigma)
    with pytest.raises(ParameterError, match=r"is that of another scale \(.*scale_occ_x\.mrc\)"):
        run_scale(job)
    # Of an edited scale, which has no record, it is taken.
    edited = Path(shutil.copy(direct.files["scale"], tmp_path / "edited.mrc"))
    assert completed(replace(job, scale_map=edited)).is_regional


@pytest.mark.parametrize("field", ["scale_sigma", "regional_confidence", "confidence_map"])
def test_what_belongs_to_a_scale_needs_the_scale(inputs, tmp_path, field):
    job = ScaleJob(inputs["map"], tmp_path / "out", **{field: inputs["half1"]})
    with pytest.raises(ParameterError, match="is given, but no scale map"):
        run_scale(job)
