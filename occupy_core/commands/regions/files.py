"""Occupancies for ChimeraX and other viewers: attributes, a B-factor column, and a script.

Attribute files: https://www.cgl.ucsf.edu/chimerax/docs/user/formats/defattr.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from occupy_core.commands.shared.chimerax import key_commands, palette_text
from occupy_core.commands.shared.colors import NO_VALUE, OCCUPANCY
from occupy_core.commands.shared.quoting import chimerax_comment, chimerax_path
from occupy_core.regions.by_model.atoms import AtomicModel, AtomicRegion
from occupy_core.regions.table import RegionTable

if TYPE_CHECKING:
    import gemmi

_CHAIN = re.compile(r"\w*")  # what stands for itself in an atom specifier
_PERCENT = 100.0  # [physics]
_NOT_MEASURED = -1.0  # [format] in the B-factor column, where occupancies are at least 0
_DENSE = 0.5  # [layout] of the volume of the regions: inside of the surface at which a map is drawn


def attribute_text(table: RegionTable, model: AtomicModel, map_name: str) -> str:
    """Write a ChimeraX attribute file: `region_occupancy` of each residue, in one map.

    Parameters
    ----------
    table : RegionTable
    model : AtomicModel
    map_name : str

    Returns
    -------
    str
        Regions that the table does not hold, or has no number for, are left out.
    """
    lines = ["attribute: region_occupancy", "recipient: residues"]
    occupancy = _occupancies(table, map_name)
    for region in model.regions:
        value = occupancy.get(region.name, math.nan)
        if not math.isfinite(value):
            continue
        if _CHAIN.fullmatch(region.model[0].name):
            lines.append(f"\t{_specifier(region)}\t{value:.4f}")
        else:
            lines.append(chimerax_comment(f"ChimeraX has no way to write the chain {region.name}"))
    return "\n".join(lines) + "\n"


def model_text(table: RegionTable, model: AtomicModel, map_name: str) -> str:
    """Write a model as mmCIF with 100 times the occupancy in the place of B-factors.

    Parameters
    ----------
    table : RegionTable
    model : AtomicModel
        In the frame of the maps.
    map_name : str

    Returns
    -------
    str
        The atoms that were fitted; -1 for those without a number.
    """
    import gemmi

    structure = gemmi.Structure()
    structure.name = model.name
    whole = gemmi.Model(1)
    occupancy = _occupancies(table, map_name)
    for region in model.regions:
        value = _PERCENT * occupancy.get(region.name, math.nan)
        chain = region.model[0].clone()
        for residue in chain:
            for atom in residue:
                atom.b_iso = value if math.isfinite(value) else _NOT_MEASURED
                atom.pos += gemmi.Position(*region.shift)
        _append(whole, chain)
    structure.add_model(whole)
    structure.setup_entities()
    structure.assign_label_seq_id()
    groups = gemmi.MmcifOutputGroups(True)
    groups.cell = groups.symmetry = False
    return str(structure.make_mmcif_document(groups).as_string())


@dataclass(frozen=True)
class RegionScene:
    """What the script shows.

    Parameters
    ----------
    maps : sequence of Path
        Models #1, #2 …
    colored : sequence of Path
        What is coloured by occupancy, after them: one mmCIF for each map (see `model_text`), or
        the masks in the order of the regions.
    masks : bool
        Whether these are masks.
    volume : float
        Volume of all regions, Å³.
    """

    maps: Sequence[Path]
    colored: Sequence[Path]
    masks: bool
    volume: float


def scene_text(table: RegionTable, scene: RegionScene) -> str:
    """Write a ChimeraX script that shows regions coloured by their occupancy, with a key.

    For each map it defines a command: occupancy_1, occupancy_2 … show the occupancies in it.

    Raises
    ------
    ParameterError
        When ChimeraX has no way to write the name of a file.
    """
    first = len(scene.maps) + 1
    lines = ["# Occupancy of regions by occupy_core; open this file in ChimeraX (File > Open)."]
    lines += [f"open {chimerax_path(path)}" for path in (*scene.maps, *scene.colored)]
    lines += [
        f"volume #1-{len(scene.maps)} style surface region all step 1 color #b0b0b040",
        f"volume #1-{len(scene.maps)} encloseVolume {_DENSE * scene.volume:.0f}",
        "set bgColor white",
    ]
    if scene.masks:
        last = first + len(scene.colored) - 1
        lines.append(f"volume #{first}-{last} style surface region all step 1 level 0.5")
    else:
        for number in range(first, first + len(scene.colored)):
            lines += [f"cartoon #{number}", f"hide #{number} atoms"]
            lines.append(f"color byattribute a:bfactor #{number} palette {_percent_palette()}")
    for i, name in enumerate(table.maps):
        commands = [f"hide #1-{first + len(scene.colored) - 1} models", f"show #{i + 1} models"]
        if scene.masks:
            commands += _mask_colors(table, name, first)
        else:
            commands.append(f"show #{first + i} models")
        lines += [chimerax_comment(name), f"alias occupancy_{i + 1} {'; '.join(commands)}"]
    lines += [
        "occupancy_1",
        *key_commands(OCCUPANCY),
        "lighting soft",
        "graphics silhouettes true",
        "camera ortho",
        "view",
    ]
    return "\n".join(lines) + "\n"


def _percent_palette() -> str:
    """The colours over the B-factor column; grey for what was not measured."""
    grey = [(_NOT_MEASURED, NO_VALUE), (_NOT_MEASURED / 2, NO_VALUE)]
    return palette_text([*grey, *((_PERCENT * v, color) for v, color in OCCUPANCY.pairs())])


def _mask_colors(table: RegionTable, map_name: str, first: int) -> Iterator[str]:
    """Commands that show the masks in the colours of one map."""
    for number, region in enumerate(table.regions, start=first):
        color = OCCUPANCY.color(table.row(map_name, region).occupancy)
        yield f"show #{number} models; color #{number} {color}"


def _occupancies(table: RegionTable, map_name: str) -> dict[str, float]:
    return {name: table.row(map_name, name).occupancy for name in table.regions}


def _specifier(region: AtomicRegion) -> str:
    """Specify the residues of a region: /A for a chain, /A:1-20,401 for a part of one."""
    (chain,) = region.model
    if region.name == (chain.name.strip() or "_"):
        return f"/{chain.name}"
    return f"/{chain.name}:{','.join(_runs(chain))}"


def _runs(chain: gemmi.Chain) -> Iterator[str]:
    """Numbers of the residues of a chain, those that follow each other as a range."""
    run: list[int] = []
    for residue in chain:
        number = int(residue.seqid.num or 0)
        plain = residue.seqid.icode == " " and number >= 0
        if plain and run and number in (run[-1], run[-1] + 1):
            run.append(number)
            continue
        yield from _run(run)
        run = [number] if plain else []
        if not plain:
            yield str(residue.seqid)
    yield from _run(run)


def _run(numbers: list[int]) -> Iterator[str]:
    if numbers:
        first, last = numbers[0], numbers[-1]
        yield str(first) if first == last else f"{first}-{last}"


def _append(model: gemmi.Model, part: gemmi.Chain) -> None:
    """Add residues to the chain of their name, or as a new chain."""
    chain = model.find_chain(part.name)
    if chain is None:
        model.add_chain(part)
        return
    for residue in part:
        chain.add_residue(residue)
