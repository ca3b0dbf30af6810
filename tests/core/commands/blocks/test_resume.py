"""A search for blocks goes on from the states of an earlier one, and takes over only what fits."""

import random
import shutil
from dataclasses import fields, is_dataclass, replace

import mrcfile
import numpy as np
import pytest
from small_blocks import RULE
from small_jobs import contents

from occupy_core import MapFormatError, ParameterError
from occupy_core.blocks import find
from occupy_core.blocks.params import (
    CONTOUR_FIELDS,
    EXPAND_FIELDS,
    SKETCH_FIELDS,
    BlocksParams,
)
from occupy_core.blocks.saved import load_communities, load_occupied
from occupy_core.commands.blocks.job import BlocksJob
from occupy_core.commands.blocks.run import run_blocks
from occupy_core.maps.ensemble import volumes_in

# matplotlib 3.8 calls what newer versions of pyparsing deprecate
pytestmark = pytest.mark.filterwarnings("ignore:.* deprecated.* use :DeprecationWarning")


@pytest.mark.usefixtures("empty_figures")
def test_going_on_with_the_same_parameters_gives_the_same(searched, ensemble_files, tmp_path):
    for i, states in enumerate((("occupied",), ("occupied", "communities"))):
        saved = {state: searched.files[f"state_{state}"] for state in states}
        again = run_blocks(BlocksJob(ensemble_files, tmp_path / str(i), **saved, plot=False))
        for key in ("block_001", "block_002", "occupancy", "state_occupied", "state_communities"):
            assert again.files[key].read_bytes() == searched.files[key].read_bytes()


@pytest.mark.usefixtures("empty_figures")
def test_going_on_with_other_parameters_changes_what_they_say(searched, ensemble_files, tmp_path):
    job = BlocksJob(
        ensemble_files,
        tmp_path / "out",
        occupied=searched.files["state_occupied"],
        communities=searched.files["state_communities"],
        blocks=BlocksParams(min_volume=1e9),
        plot=False,
    )
    result = run_blocks(job)
    assert result.result["blocks"] == []
    assert any("dropped" in text for text in result.warnings)


@pytest.fixture
def steps(monkeypatch):
    """The steps that are done, by their names."""
    done = []
    for name in ("binarize", "sketch_communities"):
        step = getattr(find, name)

        def run(*given, step=step, name=name, **options):
            done.append(name)
            return step(*given, **options)

        monkeypatch.setattr(find, name, run)
    return done


def test_resuming_after_the_sketch_writes_the_same_bytes_as_one_run(
    searched, ensemble_files, tmp_path, steps
):
    job = BlocksJob(ensemble_files, tmp_path / "sketch", where=RULE)
    sketched = run_blocks(replace(job, sketch_only=True))
    assert sorted(path.name for path in job.outdir.iterdir()) == [
        "sketch.json",
        "state_communities.npz",
        "state_occupied.npz",
    ]
    assert sum(sketched.result["communities"]) > 100
    assert steps == ["binarize", "sketch_communities"]
    steps.clear()
    outdir = searched.files["result"].parent
    again = run_blocks(replace(job, outdir=tmp_path / "out", resume=job.outdir))
    assert steps == []
    for key, path in searched.files.items():
        expected = path.read_text() if key == "chimerax" else path.read_bytes()
        if key == "chimerax":  # it names the folder
            expected = expected.replace(str(outdir), str(tmp_path / "out")).encode()
        assert again.files[key].read_bytes() == expected, key


@pytest.mark.usefixtures("empty_figures")
@pytest.mark.parametrize(
    ("changed", "redone"),
    [
        ({"exp_frac": 0.5}, []),
        ({"min_volume": 0.0}, []),
        ({"posp": 0.001}, ["sketch_communities"]),
        ({"max_agreement": 0.97}, ["sketch_communities"]),
        ({"union_fraction": 0.02}, ["binarize", "sketch_communities"]),
    ],
)
def test_resuming_does_again_what_changed_and_what_follows(
    searched, ensemble_files, tmp_path, steps, changed, redone
):
    job = BlocksJob(ensemble_files, tmp_path / "a", blocks=BlocksParams(**changed), plot=False)
    resumed = run_blocks(replace(job, resume=searched.files["result"].parent))
    assert steps == redone
    whole = run_blocks(replace(job, outdir=tmp_path / "b"))
    for key, path in whole.files.items():
        if key != "chimerax":
            assert path.read_bytes() == resumed.files[key].read_bytes(), key


