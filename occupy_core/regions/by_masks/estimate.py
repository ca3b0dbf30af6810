"""Occupancy of regions given by masks: mean density against that of a full region.

A mask tells where a region is, not what it is made of: the number is as good as the regions are
alike in composition and packing. With an atomic model, `chains` does better.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from occupy_core.errors import EstimationError, ParameterError
from occupy_core.maps.ensemble_check import MapsCheck
from occupy_core.maps.grid import Array, DensityMap, require_same_grid
from occupy_core.params import Params
from occupy_core.progress import Progress, report
from occupy_core.regions.by_masks.noise import (
    Slices,
    away_from_masks,
    doubts_about,
    noise_error,
    solvent_of,
    with_noise,
)
from occupy_core.regions.significance import Occupancies, normalise, region_indices
from occupy_core.regions.table import RegionRow, RegionTable, make_row
from occupy_core.solvent.noise import Solvent

Values = NDArray[np.float64]

_INSIDE = 0.5  # [physics] of the largest weight: a voxel inside the region
# [taste: python -m benchmarks.sensitivity regions] of the density deep inside: the surface of the
# molecule
_PLATEAU = 0.35
_LEAST_CORE = 0.1  # [guard] of the voxels of a region stay in its core
# [taste: python -m benchmarks.sensitivity regions] relative: how much the mean density of full
# regions differs in simulations
_KINDS = 0.03
# [taste: nothing moved] of full: what blurred neighbours leave in an empty region, in simulations
_LEAK = 0.006
_SHARED = 0.25  # [words] of a region
_ABOVE = 1.05  # [words]
_ABOVE_FLAG = "above the reference"
_BLOCK = 12.0  # [taste: nothing moved] Å; density differs independently between cubes of this edge
# [taste: nothing moved] of all masks: a small dense region (nucleic acid) is none
_REFERENCE_SHARES = (0.25, 0.1)
# [taste: nothing moved] of full density: error of the level of a solvent that cannot be seen
_LEVEL_DOUBT = 0.1


@dataclass(frozen=True)
class RegionParams(Params):
    """How density in masks becomes occupancy.

    Parameters
    ----------
    reference : str, optional
        Regions that are full, comma-separated; None chooses the highest level that a quarter of
        all masks share in every map.
    whole : bool
        Count all of a mask. By default a mask is peeled to the surface of the molecule, and
        voxels that masks share count less: masks from tight to generous then read alike.
    """

    reference: str | None = None
    whole: bool = False


@dataclass(frozen=True, eq=False)
class Region:
    """A mask, cut to the voxels that are not zero.

    Parameters
    ----------
    name : str
    part : tuple of slice
        Where `weight` lies in the grid (z, y, x).
    weight : ndarray of float32
        0 to 1.
    shared : float
        Share of the region that lies inside of another one too.
    """

    name: str
    part: Slices
    weight: Array
    shared: float = 0.0

    def mean(self, density: DensityMap) -> float:
        """Weighted mean of a map over the region."""
        return float(np.average(density.data[self.part], weights=self.weight))

    def amplitude(self, density: DensityMap, level: float) -> tuple[float, float]:
        """Mean density above a level, and its standard error.

        The error is the scatter between cubes of `_BLOCK` Å, which holds the noise and what makes
        one part of a molecule denser than another, and the difference between kinds of molecule.
        """
        z, y, x = (
            (np.arange(n) * v / _BLOCK).astype(np.int64)
            for n, v in zip(self.weight.shape, density.grid.voxel_size_zyx, strict=True)
        )
        ny, nx = int(y[-1]) + 1, int(x[-1]) + 1
        block = ((z[:, None, None] * ny + y[:, None]) * nx + x).ravel()
        above = (density.data[self.part] - np.float32(level)) * self.weight
        sums = np.bincount(block, above.ravel().astype(np.float64))
        norms = np.bincount(block, self.weight.ravel().astype(np.float64))
        value = float(sums.sum() / norms.sum())
        share = norms / norms.sum()
        deviation = sums / norms.sum() - share * value
        effective = 1 / float((share**2).sum())
        if effective < 2:
            return value, abs(value)
        error = math.sqrt(float((deviation**2).sum()) * effective / (effective - 1))
        return value, math.hypot(error, _KINDS * value)


def region_occupancy(
    maps: Iterable[DensityMap],
    masks: Iterable[DensityMap],
    params: RegionParams | None = None,
    *,
    half_maps: Iterable[tuple[DensityMap, DensityMap] | None] | None = None,
    scale_of: Callable[[DensityMap], DensityMap | None] | None = None,
    progress: Progress | None = None,
) -> RegionTable:
    """Measure the occupancy of masked regions in one or more maps.

    Parameters
    ----------
    maps : iterable of DensityMap
        Maps of one grid; read one by one, so that a generator keeps only one in memory.
    masks : iterable of DensityMap
        Weights 0 to 1 on the same grid; soft and overlapping ones are welcome.
    params : RegionParams, optional
    half_maps : iterable of pairs of DensityMap, optional
        Half maps of each map, for the noise; by default it is taken from the solvent.
    scale_of : callable, optional
        Returns the local scale of a map, for the column `mean_scale`; called once for each map, in
        their order.
    progress : Progress, optional

    Returns
    -------
    RegionTable

    Raises
    ------
    ParameterError
        When there is no map or mask, or a mask is empty.
    GridMismatchError
        When maps and masks do not lie on one grid.
    EstimationError
        When the reference has no density or the contrast is inverted.
    """
    params = params or RegionParams()
    stream = iter(maps)
    first = next(stream, None)
    if first is None:
        raise ParameterError("No map is given; name at least one.")
    report(progress, 0.0, "reading the masks")
    regions, notes = read_regions(masks, first)
    names = tuple(region.name for region in regions)
    reference = region_indices(names, params.reference)
    free = away_from_masks([(r.part, r.weight) for r in regions], first.grid)
    solvent = solvent_of(first, free)
    counted = list(regions) if params.whole else peeled(regions, first, solvent.mean)
    measured: list[_Measured] = []
    check = MapsCheck(first)
    each = zip(
        chain([first], stream),
        repeat(None) if half_maps is None else half_maps,
        strict=False,
    )
    for density, halves in each:
        report(progress, 0.1 + 0.9 * (1 - 1 / (1 + len(measured))), f"measuring {density.name}")
        require_same_grid(first, density, "map")
        check.see(len(measured), density)
        solvent = solvent if density is first else solvent_of(density, free)
        found = _measure(density, counted, with_noise(solvent, density, halves))
        scale = None if scale_of is None else scale_of(density)
        means = [math.nan if scale is None else region.mean(scale) for region in regions]
        measured.append(replace(found, mean_scale=tuple(means)))
    sizes = np.array([float(region.weight.sum()) for region in regions])
    occupancies = _normalised(measured, sizes, reference)
    rows = [row for i, m in enumerate(measured) for row in _rows(m, regions, sizes, occupancies, i)]
    report(progress, 1.0, "done")
    table = RegionTable(
        rows=tuple(rows),
        maps=tuple(m.name for m in measured),
        regions=names,
        reference=tuple(names[j] for j in occupancies.members),
        notes=(*check.doubts(), *notes, *occupancies.notes),
        grid=first.grid,
    )
    return table.regrouped(occupancies.covariance)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Measured:
    """What one map gave: for each region the mean density, its error and the mean scale."""

    name: str
    mean: Values
    error: Values
    level_doubt: float
    flags: tuple[str, ...]
    resolution: float
    mean_scale: tuple[float, ...] = ()


def _normalised(
    measured: Sequence[_Measured], sizes: Values, reference: tuple[int, ...] | None
) -> Occupancies:
    """Divide by the reference: the one named, or one that can be full."""
    means = np.array([m.mean for m in measured])
    covariances = np.stack([np.diag(m.error**2) for m in measured])
    # Errors are mostly those of unlike regions: two that are alike are not better known than one.
    return normalise(
        means, covariances, sizes, reference, least_shares=_REFERENCE_SHARES, known=math.inf
    )


def _measure(density: DensityMap, regions: Sequence[Region], solvent: Solvent) -> _Measured:
    """Measure the regions of one map."""
    mean, error = np.array([region.amplitude(density, solvent.mean) for region in regions]).T
    if solvent.known and (mean < -2 * error).all():
        raise EstimationError(f"{density.name} is dark inside of the masks; invert its contrast.")
    error = np.hypot(error, _LEAK * mean.max())
    if solvent.noise is None:
        error = math.sqrt(2) * error  # unknown noise is at most what makes the blocks differ
    else:
        # Blocks hold the noise as well, but few blocks may miss it.
        least = [noise_error(region.weight, solvent.noise, density.grid) for region in regions]
        error = np.maximum(error, least)
    doubt = 0.0 if solvent.known else _LEVEL_DOUBT
    finest = 2 * max(density.grid.voxel_size)
    return _Measured(
        name=density.name,
        mean=mean,
        error=error,
        level_doubt=doubt,
        flags=doubts_about(solvent),
        resolution=finest,
    )


def _rows(
    seen: _Measured, regions: Sequence[Region], sizes: Values, found: Occupancies, i: int
) -> Iterator[RegionRow]:
    """Rows of the map number i."""
    # A wrong level moves the empty most and the full not at all.
    from_level = seen.level_doubt * (1 - found.values[i])
    sigma = np.hypot(np.sqrt(np.diag(found.covariance[i])), from_level)
    for j, region in enumerate(regions):
        value, error = float(found.values[i, j]), float(sigma[j])
        own = _flags(j in found.members, value, error, len(regions))
        if _ABOVE_FLAG in own:
            # Nothing is more than full: the excess tells how much denser this kind is.
            error = math.hypot(error, value - 1)
        if region.shared > _SHARED:
            own += (f"{region.shared:.0%} of it in other masks too: density there counts in each",)
        yield make_row(
            seen.name,
            region.name,
            value,
            error if len(regions) > 1 else 1.0,
            n_voxels=round(sizes[j]),
            resolution=seen.resolution,
            mean_scale=seen.mean_scale[j],
            flags=own + found.flags + seen.flags,
        )


def read_regions(
    masks: Iterable[DensityMap], density: DensityMap
) -> tuple[tuple[Region, ...], tuple[str, ...]]:
    """Cut masks to what is not zero, with weights from 0 to 1.

    Parameters
    ----------
    masks : iterable of DensityMap
    density : DensityMap
        Map whose grid they must have.

    Returns
    -------
    regions : tuple of Region
    notes : tuple of str
        What was changed, one sentence each.

    Raises
    ------
    ParameterError
        When a mask has no positive voxel, two masks have one name, or there is no mask.
    GridMismatchError
        When a mask lies on another grid.
    """
    regions: list[Region] = []
    notes = []
    for mask in masks:
        require_same_grid(density, mask, "mask")
        top = float(mask.data.max())
        if not top > 0:
            raise ParameterError(f"The mask {mask.name} is empty: no voxel is above 0.")
        if mask.name in [region.name for region in regions]:
            raise ParameterError(f"Two masks are named {mask.name}; rename one.")
        if float(mask.data.min()) < 0:
            notes.append(f"Negative weights of the mask {mask.name} were set to 0.")
        if abs(top - 1) > 1e-3:
            notes.append(f"The mask {mask.name} was divided by its maximum, {top:.3g}.")
        (part,) = ndimage.find_objects((mask.data > 0).astype(np.int8))
        weight = np.clip(mask.data[part] / np.float32(top), 0, 1)
        regions.append(Region(mask.name, part, weight))
    if not regions:
        raise ParameterError("No mask is given; name at least one.")
    return tuple(_with_shares(regions)), tuple(notes)


def peeled(regions: Sequence[Region], density: DensityMap, level: float) -> list[Region]:
    """Peel masks to where density has reached its plateau, and share what they have in common.

    Parameters
    ----------
    regions : sequence of Region
    density : DensityMap
        Map in which most of the regions are full.
    level : float
        Of the solvent, grey units.

    Returns
    -------
    list of Region
        The same regions with smaller weights; none is left empty.

    Notes
    -----
    All masks are peeled by one depth, at which the mean density below the surface of all of them
    together reaches `_PLATEAU` of its value deep inside: the depth belongs to the way the masks
    were made, not to the occupancy of one. Peeling further would leave cores, and cores differ
    more between kinds of molecule than wholes do. A voxel in several masks counts in each with
    w²/sum(w).
    """
    voxel = density.grid.voxel_size_zyx
    total = np.zeros(density.grid.shape, np.float32)
    for region in regions:
        total[region.part] += region.weight
    peel = _surface(density, _depth(total, voxel), level)
    result = []
    for region in regions:
        depth = _depth(region.weight, voxel)
        own = depth > 0
        deepest = float(np.quantile(depth[own], 1 - _LEAST_CORE)) if own.any() else 0.0
        # A voxel across which the surface runs counts in part.
        core = np.clip((depth - min(peel, deepest)) / min(voxel) + 0.5, 0, 1) * own
        shared = region.weight**2 / np.maximum(total[region.part], 1e-6)
        weight = np.asarray(core * shared if own.any() else shared, np.float32)
        result.append(Region(region.name, region.part, weight))
    return result


def _surface(density: DensityMap, depth: Array, level: float) -> float:
    """Depth in Å inside the masks at which density reaches `_PLATEAU` of that deep inside."""
    inside = depth > 0
    if not inside.any():
        return 0.0
    shell = (depth[inside] / min(density.grid.voxel_size)).astype(np.int64)
    counts = np.bincount(shell)
    told = counts > 0.01 * counts.sum()
    above = np.bincount(shell, density.data[inside] - np.float32(level))[told] / counts[told]
    depths = np.bincount(shell, depth[inside])[told] / counts[told]
    high = above >= _PLATEAU * above.max()
    first = int(np.argmax(high))
    if first == 0 or not above.max() > 0:
        return 0.0
    both = slice(first - 1, first + 1)
    return float(np.interp(_PLATEAU * above.max(), above[both], depths[both]))


def _depth(weight: Array, voxel: tuple[float, float, float]) -> Array:
    """Distance in Å of each voxel inside a mask from the nearest one outside."""
    inside = np.pad(weight > _INSIDE, 1)
    depth = ndimage.distance_transform_edt(inside, sampling=voxel)
    return np.asarray(depth[1:-1, 1:-1, 1:-1], np.float32)


def _with_shares(regions: Sequence[Region]) -> Iterator[Region]:
    """Yield the regions with the share of each that lies inside of others too."""
    for region in regions:
        inside = region.weight > _INSIDE
        other = np.zeros(inside.shape, bool)
        for second in regions:
            common = [_common(a, b) for a, b in zip(region.part, second.part, strict=True)]
            if second is not region:
                here, there = (tuple(pair[k] for pair in common) for k in (0, 1))
                other[here] |= second.weight[there] > _INSIDE
        yield replace(region, shared=float((inside & other).sum() / max(inside.sum(), 1)))


def _common(first: slice, second: slice) -> tuple[slice, slice]:
    """What two ranges have in common, counted from the start of each."""
    start = max(first.start, second.start)
    stop = max(min(first.stop, second.stop), start)
    return (
        slice(start - first.start, stop - first.start),
        slice(start - second.start, stop - second.start),
    )


def _flags(member: bool, value: float, sigma: float, n_regions: int) -> tuple[str, ...]:
    """Flags that follow from the number itself."""
    flags = ["reference"] if member else []
    if n_regions == 1:
        flags.append("nothing to compare with")
    if value < 2 * sigma:
        flags.append("not seen")
    if value - 2 * sigma > _ABOVE:
        flags.append(_ABOVE_FLAG)
    if sigma > 0.1:
        flags.append("uncertain")
    return tuple(flags)
