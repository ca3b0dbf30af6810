"""Where to contour a volume: rules that mean the same in every volume, whatever its grey scale.

Each rule commutes with a change of the grey scale, threshold(a V + b) = a threshold(V) + b.
`docs/blocks_method.md` compares them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import ndimage
from scipy.special import ndtri

from occupy_core.errors import EstimationError
from occupy_core.maps.filters import histogram
from occupy_core.maps.fourier import lowpass
from occupy_core.maps.grid import Array, DensityMap
from occupy_core.scale.full_scale import fullest_tile
from occupy_core.solvent.blank import Blank, find_blank
from occupy_core.solvent.cells import Cells
from occupy_core.solvent.model import fit_solvent
from occupy_core.solvent.noise import coarse_cells, find_solvent
from occupy_core.solvent.robust import mad_sigma

_BINS = 2000  # [machine]
# [fit: python -m benchmarks.sensitivity blocks] the position of the solvent peak is its centroid
# above this part of its height
_PEAK_LEVEL = 0.7
# [taste: nothing moved] part of the box whose density is full: 52 voxels of a box of 64 ...
_DENSEST = 2e-4
_FEWEST = 27  # [guard] ... and in small boxes this many
_HALF = 0.5  # [physics]
# [fit: python -m benchmarks.sensitivity blocks] part of the box that a molecule fills, about
_BODY = 0.04
# [taste: nothing moved] of the densest part; where there is more, nothing can be contoured
_MOST_NOISE = 0.5
# [taste: nothing moved] density reaches at least so much farther from the solvent than noise below
# it
_ONE_SIDED = 1.5
_LOWPASS = 8.0, 3.0  # [default] Å, voxels; the larger counts, as for the local scale
_TILES = 20  # [OccuPy] along an edge of the box
_SMALLEST_TILE = 4  # [guard] voxels
_TILE_QUANTILE = 0.95  # [taste: nothing moved]


class Threshold(NamedTuple):
    """Threshold of one volume, grey units.

    Parameters
    ----------
    value, solvent : float
        Threshold and level of the solvent.
    sigma : float
        Standard deviation of the noise; 0 when it was not asked for.
    empty : bool
        Whether the densest part of the volume stands out no more than the emptiest, as in noise.
    inverted : bool
        Whether it is the emptiest part that stands out.
    """

    value: float
    solvent: float
    sigma: float = 0.0
    empty: bool = False
    inverted: bool = False


def solvent_level(density: DensityMap, blank: Blank | None = None) -> float:
    """Return the level of the solvent of a map, grey units.

    It is the main peak of the histogram. Where the map was masked, that peak may be the mask: then
    it is the mean of the solvent inside, or the value of the mask when that left none.
    """
    blank = blank or find_blank(density)
    if blank.value is None:
        return _main_peak(density)
    cells = Cells.of(density.grid)
    found = find_solvent(
        density.data, coarse_cells(density, cells, _lowpass(density)), cells, blank, None
    )
    return found.mean if found.known else blank.value


def _main_peak(density: DensityMap) -> float:
    """Return the position of the main peak of the histogram of a map, grey units.

    The histogram is smoothed over the distance of its quartiles, about the width of the solvent.
    """
    lo, hi = float(density.data.min()), float(density.data.max())
    counts = histogram(density.data, _BINS, lo, hi).astype(np.float64)
    quartiles = np.searchsorted(np.cumsum(counts), np.array([0.25, 0.75]) * counts.sum())
    window = np.hanning(2 * (int(quartiles[1] - quartiles[0]) // 2) + 3)
    smooth = np.convolve(counts, window / window.sum(), "same")
    mode = int(np.argmax(smooth))
    limit = _PEAK_LEVEL * smooth[mode]
    below = np.flatnonzero(smooth < limit)
    first = int(below[below < mode].max(initial=-1)) + 1
    last = int(below[below > mode].min(initial=_BINS))
    weight = smooth[first:last] - limit
    if weight.sum() <= 0:
        weight = np.ones(last - first)
    centre = float(weight @ np.arange(first, last) / weight.sum())
    return lo + (centre + 0.5) * (hi - lo) / _BINS


def smoothed(density: DensityMap, sigma: float) -> DensityMap:
    """Return a map smoothed by a Gaussian of `sigma` Å, cut off at two sigma."""
    if sigma == 0:
        return density
    sigmas = [sigma / v for v in density.grid.voxel_size_zyx]
    return density.with_data(ndimage.gaussian_filter(density.data, sigmas, truncate=2.0))


def noise_sigma(density: DensityMap, solvent: float, blank: Blank | None = None) -> float:
    """Return the standard deviation of the noise: of what lies below the level of the solvent."""
    below = _below(density, solvent, blank or find_blank(density)).astype(np.float64) - solvent
    return float(np.sqrt(np.mean(below**2))) if below.size else 0.0


def _below(density: DensityMap, solvent: float, blank: Blank) -> Array:
    """Return the values of the noise below the level of the solvent."""
    chosen = density.data < solvent
    if blank.masked:
        chosen &= ~blank.voxels(density.data)
    return density.data[chosen]


def _lowpass(density: DensityMap) -> float:
    """Return the low-pass of the local scale, Å."""
    angstroms, voxels = _LOWPASS
    return max(angstroms, voxels * density.grid.mean_voxel_size)


def find_threshold(density: DensityMap, rule: str, blank: Blank | None = None) -> Threshold:
    """Return the automatic threshold of a map.

    Parameters
    ----------
    density : DensityMap
        Map that varies.
    rule : {"density", "scale", "solvent", "otsu"}
        "density": half way from the solvent to the densest part of the map after a light smoothing
        (a Gaussian of one voxel), less what noise adds to it; composition does not matter.
        "scale": half way from the solvent to the fullest tile of the low-passed map, which is what
        the local scale calls full. "solvent": the value with a confidence of one half in the
        solvent model.
        "otsu": the value that divides the histogram into the two classes of least variance
        (Otsu 1979, doi 10.1109/TSMC.1979.4310076).
    blank : Blank, optional
        Where the map was masked away, when that is known already.

    Returns
    -------
    Threshold
    """
    blank = blank or find_blank(density)
    solvent = solvent_level(density, blank)
    smooth = smoothed(density, density.grid.mean_voxel_size)
    emptiest, densest = _extremes(smooth)
    if rule == "density":
        noise = _below(smooth, solvent, blank)
        dense = _without_noise(densest, solvent, noise, density.grid.size)
        value = solvent + _HALF * (dense - solvent)
    elif rule == "otsu":
        value = _otsu(density)
    else:
        lowpassed = lowpass(density, _lowpass(density))
        if rule == "solvent":
            value = _half_confidence(lowpassed, solvent, blank)
        else:
            value = solvent + _HALF * (_fullest_tile(lowpassed) - solvent)
    if not value > solvent:
        raise EstimationError(
            f"The automatic threshold of {density.name} ({value:g}) does not lie above its solvent "
            f"({solvent:g}), so its density is not positive; multiply the volumes by -1 or give a "
            "threshold."
        )
    above, below = densest - solvent, solvent - emptiest
    empty, inverted = above < _ONE_SIDED * below, below > _ONE_SIDED * above
    return Threshold(float(value), solvent, noise_sigma(density, solvent, blank), empty, inverted)


def _extremes(smooth: DensityMap) -> tuple[float, float]:
    """Return the means of the least and the most dense voxels."""
    values = smooth.data.ravel()
    n = _n_densest(values.size)
    ranked = np.partition(values, (n, values.size - n))
    low, high = ranked[:n], ranked[values.size - n :]
    return float(low.mean(dtype=np.float64)), float(high.mean(dtype=np.float64))


def _n_densest(size: int) -> int:
    return min(max(_FEWEST, round(_DENSEST * size)), size // 2)


def _without_noise(densest: float, solvent: float, below: Array, size: int) -> float:
    """Return the density of the densest voxels without the noise by which they were chosen.

    They are the part q of the voxels of the body. Of values that spread like a normal distribution
    the mean of the upper part q lies phi(z)/q standard deviations above the mean of all, where
    q = P(Z > z). It hardly depends on q, so about how large a body is does.
    """
    # The median, for the dark rim around a molecule is no noise.
    sigma = mad_sigma(below, solvent) if below.size else 0.0
    part = min(_n_densest(size) / (_BODY * size), _HALF)
    z = -float(ndtri(part))
    excess = math.exp(-z * z / 2) / math.sqrt(2 * math.pi) / part
    return densest - min(sigma * excess, _MOST_NOISE * (densest - solvent))


def _otsu(density: DensityMap) -> float:
    lo, hi = float(density.data.min()), float(density.data.max())
    counts = histogram(density.data, _BINS, lo, hi).astype(np.float64)
    edges = np.linspace(lo, hi, _BINS + 1)
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)[:-1]
    above = counts.sum() - below
    sums = np.cumsum(counts * centres)
    mean_below = sums[:-1] / np.maximum(below, 1)
    mean_above = (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    return float(edges[1 + np.argmax(below * above * (mean_above - mean_below) ** 2)])


def _half_confidence(lowpassed: DensityMap, solvent: float, blank: Blank) -> float:
    """Return where the confidence is one half, in sigmas of the noise for the model's constants."""
    sigma = max(noise_sigma(lowpassed, solvent, blank), 1e-30)
    model = fit_solvent(lowpassed.with_data((lowpassed.data - solvent) / sigma))
    return solvent + sigma * model.value_at_half_confidence


def _fullest_tile(lowpassed: DensityMap) -> float:
    """Return the density of the tile of the map that is filled best."""
    shape = lowpassed.grid.shape
    size = min(max(_SMALLEST_TILE, min(shape) // _TILES), *shape)
    return fullest_tile(lowpassed, _TILE_QUANTILE, size)[0]
