"""The first steps of a search for blocks: done, or taken over from where they were saved."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from occupy_core.blocks.contour.binarize import OccupiedVoxels, binarize
from occupy_core.blocks.expand.masks import require_same_ensemble
from occupy_core.blocks.params import CONTOUR_FIELDS, SKETCH_FIELDS
from occupy_core.blocks.saved import (
    load_communities,
    load_occupied,
    made_from,
    save_communities,
    save_occupied,
)
from occupy_core.blocks.sketch.communities import Communities, sketch_communities
from occupy_core.commands.blocks.job import BlocksJob
from occupy_core.commands.blocks.tables import read_thresholds
from occupy_core.commands.shared.provenance import versions
from occupy_core.errors import MapFormatError, ParameterError
from occupy_core.maps.ensemble import Ensemble
from occupy_core.progress import Progress, part

# Fractions of the two steps at which they end.
_CONTOURED = 0.7  # [layout]

State = TypeVar("State", OccupiedVoxels, Communities)


class FirstSteps:
    """Contours and communities of a job.

    Parameters
    ----------
    job : BlocksJob
    ensemble : Ensemble
        Its volumes.
    inputs : callable
        Returns the checksums of its input files, see `JobBase.inputs`, when they are needed.

    Attributes
    ----------
    occupied : OccupiedVoxels
    communities : Communities
    remarks : list of str
        What the user should know.
    """

    occupied: OccupiedVoxels
    communities: Communities

    def __init__(
        self, job: BlocksJob, ensemble: Ensemble, inputs: Callable[[], Mapping[str, str]]
    ) -> None:
        self._job = job
        self._ensemble = ensemble
        self._inputs = inputs
        self.remarks: list[str] = []
        if job.resume is not None and not job.resume.is_dir():
            raise ParameterError(
                f"The folder {job.resume} to resume from does not exist; give that of an earlier "
                "run, or leave it out."
            )

    def run(self, progress: Progress | None) -> None:
        """Do what is not done already."""
        self.occupied = self._contour(part(progress, 0.0, _CONTOURED))
        self.communities = self._sketch(part(progress, _CONTOURED, 1.0))

    def save(self, folder: Path, names: Mapping[str, str]) -> None:
        """Write the state of both steps."""
        contour, sketch = self._digests()
        save_occupied(folder / names["state_occupied"], self.occupied, contour)
        save_communities(folder / names["state_communities"], self.communities, sketch)

    def _contour(self, progress: Progress | None) -> OccupiedVoxels:
        job = self._job
        if job.occupied is not None:
            occupied = load_occupied(job.occupied)
            require_same_ensemble(self._ensemble, occupied)
            return occupied
        table = None
        if job.thresholds is not None:
            table, remarks = read_thresholds(job.thresholds, self._ensemble.names)
            self.remarks += remarks
        saved = self._taken_over("state_occupied", 0, load_occupied)
        if saved is not None:
            return saved
        return binarize(self._ensemble, job.blocks, table=table, progress=progress)

    def _sketch(self, progress: Progress | None) -> Communities:
        job = self._job
        if job.communities is not None:
            communities = load_communities(job.communities)
            self._require_fit(communities)
            return communities
        saved = self._taken_over("state_communities", 1, load_communities)
        if saved is not None:
            return saved
        return sketch_communities(self.occupied, job.blocks, progress=progress)

    def _taken_over(self, key: str, step: int, load: Callable[[Path], State]) -> State | None:
        """Return a saved state when it was made of what the job would make it of."""
        if self._job.resume is None:
            return None
        path = self._job.resume / self._job.output_names()[key]
        if made_from(path) != self._digests()[step]:
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
            contour = made_from(job.occupied)
        else:
            checksums = self._inputs()
            run = {"voxel_size": job.voxel_size, "bin": job.bin, "versions": versions()}
            files = [checksums[key] for key in job.inputs]
            values = [params[name] for name in CONTOUR_FIELDS]
            contour = _digest([run, list(self._ensemble.names), files, values])
        if job.communities is not None:
            return contour, made_from(job.communities)
        return contour, _digest([contour, [params[name] for name in SKETCH_FIELDS]])

    def _require_fit(self, communities: Communities) -> None:
        last = int(communities.seeds.max(initial=-1))
        n_volumes, n_voxels = self.occupied.n_volumes, len(self.occupied.voxels)
        if communities.profiles.shape[1] != n_volumes or last >= n_voxels:
            raise ParameterError(
                f"The communities {self._job.communities} were not found in the occupied voxels "
                f"{self._job.occupied}; give two files of one run."
            )


def _digest(values: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
