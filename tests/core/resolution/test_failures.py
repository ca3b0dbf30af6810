"""Jobs of local resolution that fail or are interrupted leave what was there, and say why."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from copies import start_copy
from small_jobs import contents
from small_resolution import write_resolution_maps

from occupy_core import EstimationError, OutputError, ParameterError
from occupy_core.commands.resolution import run as jobs
from occupy_core.commands.resolution.job import ResolutionJob
from occupy_core.commands.resolution.run import run_resolution
from occupy_core.maps import DensityMap, Grid, write_map
from occupy_core.resolution.result import ResolutionParams

pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    return write_resolution_maps(tmp_path_factory.mktemp("maps"))


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


def test_a_copy_of_the_same_half_map_is_noticed(maps, tmp_path):
    copy = tmp_path / "copy.mrc"
    copy.write_bytes(maps["half1"].read_bytes())
    with pytest.raises(EstimationError, match="hold the same density"):
        run_resolution(ResolutionJob(half1=maps["half1"], half2=copy, outdir=tmp_path / "out"))
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
def test_a_write_that_fails_leaves_the_old_outputs(maps, tmp_path, full_disk, number):
    job = ResolutionJob(maps["map"], tmp_path / "out", chimerax=False)
    run_resolution(job)
    before = contents(tmp_path / "out")
    written = full_disk(jobs, number)
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


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "terminated"),
        (signal.SIGHUP, 129, "terminated"),
    ],
)
def test_a_signal_in_the_middle_leaves_nothing(maps, tmp_path, number, status, word):
    def prepare():
        write, count = jobs.write_map, 0

        def write_map(*args, **kwargs):
            nonlocal count
            count += 1
            if count == 2:
                os.kill(os.getpid(), number)
                time.sleep(60)  # until it has come through
            return write(*args, **kwargs)

        jobs.write_map = write_map

    words = ["resolution", str(maps["map"]), "--outdir", str(tmp_path / "out")]
    copy = start_copy(words, tmp_path / "notes", prepare)
    assert copy.wait() == status
    assert copy.text().splitlines()[-1] == f"occupy-core: {word}; unfinished outputs were removed."
    assert not (tmp_path / "out").exists()
