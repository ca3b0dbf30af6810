"""Simulate particles of a complex in several states, as RELION 3.1 takes them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gemmi
import mrcfile
import numpy as np

OPTICS = """
# version 30001

data_optics

loop_
_rlnOpticsGroupName #1
_rlnOpticsGroup #2
_rlnVoltage #3
_rlnSphericalAberration #4
_rlnAmplitudeContrast #5
_rlnImagePixelSize #6
_rlnImageSize #7
_rlnImageDimensionality #8
_rlnMicrographOriginalPixelSize #9
opticsGroup1 1 300.0 2.7 0.1 {voxel} {box} 2 {voxel}

# version 30001

data_particles

loop_
"""
COLUMNS = (
    *("ImageName", "MicrographName", "CoordinateX", "CoordinateY", "OpticsGroup", "AngleRot"),
    *("AngleTilt", "AnglePsi", "OriginXAngst", "OriginYAngst", "DefocusU", "DefocusV"),
    *("DefocusAngle", "CtfMaxResolution", "RandomSubset", "ClassNumber"),
)
BLUR = 100.0  # Å²: B-factor of all atoms
FINER = 3  # the density is sampled on a grid finer by this factor, against aliasing


@dataclass(frozen=True)
class Settings:
    """How particles are simulated: lengths in Å, `snr` of signal to noise variance."""

    particles: int = 4000
    box: int = 56
    voxel: float = 4.0
    resolution: float = 8.5
    snr: float = 0.4
    wrong: float = 1.5  # degrees and Å by which the poses given to RELION are off
    seed: int = 1


def centred(model: Path, settings: Settings) -> gemmi.Structure:
    """Return the model in the middle of the box, without hydrogens and waters."""
    structure = gemmi.read_structure(str(model))
    structure.remove_hydrogens()
    structure.remove_waters()
    atoms = [site.atom for site in structure[0].all()]
    where = np.array([atom.pos.tolist() for atom in atoms])
    edge = settings.box * settings.voxel
    move = edge / 2 - (where.min(axis=0) + where.max(axis=0)) / 2
    for atom, position in zip(atoms, where, strict=True):
        atom.pos = gemmi.Position(*(position + move))
        atom.b_iso = BLUR
    structure.cell = gemmi.UnitCell(edge, edge, edge, 90, 90, 90)
    structure.spacegroup_hm = "P 1"
    return structure


def density(structure: gemmi.Structure, missing: str, settings: Settings) -> np.ndarray:
    """Return the density (z, y, x) of a state that lacks some chains."""
    n, voxel = settings.box, settings.voxel
    for chain in structure[0]:
        for residue in chain:
            for atom in residue:
                atom.occ = 0.0 if chain.name in missing else 1.0
    calculator = gemmi.DensityCalculatorE()
    calculator.d_min = settings.resolution
    calculator.grid.set_unit_cell(structure.cell)
    calculator.grid.set_size(*[n * FINER] * 3)
    calculator.grid.spacegroup = gemmi.SpaceGroup("P 1")
    calculator.add_model_density_to_grid(structure[0])
    band = np.fft.fftshift(np.fft.fftn(np.array(calculator.grid, copy=True).transpose(2, 1, 0)))
    start = (n * FINER - n) // 2
    band = band[(slice(start, start + n),) * 3]
    f = np.fft.fftshift(np.fft.fftfreq(n, voxel))
    q = np.sqrt(f[:, None, None] ** 2 + f[:, None] ** 2 + f**2)
    band /= 1 + np.exp((q - 1 / settings.resolution) / 0.004)
    return np.real(np.fft.ifftn(np.fft.ifftshift(band))).astype(np.float32)


def write_map(path: Path, data: np.ndarray, voxel: float) -> None:
    """Write a map."""
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(data.astype(np.float32))
        file.voxel_size = voxel


def simulate(
    model: Path, folder: Path, states: Sequence[tuple[str, float]], settings: Settings
) -> np.ndarray:
    """Write the particles of a mixture of states, and return the state of each.

    Parameters
    ----------
    model : Path
    folder : Path
        For model.cif (the model in the box), state1.mrc … (without noise), particles.mrcs and
        particles.star, whose poses are a little off.
    states : sequence of (str, float)
        Names of the chains that are missing, and the share of the particles.
    settings : Settings
    """
    folder.mkdir(parents=True, exist_ok=True)
    structure = centred(model, settings)
    structure.make_mmcif_document().write_file(str(folder / "model.cif"))
    maps = [density(structure, missing, settings) for missing, _ in states]
    top = np.percentile(maps[0], 99.5)
    rng = np.random.default_rng(settings.seed)
    n = settings.particles
    state = rng.choice(len(states), n, p=[share for _, share in states])
    pose = np.column_stack(
        [
            rng.uniform(-180, 180, n),
            np.degrees(np.arccos(rng.uniform(-1, 1, n))),
            rng.uniform(-180, 180, n),
            *rng.normal(0, settings.voxel, (2, n)),
        ]
    )
    defocus = rng.uniform(10000, 25000, n)
    stack = np.zeros((n, settings.box, settings.box), np.float32)
    for i, data in enumerate(maps, start=1):
        write_map(folder / f"state{i}.mrc", data / top, settings.voxel)
        own = np.flatnonzero(state == i - 1)
        stack[own] = projected(folder, i, pose[own], defocus[own], settings)
    noise = stack.std() / np.sqrt(settings.snr)
    stack += rng.normal(0, noise, stack.shape).astype(np.float32)
    with mrcfile.new(folder / "particles.mrcs", overwrite=True) as file:
        file.set_data(normalised(stack))
        file.set_image_stack()
        file.voxel_size = settings.voxel
    given = pose + settings.wrong * rng.normal(0, 1, pose.shape)
    write_star(folder / "particles.star", "particles.mrcs", given, defocus, settings)
    return state + 1


def projected(
    folder: Path, number: int, pose: np.ndarray, defocus: np.ndarray, settings: Settings
) -> np.ndarray:
    """Project the map of a state with its CTF."""
    star, out = folder / f"projected{number}_in.star", folder / f"projected{number}"
    write_star(star, "none.mrcs", pose, defocus, settings)
    run(
        ["relion_project", "--i", f"state{number}.mrc", "--ang", star.name, "--o", out.name,
         "--ctf", "--angpix", str(settings.voxel)],
        folder,
    )  # fmt: skip
    images = np.array(mrcfile.read(f"{out}.mrcs"))
    for file in folder.glob(f"projected{number}*"):
        file.unlink()
    return images


def normalised(stack: np.ndarray) -> np.ndarray:
    """Images whose background has the mean 0 and the standard deviation 1, as RELION wants it."""
    n = stack.shape[-1]
    y, x = np.mgrid[:n, :n] - n // 2
    outside = np.hypot(x, y) > n / 2 - 2
    background = stack[:, outside]
    return (stack - background.mean(1)[:, None, None]) / background.std(1)[:, None, None]


def write_star(
    path: Path, stack: str, pose: np.ndarray, defocus: np.ndarray, settings: Settings
) -> None:
    """Write the particles as a table."""
    lines = [OPTICS.format(voxel=settings.voxel, box=settings.box)]
    lines += [f"_rln{name} #{i}\n" for i, name in enumerate(COLUMNS, start=1)]
    for i, ((rot, tilt, psi, x, y), d) in enumerate(zip(pose, defocus, strict=True)):
        lines.append(
            f"{i + 1:06d}@{stack} mic{i // 100 + 1:03d}.mrc {100 + (i % 10) * 50} "
            f"{100 + (i // 10 % 10) * 50} 1 {rot:.4f} {tilt:.4f} {psi:.4f} {x:.4f} {y:.4f} "
            f"{d:.1f} {d - 300:.1f} 30.0 8 {i % 2 + 1} 1\n"
        )
    path.write_text("".join(lines))


def run(command: Sequence[str], folder: Path) -> None:
    """Run a program of RELION in a folder; what it says is shown when it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
