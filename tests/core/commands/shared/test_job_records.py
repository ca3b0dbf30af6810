"""A job can be written down and run again, and the manual says what it writes."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from small_jobs import EVERYTHING, ROOT, contents

from occupy_core import ParameterError
from occupy_core.commands.scale.job import ScaleJob
from occupy_core.commands.scale.run import run_scale
from occupy_core.scale.params import ModifyParams, ScaleParams

# matplotlib 3.8 calls what newer versions of pyparsing deprecate
pytestmark = pytest.mark.filterwarnings("ignore:.* deprecated.* use :DeprecationWarning")


def no_paths(folder):
    """Contents of a folder without the ChimeraX scripts, which name it."""
    return {k: v for k, v in contents(folder).items() if not k.endswith(".cxc")}


# ---- again ------------------------------------------------------------------------------------


def test_a_record_run_again_gives_the_same_bytes(small, halves, tmp_path):
    first = run_scale(ScaleJob(small, tmp_path / "a", plot=True, threads=1, **halves, **EVERYTHING))
    job = ScaleJob.load(first.files["result"])
    run_scale(replace(job, outdir=tmp_path / "b", threads=2))
    assert no_paths(tmp_path / "a") == no_paths(tmp_path / "b")
    before = contents(tmp_path / "a")
    run_scale(replace(job, outdir=tmp_path / "a", force=True))
    assert contents(tmp_path / "a") == before


def test_another_seed_changes_the_solvent_noise_only(small, tmp_path):
    job = ScaleJob(small, modify=ModifyParams(attenuate=3), scale=ScaleParams(mode="occ"))
    for seed in (0, 1):
        run_scale(replace(job, outdir=tmp_path / str(seed), modify=replace(job.modify, seed=seed)))
    first, second = contents(tmp_path / "0"), contents(tmp_path / "1")
    differing = {name for name in first if first[name] != second[name]}
    assert differing >= {"attn_3.0_x.mrc"}
    assert not differing & {"scale_occ_x.mrc", "conf_x.mrc"}


def test_paths_are_absolute_and_without_the_ending_of_scipion(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = ScaleJob(Path("x.mrc:mrc"), half1=Path("a.mrc"))
    assert (job.map, job.half1, job.outdir) == (tmp_path / "x.mrc", tmp_path / "a.mrc", tmp_path)


def test_a_name_that_no_file_can_have_is_said():
    with pytest.raises(ParameterError, match="is no name of a file; check the path"):
        ScaleJob(Path("x\0.mrc"))
    with pytest.raises(ParameterError, match=r"'map' of the job is .* but must be a file name"):
        ScaleJob.from_dict({"map": "x\0.mrc"})


def test_a_volume_named_as_scipion_does_goes_through(small, tmp_path):
    result = run_scale(ScaleJob(Path(f"{small}:mrc"), tmp_path / "out"))
    assert (
        result.result["inputs"]["map"]
        == run_scale(ScaleJob(small, tmp_path / "b")).result["inputs"]["map"]
    )


def test_a_job_written_to_json_is_the_same_job(small, tmp_path):
    job = ScaleJob(small, tmp_path / "out", name="y", threads=2, **EVERYTHING)
    path = tmp_path / "params.json"
    path.write_text(json.dumps(job.to_dict()))
    assert ScaleJob.load(path) == job


@pytest.mark.parametrize(
    ("modify", "mode"),
    [
        ({}, "res"),
        ({"exclude_solvent": True}, "res"),
        ({"amplify": 1.0}, "res"),
        ({"amplify": 2.0}, "occ"),
        ({"attenuate": 2.0}, "occ"),
        ({"sigmoid": 2.0}, "occ"),
    ],
)
def test_the_mode_follows_from_what_is_wanted(modify, mode):
    assert ScaleJob.from_dict({"map": "x.mrc", "modify": modify}).scale.mode == mode
    for given in ("res", "occ"):
        values = {"map": "x.mrc", "modify": modify, "scale": {"mode": given}}
        assert ScaleJob.from_dict(values).scale.mode == given


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "cannot be read: No such file or directory; check the path."),
        ("{", "is not a JSON file"),
        ("[1]", "does not hold the parameters of a job"),
        ('{"job": 3}', "does not hold the parameters of a job"),
        ('{"map": "x.mrc", "modify": 3}', "'modify' of .* must be a group of parameters"),
        ('{"map": "x.mrc", "scale": {"tau": "x"}}', "'tau' of .* is 'x' but must be a number"),
        ('{"map": "x.mrc", "colour": 1}', "'colour' of .* is unknown"),
        ("{}", "'map' of .* is missing"),
    ],
)
def test_a_file_that_is_no_job_is_said(tmp_path, text, sentence):
    path = tmp_path / "params.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ParameterError, match=sentence):
        ScaleJob.load(path)


# ---- manual -----------------------------------------------------------------------------------


def manual():
    return (ROOT / "docs" / "file_formats.md").read_text(encoding="utf-8")


def test_the_manual_names_every_file_as_the_record_does(small, halves):
    job = ScaleJob(small, plot=True, **halves, **EVERYTHING)
    for key in job.output_names():
        assert f"`{key}`" in manual() or re.search(r"_half[12]$", key)


def test_the_manual_names_every_parameter_and_every_part_of_the_record(small, tmp_path):
    record = run_scale(ScaleJob(small, tmp_path / "out")).result
    names = [*record, *record["limits"], *record["job"], *record["job"]["scale"]]
    names += record["job"]["modify"]
    assert [name for name in names if f"`{name}`" not in manual()] == []


def test_the_example_of_the_manual_runs(small, tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", manual(), re.DOTALL)
    small.rename(tmp_path / "map.mrc")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "file_formats.md", "exec"), {})
    assert capsys.readouterr().out.startswith(str(tmp_path / "scale" / "ampl_4.0_map.mrc"))
