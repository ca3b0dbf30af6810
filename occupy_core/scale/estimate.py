"""Local scale of a map: how much of the full density stands at each place.

The method "occupy" is OccuPy's (Forsberg, Shah & Burt, Nat. Commun. 14 (2023),
doi:10.1038/s41467-023-41478-1), release 0.1.13: the maximum over a small ball, relative to the
density of the fullest region of the map. "calibrated" reads such maxima as occupancies, see
`occupy_core.scale.calibrated.ladder`. `docs/method.md` has the formulas and every deviation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from occupy_core.errors import ParameterError
from occupy_core.maps.fourier import resample
from occupy_core.maps.grid import DensityMap, Mask, require_same_grid
from occupy_core.maps.register import require_halves_of
from occupy_core.progress import Progress, report
from occupy_core.scale.calibrated.calibration import Calibration
from occupy_core.scale.full_scale import Tiles
from occupy_core.scale.local import (
    LocalScale,
    calibrated_local_scale,
    median_inside,
    on_grid,
    recalibrated,
    relative_scale,
)
from occupy_core.scale.lowpass import occupy_lowpass
from occupy_core.scale.outliers import without_outliers
from occupy_core.scale.params import METHODS, MODES, ResolvedScale, ScaleParams
from occupy_core.solvent.blank import Blank, find_blank
from occupy_core.solvent.cells import Cells
from occupy_core.solvent.model import SolventModel, finite_range, fit_solvent
from occupy_core.solvent.noise import coarse_cells, find_solvent, voxels_left_out

__all__ = [
    "METHODS",
    "MODES",
    "ResolvedScale",
    "ScaleParams",
    "ScaleResult",
    "Tiles",
    "estimate_confidence",
    "estimate_scale",
    "processing_map",
    "scale_above",
    "scale_only",
]

_DEFAULTS = ScaleParams()
_SMALL_KERNEL = 5  # [words] voxels; smaller ones see too few voxels for a good solvent model
_SOLVENT_LEVEL = 0.1  # [words] of full scale; beyond it, solvent would read as content


@dataclass(frozen=True, eq=False, kw_only=True)
class ScaleResult:
    """Local scale and confidence of a map, both on the grid of the map.

    Parameters
    ----------
    scale, confidence : DensityMap
        Values from 0 to 1.
    full_scale : float
        Density (grey value) of scale 1.
    solvent : SolventModel
    variability_limit : float
        Mean density where the scale is 1, as a scale: what full occupancy reads when its details
        are averaged out.
    confidence_limit : float
        Scale of the value with a confidence of one half.
    tiles : Tiles or None
        None when `s0` is set.
    target_occupancy : float or None
        Occupancy of the target mask.
    solvent_definition : DensityMap or None
        Mask made from the scale when `solvent_def_scale` is set.
    sigma : DensityMap or None
        Standard error of the scale from noise; only of the calibrated scale.
    place : DensityMap or None
        Confidence that the neighbourhood of a voxel is content; only of the regional scale.
    calibration : Calibration or None
        How the calibrated scale was read off.
    params : ResolvedScale
    warnings : tuple of str
        Sentences: what, value, limit, remedy.
    """

    scale: DensityMap
    confidence: DensityMap
    full_scale: float
    solvent: SolventModel
    variability_limit: float
    confidence_limit: float
    tiles: Tiles | None
    target_occupancy: float | None
    solvent_definition: DensityMap | None
    sigma: DensityMap | None
    place: DensityMap | None
    calibration: Calibration | None
    params: ResolvedScale
    warnings: tuple[str, ...]


def estimate_scale(
    density: DensityMap,
    params: ScaleParams = _DEFAULTS,
    *,
    solvent_definition: DensityMap | None = None,
    target_mask: DensityMap | None = None,
    half_maps: tuple[DensityMap, DensityMap] | None = None,
    progress: Progress | None = None,
) -> ScaleResult:
    """Estimate the local scale of a map and the confidence that a place is not solvent.

    Parameters
    ----------
    density : DensityMap
        Map with solvent around its content; density positive.
    params : ScaleParams
    solvent_definition : DensityMap, optional
        Mask of solvent or of content, see `fit_solvent`.
    target_mask : DensityMap, optional
        Region (above 0.5) whose occupancy is wanted as one number.
    half_maps : tuple of DensityMap, optional
        Tell the calibrated method the noise; the solvent does otherwise.
    progress : callable, optional

    Returns
    -------
    ScaleResult

    Raises
    ------
    ParameterError
        When a parameter is outside its limits.
    GridMismatchError
        When a mask lies on another grid.
    EstimationError
        When the map is constant or nowhere positive, or a mask is empty.
    """
    numbers = params.resolve(density.grid)
    _check(density, numbers, solvent_definition, target_mask, half_maps)
    density, cut_off = _as_estimated(density, numbers)
    report(progress, 0.0, "low-pass")
    work = processing_map(density, numbers)
    lowpassed = occupy_lowpass(work, numbers.lowpass)
    report(progress, 0.2, "local scale")
    blank = find_blank(density)
    if numbers.method == "calibrated":
        local = calibrated_local_scale(work, blank, numbers, solvent_definition, half_maps)
        if target_mask is not None:
            occupancy = median_inside(local.scale, target_mask)
            local = replace(local, target_occupancy=occupancy)
    else:
        local = relative_scale(lowpassed if numbers.mode == "occ" else work, numbers, target_mask)
    del work

    report(progress, 0.7, "solvent model")
    made_definition = None
    if numbers.solvent_def_scale is not None:
        whole = on_grid(local.scale, density.grid)
        made_definition = scale_above(whole, numbers.solvent_def_scale, density.name)
        del whole
    definition = solvent_definition or made_definition
    solvent = _fit(lowpassed, blank, definition, local.left_out, numbers)
    confidence = lowpassed.with_data(solvent.confidence(lowpassed.data))
    del lowpassed
    limit = local.as_scale(solvent.value_at_half_confidence)
    if numbers.nlrc and limit < 1:
        local = recalibrated(local, limit)
    report(progress, 1.0, "local scale done")
    return ScaleResult(
        scale=on_grid(local.scale, density.grid),
        confidence=on_grid(confidence, density.grid),
        full_scale=local.full_scale,
        solvent=solvent,
        variability_limit=local.variability_limit,
        confidence_limit=limit,
        tiles=local.tiles,
        target_occupancy=local.target_occupancy,
        solvent_definition=made_definition,
        sigma=None if local.sigma is None else on_grid(local.sigma, density.grid),
        place=None if local.place is None else on_grid(local.place, density.grid),
        calibration=local.calibration,
        params=numbers,
        warnings=(
            *_parameter_warnings(params, numbers),
            *cut_off,
            *solvent.warnings,
            *(() if solvent.dark else local.warnings),
            *_level_warnings(density.name, solvent, local, nlrc=numbers.nlrc),
        ),
    )


def scale_only(
    density: DensityMap,
    params: ScaleParams = _DEFAULTS,
    *,
    half_maps: tuple[DensityMap, DensityMap] | None = None,
) -> DensityMap:
    """Estimate the local scale of a map and nothing else: no solvent model, no confidence.

    Parameters and errors are those of `estimate_scale`.

    Returns
    -------
    DensityMap
        The same values as its `scale`.
    """
    numbers = params.resolve(density.grid)
    if numbers.nlrc:  # the solvent model sets the zero of the scale
        return estimate_scale(density, params, half_maps=half_maps).scale
    _check(density, numbers, None, half_maps=half_maps)
    density, _ = _as_estimated(density, numbers)
    work = processing_map(density, numbers)
    if numbers.method == "calibrated":
        blank = find_blank(density)
        local = calibrated_local_scale(work, blank, numbers, None, half_maps)
    elif numbers.mode == "occ":
        local = relative_scale(occupy_lowpass(work, numbers.lowpass), numbers, None)
    else:
        local = relative_scale(work, numbers, None)
    return on_grid(local.scale, density.grid)


def estimate_confidence(
    density: DensityMap,
    params: ScaleParams = _DEFAULTS,
    *,
    solvent_definition: DensityMap | None = None,
) -> tuple[SolventModel, DensityMap]:
    """Model the solvent of a map whose scale is known already.

    Parameters
    ----------
    density, params, solvent_definition
        As in `estimate_scale`; `solvent_def_scale` has no effect here, see `scale_above`.

    Returns
    -------
    solvent : SolventModel
    confidence : DensityMap
        Values from 0 to 1 on the grid of the map.

    Raises
    ------
    ParameterError, GridMismatchError, EstimationError
        As in `estimate_scale`.
    """
    numbers = replace(params, solvent_def_scale=None).resolve(density.grid)
    _check(density, numbers, solvent_definition)
    density, _ = _as_estimated(density, numbers)
    work = processing_map(density, numbers)
    lowpassed = occupy_lowpass(work, numbers.lowpass)
    blank = find_blank(density)
    left_out = _left_out(work, blank, numbers)
    del work
    solvent = _fit(lowpassed, blank, solvent_definition, left_out, numbers)
    confidence = lowpassed.with_data(solvent.confidence(lowpassed.data))
    return solvent, on_grid(confidence, density.grid)


def _as_estimated(
    density: DensityMap, numbers: ResolvedScale
) -> tuple[DensityMap, tuple[str, ...]]:
    """Return the map without outliers and what to say about them; OccuPy keeps them."""
    return (density, ()) if numbers.method == "occupy" else without_outliers(density)


def processing_map(density: DensityMap, numbers: ResolvedScale) -> DensityMap:
    """Return the map as it is processed: down-sampled if need be."""
    return resample(density, numbers.processing_shape)


def scale_above(scale: DensityMap, level: float, name: str) -> DensityMap:
    """Return the mask of a scale above a level, to be used as the solvent definition of a map."""
    return scale.with_data(
        (scale.data > level).astype(np.float32), f"scale above {level} of {name}"
    )


def _left_out(work: DensityMap, blank: Blank, numbers: ResolvedScale) -> Mask | None:
    """Return where nothing is looked for; in OccuPy's model a mask is solvent."""
    if numbers.method == "occupy" or not blank.masked:
        return None
    cells = Cells.of(work.grid)
    coarse = coarse_cells(work, cells, numbers.lowpass)
    return voxels_left_out(find_solvent(work.data, coarse, cells, blank, None), cells)


