"""A job writes all it says, under the names it says."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_jobs import EVERYTHING, GRID, contents, write_small_map

from occupy_core import EstimationError, MapFormatError, ParameterError
from occupy_core.commands.scale.job import ScaleJob
from occupy_core.commands.scale.run import run_scale
from occupy_core.commands.shared.provenance import sha256
from occupy_core.maps import DensityMap, Grid, read_map, write_map
from occupy_core.scale.estimate import estimate_scale
from occupy_core.scale.params import ModifyParams, ScaleParams

# matplotlib 3.8 calls what newer versions of pyparsing deprecate
pytestmark = pytest.mark.filterwarnings("ignore:.* deprecated.* use :DeprecationWarning")


# ---- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "maps"),
    [
        ({}, ["scale_res_x.mrc", "conf_x.mrc"]),
        ({"scale": ScaleParams(mode="occ")}, ["scale_occ_x.mrc", "conf_x.mrc"]),
        ({"name": "other"}, ["scale_res_other.mrc", "conf_other.mrc"]),
        ({"scale_map": Path("s.mrc")}, ["conf_x.mrc"]),
        ({"save_all_maps": True}, ["scale_res_x.mrc", "conf_x.mrc", "lowpass_x.mrc"]),
        (
            {"scale": ScaleParams(solvent_def_scale=0.3)},
            ["scale_res_x.mrc", "conf_x.mrc", "solDef_x.mrc"],
        ),
        (
            {"modify": ModifyParams(exclude_solvent=True)},
            ["scale_res_x.mrc", "conf_x.mrc", "solExcl_x.mrc"],
        ),
        (
            {"modify": ModifyParams(amplify=4, attenuate=3, sigmoid=4, pivot=0.3)},
            [
                *("scale_res_x.mrc", "conf_x.mrc", "ampl_4.0_x.mrc", "attn_3.0_x.mrc"),
                "sigm_4.0-0.30_x.mrc",
            ],
        ),
        (
            {"modify": ModifyParams(amplify=2.25, exclude_solvent=True)},
            ["scale_res_x.mrc", "conf_x.mrc", "ampl_2.25_solExcl_x.mrc"],
        ),
        (
            {"modify": ModifyParams(sigmoid=1.5, pivot=0.125, subtraction_mask=True)},
            [
                *("scale_res_x.mrc", "conf_x.mrc", "sigm_1.5-0.125_x.mrc"),
                "subMask_sigm_1.5-0.125_x.mrc",
            ],
        ),
        (
            {
                "half1": Path("a.mrc"),
                "half2": Path("b.mrc"),
                "modify": ModifyParams(attenuate=2, subtraction_mask=True),
            },
            [
                *("scale_res_x.mrc", "conf_x.mrc", "attn_2.0_x.mrc"),
                *("attn_2.0_half1_x.mrc", "attn_2.0_half2_x.mrc", "subMask_attn_2.0_x.mrc"),
            ],
        ),
    ],
)
def test_maps_have_the_names_of_the_seed_programs(options, maps):
    options["scale"] = replace(options.get("scale", ScaleParams()), method="occupy")
    names = list(ScaleJob(Path("in/x.map.gz"), **options).output_names().values())
    assert [name for name in names if name.endswith(".mrc")] == maps
    assert len(set(names)) == len(names)


def test_a_calibrated_scale_comes_with_its_standard_error():
    names = ScaleJob(Path("in/x.map.gz")).output_names()
    assert list(names)[:3] == ["scale", "scale_sigma", "confidence"]
    assert names["scale_sigma"] == "scale_sigma_x.mrc"
    assert "scale_sigma" not in ScaleJob(Path("x.mrc"), scale_map=Path("s.mrc")).output_names()


def test_the_record_comes_last():
    assert list(ScaleJob(Path("x.mrc"), plot=True).output_names())[-1] == "result"


# ---- runs -------------------------------------------------------------------------------------


def test_a_run_writes_exactly_what_it_says(small, halves, tmp_path):
    job = ScaleJob(small, tmp_path / "out", plot=True, **halves, **EVERYTHING)
    result = run_scale(job)
    names = job.output_names()
    assert result.files == {key: tmp_path / "out" / name for key, name in names.items()}
    assert set(contents(tmp_path / "out")) == set(names.values())
    assert result.result["files"] == names
    assert json.loads(result.files["result"].read_text()) == json.loads(json.dumps(result.result))


def test_every_map_lies_on_the_input(small, halves, tmp_path):
    result = run_scale(ScaleJob(small, tmp_path / "out", **halves, **EVERYTHING))
    maps = [path for path in result.files.values() if path.suffix == ".mrc"]
    assert len(maps) == 18
    for path in maps:
        assert read_map(path).grid == GRID


@pytest.mark.parametrize(
    "grid",
    [
        Grid((21, 30, 27), (2.0, 2.0, 2.0)),
        Grid((24, 20, 28), (1.5, 2.0, 2.5), origin=(1.0, 2.0, 3.0)),
        Grid((17, 17, 17), (3.0, 3.0, 3.0), nstart=(-8, -8, -8)),
    ],
)
def test_any_box_goes_through(tmp_path, grid):
    small = write_small_map(tmp_path / "x.mrc", grid=grid)
    result = run_scale(ScaleJob(small, tmp_path / "out", **EVERYTHING))
    for path in result.files.values():
        if path.suffix == ".mrc":
            assert read_map(path).grid == grid


def test_the_scale_is_that_of_the_estimate(small, tmp_path):
    result = run_scale(ScaleJob(small, tmp_path / "out"))
    expected = estimate_scale(read_map(small))
    np.testing.assert_array_equal(read_map(result.files["scale"]).data, expected.scale.data)
    np.testing.assert_array_equal(
        read_map(result.files["confidence"]).data, expected.confidence.data
    )
    assert result.result["limits"]["full_scale"] == expected.full_scale


def test_the_record_says_what_was_used(small, tmp_path):
    result = run_scale(ScaleJob(small, tmp_path / "out", scale=ScaleParams(lowpass=9.0)))
    record = json.loads(result.files["result"].read_text())
    assert record["inputs"]["map"]["sha256"] == sha256(small)
    assert record["inputs"]["map"]["shape"] == list(GRID.shape)
    assert record["parameters"]["lowpass"] == 9.0
    assert record["parameters"]["kernel_size"] == 5
    assert record["job"]["modify"]["seed"] == 0
    assert set(record["versions"]) >= {"occupy_core", "numpy", "scipy", "numba"}
    assert record["warnings"] == list(result.warnings)
    log = result.files["log"].read_text()
    for text in (str(small), sha256(small), "Kernel size", "9 Å", "Density of full scale"):
        assert text in log


def test_headers_say_how_a_map_was_made(small, tmp_path):
    result = run_scale(ScaleJob(small, tmp_path / "out", modify=ModifyParams(amplify=2.5)))
    assert (
        b"kernel 5, radius 1.33 (7 voxels), low-pass 8.00 A"
        in (result.files["scale"].read_bytes()[:1024])
    )
    assert b"amplified, gamma 2.5" in result.files["amplified"].read_bytes()[:1024]


def test_progress_rises_from_zero_to_one(small, halves, tmp_path):
    calls = []
    job = ScaleJob(small, tmp_path / "out", **halves, **EVERYTHING)
    run_scale(job, lambda fraction, text: calls.append((fraction, text)))
    fractions = [fraction for fraction, _ in calls]
    assert fractions[0] == 0.0
    assert fractions[-1] == 1.0
    assert fractions == sorted(fractions)
    assert len({text for _, text in calls}) >= 6


def test_half_maps_get_the_factors_of_the_map(tmp_path):
    first, second = (write_small_map(tmp_path / f"h{i}.mrc", seed=i) for i in (1, 2))
    maps = read_map(first), read_map(second)
    mean = maps[0].with_data(0.5 * (maps[0].data + maps[1].data))
    full = write_map(tmp_path / "x.mrc", mean)
    result = run_scale(
        ScaleJob(
            full,
            tmp_path / "out",
            half1=first,
            half2=second,
            modify=ModifyParams(amplify=4),
            scale=ScaleParams(mode="occ"),
        )
    )
    made = {
        key: read_map(result.files[key]).data
        for key in ("amplified", "amplified_half1", "amplified_half2")
    }
    low, high = mean.data.min(), mean.data.max()
    unclipped = (made["amplified"] > low) & (made["amplified"] < high)
    assert unclipped.mean() > 0.99
    np.testing.assert_allclose(
        0.5 * (made["amplified_half1"] + made["amplified_half2"])[unclipped],
        made["amplified"][unclipped],
        atol=1e-5 * np.abs(mean.data).max(),
    )


def test_a_scale_made_before_gives_the_same_modified_map(small, tmp_path):
    scale = ScaleParams(mode="occ", granularity=0.0)
    job = ScaleJob(small, tmp_path / "a", scale=scale, modify=ModifyParams(amplify=3.0))
    first = run_scale(job)
    again = run_scale(replace(job, outdir=tmp_path / "b", scale_map=first.files["scale"]))
    assert "scale" not in again.files
    assert again.files["amplified"].read_bytes() == first.files["amplified"].read_bytes()
    assert again.result["limits"]["solvent_mean"] == first.result["limits"]["solvent_mean"]
    assert again.result["inputs"]["scale_map"]["sha256"] == sha256(first.files["scale"])
    assert str(first.files["scale"]) in again.files["chimerax"].read_text()


def test_maps_that_share_scale_and_confidence_get_the_same_factors(small, tmp_path):
    mine = run_scale(ScaleJob(small, tmp_path / "a", scale=ScaleParams(mode="occ")))
    other = write_small_map(tmp_path / "other.mrc", seed=5)
    shared = {"scale_map": mine.files["scale"], "confidence_map": mine.files["confidence"]}
    factors = []
    for i, path in enumerate((small, other)):
        job = ScaleJob(path, tmp_path / f"b{i}", modify=ModifyParams(amplify=3.0), **shared)
        made = run_scale(replace(job, scale=ScaleParams(mode="occ")))
        density, amplified = read_map(path).data, read_map(made.files["amplified"]).data
        factors.append(np.where(np.abs(density) > 0.1 * density.max(), amplified / density, np.nan))
        assert made.files["confidence"].read_bytes() == mine.files["confidence"].read_bytes()
    both = np.isfinite(factors).all(axis=0)
    assert both.sum() > 1000
    unclipped = both & (np.abs(factors[0] - factors[1]) < 1)
    np.testing.assert_allclose(factors[0][unclipped], factors[1][unclipped], rtol=1e-3)
    with pytest.raises(MapFormatError, match=r"confidence map .* a confidence lies between 0"):
        run_scale(ScaleJob(small, tmp_path / "c", **{**shared, "confidence_map": small}))


def test_half_maps_that_hold_the_same_are_refused(small, halves, tmp_path):
    copy = tmp_path / "copy.mrc"
    copy.write_bytes(halves["half1"].read_bytes())
    with pytest.raises(EstimationError, match=r"copy\.mrc hold the same density"):
        run_scale(ScaleJob(small, tmp_path / "out", **{**halves, "half2": copy}))
    copy.write_bytes(small.read_bytes())
    for method in ("calibrated", "occupy"):
        job = ScaleJob(
            small,
            tmp_path / "out",
            scale=ScaleParams(method=method),
            modify=ModifyParams(amplify=2),
            **{**halves, "half2": copy},
        )
        with pytest.raises(EstimationError, match=r"copy\.mrc holds the density of .*x\.mrc"):
            run_scale(job)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("plainly", [False, True])
def test_a_modification_tells_of_solvent_far_from_zero(small, tmp_path, plainly):
    density = read_map(small)
    lifted = write_map(
        tmp_path / "lifted.mrc", density.with_data(density.data + density.data.max())
    )
    job = ScaleJob(lifted, tmp_path / "a", scale=ScaleParams(mode="occ"))
    first = run_scale(job)
    assert first.warnings == ()
    if plainly:
        alone = first.files["scale"].rename(tmp_path / "alone.mrc")
        job = replace(job, scale_map=alone)
    modified = replace(job, outdir=tmp_path / "b", modify=ModifyParams(amplify=2))
    warnings = run_scale(modified).warnings
    # By the regional scale factors count from the level of the solvent on.
    told = [w for w in warnings if w.startswith(f"The solvent of {lifted} lies at ")]
    assert len(told) == plainly


def test_a_map_of_other_values_is_no_scale(small, tmp_path):
    with pytest.raises(MapFormatError, match=r"has values from -.* a local scale lies between 0"):
        run_scale(ScaleJob(small, tmp_path / "out", scale_map=small))
    assert not (tmp_path / "out").exists()


def test_a_solvent_definition_made_from_the_scale_is_written(small, tmp_path):
    params = ScaleParams(solvent_def_scale=0.4)
    result = run_scale(ScaleJob(small, tmp_path / "a", scale=params))
    mask = read_map(result.files["solvent_definition"]).data
    assert set(np.unique(mask)) == {0.0, 1.0}
    other = ScaleJob(small, tmp_path / "b", scale=params, scale_map=result.files["scale"])
    again = read_map(run_scale(other).files["solvent_definition"]).data
    np.testing.assert_array_equal(again, mask)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_correlation_with_a_resolution_map_is_recorded(small, tmp_path, sign):
    scale = read_map(run_scale(ScaleJob(small, tmp_path / "first")).files["scale"])
    # A resolution that gets worse exactly where the scale falls, or the other way round.
    resolution = DensityMap(4 - sign * scale.data, scale.grid, "resolution")
    made = write_map(tmp_path / "resolution.mrc", resolution)
    job = ScaleJob(small, tmp_path / "out", resolution_map=made)
    limits = run_scale(job).result["limits"]
    assert limits["resolution_correlation"] == pytest.approx(sign, abs=1e-4)


def test_a_resolution_map_does_not_go_with_the_mode_occ(small, tmp_path):
    job = ScaleJob(small, tmp_path / "out", resolution_map=small, scale=ScaleParams(mode="occ"))
    with pytest.raises(ParameterError, match="the mode is occ"):
        run_scale(job)


def test_the_occupancy_of_a_target_mask_is_recorded(small, tmp_path):
    density = read_map(small)
    mask = np.zeros(GRID.shape, np.float32)
    mask[10:20, 10:22, 8:16] = 1
    target = write_map(tmp_path / "mask.mrc", density.with_data(mask))
    result = run_scale(ScaleJob(small, tmp_path / "out", target_mask=target))
    assert 0.5 < result.result["limits"]["target_occupancy"] <= 1.5
    assert "Occupancy of the target mask" in result.files["log"].read_text()


def test_warnings_are_recorded_and_not_lost(tmp_path):
    values = write_small_map(tmp_path / "plain.mrc").read_bytes()
    swapped = bytearray(values)  # claims the axis order z, y, x
    swapped[64:76] = b"\3\0\0\0\2\0\0\0\1\0\0\0"
    (tmp_path / "x.mrc").write_bytes(swapped)
    result = run_scale(ScaleJob(tmp_path / "x.mrc", tmp_path / "out"))
    assert any("axes" in text for text in result.warnings)
    assert result.warnings[0] in result.files["log"].read_text()


def test_the_voxel_size_given_counts_for_every_map(tmp_path):
    small = write_small_map(tmp_path / "x.mrc", grid=Grid(GRID.shape, (1.0, 1.0, 1.0)))
    job = ScaleJob(small, tmp_path / "out", voxel_size=2.0, solvent_def=None)
    assert read_map(run_scale(job).files["scale"]).grid.voxel_size == (2.0, 2.0, 2.0)


def test_a_masked_map_gives_a_warning_and_usable_maps(shared, tmp_path):
    source = shared / "data" / "maps" / "emd_3488.mrc"
    modify = ModifyParams(amplify=4, attenuate=3, sigmoid=4, exclude_solvent=True)
    result = run_scale(ScaleJob(source, tmp_path, scale=ScaleParams(mode="occ"), modify=modify))
    assert any("its solvent was masked away" in text for text in result.warnings)
    for path in result.files.values():
        if path.suffix == ".mrc":
            assert np.isfinite(read_map(path).data).all()
    assert "its solvent was masked" in result.files["chimerax"].read_text()
