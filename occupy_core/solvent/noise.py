"""The noise of a map: its level and spectrum, from its solvent or from its half maps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from occupy_core.errors import EstimationError
from occupy_core.maps.filters import gaussian_filter
from occupy_core.maps.fourier import radial_power
from occupy_core.maps.grid import Array, DensityMap, Grid, Mask
from occupy_core.solvent.blank import Blank
from occupy_core.solvent.cells import Cells, Float64Array
from occupy_core.solvent.histograms import Gaussian, density_histogram, fit_main_peak
from occupy_core.solvent.model import useful_levels
from occupy_core.solvent.region import away_from, inscribed_ellipsoid
from occupy_core.solvent.robust import variance

CUBE = 32  # [machine] voxels; edge of the cubes in which a map is sampled
_LEVELS = 1000  # [machine]
_MUCH = 0.5  # [taste: nothing moved] of the content
_DARK = 0.1  # [taste: nothing moved] of the densest content
# [taste: python -m benchmarks.sensitivity scale] low-pass over the deviation of the Gaussian, for
# the map in which content is
# found
_COARSE = 4.0
# [taste: python -m benchmarks.sensitivity scale] standard deviations of the solvent above its mean
_CONTENT = 4.0
SOLVENT_VOXELS = 2000  # [guard] fewer do not tell the level of the noise
_CUBES = 16  # [machine] sampled at most
_FILLED = 0.4  # [guard] part of a cube that must be of the kind that is sampled

Corner = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Noise:
    """Stationary Gaussian noise of a map.

    Parameters
    ----------
    sigma : float
        Standard deviation, grey units of the map that was smoothed.
    frequency, power : ndarray of float64, shape (n,)
        Its spectral density as `radial_power` gives it.
    origin : str
        "solvent" or "half maps".
    """

    sigma: float
    frequency: Float64Array
    power: Float64Array
    origin: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Solvent:
    """Where a map is solvent, and the level and noise there.

    Parameters
    ----------
    blank : Blank
        Where the map was masked away, padded or cut off.
    where : ndarray of bool
        Points, voxels or cells of the map, that hold solvent only.
    known : bool
        Whether there is enough of it; otherwise it was masked away, or the box is full.
    mean, sigma : float
        Level and deviation there, grey units. When not `known`: what the mask has left there, or
        the main peak.
    threshold : float
        What is above it in the coarse map is content.
    noise : Noise, optional
        Its spectrum, when that was asked for.
    """

    blank: Blank
    where: Mask
    known: bool
    mean: float
    sigma: float
    threshold: float = math.inf
    noise: Noise | None = None


def find_solvent(
    smooth: Array, coarse: Array, cells: Cells, gone: Blank, region: Mask | None
) -> Solvent:
    """Find the cells of a map that hold nothing but solvent, and its level.

    Parameters
    ----------
    smooth : ndarray of float32, shape (z, y, x)
        The map whose noise is wanted.
    coarse : ndarray of float32, shape of the cells
        The same with less noise, to find content in.
    cells : Cells
    gone : Blank
        Where the map was masked away or padded: that is no solvent.
    region : ndarray of bool, shape (z, y, x), optional
        Where the main peak of the histogram is solvent; by default the inscribed ellipsoid.
    """
    sphere = inscribed_ellipsoid(cells.shape)
    blank = gone.cells(cells)
    searched = sphere & ~blank
    if region is not None:
        searched &= cells.means(region.astype(np.float32)) > 0.5
    if not searched.any():
        searched = np.ones_like(sphere)
    limits = float(coarse.min()), float(coarse.max())
    levels = min(_LEVELS, useful_levels(limits, int(np.count_nonzero(searched))))
    if limits[0] == limits[1] or not np.ptp(coarse[searched]):
        peak = Gaussian(1.0, float(smooth.min()), 0.0)
    else:
        peak = fit_main_peak(*density_histogram(coarse, levels, limits, searched))
    threshold = peak.mean + _CONTENT * peak.sigma
    content = coarse > threshold
    found = sphere & away_from(content | blank, cells.spacing)
    n_cells = np.count_nonzero(found)
    known = n_cells * cells.edge**3 >= SOLVENT_VOXELS
    level, sigma = peak.mean, peak.sigma
    if blank.any():
        # A mask leaves little solvent, near its edge, or only content of which the weakest is the
        # main peak: solvent is as dark as what was put in its place.
        level, sigma = float(coarse[blank].mean()), 0.0
        if known:
            dark = abs(float(coarse[found].mean()) - level) < _DARK * (limits[1] - level)
            known = np.bool_(dark and n_cells >= _MUCH * np.count_nonzero(content))
        if not known:
            threshold = level
    if known:
        level, sigma = _moments(smooth, found, cells)
    return Solvent(
        blank=gone, where=found, known=bool(known), mean=level, sigma=sigma, threshold=threshold
    )


def _moments(smooth: Array, chosen: Mask, cells: Cells) -> tuple[float, float]:
    """Return the mean and the deviation of the voxels of chosen cells."""
    limits = float(smooth.min()), float(smooth.max())
    counts = cells.histogram(smooth, chosen, limits)
    middles = limits[0] + (np.arange(len(counts)) + 0.5) * ((limits[1] - limits[0]) / len(counts))
    mean = float(np.average(middles, weights=counts))
    variance = float(np.average((middles - mean) ** 2, weights=counts))
    return mean, variance**0.5


def level_and_deviation(values: Array, blank: Blank) -> tuple[float, float]:
    """Return the mean and the deviation of noise, also where it was cut off below a level.

    Of noise cut off at c, the part p below is known only to be there. For a normal distribution
    with a = (c - mean)/sigma, p = Phi(a), and the mean of what reaches above c (0 for the rest) is
    sigma (phi(a) - a (1 - p)): two equations for two unknowns (Tobin 1958, doi:10.2307/1907382).

    Parameters
    ----------
    values : ndarray of float32, shape (n,)
        Voxels of solvent.
    blank : Blank
        Tells whether the map was cut off.
    """
    mean, sigma = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
    if blank.lowest is None:
        return mean, sigma
    above = values[values > np.float32(blank.lowest)].astype(np.float64)
    below = 1 - above.size / values.size
    if not 0 < below < 1:
        return mean, sigma
    # A cut may leave a gap between its value and the least density that it kept.
    cut, a = float(above.min()), float(ndtri(below))
    reach = float((above - cut).sum()) / values.size
    sigma = reach / (math.exp(-a * a / 2) / math.sqrt(2 * math.pi) - a * (1 - below))
    return cut - a * sigma, sigma


def coarse_cells(work: DensityMap, cells: Cells, lowpass: float) -> Array:
    """Return the map in cells, smoothed to a part of the low-pass (Å): content stands out there."""
    return blurred_cells(cells.means(work.data), cells, lowpass / _COARSE)


def blurred_cells(means: Array, cells: Cells, deviation: float) -> Array:
    """Return cells smoothed by a Gaussian of so many Å."""
    return gaussian_filter(means, [deviation / edge for edge in cells.spacing])


def voxels_left_out(solvent: Solvent, cells: Cells) -> Mask | None:
    """Return the voxels around the solvent of a map that a mask or padding has made blank.

    A sphere, as reconstruction programs put around the particle, leaves enough solvent inside.

    Returns
    -------
    ndarray of bool, shape (z, y, x), or None
        On the grid of the cells; None when nothing was masked, or the solvent too.
    """
    if not (solvent.blank.masked and solvent.known):
        return None
    near = ~away_from(solvent.blank.cells(cells), cells.spacing)
    return cells.spread(near, (0, 0, 0), max(cells.grid.shape))


def noise_of_solvent(smooth: Array, cells: Cells, solvent: Solvent) -> Noise:
    """Return the noise of a map as its solvent shows it."""
    frequency, power = _mean_power(lambda c: smooth[c], cells, solvent.where)
    return Noise(solvent.sigma, frequency, power, "solvent")


def on_one_scale(first: DensityMap, second: DensityMap) -> DensityMap:
    """Return the second half map on the grey scale of the first: of the same standard deviation.

    Otherwise their difference would hold the signal.

    Parameters
    ----------
    first, second : DensityMap
        Half maps on one grid.

    Raises
    ------
    EstimationError
        When the second has one value everywhere.
    """
    deviations = [variance(half.data) ** 0.5 for half in (first, second)]
    if not deviations[1] > 0:
        raise EstimationError(
            f"The half map {second.name} has the value {second.data.flat[0]:g} everywhere; give "
            "the half maps of this map."
        )
    return second.with_data(second.data * np.float32(deviations[0] / deviations[1]))


def noise_of_halves(
    data: Array, halves: tuple[Array, Array], blur: list[float], cells: Cells, content: Mask
) -> Noise:
    """Return the noise of a smoothed map under its content, from the difference of its half maps.

    The map may have been filtered after the halves were averaged: the noise of the average gets
    the ratio of the power of the map to that of the average, shell by shell.

    Parameters
    ----------
    data : ndarray of float32, shape (z, y, x)
        The map before it is smoothed.
    halves : tuple of ndarray of float32, shape (z, y, x)
        On one grey scale (`on_one_scale`).
    blur : list of float
        Deviations (z, y, x) in voxels of the Gaussian that smooths the map.
    cells : Cells
    content : ndarray of bool, shape of the cells
    """
    unit = np.float32(1 / max(float(np.ptp(halves[0])), 1e-37))  # squares must not overflow
    first, second = halves
    frequency, of_map = _mean_power(lambda c: unit * data[c], cells, content)
    _, of_sum = _mean_power(lambda c: unit * (first[c] + second[c]), cells, content)
    _, of_noise = _mean_power(
        lambda c: gaussian_filter(unit * (first[c] - second[c]), blur), cells, content
    )
    power = of_noise * of_map / np.maximum(of_sum, 1e-9 * of_sum.max() + 1e-300)
    sigma = _deviation(frequency, power, cells.grid)
    return Noise(sigma / float(unit), frequency, power, "half maps")


def least_correlation(
    maps: tuple[Array, ...], lowpass: float, cells: Cells, content: Mask
) -> float:
    """Return the smallest correlation of any two maps in content, 0 when one is constant there.

    Parameters
    ----------
    maps : tuple of ndarray of float32, shape (z, y, x)
    lowpass : float
        They are smoothed to a part of it (Å), to what all of them resolve.
    cells : Cells
    content : ndarray of bool, shape of the cells
    """
    blur = [lowpass / _COARSE / edge for edge in cells.grid.voxel_size_zyx]
    values: list[list[Array]] = [[] for _ in maps]
    for corner, inside in cubes_of(cells, content):
        cube = tuple(slice(c, c + n) for c, n in zip(corner, inside.shape, strict=True))
        for found, data in zip(values, maps, strict=True):
            found.append(gaussian_filter(data[cube], blur)[inside])
    columns = np.array([np.concatenate(found) for found in values], np.float64)
    columns -= columns.mean(axis=1, keepdims=True)
    columns /= np.maximum(np.abs(columns).max(axis=1, keepdims=True), 1e-300)
    norms = np.maximum(np.sqrt((columns**2).sum(axis=1, keepdims=True)), 1e-300)
    columns /= norms
    return float((columns @ columns.T).min())


def cubes_of(cells: Cells, chosen: Mask) -> list[tuple[Corner, Mask]]:
    """Return cubes of the map that hold many voxels of chosen cells, with those voxels.

    Up to 16 cubes of 32 voxels of a lattice over the map, evenly taken from those that are filled
    for 40 %, or the best filled one.
    """
    corners = list(_lattice(cells.grid.shape))
    filled = np.array([_filled(cells, chosen, corner) for corner in corners])
    good = np.flatnonzero(filled >= max(min(_FILLED, 0.8 * filled.max()), 1e-9))
    if len(good) > _CUBES:
        good = good[np.linspace(0, len(good) - 1, _CUBES).round().astype(int)]
    return [(corners[i], cells.spread(chosen, corners[i], CUBE)) for i in good]


def _filled(cells: Cells, chosen: Mask, corner: Corner) -> float:
    """Return the part of the voxels of a cube that lies in chosen cells."""
    box, counts = [], []
    for start, n in zip(corner, cells.grid.shape, strict=True):
        index = np.arange(start, min(start + CUBE, n)) // cells.edge
        box.append(slice(index[0], index[-1] + 1))
        counts.append(np.bincount(index - index[0]))
    z, y, x = counts
    return float(chosen[tuple(box)] @ x @ y @ z) / float(x.sum() * y.sum() * z.sum())


def _lattice(shape: tuple[int, ...]) -> Iterator[Corner]:
    """Yield the corners of cubes that cover a map; the last ones overlap their neighbours."""
    starts = [sorted({*range(0, max(1, n - CUBE), CUBE), max(0, n - CUBE)}) for n in shape]
    for z in starts[0]:
        for y in starts[1]:
            for x in starts[2]:
                yield z, y, x


def _mean_power(
    take: Callable[[tuple[slice, ...]], Array], cells: Cells, chosen: Mask
) -> tuple[Float64Array, Float64Array]:
    """Return the spectral density in chosen cells of what is taken from cubes of a map.

    It is the mean over cubes, which are all of one shape.
    """
    total, weights = np.zeros(1), 0
    frequency = np.zeros(1)
    for corner, inside in cubes_of(cells, chosen):
        cube = tuple(slice(c, c + n) for c, n in zip(corner, inside.shape, strict=True))
        nz, ny, nx = inside.shape
        grid = Grid((nz, ny, nx), cells.grid.voxel_size)
        frequency, power = radial_power(DensityMap(take(cube), grid), inside)
        n = int(np.count_nonzero(inside))
        total, weights = total + n * power, weights + n
    return frequency, total / max(weights, 1)


def _deviation(frequency: Float64Array, power: Float64Array, grid: Grid) -> float:
    """Return the standard deviation of noise: its spectral density integrated over the band."""
    fz, fy, fx = (np.fft.fftfreq(CUBE, v) for v in grid.voxel_size_zyx)
    k = np.sqrt(fz[:, None, None] ** 2 + fy[:, None] ** 2 + fx**2)
    return float(np.sqrt(np.interp(k, frequency, power).mean() / np.prod(grid.voxel_size)))
