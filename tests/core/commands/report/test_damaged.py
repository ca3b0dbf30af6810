"""Records that were damaged or edited: a sentence, or a report; never anything else."""

import json
import random
import shutil

import numpy as np
import pytest
from resolution_maps import two_resolutions
from small_jobs import run_cli, write_small_map

from occupy_core.commands.regions.job import RegionsJob
from occupy_core.commands.regions.run import run_regions
from occupy_core.commands.resolution.job import ResolutionJob
from occupy_core.commands.resolution.run import run_resolution
from occupy_core.commands.scale.job import ScaleJob
from occupy_core.commands.scale.run import run_scale
from occupy_core.maps import Grid, read_map, write_map
from occupy_core.scale.params import ModifyParams

ODD = (10**400, -1, 0, True, None, "", "\0", "x", [], [[]], [1], {}, {"a": 1}, "../x", "\ud800")
TRIES = 12


def scaled(folder):
    return run_scale(ScaleJob(write_small_map(folder / "x.mrc"), folder / "out", plot=False))


def modified(folder):
    job = ScaleJob(write_small_map(folder / "x.mrc"), folder / "out", plot=False)
    return run_scale(ScaleJob(job.map, job.outdir, plot=False, modify=ModifyParams(amplify=3)))


def measured(folder):
    density = read_map(write_small_map(folder / "x.mrc"))
    inside = density.with_data((density.data > np.percentile(density.data, 97)).astype("f4"))
    job = RegionsJob((folder / "x.mrc",), folder / "out", plot=False, masks=(folder / "m.mrc",))
    write_map(job.masks[0], inside)
    return run_regions(job)


def resolved(folder):
    known = two_resolutions(Grid((24, 26, 28), (1.5, 1.4, 1.6)), noise=12.0)
    halves = [write_map(folder / f"h{i}.mrc", m) for i, m in enumerate(known.half_maps, 1)]
    half1, half2 = halves
    return run_resolution(ResolutionJob(None, folder / "out", half1=half1, half2=half2, plot=False))


def places(value, path=()):
    """Where the values of a record stand."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:3])
    for key, each in items:
        yield (*path, key)
        if isinstance(each, dict | list):
            yield from places(each, (*path, key))


def damaged(record, seed):
    """A record in which a value is gone, or another one."""
    draw = random.Random(seed)
    values = json.loads(json.dumps(record))
    place = draw.choice(list(places(values)))
    above = values
    for key in place[:-1]:
        above = above[key]
    if draw.random() < 0.4:
        del above[place[-1]]
    else:
        above[place[-1]] = draw.choice(ODD)
    return values, place


@pytest.mark.parametrize("made", [scaled, modified, measured, resolved])
def test_a_damaged_record_gives_a_report_or_a_sentence(made, tmp_path, capsys):
    done = made(tmp_path)
    record = done.files["result"]
    whole = json.loads(record.read_text(encoding="utf-8"))
    ends = set()
    for seed in range(TRIES):
        folder = tmp_path / f"try{seed}"
        shutil.copytree(record.parent, folder)
        values, place = damaged(whole, seed)
        (folder / record.name).write_text(json.dumps(values), encoding="utf-8")
        status, _, said = run_cli(capsys, "report", folder)
        assert status in (0, 2), (place, said)
        assert (folder / "report.html").exists() == (status == 0), place
        ends.add(status)
        shutil.rmtree(folder)
    assert 2 in ends


def test_what_is_missing_is_named(tmp_path, capsys):
    record = scaled(tmp_path).files["result"]
    values = json.loads(record.read_text(encoding="utf-8"))
    del values["limits"]["value_at_half_confidence"]
    record.write_text(json.dumps(values), encoding="utf-8")
    status, _, said = run_cli(capsys, "report", record.parent)
    assert status == 2
    assert f"{record} cannot be used" in said
    assert "'value_at_half_confidence'" in said
