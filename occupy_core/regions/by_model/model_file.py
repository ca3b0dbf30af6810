"""Atomic models from files: PDB, mmCIF and mmJSON, known by their content."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from occupy_core.errors import ParameterError
from occupy_core.maps.packed import DAMAGED, read_text_file
from occupy_core.regions.by_model.elements import mend_elements

if TYPE_CHECKING:
    import gemmi

_ATOMS = "_atom_site."
# What a structure is made from; other tables may be of an earlier version of the model.
_TABLES = (
    "_entry.", "_atom_site.", "_atom_site_anisotrop.", "_cell.", "_symmetry.", "_entity.",
    "_entity_poly.", "_entity_poly_seq.", "_struct_asym.", "_pdbx_struct_assembly.",
    "_pdbx_struct_assembly_gen.", "_pdbx_struct_oper_list.",
)  # fmt: skip
# Labels of the archive and of the author: one of each pair is enough.
_TWINS = (
    ("label_atom_id", "auth_atom_id"),
    ("label_comp_id", "auth_comp_id"),
    ("label_asym_id", "auth_asym_id"),
    ("label_seq_id", "auth_seq_id"),
)
# The one of a pair that is read, the other one in its place, and what it tells.
_READ = (
    ("label_atom_id", "auth_atom_id", "name"),
    ("label_comp_id", "auth_comp_id", "residue name"),
    ("auth_seq_id", "label_seq_id", "residue number"),
)
_TABLE_OF_ATOMS = re.compile(rb"^\s*_atom_site\.", re.MULTILINE | re.IGNORECASE)
_UNKNOWN = (".", "?")
_NOT_ASCII = re.compile(rb"[^\x00-\x7f]")
_PART = "|"  # between the name of a chain and the number of its part, until the parts are merged
_ELEMENTS = "The elements of {} atoms, which the file does not give, were read from their names."


def read_structure(path: Path) -> tuple[gemmi.Structure, list[str]]:
    """Read all models of a file: the structure, and sentences about what was set in it.

    Parts of chains that TER records divide are chains of one name, to be merged.

    Parameters
    ----------
    path : Path
        PDB, mmCIF or mmJSON file, also packed by gzip or bzip2.

    Raises
    ------
    ParameterError
        When it does not exist, is damaged, is no model, lacks a column or holds no atoms.
    """
    if not path.is_file():
        raise ParameterError(f"The model {path} does not exist; check the name.")
    try:
        text = read_text_file(path)
    except DAMAGED as error:
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise ParameterError(f"The model {path} cannot be read: {reason}.") from error
    try:
        structure, undeclared = _parsed(text, path.name)
    except (RuntimeError, ValueError, IndexError) as error:
        lines = str(error).splitlines() or ["its atoms lack what every model has"]
        reason = lines[0].rstrip(".:")
        raise ParameterError(f"{path} cannot be read as a PDB or mmCIF model: {reason}.") from None
    if len(structure) == 0 or structure[0].count_atom_sites() == 0:
        raise ParameterError(f"The model {path.name} holds no atoms; is it a PDB or mmCIF file?")
    lost = sum(not math.isfinite(sum(site.atom.pos.tolist())) for site in structure[0].all())
    if lost:
        raise ParameterError(
            f"The model {path.name} has {lost} atoms whose coordinates are not numbers; correct or "
            "remove them."
        )
    changed = mend_elements(structure[0], undeclared)
    return structure, [_ELEMENTS.format(changed)] if changed else []


def _parsed(text: bytes, name: str) -> tuple[gemmi.Structure, frozenset[str]]:
    """Return the structure in a text and its residues without elements; gemmi's errors pass."""
    import gemmi

    start = _first_word(text)
    if start.startswith(b"data_") or _TABLE_OF_ATOMS.search(text):
        blocks = gemmi.cif.read_string(text.decode("utf-8", "replace"))
        # Others describe ligands, or what the program that wrote them was told.
        found = [block for block in blocks if len(block.find_mmcif_category(_ATOMS))]
        return _from_block((found or blocks)[0], name)
    if start.startswith(b"{"):
        return _from_block(gemmi.cif.read_mmjson_string(text)[0], name)
    lines = _NOT_ASCII.sub(b"?", text).splitlines()  # columns are counted in bytes
    structure = gemmi.read_pdb_string(b"\n".join(_divided(lines)), split_chain_on_ter=True)
    atoms = (line for line in lines if line.startswith((b"ATOM", b"HETATM")))
    bare = {line[17:20].strip() for line in atoms if not line[76:78].strip()}
    return structure, frozenset(residue.decode("latin-1") for residue in bare)


def _divided(lines: list[bytes]) -> Iterator[bytes]:
    """Yield the lines of a PDB file, a TER where a chain has a residue number again.

    gemmi would put the atoms of both into one residue.
    """
    seen: set[bytes] = set()
    last = b""
    for line in lines:
        if line.startswith((b"TER", b"MODEL")):
            seen.clear()
        elif line.startswith(b"ATOM") and line[16:17] == b" ":
            number = line[21:27]
            if number != last and number in seen:
                yield b"TER"
                seen.clear()
            seen.add(number)
            last = number
        yield line


