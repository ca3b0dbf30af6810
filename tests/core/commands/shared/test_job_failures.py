"""A job that cannot be done, fails or is stopped leaves everything as it was."""

import os
import resource
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from copies import start_copy
from small_jobs import contents, write_small_map

from occupy_core import GridMismatchError, OutputError, ParameterError
from occupy_core.commands.scale import run as jobs
from occupy_core.commands.scale.job import ScaleJob
from occupy_core.commands.scale.run import run_scale
from occupy_core.maps import Grid, write_map
from occupy_core.scale.params import ModifyParams, ScaleParams

# matplotlib 3.8 calls what newer versions of pyparsing deprecate
pytestmark = [
    pytest.mark.filterwarnings("ignore:.* deprecated.* use :DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),
]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"half1": Path("a")}, "Only one half map"),
        (
            {"half1": Path("a"), "half2": Path("b"), "scale": ScaleParams(method="occupy")},
            "no map is modified and no scale is calibrated",
        ),
        (
            {"half1": Path("a"), "half2": Path("a"), "modify": ModifyParams(amplify=2.0)},
            r"Both half maps are .*/a; give",
        ),
        ({"scale_map": Path("s"), "target_mask": Path("t")}, "leave out one of them"),
        ({"confidence_map": Path("c")}, "but no scale map"),
        ({"min_vis_scale": 1.0}, "lowest visible scale is 1.0"),
        ({"min_vis_scale": -0.1}, "lowest visible scale is -0.1"),
        ({"threads": 0}, "number of threads is 0"),
        ({"name": "a/b"}, "base name of the outputs is 'a/b'"),
        (
            {"name": "é" * 120},
            "has 256 bytes but may have 235; give a shorter",
        ),
        ({"scale": ScaleParams(kernel_size=4)}, "kernel size is 4"),
        ({"modify": ModifyParams(amplify=0.5)}, "gamma"),
    ],
)
def test_parameters_outside_their_limits_are_met_before_any_work(tmp_path, options, sentence):
    with pytest.raises(ParameterError, match=sentence):
        run_scale(ScaleJob(tmp_path / "x.mrc", tmp_path / "out", **options))
    assert contents(tmp_path) == {}


def test_maps_on_another_grid_are_refused(small, tmp_path):
    other = write_small_map(tmp_path / "y.mrc", grid=Grid.cubic(24, 2.0))
    modify = ModifyParams(amplify=2)
    for options, what in (
        ({"solvent_def": other}, "solvent definition"),
        ({"target_mask": other}, "target mask"),
        ({"scale_map": other}, "scale map"),
        ({"half1": small, "half2": other, "modify": modify}, "half map 2"),
    ):
        with pytest.raises(GridMismatchError, match=what):
            run_scale(ScaleJob(small, tmp_path / "out", **options))
    assert not (tmp_path / "out").exists()


def test_existing_outputs_stay_unless_forced(small, tmp_path):
    job = ScaleJob(small, tmp_path / "out")
    run_scale(job)
    before = contents(tmp_path / "out")
    changed = replace(job, scale=ScaleParams(lowpass=10.0))
    with pytest.raises(OutputError, match=r"scale_res_x\.mrc exists already \(and 5 more\)"):
        run_scale(changed)
    assert contents(tmp_path / "out") == before
    run_scale(replace(changed, force=True))
    after = contents(tmp_path / "out")
    assert after.keys() == before.keys()
    assert after["scale_res_x.mrc"] != before["scale_res_x.mrc"]


def test_a_forced_run_leaves_nothing_of_the_one_before(small, tmp_path):
    outdir = tmp_path / "out"
    modify = ModifyParams(amplify=2, attenuate=3)
    run_scale(ScaleJob(small, outdir, modify=modify, plot=True, save_all_maps=True))
    run_scale(ScaleJob(small, outdir, name="other"))
    (outdir / "notes.txt").write_text("mine")
    job = ScaleJob(small, outdir, modify=ModifyParams(amplify=4), force=True)
    run_scale(job)
    others = replace(job, name="other", modify=ModifyParams()).output_names()
    kept = {*job.output_names().values(), *others.values(), "notes.txt"}
    assert set(contents(outdir)) == kept


def test_a_forced_run_keeps_what_it_reads(small, tmp_path):
    regional = ScaleParams(mode="occ")
    first = run_scale(ScaleJob(small, tmp_path / "out", scale=regional, save_all_maps=True))
    job = ScaleJob(small, tmp_path / "out", scale_map=first.files["scale"], force=True)
    # With the scale, what was written beside it is read.
    read = ("scale", "scale_sigma", "regional_confidence")
    before = [first.files[name].read_bytes() for name in read]
    assert not set(read) & set(run_scale(job).files)
    assert [first.files[name].read_bytes() for name in read] == before
    assert not first.files["lowpass"].exists()


@pytest.mark.parametrize(
    "record",
    [
        "no record",
        '{"files": ["mine.mrc"]}',
        '{"job": {"map": "x"}, "files": ["mine.mrc"]}',
        '{"job": {"maps": ["x"]}, "files": {"table": "mine.mrc"}}',  # of another kind of job
        '{"job": {"map": "x"}, "files": {"scale": "../x.mrc", "confidence": 3, "log": "folder"}}',
    ],
)
def test_a_forced_run_removes_only_what_a_run_of_its_kind_wrote(small, tmp_path, record):
    outdir = tmp_path / "out"
    (outdir / "folder").mkdir(parents=True)
    (outdir / "mine.mrc").write_text("mine")
    (outdir / "result_x.json").write_text(record)
    run_scale(ScaleJob(small, outdir, force=True))
    assert small.exists()
    assert {"folder", "mine.mrc"} < set(contents(outdir))


