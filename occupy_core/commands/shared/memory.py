"""How much memory and time a command takes, from what was measured, and how much there is.

Looked at before any library is loaded: where the memory does not suffice, the run ends with a
sentence, and not by a signal after an hour.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from occupy_core.errors import ParameterError
from occupy_core.files import open_plain
from occupy_core.machine import available_cores, memory_limits

_MB = 1e6  # [layout]
_SURE = 0.9  # [guard] of the need: what a run takes differs by some percent from what was measured
_ADDRESSES = 650e6  # bytes beside the memory in use  # [fit: python -m benchmarks.memory 64 256]
_OF_A_THREAD = 75e6  # bytes: its stack and what malloc reserves for it  # [fit: as above]
_HEADER = 1024  # [layout] bytes
_MOST_EDGE = 32768  # [layout] voxels

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Need:
    """What a command takes for a map.

    Parameters
    ----------
    base : float
        Memory of the smallest run, MB.
    per_voxel : float
        Memory for each voxel of the box, bytes.
    seconds : float
        Time of the smallest run on one core, s.
    per_voxel_time : float
        Time for each voxel of the box and each map, on one core, µs; without figures and filters.
    """

    base: float
    per_voxel: float
    seconds: float
    per_voxel_time: float


# With the options that take most; what was measured stands in benchmarks/README.md.
NEEDS: Mapping[str, Need] = {
    "scale": Need(215, 92, 1.0, 0.3),  # [fit: python -m benchmarks.memory 64 144 256]
    "resolution": Need(222, 75, 2.0, 0.8),  # [fit: as above; time: benchmarks.resolution]
    "resolution bench": Need(220, 106, 2.8, 5.0),  # [fit: as above]
    "regions": Need(207, 56, 2.0, 0.4),  # [fit: as above, and benchmarks.occupancy speed]
    "blocks": Need(300, 32, 2.5, 0.1),  # [fit: as above, and benchmarks.blocks speed]
    "classes": Need(330, 73, 8.0, 1.6),  # [fit: as above, the sum of its steps]
}
# Bytes for each voxel of the box and each map, of maps that are held side by side.
_OF_A_MAP = {"blocks": 0.13, "classes": 0.13}  # [fit: python -m benchmarks.blocks speed]
_MAX_BOX = 256  # [layout] voxels along the longest edge: to this `scale` resamples larger maps
_BEYOND = 16  # [physics] bytes for each voxel of a larger map: four maps of float32
# The fields that name the maps, of which the first tells the box.
_MAPS = ("map", "half1", "maps", "volumes", "masks")


def require_memory(command: str, given: Mapping[str, Any]) -> None:
    """Raise when a command needs more memory than there is.

    Parameters
    ----------
    command : str
        Its name.
    given : mapping
        The values of its options by field.

    Raises
    ------
    ParameterError
        With the need, the limit and what sets it.
    """
    maps = _maps_of(given)
    shape = _box_of(maps)
    if command not in NEEDS or shape is None:
        return
    resident = _bytes(command, shape, given, len(maps))
    for limit, of_addresses, what in memory_limits():
        needed = resident + (_addresses(given) if of_addresses else 0.0)
        if _SURE * needed > limit:
            raise ParameterError(
                f"The command {command} needs about {needed / _MB:.0f} MB of memory for a box of "
                f"{' x '.join(map(str, shape))} voxels, but {what} is {limit / _MB:.0f} MB; raise "
                "it, run on a larger machine, or bin or crop the map."
            )


def estimate_text(command: str, given: Mapping[str, Any]) -> str:
    """Say how long a command will take and how much memory, for ``--dry-run``."""
    if command not in NEEDS:
        return f"The command {command} takes some seconds and less than 500 MB of memory."
    maps = _maps_of(given)
    shape = _box_of(maps)
    if shape is None:
        return "No map is given, or its header cannot be read, so its need is not known."
    memory, seconds = _need(command, shape, given, len(maps))
    threads = min(given.get("threads") or available_cores(), available_cores())
    least = min((limit, what) for limit, _, what in memory_limits())
    return (
        f"The command {command} on {len(maps)} maps of {' x '.join(map(str, shape))} voxels needs "
        f"about {memory / _MB:.0f} MB of memory ({least[1]} is {least[0] / _MB:.0f} MB) and about "
        f"{seconds:.0f} s on {threads} threads. Nothing was computed or written."
    )


def need_of(command: str, given: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the memory (bytes) and the time (s) that a command takes.

    Parameters
    ----------
    command : str
        Its name.
    given : mapping
        The values of its options by field.

    Returns
    -------
    tuple of float or None
        None when the command is not known, or the box of its first map.
    """
    maps = _maps_of(given)
    shape = _box_of(maps)
    if command not in NEEDS or shape is None:
        return None
    return _need(command, shape, given, len(maps))


