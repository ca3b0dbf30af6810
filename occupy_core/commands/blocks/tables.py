"""The tables of a search for blocks (csv), and the subsets of volumes that come from them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from occupy_core.blocks.find import BlocksResult
from occupy_core.blocks.track.rules import apply_rule
from occupy_core.blocks.track.tracking import Relation
from occupy_core.commands.shared.quoting import csv_text
from occupy_core.commands.shared.record import read_record
from occupy_core.commands.shared.staging import output_errors, refuse_outputs, staged_outputs
from occupy_core.errors import MapFormatError, OutputError, ParameterError
from occupy_core.maps.mrc import map_name

_DIGITS = 4  # [layout]
THRESHOLD_COLUMNS = ("volume", "threshold", "solvent", "on_fraction", "used", "outlying", "empty")
RELATION_COLUMNS = tuple(field.name for field in fields(Relation))

Row = dict[str, Any]


def threshold_rows(result: BlocksResult) -> list[Row]:
    """Return the threshold of each volume and what became of it."""
    t = result.occupied.thresholds
    return [
        {
            "volume": name,
            "threshold": float(f"{t.values[i]:.6g}"),
            "solvent": float(f"{t.solvent[i]:.6g}"),
            "on_fraction": round(float(t.on_fraction[i]), 6),
            "used": bool(t.used[i]),
            "outlying": bool(t.outlying[i]),
            "empty": bool(t.empty[i]),
        }
        for i, name in enumerate(t.names)
    ]


def occupancy_rows(result: BlocksResult, files: Sequence[Path]) -> list[Row]:
    """Return the blocks of each volume used: occupancy (B1), part of the voxels on (B1_on)."""
    tracking = result.tracking
    state = {name: k for k, (_, names) in enumerate(tracking.states(), 1) for name in names}
    rows = []
    for n, name in enumerate(tracking.volumes):
        row: Row = {"volume": name, "file": str(files[result.occupied.indices[n]])}
        row["state"] = state[name]
        row |= _rounded(tracking.blocks, tracking.occupancy[n])
        row |= _rounded([f"{block}_on" for block in tracking.blocks], tracking.on_fraction[n])
        rows.append(row)
    return rows


def _rounded(names: Iterable[str], values: Iterable[float]) -> Row:
    # + 0.0: no negative zero
    return {
        name: round(float(value), _DIGITS) + 0.0 for name, value in zip(names, values, strict=True)
    }


# --- subsets --------------------------------------------------------------------------------------


def choose(rule: str, rows: Sequence[Row], blocks: Sequence[str]) -> list[Row]:
    """Return the rows of an occupancy table for which a rule holds.

    Raises
    ------
    ParameterError
        When the rule cannot be read or names an unknown block.
    """
    names = [*blocks, *(f"{block}_on" for block in blocks)]
    columns = {name: np.array([row[name] for row in rows], np.float64) for name in names}
    chosen = apply_rule(rule, columns)
    return [row for row, yes in zip(rows, chosen, strict=True) if yes]


def read_occupancies(path: Path) -> tuple[list[Row], list[str]]:
    """Read the occupancies of an earlier job from its folder or its record.

    Returns
    -------
    rows : list of dict
        A volume each.
    blocks : list of str
        Names of the blocks.

    Raises
    ------
    ParameterError
        When it is no record of a search for blocks.
    """
    path = record_path(path)
    record = read_record(path)
    rows: Any = record.get("table")
    blocks: Any = record.get("blocks")
    if not _is_table(rows, ("volume", "file")) or not _is_table(blocks, ("name",)):
        raise ParameterError(f"{path} is not the record of a search for blocks; check the path.")
    names = [block["name"] for block in blocks]
    if not all(isinstance(row.get(name), int | float) for row in rows for name in names):
        raise ParameterError(f"{path} lacks the occupancy of a block in a volume; check the path.")
    return rows, names


def _is_table(rows: Any, texts: Sequence[str]) -> bool:
    """Whether a part of a record is a list of rows that have these texts."""
    return isinstance(rows, list) and all(
        isinstance(row, dict) and all(isinstance(row.get(name), str) for name in texts)
        for row in rows
    )


def record_path(path: Path) -> Path:
    """Return the record in a folder, or the record itself.

    Raises
    ------
    ParameterError
        When the folder has none, or several.
    """
    if not path.is_dir():
        return path
    found = sorted(path.glob("blocks*.json"))
    if len(found) != 1:
        what = "no blocks.json" if not found else f"{len(found)} records blocks*.json"
        raise ParameterError(
            f"The folder {path} has {what}; give the folder or the record of a search for blocks."
        )
    return found[0]


def write_subset(
    rows: Sequence[Row],
    columns: Sequence[str],
    outdir: Path,
    *,
    how: str | None = None,
    force: bool = False,
) -> list[Path]:
    """Write a subset of volumes: subset.csv and, if asked, the volumes themselves.

    Parameters
    ----------
    rows : sequence of dict
        From an occupancy table.
    columns : sequence of str
        Of subset.csv.
    outdir : Path
        Made if missing.
    how : {None, "copy", "link"}
        Whether the volumes are copied or linked into the folder.
    force : bool
        Replace files that exist.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    MapFormatError
        When a volume is not there any more.
    OutputError
        When an output exists (unless forced) or cannot be written.
    """
    sources = [Path(row["file"]) for row in rows]
    missing = [source for source in sources if not source.exists()]
    if how is not None and missing:
        raise MapFormatError(
            f"{len(missing)} of {len(sources)} volumes are not there any more, such as "
            f"{missing[0]}; bring them back or leave out --copy and --link."
        )
    targets: Mapping[str, Path] = {}
    if how is not None:
        targets = {
            _file_name(row["volume"], source): source
            for row, source in zip(rows, sources, strict=True)
        }
        if len(targets) < len(rows):
            raise OutputError(
                "Two volumes would be written to one file; run without --copy and --link, and use "
                "the list in subset.csv."
            )
    names = [*targets, "subset.csv"]
    refuse_outputs(outdir, names, sources, force=force)
    with staged_outputs(outdir, names) as staging, output_errors(outdir):
        for name, source in targets.items():
            if how == "copy":
                shutil.copyfile(source, staging.folder / name)
            else:
                (staging.folder / name).symlink_to(source)
        table = staging.folder / "subset.csv"
        table.write_text(csv_text(columns, rows), encoding="utf-8", errors="backslashreplace")
        staging.commit(names, inputs=sources, force=force)
    return [outdir / name for name in names]


def _file_name(volume: str, source: Path) -> str:
    """Return the name of a copy: that of the volume, with the endings of its file."""
    return volume.replace("/", "_") + source.name[len(map_name(source)) :]