def test_a_run_that_fails_removes_nothing_of_the_one_before(small, tmp_path, monkeypatch):
    job = ScaleJob(small, tmp_path / "out", modify=ModifyParams(amplify=2))
    run_scale(job)
    before = contents(tmp_path / "out")
    monkeypatch.setattr(jobs, "write_chimerax", lambda *_args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_scale(replace(job, modify=ModifyParams(), force=True))
    assert contents(tmp_path / "out") == before


def test_an_output_that_appears_meanwhile_is_kept(small, tmp_path, monkeypatch):
    def meanwhile(*args, **kwargs):
        (tmp_path / "out" / "conf_x.mrc").write_text("of another run")
        return write_map(*args, **kwargs)

    monkeypatch.setattr(jobs, "write_map", meanwhile)
    with pytest.raises(OutputError, match=r"conf_x\.mrc exists already"):
        run_scale(ScaleJob(small, tmp_path / "out"))
    assert contents(tmp_path / "out") == {"conf_x.mrc": b"of another run"}


def test_an_input_in_the_output_folder_is_never_replaced(tmp_path):
    shutil.copy(write_small_map(tmp_path / "x.mrc"), tmp_path / "conf_x.mrc")
    job = ScaleJob(tmp_path / "x.mrc", tmp_path, solvent_def=tmp_path / "conf_x.mrc", force=True)
    with pytest.raises(OutputError, match="is an input and is never replaced"):
        run_scale(job)


@pytest.mark.parametrize("number", range(1, 5))
def test_a_write_that_fails_leaves_the_old_outputs(small, tmp_path, full_disk, number):
    job = ScaleJob(small, tmp_path / "out", modify=ModifyParams(amplify=2, attenuate=2))
    run_scale(job)
    before = contents(tmp_path / "out")
    written = full_disk(jobs, number)
    with pytest.raises(OutputError, match="No space left"):
        run_scale(replace(job, force=True, scale=ScaleParams(lowpass=10.0)))
    assert len(written) in (number, number + 1)  # one more may have been waiting
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize("what", ["write_chimerax", "log_text", "versions"])
def test_a_failure_at_the_very_end_leaves_nothing(small, tmp_path, monkeypatch, what):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(jobs, what, full)
    with pytest.raises((OutputError, OSError)):
        run_scale(ScaleJob(small, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def at_second_map(act):
    """What makes a run call a function before its second map is written."""

    def prepare():
        write, count = jobs._Run._write_map, 0

        def write_map(*args, **kwargs):
            nonlocal count
            count += 1
            if count == 2:
                act()
            return write(*args, **kwargs)

        jobs._Run._write_map = write_map

    return prepare


def run_with(act, folder, *arguments):
    """Run the command line in a copy of this process; return its status and what it said."""
    copy = start_copy(["scale", *map(str, arguments)], folder / "notes", at_second_map(act))
    copy.wait()
    return copy.status, copy.text()


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "terminated"),
        (signal.SIGHUP, 129, "terminated"),
    ],
)
@pytest.mark.parametrize("old", [False, True])
def test_a_signal_in_the_middle_leaves_the_folder_as_it_was(
    small, tmp_path, number, status, word, old
):
    outdir = tmp_path / "out"
    if old:
        run_scale(ScaleJob(small, outdir))
    before = contents(outdir) if old else None

    def act():
        os.kill(os.getpid(), number)
        time.sleep(60)  # until it has come through

    found, said = run_with(act, tmp_path, small, "--outdir", outdir, "--force")
    assert found == status
    assert said.splitlines()[-1] == f"occupy-core: {word}; unfinished outputs were removed."
    assert "Traceback" not in said
    assert (contents(outdir) if outdir.exists() else None) == before


def test_the_run_after_a_killed_one_starts_clean(small, tmp_path):
    outdir = tmp_path / "out"

    def act():
        os.kill(os.getpid(), signal.SIGKILL)

    status, _ = run_with(act, tmp_path, small, "--outdir", outdir)
    assert status == -signal.SIGKILL
    (leftover,) = outdir.iterdir()
    assert leftover.name.startswith(".")
    job = ScaleJob(small, outdir)
    run_scale(job)
    assert set(contents(outdir)) == set(job.output_names().values())


def test_a_run_elsewhere_removes_what_a_killed_one_has_left(small, tmp_path):
    def act():
        os.kill(os.getpid(), signal.SIGKILL)

    killed, other = tmp_path / "killed", tmp_path / "other"
    status, _ = run_with(act, tmp_path, small, "--outdir", killed)
    assert status == -signal.SIGKILL
    assert list(killed.iterdir())
    assert run_with(lambda: None, tmp_path, small, "--outdir", other) == (0, "")
    assert not killed.exists() or contents(killed) == {}
    assert "result_x.json" in contents(other)


def test_a_full_disk_is_one_sentence_and_leaves_nothing(small, tmp_path):
    # No file may exceed 100 kB, which the kernel enforces as it does the end of a disk.
    limits = (resource.RLIMIT_FSIZE, (100_000, 100_000))
    words = (small, "--outdir", tmp_path / "out")
    status, err = run_with(lambda: resource.setrlimit(*limits), tmp_path, *words)
    assert status == 2
    assert err.startswith("occupy-core: error: The map ")
    assert err.endswith("cannot be written: File too large.\n")
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "out").exists()
