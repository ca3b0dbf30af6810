"""One-dimensional work on the histogram of a map: its main peak, limits and confidence.

The constants are those of OccuPy 0.1.13; see `docs/method.md`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps.filters import histogram
from occupy_core.maps.grid import Array, Mask

Float64Array = NDArray[np.float64]

_CONTENT_CONSTANT = 0.01  # [OccuPy] 1/grey unit, added to the histogram when confidence is computed
_LIMIT_CONSTANT = 0.001  # [OccuPy] the same for the two limits that are only reported
_USUAL_PEAK = 40.0  # [physics] 1/grey unit; that of most of the solvent, with a deviation of 0.01
# [guard] 1/grey unit; the constants are meant for peaks at least this high
_PEAK_OF_CONSTANTS = 0.1


class Gaussian(NamedTuple):
    """A Gaussian peak: height (1/grey unit), position and width (grey units)."""

    amplitude: float
    mean: float
    sigma: float

    def __call__(self, x: NDArray[Any]) -> Float64Array:
        """Return the peak at the grey values `x`, 1/grey unit."""
        values: Float64Array = np.asarray(x, dtype=np.float64)
        return self.amplitude * np.exp(-0.5 * ((values - self.mean) / self.sigma) ** 2)


def density_histogram(
    data: Array, levels: int, limits: tuple[float, float], region: Mask | None
) -> tuple[Float64Array, Float64Array]:
    """Return the edges of equal bins and the density in them, 1/grey unit.

    Edges and widths have single precision, as in OccuPy: the confidence table turns on the ripple
    of single bins, and their rounding is a part of it.
    """
    edges = np.linspace(*limits, levels + 1).astype(np.float32)
    counts = histogram(data, levels, *limits, region)
    density = counts / np.diff(edges).astype(np.float64) / counts.sum()
    return edges.astype(np.float64), density


def fit_main_peak(edges: Float64Array, density: Float64Array) -> Gaussian:
    """Fit a Gaussian to a histogram by least squares, starting from its main peak.

    Levenberg-Marquardt on the three parameters in units of the first guess (mode, height and
    half width at 1/e), so that it works for any grey scale. As in OccuPy the bins count at equal
    steps from the first edge to the last, not at their centres.

    Parameters
    ----------
    edges : ndarray of float64, shape (levels + 1,)
    density : ndarray of float64, shape (levels,)

    Returns
    -------
    Gaussian
        The first guess when the fit leaves the histogram.
    """
    levels = len(density)
    step = float(edges[1] - edges[0])
    mode = int(np.argmax(density))
    height = float(density[mode])
    below = np.flatnonzero(density[mode:] < height / np.e)
    width = (int(below[0]) if below.size else levels - mode) * step
    t = (np.linspace(edges[0], edges[-1], levels) - edges[mode]) / width
    y = density / height

    narrowest = 0.5 * step / width  # a peak of one bin has no width of its own
    best = np.array([1.0, 0.0, 1.0])
    error = y - Gaussian(*best)(t)
    damping = 1e-3
    for _ in range(200):
        model = Gaussian(*best)(t)
        u = (t - best[1]) / best[2]
        jacobian = np.stack([model / best[0], model * u / best[2], model * u * u / best[2]])
        normal = jacobian @ jacobian.T
        shift = np.linalg.solve(
            normal + damping * np.diag(np.diag(normal) + 1e-12), jacobian @ error
        )
        trial = best + shift
        trial_error = y - Gaussian(*trial)(t) if trial[0] > 0 and trial[2] > narrowest else None
        if trial_error is None or trial_error @ trial_error > error @ error:
            damping *= 10
        else:
            best, error, damping = trial, trial_error, damping / 10
        if np.abs(shift).max() < 1e-10:
            break
    if not (edges[0] <= edges[mode] + best[1] * width <= edges[-1] and best[2] < levels):
        best = np.array([1.0, 0.0, 1.0])
    amplitude, mean, sigma = (float(parameter) for parameter in best)
    return Gaussian(amplitude * height, float(edges[mode]) + mean * width, sigma * width)


def constants_unit(density: Float64Array, *, as_occupy: bool = True) -> float:
    """Return the unit of OccuPy's constants for a histogram of the solvent.

    They are densities, 1/grey unit, so they would mean something else for a map of other grey
    values.

    Parameters
    ----------
    density : ndarray of float64, shape (levels,)
    as_occupy : bool
        Take 1, OccuPy's, and less only where the constants would drown the histogram. Otherwise it
        is a part of the peak: what 1 is for a solvent with a deviation of 0.01.
    """
    height = float(density.max())
    return min(1.0, height / _PEAK_OF_CONSTANTS) if as_occupy else height / _USUAL_PEAK


def solvent_limits(
    edges: Float64Array, density: Float64Array, peak: Gaussian, unit: float
) -> tuple[float, float]:
    """Return the grey values where the solvent ends and where content makes 1 % of the histogram.

    Parameters
    ----------
    edges : ndarray of float64, shape (levels + 1,)
    density : ndarray of float64, shape (levels,)
    peak : Gaussian
        The solvent in this histogram.
    unit : float
        Unit of the constants, see `constants_unit`.
    """
    constant = _LIMIT_CONSTANT * unit
    model = peak(np.linspace(edges[0], edges[-1], len(density)))
    reached = np.flatnonzero(model >= _LIMIT_CONSTANT**3 * unit)
    edge = edges[reached[-1]] if reached.size else edges[-1]
    floor = np.maximum(model, _LIMIT_CONSTANT**2 * unit)
    solvent_only = np.flatnonzero((density + constant - floor) / (density + constant) <= 0.01)
    one_percent = edges[solvent_only[-1] + 1] if solvent_only.size else edges[0]
    return float(edge), float(one_percent)


def confidence_table(density: Float64Array, model: Float64Array, unit: float) -> Float64Array:
    """Return the confidence of each bin of a histogram not to be solvent.

    (h + c - m)/(h + c) of density h, model m and constant c = 0.01, made monotone from high to low
    values with a slope that does not decrease, and 0 below its first zero.

    Parameters
    ----------
    density, model : ndarray of float64, shape (levels,)
        Histogram of the whole map and solvent model at its bins, 1/grey unit.
    unit : float
        Unit of the constant, see `constants_unit`.

    Returns
    -------
    ndarray of float64, shape (levels,)
        Values between 0 and 1 that do not decrease.
    """
    constant = _CONTENT_CONSTANT * unit
    raw = (density + constant - model) / (density + constant)
    table = np.zeros_like(raw)
    table[-1] = value = raw[-1]
    slope = 0.0
    for i in range(len(raw) - 2, -1, -1):
        previous = value
        value = min(raw[i], previous, previous - slope)
        slope = previous - value
        table[i] = value
        if raw[i - 1] <= 0:  # for i = 0 it does not matter
            break
    return np.clip(table, 0.0, 1.0)


def skewness(edges: Float64Array, density: Float64Array) -> float:
    """Return the skewness of a histogram."""
    centres = 0.5 * (edges[:-1] + edges[1:])
    weight = density / density.sum()
    deviation = centres - weight @ centres
    variance = float(weight @ deviation**2)
    return float(weight @ deviation**3) / variance**1.5 if variance > 0 else 0.0
