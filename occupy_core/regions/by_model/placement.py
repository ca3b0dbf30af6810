"""Where a model lies in a map: found by correlation when the headers do not tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from occupy_core.maps.fourier import frequencies, resample
from occupy_core.maps.grid import Array, DensityMap, Grid
from occupy_core.regions.by_model.atoms import AtomicModel
from occupy_core.regions.by_model.model_density import Band, Coefficients
from occupy_core.regions.by_model.shell_fit import ShellFit, combine

Values = NDArray[np.float64]

_SEARCH_RESOLUTION = 10.0  # [machine] Å; finer would make the search slow, not safer
_SAMPLES = 2.5  # [machine] voxels in the resolution of the search
_LARGEST = 160  # [machine] voxels along an edge during the search
# [taste: nothing moved] the best match with opposite sign is this much better: the contrast is
# inverted
_DARKER = 2.0
# [taste: nothing moved] a place elsewhere must correlate this much better to be believed
_BETTER = 1.1
_LONGEST_STEP = 0.1  # [taste: nothing moved] of the resolution, of one step of the refinement
_REFINED_LATER = 1.0  # [guard] Å; the search is no more accurate, `refine_shift` is
_WORTH_IT = 0.05  # [guard] Å; smaller shifts change nothing


@dataclass(frozen=True)
class Placement:
    """A shift of the model and how well it fits.

    Parameters
    ----------
    shift : tuple of float
        Vector (x, y, z) in Å to be added to the atoms.
    correlation, correlation_before : float
        Correlation of the low-passed map and atoms with and without the shift.
    dark : bool
        Whether the atoms fit the negative of the map much better than the map.
    """

    shift: tuple[float, float, float]
    correlation: float
    correlation_before: float
    dark: bool = False


def find_placement(density: DensityMap, model: AtomicModel) -> Placement:
    """Look for the translation that puts a model onto its density.

    Parameters
    ----------
    density : DensityMap
    model : AtomicModel
        May lie anywhere, also outside of the box.

    Returns
    -------
    Placement
        With a zero shift where the model stands well; another place must be clearly better.
        Rotations are not searched.

    Notes
    -----
    All atoms are counted into the voxels of the low-passed map, wrapped around the box, and the
    correlation of both is transformed back: every translation at once.
    """
    grid = _coarse(density.grid)
    low = resample(density, grid.shape)
    voxel = np.array(grid.voxel_size_zyx)
    first = np.array(grid.position((0, 0, 0)))
    atoms = np.rint((model.positions - first)[:, ::-1] / voxel).astype(np.int64)
    counts = np.zeros(grid.shape, np.float32)
    np.add.at(counts, tuple((atoms % grid.shape).T), 1)
    outside = np.any((atoms < 0) | (atoms >= grid.shape), axis=1).mean()
    fz, fy, fx = (f**2 for f in frequencies(grid))
    k2 = fz[:, None, None] + fy[:, None] + fx
    band = (np.exp(-k2 * _SEARCH_RESOLUTION**2) * (k2 > 0)).astype(np.float32)
    map_f = fft.rfftn(low.data) * band
    model_f = fft.rfftn(counts) * band
    product = fft.irfftn(map_f * model_f.conj(), grid.shape)
    norm = float(np.linalg.norm(fft.irfftn(map_f, grid.shape)))
    norm *= float(np.linalg.norm(fft.irfftn(model_f, grid.shape)))
    correlation = product / max(norm, 1e-30)
    if -float(correlation.min()) > _DARKER * float(correlation.max()):
        return Placement((0.0, 0.0, 0.0), 0.0, 0.0, dark=True)
    peak = np.unravel_index(int(np.argmax(correlation)), grid.shape)
    near = _around_zero(grid.shape)
    here = float(correlation[near].max())
    if correlation[peak] < _BETTER * here and outside < 0.5:
        nearest = np.unravel_index(int(np.argmax(correlation[near])), (3, 3, 3))
        peak = tuple(np.ravel(axis)[i] for axis, i in zip(near, nearest, strict=True))
    move = _into_box(_vertex(correlation, peak), model, grid)
    before = float(correlation[0, 0, 0])
    if np.linalg.norm(move) < _REFINED_LATER:
        return Placement((0.0, 0.0, 0.0), before, before)
    x, y, z = (float(m) for m in move)
    return Placement((x, y, z), float(correlation[peak]), before)


def refine_shift(
    templates: Coefficients, observed: Coefficients, fit: ShellFit, band: Band
) -> NDArray[np.float64]:
    """Shift (x, y, z) in Å of the map relative to the fitted model, to a fraction of an Å.

    Gauss-Newton steps on |Y - exp(-2 pi i k.d) sum_i u_i F_i|² with the weights of the fit; zero
    when the shift leaves the range in which the steps can be trusted (half the resolution).
    """
    fitted = combine(fit.factors(band.s2), templates, band)
    weight = band.per_coefficient(1 / fit.variance).astype(np.float32)
    wave = (2 * np.pi * band.frequencies[::-1]).astype(np.float32)
    shift = np.zeros(3)
    for _ in range(30):
        product = observed * band.moved(fitted, shift).conj()
        slope = -(wave @ (weight * product.imag)).astype(np.float64)
        curvature = (wave * (weight * np.maximum(product.real, 0))) @ wave.T
        step = np.linalg.lstsq(curvature.astype(np.float64), slope, rcond=1e-6)[0]
        length = float(np.linalg.norm(step))
        shift += step * min(1.0, _LONGEST_STEP * band.resolution / max(length, 1e-9))
        if not np.linalg.norm(shift) < band.resolution / 2:
            return np.zeros(3)
        if length < 0.005:
            break
    return shift if np.linalg.norm(shift) >= _WORTH_IT else np.zeros(3)


def _coarse(grid: Grid) -> Grid:
    """Grid of the same box, just fine enough for the search."""
    box = np.array(grid.box)[::-1]
    wanted = np.ceil(box * _SAMPLES / _SEARCH_RESOLUTION).astype(int)
    nz, ny, nx = (
        min(fft.next_fast_len(max(int(w), 16), real=True), n, _LARGEST)
        for w, n in zip(wanted, grid.shape, strict=True)
    )
    return grid.resampled((nz, ny, nx))


def _around_zero(shape: tuple[int, int, int]) -> tuple[NDArray[np.int64], ...]:
    """Voxels within one of the first, wrapped around: the place where the model stands."""
    near = np.array([-1, 0, 1])
    return np.ix_(*(near % n for n in shape))


def _vertex(values: Array, peak: tuple[Any, ...]) -> Values:
    """Index (z, y, x) of a peak to a fraction of a voxel: vertex of a parabola along each axis."""
    vertex = np.array(peak, np.float64)
    for axis, n in enumerate(values.shape):
        before, here, after = (
            float(
                np.take(
                    values[tuple(p if a != axis else slice(None) for a, p in enumerate(peak))], i
                )
            )
            for i in ((peak[axis] - 1) % n, peak[axis], (peak[axis] + 1) % n)
        )
        curvature = before - 2 * here + after
        if curvature < 0:
            vertex[axis] += 0.5 * (before - after) / curvature
    return vertex


def _into_box(peak: Values, model: AtomicModel, grid: Grid) -> Values:
    """Shift (x, y, z) in Å of a peak (z, y, x), whole boxes added so that the model lies inside."""
    box = np.array(grid.box)
    shift = (peak * grid.voxel_size_zyx)[::-1].astype(np.float64)
    # The median, which an atom at 9999 Å (not seen, for some programs) does not move.
    centre = np.median(model.positions, axis=0) + shift
    middle = np.array(grid.position((0, 0, 0))) + box / 2
    return np.asarray(shift + np.rint((middle - centre) / box) * box)
