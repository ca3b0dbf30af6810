"""Atomic models for simulation: which ones, how they are split, and how they are read.

The models are entries of the Protein Data Bank (CC0). Splitting is by complex: entries of the same
or a related particle share a group, and a group is wholly for training or wholly for testing.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import gemmi
import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

TEST = (
    "1gyt",
    "1wcm",
    "2d0f",
    "3p3w",
    "4nre",
    "4r8p",
    "5fuu",
    "6mmm",
    "6out",
    "7a4m",
    "7pbl",
    "8bk7",
)
# Entries of the groups that check the estimate elsewhere (antibody, Gs complex, Munc18), and
# relatives of the test entries (RNA polymerase, ferritin, AMPA receptor, envelope trimer).
LEFT_OUT = ("1igt", "1igy", "3sn6", "2xhe", "4upy", "3o21", "3j6r", "7cec", "Q99J21")
TRAIN = (
    "1aa6", "1e6v", "1lnl", "1ncb", "1xnr", "2nwl", "3bep", "3c91", "3dl7", "3zyb", "4gxy", "4opj",
    "4v4f", "50S_RNA1", "50S_RNA3", "50S_prots1", "5ara", "5eil", "5fj6", "5me2", "5ni1", "5ugo",
    "6bqn", "6rn2", "7cth", "7l2i", "7wv3", "8eow", "8tsq", "8tze", "9chv", "9jmb", "9mqm", "9n5j",
)  # fmt: skip


@dataclass(frozen=True)
class Molecule:
    """Atoms of a complex, centred.

    Parameters
    ----------
    name : str
    positions : ndarray of float64, shape (atoms, 3)
        (x, y, z) in Å about the centre of the bounding box.
    weight : ndarray of float64, shape (atoms,)
        Electrons of each atom.
    chain : ndarray of int64, shape (atoms,)
        Number of the chain.
    """

    name: str
    positions: Values
    weight: Values
    chain: NDArray[np.int64]

    @property
    def extent(self) -> float:
        """Longest edge of the bounding box, Å."""
        return float(np.ptp(self.positions, axis=0).max())


def find_model(folder: Path, name: str) -> Path | None:
    """Return the file of a model in a folder, whatever its format."""
    return next(iter(sorted(folder.glob(f"{name}*.gz"))), None)


def read_molecule(path: Path, largest: float) -> Molecule:
    """Read a model; of one larger than `largest` Å, the atoms about one place are kept."""
    with gzip.open(path, "rt") as stream:
        text = stream.read()
    if ".cif" in path.name:
        structure = gemmi.make_structure_from_block(gemmi.cif.read_string(text).sole_block())
    else:
        structure = gemmi.read_pdb_string(text)
    structure.setup_entities()
    structure.remove_waters()
    structure.remove_hydrogens()
    rows = [
        (*atom.pos.tolist(), atom.element.atomic_number, number)
        for number, chain in enumerate(structure[0])
        for residue in chain
        for atom in residue
        if atom.altloc in ("\0", "A")
    ]
    table = np.array(rows, dtype=np.float64)
    if np.ptp(table[:, :3], axis=0).max() > largest:
        centre = np.median(table[:, :3], axis=0)
        nearest = table[np.argmin(np.linalg.norm(table[:, :3] - centre, axis=1)), :3]
        table = table[np.linalg.norm(table[:, :3] - nearest, axis=1) < largest / 2]
    positions = table[:, :3] - (table[:, :3].max(axis=0) + table[:, :3].min(axis=0)) / 2
    return Molecule(path.name.split(".")[0], positions, table[:, 3], table[:, 4].astype(np.int64))
