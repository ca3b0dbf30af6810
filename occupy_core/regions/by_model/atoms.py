"""Atomic models cut into regions: chains, residue windows and ligands, each at full occupancy.

What a model file may hold and a region must not is dealt with in `cleaning` and told in `notes`.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from occupy_core.errors import ParameterError
from occupy_core.regions.by_model.cleaning import (
    doubt_hand,
    doubt_numbering,
    drop_hydrogens_and_marks,
    drop_solvent,
    mend_b_factors,
    set_full_occupancy,
)
from occupy_core.regions.by_model.model_file import read_structure

if TYPE_CHECKING:
    import gemmi

Positions = NDArray[np.float64]
Division = Literal["chain", "residues"]


@dataclass(frozen=True, eq=False)
class AtomicRegion:
    """Atoms whose occupancy is wanted as one number.

    Parameters
    ----------
    name : str
        Chain name, "A:1-20" for a window or "A/ATP 401" for a ligand.
    model : gemmi.Model
        The atoms, with occupancy 1 (alternate conformers: 1 together).
    shift : tuple of float
        Vector (x, y, z) in Å to be added to the positions in `model`.
    """

    name: str
    model: gemmi.Model
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @cached_property
    def positions(self) -> Positions:
        """Positions (x, y, z) in Å, shape (n_atoms, 3)."""
        atoms = [site.atom.pos.tolist() for site in self.model.all()]
        return np.array(atoms, np.float64).reshape(-1, 3) + self.shift


@dataclass(frozen=True, eq=False)
class AtomicModel:
    """Regions of one model.

    Parameters
    ----------
    name : str
        Stem of the file.
    regions : tuple of AtomicRegion
        In the order of the file.
    notes : tuple of str
        What was left out or changed, one sentence each.
    doubts : tuple of str
        What the user must look at, one sentence each.
    """

    name: str
    regions: tuple[AtomicRegion, ...]
    notes: tuple[str, ...] = field(default=())
    doubts: tuple[str, ...] = field(default=())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the regions."""
        return tuple(region.name for region in self.regions)

    @cached_property
    def positions(self) -> Positions:
        """Positions of all atoms (x, y, z) in Å, shape (n_atoms, 3)."""
        return np.concatenate([region.positions for region in self.regions])

    @property
    def n_atoms(self) -> NDArray[np.int64]:
        """Number of atoms of each region, shape (n_regions,)."""
        return np.array([len(region.positions) for region in self.regions])

    def moved(self, shift: NDArray[np.float64]) -> AtomicModel:
        """Return the model moved by a vector (x, y, z) in Å."""
        regions = []
        for region in self.regions:
            x, y, z = (float(a + b) for a, b in zip(region.shift, shift, strict=True))
            regions.append(replace(region, shift=(x, y, z)))
        return replace(self, regions=tuple(regions))


def read_model(
    path: str | os.PathLike[str],
    *,
    by: Division = "chain",
    window: int = 20,
    ligands: bool = False,
    assembly: str | None = None,
) -> AtomicModel:
    """Read a model and cut it into regions.

    Parameters
    ----------
    path : path
        PDB or mmCIF file, also packed by gzip or bzip2.
    by : {"chain", "residues"}
        One region for each chain, or for each window of residues of a polymer chain.
    window : int
        Residues of a window; a last window of less than half of that joins the one before.
    ligands : bool
        Make each ligand (not water, more than one atom) a region of its own instead of a part of
        the chain that it is named after; always so with windows.
    assembly : str, optional
        Name of a biological assembly in the file to be built; its copies are named A1, A2, ...

    Returns
    -------
    AtomicModel

    Raises
    ------
    ParameterError
        When the file cannot be read as a model, holds no atoms or lacks the assembly.
    """
    structure, notes = read_structure(Path(path))
    doubts = _keep_first(structure)
    doubts += [*doubt_numbering(structure), *doubt_hand(structure[0])]
    structure.merge_chain_parts()
    notes += _choose_copy(structure, assembly)
    notes += drop_solvent(structure)
    structure.setup_entities()
    notes += drop_hydrogens_and_marks(structure)
    structure.merge_chain_parts()
    model = structure[0]
    notes += [*mend_b_factors(model), *set_full_occupancy(model)]
    regions = tuple(
        AtomicRegion(name, model_of(chain, residues))
        for chain in model
        for name, residues in _divide(chain, by, window, ligands)
    )
    if not regions:
        raise ParameterError(
            f"The model {Path(path).name} holds no atoms of a macromolecule."
            + "".join(f" {note}" for note in notes if "zero occupancy" in note)
        )
    name = Path(path).name.split(".")[0]
    return AtomicModel(name, _with_unique_names(regions), tuple(notes), tuple(doubts))


