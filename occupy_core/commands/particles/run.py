"""Choose particles: occupancies and a file of particles in, a subset and a record out."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occupy_core.blocks.track.rules import rule_names
from occupy_core.commands.particles.job import ParticlesJob
from occupy_core.commands.particles.occupancies import (
    MapOccupancies,
    class_numbers,
    read_occupancies,
)
from occupy_core.commands.shared.provenance import versions
from occupy_core.commands.shared.quoting import csv_text
from occupy_core.commands.shared.run import JobResult, Run, run_job
from occupy_core.commands.shared.staging import output_errors
from occupy_core.errors import ParameterError
from occupy_core.particles.files import Groups, ParticleFile, read_latent, read_particles
from occupy_core.particles.selection import maps_that_fit, nearest_volume, per_particle, purities
from occupy_core.progress import Progress, report
from occupy_core.regions.share import share_of_particles
from occupy_core.regions.table import plain_row

_DIGITS = 4  # [layout]
_NOT_A_FILE_NAME = str.maketrans(dict.fromkeys('/\\:*?"<>| ', "_"))


def run_particles(job: ParticlesJob, progress: Progress | None = None) -> JobResult:
    """Choose the particles whose maps fit a rule, and write them.

    Raises
    ------
    ParameterError
        When a parameter or the rule cannot be used, or no particle is chosen.
    MapFormatError
        When a file cannot be read.
    OutputError
        When an output exists (unless forced) or cannot be written.
    """
    return run_job(job, _Run, progress)


class _Run(Run[ParticlesJob]):
    """One run of a job."""

    def run(self) -> dict[str, Any]:
        """Do the work and return the record."""
        job = self._job
        report(self._progress, 0.0, "reading")
        occupancies = read_occupancies(job.occupancies)
        particles = read_particles(job.particles)
        known, groups = self._groups(particles, occupancies)
        report(self._progress, 0.5, "choosing")
        of_map = maps_that_fit(job.where, occupancies.columns(), occupancies.kind)
        chosen = known & of_map[groups]
        if not chosen.any():
            raise ParameterError(
                f"No particle fits {job.where or 'the maps'}: the rule holds in "
                f"{int(of_map.sum())} of {len(of_map)} maps; loosen the rule."
            )
        share, sigma = share_of_particles(occupancies.values, occupancies.sigma)
        found = purities(chosen[known], groups[known], share, sigma, occupancies.names)
        report(self._progress, 0.7, "writing")
        columns = per_particle(groups, occupancies.columns())
        with output_errors(job.outdir):
            particles.write(self._folder / self._names["particles"], chosen, columns)
        sizes = np.bincount(groups[known], minlength=len(of_map))
        rows = _group_rows(occupancies, of_map, sizes)
        shares = [
            {**row, **_shares(occupancies.names, *pair)}
            for row, *pair in zip(rows, share, sigma, strict=True)
        ]
        self._write_text("groups", csv_text(tuple(shares[0]), shares, digits=_DIGITS))
        if job.covariates:
            self._write_covariates(known, columns)
        record: dict[str, Any] = {
            "job": self._recorded_job(),
            "inputs": self._recorded_inputs(),
            "occupancies": {"file": str(occupancies.record), "kind": occupancies.kind},
            "rule": job.where,
            "particles": {
                "given": len(particles),
                "assigned": int(known.sum()),
                "chosen": int(chosen.sum()),
            },
            "groups": rows,
            "purity": [plain_row(p) for p in found],
            "in_rule": [] if job.where is None else list(rule_names(job.where)),
            "files": self._names,
            "warnings": self._recorded,
            "versions": versions(),
        }
        self._write_record(record)
        return record

    def _groups(
        self, particles: ParticleFile, occupancies: MapOccupancies
    ) -> tuple[NDArray[np.bool_], Groups]:
        """Return which particles belong to a map, and the row of the map of each (0 if none)."""
        job = self._job
        if job.centers is not None:
            centers = read_latent(job.centers)
            if len(centers) != len(occupancies.maps):
                raise ParameterError(
                    f"{job.centers.name} has {len(centers)} centers but there are "
                    f"{len(occupancies.maps)} maps; give one line for each map, in their order."
                )
            latent = particles.latent() if job.latent is None else read_latent(job.latent)
            if latent is None:
                raise ParameterError(
                    f"{job.particles.name} holds no latent coordinates; give --latent FILE."
                )
            _require_one_each(particles, len(latent), job.latent or job.particles)
            return np.ones(len(latent), bool), nearest_volume(latent, centers)
        source = particles if job.labels is None else read_particles(job.labels)
        labels = source.groups()
        if labels is None:
            raise ParameterError(
                f"{source.path.name} does not say to which map each particle belongs; give "
                "--labels FILE, or --latent FILE and --centers FILE."
            )
        _require_one_each(particles, len(labels), source.path)
        numbers = class_numbers(occupancies.maps, job.classes, labels)
        row_of = {number: row for row, number in enumerate(numbers)}
        rows = np.array([row_of.get(int(label), -1) for label in labels], np.int64)
        known = rows >= 0
        if not known.all():
            self._recorded.append(
                f"{int((~known).sum())} of {len(rows)} particles belong to no map of the table; "
                "they were left out."
            )
        return known, np.maximum(rows, 0)

    def _write_covariates(
        self, known: NDArray[np.bool_], columns: Mapping[str, NDArray[np.float64]]
    ) -> None:
        """Write one pickled array of all particles for each region; NaN without a map."""
        written = {}
        for name, values in columns.items():
            file = f"covariate_{name.translate(_NOT_A_FILE_NAME)}_{self._job.base_name}.pkl"
            buffer = io.BytesIO()
            pickle.dump(np.where(known, values, np.nan).astype(np.float32), buffer, protocol=4)
            with output_errors(self._job.outdir):
                (self._folder / file).write_bytes(buffer.getvalue())
            written[f"covariate_{name}"] = file
        result = self._names.pop("result")  # the record stays the last
        self._names.update(written, result=result)


def _require_one_each(particles: ParticleFile, n: int, path: Path) -> None:
    if n != len(particles):
        raise ParameterError(
            f"{path.name} has {n} particles but {particles.path.name} has {len(particles)}; give "
            "files of one set of particles."
        )


def _shares(
    names: tuple[str, ...], share: NDArray[np.float64], sigma: NDArray[np.float64]
) -> dict[str, float | None]:
    """Share of the particles of one map that have each region, and its standard error."""
    columns: dict[str, float | None] = {}
    for name, p, s in zip(names, share, sigma, strict=True):
        columns[f"share_{name}"] = float(p) if np.isfinite(p) else None
        columns[f"share_error_{name}"] = float(s) if np.isfinite(s) else None
    return columns


def _group_rows(
    occupancies: MapOccupancies, of_map: NDArray[np.bool_], sizes: Groups
) -> list[dict[str, Any]]:
    rows = []
    for i, name in enumerate(occupancies.maps):
        row: dict[str, Any] = {"map": name, "particles": int(sizes[i]), "chosen": bool(of_map[i])}
        for value, region in zip(occupancies.values[i], occupancies.names, strict=True):
            row[region] = round(float(value), _DIGITS) if np.isfinite(value) else None
        rows.append(row)
    return rows
