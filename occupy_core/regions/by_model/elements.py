"""Elements of atoms whose file does not give them, or gives what their names only look like.

The columns of PDB names tell carbon alpha (" CA ") from calcium ("CA  "), but many programs start
all names in the first column and leave the element out. What an atom is then follows from where it
stands: in a polymer, in an organic ligand, or alone.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gemmi

# Symbols that names of C, H, N, O, S, P and D atoms look like: CA, CD, HG, NE, OS, SG, PB, DY …
_LOOK_ALIKE = (
    "Ca", "Cd", "Ce", "Cf", "Cm", "Cn", "Co", "Cr", "Cs", "He", "Hf", "Hg", "Ho", "Hs", "Na", "Nb",
    "Nd", "Ne", "Nh", "Ni", "No", "Np", "Og", "Os", "Pa", "Pb", "Pd", "Pm", "Po", "Pr", "Pu", "Sb",
    "Sc", "Sg", "Sm", "Sn", "Sr", "Db", "Ds", "Dy", "X",
)  # fmt: skip
_IN_LIGANDS = ("BR", "CL", "FE", "ZN", "MG", "MN", "CU", "NI", "SE", "SI", "LI", "AL")
# Ions as force fields name them (CHARMM, AMBER); the archive names them by their elements.
FORCE_FIELD_IONS = {
    "SOD": "Na", "POT": "K", "CLA": "Cl", "CES": "Cs", "LIT": "Li", "RUB": "Rb", "CAL": "Ca",
    "BAR": "Ba", "CAD": "Cd", "ZN2": "Zn", "NA+": "Na", "CL-": "Cl", "K+": "K", "CIO": "Na",
    "IB": "I", "IP": "Na", "IM": "Cl", "CIM": "Cl", "CIP": "Na", "MG2": "Mg", "ION": "Na",
}  # fmt: skip
_BACKBONES = ({"N", "CA", "C"}, {"C1'", "C4'"}, {"C1*", "C4*"})
_ORGANIC = 3  # [taste: nothing moved] carbons


def mend_elements(model: gemmi.Model, undeclared: AbstractSet[str]) -> int:
    """Set elements by names where they were guessed or cannot be; return how many changed.

    Parameters
    ----------
    model : gemmi.Model
    undeclared : set of str
        Names of residues whose file gives no elements.
    """
    changed = 0
    for chain in model:
        for residue in chain:
            polymer = is_polymer(residue)
            carbon_is_calcium = polymer and any(
                atom.name == "CA" and atom.element.name == "Ca" for atom in residue
            )
            guessed = carbon_is_calcium or residue.name in undeclared
            carbons = sum(atom.name.lstrip("0123456789")[:1] == "C" for atom in residue)
            for atom in residue:
                doubtful = atom.element.name in _LOOK_ALIKE if guessed else atom.element.name == "X"
                if not doubtful and not (guessed and len(residue) == 1):
                    continue
                element = _element(atom.name, residue, polymer, carbons >= _ORGANIC)
                if element not in ("X", atom.element.name):
                    atom.element = type(atom.element)(element)
                    changed += 1
    return changed


def is_polymer(residue: gemmi.Residue) -> bool:
    """Whether a residue is an amino acid or a nucleotide, also under the names of force fields."""
    import gemmi

    if len(residue) < 2:  # one atom: of a trace, or an ion
        return gemmi.find_tabulated_residue(residue.name).is_amino_acid()
    known = gemmi.find_tabulated_residue(residue.name)
    if known.is_amino_acid() or known.is_nucleic_acid():
        return True
    names = {atom.name for atom in residue}
    return any(backbone <= names for backbone in _BACKBONES)


def _element(name: str, residue: gemmi.Residue, polymer: bool, organic: bool) -> str:
    """Symbol of the element of an atom, X where nothing tells."""
    import gemmi

    letters = name.upper().lstrip("0123456789")
    if len(residue) == 1 and not polymer:
        ion = residue.name.upper()
        alone = FORCE_FIELD_IONS.get(ion) or FORCE_FIELD_IONS.get(letters) or ion.strip("0123+-")
        if gemmi.Element(alone).name != "X":
            return str(gemmi.Element(alone).name)
    if polymer:
        two = "SE" if letters.startswith("SE") and residue.name in ("MSE", "SEC", "CSE") else ""
    elif organic:
        two = letters[:2] if letters[:2] in _IN_LIGANDS else ""
    else:
        two = letters[:2]
    for symbol in (two, letters[:1]):
        if symbol and gemmi.Element(symbol).name != "X":
            return str(gemmi.Element(symbol).name)
    return "X"
