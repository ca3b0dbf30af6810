"""What is known of a map once its scale is: estimated, or from a scale made before."""

from __future__ import annotations

from dataclasses import dataclass, replace

from occupy_core.commands.scale.job import ScaleJob
from occupy_core.errors import MapFormatError
from occupy_core.maps.grid import DensityMap, require_same_grid
from occupy_core.maps.mrc import read_map
from occupy_core.progress import Progress
from occupy_core.scale.calibrated.calibration import Calibration
from occupy_core.scale.estimate import estimate_confidence, estimate_scale, scale_above
from occupy_core.scale.full_scale import Tiles
from occupy_core.scale.params import ResolvedScale
from occupy_core.scale.parts import ScaleParts
from occupy_core.solvent.model import SolventModel


@dataclass(frozen=True, eq=False, kw_only=True)
class Estimate:
    """A local scale with all that a map is modified by.

    Parameters
    ----------
    scale, confidence : DensityMap
    sigma, place : DensityMap or None
        Standard error of the scale, and the regional confidence, as in `ScaleResult`.
    solvent : SolventModel
    parameters : ResolvedScale
    definition : DensityMap or None
        Solvent definition made from the scale.
    tiles, calibration
        As in `ScaleResult`; None where the scale was given.
    limits : dict of str to float
        Levels of the record.
    warnings : tuple of str
    parts : ScaleParts, optional
    """

    scale: DensityMap
    sigma: DensityMap | None
    place: DensityMap | None
    confidence: DensityMap
    solvent: SolventModel
    parameters: ResolvedScale
    definition: DensityMap | None
    tiles: Tiles | None
    calibration: Calibration | None
    limits: dict[str, float | None]
    warnings: tuple[str, ...]
    parts: ScaleParts | None = None


def read_input(job: ScaleJob, what: str) -> DensityMap:
    """Read one of the maps of a job."""
    return read_map(job.inputs[what], voxel_size=job.voxel_size)


def read_optional(job: ScaleJob, what: str) -> DensityMap | None:
    """Read one of the maps of a job, or return None when it is not given."""
    return read_input(job, what) if what in job.inputs else None


def make_estimate(
    job: ScaleJob,
    density: DensityMap,
    half_maps: tuple[DensityMap, DensityMap] | None,
    progress: Progress | None,
) -> Estimate:
    """Estimate the scale of a map."""
    result = estimate_scale(
        density,
        job.scale,
        solvent_definition=read_optional(job, "solvent_def"),
        target_mask=read_optional(job, "target_mask"),
        half_maps=half_maps,
        progress=progress,
    )
    limits = {
        "full_scale": result.full_scale,
        "variability_limit": result.variability_limit,
        "confidence_limit": result.confidence_limit,
        "target_occupancy": result.target_occupancy,
        **_solvent_limits(result.solvent),
    }
    return Estimate(
        scale=result.scale,
        sigma=result.sigma,
        place=result.place,
        confidence=result.confidence,
        solvent=result.solvent,
        parameters=result.params,
        definition=result.solvent_definition,
        tiles=result.tiles,
        calibration=result.calibration,
        limits=limits,
        warnings=result.warnings,
    )


def take_scale(job: ScaleJob, density: DensityMap) -> Estimate:
    """Use a scale made before; only the solvent model is fitted again.

    Where its standard error is known but not its regional confidence, that is found again as it
    was: by an estimate.
    """
    scale = _read_unit(job, "scale_map", "local scale", density)
    sigma = None
    if job.scale_sigma is not None:
        sigma = _read_unit(job, "scale_sigma", "standard error", density)
    made = None
    if job.scale.solvent_def_scale is not None:
        made = scale_above(scale, job.scale.solvent_def_scale, density.name)
    definition = read_optional(job, "solvent_def") or made
    place = None
    if job.is_regional and job.regional_confidence is None:
        params = replace(job.scale, solvent_def_scale=None)
        found = estimate_scale(density, params, solvent_definition=definition)
        solvent, confidence, place = found.solvent, found.confidence, found.place
    else:
        solvent, confidence = estimate_confidence(density, job.scale, solvent_definition=definition)
        if job.is_regional:
            place = _read_unit(job, "regional_confidence", "regional confidence", density)
    if job.confidence_map is not None:
        confidence = _read_unit(job, "confidence_map", "confidence", density)
    return Estimate(
        scale=scale,
        sigma=sigma if job.is_regional else None,
        place=place,
        confidence=confidence,
        solvent=solvent,
        parameters=job.scale.resolve(density.grid),
        definition=made,
        tiles=None,
        calibration=None,
        limits=_solvent_limits(solvent),
        warnings=solvent.warnings,
    )


def _read_unit(job: ScaleJob, what: str, meaning: str, density: DensityMap) -> DensityMap:
    """Read a map on the grid of the density, whose values must lie between 0 and 1."""
    made, name = read_input(job, what), _NAMES[what]
    require_same_grid(density, made, name)
    low, high = float(made.data.min()), float(made.data.max())
    if low < 0 or high > 1:
        raise MapFormatError(
            f"The {name} {job.inputs[what]} has values from {low:g} to {high:g}, but a {meaning} "
            "lies between 0 and 1; give a map made by this program or by OccuPy."
        )
    return made


_NAMES = {
    "scale_map": "scale map",
    "scale_sigma": "standard error of the scale",
    "regional_confidence": "regional confidence",
    "confidence_map": "confidence map",
}


def _solvent_limits(solvent: SolventModel) -> dict[str, float | None]:
    return {
        "solvent_mean": solvent.mean,
        "solvent_sigma": solvent.sigma,
        "solvent_edge": solvent.edge,
        "content_at_one_percent": solvent.content_at_one_percent,
        "value_at_half_confidence": solvent.value_at_half_confidence,
    }
