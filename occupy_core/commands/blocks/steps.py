"""The first steps of a search for blocks as they are saved, and taken over from there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from occupy_core.blocks.contour.binarize import OccupiedVoxels
from occupy_core.blocks.find import Sketch
from occupy_core.blocks.params import CONTOUR_FIELDS, SKETCH_FIELDS
from occupy_core.blocks.saved import (
    load_communities,
    load_occupied,
    read_made_from,
    save_communities,
    save_occupied,
)
from occupy_core.blocks.sketch.communities import Communities
from occupy_core.commands.blocks.job import BlocksJob
from occupy_core.commands.shared.provenance import versions
from occupy_core.errors import MapFormatError, ParameterError

# The fields that decide how volumes are read.
_READ = ("voxel_size", "bin", "align_maps", "match_falloff")

State = TypeVar("State", OccupiedVoxels, Communities)


class SavedSteps:
    """The first steps of a job as they were saved, by an earlier run or by this one.

    Parameters
    ----------
    job : BlocksJob
    inputs : callable
        Returns the checksums of its input files, see `JobBase.inputs`, when they are needed.
    """

    def __init__(self, job: BlocksJob, inputs: Callable[[], Mapping[str, str]]) -> None:
        self._job = job
        self._inputs = inputs
        if job.resume is not None and not job.resume.is_dir():
            raise ParameterError(
                f"The folder {job.resume} to resume from does not exist; give that of an earlier "
                "run, or leave it out."
            )

    def load(self, names: Sequence[str]) -> Sketch:
        """Return the steps that need not be done again; `names` are those of the volumes."""
        self._names = tuple(names)
        job = self._job
        if job.occupied is not None:
            occupied: OccupiedVoxels | None = load_occupied(job.occupied)
        else:
            occupied = self._taken_over("state_occupied", 0, load_occupied)
        if job.communities is None:
            communities = self._taken_over("state_communities", 1, load_communities)
            return Sketch(occupied, None if occupied is None else communities)
        communities = load_communities(job.communities)
        if occupied is None or not communities.fit(occupied):
            raise ParameterError(
                f"The communities {job.communities} were not found in the occupied voxels "
                f"{job.occupied}; give two files of one run."
            )
        return Sketch(occupied, communities)

    def save(
        self,
        folder: Path,
        names: Mapping[str, str],
        occupied: OccupiedVoxels,
        communities: Communities,
    ) -> None:
        """Write the state of both steps."""
        contour, sketch = self._digests()
        save_occupied(folder / names["state_occupied"], occupied, contour)
        save_communities(folder / names["state_communities"], communities, sketch)

    def _taken_over(self, key: str, step: int, load: Callable[[Path], State]) -> State | None:
        """Return a saved state when it was made of what the job would make it of."""
        if self._job.resume is None:
            return None
        path = self._job.resume / self._job.output_names()[key]
        if read_made_from(path) != self._digests()[step]:
            return None
        with suppress(MapFormatError):  # the head can be read, but not the rest
            return load(path)
        return None

    def _digests(self) -> tuple[str, str]:
        """Return a checksum of all that decides the first step, and of all that decides the second.

        Of a state that the job starts from it is what that says of itself.
        """
        job, params = self._job, asdict(self._job.blocks)
        if job.occupied is not None:
            contour = read_made_from(job.occupied)
        else:
            checksums = self._inputs()
            run = {name: getattr(job, name) for name in _READ} | {"versions": versions()}
            files = [checksums[key] for key in job.inputs]
            values = [params[name] for name in CONTOUR_FIELDS]
            contour = _digest([run, list(self._names), files, values])
        if job.communities is not None:
            return contour, read_made_from(job.communities)
        return contour, _digest([contour, [params[name] for name in SKETCH_FIELDS]])


def _digest(values: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
