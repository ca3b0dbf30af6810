"""RELION leaves with the keep mask, and takes with the subtract mask, what their names say."""

import shutil
import subprocess

import mrcfile
import numpy as np
import pytest

from occupy_core.commands.scale.job import ScaleJob
from occupy_core.commands.scale.run import run_scale
from occupy_core.maps import Grid, write_map
from occupy_core.maps.synthetic import two_bodies
from occupy_core.scale.params import ModifyParams, ScaleParams

GRID = Grid.cubic(48, 3.0)
PARTICLES = 120
RELION = ("relion_project", "relion_refine", "relion_particle_subtract")

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, RELION)), reason="RELION (relion_project …) is not installed"
)


def relion(folder, *arguments):
    done = subprocess.run(
        [str(a) for a in arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]


def write_star(path, stack, angles):
    """Particles with known orientations, as RELION 3.1 has them."""
    head = f"""data_optics

loop_
_rlnOpticsGroup #1
_rlnOpticsGroupName #2
_rlnAmplitudeContrast #3
_rlnSphericalAberration #4
_rlnVoltage #5
_rlnImagePixelSize #6
_rlnImageSize #7
_rlnImageDimensionality #8
1 optics1 0.1 2.7 300 {GRID.voxel_size[0]} {GRID.shape[0]} 2

data_particles

loop_
_rlnImageName #1
_rlnAngleRot #2
_rlnAngleTilt #3
_rlnAnglePsi #4
_rlnOriginXAngst #5
_rlnOriginYAngst #6
_rlnOpticsGroup #7
_rlnRandomSubset #8
_rlnGroupName #9
_rlnClassNumber #10
"""
    rows = [
        f"{i + 1:06d}@{stack} {rot:.3f} {tilt:.3f} {psi:.3f} 0 0 1 {i % 2 + 1} g1 1"
        for i, (rot, tilt, psi) in enumerate(angles)
    ]
    path.write_text(head + "\n".join(rows) + "\n")
    return path.name


def images(path):
    """Images of a stack, each about its own mean, shape (n, y x)."""
    data = mrcfile.read(path).astype(np.float64)
    data = data.reshape(-1, GRID.shape[1] * GRID.shape[2])
    return data - data.mean(axis=1, keepdims=True)


def shares(left, parts):
    """How much of each part there is in images: least squares over all of them."""
    matrix = np.stack([part.ravel() for part in parts], axis=1)
    return np.linalg.lstsq(matrix, left.ravel(), rcond=None)[0]


@pytest.fixture(scope="module")
def particles(tmp_path_factory):
    """A folder with noisy images of a molecule of two parts, of projections, and of its masks."""
    folder = tmp_path_factory.mktemp("relion")
    rng = np.random.default_rng(1)
    whole = two_bodies(GRID, occupancy=1.0, noise=0.0)[0]
    full = two_bodies(GRID, occupancy=0.0, noise=0.0)[0]
    maps = {"whole": whole, "full": full, "weak": whole.with_data(whole.data - full.data)}
    angles = np.stack(
        [
            rng.uniform(-180, 180, PARTICLES),
            np.degrees(np.arccos(rng.uniform(-1, 1, PARTICLES))),
            rng.uniform(-180, 180, PARTICLES),
        ],
        axis=1,
    )
    star = write_star(folder / "angles.star", "none.mrcs", angles)
    for name, density in maps.items():
        write_map(folder / f"{name}.mrc", density)
        arguments = ("--ang", star, "--angpix", GRID.voxel_size[0], "--o", f"{name}_images")
        relion(folder, "relion_project", "--i", f"{name}.mrc", *arguments)
    clean = mrcfile.read(folder / "whole_images.mrcs")
    noisy = clean + rng.normal(0, clean.std(), clean.shape).astype(np.float32)
    with mrcfile.new(folder / "particles.mrcs") as stack:
        stack.set_data(noisy.astype(np.float32))
        stack.set_image_stack()
        stack.voxel_size = GRID.voxel_size[0]
    write_star(folder / "particles.star", "particles.mrcs", angles)
    # The consensus of particles of which 60 % have the second part.
    consensus = write_map(folder / "x.mrc", two_bodies(GRID, occupancy=0.6, noise=0.05)[0])
    modify = ModifyParams(attenuate=30, subtraction_mask=True)
    job = ScaleJob(consensus, folder / "masks", scale=ScaleParams(mode="occ"), modify=modify)
    masks = run_scale(job).files
    for kind in ("keep", "subtract"):
        shutil.copy(masks[f"{kind}_mask_attenuated"], folder / f"{kind}.mrc")
    return folder


def parts_of(folder):
    return [images(folder / f"{name}_images.mrcs") for name in ("full", "weak")]


def test_the_particles_have_both_parts(particles):
    found = shares(images(particles / "particles.mrcs"), parts_of(particles))
    np.testing.assert_allclose(found, 1, atol=0.05)


@pytest.mark.parametrize(("mask", "left"), [("subtract", (1, 0)), ("keep", (0, 1))])
def test_relion_project_subtracts_what_is_white(particles, mask, left):
    """By the subtract mask the weak part goes; the keep mask does the opposite here."""
    name = f"projected_{mask}"
    relion(
        particles,
        *("relion_project", "--i", "whole.mrc", "--mask", f"{mask}.mrc", "--subtract_exp"),
        *("--ang", "particles.star", "--angpix", GRID.voxel_size[0], "--o", name),
    )
    found = shares(images(particles / f"{name}.mrcs"), parts_of(particles))
    np.testing.assert_allclose(found, left, atol=0.12)


@pytest.fixture(scope="module")
def refined(particles):
    """The optimiser of an iteration of RELION, from which it knows the map to subtract."""
    (particles / "refined").mkdir()
    relion(
        particles,
        *("relion_refine", "--i", "particles.star", "--o", "refined/run", "--ref", "whole.mrc"),
        *("--ini_high", 12, "--iter", 1, "--K", 1, "--skip_align", "--particle_diameter", 130),
        *("--sym", "C1", "--pad", 2, "--j", 1, "--preread_images", "--random_seed", 1),
        *("--dont_combine_weights_via_disc", "--pool", 30, "--tau2_fudge", 4),
    )
    return "refined/run_it001_optimiser.star"


@pytest.mark.parametrize(("mask", "left"), [("keep", (1, 0)), ("subtract", (0, 1))])
def test_relion_particle_subtract_keeps_what_is_white(particles, refined, mask, left):
    """By the keep mask the full part stays; the subtract mask does the opposite here."""
    output = f"Subtract_{mask}/"
    (particles / output).mkdir()
    relion(
        particles,
        *("relion_particle_subtract", "--i", refined, "--mask", f"{mask}.mrc", "--o", output),
    )
    found = shares(
        images(particles / output / "Particles/subtracted_opticsgroup1.mrcs"), parts_of(particles)
    )
    np.testing.assert_allclose(found, left, atol=0.2)