def _keep_first(structure: gemmi.Structure) -> list[str]:
    """Keep the first of several models."""
    count = len(structure)
    while len(structure) > 1:
        del structure[-1]
    if count == 1:
        return []
    return [
        f"Only the first of the {count} models in the file is used; put all chains into one model "
        "when they are parts of one complex."
    ]


def _choose_copy(structure: gemmi.Structure, assembly: str | None) -> list[str]:
    """Build the assembly asked for."""
    import gemmi

    notes = []
    names = [a.name for a in structure.assemblies]
    if assembly is not None:
        if assembly not in names:
            known = ", ".join(names) or "none"
            raise ParameterError(f"The model has no assembly '{assembly}'; it has {known}.")
        structure.transform_to_assembly(assembly, gemmi.HowToNameCopiedChain.AddNumber)
        notes.append(f"Assembly {assembly} was built: {len(structure[0])} chains.")
    else:
        copies = max((_copies(a) for a in structure.assemblies), default=1)
        if copies > 1:
            notes.append(
                f"The chains are used as they stand in the file; an assembly in it has {copies} "
                "times as many: name it if the map shows it."
            )
    return notes


def _copies(assembly: gemmi.Assembly) -> int:
    """Largest number of copies of one chain in an assembly."""
    return max((len(g.operators) for g in assembly.generators), default=1)


def _divide(
    chain: gemmi.Chain, by: Division, window: int, ligands: bool
) -> Iterator[tuple[str, list[gemmi.Residue]]]:
    """Yield names and residues of the regions of a chain."""
    import gemmi

    name = chain.name.strip() or "_"
    polymer = gemmi.EntityType.Polymer
    has_polymer = any(residue.entity_type == polymer for residue in chain)
    body: list[gemmi.Residue] = []
    own: list[gemmi.Residue] = []
    for residue in chain:
        apart = has_polymer and residue.entity_type != polymer and len(residue) > 1
        (own if apart and (ligands or by == "residues") else body).append(residue)
    if by == "residues" and has_polymer:
        starts = list(range(0, max(len(body) - window // 2, 1), window))
        for start, stop in zip(starts, [*starts[1:], len(body)], strict=True):
            part = body[start:stop]
            yield f"{name}:{part[0].seqid}-{part[-1].seqid}", part
    elif body:
        yield name, body
    for residue in own:
        yield f"{name}/{residue.name} {residue.seqid}", [residue]


def model_of(chain: gemmi.Chain, residues: list[gemmi.Residue]) -> gemmi.Model:
    """Copy of some residues of a chain as a model of its own."""
    import gemmi

    part = gemmi.Chain(chain.name)
    for residue in residues:
        part.add_residue(residue)
    model = gemmi.Model(1)
    model.add_chain(part)
    return model


def _with_unique_names(regions: tuple[AtomicRegion, ...]) -> tuple[AtomicRegion, ...]:
    """Append a number to names that come again, as conformers of a ligand do."""
    seen: dict[str, int] = defaultdict(int)
    unique = []
    for region in regions:
        seen[region.name] += 1
        number = seen[region.name]
        unique.append(region if number == 1 else replace(region, name=f"{region.name}#{number}"))
    return tuple(unique)