@pytest.mark.usefixtures("empty_figures")
def test_resuming_takes_nothing_over_that_other_volumes_gave(
    searched, ensemble_files, tmp_path, steps
):
    folder = tmp_path / "volumes"
    shutil.copytree(ensemble_files[0].parent, folder)
    changed = folder / ensemble_files[7].name
    with mrcfile.open(changed, "r+") as mrc:  # the name and the box are the same
        mrc.data[3, 4, 5] += 0.01
    job = BlocksJob(tuple(volumes_in(folder)), tmp_path / "out", plot=False)
    run_blocks(replace(job, resume=searched.files["result"].parent))
    assert steps == ["binarize", "sketch_communities"]


@pytest.mark.usefixtures("empty_figures")
@pytest.mark.parametrize("broken", ["", "PK", None])
def test_resuming_from_a_broken_state_starts_again(
    searched, ensemble_files, tmp_path, steps, broken
):
    saved = tmp_path / "saved"
    saved.mkdir()
    for key in ("state_occupied", "state_communities"):
        whole = searched.files[key].read_bytes()
        end = len(whole) - 2000 if broken is None else 0
        (saved / searched.files[key].name).write_bytes((broken or "").encode() + whole[:end])
    job = BlocksJob(ensemble_files, tmp_path / "out", resume=saved, plot=False, chimerax=False)
    again = run_blocks(job)
    assert steps == ["binarize", "sketch_communities"]
    assert again.files["block_001"].read_bytes() == searched.files["block_001"].read_bytes()


def test_resuming_from_no_folder_is_refused(ensemble_files, tmp_path):
    job = BlocksJob(ensemble_files, tmp_path / "out", resume=tmp_path / "missing")
    with pytest.raises(ParameterError, match=r"missing to resume from does not exist"):
        run_blocks(job)
    assert contents(tmp_path) == {}


def test_every_parameter_decides_one_step():
    of_steps = [*CONTOUR_FIELDS, *SKETCH_FIELDS, *EXPAND_FIELDS]
    assert sorted(of_steps) == sorted(field.name for field in fields(BlocksParams))


def test_a_state_of_other_volumes_is_refused(searched, ensemble_files, tmp_path):
    state = searched.files["state_occupied"]
    with pytest.raises(ParameterError, match="give the same volumes"):
        run_blocks(BlocksJob(ensemble_files[:20], tmp_path / "out", occupied=state))
    with pytest.raises(ParameterError, match="box of 10 x 11 x 13"):
        run_blocks(BlocksJob(ensemble_files, tmp_path / "out", occupied=state, bin=2))
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("key", ["state_occupied", "state_communities"])
def test_a_flipped_bit_of_a_state_is_told_or_changes_nothing(searched, tmp_path, key):
    load = load_occupied if key == "state_occupied" else load_communities
    whole = searched.files[key].read_bytes()
    good, path = held(load(searched.files[key])), tmp_path / "state.npz"
    refused = 0
    for seed in range(150):
        draw = random.Random(seed)
        content = bytearray(whole)
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
        try:
            found = load(path)
        except MapFormatError:
            refused += 1
        else:
            assert held(found) == good
    assert refused > 75


def test_an_array_whose_header_lost_rows_is_told(searched, tmp_path):
    path = tmp_path / "state.npz"
    with np.load(searched.files["state_communities"], allow_pickle=False) as archive:
        arrays = dict(archive)
    np.savez(path, **arrays)
    shape = arrays["patterns"].shape
    fewer = (10 ** (len(str(shape[0])) - 1), *shape[1:])
    content = path.read_bytes()
    damaged = content.replace(str(shape).encode(), str(fewer).encode())
    assert len(damaged) == len(content)
    assert damaged != content
    path.write_bytes(damaged)
    with pytest.raises(MapFormatError, match="is no saved state"):
        load_communities(path)


def held(state):
    """What a state holds, as something that can be compared."""
    return {name: array_bytes(getattr(state, name)) for name in (f.name for f in fields(state))}


def array_bytes(value):
    if isinstance(value, np.ndarray):
        return value.tobytes()
    return (
        {f.name: array_bytes(getattr(value, f.name)) for f in fields(value)}
        if is_dataclass(value)
        else value
    )