def _fit(
    lowpassed: DensityMap,
    blank: Blank,
    definition: DensityMap | None,
    left_out: Mask | None,
    numbers: ResolvedScale,
) -> SolventModel:
    """Fit the solvent model with the definition on the grid of the low-passed map."""
    return fit_solvent(
        lowpassed,
        definition=None if definition is None else on_grid(definition, lowpassed.grid),
        blank=blank,
        left_out=left_out if definition is None else None,
        hedge_confidence=numbers.hedge_confidence,
        as_occupy=numbers.method == "occupy",
    )


def _check(
    density: DensityMap,
    numbers: ResolvedScale,
    solvent_definition: DensityMap | None,
    target_mask: DensityMap | None = None,
    half_maps: tuple[DensityMap, DensityMap] | None = None,
) -> None:
    """Raise unless the map varies, the others lie on its grid and the solvent is defined once."""
    if solvent_definition is not None and numbers.solvent_def_scale is not None:
        raise ParameterError(
            f"A solvent definition ({solvent_definition.name}) and a scale that defines solvent "
            f"({numbers.solvent_def_scale}) are both given; give one of them."
        )
    for mask, what in ((solvent_definition, "solvent definition"), (target_mask, "target mask")):
        if mask is not None:
            require_same_grid(density, mask, what)
    finite_range(density)
    if half_maps is not None:
        require_halves_of(density, half_maps)