def _from_block(block: gemmi.cif.Block, name: str) -> tuple[gemmi.Structure, frozenset[str]]:
    """Return the structure in a block of mmCIF, whose other tables and labels do not decide."""
    import gemmi

    for category in block.get_mmcif_category_names():
        if category not in _TABLES:
            block.find_mmcif_category(category).erase()
    bare = _complete_atoms(block, name)
    try:
        structure = gemmi.make_structure_from_block(block)
    except (RuntimeError, ValueError, IndexError):
        # A table beside the atoms does not fit them: it only describes what the atoms show.
        for category in block.get_mmcif_category_names():
            if category != _ATOMS:
                block.find_mmcif_category(category).erase()
        structure = gemmi.make_structure_from_block(block)
    for model in structure:
        for chain in model:
            chain.name = chain.name.split(_PART)[0]
    return structure, bare


def _complete_atoms(block: gemmi.cif.Block, name: str) -> frozenset[str]:
    """Fill in columns of the atoms that programs leave out; return the residues without elements.

    Raises
    ------
    ParameterError
        When a column without which there is no model is missing.
    """
    table = block.find_mmcif_category(_ATOMS)
    columns = {tag.removeprefix(_ATOMS): list(block.find_values(tag)) for tag in table.tags}
    for one, other in _TWINS:
        if one not in columns and other not in columns:
            raise ParameterError(
                f"The model {name} has no column {_ATOMS}{one}, nor {other} in its place; add it."
            )
    for needed in ("Cartn_x", "Cartn_y", "Cartn_z"):
        if needed not in columns:
            raise ParameterError(f"The model {name} has no column {_ATOMS}{needed}; add it.")
    n = len(table)
    defaults = {
        "id": [str(i + 1) for i in range(n)],
        "type_symbol": ["X"] * n,
        "label_alt_id": ["."] * n,
        "label_asym_id": ["?"] * n,  # one for each molecule is made from the chains
    }
    filled = columns | {tag: values for tag, values in defaults.items() if tag not in columns}
    unknown = (*_UNKNOWN, "X", "x")
    filled["type_symbol"] = [s if s not in unknown else "X" for s in filled["type_symbol"]]
    for used, other, what in _READ:
        filled[used] = _known(columns, used, other)
        lost = sum(value in _UNKNOWN for value in filled[used])
        if lost:
            raise ParameterError(
                f"{lost} atoms of the model {name} have no {what} ({_ATOMS}{used} or {other}); add "
                "them."
            )
    filled["auth_asym_id"] = _chain_parts(filled)
    loop = block.init_mmcif_loop(_ATOMS, list(filled))
    loop.set_all_values(list(filled.values()))
    residues = filled.get("auth_comp_id") or filled["label_comp_id"]
    pairs = zip(residues, filled["type_symbol"], strict=True)
    return frozenset(residue for residue, symbol in pairs if symbol == "X")


def _chain_parts(columns: Mapping[str, list[str]]) -> list[str]:
    """Names of the chains of the atoms, with a number where a residue number comes again.

    gemmi would put the atoms of both into one residue.
    """
    n = len(columns["id"])
    blank = ["?"] * n
    chains = _known(columns, "auth_asym_id", "label_asym_id")
    rows = zip(
        columns.get("pdbx_PDB_model_num", blank),
        chains,
        _known(columns, "auth_seq_id", "label_seq_id"),
        columns.get("pdbx_PDB_ins_code", blank),
        columns["label_alt_id"],
        columns.get("group_PDB", ["ATOM"] * n),
        strict=True,
    )
    seen: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    part: dict[tuple[str, str], int] = defaultdict(int)
    last: dict[tuple[str, str], tuple[str, str]] = {}
    names = []
    for model, chain, number, code, conformer, group in rows:
        key, residue = (model, chain), (number, code)
        if group == "ATOM" and conformer in ".?" and number not in ".?":
            if residue in seen[key] and residue != last[key]:
                part[key] += 1
                seen[key].clear()
            seen[key].add(residue)
            last[key] = residue
        names.append(f"{chain}{_PART}{part[key]}" if part[key] and group == "ATOM" else chain)
    return names


def _known(columns: Mapping[str, list[str]], first: str, other: str) -> list[str]:
    """Return the values of a column, those of another where they are unknown or missing."""
    values = columns.get(first) or columns[other]
    return [
        b if a in _UNKNOWN else a for a, b in zip(values, columns.get(other, values), strict=True)
    ]


def _first_word(text: bytes) -> bytes:
    """Return the start of the first line that is neither empty nor a comment, in small letters."""
    for line in text[:100_000].splitlines():
        word = line.strip()
        if word and not word.startswith(b"#"):
            return word[:20].lower()
    return b""
