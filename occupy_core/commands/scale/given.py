"""A local scale that was made before: what else it brings, and how a map is modified by it.

The record beside a scale knows its standard error, its regional confidence, the method and the
mode. With them a map is modified as in the run that estimated the scale. A scale without a record
says its method and mode in the labels of its header, also one of OccuPy.
"""

from __future__ import annotations

import filecmp
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from occupy_core.commands.scale.job import ScaleJob
from occupy_core.commands.shared.record import file_beside, read_record
from occupy_core.errors import ParameterError
from occupy_core.maps.packed import DAMAGED, open_unpacked
from occupy_core.scale.params import METHODS, MODES, ScaleKind, is_regional

_SCALE = re.compile(r"scale_(?:res|occ)_(.+)\.mrc")
_SIGMA = re.compile(r"scale_sigma_(.+)\.mrc")
_OURS = re.compile(r"Local scale \((res|occ)\), (calibrated|occupy)(?:, granularity ([\d.]+) A)?")
_OCCUPY = re.compile(r"occupy scale: (res|occ)")
_LABELS = slice(224, 1024)  # [format] bytes of a header, ten labels


@dataclass(frozen=True, kw_only=True)
class ScaleOrigin:
    """How a scale was made, and what was made with it.

    Parameters
    ----------
    method, mode, granularity
        As in `ScaleParams`.
    sigma, regional_confidence : Path, optional
        Its standard error and its regional confidence, where they are still there.
    """

    method: str
    mode: str
    granularity: float
    sigma: Path | None = None
    regional_confidence: Path | None = None


def scale_label(values: ScaleKind) -> str:
    """Return the label of the header of a scale, from the parameters of its estimate."""
    grain = f", granularity {values.granularity:g} A" if is_regional(values) else ""
    return f"Local scale ({values.mode}), {values.method}{grain}"


def origin_of(scale: Path) -> ScaleOrigin | None:
    """Return how a scale was made, as far as its record or its labels tell."""
    found = _record_beside(scale, _SCALE, "scale")
    return _labelled(scale) if found is None else _recorded(*found)


def sigma_problems(scale: Path, sigma: Path) -> list[str]:
    """Return a sentence when one run made the scale, and another one the standard error.

    A scale without a record may be an edited one, so nothing is known of it.
    """
    found = _record_beside(sigma, _SIGMA, "scale_sigma")
    if found is None or _record_beside(scale, _SCALE, "scale") is None:
        return []
    record, values = found
    its_scale = file_beside(record, values["files"].get("scale"))
    if not its_scale.is_file() or filecmp.cmp(its_scale, scale, shallow=False):
        return []
    return [
        f"The standard error {sigma} is that of another scale ({its_scale}), not of {scale}; give "
        "the one that was made with it."
    ]


def completed(job: ScaleJob) -> ScaleJob:
    """Return a job with all that the scale given to it brings.

    Parameters
    ----------
    job : ScaleJob
        Files that it names count more than those beside the scale.

    Raises
    ------
    ParameterError
        When a map is to be modified by a scale that falls with resolution, unless the mode "res"
        was asked for; or when the standard error is that of another scale.
    """
    if job.scale_map is None:
        return job
    origin = origin_of(job.scale_map)
    if job.scale_sigma is not None and (problems := sigma_problems(job.scale_map, job.scale_sigma)):
        raise ParameterError(*problems)
    if origin is None:
        return job
    if origin.mode == "res" and job.scale.mode == "occ" and job.is_scaled:
        raise ParameterError(
            f"The scale {job.scale_map} was estimated in the mode res, so it is also low where the "
            "map is full but less resolved; estimate it with --mode occ, or give --mode res to "
            "modify by it all the same."
        )
    known = {"method": origin.method, "mode": origin.mode, "granularity": origin.granularity}
    job = replace(job, scale=replace(job.scale, **known))  # type: ignore[arg-type]
    if is_regional(job.scale) and origin.sigma is not None and job.scale_sigma is None:
        job = replace(job, scale_sigma=origin.sigma)
    if job.is_regional and job.regional_confidence is None:
        job = replace(job, regional_confidence=origin.regional_confidence)
    return job


def usage(job: ScaleJob) -> str | None:
    """Say how a scale that was given is used, in a sentence; None when none was given."""
    if job.scale_map is None:
        return None
    if job.is_regional:
        return (
            f"The scale {job.scale_map} was used with its standard error, as in a run that "
            "estimates it."
        )
    if is_regional(job.scale):
        return (
            f"The scale {job.scale_map} has no standard error, so its factors were used plainly: "
            "weighted by the confidence of each voxel, about zero. A run that estimates the scale "
            "weighs places; give the standard error by --scale-sigma for that."
        )
    return (
        f"The scale {job.scale_map} is one of voxels ({job.scale.method}, {job.scale.mode}), so "
        "its factors were weighted by the confidence of each voxel, about zero."
    )


def usage_warnings(job: ScaleJob) -> list[str]:
    """Return the sentence of `usage` where a map was modified otherwise than it could have been."""
    sentence = usage(job)
    plainly = job.is_scaled and is_regional(job.scale) and not job.is_regional
    return [sentence] if sentence is not None and plainly else []


def _record_beside(
    path: Path, pattern: re.Pattern[str], key: str
) -> tuple[Path, Mapping[str, Any]] | None:
    """Return the record that names a file as its own, and the path of that record."""
    named = pattern.fullmatch(path.name)
    beside = None if named is None else path.with_name(f"result_{named[1]}.json")
    if beside is None or not beside.is_file():
        return None
    try:
        record = read_record(beside)
    except ParameterError:  # something else has its name
        return None
    files = record.get("files")
    own = isinstance(files, dict) and files.get(key) == path.name
    return (beside, record) if own else None


def _recorded(path: Path, record: Mapping[str, Any]) -> ScaleOrigin | None:
    used = record.get("parameters")
    if not isinstance(used, dict):
        return None
    method, mode, granularity = (used.get(k) for k in ("method", "mode", "granularity"))
    if method not in METHODS or mode not in MODES:
        return None
    beside = {}
    for field, key in (("sigma", "scale_sigma"), ("regional_confidence", "regional_confidence")):
        name = record["files"].get(key)
        file = None if name is None else file_beside(path, name)
        beside[field] = file if file is not None and file.is_file() else None
    # Before there was a granularity, each voxel had its own scale.
    known = float(granularity) if isinstance(granularity, int | float) else 0.0
    return ScaleOrigin(method=method, mode=mode, granularity=known, **beside)


def _labelled(scale: Path) -> ScaleOrigin | None:
    try:
        with open_unpacked(scale) as stream:
            text = stream.read(_LABELS.stop)[_LABELS].decode("ascii", "replace")
    except DAMAGED:  # told when it is read
        return None
    if ours := _OURS.search(text):
        return ScaleOrigin(method=ours[2], mode=ours[1], granularity=float(ours[3] or 0))
    if theirs := _OCCUPY.search(text):
        return ScaleOrigin(method="occupy", mode=theirs[1], granularity=0.0)
    return None
