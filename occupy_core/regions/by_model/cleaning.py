"""What a model file holds and a region must not: solvent, hydrogens, copies, odd B-factors.

Each step changes the model and returns the sentences that tell the user about it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from occupy_core.regions.by_model.elements import FORCE_FIELD_IONS, is_polymer

if TYPE_CHECKING:
    import gemmi

_MEMBRANE_PLANE = "DUM"  # residue by which the OPM database draws a membrane; no atoms are there
_ARCHIVE_WATERS = ("HOH", "DOD", "WAT", "H2O")
_FORCE_FIELD_WATERS = (
    "SOL", "TIP", "TIP2", "TIP3", "TIP4", "TIP5", "TP2", "TP3", "TP4", "TP5", "T3P", "T4P", "T5P",
    "T4E", "T4H", "SPC", "SPCE", "SPE", "OPC", "OPC3", "OH2", "W", "WT4", "TIP3P", "TIP4P",
    "TIP5P", "HO4", "F3C",
)  # fmt: skip
_MANY = 10  # [guard] residues of one oxygen under one name: water, whatever it is called
_SALT = ("Na", "K", "Cl", "Cs", "Li", "Rb", "F", "Br", "I")
_NO_B = 999.0  # [format] Å²; as high as six columns go
_HIGHEST_B = 300.0  # [guard] Å²; less than 2e-4 of such an atom is left at 3 Å
_FARTHEST_B = 100.0  # [measured: a chain of B 30 written as 50 to 950] as in `shell_fit`, Å²
_USUAL_B = 50.0  # [guard] Å²; where no B-factor of a model can be one
# [taste: nothing moved] Å between residues of one number: the other one is a second conformer
_COPY_DISTANCE = 5.0
_LEAST_PART = 10  # [taste: nothing moved] residues of a molecule; fewer are what was seen of a loop
# The centre and three neighbours whose triple product is about +2.5 Å³ in life: of 60,000 centres
# of 65 models of the archive 1.000 are of one sign.
_CENTRES = (("CA", "N", "C", "CB"), ("C4'", "O4'", "C5'", "C3'"), ("C4*", "O4*", "C5*", "C3*"))
_LEAST_VOLUME = 1.0  # [physics] Å³; flat centres tell nothing
_LEAST_CENTRES, _MIRRORED = 10, 0.9  # [measured: 65 models of the archive]


def drop_solvent(structure: gemmi.Structure) -> list[str]:
    """Remove waters and, of simulations, the ions of the salt around the molecules."""
    model = structure[0]
    lone = Counter(
        r.name for chain in model for r in chain if len(r) == 1 and r[0].element.name == "O"
    )
    many = {name for name, n in lone.items() if n >= _MANY}
    simulated = False

    def water(residue: gemmi.Residue) -> bool:
        nonlocal simulated
        found = _is_water(residue, many)
        simulated = simulated or (found and residue.name not in _ARCHIVE_WATERS)
        return found

    def salt(residue: gemmi.Residue) -> bool:
        if len(residue) != 1 or is_polymer(residue):
            return False
        named = residue.name in FORCE_FIELD_IONS
        return named or (simulated and residue[0].element.name in _SALT)

    waters, ions = _remove(model, water), _remove(model, salt)
    notes = []
    if waters:
        notes.append(f"{waters} waters were left out.")
    if ions:
        notes.append(f"{ions} ions of the salt of a simulation were left out.")
    structure.remove_empty_chains()
    return notes


def _is_water(residue: gemmi.Residue, many: set[str]) -> bool:
    """Whether a residue is a water: one oxygen, with or without hydrogens and virtual sites."""
    elements = Counter(atom.element.name for atom in residue)
    hydrogens = elements.pop("H", 0) + elements.pop("D", 0)
    elements.pop("X", 0)  # sites of charge without mass
    if elements.get("O") != len({atom.altloc for atom in residue}) and elements != {"O": 1}:
        return False
    if set(elements) != {"O"}:
        return False
    known = residue.name in _ARCHIVE_WATERS or residue.name in _FORCE_FIELD_WATERS
    return known or hydrogens == 2 or residue.name in many


def drop_hydrogens_and_marks(structure: gemmi.Structure) -> list[str]:
    """Remove hydrogens, markers of membranes, and atoms without occupancy or position."""
    notes = []
    before = structure[0].count_atom_sites()
    structure.remove_hydrogens()
    hydrogens = before - structure[0].count_atom_sites()
    if hydrogens:
        notes.append(f"{hydrogens} hydrogens were left out, so that all chains compare.")
    planes = _remove(structure[0], lambda residue: residue.name == _MEMBRANE_PLANE)
    absent = 0
    for chain in structure[0]:
        for residue in chain:
            for i in reversed(range(len(residue))):
                atom = residue[i]
                if not (atom.occ > 0 and np.isfinite(atom.pos.tolist()).all()):
                    del residue[i]
                    absent += 1
    lost = [chain.name for chain in structure[0] if not any(len(residue) for residue in chain)]
    _remove(structure[0], lambda residue: len(residue) == 0)
    if planes:
        notes.append(f"{planes} markers of membrane planes ({_MEMBRANE_PLANE}) were left out.")
    if absent:
        chains = f", with them all of chain {', '.join(lost)}" if lost else ""
        notes.append(f"{absent} atoms with zero occupancy were left out{chains}.")
    structure.remove_empty_chains()
    return notes


def _remove(model: gemmi.Model, unwanted: Callable[[Any], bool]) -> int:
    """Remove residues; return how many."""
    removed = 0
    for chain in model:
        for i in reversed(range(len(chain))):
            if unwanted(chain[i]):
                del chain[i]
                removed += 1
    return removed


def mend_b_factors(model: gemmi.Model) -> list[str]:
    """Bring B-factors to what the fit can use.

    What is no B-factor (negative, or the 999.99 at which PDB files end) becomes the median of the
    chain, or of the model. The fit finds by itself what each region differs from its file, but it
    does not find far more: chains are brought to within 100 Å² of the median of the model.
    """
    chains = [[atom for residue in chain for atom in residue] for chain in model]
    sound = [[a.b_iso for a in chain if 0 <= a.b_iso < _NO_B] for chain in chains]
    everywhere = [b for chain in sound for b in chain]
    usual = float(np.median(everywhere)) if everywhere else _USUAL_B
    odd = high = moved = 0
    for chain, good in zip(chains, sound, strict=True):
        level = float(np.median(good)) if good else usual
        nearer = float(np.clip(level, usual - _FARTHEST_B, usual + _FARTHEST_B)) - level
        moved += nearer != 0
        for atom in chain:
            if not 0 <= atom.b_iso < _NO_B:
                atom.b_iso = level
                odd += 1
            atom.b_iso += nearer
            high += atom.b_iso > _HIGHEST_B
            atom.b_iso = float(np.clip(atom.b_iso, 0, _HIGHEST_B))
    notes = []
    if odd:
        notes.append(f"{odd} B-factors that are none became the median of their chain.")
    if moved:
        notes.append(
            f"The B-factors of {moved} chains are more than {_FARTHEST_B:g} Å² from the median of "
            "the model and were brought to that."
        )
    if high:
        notes.append(f"{high} B-factors above {_HIGHEST_B:g} Å² were taken as {_HIGHEST_B:g}.")
    return notes


def set_full_occupancy(model: gemmi.Model) -> list[str]:
    """Set occupancies to 1; conformers of one atom share it in the proportion of the file.

    A residue that is there twice at one place is a conformer too, whether the file says so or not.
    """
    partial = twice = 0
    for chain in model:
        copies: dict[str, list[Any]] = defaultdict(list)
        conformers: dict[tuple[str, int, str], list[Any]] = defaultdict(list)
        for residue in chain:
            centre = np.mean([atom.pos.tolist() for atom in residue], axis=0)
            others = copies[str(residue.seqid)]
            near = [np.linalg.norm(centre - c) < _COPY_DISTANCE for c in others]
            copy = int(np.argmax(near)) if any(near) else len(others)
            if copy == len(others):
                others.append(centre)
            for atom in residue:
                if atom.element.name == "X":
                    atom.element = type(atom.element)("C")  # unknown scatterer: the commonest
                conformers[str(residue.seqid), copy, atom.name].append(atom)
        for atoms in conformers.values():
            if len(atoms) == 1 and atoms[0].altloc == "\0":
                partial += atoms[0].occ < 1
            twice += sum(atom.altloc == "\0" for atom in atoms[1:])
            total = sum(atom.occ for atom in atoms)
            for atom in atoms:
                atom.occ /= total
    notes = [f"{partial} partial occupancies of the file were set to 1."] if partial else []
    if twice:
        notes.append(
            f"{twice} atoms are in the file twice at one place; the copies count as conformers."
        )
    return notes


def doubt_numbering(structure: gemmi.Structure) -> list[str]:
    """Say where one chain holds several molecules, before the parts of chains are merged.

    A molecule ends at a TER record, at another label of mmCIF, or where residue numbers come again.
    """
    pieces: dict[str, list[list[Any]]] = defaultdict(list)
    for chain in structure[0]:
        piece: list[Any] = []
        seen: set[str] = set()
        for residue in filter(is_polymer, chain):
            number, before = str(residue.seqid), piece[-1] if piece else None
            follows = before is not None and residue.subchain == before.subchain
            if not follows or (number in seen and number != str(before and before.seqid)):
                piece, seen = [], set()
                pieces[chain.name].append(piece)
            piece.append(residue)
            seen.add(number)
    found = []
    for name, parts in pieces.items():
        long = _apart([part for part in parts if len(part) >= _LEAST_PART])
        if len(long) > 1:
            ranges = ", ".join(f"{part[0].seqid}-{part[-1].seqid}" for part in long[:4])
            more = f" and {len(long) - 4} more" if len(long) > 4 else ""
            found.append(
                f"Chain {name} holds {len(long)} molecules (residues {ranges}{more}), which are "
                "measured as one; give each a chain letter of its own to tell them apart."
            )
    return found


def _apart(parts: list[list[Any]]) -> list[list[Any]]:
    """Parts of a chain without those that are conformers of an earlier one, at its place."""
    kept: list[list[Any]] = []
    places: dict[str, list[Any]] = defaultdict(list)
    for part in parts:
        first = part[len(part) // 2]
        centre = np.mean([atom.pos.tolist() for atom in first], axis=0)
        near = [np.linalg.norm(centre - c) < _COPY_DISTANCE for c in places[str(first.seqid)]]
        if not any(near):
            kept.append(part)
        for residue in part:
            middle = np.mean([atom.pos.tolist() for atom in residue], axis=0)
            places[str(residue.seqid)].append(middle)
    return kept


def doubt_hand(model: gemmi.Model) -> list[str]:
    """Say when the amino acids or sugars of a model are mirror images of those of life."""
    right = wrong = 0
    for chain in model:
        for residue in chain:
            at = {atom.name: np.array(atom.pos.tolist()) for atom in residue}
            for names in _CENTRES:
                if not all(name in at for name in names):
                    continue
                a, b, c = (at[name] - at[names[0]] for name in names[1:])
                volume = float(a @ np.cross(b, c))
                right += volume > _LEAST_VOLUME
                wrong += volume < -_LEAST_VOLUME
    if wrong < _LEAST_CENTRES or wrong < _MIRRORED * (right + wrong):
        return []
    return [
        f"The model is a mirror image: {wrong} of its {right + wrong} amino acids and sugars are "
        "of the other hand than those of life; so is the map if the model fits it."
    ]
