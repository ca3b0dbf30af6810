"""Compare what a map alone says of its resolution with what its half maps say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from occupy_core.commands.shared.half_maps import half_map_problems, read_half_maps
from occupy_core.commands.shared.job import JobBase, run_problems
from occupy_core.commands.shared.provenance import versions
from occupy_core.commands.shared.quoting import csv_text
from occupy_core.commands.shared.run import JobResult, Run, run_job
from occupy_core.errors import EstimationError, ParameterError
from occupy_core.maps.grid import DensityMap
from occupy_core.maps.mrc import map_name, read_map
from occupy_core.progress import Progress, part, report
from occupy_core.resolution.estimate import estimate_resolution
from occupy_core.resolution.read.halfmaps import mean_map
from occupy_core.resolution.result import ResolutionParams, ResolutionResult
from occupy_core.resolution.use.agreement import Agreement, agreement
from occupy_core.resolution.use.processed import post_processed, soft_masked

_READ, _REFERENCE = 0.05, 0.3  # [layout] fractions of the whole at which these parts end


@dataclass(frozen=True, kw_only=True)
class ResolutionBenchJob(JobBase):
    """What to compare.

    Parameters
    ----------
    half1, half2 : Path
        Unfiltered half maps; their local FSC is the reference.
    outdir : Path
        Folder for everything that is written; made if missing.
    name : str, optional
        Base name X of the outputs; by default that of half map 1.
    mask : Path, optional
        Mask within which to compare, instead of the one found.
    voxel_size : float, optional
        Voxel size in Å, instead of what the headers say.
    resolution : ResolutionParams
        How the resolution is estimated; of these only the window counts.
    threads : int, optional
        Number of threads; all cores by default.
    force : bool
        Replace outputs that exist.
    """

    FILES = ("half1", "half2", "mask")

    half1: Path | None = None
    half2: Path | None = None
    outdir: Path = Path()
    name: str | None = None
    mask: Path | None = None
    voxel_size: float | None = None
    resolution: ResolutionParams = field(default_factory=ResolutionParams)
    threads: int | None = None
    force: bool = False

    @property
    def base_name(self) -> str:
        """X in the names of the outputs."""
        return self.name or map_name(self.half1 or self.half2 or "")

    def problems(self) -> list[str]:
        """Return one sentence for each parameter outside its limits, as far as no map is needed."""
        if self.half1 is None and self.half2 is None:
            return ["No half maps are given; give --half1 and --half2."]
        return [
            *self.resolution.problems(),
            *half_map_problems(self.half1, self.half2),
            *run_problems(self.voxel_size, self.threads, self.base_name),
        ]

    def output_names(self) -> dict[str, str]:
        """Return the names of the files that are written, by what they are."""
        return {"table": f"bench_{self.base_name}.csv", "result": f"bench_{self.base_name}.json"}


def run_resolution_bench(job: ResolutionBenchJob, progress: Progress | None = None) -> JobResult:
    """Compare the resolution from one map with that from its half maps, and write a table.

    The map is the mean of the half maps: as it is, post-processed, soft-masked and filtered to its
    local resolution, as users have it. `table` in the record has a row for each and for each
    threshold; errors are over the mask, `log_rmse_uncensored` and `coverage` (of the 68 % interval)
    over what the estimate from the map does not flag as past the limit of the map.

    Parameters
    ----------
    job : ResolutionBenchJob
    progress : Progress, optional
        Told the fraction done.

    Raises
    ------
    ParameterError
        When a parameter is outside its limits, or the mask is empty.
    MapFormatError, GridMismatchError, EstimationError
        When an input cannot be used, or nothing stands out of its noise.
    OutputError
        When an output exists (unless forced) or cannot be written.
    """
    return run_job(job, _Run, progress)


class _Run(Run[ResolutionBenchJob]):
    """One run of a job."""

    def run(self) -> dict[str, Any]:
        """Do the work and return the record."""
        job = self._job
        report(self._progress, 0.0, f"reading {job.half1}")
        halves = self._read()
        mask = None if job.mask is None else read_map(job.mask, voxel_size=job.voxel_size)
        density = mean_map(halves)
        reference = self._reference(density, halves, mask)
        del halves  # as large as the map each
        table = self._compared(density, reference)
        record: dict[str, Any] = {
            "job": self._recorded_job(),
            "inputs": self._recorded_inputs(),
            "parameters": {"window": reference.window},
            "reference": {
                "global_0143": reference.overall.at_0143,
                "global_05": reference.overall.at_05,
                "quantiles": reference.quantiles,
            },
            "model_checksum": reference.model_checksum,
            "table": table,
            "files": self._names,
            "warnings": self._recorded,
            "versions": versions(),
        }
        self._write_text("table", csv_text(list(table[0]), table))
        self._write_record(record)
        return record

    def _read(self) -> tuple[DensityMap, DensityMap]:
        job = self._job
        if job.half1 is None or job.half2 is None:
            raise ParameterError("No half maps are given; give --half1 and --half2.")
        return read_half_maps(job.half1, job.half2, job.voxel_size)

    def _params(self, *, filtered: bool) -> ResolutionParams:
        return replace(self._job.resolution, second_opinion=False, filter=filtered, background=0.0)

    def _reference(
        self,
        density: DensityMap,
        halves: tuple[DensityMap, DensityMap],
        mask: DensityMap | None,
    ) -> ResolutionResult:
        """Return what the half maps say, with the map filtered to that."""
        reference = estimate_resolution(
            density,
            self._params(filtered=True),
            half_maps=halves,
            mask=mask,
            progress=part(self._progress, _READ, _REFERENCE),
        )
        if not reference.mask.data.any():
            raise EstimationError(
                f"Nothing stands out of the noise of {halves[0].name} and {halves[1].name}, so "
                "there is nothing to compare; give the half maps of a molecule, or --mask."
            )
        # Of the maps of the reference these are not needed, and each is as large as the map.
        return replace(reference, single_map=None, filtered=reference.filtered[:1])

    def _compared(self, density: DensityMap, reference: ResolutionResult) -> list[dict[str, Any]]:
        """Return two rows for each version of the map."""
        table: list[dict[str, Any]] = []
        versions_of = _versions(density, reference)
        share = (1 - _REFERENCE) / len(versions_of)
        for i, (label, make) in enumerate(versions_of.items()):
            start = _REFERENCE + i * share
            result = estimate_resolution(
                make(),
                self._params(filtered=False),
                mask=reference.mask,
                progress=part(self._progress, start, start + share),
            )
            table += _rows(label, result, reference)
        return table


def _versions(
    density: DensityMap, reference: ResolutionResult
) -> dict[str, Callable[[], DensityMap]]:
    """How to make each version of the map, by what it is called."""
    return {
        "as reconstructed": lambda: density,
        "post-processed": lambda: post_processed(density, reference.overall),
        "soft-masked": lambda: soft_masked(density, reference.mask),
        "locally filtered": lambda: reference.filtered[0],
    }


def _rows(
    label: str, result: ResolutionResult, reference: ResolutionResult
) -> list[dict[str, Any]]:
    """Compare one version at both thresholds."""
    # A version in which nothing is found at all has no resolution, whatever the mask.
    inside = (reference.mask.data > 0.5) & (result.mask.data > 0.5)
    flagged = result.censored.data > 0.5
    fine = inside & (reference.censored.data < 0.5)
    compared = agreement(result.resolution.data, reference.resolution.data, fine)
    sure = agreement(
        *(result.resolution.data, reference.resolution.data, fine & ~flagged),
        sigma=result.sigma.data,
    )
    half = Agreement(voxels=0)
    if result.resolution05 is not None and reference.resolution05 is not None:
        half = agreement(result.resolution05.data, reference.resolution05.data, inside)
    both = {
        "map": label,
        "source": result.source,
        "state": "; ".join(result.state.words()),
        "censored": float(flagged[inside].mean()) if inside.any() else None,
    }
    overall, truth = result.overall, reference.overall
    return [
        {
            **both,
            "threshold": 0.143,
            **asdict(compared),
            "coverage": sure.coverage,
            "log_rmse_uncensored": sure.log_rmse,
            "global": overall.at_0143,
            "global_reference": truth.at_0143,
        },
        {
            **both,
            "threshold": 0.5,
            **asdict(half),
            "log_rmse_uncensored": None,
            "global": overall.at_05,
            "global_reference": truth.at_05,
        },
    ]
