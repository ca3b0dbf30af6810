"""The hook in a real classification by RELION."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import mrcfile
import numpy as np
import pytest
from relion_classes import OPTICS, VOXEL
from small_jobs import run_cli

from occupy_core.commands.relion_hook.cli import VARIABLE
from occupy_core.maps import Grid, write_map
from occupy_core.maps.synthetic import two_bodies

REFINE = (
    "--pad 1 --j 1 --skip_gridding --dont_check_norm --skip_align --oversampling 0 "
    "--flatten_solvent --zero_mask --particle_diameter 110"
)
START = (
    "--i all.star --ref ref.mrc --K 2 --iter 3 --ini_high 30 --firstiter_cc --random_seed 1 "
    "--o out/run --external_reconstruct"
)


def simulated(folder):
    """Two states of two bodies, forty noisy views each."""
    box, each = 32, 40
    grid = Grid.cubic(box, VOXEL)
    rng = np.random.default_rng(0)
    states = [two_bodies(grid, occupancy=o, seed=0)[0] for o in (1.0, 0.0)]
    write_map(folder / "ref.mrc", states[0].with_data((states[0].data + states[1].data) / 2))
    columns = "ImageName OpticsGroup AngleRot AngleTilt AnglePsi OriginXAngst OriginYAngst DefocusU"
    columns = f"{columns} DefocusV DefocusAngle".split()
    heads = "".join(f"_rln{name} #{i}\n" for i, name in enumerate(columns, start=1))
    stack, rows = [], []
    for number, state in enumerate(states):
        write_map(folder / "state.mrc", state)
        angles = rng.uniform(0, 180, (each, 3))
        own = [f"1 {a:.2f} {b:.2f} {c:.2f} 0 0 10000 10000 0" for a, b, c in angles]
        lines = [f"{i + 1:06d}@x.mrcs {row}" for i, row in enumerate(own)]
        text = f"{OPTICS.rstrip()}\n{heads}" + "\n".join(lines) + "\n"
        (folder / "project.star").write_text(text)
        words = f"relion_project --i state.mrc --ang project.star --o p{number} --angpix {VOXEL}"
        subprocess.run(words.split(), cwd=folder, check=True, capture_output=True)
        stack.append(mrcfile.read(folder / f"p{number}.mrcs"))
        rows += [f"{number * each + i + 1:06d}@all.mrcs {row}" for i, row in enumerate(own)]
    images = np.concatenate(stack)
    images += rng.normal(0, images.std(), images.shape).astype(np.float32)
    with mrcfile.new(folder / "all.mrcs") as file:
        file.set_data(images.astype(np.float32))
        file.set_image_stack()
        file.voxel_size = VOXEL
    text = f"{OPTICS.rstrip()}\n{heads}" + "\n".join(rows) + "\n"
    (folder / "all.star").write_text(text)
    (folder / "out").mkdir()


@pytest.fixture
def refine(tmp_path):
    """Run RELION in a folder with particles, with the hook that the variable names."""
    for program in ("relion_refine", "relion_project", "relion_external_reconstruct"):
        if shutil.which(program) is None:
            pytest.skip(f"RELION is not installed here: no {program}")
    simulated(tmp_path)

    def run(words, variable, program="relion_refine"):
        return subprocess.run(
            f"{program} {REFINE} {words}".split(),
            cwd=tmp_path,
            env={**os.environ, VARIABLE: variable},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.slow
def test_relion_classifies_with_the_hook_and_goes_on(refine, tmp_path, capsys):
    """The variable is what --setup prints, as the shell reads it."""
    status, said, _ = run_cli(capsys, "relion-hook", "--skip-gridding", "--setup")
    assert status == 0
    assert said.splitlines()[-1].strip() == "--external_reconstruct"
    printed = re.search(r"export (\w+)=(.*)", said)
    assert printed[1] == VARIABLE
    (variable,) = shlex.split(printed[2])
    done = refine(START, variable)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    said = re.findall(r"occupy-core relion-hook: iteration (\d), class \d: (\w+)", done.stdout)
    # In the first iteration by correlation RELION fills one class only.
    assert said == [("1", "passed"), *[("2", "focused")] * 2, *[("3", "passed")] * 2]
    assert not list((tmp_path / "out").glob("*_data_real.mrc"))
    for number in (1, 2):
        data = mrcfile.read(tmp_path / "out" / f"run_it003_class{number:03d}.mrc")
        assert data.shape == (32, 32, 32)
        assert np.isfinite(data).all()
    going_on = "--continue out/run_it003_optimiser.star --o out/run_ct3 --iter 5"
    done = refine(going_on, variable)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    said = re.findall(r"occupy-core relion-hook: iteration (\d), class \d: (\w+)", done.stdout)
    assert said == [*[("4", "focused")] * 2, *[("5", "passed")] * 2]
    assert (tmp_path / "out" / "run_ct3_it005_class001.mrc").exists()


@pytest.mark.slow
def test_relion_stops_when_the_hook_fails(refine, tmp_path):
    words = [sys.executable, "-m", "occupy_core", "relion-hook", "--program", "no_such_program"]
    done = refine(START, shlex.join(words))
    assert done.returncode != 0
    assert "The program no_such_program is not on the PATH" in done.stderr
    assert not (tmp_path / "out" / "run_it001_class001.mrc").exists()


@pytest.mark.slow
def test_processes_of_relion_call_for_their_classes_at_the_same_time(refine):
    if shutil.which("relion_refine_mpi") is None or shutil.which("mpirun") is None:
        pytest.skip("RELION for MPI is not installed here")
    words = [sys.executable, "-m", "occupy_core", "relion-hook", "--skip-gridding"]
    mpi = "mpirun --allow-run-as-root --oversubscribe -n 3 relion_refine_mpi"
    done = refine(START, shlex.join(words), mpi)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    said = re.findall(r"occupy-core relion-hook: iteration 2, class (\d): (\w+)", done.stdout)
    assert sorted(said) == [("1", "focused"), ("2", "focused")]
