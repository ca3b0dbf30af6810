"""Records that version 0.1 wrote before the jobs were given groups are read, and run again."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from small_jobs import ROOT, run_cli
from small_models import density_of, noisy, three_chains

from occupy_core.blocks.params import BlocksParams
from occupy_core.commands.blocks.job import BlocksJob
from occupy_core.commands.regions.job import RegionsJob
from occupy_core.commands.resolution.bench.run import ResolutionBenchJob
from occupy_core.commands.resolution.job import ResolutionJob
from occupy_core.commands.scale.job import ScaleJob
from occupy_core.maps.mrc import write_map
from occupy_core.regions.by_masks.estimate import RegionParams
from occupy_core.regions.by_model.atoms import read_model
from occupy_core.regions.by_model.estimate import ChainParams
from occupy_core.regions.table import RegionTable
from occupy_core.resolution.result import ResolutionParams
from occupy_core.scale.params import ModifyParams, ScaleParams

RECORDS = ROOT / "tests" / "data" / "records_0.1"
DATA = Path("/data")
HALVES = {"half1": DATA / "res" / "h1.mrc", "half2": DATA / "res" / "h2.mrc"}
JOBS = {
    "scale": ScaleJob(
        DATA / "map0.mrc",
        scale=ScaleParams(mode="res", lowpass=9.0, granularity=0.0),
        modify=ModifyParams(attenuate=3.0, sigmoid=4.0, pivot=0.3, exclude_solvent=True),
        min_vis_scale=0.2,
    ),
    "regions_model": RegionsJob(
        (DATA / "map0.mrc",),
        model=DATA / "m.pdb",
        by_model=ChainParams(
            by="residues", window=12, reference="A:1-12", resolution=4.0, align=False
        ),
        chains=("B",),
        plot=False,
    ),
    "regions_masks": RegionsJob(
        (DATA / "map0.mrc",),
        masks=tuple(DATA / f"mask{chain}.mrc" for chain in "ABC"),
        by_masks=RegionParams(reference="maskA,maskC", whole=True),
        plot=False,
        chimerax=False,
    ),
    "blocks": BlocksJob(
        tuple(DATA / "v" / f"vol_{i}.mrc" for i in range(1, 17)),
        blocks=BlocksParams(threshold=0.5, correction="bh", exp_frac=0.5),
        where="B1 > 0.5",
        plot=False,
        chimerax=False,
    ),
    "resolution": ResolutionJob(
        DATA / "res" / "x.mrc",
        **HALVES,
        resolution=ResolutionParams(window=12.0, filter=True),
        chimerax=False,
    ),
    "bench": ResolutionBenchJob(**HALVES),
}


@pytest.mark.parametrize("name", JOBS)
def test_an_old_record_is_the_job_that_it_was(name):
    expected = JOBS[name]
    found = type(expected).load(RECORDS / f"{name}.json")
    assert dataclasses.replace(found, outdir=expected.outdir) == expected
    assert found.problems() == []


@pytest.mark.parametrize("name", JOBS)
def test_every_kind_of_job_survives_a_record_of_today(name, tmp_path):
    path = tmp_path / "record.json"
    path.write_text(json.dumps({"job": JOBS[name].to_dict()}), encoding="utf-8")
    assert type(JOBS[name]).load(path) == JOBS[name]


def test_an_old_record_runs_again_to_the_same_numbers(tmp_path, capsys):
    model = read_model(three_chains(tmp_path / "m.pdb"))
    write_map(tmp_path / "map0.mrc", noisy(density_of(model, {"B": 0.5}), 0.03, 0))
    text = (RECORDS / "regions_model.json").read_text(encoding="utf-8")
    record = tmp_path / "old.json"
    record.write_text(text.replace("/data", str(tmp_path)), encoding="utf-8")
    status, _, _ = run_cli(capsys, "regions", "--params", record, "--outdir", tmp_path / "again")
    assert status == 0
    before = RegionTable.from_record(json.loads(text))
    again = json.loads((tmp_path / "again" / "result.json").read_text(encoding="utf-8"))
    found = RegionTable.from_record(again)
    assert (found.regions, found.reference) == (before.regions, before.reference)
    # A flat level has been fitted in the coarse shells only since then.
    assert (np.abs(found.occupancy - before.occupancy) < 0.05 * before.sigma).all()
    assert found.sigma == pytest.approx(before.sigma, rel=1e-2)


def test_options_count_more_than_an_old_record(tmp_path):
    from occupy_core.commands.regions.cli import COMMAND, job_values

    record = str(RECORDS / "regions_model.json")
    given = COMMAND.parse(["--params", record, "--window", "9", "--reference", "A"])
    params = RegionsJob.from_dict(job_values(given)).by_model
    assert (params.by, params.window, params.reference) == ("residues", 9, "A")
