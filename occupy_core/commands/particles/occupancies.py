"""Occupancies of an earlier run, by map: of regions with their errors, or of blocks."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occupy_core.commands.shared.record import read_record
from occupy_core.errors import ParameterError
from occupy_core.regions.table import RegionTable

Floats = NDArray[np.float64]
Groups = NDArray[np.int64]

_CLASS = re.compile(r"class_?0*(\d+)", re.IGNORECASE)
_LAST_NUMBER = re.compile(r"(\d+)\D*$")


@dataclass(frozen=True, kw_only=True, eq=False)
class MapOccupancies:
    """Occupancy of each region or block in each map.

    Parameters
    ----------
    record : Path
        Where they were read.
    kind : str
        "regions" or "blocks".
    maps, names : tuple of str
        Names of the maps, and of the regions or blocks.
    values, sigma : ndarray of float64, shape (n_maps, n_names)
        Occupancies and their standard errors; NaN where they are not known, and for all errors of
        blocks.
    """

    record: Path
    kind: str
    maps: tuple[str, ...]
    names: tuple[str, ...]
    values: Floats
    sigma: Floats

    def columns(self) -> dict[str, Floats]:
        """Occupancies by name, shape (n_maps,) each."""
        return {name: self.values[:, k] for k, name in enumerate(self.names)}


def read_occupancies(path: Path) -> MapOccupancies:
    """Read the occupancies of a region job or of a search for blocks.

    Parameters
    ----------
    path : Path
        The record, or the folder that holds it.

    Raises
    ------
    ParameterError
        When there is no such record, or more than one.
    """
    record_path = record_at(path)
    record = read_record(record_path)
    try:
        found = _of_blocks(record_path, record) or _of_regions(record_path, record)
    except (KeyError, TypeError, ValueError) as error:
        raise ParameterError(
            f"{record_path} is a damaged record ({type(error).__name__}: {error}); run it again."
        ) from error
    if found is None:
        raise ParameterError(
            f"{record_path} is not the record of occupancies; give that of occupy-core regions or "
            "occupy-core blocks."
        )
    return found


def record_at(path: Path) -> Path:
    """Return the record of occupancies at a path: the file itself, or that in a folder.

    Raises
    ------
    ParameterError
        When a folder has no such record, or more than one.
    """
    return _record_in(path) if path.is_dir() else path


def _record_in(folder: Path) -> Path:
    paths = sorted(folder.glob("*.json"))
    found = [path for path in paths if "table" in read_record(path)]
    if len(found) != 1:
        what = "no record" if not found else f"{len(found)} records"
        raise ParameterError(
            f"The folder {folder} has {what} of occupancies; give the record (.json) of a run of "
            "occupy-core regions or occupy-core blocks."
        )
    return found[0]


def _of_blocks(path: Path, record: dict[str, Any]) -> MapOccupancies | None:
    rows, blocks = record.get("table"), record.get("blocks")
    if not isinstance(rows, list) or not isinstance(blocks, list):
        return None
    names = tuple(str(block["name"]) for block in blocks)
    values = np.array([[float(row[name]) for name in names] for row in rows], np.float64)
    return MapOccupancies(
        record=path,
        kind="blocks",
        maps=tuple(str(row["volume"]) for row in rows),
        names=names,
        values=values.reshape(len(rows), len(names)),
        sigma=np.full((len(rows), len(names)), math.nan),
    )


def _of_regions(path: Path, record: dict[str, Any]) -> MapOccupancies | None:
    if "table" not in record or "reference" not in record:
        return None
    table = RegionTable.from_record(record)
    return MapOccupancies(
        record=path,
        kind="regions",
        maps=table.maps,
        names=table.regions,
        values=table.occupancy,
        sigma=table.sigma,
    )


def class_numbers(maps: Sequence[str], given: Sequence[int], labels: Groups) -> tuple[int, ...]:
    """Return the number by which the particles name each map.

    Parameters
    ----------
    maps : sequence of str
        Names of the maps.
    given : sequence of int
        The numbers that the user gave; none means that they are found: in the names (…_class003,
        vol_003), else by the order of the maps, from the lowest label, 0 or 1.
    labels : ndarray of int64, shape (n_particles,)

    Raises
    ------
    ParameterError
        When their number is not that of the maps, or no particle has any of them.
    """
    present = set(np.unique(labels).tolist())
    if given:
        if len(given) != len(maps):
            raise ParameterError(
                f"{len(given)} class numbers are given for {len(maps)} maps; give one each."
            )
        numbers = tuple(given)
    else:
        named = _numbers_in(maps)
        first = 0 if 0 in present else 1
        ordered = tuple(range(first, first + len(maps)))
        numbers = named if named is not None and present & set(named) else ordered
    if not present & set(numbers):
        raise ParameterError(
            f"The particles belong to the classes {_listed(present)} but the maps are those of "
            f"{_listed(numbers)}; give the number of each map with --classes."
        )
    return numbers


def _numbers_in(maps: Sequence[str]) -> tuple[int, ...] | None:
    """Class numbers in the names of all maps, when they are all different."""
    for pattern in (_CLASS, _LAST_NUMBER):
        found = [pattern.search(name) for name in maps]
        numbers = [int(match.group(1)) for match in found if match]
        if len(set(numbers)) == len(maps):
            return tuple(numbers)
    return None


def _listed(numbers: Sequence[int] | set[int]) -> str:
    some = sorted(numbers)
    return ", ".join(map(str, some[:10])) + (", …" if len(some) > 10 else "")
