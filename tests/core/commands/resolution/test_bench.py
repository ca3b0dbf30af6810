"""The comparison of a map alone with its half maps, on a user's own pair."""

import json

import pytest
from small_jobs import contents
from small_resolution import write_resolution_maps

from occupy_core import MapFormatError, ParameterError
from occupy_core.commands.resolution.bench.run import ResolutionBenchJob, run_resolution_bench


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    maps = write_resolution_maps(tmp_path_factory.mktemp("maps"))
    return {key: maps[key] for key in ("half1", "half2")}


@pytest.fixture(scope="module")
def bench(halves, tmp_path_factory):
    return run_resolution_bench(ResolutionBenchJob(**halves, outdir=tmp_path_factory.mktemp("b")))


def test_the_bench_compares_the_map_as_users_have_it(bench):
    table = json.loads(bench.files["result"].read_text())["table"]
    assert [(row["map"], row["threshold"]) for row in table] == [
        (name, threshold)
        for name in ("as reconstructed", "post-processed", "soft-masked", "locally filtered")
        for threshold in (0.143, 0.5)
    ]
    by_map = {row["map"]: row for row in table if row["threshold"] == 0.143}
    plain = by_map["as reconstructed"]
    assert plain["source"] == "solvent noise"
    assert plain["log_rmse"] < 0.15
    assert plain["spearman"] > 0.8
    assert plain["skill"] > 0.3
    assert by_map["soft-masked"]["source"] == "learned"
    assert "masked" in by_map["soft-masked"]["state"]
    assert 0 <= plain["coverage"] <= 1
    assert plain["global_reference"] == pytest.approx(plain["global"], rel=0.15)


def test_the_bench_writes_the_same_table_as_csv(bench):
    lines = bench.files["table"].read_text().splitlines()
    table = bench.result["table"]
    assert lines[0].split(",") == list(table[0])
    assert len(lines) == 1 + len(table)
    assert lines[1].startswith("as reconstructed,solvent noise,")


def test_a_rerun_of_the_bench_gives_the_same_bytes(bench, tmp_path):
    values = json.loads(bench.files["result"].read_text())["job"]
    job = ResolutionBenchJob.from_dict({**values, "outdir": str(tmp_path / "again")})
    calls = []
    run_resolution_bench(job, lambda fraction, text: calls.append(fraction))
    assert (calls[0], calls[-1]) == (0.0, 1.0)
    assert calls == sorted(calls)
    folder = bench.files["table"].parent
    assert contents(tmp_path / "again") == contents(folder)


def test_the_bench_needs_both_half_maps(halves, tmp_path):
    for options, sentence in (
        ({}, "No half maps are given"),
        ({"half1": halves["half1"]}, "Only one half map"),
        ({"half1": halves["half1"], "half2": halves["half1"]}, "Both half maps are"),
    ):
        with pytest.raises(ParameterError, match=sentence):
            run_resolution_bench(ResolutionBenchJob(**options, outdir=tmp_path / "out"))
    missing = {"half1": halves["half1"], "half2": tmp_path / "no.mrc"}
    with pytest.raises(MapFormatError, match="does not exist"):
        run_resolution_bench(ResolutionBenchJob(**missing, outdir=tmp_path / "out"))
    assert not (tmp_path / "out").exists()
