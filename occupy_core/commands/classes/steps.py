"""The steps of an analysis of classes: jobs of the other commands, in folders of their own.

Each step is the job that its command would run, so its results are those of the command. A step
that was done before, from the same files by the same versions, is not done again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from occupy_core.commands.blocks.job import BlocksJob
from occupy_core.commands.blocks.run import run_blocks
from occupy_core.commands.classes.job import ClassesJob
from occupy_core.commands.regions.job import RegionsJob
from occupy_core.commands.regions.run import run_regions
from occupy_core.commands.resolution.job import ResolutionJob
from occupy_core.commands.resolution.run import run_resolution
from occupy_core.commands.scale.job import ScaleJob
from occupy_core.commands.scale.run import run_scale
from occupy_core.commands.shared.job import JobBase
from occupy_core.commands.shared.job_maps import alike_maps
from occupy_core.commands.shared.provenance import sha256, versions
from occupy_core.commands.shared.record import file_beside, read_record
from occupy_core.commands.shared.run import NOT_RECORDED, JobResult
from occupy_core.commands.shared.staging import staged_outputs
from occupy_core.errors import ParameterError
from occupy_core.maps.mean import weighted_mean
from occupy_core.maps.mrc import read_map, write_map
from occupy_core.progress import Progress
from occupy_core.resolution.result import ResolutionParams
from occupy_core.scale.params import ScaleParams

CONSENSUS = "consensus"
_RUNS: dict[str, Callable[[Any, Progress | None], JobResult]] = {
    "scale": run_scale,
    "resolution": run_resolution,
    "blocks": run_blocks,
    "regions": run_regions,
}


def write_consensus(job: ClassesJob) -> list[Path]:
    """Write the mean of the maps, weighted with the class sizes, and of the half maps.

    They are moved and filtered first, where the job asks for that.

    Returns
    -------
    list of Path
        consensus.mrc, and with half maps consensus_half1.mrc and consensus_half2.mrc.
    """
    folder = job.outdir / CONSENSUS
    kinds = {f"{CONSENSUS}.mrc": job.maps}
    if job.half1:
        kinds |= {f"{CONSENSUS}_half1.mrc": job.half1, f"{CONSENSUS}_half2.mrc": job.half2}
    alike = alike_maps(job)
    with staged_outputs(folder, kinds) as staging:
        for name, paths in kinds.items():
            maps = (
                alike.like(i, read_map(path, voxel_size=job.voxel_size))
                for i, path in enumerate(paths)
            )
            mean = weighted_mean(maps, job.sizes, CONSENSUS)
            write_map(staging.folder / name, mean, labels=(f"Mean of {len(paths)} maps",))
        staging.commit(kinds, force=True)
    return [folder / name for name in kinds]


def scale_job(job: ClassesJob) -> ScaleJob:
    """The local scale of the consensus."""
    consensus = job.outdir / CONSENSUS
    half1, half2 = (consensus / f"{CONSENSUS}_half{i}.mrc" for i in (1, 2))
    return ScaleJob(
        consensus / f"{CONSENSUS}.mrc",
        job.outdir / "scale",
        half1=half1 if job.half1 else None,
        half2=half2 if job.half1 else None,
        scale=ScaleParams(mode="occ"),
        threads=job.threads,
        force=job.force,
    )


def resolution_jobs(job: ClassesJob) -> Iterator[ResolutionJob]:
    """The local resolution of each map, with its half maps when there are any."""
    for i, (path, name) in enumerate(zip(job.maps, job.map_names, strict=True)):
        yield ResolutionJob(
            path,
            job.outdir / "resolution" / f"{i + 1:03d}",
            name=re.sub(r"[^\w.+-]+", "_", name) or "_",
            half1=job.half1[i] if job.half1 else None,
            half2=job.half2[i] if job.half2 else None,
            voxel_size=job.voxel_size,
            resolution=ResolutionParams(second_opinion=False),
            or_nothing=True,
            threads=job.threads,
            force=job.force,
        )


def blocks_job(job: ClassesJob) -> BlocksJob:
    """The search for structural blocks in all maps."""
    return BlocksJob(
        job.maps,
        job.outdir / "blocks",
        names=job.map_names,
        voxel_size=job.voxel_size,
        align_maps=job.align_maps,
        match_falloff=job.match_falloff,
        plot=job.plot,
        threads=job.threads,
        force=job.force,
    )


def block_masks(job: ClassesJob) -> tuple[Path, ...]:
    """Masks of the blocks that were found; none when they were not searched for."""
    if not job.with_blocks:
        return ()
    done = blocks_job(job)
    path = done.outdir / done.output_names()["result"]
    record = read_record(path)
    return tuple(file_beside(path, block["mask"]) for block in record["blocks"])


def regions_job(job: ClassesJob) -> RegionsJob | None:
    """The occupancies of the regions; None when there are none, neither given nor found."""
    masks = job.masks if job.has_regions else block_masks(job)
    if job.model is None and not masks:
        return None
    resolved = list(resolution_jobs(job))
    return RegionsJob(
        job.maps,
        job.outdir / "regions",
        model=job.model,
        masks=masks,
        half1=job.half1,
        half2=job.half2,
        resolutions=tuple(_output(each, "resolution") for each in resolved),
        resolution_sigmas=tuple(_output(each, "sigma") for each in resolved),
        weights=job.weights,
        names=job.map_names,
        by_model=job.by_model,
        by_masks=job.by_masks,
        chains=job.chains,
        align_maps=job.align_maps,
        match_falloff=job.match_falloff,
        plot=job.plot,
        voxel_size=job.voxel_size,
        threads=job.threads,
        force=job.force,
    )


def _output(job: JobBase, key: str) -> Path:
    return job.outdir / job.output_names()[key]


def done(command: str, job: JobBase, progress: Progress | None = None) -> dict[str, Any]:
    """Return the record of a step, which is run unless it was done before."""
    path = _output(job, "result")
    if _is_done(job, path):
        return read_record(path)
    return _RUNS[command](job, progress).result


def _is_done(job: JobBase, path: Path) -> bool:
    """Whether a record is that of this very job, on files that are what they were."""
    if not path.is_file():
        return False
    try:
        record = read_record(path)
        earlier, asked = type(job).load(path).to_dict(), job.to_dict()
    except ParameterError:  # it is something else, and is told when it would be replaced
        return False
    same = all(earlier[key] == asked[key] for key in asked if key not in NOT_RECORDED)
    return (
        same
        and versions().items() <= record["versions"].items()
        and all((path.parent / name).is_file() for name in record["files"].values())
        and all(
            Path(entry["file"]).is_file() and sha256(Path(entry["file"])) == entry["sha256"]
            for entry in record["inputs"].values()
        )
    )
