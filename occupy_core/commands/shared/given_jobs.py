"""Jobs of RELION and cryoSPARC among the inputs of a command: their maps take their place."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from occupy_core.errors import ParameterError
from occupy_core.files import is_job

_MAP_FIELDS = ("map", "maps", "volumes")


def with_maps_of_jobs(
    given: Mapping[str, Any], field: str | None, known: Collection[str]
) -> tuple[dict[str, Any], list[str]]:
    """Put the maps of jobs in the place of their folders and tables.

    Parameters
    ----------
    given : mapping
        Values of options.
    field : str, optional
        The one that a command takes by position.
    known : collection of str
        Fields that the command has. Half maps and sizes of the jobs are added among these, where
        all maps have them and none are given.

    Returns
    -------
    given : dict
        With maps only.
    notes : list of str
        What the jobs hold that was left out.

    Raises
    ------
    ParameterError
        When a folder is no finished job, or a job has several maps where one is needed.
    MapFormatError
        When a file of a job is missing or cannot be read.
    """
    if field not in _MAP_FIELDS or field not in given:
        return dict(given), []
    paths: list[Path] = [given[field]] if field == "map" else list(given[field])
    if not any(is_job(path) for path in paths):
        return dict(given), []
    from occupy_core.particles.job_maps import JobMap, read_job

    maps: list[JobMap] = []
    notes: list[str] = []
    for path in paths:
        if is_job(path):
            job = read_job(path)
            maps += job.maps
            notes += job.notes
        else:
            maps.append(JobMap(path=path, name=path.name, size=math.nan))
    files = [m.path for m in maps]
    if field == "map" and len(maps) > 1:
        raise ParameterError(
            f"{paths[0]} has {len(maps)} maps, but one is needed; give one of them, such as "
            f"{files[0]}."
        )
    found: dict[str, list[Any]] = {field: files}
    if not {"half1", "half2"} & given.keys() and all(m.half1 and m.half2 for m in maps):
        found |= {"half1": [m.half1 for m in maps], "half2": [m.half2 for m in maps]}
    if "weights" not in given and len(maps) > 1 and all(math.isfinite(m.size) for m in maps):
        found["weights"] = [m.size for m in maps]
    added = {key: value for key, value in found.items() if key in known}
    if field == "map":
        added = {key: value[0] for key, value in added.items()}
    return {**given, **added}, notes
