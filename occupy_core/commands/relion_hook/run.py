"""One class of one iteration: RELION's own map in, the map with its weak places taken down out."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import numpy as np

from occupy_core.commands.relion_hook.files import (
    Call,
    Model,
    read_call,
    read_model,
    refuse_other_jobs,
)
from occupy_core.commands.relion_hook.job import HookJob
from occupy_core.errors import EstimationError, MapFormatError, OutputError, ParameterError
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.mrc import read_map, write_map
from occupy_core.maps.threads import threads
from occupy_core.scale.estimate import estimate_scale
from occupy_core.scale.params import ScaleParams
from occupy_core.scale.suppression import suppression_factor, with_power_of

_KEPT = 2  # [layout] iterations after which a copy is removed


def run_hook(job: HookJob) -> str:
    """Make the map of one class.

    RELION's own program makes it; a copy is kept for the next iteration, and the map is multiplied
    by factors of at most 1. They come from the copies of the iteration before, which are those of
    all classes whatever the order in which RELION calls.

    Parameters
    ----------
    job : HookJob

    Returns
    -------
    str
        What was done, in a sentence.

    Raises
    ------
    ParameterError
        When this is no 3D classification, or RELION's program fails.
    MapFormatError
        When a map cannot be read.
    OutputError
        When the map cannot be written.
    """
    call = read_call(job.star)
    refuse_other_jobs(call)
    model = read_model(call)
    _reconstruct(job, call)
    density = _read(call.result, model.voxel_size)
    _keep(call)
    done = f"iteration {call.iteration}, class {call.number}: "
    reason = _passes(job, call, model)
    if reason:
        done += f"passed through, for {reason}."
    else:
        with threads(job.threads):
            done += _suppress(job, call, model, density)
    for path in call.big:
        with suppress(OSError):  # the map is there; what is left takes space only
            path.unlink()
    return done


def _reconstruct(job: HookJob, call: Call) -> None:
    """Let RELION make the map."""
    words = shlex.split(job.program)
    if not words or shutil.which(words[0]) is None:
        raise ParameterError(
            f"The program {job.program} is not on the PATH; load RELION, or give --program."
        )
    words += [str(call.star), *(["--skip_gridding"] if job.skip_gridding else [])]
    with suppress(FileNotFoundError):
        call.result.unlink()  # of an earlier run: it would pass for the map of this one
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode or not call.result.is_file():
        said = " ".join((done.stderr or done.stdout).split())[-300:]
        raise ParameterError(
            f"{words[0]} made no map of {call.star} (status {done.returncode}): {said}"
        )


def _read(path: Path, voxel_size: float) -> DensityMap:
    """Read a map of RELION's, whose header may have no voxel size."""
    return read_map(path, voxel_size=voxel_size)


def _keep(call: Call) -> None:
    """Copy the map as it is for the next iteration, and remove the copy that is not read again."""
    copy = call.unchanged(call.iteration, call.number)
    aside = copy.with_name(f".{copy.name}")
    try:
        shutil.copyfile(call.result, aside)
        aside.replace(copy)
    except OSError as error:
        raise OutputError(f"{copy} cannot be written: {error.strerror}; free space.") from error
    with suppress(OSError):
        call.unchanged(call.iteration - _KEPT, call.number).unlink()


def _passes(job: HookJob, call: Call, model: Model) -> str:
    """Say why a map passes through as it is; nothing when it does not."""
    last = job.stop_iteration
    if call.iteration < job.start_iteration:
        return f"the first iteration to be changed is {job.start_iteration}"
    if last is not None and call.iteration > last:
        return f"the last iteration to be changed was {last}"
    if model.resolution > job.start_resolution:
        return (
            f"the resolution of {model.resolution:.1f} Å is worse than {job.start_resolution:g} Å"
        )
    return "" if _sources(job, call, model) else "there are no maps of the iteration before"


def _sources(job: HookJob, call: Call, model: Model) -> dict[Path, float]:
    """Maps that tell the scale, with their weights: of all classes, or of this one.

    RELION makes no map of a class without particles, so some may be missing; what is there is of
    an iteration that has ended.
    """
    classes = [call.number] if job.per_class else range(1, len(model.weights) + 1)
    found = {call.unchanged(call.iteration - 1, n): model.weights[n - 1] for n in classes}
    return {path: weight for path, weight in found.items() if weight > 0 and path.is_file()}


def _mean(job: HookJob, call: Call, model: Model) -> DensityMap:
    """Mean of the maps of the iteration before, weighted by the particles of their classes."""
    sources = _sources(job, call, model)
    maps = [_read(path, model.voxel_size) for path in sources]
    data = np.average([each.data for each in maps], axis=0, weights=list(sources.values()))
    return maps[0].with_data(data.astype(np.float32))


def _suppress(job: HookJob, call: Call, model: Model, density: DensityMap) -> str:
    """Multiply the map by its factors; return what was done."""
    power = job.power_at(call.iteration)
    params = _params(job, model, density.grid)
    try:
        result = estimate_scale(_mean(job, call, model), params)
    except EstimationError as error:
        return f"passed through, for the scale cannot be estimated: {error}"
    factor = suppression_factor(result, power, exclude_solvent=not job.keep_solvent)
    changed = density.with_data(density.data * factor.data)
    if job.renormalise:
        changed = with_power_of(changed, density)
    _replace(call.result, changed)
    inside = (result.place or result.confidence).data > 0.5
    mean = float(factor.data[inside].mean()) if inside.any() else 1.0
    return f"attenuated with a power of {power:g}; mean factor of the content {mean:.2f}."


def _params(job: HookJob, model: Model, grid: Grid) -> ScaleParams:
    """Parameters of the scale: not finer than the classification is, and within the box."""
    worst = min(model.resolution, min(grid.box) / 4)
    params = ScaleParams(mode="occ", resolution=worst)
    return ScaleParams(mode="occ", resolution=worst, granularity=0.0) if job.by_voxel else params


def _replace(path: Path, density: DensityMap) -> None:
    """Write a map aside, then in place of the one that is there."""
    aside = path.with_name(f".occupy_{path.name}")
    if not np.isfinite(density.data).all():
        raise MapFormatError(f"The changed map {path} has numbers that are not finite.")
    write_map(aside, density)
    try:
        aside.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}; free space.") from error
