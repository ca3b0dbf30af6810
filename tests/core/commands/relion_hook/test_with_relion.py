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

from occupy_core.commands.relion_hook.cli import VARIABLE
from occupy_core.maps import Grid, write_map
from occupy_core.maps.synthetic import two_bodies


@pytest.mark.slow
def test_relion_classifies_with_the_hook(tmp_path):
    """Two states of two bodies, forty noisy views each, three iterations of RELION."""
    for program in ("relion_refine", "relion_project", "relion_external_reconstruct"):
        if shutil.which(program) is None:
            pytest.skip(f"RELION is not installed here: no {program}")
    box, each = 32, 40
    grid = Grid.cubic(box, VOXEL)
    rng = np.random.default_rng(0)
    states = [two_bodies(grid, occupancy=o, seed=0)[0] for o in (1.0, 0.0)]
    write_map(tmp_path / "ref.mrc", states[0].with_data((states[0].data + states[1].data) / 2))
    columns = "ImageName OpticsGroup AngleRot AngleTilt AnglePsi OriginXAngst OriginYAngst DefocusU"
    columns = f"{columns} DefocusV DefocusAngle".split()
    heads = "".join(f"_rln{name} #{i}\n" for i, name in enumerate(columns, start=1))
    stack, rows = [], []
    for number, state in enumerate(states):
        write_map(tmp_path / "state.mrc", state)
        angles = rng.uniform(0, 180, (each, 3))
        own = [f"1 {a:.2f} {b:.2f} {c:.2f} 0 0 10000 10000 0" for a, b, c in angles]
        lines = [f"{i + 1:06d}@x.mrcs {row}" for i, row in enumerate(own)]
        text = f"{OPTICS.rstrip()}\n{heads}" + "\n".join(lines) + "\n"
        (tmp_path / "project.star").write_text(text)
        words = f"relion_project --i state.mrc --ang project.star --o p{number} --angpix {VOXEL}"
        subprocess.run(words.split(), cwd=tmp_path, check=True, capture_output=True)
        stack.append(mrcfile.read(tmp_path / f"p{number}.mrcs"))
        rows += [f"{number * each + i + 1:06d}@all.mrcs {row}" for i, row in enumerate(own)]
    images = np.concatenate(stack)
    images += rng.normal(0, images.std(), images.shape).astype(np.float32)
    with mrcfile.new(tmp_path / "all.mrcs") as file:
        file.set_data(images.astype(np.float32))
        file.set_image_stack()
        file.voxel_size = VOXEL
    text = f"{OPTICS.rstrip()}\n{heads}" + "\n".join(rows) + "\n"
    (tmp_path / "all.star").write_text(text)
    hook = [sys.executable, "-m", "occupy_core", "relion-hook", "--skip-gridding"]
    environment = {**os.environ, VARIABLE: shlex.join(hook)}
    words = (
        "relion_refine --i all.star --o out/run --ref ref.mrc --K 2 --iter 3 --ini_high 30 "
        "--skip_align --oversampling 0 --flatten_solvent --zero_mask --particle_diameter 110 "
        "--pad 1 --j 1 --firstiter_cc --skip_gridding --random_seed 1 --dont_check_norm "
        "--external_reconstruct"
    )
    (tmp_path / "out").mkdir()
    done = subprocess.run(
        words.split(), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    said = re.findall(r"occupy-core relion-hook: iteration (\d), class \d: (\w+)", done.stdout)
    # In the first iteration by correlation RELION fills one class only.
    assert said == [("1", "passed"), *[(i, "focused") for i in "2233"]]
    assert not list((tmp_path / "out").glob("*_data_real.mrc"))
    for number in (1, 2):
        data = mrcfile.read(tmp_path / "out" / f"run_it003_class{number:03d}.mrc")
        assert data.shape == (box, box, box)
        assert np.isfinite(data).all()
    last = (tmp_path / "out" / "run_it003_optimiser.star").read_text()
    assert "_rlnDoExternalReconstruct" in last