def _parameter_warnings(params: ScaleParams, numbers: ResolvedScale) -> list[str]:
    """Return sentences about parameters that are allowed but unwise."""
    found = []
    if numbers.method == "calibrated":
        found += [
            f"The {name} of {value:g} has no effect on the calibrated scale; leave it out, or give "
            "--method occupy."
            for name, value in (
                ("tile size", params.tile_size),
                ("tau", None if params.s0 else params.tau),
            )
            if value is not None
        ]
    lowpass = _SMALL_KERNEL * max(numbers.processing_voxel_size)
    remedy = f"give a kernel of {_SMALL_KERNEL} or a low-pass of {math.ceil(lowpass)} Å"
    chosen = params.kernel_size is not None or params.kernel_radius is not None
    counts = chosen or numbers.method == "occupy"  # hardly, for the calibrated scale
    if counts and numbers.kernel_size < _SMALL_KERNEL:
        found.append(
            f"The kernel is only {numbers.kernel_size} voxels (recommended at least "
            f"{_SMALL_KERNEL}), which may give a bad solvent model; {remedy}."
        )
    if counts and numbers.kernel_radius < numbers.kernel_size / 4:
        found.append(
            f"The kernel radius is only {numbers.kernel_radius:.2f} voxels (recommended at least "
            f"{numbers.kernel_size / 4:.2f}), which may give a bad solvent model; {remedy}."
        )
    if params.resolution and params.lowpass and params.resolution < params.lowpass:
        found.append(
            f"The resolution of {params.resolution:g} Å has no effect, since the low-pass is "
            f"{params.lowpass:g} Å; give only one of them."
        )
    return found


def _level_warnings(
    name: str, solvent: SolventModel, local: LocalScale, *, nlrc: bool
) -> list[str]:
    """Return sentences about solvent that lies too high for the scale."""
    found = []
    full_scale = local.full_scale
    if nlrc and local.as_scale(solvent.value_at_half_confidence) >= 1:
        found.append(
            f"The noise of {name} reaches {solvent.value_at_half_confidence:.3g} (limit: the full "
            f"scale, {full_scale:.3g}), so the scale was not recalibrated; give a solvent "
            "definition."
        )
    if local.calibration is None and abs(solvent.mean) > _SOLVENT_LEVEL * full_scale:
        found.append(
            f"The solvent of {name} lies at {solvent.mean:.3g}, but the scale takes it to be near "
            f"zero (limit {_SOLVENT_LEVEL:.0%} of the full scale, {full_scale:.3g}); subtract the "
            "solvent level from the map."
        )
    return found
