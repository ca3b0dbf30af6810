"""From one map, or two half maps, to local resolution, mask and global resolution."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from occupy_core.errors import EstimationError, ParameterError
from occupy_core.maps import Array, DensityMap, Mask, require_same_grid
from occupy_core.maps.filters import linear_interpolate
from occupy_core.maps.register import require_halves_of
from occupy_core.progress import Progress, part, report
from occupy_core.resolution.large_voxels import in_angstroms, in_unit, params_in_unit, unit_of
from occupy_core.resolution.learned.features import resolution_features
from occupy_core.resolution.learned.mask import refine_mask
from occupy_core.resolution.learned.trees import LEAST_HALF, load_models
from occupy_core.resolution.measure.analysis import Analysis, analyse_map, onto
from occupy_core.resolution.messages import Findings, messages
from occupy_core.resolution.read.crossing import COARSEST, first_crossing, fsc_from_energy
from occupy_core.resolution.read.global_resolution import (
    LOCAL_QUANTILE,
    GlobalResolution,
    core_of,
    from_energies,
)
from occupy_core.resolution.read.halfmaps import half_map_energies, local_fsc
from occupy_core.resolution.read.monogenic import disagreement, monogenic_resolution
from occupy_core.resolution.read.uncertainty import (
    clearly_crossed,
    deviation_from_fsc,
    deviation_from_ssnr,
    noise_error,
)
from occupy_core.resolution.result import (
    LocalResolution,
    ResolutionParams,
    ResolutionResult,
)
from occupy_core.resolution.use.local_filter import filter_locally

_SMALLEST_EDGE = 16  # [guard] voxels


def estimate_resolution(
    density: DensityMap,
    params: ResolutionParams | None = None,
    *,
    half_maps: tuple[DensityMap, DensityMap] | None = None,
    mask: DensityMap | None = None,
    progress: Progress | None = None,
) -> ResolutionResult:
    """Estimate the local and global resolution of a map and its molecular mask.

    Where the noise of the solvent can be seen, the local SSNR gives the FSC that half maps would
    have; where it was masked or filtered away, a model learned on simulated maps steps in. Half
    maps, when given, decide, and the estimate from the map alone stands beside.

    Parameters
    ----------
    density : DensityMap
        The map; sharpened or not.
    params : ResolutionParams, optional
    half_maps : tuple of DensityMap, optional
        Unfiltered half maps on the grid of the map.
    mask : DensityMap, optional
        Mask to use in place of the one found; inside above 0.5.
    progress : Progress, optional

    Raises
    ------
    ParameterError
        When a parameter is outside its limits, or the mask is empty.
    GridMismatchError
        When the half maps or the mask lie on another grid.
    EstimationError
        When a map is constant or holds too little detail, or an edge has fewer than 16 voxels.
    """
    _require_edge(density)
    params = params or ResolutionParams()
    problems = params.problems(density.grid)
    if mask is not None and not (mask.data > 0.5).any():
        problems.append(
            f"The mask {mask.name} is nowhere above 0.5; give one with a molecule in it."
        )
    if problems:
        raise ParameterError(*problems)
    if mask is not None:
        require_same_grid(density, mask, "mask")
    if half_maps is not None:
        require_halves_of(density, half_maps)

    grid, unit = density.grid, unit_of(density.grid)
    if unit != 1.0:
        density, params = in_unit(density, unit), params_in_unit(params, unit)
        mask = None if mask is None else in_unit(mask, unit)
        half_maps = half_maps and (in_unit(half_maps[0], unit), in_unit(half_maps[1], unit))
    report(progress, 0.0, "measuring the bands")
    analysis = analyse_map(density, window=params.window, progress=part(progress, 0.0, 0.4))
    single = None if analysis.noise.featureless else _from_one_map(analysis)
    inside = _mask_of(analysis) if mask is None else mask.data > 0.5
    if half_maps is not None and inside.any():
        answer, overall = _from_half_maps(half_maps, analysis, inside, part(progress, 0.4, 0.6))
        source = "half maps"
    elif single is not None:
        answer, overall = single, _overall(analysis, single, inside)
        source = "solvent noise" if analysis.state.measured else "learned"
    else:
        answer, overall, source = _nothing(analysis), _unknown(analysis), "nothing"
        inside = np.zeros_like(inside)
    second = None
    if params.second_opinion and analysis.state.measured:
        opinion = monogenic_resolution(analysis, progress=part(progress, 0.6, 0.8))
        within = onto(inside, opinion.shape)
        second = disagreement(answer.fine, opinion, within)
    filtered: tuple[DensityMap, ...] = ()
    if params.filter and source != "nothing":
        everywhere = answer.fine if analysis.state.measured else _blurred_outside(answer, inside)
        filtered = tuple(filter_locally(m, everywhere) for m in (density, *(half_maps or ())))
    report(progress, 0.9, "writing down")
    nyquist = 2 * max(density.grid.voxel_size)
    if single is not None:
        single = _up_to(nyquist, single)
    findings = Findings(
        analysis=analysis,
        local=_up_to(nyquist, answer),
        overall=_whole_up_to(nyquist, overall),
        source=source,
        inside=inside,
        second=second,
        single=single if half_maps is not None else None,
        unit=unit,
    )
    result = _result(density, params, findings, filtered)
    return result if unit == 1.0 else in_angstroms(result, unit, grid)


def _up_to(nyquist: float, local: LocalResolution) -> LocalResolution:
    """Values up to the Nyquist limit of the voxels; nothing finer can be in a map."""
    return LocalResolution(
        fine=np.maximum(local.fine, np.float32(nyquist)),
        coarse=None if local.coarse is None else np.maximum(local.coarse, np.float32(nyquist)),
        sigma=local.sigma,
        censored=local.censored | (local.fine < nyquist),
    )


def _whole_up_to(nyquist: float, overall: GlobalResolution) -> GlobalResolution:
    """The global values up to the Nyquist limit of the voxels."""
    fine, coarse = overall.at_0143, overall.at_05
    return replace(
        overall,
        at_0143=None if fine is None else max(fine, nyquist),
        at_05=None if coarse is None else max(coarse, nyquist),
        censored=overall.censored or (fine is not None and fine < nyquist),
    )


def _require_edge(density: DensityMap) -> None:
    """Raise unless a box is large enough to hold a window and what is around it."""
    shape = density.grid.shape
    if min(shape) < _SMALLEST_EDGE:
        raise EstimationError(
            f"The map {density.name} has {' x '.join(map(str, shape))} voxels, but local "
            f"resolution needs at least {_SMALLEST_EDGE} along each axis; give the whole map."
        )


def _from_one_map(analysis: Analysis) -> LocalResolution:
    """Local resolution from the noise of the solvent, or from the learned model."""
    energies, limit = analysis.energies, analysis.spectrum.cutoff_frequency
    if not analysis.state.measured:
        return _learned(analysis)
    fsc = fsc_from_energy(energies.energy, analysis.noise.power, analysis.noise.trend)
    fine = first_crossing(fsc, energies.bands, 0.143, limit)
    coarse = first_crossing(fsc, energies.bands, 0.5, limit)
    level = noise_error(analysis.noise, analysis.state.spherical)
    crossed = clearly_crossed(fsc, energies, 0.143, level, analysis.noise.molecule)
    fine = replace(fine, censored=~crossed | (fine.frequency > limit))
    sigma = deviation_from_ssnr(fine, energies, 0.143, level)
    return LocalResolution(fine.resolution, coarse.resolution, sigma, fine.censored)


def _learned(analysis: Analysis) -> LocalResolution:
    """Local resolution from the learned model, about the molecule; the coarsest elsewhere."""
    shape = analysis.energies.grid.shape
    where = onto(analysis.mask, shape)
    limit = analysis.spectrum.cutoff_frequency
    fine = np.full(shape, COARSEST, np.float32)
    sigma = np.full(shape, COARSEST, np.float32)
    if where.any():
        models = load_models()
        features = resolution_features(analysis, where)
        middle = models.resolution.predict(features)
        lower, upper = models.lower.predict(features), models.upper.predict(features)
        fine[where] = np.clip(np.exp(middle) / limit, 0.8 / limit, COARSEST)
        half = np.maximum((upper - lower) / 2, np.float32(LEAST_HALF))
        sigma[where] = fine[where] * half * np.float32(models.spread[int(analysis.state.altered)])
        fine, sigma = _extended(fine, where), _extended(sigma, where)
    return LocalResolution(fine, None, sigma, fine < 1 / limit)


def _extended(values: Array, where: Mask) -> Array:
    """Give points outside the value of the nearest point inside, for the surface of the mask."""
    nearest = ndimage.distance_transform_edt(~where, return_distances=False, return_indices=True)
    result: Array = values[tuple(nearest)]
    return result


def _from_half_maps(
    halves: tuple[DensityMap, DensityMap],
    analysis: Analysis,
    inside: Mask,
    progress: Progress | None,
) -> tuple[LocalResolution, GlobalResolution]:
    """Local and global resolution from the FSC of half maps."""
    window = analysis.energies.window
    spectrum, mean, difference = half_map_energies(*halves, window, progress=progress)
    fsc = local_fsc(mean, difference)
    fine = first_crossing(fsc, mean.bands, 0.143, spectrum.cutoff_frequency)
    coarse = first_crossing(fsc, mean.bands, 0.5, spectrum.cutoff_frequency)
    sigma = deviation_from_fsc(fine, mean, 0.143)
    within = core_of(inside, mean)
    overall = _unknown(analysis)
    if within.any():
        overall = from_energies(
            mean.energy, difference.energy, within, mean.bands, spectrum.cutoff_frequency
        )
    local = LocalResolution(fine.resolution, coarse.resolution, sigma, fine.censored)
    return local, overall


def _mask_of(analysis: Analysis) -> Mask:
    """Molecular mask on the grid of the map."""
    if analysis.noise.featureless or not analysis.mask.any():
        return np.zeros(analysis.spectrum.grid.shape, bool)
    return onto(refine_mask(analysis), analysis.spectrum.grid.shape)


def _overall(analysis: Analysis, local: LocalResolution, inside: Mask) -> GlobalResolution:
    """Global resolution from the SSNR within the mask, or from the local values."""
    energies, limit = analysis.energies, analysis.spectrum.cutoff_frequency
    within = core_of(inside, energies)
    if not within.any():
        return _unknown(analysis)
    if analysis.state.measured:
        noise = analysis.noise.power.astype(np.float32)[:, None, None, None] * analysis.noise.trend
        return from_energies(energies.energy, noise, within, energies.bands, limit)
    at = float(np.quantile(local.fine[within], LOCAL_QUANTILE))
    unknown = np.full(len(energies.bands.frequency), np.nan)
    return GlobalResolution(
        frequency=energies.bands.frequency,
        fsc=unknown,
        at_0143=at,
        at_05=None,
        censored=at < 1 / limit,
    )


def _unknown(analysis: Analysis) -> GlobalResolution:
    """No global resolution."""
    f = analysis.energies.bands.frequency
    return GlobalResolution(
        frequency=f, fsc=np.full(len(f), np.nan), at_0143=None, at_05=None, censored=False
    )


def _nothing(analysis: Analysis) -> LocalResolution:
    """No local resolution."""
    shape = analysis.energies.grid.shape
    coarsest = np.full(shape, COARSEST, np.float32)
    return LocalResolution(coarsest, None, coarsest, np.zeros(shape, bool))


def _blurred_outside(local: LocalResolution, inside: Mask) -> Array:
    """Local resolution, coarsest outside the mask."""
    within = linear_interpolate(inside.astype(np.float32), local.fine.shape)
    frequency = within / local.fine + (1 - within) / np.float32(COARSEST)
    result: Array = (1 / frequency).astype(np.float32)
    return result


def _result(
    density: DensityMap,
    params: ResolutionParams,
    findings: Findings,
    filtered: tuple[DensityMap, ...],
) -> ResolutionResult:
    """Bring everything to the grid of the map and put it together."""
    analysis, local, inside = findings.analysis, findings.local, findings.inside
    single, second = findings.single, findings.second
    background = np.float32(params.background)

    def spread(values: Array, name: str, outside: np.float32 = background) -> DensityMap:
        full = linear_interpolate(values.astype(np.float32, copy=False), density.grid.shape)
        full[~inside] = outside
        return density.with_data(full, f"{name}_{density.name}")

    zero = np.float32(0)
    resolution = spread(local.fine, "resolution")
    within = resolution.data[inside]
    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    values = np.quantile(within, levels) if within.size else np.full(len(levels), np.nan)
    censored = density.with_data(
        (linear_interpolate(local.censored.astype(np.float32), density.grid.shape) > 0.5) & inside,
        f"censored_{density.name}",
    )
    fraction = float(censored.data[inside].mean()) if within.size else 0.0
    return ResolutionResult(
        resolution=resolution,
        resolution05=None if local.coarse is None else spread(local.coarse, "resolution05"),
        sigma=spread(local.sigma, "resolution_sigma", zero),
        censored=censored,
        mask=density.with_data(inside, f"mask_{density.name}"),
        single_map=None if single is None else spread(single.fine, "resolution_single_map"),
        second_opinion=None if second is None else spread(second, "disagreement", zero),
        filtered=filtered,
        overall=findings.overall,
        state=analysis.state,
        finest_detail=1 / analysis.spectrum.cutoff_frequency,
        window=analysis.energies.window,
        source=findings.source,
        quantiles={f"{level:.0%}": float(v) for level, v in zip(levels, values, strict=True)},
        censored_fraction=fraction,
        model_checksum=load_models().checksum,
        warnings=messages(findings, fraction),
    )
