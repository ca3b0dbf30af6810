"""Calibrated local scale: the largest density around each voxel, read as occupancy.

A maximum rises with noise, with the size of the ball and with the sampling, and the density of a
full region is not one number. All of this is measured on the map itself. Where the map is full, its
density is lowered to a share q and noise is added back:

    s_q = q s + sqrt(1 - q²) n,

n independent noise with the spectrum of that of the map. Signal is then q times what it was and
noise has the variance it had, so s_q is what this region would show at the occupancy q. The median
of its local maxima against q is a curve that turns maxima into occupancies: 0 at the floor of the
noise, 1 at the median of full density. `docs/method.md` has the details.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from occupy_core.errors import EstimationError
from occupy_core.maps.filters import gaussian_filter, map_linearly, maximum_filter
from occupy_core.maps.fourier import coloured_noise
from occupy_core.maps.grid import Array, DensityMap, Grid, Mask
from occupy_core.scale.calibrated.calibration import AGREE, Calibration, remarks
from occupy_core.scale.calibrated.place import Place, find_place
from occupy_core.scale.calibrated.regional import Maxima, as_occupancy, regional_scale
from occupy_core.scale.calibrated.sharpness import Sharpness
from occupy_core.scale.calibrated.valleys import Density
from occupy_core.scale.full_scale import kernel_footprint, mean_at_full_scale
from occupy_core.scale.params import ResolvedScale
from occupy_core.solvent.blank import Blank
from occupy_core.solvent.cells import Cells, Float64Array
from occupy_core.solvent.noise import (
    CUBE,
    Noise,
    Solvent,
    blurred_cells,
    coarse_cells,
    cubes_of,
    find_solvent,
    least_correlation,
    noise_of_halves,
    noise_of_solvent,
    on_one_scale,
    voxels_left_out,
)
from occupy_core.solvent.robust import quantile_of_counts

# [machine] shares of full density at which the curve is measured; linear in between
SHARES = (0.0, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)
# [fit: python -m benchmarks.sensitivity scale] low-pass over the deviation of the Gaussian
_BLUR = {"res": 8.0, "occ": 6.0}
# [fit: python -m benchmarks.sensitivity scale] quantile of content that stands for the inside of
# the molecule
_DENSE = 0.9
# [fit: python -m benchmarks.sensitivity scale] of that density: half of what is usual inside, which
# is the surface
_INSIDE = 0.45
# [fit: python -m benchmarks.sensitivity scale] low-passes; deviation of the Gaussian over which
# levels are averaged
_NEIGHBOURS = 1.0
_BANDWIDTH = 0.05  # [fit: python -m benchmarks.sensitivity scale] of the logarithm of the level
# [taste: nothing moved] of the most frequent level: as frequent must the full one be
_SHARED = 1 / 3
# [fit: python -m benchmarks.sensitivity scale] of the logarithm: what is this near the full level
# is full
_BELONGS = 0.15
_TABLE = 2048  # [machine]
_SEED = 3186  # [machine]


@dataclass(frozen=True, eq=False, kw_only=True)
class CalibratedScale:
    """Scale and standard error on the grid that was processed.

    Parameters
    ----------
    scale, sigma : ndarray of float32, shape (z, y, x)
        Occupancy and its standard error from noise, both from 0 to 1.
    full_scale : float
        Grey value of scale 1.
    variability_limit : float
        Mean density where the scale is 1, as a scale.
    calibration : Calibration
    place : Place or None
        Where there is content; None where the scale is that of voxels.
    warnings : tuple of str
    left_out : ndarray of bool, shape (z, y, x), or None
        What a mask or padding around the solvent has made blank.
    """

    scale: Array
    sigma: Array
    full_scale: float
    variability_limit: float
    calibration: Calibration
    place: Place | None
    warnings: tuple[str, ...]
    left_out: Mask | None


@dataclass(frozen=True, eq=False, kw_only=True)
class _Content:
    """The full cells of a map, the median and spread of the local maxima there, and more.

    `fraction` is their part of the content.
    """

    full: Mask
    solvent: float
    level: float
    spread: float
    fraction: float


def calibrated_scale(
    work: DensityMap,
    blank: Blank,
    numbers: ResolvedScale,
    *,
    region: Mask | None = None,
    halves: tuple[DensityMap, DensityMap] | None = None,
) -> CalibratedScale:
    """Estimate the calibrated scale of a map.

    Parameters
    ----------
    work : DensityMap
        The map on the grid that is processed.
    blank : Blank
        Where the map was masked away or cut off.
    numbers : ResolvedScale
    region : ndarray of bool, shape (z, y, x), optional
        Where the user says that the solvent is.
    halves : tuple of DensityMap, optional
        Half maps on the grid of `work`, from which the noise is taken.

    Raises
    ------
    EstimationError
        When the map has no content above its solvent.
    """
    cells, deviations = Cells.of(work.grid), _deviations(work.grid, numbers)
    footprint = kernel_footprint(work.grid, numbers.kernel_size, numbers.kernel_radius)
    smooth = gaussian_filter(work.data, deviations)
    coarse = coarse_cells(work, cells, numbers.lowpass)
    # A power of two near the grey range: dividing by it is exact, and then squares do not overflow.
    unit = 2.0 ** math.floor(math.log2(max(float(np.ptp(smooth)), 1e-37)))
    smooth *= np.float32(1 / unit)
    coarse *= np.float32(1 / unit)
    solvent = find_solvent(smooth, coarse, cells, blank, region)
    maxima = maximum_filter(smooth, footprint)
    inside, hidden = _find_inside(coarse, solvent)
    gain = None
    if numbers.mode == "occ":
        sharp = Sharpness(
            data=work.data,
            factor=1 / unit,
            deviations=deviations,
            footprint=footprint,
            cells=cells,
            solvent=solvent,
        )
        gain = sharp.gain(smooth, inside, numbers.lowpass)
        cells.multiply(maxima, gain, solvent.mean)
    content = _find_content(maxima, inside, cells, solvent, numbers)
    noise, correlation = _noise_below(work, halves, numbers, content.full)
    if noise is not None:
        noise = replace(noise, sigma=noise.sigma / unit)
    elif solvent.known:
        noise = noise_of_solvent(smooth, cells, solvent)
    if noise is None:
        curve, errors = _unknown_noise(smooth, cells, content)
    else:
        curve, errors = _ladder(smooth, cells, content, noise, footprint)
    if numbers.s0:  # full density from the maximum, as asked for
        curve = _stretched(curve, numbers.tau * (float(smooth.max()) - solvent.mean))
    lo, hi = solvent.mean + float(curve[0]), solvent.mean + float(curve[-1])
    occupancy, error = _tables(curve, errors)
    dense = mean_at_full_scale(smooth, maxima >= np.float32(hi)) - solvent.mean
    full = float(curve[-1])
    place = None
    if gain is None or not numbers.granularity > 0:
        scale = map_linearly(maxima, lo, hi, occupancy)
        sigma = map_linearly(maxima, lo, hi, error)
    else:
        place = find_place(coarse, solvent, cells, numbers.granularity)
        wide = as_occupancy(cells.means(maxima) - np.float32(solvent.mean), curve, SHARES)
        own = (cells.maxima(smooth) - np.float32(solvent.mean)) / np.float32(full)
        made = Maxima(wide, gain * own, content.full)
        above = Density(work.data, 1 / unit, solvent.mean, deviations)
        regional = regional_scale(made, above, place, numbers.granularity, float(error[0]))
        scale, sigma = regional.scale, regional.sigma
    del smooth
    calibration = Calibration(
        occupancy=SHARES,
        density=tuple(map(float, unit * curve)),
        sigma=tuple(map(float, unit * errors)),
        solvent_mean=unit * solvent.mean,
        noise_sigma=0.0 if noise is None else unit * noise.sigma,
        noise_origin="unknown" if noise is None else noise.origin,
        spread=content.spread / full,
        full_fraction=content.fraction,
    )
    del content
    return CalibratedScale(
        scale=scale,
        sigma=sigma,
        full_scale=unit * hi,
        variability_limit=dense / full,
        calibration=calibration,
        place=place,
        warnings=tuple(
            remarks(work.name, calibration, blank, hidden=hidden, correlation=correlation)
        ),
        left_out=voxels_left_out(solvent, cells),
    )


def _deviations(grid: Grid, numbers: ResolvedScale) -> list[float]:
    """Return the deviations (z, y, x) in voxels of the Gaussian that smooths the map."""
    blur = numbers.lowpass / _BLUR[numbers.mode]
    return [blur / v for v in grid.voxel_size_zyx]


def _noise_below(
    work: DensityMap,
    halves: tuple[DensityMap, DensityMap] | None,
    numbers: ResolvedScale,
    content: Mask,
) -> tuple[Noise | None, float]:
    """Return the noise under the content, None when these are not the halves of this map.

    And the least correlation of two of the three maps there, by which that is told.
    """
    if halves is None:
        return None, 1.0
    cells, pair = Cells.of(work.grid), (halves[0].data, halves[1].data)
    correlation = least_correlation((work.data, *pair), numbers.lowpass, cells, content)
    if correlation < AGREE:
        return None, correlation
    pair = halves[0].data, on_one_scale(*halves).data
    deviations = _deviations(work.grid, numbers)
    return noise_of_halves(work.data, pair, deviations, cells, content), correlation


def _stretched(curve: Float64Array, level: float) -> Float64Array:
    """Return a curve with the same start and another end."""
    stretched: Float64Array = curve[0] + (curve - curve[0]) * (
        (level - curve[0]) / (curve[-1] - curve[0])
    )
    return stretched


def _find_inside(coarse: Array, solvent: Solvent) -> tuple[Mask, bool]:
    """Return the cells inside the surface of the content, and whether noise hides that."""
    above = coarse[coarse > solvent.threshold]
    if above.size == 0:  # noise hides all: a scale of what there is, and a warning
        return coarse >= np.quantile(coarse, _DENSE), True
    surface = (1 - _INSIDE) * solvent.mean + _INSIDE * float(np.quantile(above, _DENSE))
    return coarse > max(surface, solvent.threshold), surface < solvent.threshold


def _find_content(
    maxima: Array, inside: Mask, cells: Cells, solvent: Solvent, numbers: ResolvedScale
) -> _Content:
    """Find what of a map is full, and the median of its local maxima."""
    levels = cells.means(maxima) - np.float32(solvent.mean)
    weights, far = inside.astype(np.float32), _NEIGHBOURS * numbers.lowpass
    local = (
        blurred_cells(weights * levels, cells, far)[inside]
        / blurred_cells(weights, cells, far)[inside]
    )
    if not local.max() > 0:
        raise EstimationError(
            "The fullest region is not denser than the solvent, but density must be positive; "
            "multiply the map by -1 if its contrast is inverted."
        )
    logarithms = np.log(np.maximum(local, 1e-6 * local.max())).astype(np.float64)
    mode = _highest_shared_level(logarithms)
    full = np.zeros_like(inside)
    full[inside] = np.abs(logarithms - mode) < _BELONGS
    limits = float(maxima.min()), float(maxima.max())
    counts = cells.histogram(maxima, full, limits)
    lower, level, upper = (quantile_of_counts(counts, q, limits) for q in (0.16, 0.5, 0.84))
    return _Content(
        full=full,
        solvent=solvent.mean,
        level=level - solvent.mean,
        spread=(upper - lower) / 2,
        fraction=float(np.count_nonzero(full) / np.count_nonzero(inside)),
    )


def _highest_shared_level(logarithms: Float64Array) -> float:
    """Return the highest level that much of the content shares: of two chains, the fuller one.

    It is the highest mode of the density of the logarithms (Gaussian kernel) that reaches
    a third of the highest peak. Dense spots are too few to make such a mode.
    """
    step = _BANDWIDTH / 8
    top = float(logarithms.max()) + 4 * _BANDWIDTH
    n = int(3.0 / step)  # down to a twentieth
    bins = top - step * np.arange(n, -1, -1)
    counts = np.histogram(logarithms, bins)[0]
    x = np.arange(-32, 33) * step / _BANDWIDTH
    density = np.convolve(counts, np.exp(-(x**2) / 2), mode="same")
    peaks = np.flatnonzero(
        (density[1:-1] >= density[:-2])
        & (density[1:-1] > density[2:])
        & (density[1:-1] >= _SHARED * density.max())
    )
    best = peaks[-1] + 1 if len(peaks) else int(density.argmax())
    return float(bins[best] + step / 2)


def _ladder(
    smooth: Array, cells: Cells, content: _Content, noise: Noise, footprint: Mask
) -> tuple[Float64Array, Float64Array]:
    """Return the median local maximum of full density at each share, and its error from noise."""
    shares = np.array(SHARES)
    values: list[list[Array]] = [[] for _ in SHARES]
    differences: list[list[Array]] = [[] for _ in SHARES]
    for number, (corner, inside) in enumerate(cubes_of(cells, content.full)):
        box, within = _widened(corner, inside.shape, footprint.shape, smooth.shape)
        part = smooth[box] - np.float32(content.solvent)
        first, second = (_noise_like(part, cells.grid, noise, 2 * number + i) for i in (0, 1))
        for i, q in enumerate(shares):
            rest = np.float32((1 - q * q) ** 0.5)
            made = maximum_filter(np.float32(q) * part + rest * first, footprint)[within][inside]
            values[i].append(made)
            if q < 1 and number % 2 == 0:  # half of the cubes tell the error
                other = maximum_filter(np.float32(q) * part + rest * second, footprint)
                differences[i].append((made - other[within][inside]) / rest)
    curve = np.array([np.median(np.concatenate(v)) for v in values], dtype=np.float64)
    errors = np.array([np.concatenate(d).std() / 2**0.5 for d in differences[:-1]], np.float64)
    errors = np.append(errors, errors[-1])
    # The cubes are a sample: full density is the median over all of the map that is full.
    if curve[-1] > curve[0]:
        curve = _stretched(curve, curve[0] + max(content.level - curve[0], 1e-3 * content.level))
    least = 1e-3 * abs(curve[-1]) * np.arange(len(curve))
    return np.maximum.accumulate(curve - least) + least, errors


def _widened(
    corner: tuple[int, ...],
    shape: tuple[int, ...],
    kernel: tuple[int, ...],
    whole: tuple[int, ...],
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return a cube with as much around it as the kernel sees, and where it lies in that."""
    box, within = [], []
    for c, n, k, end in zip(corner, shape, kernel, whole, strict=True):
        start = max(0, c - k // 2)
        box.append(slice(start, min(end, c + n + k // 2)))
        within.append(slice(c - start, c - start + n))
    return tuple(box), tuple(within)


def _noise_like(part: Array, grid: Grid, noise: Noise, seed: int) -> Array:
    """Return a realisation of noise of the shape of a part of a map."""
    edge = CUBE * 3 // 2  # noise is periodic: the next period must not be seen
    nz, ny, nx = (max(edge, n) for n in part.shape)
    sample = coloured_noise(
        Grid((nz, ny, nx), grid.voxel_size), noise.frequency, noise.power, seed=_SEED + seed
    )
    sample *= np.float32(noise.sigma / max(float(sample.std()), 1e-30))
    z, y, x = part.shape
    result: Array = sample[:z, :y, :x]
    return result


def _unknown_noise(
    smooth: Array, cells: Cells, content: _Content
) -> tuple[Float64Array, Float64Array]:
    """Return a straight line, and as the error all the variation of full density: noise is less."""
    values = []
    for corner, inside in cubes_of(cells, content.full):
        cube = tuple(slice(c, c + n) for c, n in zip(corner, inside.shape, strict=True))
        values.append(smooth[cube][inside])
    error = float(np.concatenate(values).std())
    return content.level * np.array(SHARES), np.full(len(SHARES), error)


def _tables(curve: Float64Array, errors: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return occupancy and standard error at equal steps between the ends of the curve."""
    shares = np.array(SHARES)
    occupancy = np.interp(np.linspace(curve[0], curve[-1], _TABLE), curve, shares)
    sigma = np.interp(occupancy, shares, errors / np.gradient(curve, shares))
    return occupancy, np.clip(sigma, 0, 1)
