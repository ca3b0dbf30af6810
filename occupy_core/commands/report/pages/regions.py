"""The page of occupancies of regions: table, heat map, differences, and the model in colours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from occupy_core.commands.report.differences import differences_text
from occupy_core.commands.report.page import Page, Result, Scene, paragraph, table
from occupy_core.commands.report.volumes import Shown, colors_record
from occupy_core.commands.shared.answer import listing, with_error
from occupy_core.commands.shared.colors import OCCUPANCY
from occupy_core.commands.shared.levels import surface_level
from occupy_core.maps.grid import DensityMap
from occupy_core.maps.mrc import map_name, read_map
from occupy_core.regions.table import RegionRow, RegionTable
from occupy_core.regions.verdict import judge

KIND = "regions"
_MOST_MAPS = 8  # [layout] that are embedded
_REACH = 3.0  # [layout] Å around atoms
_TRACE = frozenset(("CA", "P"))


def matches(record: Mapping[str, Any]) -> bool:
    """Return whether a record is one of occupancies of regions."""
    return "reference" in record and "differences" in record and "table" in record


def page(result: Result) -> Page:
    """Make the page."""
    record = result.record
    occupancies = RegionTable.from_record(record)
    several = len(occupancies.maps) > 1
    traces = _traces(result, occupancies)
    name = f"{len(occupancies.maps)} maps" if several else occupancies.maps[0]
    sections = [
        ("Occupancies", _table(occupancies)),
        ("Heat map", ""),
        ("Reference", _reference(record)),
    ]
    if several:
        sections.insert(
            2, ("Differences between maps", differences_text(record["differences"], "maps"))
        )
    return Page(
        kind=KIND,
        title=f"Occupancy of regions in {name}",
        sections=tuple(sections),
        data={
            "matrix": _matrix(occupancies),
            "traces": traces,
            "palette": colors_record(OCCUPANCY),
            "mapFiles": [f"map {i + 1}" for i in range(len(occupancies.maps))],
        },
        scene=_scene(result, traces),
        methods=_methods(record, occupancies),
        command=f"regions --params {result.name} --outdir again",
    )


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _matrix(occupancies: RegionTable) -> dict[str, Any]:
    return {
        "rows": list(occupancies.maps),
        "columns": list(occupancies.regions),
        "reference": list(occupancies.reference),
        "values": [[_plain(v) for v in row] for row in occupancies.occupancy.tolist()],
        "errors": [[_plain(v) for v in row] for row in occupancies.sigma.tolist()],
    }


def _table(occupancies: RegionTable) -> str:
    rows = []
    for row in occupancies.rows:
        known = math.isfinite(row.occupancy)
        rows.append(
            (
                row.region,
                row.map,
                (with_error(row.occupancy, row.sigma), row.occupancy) if known else ("-", ""),
                judge(row),
                _resolution(row),
                (f"{row.blur:.0f}", row.blur) if math.isfinite(row.blur) else ("-", ""),
                (f"{row.mean_scale:.2f}", row.mean_scale)
                if math.isfinite(row.mean_scale)
                else ("-", ""),
                "; ".join(row.flags),
            )
        )
    head = ("region", "map", "occupancy", "verdict", "resolution (Å)", "blur (Å²)", "mean scale",
            "flags")  # fmt: skip
    caption = "Occupancies with one standard error. A column head sorts."
    return table(head, rows, caption=caption, numeric=(2, 4, 5, 6))


def _resolution(row: RegionRow) -> tuple[str, Any]:
    if not math.isfinite(row.resolution):
        return "-", ""
    return f"{row.resolution:.1f} ± {row.resolution_sigma:.1f}", row.resolution


def _reference(record: Mapping[str, Any]) -> str:
    text = paragraph(
        f"All occupancies are relative to {listing(record['reference'], 12)}: their mean is 1 in "
        "every map."
    )
    return text + "".join(map(paragraph, record["notes"]))


def _traces(result: Result, occupancies: RegionTable) -> list[dict[str, Any]]:
    """Return the course of every chain, cut where its region changes; nothing without a model."""
    key = "model_1" if len(occupancies.maps) > 1 else "model"
    path, shift = result.file(key), np.zeros(3)
    if path is None:  # no model was written: that of the input, moved to where it was fitted
        path, shift = result.input("model"), np.array(occupancies.shift)
    if path is None:
        return []
    import gemmi

    column = {name: j for j, name in enumerate(occupancies.regions)}
    found: list[dict[str, Any]] = []
    for chain in gemmi.read_structure(str(path))[0]:
        points: list[list[float]] = []
        region = None
        for residue in chain:
            own = _region_of(chain.name, residue, column)
            if own != region and points:
                found.append({"region": region, "points": points})
                points = points[-1:] if region is not None and own is not None else []
            region = own
            points += [
                np.round(np.array(atom.pos.tolist()) + shift, 2).tolist()
                for atom in residue
                if atom.name in _TRACE
            ][:1]
        if points:
            found.append({"region": region, "points": points})
    return [
        {"column": None if trace["region"] is None else column[trace["region"]], **trace}
        for trace in found
        if len(trace["points"]) > 1
    ]


def _region_of(chain: str, residue: Any, column: Mapping[str, int]) -> str | None:
    """Return the region of a residue: its chain, or the window of residues it lies in."""
    if chain in column:
        return chain
    number = residue.seqid.num
    for name in column:
        own, colon, span = name.partition(":")
        if own != chain or not colon:
            continue
        first, _, last = span.lstrip("-").partition("-")
        if first.isdigit() and last.isdigit() and int(first) <= number <= int(last):
            return name
    return None


def _scene(result: Result, traces: list[dict[str, Any]]) -> Scene | None:
    """Return the maps; the model is drawn into them, masks are drawn as their occupancies."""
    record = result.record
    sources = [result.input(f"maps_{i}") for i in range(1, len(record["job"]["maps"]) + 1)]
    files = [path for path in sources if path is not None][:_MOST_MAPS]
    if not files:
        return None
    size = record["job"]["voxel_size"]
    maps = [read_map(path, voxel_size=size) for path in files]
    inside = _near(maps[0], traces) if traces else _in_masks(result, maps[0])
    mask = maps[0].with_data(inside.astype(np.float32))
    names = RegionTable.from_record(record).maps
    volumes = tuple(
        Shown(
            key="map" if i == 0 else f"map_{i}",
            title=f"Map {names[i]}",
            density=density,
            level=surface_level(density, mask) if inside.any() else float(density.data.mean()),
        )
        for i, density in enumerate(maps)
    )
    overlay = None
    if not traces:
        painted = _painted(result, maps[0])
        if painted is not None:
            volumes = (*volumes, painted)
            overlay = "occupancy"
    return Scene(
        volumes=volumes, inside=inside, level=float(volumes[0].level or 0.0), overlay=overlay
    )


def _near(density: DensityMap, traces: list[dict[str, Any]]) -> Any:
    """Return where the chains are, within some Å."""
    grid = density.grid
    first, voxel = np.array(grid.position((0, 0, 0))), np.array(grid.voxel_size)
    points = np.array([point for trace in traces for point in trace["points"]])
    index = np.rint((points - first) / voxel).astype(int)[:, ::-1]
    reach = np.ceil(_REACH / voxel).astype(int)[::-1]
    inside = np.zeros(grid.shape, bool)
    for z, y, x in index:
        low = [max(i - r, 0) for i, r in zip((z, y, x), reach, strict=True)]
        high = [max(i + r + 1, 0) for i, r in zip((z, y, x), reach, strict=True)]
        inside[low[0] : high[0], low[1] : high[1], low[2] : high[2]] = True
    return inside


def _mask_files(result: Result) -> list[Path]:
    count = len(result.record["job"]["masks"])
    files = [result.input(f"masks_{i}") for i in range(1, count + 1)]
    return [path for path in files if path is not None]


def _in_masks(result: Result, density: DensityMap) -> Any:
    inside = np.zeros(density.grid.shape, bool)
    for path in _mask_files(result):
        inside |= read_map(path).data > 0.5
    return inside


def _painted(result: Result, density: DensityMap) -> Shown | None:
    """Return the masks filled with their occupancies in the first map."""
    occupancies = RegionTable.from_record(result.record)
    values = np.full(density.grid.shape, np.nan, np.float32)
    for path in _mask_files(result):
        name = map_name(path)
        if name in occupancies.regions:
            row = occupancies.row(occupancies.maps[0], name)
            values[read_map(path).data > 0.5] = row.occupancy
    if not np.isfinite(values).any():
        return None
    return Shown(
        key="occupancy",
        title=f"Occupancy in {occupancies.maps[0]}",
        density=density.with_data(np.nan_to_num(values)),
        colors=OCCUPANCY,
        known=np.isfinite(values),
    )


def _methods(record: Mapping[str, Any], occupancies: RegionTable) -> str:
    maps = "the map" if len(occupancies.maps) == 1 else f"each of {len(occupancies.maps)} maps"
    if "model" in record["inputs"]:
        how = (
            "by fitting the density of all regions of the atomic model together, each at full "
            "occupancy and with its own blur [Wojdyr2022]"
        )
    else:
        how = "from the mean density above the solvent within their masks"
    text = (
        f"The occupancies of {len(occupancies.regions)} regions in {maps} were measured with "
        f"scipion-em-occupy {record['versions']['occupy_core']} {how}, relative to "
        f"{', '.join(record['reference'])}; errors are one standard error."
    )
    if record["differences"]:
        text += (
            " The significance of differences between maps was corrected for their number by the "
            "false discovery rate [BenjaminiHochberg1995]."
        )
    return text
