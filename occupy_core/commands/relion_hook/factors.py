"""The factors of an iteration, from the maps of the one before.

All classes get the same factors unless each is to have its own, so the first call of an iteration
makes them and the others read them. Their file is named by what they come from: a file of an
earlier run with other maps or options is not taken for them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from occupy_core.commands.relion_hook.files import Call, Model
from occupy_core.commands.relion_hook.job import HookJob
from occupy_core.errors import MapFormatError
from occupy_core.maps.grid import DensityMap
from occupy_core.maps.mrc import read_map, write_map

_COARSEST = 4  # [guard] a resolution is at most this part of the box: beyond it nothing is local


def kept_maps(job: HookJob, call: Call, model: Model) -> dict[Path, float]:
    """Maps that tell the factors, with their weights: of all classes, or of this one.

    RELION makes no map of a class without particles, so some may be missing; what is there is of
    an iteration that has ended.
    """
    classes = [call.number] if job.per_class else range(1, len(model.weights) + 1)
    found = {call.unchanged(1, n): model.weights[n - 1] for n in classes}
    return {path: weight for path, weight in found.items() if weight > 0 and path.is_file()}


def mean_map(sources: dict[Path, float], voxel_size: float) -> DensityMap:
    """Mean of maps, weighted by the particles of their classes.

    Parameters
    ----------
    sources : dict of Path to float
        Weights of the maps, not empty.
    voxel_size : float
        Å; the headers of RELION's maps may have none.

    Returns
    -------
    DensityMap
    """
    maps = [read_map(path, voxel_size=voxel_size) for path in sources]
    data = np.average([each.data for each in maps], axis=0, weights=list(sources.values()))
    return maps[0].with_data(data.astype(np.float32))


def factors(
    job: HookJob,
    call: Call,
    model: Model,
    sources: dict[Path, float],
    mean: Callable[[], DensityMap],
) -> DensityMap:
    """Return the factors, 0 to 1, of a class in an iteration; made unless they are kept.

    Parameters
    ----------
    job : HookJob
    call : Call
    model : Model
    sources : dict of Path to float
        As from `kept_maps`.
    mean : function
        Returns their mean; called only where the factors must be made.

    Returns
    -------
    DensityMap

    Raises
    ------
    EstimationError
        When the scale cannot be estimated.
    """
    path = call.factors(_origin(job, call, model, sources))
    with suppress(OSError, MapFormatError):  # made by another call, or not
        return read_map(path, voxel_size=model.voxel_size)
    made = _made(job, call, model, mean())
    with suppress(OSError):  # then the next call makes them again
        aside = path.with_name(f".{call.number}_{path.name}")
        write_map(aside, made)
        aside.replace(path)
    for old in call.factors_before():
        with suppress(OSError):
            old.unlink()
    return made


def _origin(job: HookJob, call: Call, model: Model, sources: dict[Path, float]) -> str:
    """Digest of all that the factors depend on."""
    said = (job.power, job.decay, job.start_iteration, job.keep_solvent, job.by_voxel)
    found = hashlib.sha256(repr((said, call.iteration, model, *sources.values())).encode())
    for path in sources:
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def _made(job: HookJob, call: Call, model: Model, mean: DensityMap) -> DensityMap:
    # Most calls read factors that are there, and are done before these would be loaded.
    from occupy_core.scale.estimate import estimate_scale
    from occupy_core.scale.params import ScaleParams
    from occupy_core.scale.suppression import focus_factor, suppression_factor

    resolution = min(model.resolution, min(mean.grid.box) / _COARSEST)
    params = ScaleParams(mode="occ", resolution=resolution)
    if job.by_voxel:
        params = ScaleParams(mode="occ", resolution=resolution, granularity=0.0)
    result = estimate_scale(mean, params)
    if job.power is None:
        return focus_factor(result)
    power = job.power_at(call.iteration)
    return suppression_factor(result, power, exclude_solvent=not job.keep_solvent)
