"""One class of one iteration: RELION's own map in, the changed map out."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

import numpy as np

from occupy_core.commands.relion_hook.factors import factors, kept_maps, mean_map
from occupy_core.commands.relion_hook.files import (
    Call,
    Model,
    read_call,
    read_last_iteration,
    read_model,
)
from occupy_core.commands.relion_hook.job import HookJob
from occupy_core.errors import EstimationError, MapFormatError, OutputError, ParameterError
from occupy_core.maps.grid import DensityMap
from occupy_core.maps.mrc import read_map, write_map
from occupy_core.maps.threads import threads

_KEPT = 2  # [layout] iterations after which a copy is removed


def run_hook(job: HookJob) -> str:
    """Make the map of one class.

    RELION's own program makes it and a copy is kept for the next iteration. Then what sets the map
    apart from the mean of all classes, or the map itself, is multiplied by factors of at most 1.
    Mean and factors come from the copies of the iteration before, which are those of all classes
    whatever the order in which RELION calls.

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
    last = read_last_iteration(call)
    model = read_model(call)
    _reconstruct(job, call)
    _keep(call)
    done = f"iteration {call.iteration}, class {call.number}: "
    reason = _passes(job, call, model, last)
    if reason:
        done += f"passed through, for {reason}."
    else:
        with threads(job.threads):
            try:
                done += _change(job, call, model)
            except EstimationError as error:
                done += f"passed through, for the scale cannot be estimated: {error}"
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


def _keep(call: Call) -> None:
    """Copy the map as it is for the next iteration, and remove the copy that is not read again."""
    copy = call.unchanged(0, call.number)
    aside = copy.with_name(f".{copy.name}")
    try:
        shutil.copyfile(call.result, aside)
        aside.replace(copy)
    except OSError as error:
        raise OutputError(f"{copy} cannot be written: {error.strerror}; free space.") from error
    with suppress(OSError):
        call.unchanged(_KEPT, call.number).unlink()


def _passes(job: HookJob, call: Call, model: Model, last: int) -> str:
    """Say why a map passes through as it is; nothing when it does not."""
    if call.iteration < job.start_iteration:
        return f"the first iteration to be changed is {job.start_iteration}"
    if job.stop_iteration is not None and call.iteration > job.stop_iteration:
        return f"the last iteration to be changed was {job.stop_iteration}"
    if call.iteration >= last:
        return "the maps of the last iteration show what the particles have"
    if model.resolution > job.start_resolution:
        return (
            f"the resolution of {model.resolution:.1f} Å is worse than {job.start_resolution:g} Å"
        )
    return "" if kept_maps(job, call, model) else "there are no maps of the iteration before"


def _change(job: HookJob, call: Call, model: Model) -> str:
    """Multiply the map, or what sets it apart, by its factors; return what was done."""
    density = read_map(call.result, voxel_size=model.voxel_size)  # its header may have none
    sources = kept_maps(job, call, model)
    mean = cache(partial(mean_map, sources, model.voxel_size))
    factor = factors(job, call, model, sources, mean)
    share = float(factor.data.mean())
    if job.power is None:
        changed = mean().with_data(mean().data + factor.data * (density.data - mean().data))
        done = f"focused; classes may differ in {share:.1%} of the box."
    else:
        changed = density.with_data(density.data * factor.data)
        if job.renormalise:
            from occupy_core.scale.suppression import with_power_of

            changed = with_power_of(changed, density)
        power = job.power_at(call.iteration)
        done = f"attenuated with a power of {power:g}; {share:.1%} of the box is left."
    _replace(call.result, changed)
    return done


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
