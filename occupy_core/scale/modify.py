"""Maps modified by their local scale: amplified, attenuated, by a sigmoid, without solvent.

Each modification multiplies the map by a factor of the local scale S, as far as a place is
confidently not solvent (OccuPy 0.1.13; formulas and deviations in `docs/method.md`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from occupy_core.maps.filters import ball_kernel, maximum_filter
from occupy_core.maps.fourier import coloured_noise, lowpass, radial_power
from occupy_core.maps.grid import Array, DensityMap, Mask, require_same_grid
from occupy_core.maps.register import require_halves_of
from occupy_core.maps.threads import for_slabs
from occupy_core.progress import Progress, report
from occupy_core.scale.outputs import MODIFICATIONS, Kind, Output
from occupy_core.scale.params import ModifyParams
from occupy_core.solvent.histograms import Float64Array
from occupy_core.solvent.model import SolventModel
from occupy_core.solvent.region import inscribed_ellipsoid

__all__ = [
    "Kind",
    "ModifiedMap",
    "ModifyParams",
    "Output",
    "iter_modified",
    "match_histogram",
    "modification_curves",
    "modification_factor",
]

_PLANES = 4  # [machine] planes of a slab: its temporary arrays stay in the cache
_SMALLEST_SCALE = np.float32(1e-30)  # [guard] keeps negative powers of the scale finite
_SOLVENT_VOXELS = 1000  # [guard] needed to know the spectrum of the solvent
_NOTHING = 2.0  # [physics] standard errors: what is below may be noise
# Standard errors. Fewer lose more of full chains when they are attenuated, more leave partial ones.
_WITHIN = 2.5  # [fit: python -m benchmarks.modification --set developed] 2 to 3 tried
_SURE = 0.15  # [physics] a standard error above it tells 0.7 from 1 no more
_MARGIN = 7  # [taste: not swept] voxels; edge of a ball that must be free of content


@dataclass(frozen=True, eq=False, kw_only=True)
class ModifiedMap:
    """A modified map, with its half maps where they were given.

    Parameters
    ----------
    kind, gamma, pivot
        As in `Output`.
    map : DensityMap
    half_maps : tuple of DensityMap or None
        None for subtraction masks too.
    """

    kind: Kind
    gamma: float | None
    pivot: float | None
    map: DensityMap
    half_maps: tuple[DensityMap, DensityMap] | None = None


def iter_modified(
    density: DensityMap,
    scale: DensityMap,
    confidence: DensityMap,
    solvent: SolventModel,
    params: ModifyParams,
    *,
    sigma: DensityMap | None = None,
    place: DensityMap | None = None,
    half_maps: tuple[DensityMap, DensityMap] | None = None,
    method: str = "calibrated",
    progress: Progress | None = None,
) -> Iterator[ModifiedMap]:
    """Make the modified maps one after the other, so that only one is in memory.

    Parameters
    ----------
    density : DensityMap
        The map at its full resolution.
    scale, confidence : DensityMap
        Its local scale and confidence, on the same grid.
    solvent : SolventModel
        Its solvent.
    params : ModifyParams
    sigma : DensityMap, optional
        Standard error of the scale: what is full within it is left as it is, where it is below
        0.15.
    place : DensityMap, optional
        Confidence that the neighbourhood of a voxel is content. With it factors count from the
        level of the solvent on, and it takes the place of the confidence of single voxels.
    half_maps : tuple of DensityMap, optional
        Get the same factors. They are neither clipped nor matched, so that they stay linear in
        the input, and their solvent noise is independent.
    method : str
        Method of the scale: masks for subtraction are those of OccuPy with "occupy".
    progress : callable, optional

    Yields
    ------
    ModifiedMap

    Raises
    ------
    ParameterError
        When a parameter is outside its limits.
    GridMismatchError
        When the maps do not lie on one grid.
    """
    params.resolve(density.grid)
    others = [(scale, "scale"), (confidence, "confidence")]
    others += [(sigma, "standard error")] if sigma is not None else []
    others += [(place, "regional confidence")] if place is not None else []
    for other, what in others:
        require_same_grid(density, other, what)
    if half_maps is not None:
        require_halves_of(density, half_maps)
    weighing = _Weighing(
        scale=scale.data,
        sigma=None if sigma is None else sigma.data,
        confidence=(place or confidence).data,
        level=None if place is None else solvent.mean,
    )
    sources = [
        _Source(source, weighing, solvent, params, number)
        for number, source in enumerate((density, *(half_maps or ())))
    ]
    outputs = params.kinds(method)
    for done, output in enumerate(outputs):
        report(progress, done / len(outputs), output.kind.replace("_", " "))
        if output.is_mask:
            mask = _mask(output, weighing, params)
            yield ModifiedMap(**output._asdict(), map=density.with_data(mask))
            continue
        made = [source.modified(output) for source in sources]
        halves = (made[1], made[2]) if half_maps else None
        yield ModifiedMap(**output._asdict(), map=made[0], half_maps=halves)
        del made, halves
    report(progress, 1.0, "modified maps done")


def modification_curves(params: ModifyParams, n: int = 1001) -> tuple[Array, dict[str, Array]]:
    """Return what becomes of a scale by each modification, where the confidence is one.

    Parameters
    ----------
    params : ModifyParams
    n : int
        Number of points.

    Returns
    -------
    scale : ndarray of float32, shape (n,)
        0 to 1.
    curves : dict of ndarray of float32, shape (n,)
        Modified scale (factor times scale), by kind.
    """
    scale = np.linspace(0, 1, n, dtype=np.float32)
    curves: dict[str, Array] = {
        output.kind: scale * modification_factor(scale, output, params.scale_limit)
        for output in params.kinds()
        if output.kind in MODIFICATIONS
    }
    return scale, curves


def modification_factor(scale: Array, output: Output, scale_limit: float) -> Array:
    """Return the factor of the map at a scale S.

    Amplified: S^(1/gamma - 1). With a pivot (sigmoid): f(S)/S with the log-odds of f(S)
    gamma times those of S, shifted so that f(pivot) = pivot; in the form of OccuPy,
    f(S) = 1/(1 + ((S(1-mu))/(mu(1-S)))^-gamma). Otherwise (attenuated): S^(gamma - 1).

    Parameters
    ----------
    scale : ndarray of float32
        Values from 0 to 1.
    output : Output
    scale_limit : float
        The factor is 1 where the scale is not above it.

    Returns
    -------
    ndarray of float32, shape of `scale`
        Finite for every scale.
    """
    if output.gamma is None:
        return np.ones_like(scale)
    factor: Array
    positive = np.clip(scale, _SMALLEST_SCALE, 1)
    if output.kind == "amplified":
        factor = np.power(positive, np.float32(1 / output.gamma - 1))
    elif output.pivot is None:
        factor = np.power(positive, np.float32(output.gamma - 1))
    else:
        shift = (output.pivot / (1 - output.pivot)) ** (1 - 1 / output.gamma)
        with np.errstate(over="ignore"):  # an infinite ratio is the limit f = 0
            ratio = (np.float32(shift) * ((1 - positive) / positive)) ** np.float32(output.gamma)
            factor = np.reciprocal(positive * (1 + ratio))
    factor[scale <= scale_limit] = 1
    return factor


def match_histogram(data: Array, reference: Array) -> Array:
    """Give data the histogram of a reference of the same size, keeping the order of its values.

    Parameters
    ----------
    data, reference : ndarray of float32, shape (z, y, x)

    Returns
    -------
    ndarray of float32, shape (z, y, x)
        Equal values stay equal: they get the value of the last of their ranks.
    """
    ordered, wanted = np.sort(data, axis=None), np.sort(reference, axis=None)
    result = np.empty_like(data)

    def work(first: int, last: int) -> None:
        for i in range(first, last):
            values, back = np.unique(data[i], return_inverse=True)  # sorted: quick to look up
            ranks = np.searchsorted(ordered, values, side="right") - 1
            result[i] = wanted[ranks][back].reshape(data[i].shape)

    for_slabs(work, len(data), _PLANES)
    return result


def full_within_error(scale: Array, sigma: Array) -> Array:
    """Return a scale that is 1 where it is so within 2.5 standard errors, if one is below 0.15.

    Parameters
    ----------
    scale, sigma : ndarray of float32, shape (z, y, x)

    Returns
    -------
    ndarray of float32, shape (z, y, x)
    """
    return np.where((sigma < _SURE) & (scale + _WITHIN * sigma >= 1), np.float32(1), scale)


def nothing_within_error(scale: Array, sigma: Array) -> Mask:
    """Return where a scale is nothing within 2 standard errors, shape (z, y, x)."""
    return np.asarray(scale <= _NOTHING * sigma)


class _Weighing(NamedTuple):
    """Factors of a map, how far each voxel is modified, 0 to 1, and the level they count from.

    Without a level they multiply the map as it is, as OccuPy does.
    """

    scale: Array
    sigma: Array | None
    confidence: Array
    level: float | None

    def factor(self, slab: slice, output: Output, scale_limit: float) -> Array:
        """Return the factors of some planes: what is full, or nothing, within its error is so."""
        scale = self.scale[slab]
        if self.sigma is None:
            return modification_factor(scale, output, scale_limit)
        sigma = self.sigma[slab]
        factor = modification_factor(full_within_error(scale, sigma), output, scale_limit)
        np.minimum(factor, 1, out=factor, where=nothing_within_error(scale, sigma))
        return factor


class _Source:
    """A map to be modified: the full map (number 0) or one of its halves (1, 2)."""

    def __init__(
        self,
        density: DensityMap,
        weighing: _Weighing,
        solvent: SolventModel,
        params: ModifyParams,
        number: int,
    ) -> None:
        self._density = density
        self._weighing = weighing
        self._solvent = solvent
        self._params = params
        self._number = number
        self._spectrum: tuple[Float64Array, Float64Array] | None = None
        self._grey_range: tuple[float, float] | None = None
        if number == 0 and not params.hist_match:
            lo, hi = float(density.data.min()), float(density.data.max())
            # Excluded solvent is zero, which some maps do not have in their range.
            excluded = params.exclude_solvent
            self._grey_range = (min(lo, 0.0), max(hi, 0.0)) if excluded else (lo, hi)

    def modified(self, output: Output) -> DensityMap:
        """Return the map times the factors of `output`, with new solvent where it attenuates."""
        cutoff = self._params.lowpass_output
        noise = None
        if output.kind in ("attenuated", "sigmoid") and not self._params.exclude_solvent:
            noise = self._noise(MODIFICATIONS.index(output.kind))
        result = np.empty_like(self._weighing.scale) if noise is None else noise

        def work(first: int, last: int) -> None:
            slab = slice(first, last)
            factor = self._weighing.factor(slab, output, self._params.scale_limit)
            result[slab] = self._blended(slab, factor, noise)
            if self._grey_range and not cutoff:
                np.clip(result[slab], *self._grey_range, out=result[slab])

        for_slabs(work, len(result), _PLANES)
        made = self._density.with_data(result)
        if cutoff:
            made = lowpass(made, cutoff)
            if self._grey_range:
                made = made.with_data(made.data.clip(*self._grey_range))
        if self._number == 0 and self._params.hist_match:
            made = made.with_data(match_histogram(made.data, self._density.data))
        return made

    def _blended(self, slab: slice, factor: Array, noise: Array | None) -> Array:
        """Return some planes, modified as far as they are confidently not solvent."""
        confidence: Array | np.float32 = np.float32(1)
        if not self._params.omit_confidence:
            confidence = self._weighing.confidence[slab]
        if self._weighing.level is not None:
            return self._about_level(slab, factor, confidence, noise)
        if self._params.exclude_solvent:
            weight = confidence * factor
        else:
            weight = 1 + confidence * (factor - 1)
        modified: Array = weight * self._density.data[slab]
        if noise is not None:
            # The solvent in what is left has the factor f in its amplitude, so noise of variance
            # 1 - f² and mean 1 - f brings it back to the solvent's own.
            removed = np.clip(1 - factor, 0, 1)
            added = np.sqrt(removed * (2 - removed)) * noise[slab]
            modified += confidence * (added + removed * np.float32(self._solvent.mean))
        return modified

    def _about_level(
        self, slab: slice, factor: Array, confidence: Array | np.float32, noise: Array | None
    ) -> Array:
        """Return some planes of which what is above the solvent is multiplied."""
        density, change = self._density.data[slab], confidence * (factor - 1)
        modified: Array = density.copy()
        changed = change != 0  # the rest keeps its bytes
        above = density - np.float32(self._weighing.level or 0.0)
        np.add(density, change * above, out=modified, where=changed)
        if noise is not None:
            left = np.clip(1 + change, 0, 1)
            np.add(modified, np.sqrt(1 - left * left) * noise[slab], out=modified, where=changed)
        if self._params.exclude_solvent:
            modified *= confidence
        return modified

    def _noise(self, modification: int) -> Array:
        """Return noise with the spectrum of this map where it is solvent."""
        grid = self._density.grid
        if self._spectrum is None:
            # Not near content either: the gaps in it are as dark as solvent but ripple more.
            near = maximum_filter(self._weighing.confidence, ball_kernel(_MARGIN, _MARGIN / 2))
            region = inscribed_ellipsoid(grid.shape)
            region &= near < 0.5
            del near
            if np.count_nonzero(region) < _SOLVENT_VOXELS:  # only the model is left: white
                variance = self._solvent.sigma**2 * math.prod(grid.voxel_size)
                self._spectrum = np.zeros(1), np.full(1, variance)
            else:
                self._spectrum = radial_power(self._density, region)
        # Independent of the other modifications and maps, and known from the seed alone.
        seed = np.random.SeedSequence((self._params.seed, modification, self._number))
        return coloured_noise(grid, *self._spectrum, seed=int(seed.generate_state(1)[0]))


def _mask(output: Output, weighing: _Weighing, params: ModifyParams) -> Array:
    """Return a mask for signal subtraction of an attenuation or sigmoid, 0 to 1.

    What is subtracted is what the modification takes from the map: the confidence times
    1 - factor, 0 in solvent. The rest is kept. A subtraction never amplifies. The mask of OccuPy is
    the factor alone.
    """
    mask = np.empty_like(weighing.scale)

    def work(first: int, last: int) -> None:
        slab = slice(first, last)
        if output.kind == "subtraction_mask":
            factor = weighing.factor(slab, output, -1)
            np.minimum(factor, weighing.scale[slab] > 0, out=mask[slab])
            return
        factor = weighing.factor(slab, output, params.scale_limit)
        removed = 1 - np.minimum(factor, 1)
        if not params.omit_confidence:
            removed *= weighing.confidence[slab]
        mask[slab] = removed if output.kind == "subtract_mask" else 1 - removed

    for_slabs(work, len(mask), _PLANES)
    return mask