def _need(command: str, shape: Shape, given: Mapping[str, Any], maps: int) -> tuple[float, float]:
    """Return the memory (bytes) and the time (s) that a command takes for some maps of a box."""
    need = NEEDS[command]
    threads = min(given.get("threads") or available_cores(), available_cores())
    work = need.per_voxel_time * 1e-6 * _worked(command, shape, given) * maps
    return _bytes(command, shape, given, maps), need.seconds + work / threads


def box_of(given: Mapping[str, Any]) -> Shape | None:
    """Number of voxels (x, y, z) of the first map that is given; None when it is not known."""
    return _box_of(_maps_of(given))


def _box_of(maps: Sequence[Any]) -> Shape | None:
    return _header_box(Path(str(maps[0]).removesuffix(":mrc"))) if maps else None


def _maps_of(given: Mapping[str, Any]) -> list[Any]:
    """The maps that are given: by name, by a file of parameters, or by a folder."""
    values = {**_recorded(given.get("params")), **given}
    files = _several(values)
    if not files and values.get("volumes_dir") is not None:
        folder = Path(values["volumes_dir"])
        files = sorted(folder.glob("*.mrc*")) + sorted(folder.glob("*.map*"))
    return files


def _several(values: Mapping[str, Any]) -> list[Any]:
    """The first field of maps that has any."""
    for field in _MAPS:
        found = values.get(field)
        if found:
            return list(found) if isinstance(found, list | tuple) else [found]
    return []


def _recorded(params: Any) -> Mapping[str, Any]:
    """Values of a file of parameters; whatever is wrong with it is told when it is used."""
    if params is None:
        return {}
    try:
        with open_plain(Path(params)) as stream:
            values = json.load(stream)
        values = values.get("job", values)
    except (OSError, ValueError, RecursionError, AttributeError):
        return {}
    return values if isinstance(values, dict) else {}


def _header_box(path: Path) -> Shape | None:
    """Read the box from the header of a map, also a packed one; None when it has none."""
    try:
        with open_plain(path) as stream:
            start = stream.read(_HEADER)
        if start[:2] == b"\x1f\x8b" and start[208:211] != b"MAP":
            import gzip

            with gzip.open(path, "rb") as unpacked:
                start = unpacked.read(_HEADER)
    except (OSError, EOFError, ValueError):
        return None
    for order in "<>":
        if len(start) == _HEADER:
            nx, ny, nz, mode = struct.unpack_from(f"{order}4i", start)
            if min(nx, ny, nz) > 0 and max(nx, ny, nz) < _MOST_EDGE and 0 <= mode <= 101:
                return nx, ny, nz
    return None


def _voxels(shape: Shape, given: Mapping[str, Any]) -> float:
    """Voxels of the box as it is worked on."""
    binned = given.get("bin") or 1
    return shape[0] * shape[1] * shape[2] / max(1, binned) ** 3


def _worked(command: str, shape: Shape, given: Mapping[str, Any]) -> float:
    """Voxels of the box to which `scale` resamples a larger map; of other commands, all."""
    voxels = _voxels(shape, given)
    if command != "scale":
        return voxels
    return float(voxels * min(1.0, given.get("scale.max_box", _MAX_BOX) / max(shape)) ** 3)


def _bytes(command: str, shape: Shape, given: Mapping[str, Any], maps: int) -> float:
    need, worked = NEEDS[command], _worked(command, shape, given)
    beyond = _BEYOND * (_voxels(shape, given) - worked)
    per_voxel = need.per_voxel + _OF_A_MAP.get(command, 0.0) * maps
    return float(need.base * _MB + per_voxel * worked + beyond)


def _addresses(given: Mapping[str, Any]) -> float:
    """Addresses that libraries and threads reserve beside the memory in use, bytes."""
    threads = min(given.get("threads") or available_cores(), available_cores())
    return _ADDRESSES + _OF_A_THREAD * threads
