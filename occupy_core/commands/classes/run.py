"""Run an analysis of classes: checks, the steps of other commands, and what they say together."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from occupy_core.commands.classes import steps
from occupy_core.commands.classes.answer import answer
from occupy_core.commands.classes.figures import dendrogram_size, draw_dendrogram
from occupy_core.commands.classes.job import ClassesJob
from occupy_core.commands.report.page import Result
from occupy_core.commands.shared import plots
from occupy_core.commands.shared.job import JobBase
from occupy_core.commands.shared.job_maps import JobMaps
from occupy_core.commands.shared.provenance import versions
from occupy_core.commands.shared.quoting import csv_text
from occupy_core.commands.shared.record import read_record
from occupy_core.commands.shared.run import JobResult, Run, run_job
from occupy_core.maps.ensemble_check import MapsCheck
from occupy_core.maps.grid import require_same_grid
from occupy_core.maps.mrc import read_map
from occupy_core.progress import Progress, part, report
from occupy_core.regions.by_model.atoms import read_model
from occupy_core.regions.data_sets import condition_differences, shares_of_conditions
from occupy_core.regions.share import share_of_particles
from occupy_core.regions.significance import Difference
from occupy_core.regions.table import RegionTable, plain_row
from occupy_core.regions.verdict import judge

_DIGITS = 4  # [layout] of the numbers in tables
# Fractions of the whole at which its parts end.
_CHECKED, _SCALED, _RESOLVED, _BLOCKS, _MEASURED = 0.05, 0.15, 0.6, 0.75, 0.95  # [layout]
_COLUMNS = (
    *("map", "particles", "region", "verdict", "occupancy", "sigma", "share", "share_sigma"),
    *("resolution", "resolution_sigma", "coarser", "blur", "flags"),
)
# What was done to a map, by the flags of its state, and words in the names of its files.
_CHANGED = {
    "sharpened": "sharpened",
    "modified": "filtered locally or modified by a network",
    "clipped": "low density cut off",
}
_CALLED = re.compile(r"post-?_?process|sharp|deepemhancer|locscale|_masked", re.IGNORECASE)
_SHARES = ("condition", "region", "share", "sigma", "replicates")
_SHOWN = ("regions", "blocks", "scale")  # [layout] steps that have a page of their own
# What the record of the occupancies holds that is that of the whole analysis, too.
_OF_REGIONS = (
    *("grid", "table", "reference", "notes", "model_shift", "regrouping", "differences"),
    *("average", "parameters"),
)


def run_classes(job: ClassesJob, progress: Progress | None = None) -> JobResult:
    """Analyse classes and write everything.

    Each step has a folder in the output folder, and is complete as soon as it is there. What says
    it all together appears at the end.

    Parameters
    ----------
    job : ClassesJob
        What to do.
    progress : Progress, optional
        Told the fraction done.

    Returns
    -------
    JobResult

    Raises
    ------
    ParameterError
        When a parameter is outside its limits or the model cannot be read.
    MapFormatError, GridMismatchError, EstimationError
        When an input cannot be used.
    OutputError
        When an output exists (unless forced) or cannot be written.
    """
    return run_job(job, _Run, progress)


class _Run(Run[ClassesJob]):
    """One run of a job."""

    def run(self) -> dict[str, Any]:
        """Do the work and return the record."""
        report(self._progress, 0.0, "checking the maps")
        checks = self._check()
        records = dict(self._steps())
        report(self._progress, _MEASURED, "writing")
        found = {name: record for name, (_, record) in records.items()}
        checks += self._processed(found)
        regions = found.get("regions")
        record: dict[str, Any] = {
            "job": self._recorded_job(),
            "inputs": self._recorded_inputs(),
            "parameters": {},
            "checks": checks,
            "steps": {name: str(path) for name, (path, _) in records.items()},
            "classes": self._classes(found),
            "n_blocks": len(found["blocks"]["blocks"]) if "blocks" in found else None,
            "data_sets": None,
        }
        if regions is None:
            for key in ("differences", "dendrogram", "data_sets"):
                self._names.pop(key, None)
            self._write_text("table", csv_text(_COLUMNS, [], digits=_DIGITS))
        else:
            record |= {key: regions[key] for key in _OF_REGIONS}
            self._write_regions(record)
        record |= {
            "files": self._names,
            "warnings": list(dict.fromkeys([*checks, *self._warnings(found), *self._recorded])),
            "versions": (regions or {"versions": versions()})["versions"],
        }
        record["answer"] = answer(record).record()
        self._write_record(record)
        return record

    def _check(self) -> list[str]:
        """Compare the maps with the first, and read all that is needed later, before the work."""
        maps = iter(JobMaps(self._job))
        first = next(maps)
        check = MapsCheck(first)
        check.see(0, first)
        for i, density in enumerate(maps, start=1):
            require_same_grid(first, density, "map")
            check.see(i, density)
        job = self._job
        for what, paths in (("mask", job.masks), ("half map", (*job.half1, *job.half2))):
            for path in paths:
                require_same_grid(first, read_map(path, voxel_size=job.voxel_size), what)
        if job.model is not None:
            read_model(job.model)
        return check.doubts()

    def _processed(self, found: dict[str, dict[str, Any]]) -> list[str]:
        """Tell of maps that are no raw reconstructions, by what they look like or are called."""
        told = []
        for i, (path, name) in enumerate(zip(self._job.maps, self._job.map_names, strict=True), 1):
            flags = found[f"resolution_{i}"]["state_flags"]
            why = [word for flag, word in _CHANGED.items() if flags.get(flag)]
            if _CALLED.search(path.name):
                why.append("by its name")
            if why:
                told.append(
                    f"{name} seems to be post-processed ({', '.join(why)}): sharpening and masks "
                    "read as changes of occupancy and resolution; give the map as it was "
                    "reconstructed."
                )
        return told

    def _steps(self) -> Iterator[tuple[str, tuple[Path, dict[str, Any]]]]:
        """Do the steps, and yield the name, the path within the output folder and the record."""
        job = self._job
        report(self._progress, _CHECKED, "scale of the consensus")
        steps.write_consensus(job)
        yield "scale", self._done("scale", steps.scale_job(job), _CHECKED, _SCALED)
        resolved = list(steps.resolution_jobs(job))
        for i, each in enumerate(resolved):
            start, end = (_SCALED + (_RESOLVED - _SCALED) * k / len(resolved) for k in (i, i + 1))
            yield f"resolution_{i + 1}", self._done("resolution", each, start, end)
        if job.with_blocks:
            yield "blocks", self._done("blocks", steps.blocks_job(job), _RESOLVED, _BLOCKS)
        regions = steps.regions_job(job)
        if regions is not None:
            yield "regions", self._done("regions", regions, _BLOCKS, _MEASURED)

    def _done(
        self, command: str, job: JobBase, start: float, end: float
    ) -> tuple[Path, dict[str, Any]]:
        record = steps.done(command, job, part(self._progress, start, end))
        folder = job.outdir.relative_to(self._job.outdir)
        return folder / job.output_names()["result"], record

    def _classes(self, found: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
        """Size and resolution of each class."""
        rows = []
        for i, name in enumerate(self._job.map_names, start=1):
            resolved = found[f"resolution_{i}"]
            rows.append(
                {
                    "map": name,
                    "particles": self._job.weights[i - 1] if self._job.weights else None,
                    "data_set": self._job.data_sets[i - 1] if self._job.data_sets else None,
                    "resolution": resolved["global_0143"],
                    "source": resolved["source"],
                    "state": resolved["state"],
                }
            )
        return rows

    def _warnings(self, found: dict[str, dict[str, Any]]) -> Iterator[str]:
        """Warnings of the steps; those of a single map name it."""
        for name, record in found.items():
            kind, _, number = name.partition("_")
            for text in record["warnings"]:
                if kind == "scale":
                    yield f"Consensus: {text}"
                elif number:
                    yield f"{self._job.map_names[int(number) - 1]}: {text}"
                else:
                    yield text

    def _write_regions(self, record: dict[str, Any]) -> None:
        """Write what is said of regions, and add what is compared between data sets."""
        job = self._job
        table = RegionTable.from_record(record)
        self._write_text("table", csv_text(_COLUMNS, _rows(table, job), digits=_DIGITS))
        if "differences" in self._names:
            columns = tuple(Difference.__dataclass_fields__)
            text = csv_text(columns, record["differences"], digits=_DIGITS)
            self._write_text("differences", text)
        if table.regrouping is None:
            self._names.pop("dendrogram", None)
        elif "dendrogram" in self._names:
            figure = plots.new_figure(*dendrogram_size(table.regrouping))
            draw_dendrogram(figure, table.regrouping)
            self._save(figure, "dendrogram")
        if job.data_sets:
            shares = shares_of_conditions(table, job.data_sets, job.weights)
            self._write_text("data_sets", csv_text(_SHARES, map(asdict, shares), digits=_DIGITS))
            record["data_sets"] = {
                "shares": [plain_row(share) for share in shares],
                "differences": [plain_row(d) for d in condition_differences(shares)],
            }

    def _shown_too(self, record: Mapping[str, Any]) -> list[Result]:
        paths = {name: self._job.outdir / path for name, path in record["steps"].items()}
        return [
            Result(record=read_record(paths[n]), name=paths[n].name, folder=paths[n].parent)
            for n in _SHOWN
            if n in paths
        ]


def _rows(table: RegionTable, job: ClassesJob) -> Iterator[dict[str, Any]]:
    """Rows of the table of all that is said of each region in each class."""
    particles = dict(zip(table.maps, job.weights or (math.nan,) * len(table.maps), strict=True))
    share, sigma = share_of_particles(table.occupancy, table.sigma)
    for row, value, error in zip(table.rows, share.ravel(), sigma.ravel(), strict=True):
        yield asdict(row) | {
            "particles": particles[row.map],
            "verdict": judge(row),
            "share": float(value),
            "share_sigma": float(error),
        }
