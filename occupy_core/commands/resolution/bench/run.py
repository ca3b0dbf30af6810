"""Compare what a map alone says of its resolution with what its half maps say."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from occupy_core.commands.resolution.run import mean_map, require_edge
from occupy_core.commands.shared.provenance import Checksums, versions
from occupy_core.commands.shared.quoting import csv_text
from occupy_core.commands.shared.run import (
    NOT_RECORDED,
    JobBase,
    JobResult,
    half_map_problems,
    read_half_maps,
    run_problems,
    staged_job,
)
from occupy_core.commands.shared.staging import output_errors
from occupy_core.errors import EstimationError, OccupyWarning
from occupy_core.maps.grid import DensityMap
from occupy_core.maps.mrc import map_name, read_map
from occupy_core.progress import Progress, part, report
from occupy_core.resolution.estimate import estimate_resolution
from occupy_core.resolution.result import ResolutionParams, ResolutionResult
from occupy_core.resolution.use.agreement import Agreement, agreement
from occupy_core.resolution.use.processed import post_processed, soft_masked

_READ, _REFERENCE = 0.05, 0.3  # fractions of the whole at which these parts end


@dataclass(frozen=True)
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


def bench_names(job: ResolutionBenchJob) -> dict[str, str]:
    """Return the names of the files that are written, by what they are."""
    return {"table": f"bench_{job.base_name}.csv", "result": f"bench_{job.base_name}.json"}


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
    names = bench_names(job)
    with staged_job(job, names) as (folder, recorded):
        record = {
            "job": {k: v for k, v in job.to_dict().items() if k not in NOT_RECORDED},
            **_compared(job, progress),
            "files": names,
            "warnings": recorded,
            "versions": versions(),
        }
        with output_errors(job.outdir):
            (folder / names["table"]).write_text(
                csv_text(list(record["table"][0]), record["table"]), encoding="utf-8"
            )
            text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
            (folder / names["result"]).write_text(text, encoding="utf-8")
    report(progress, 1.0, "done")
    files = {key: job.outdir / name for key, name in names.items()}
    return JobResult(files, record, tuple(record["warnings"]))


def _compared(job: ResolutionBenchJob, progress: Progress | None) -> dict[str, Any]:
    """Compute the reference and the table."""
    assert job.half1 is not None  # `problems` has seen to it
    assert job.half2 is not None
    report(progress, 0.0, f"reading {job.half1}")
    halves = read_half_maps(job.half1, job.half2, job.voxel_size)
    mask = None if job.mask is None else read_map(job.mask, voxel_size=job.voxel_size)
    checksums = Checksums(list(job.inputs.values()))
    density = mean_map(halves)
    require_edge(density)
    params = replace(job.resolution, second_opinion=False, filter=True, background=0.0)
    reference = _estimate(
        density, params, half_maps=halves, mask=mask, progress=part(progress, _READ, _REFERENCE)
    )
    # Of the maps of the reference these are not needed, and each is as large as the map.
    del halves
    reference = replace(reference, single_map=None, filtered=reference.filtered[:1])
    if not reference.mask.data.any():
        raise EstimationError(
            f"Nothing stands out of the noise of {job.half1.name} and {job.half2.name}, so there "
            "is nothing to compare; give the half maps of a molecule, or --mask."
        )
    params = replace(params, filter=False)
    table: list[dict[str, Any]] = []
    versions_of = _versions(density, reference)
    for i, (label, make) in enumerate(versions_of.items()):
        share = (1 - _REFERENCE) / len(versions_of)
        start = _REFERENCE + i * share
        progress_of = part(progress, start, start + share)
        result = _estimate(make(), params, mask=reference.mask, progress=progress_of)
        table += _rows(label, result, reference)
    digests = checksums.result()
    return {
        "inputs": {
            key: {"file": str(path), "sha256": digests[path]} for key, path in job.inputs.items()
        },
        "parameters": {"window": reference.window},
        "reference": {
            "global_0143": reference.overall.at_0143,
            "global_05": reference.overall.at_05,
            "quantiles": reference.quantiles,
        },
        "model_checksum": reference.model_checksum,
        "table": table,
    }


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


def _estimate(density: DensityMap, params: ResolutionParams, **more: Any) -> ResolutionResult:
    """Estimate without a word: what is warned of stands in the table as the state."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OccupyWarning)
        return estimate_resolution(density, params, **more)


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
    half = Agreement(0)
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
