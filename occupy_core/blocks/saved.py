"""Intermediate results as files in open formats (npz, no pickle), so that steps can be rerun."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from occupy_core.blocks.bits import VoxelBits
from occupy_core.blocks.contour.binarize import OccupiedVoxels, Thresholds
from occupy_core.blocks.sketch.communities import Communities
from occupy_core.errors import MapFormatError, OutputError
from occupy_core.files import open_plain
from occupy_core.maps.grid import Grid

_OCCUPIED, _COMMUNITIES = "occupied voxels 3", "communities 2"
# What is kept of `Communities`; another list is another format, with another number above. Files of
# version 0.1.0 hold `degrees` too, which nothing reads.
_ARRAYS = ("seeds", "labels", "patterns", "profiles", "silhouettes", "gradations", "touching")
_NUMBERS = ("n_screened", "n_sampled", "n_edges", "correction", "log_limit", "min_distance")


def save_occupied(path: Path, occupied: OccupiedVoxels, made_from: str = "") -> Path:
    """Save what `sketch_communities` starts from.

    `made_from` says of what it was made; `read_made_from` returns it.

    Raises
    ------
    OutputError
        When the file cannot be written.
    """
    grid, thresholds = occupied.grid, occupied.thresholds
    head = {
        "content": _OCCUPIED,
        "shape": grid.shape,
        "voxel_size": grid.voxel_size,
        "origin": grid.origin,
        "nstart": grid.nstart,
        "names": thresholds.names,
        "rule": thresholds.rule,
        "smoothing": occupied.smoothing,
        "n_volumes": occupied.n_volumes,
        "made_from": made_from,
    }
    return _save(
        path,
        head,
        {
            "thresholds": thresholds.values,
            "solvent": thresholds.solvent,
            "on_fraction": thresholds.on_fraction,
            "used": thresholds.used,
            "empty": thresholds.empty,
            "voxels": occupied.voxels,
            "words": occupied.bits.words,
            "totals": occupied.bits.totals,
            "noise": occupied.noise,
        },
    )


def load_occupied(path: Path) -> OccupiedVoxels:
    """Load what `save_occupied` saved.

    Raises
    ------
    MapFormatError
        When the file is missing or something else.
    """
    head, arrays = _load(path, _OCCUPIED)
    with _complete(path):
        return _occupied(head, arrays)


def _occupied(head: dict[str, Any], arrays: dict[str, Any]) -> OccupiedVoxels:
    grid = Grid(*(tuple(head[k]) for k in ("shape", "voxel_size", "origin", "nstart")))
    thresholds = Thresholds(
        names=tuple(head["names"]),
        values=arrays["thresholds"],
        solvent=arrays["solvent"],
        on_fraction=arrays["on_fraction"],
        used=arrays["used"],
        rule=head["rule"],
        empty=arrays["empty"],
    )
    voxels = arrays["voxels"]
    cells = np.stack(np.unravel_index(voxels, grid.shape), axis=1).astype(np.int32)
    bits = VoxelBits(arrays["words"], arrays["totals"], cells, head["n_volumes"])
    return OccupiedVoxels(
        grid=grid,
        thresholds=thresholds,
        voxels=voxels,
        bits=bits,
        smoothing=head["smoothing"],
        noise=arrays["noise"],
    )


def save_communities(path: Path, communities: Communities, made_from: str = "") -> Path:
    """Save what `expand_communities` starts from, beside the occupied voxels.

    `made_from` says of what they were made; `read_made_from` returns it.

    Raises
    ------
    OutputError
        When the file cannot be written.
    """
    head = {name: getattr(communities, name) for name in _NUMBERS}
    arrays = {name: getattr(communities, name) for name in _ARRAYS}
    return _save(path, {"content": _COMMUNITIES, "made_from": made_from, **head}, arrays)


def load_communities(path: Path) -> Communities:
    """Load what `save_communities` saved.

    Raises
    ------
    MapFormatError
        When the file is missing or something else.
    """
    head, arrays = _load(path, _COMMUNITIES)
    with _complete(path):
        numbers = {name: head[name] for name in _NUMBERS}
        return Communities(**numbers, **{name: arrays[name] for name in _ARRAYS})


@contextmanager
def _complete(path: Path) -> Iterator[None]:
    """Say that a part of a state is missing, or is something else."""
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise MapFormatError(f"{path} is no saved state; run the step before again.") from error


def read_made_from(path: Path) -> str:
    """Return what was said when a state was saved; nothing when there is no such file."""
    try:
        with open_plain(path) as stream, np.load(stream, allow_pickle=False) as archive:
            return str(json.loads(str(archive["head"]))["made_from"])
    except Exception:  # a damaged archive raises nearly anything
        return ""


def _save(path: Path, head: dict[str, Any], arrays: dict[str, Any]) -> Path:
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as stream:
            np.savez_compressed(stream, head=np.array(json.dumps(head)), **arrays)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(f"The state {path} cannot be written: {error.strerror}.") from error
    return path


def _load(path: Path, content: str) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        with open_plain(path) as stream, np.load(stream, allow_pickle=False) as archive:
            # Of an array whose header lost rows, numpy reads no end, and so no checksum.
            if archive.zip is None or archive.zip.testzip() is not None:
                raise ValueError("a checksum differs")
            arrays = {name: archive[name] for name in archive.files}
            head = json.loads(str(arrays.pop("head")))
    except FileNotFoundError:
        raise MapFormatError(f"The state {path} does not exist; run the step before.") from None
    except Exception as error:  # as above
        raise MapFormatError(f"{path} is no saved state; run the step before again.") from error
    if head.get("content") != content:
        raise MapFormatError(
            f"{path} holds '{head.get('content')}', but '{content}' is needed; give the other file."
        )
    return head, arrays
