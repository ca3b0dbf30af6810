"""Atomic models from files: PDB, mmCIF and mmJSON, known by their content."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from occupy_core.errors import ParameterError
from occupy_core.maps.packed import DAMAGED, read_text_file

if TYPE_CHECKING:
    import gemmi


def read_structure(path: Path) -> gemmi.Structure:
    """Read all models of a file.

    Parameters
    ----------
    path : Path
        PDB, mmCIF or mmJSON file, also packed by gzip or bzip2.

    Raises
    ------
    ParameterError
        When it does not exist, is damaged, is no model or holds no atoms.
    """
    if not path.is_file():
        raise ParameterError(f"The model {path} does not exist; check the name.")
    try:
        text = read_text_file(path)
    except DAMAGED as error:
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise ParameterError(f"The model {path} cannot be read: {reason}.") from error
    try:
        structure = _parsed(text)
    except (RuntimeError, ValueError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise ParameterError(f"{path} cannot be read as a PDB or mmCIF model: {reason}.") from None
    if len(structure) == 0 or structure[0].count_atom_sites() == 0:
        raise ParameterError(f"The model {path.name} holds no atoms; is it a PDB or mmCIF file?")
    return structure


def _parsed(text: bytes) -> gemmi.Structure:
    """Return the structure in a text; gemmi's errors pass."""
    import gemmi

    start = _first_word(text)
    if start.startswith(b"data_"):
        structure = gemmi.make_structure_from_block(gemmi.cif.read_string(text)[0])
    elif start.startswith(b"{"):
        structure = gemmi.make_structure_from_block(gemmi.cif.read_mmjson_string(text)[0])
    else:
        structure = gemmi.read_pdb_string(text)
    structure.merge_chain_parts()
    return structure


def _first_word(text: bytes) -> bytes:
    """Return the start of the first line that is neither empty nor a comment, in small letters."""
    for line in text[:100_000].splitlines():
        word = line.strip()
        if word and not word.startswith(b"#"):
            return word[:20].lower()
    return b""
