"""Small atomic models for tests: helices of residues, written as PDB text, and their density."""

import functools

import gemmi
import numpy as np

from occupy_core.maps.grid import DensityMap, Grid

GRID = Grid.cubic(48, 1.5)
_TOGETHER = 50  # atoms


def pdb_line(serial, name, residue, chain, number, position, **more):
    """Return one ATOM line; `more`: altloc, icode, occupancy, b, element, record."""
    x, y, z = position
    return (
        f"{more.get('record', 'ATOM'):<6}{serial:>5} {name:<4}{more.get('altloc', ' '):1}"
        f"{residue:>3} {chain:1}{number:>4}{more.get('icode', ' '):1}   "
        f"{x:8.3f}{y:8.3f}{z:8.3f}{more.get('occupancy', 1.0):6.2f}{more.get('b', 30.0):6.2f}"
        f"          {more.get('element', name.strip()[0]):>2}"
    )


def chain_lines(chain, centre, n_residues=24, seed=0, b=30.0):
    """Lines of a compact chain of alanines around a centre (x, y, z) in Å."""
    rng = np.random.default_rng(seed)
    lines = []
    position = np.zeros(3)
    for number in range(1, n_residues + 1):
        for name in ("N", "CA", "C", "O", "CB"):
            step = rng.normal(size=3)
            position = position * 0.93 + 1.5 * step / np.linalg.norm(step)
            where = np.asarray(centre) + position
            lines.append(pdb_line(len(lines) + 1, f" {name}", "ALA", chain, number, where, b=b))
    return [*lines, "TER"]


def write_pdb(path, *parts):
    """Write lines as a PDB file and return its path."""
    path.write_text("\n".join([line for part in parts for line in part] + ["END", ""]))
    return path


def three_chains(path, **keywords):
    """Write a model of three chains beside each other in the middle of `GRID`."""
    centres = {"A": (28.0, 31.0, 36.0), "B": (43.0, 32.0, 36.0), "C": (35.0, 44.0, 34.0)}
    parts = [chain_lines(c, p, seed=i, **keywords) for i, (c, p) in enumerate(centres.items())]
    return write_pdb(path, *parts)


def density_of(model, occupancy, *, grid=GRID, extra_b=None, sharpness=25.0):
    """Sum over Gaussian atoms: an oracle for the templates that shares nothing with them.

    Each atom is C, N or O with its electron form factor (International Tables C, 4.3.2.2).
    """
    data = np.zeros(grid.shape)
    for region in model.regions:
        b_more = sharpness + (extra_b or {}).get(region.name, 0.0)
        atoms = tuple(
            (site.atom.element.name, site.atom.occ, site.atom.b_iso + b_more, *position)
            for site, position in zip(region.model.all(), region.positions.tolist(), strict=True)
        )
        data += occupancy.get(region.name, 1.0) * _density_of_atoms(atoms, grid)
    return data


@functools.lru_cache(maxsize=32)
def _density_of_atoms(atoms, grid):
    """Density of atoms (element, occupancy, B, x, y, z), which nobody changes."""
    z, y, x = (
        start + np.arange(n) * v
        for n, v, start in zip(
            grid.shape, grid.voxel_size_zyx, reversed(grid.position((0, 0, 0))), strict=True
        )
    )
    data = np.zeros((len(z), len(y) * len(x)))
    for first in range(0, len(atoms), _TOGETHER):
        some = atoms[first : first + _TOGETHER]
        form = np.array([gemmi.Element(atom[0]).c4322.get_coefs() for atom in some])
        occupancy, b, px, py, pz = np.array([atom[1:] for atom in some])[:, :, None].swapaxes(0, 1)
        total = form[:, 5:10] + b
        heights = (form[:, :5] * (4 * np.pi / total) ** 1.5 * occupancy).reshape(-1, 1)
        widths = (4 * np.pi**2 / total).reshape(-1, 1)
        ez, ey, ex = (
            np.exp(-widths * (axis - np.repeat(p, 5, axis=0)) ** 2)
            for axis, p in ((z, pz), (y, py), (x, px))
        )
        data += (heights * ez).T @ (ey[:, :, None] * ex[:, None]).reshape(len(ez), -1)
    data.flags.writeable = False
    return data.reshape(grid.shape)


def noisy(data, level, seed, grid=GRID, name="map"):
    """Map of density and white noise of `level` times its 99.9 percentile."""
    noise = np.random.default_rng(seed).normal(size=data.shape)
    return DensityMap(data + level * np.percentile(data, 99.9) * noise, grid, name)


def solid_chain(chain, centre, radius, *, seed=0, b=30.0):
    """Lines of a chain that fills a ball of a radius in Å about as densely as a protein does."""
    rng = np.random.default_rng(seed)
    axis = np.arange(-radius, radius + 1e-6, 5.1)  # a residue takes 134 Å³
    grid = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)
    inside = grid[np.linalg.norm(grid, axis=1) <= radius]
    lines = []
    for number, where in enumerate(inside, start=1):
        for name in ("N", "CA", "C", "O", "CB"):
            position = np.asarray(centre) + where + rng.normal(0, 1.3, 3)
            lines.append(pdb_line(len(lines) + 1, f" {name}", "ALA", chain, number, position, b=b))
    return [*lines, "TER"]
