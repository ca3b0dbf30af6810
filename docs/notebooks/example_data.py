"""The small data of the notebooks, made when they are asked for.

Each function makes a temporary folder, goes there and writes what its notebook names.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import gemmi
import numpy as np

import occupy_core as occ
from occupy_core.maps.synthetic import blobs, two_bodies

_SAMPLE = Path(__file__).resolve().parents[2] / "examples" / "emd_11007_120.map.gz"
_GRID = occ.Grid.cubic(40, 2.0)
_CHAINS = {"A": (26.0, 30.0, 32.0), "B": (50.0, 30.0, 38.0), "D": (38.0, 52.0, 46.0)}
# Of chain D in three classes: absent, full, half.
CLASSES = (0.0, 1.0, 0.5)


def work_folder() -> Path:
    """Make a temporary folder and go there."""
    folder = Path(tempfile.mkdtemp(prefix="occupy_notebook_"))
    os.chdir(folder)
    return folder


def sample_map() -> None:
    """`map.mrc`: EMD-11007 binned to 120 voxels along each edge."""
    shutil.copy(_SAMPLE, work_folder() / "map.map.gz")
    occ.write_map("map.mrc", occ.read_map("map.map.gz"))


def half_maps() -> None:
    """`half1.mrc` and `half2.mrc`: the same two bodies at 6 Å, with different noise."""
    work_folder()
    grid = occ.Grid((48, 48, 64), (1.5, 1.5, 1.5))
    for number in (1, 2):
        density, _ = two_bodies(grid, noise=0.15, resolution=6.0, noise_b_factor=60.0, seed=number)
        occ.write_map(f"half{number}.mrc", density)


def classes() -> None:
    """`model.cif` of three chains and `class_001.mrc` … of it; D is absent, full and half there.

    `particles.star` has 300 particles of the classes.
    """
    work_folder()
    model = gemmi.Structure()
    model.add_model(gemmi.Model("1"))
    positions = {}
    for seed, (name, centre) in enumerate(_CHAINS.items()):
        chain = _chain(name, np.array(centre), np.random.default_rng(seed))
        model[0].add_chain(chain)
        positions[name] = np.array([atom.pos.tolist() for residue in chain for atom in residue])
    model.setup_entities()
    model.make_mmcif_document().write_file("model.cif")
    for number, occupancy in enumerate(CLASSES, start=1):
        data = np.zeros(_GRID.shape, np.float32)
        for name, atoms in positions.items():
            data += (occupancy if name == "D" else 1.0) * blobs(
                _GRID, atoms, np.full(len(atoms), 6.7), sigma=1.2
            )
        noise = np.random.default_rng(number).normal(size=data.shape)
        data += 0.03 * data.max() * noise.astype(np.float32)
        occ.write_map(f"class_{number:03d}.mrc", occ.DensityMap(data, _GRID))
    head = "data_particles\n\nloop_\n_rlnImageName #1\n_rlnClassNumber #2\n"
    lines = [f"{i + 1:06d}@particles.mrcs {i % 3 + 1}\n" for i in range(300)]
    Path("particles.star").write_text(head + "".join(lines), encoding="utf-8")


def _chain(name: str, centre: occ.DensityMap, rng: np.random.Generator) -> gemmi.Chain:
    chain = gemmi.Chain(name)
    place = np.zeros(3)
    for number in range(1, 31):
        residue = gemmi.Residue()
        residue.name, residue.seqid = "ALA", gemmi.SeqId(str(number))
        for kind in ("N", "CA", "C", "O", "CB"):
            step = rng.normal(size=3)
            place = 0.94 * place + 1.5 * step / np.linalg.norm(step)
            atom = gemmi.Atom()
            atom.name, atom.element, atom.b_iso = kind, gemmi.Element(kind[0]), 30.0
            atom.pos = gemmi.Position(*(centre + place))
            residue.add_atom(atom)
        chain.add_residue(residue)
    return chain


def ensemble() -> None:
    """`volumes/vol_000.mrc` …: 40 volumes of a body with three parts that come and go.

    The third part is never there without the second. `truth.json` has which parts each volume has.
    """
    folder = work_folder() / "volumes"
    folder.mkdir()
    rng = np.random.default_rng(7)
    z, y, x = np.indices((24, 24, 28)) * 4.0
    grid = occ.Grid(z.shape, (4.0, 4.0, 4.0))
    parts = [
        np.exp(-(((x - px) ** 2 + (y - py) ** 2 + (z - pz) ** 2) / (2 * width**2)) ** 2)
        for px, py, pz, width in (
            (56, 46, 46, 14.0), (26, 46, 46, 8.0), (86, 46, 46, 8.0), (56, 78, 46, 8.0)
        )
    ]  # fmt: skip
    truth = []
    for number in range(40):
        second = rng.random() < 0.6
        there = [True, bool(rng.random() < 0.5), second, bool(second and rng.random() < 0.5)]
        data = sum(part for part, has in zip(parts, there, strict=True) if has)
        data = data + 0.08 * rng.normal(size=z.shape)
        occ.write_map(folder / f"vol_{number:03d}.mrc", occ.DensityMap(data, grid))
        truth.append(there[1:])
    Path("truth.json").write_text(json.dumps(truth), encoding="utf-8")
