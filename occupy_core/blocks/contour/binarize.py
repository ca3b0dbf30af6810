"""From densities to bits: which voxel is occupied in which volume."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occupy_core.blocks import _loops as kernels
from occupy_core.blocks.bits import VoxelBits
from occupy_core.blocks.contour.faint import contour, count_on
from occupy_core.blocks.contour.thresholds import (
    Threshold,
    find_threshold,
    noise_sigma,
    smoothed,
    solvent_level,
)
from occupy_core.blocks.params import LEAST_VOLUMES, BlocksParams
from occupy_core.errors import EstimationError, ParameterError
from occupy_core.maps.ensemble import Ensemble
from occupy_core.maps.grid import DensityMap, Grid, Mask
from occupy_core.maps.threads import for_slabs
from occupy_core.progress import Progress, part, report
from occupy_core.solvent.blank import find_blank

_DEVIATIONS = 2.0  # [SIREN] volumes whose threshold lies farther from the mean stand out
_NOISE_PAIRS = 8  # [machine] pairs of volumes whose difference shows the noise
_NOISE_REACH = 6  # [guard] voxels; noise that is correlated farther makes no maps worth searching
_FEW_NOISE_VOXELS = 1000  # [guard] correlations of fewer differ from 0 by chance
# [taste: nothing moved] part of the noise that a Gaussian of one voxel leaves when it is smooth
# itself
_SMOOTH = 0.65
# [taste: nothing moved] sigmas of the noise; one voxel in 25 of the solvent is above that
_STANDS_OUT = 1.75


@dataclass(frozen=True, eq=False, kw_only=True)
class Thresholds:
    """Thresholds of all volumes of an ensemble.

    Parameters
    ----------
    names : tuple of str, length N_all
        The volumes, in order.
    values, solvent : ndarray of float64, shape (N_all,)
        Threshold and level of the solvent, grey units of each volume.
    on_fraction : ndarray of float64, shape (N_all,)
        Part of the box that is occupied.
    used : ndarray of bool, shape (N_all,)
        Whether the volume is searched for blocks.
    rule : str
        A rule of `THRESHOLD_RULES`, "number" or "table".
    empty : ndarray of bool, shape (N_all,)
        Where nothing stands out of the noise.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    solvent: NDArray[np.float64]
    on_fraction: NDArray[np.float64]
    used: Mask
    rule: str
    empty: Mask

    @property
    def heights(self) -> NDArray[np.float64]:
        """Thresholds above the solvent, grey units; the unit of calibrated density."""
        return self.values - self.solvent

    @property
    def outlying(self) -> Mask:
        """Volumes whose threshold lies outside mean +- 2 standard deviations."""
        return _outlying(self.values)

    def calibrated(self, density: DensityMap, index: int) -> NDArray[np.float32]:
        """Return a volume with its solvent at 0 and its threshold at 1."""
        zero, unit = np.float32(self.solvent[index]), np.float32(self.heights[index])
        return (density.data - zero) / unit


@dataclass(frozen=True, eq=False, kw_only=True)
class OccupiedVoxels:
    """The union voxels of an ensemble: on in more than a given fraction of the volumes.

    Parameters
    ----------
    grid : Grid
        Of the volumes.
    thresholds : Thresholds
    voxels : ndarray of int64, shape (V,)
        Flat indices of the union voxels, ascending.
    bits : VoxelBits
        In which of the N volumes used each is on.
    smoothing : float
        Sigma of the Gaussian before the volumes were contoured, Å.
    noise : ndarray of float64, shape (7,)
        Correlation of the noise at 0 to 6 voxels.
    """

    grid: Grid
    thresholds: Thresholds
    voxels: NDArray[np.int64]
    bits: VoxelBits
    smoothing: float
    noise: NDArray[np.float64]

    @property
    def frequency(self) -> DensityMap:
        """In which part of the volumes each voxel is on, as a map."""
        data = np.zeros(self.grid.size, np.float32)
        data[self.voxels] = self.bits.totals / self.bits.n_volumes
        return DensityMap(data.reshape(self.grid.shape), self.grid, "frequency")

    @property
    def n_volumes(self) -> int:
        """Number of volumes used, N."""
        return self.bits.n_volumes

    @property
    def names(self) -> tuple[str, ...]:
        """The volumes used."""
        pairs = zip(self.thresholds.names, self.thresholds.used, strict=True)
        return tuple(name for name, used in pairs if used)

    @property
    def indices(self) -> tuple[int, ...]:
        """Places of the volumes used among all."""
        return tuple(int(i) for i in np.flatnonzero(self.thresholds.used))


def binarize(
    ensemble: Ensemble,
    params: BlocksParams | None = None,
    *,
    table: Mapping[str, float] | None = None,
    progress: Progress | None = None,
) -> OccupiedVoxels:
    """Contour every volume and pack the voxels that are on.

    Parameters
    ----------
    ensemble : Ensemble
        At least 10 aligned volumes on one grid.
    params : BlocksParams, optional
    table : mapping of str to float, optional
        Threshold of each volume by its name, instead of a rule or a number.
    progress : callable, optional

    Returns
    -------
    OccupiedVoxels

    Raises
    ------
    ParameterError
        When there are too few volumes, or the table lacks one.
    EstimationError
        When a volume is constant, all are the same, or nothing is above the thresholds.
    """
    params = params or BlocksParams()
    params = params.resolve(ensemble.grid)
    _require_volumes(len(ensemble))
    given = _given_thresholds(ensemble, params, table)
    sigma = _smoothing(ensemble, params, automatic=given is None)
    found, packed, on_fraction = contour(
        ensemble, lambda d, i: _threshold(d, i, given, params), sigma, part(progress, 0.0, 0.9)
    )
    values = np.array([t.value for t in found], np.float64)
    solvent = np.array([t.solvent for t in found], np.float64)
    _require_content(ensemble, values, on_fraction)
    empty = np.array([t.empty for t in found], np.bool_)
    used = np.ones(len(ensemble), np.bool_)
    if params.filter_volumes:
        used = ~_outlying(values) & (~empty | empty.all())
        _require_volumes(int(used.sum()))
    given_as = "table" if table is not None else "number"
    rule = params.threshold_rule if given is None else given_as
    thresholds = Thresholds(
        names=ensemble.names,
        values=values,
        solvent=solvent,
        on_fraction=on_fraction,
        used=used,
        rule=rule,
        empty=empty,
    )
    rows = np.flatnonzero(used)
    totals = count_on(packed, rows, ensemble.grid.size)
    noise = _noise_correlation(ensemble, thresholds, totals, sigma)
    report(progress, 0.9, "union of the volumes")
    voxels, bits = _union(packed, rows, totals, ensemble.grid, params.union_fraction)
    return OccupiedVoxels(
        grid=ensemble.grid,
        thresholds=thresholds,
        voxels=voxels,
        bits=bits,
        smoothing=sigma,
        noise=noise,
    )


def _require_volumes(n: int) -> None:
    if n < LEAST_VOLUMES:
        volumes = "1 volume" if n == 1 else f"{n} volumes"
        raise ParameterError(
            f"Blocks are found by what comes and goes together, but {volumes} can be used and "
            f"{LEAST_VOLUMES} is the least; give more volumes (200 and more are usual)."
        )


def _smoothing(ensemble: Ensemble, params: BlocksParams, *, automatic: bool) -> float:
    """Return the sigma of the Gaussian before contouring, Å.

    Volumes are smoothed when their thresholds do not stand out of the noise, unless the noise is so
    smooth that little of it would go, but detail would.
    """
    if params.smoothing is not None:
        return params.smoothing
    if not automatic:
        return 0.0
    voxel = ensemble.grid.mean_voxel_size
    heights, rests = [], []
    for i in np.unique(np.linspace(0, len(ensemble) - 1, _NOISE_PAIRS + 1).astype(int)):
        density = ensemble.read(int(i))
        blank = find_blank(density)
        threshold = find_threshold(density, params.threshold_rule, blank)
        sigma = max(threshold.sigma, 1e-30)
        rest = noise_sigma(smoothed(density, voxel), threshold.solvent, blank)
        rests.append(rest / sigma)
        if not threshold.empty:
            heights.append((threshold.value - threshold.solvent) / sigma)
    # None: not even the densest parts stand out of the noise.
    noisy = not heights or float(np.median(heights)) < _STANDS_OUT
    return voxel if noisy and float(np.median(rests)) < _SMOOTH else 0.0


def _given_thresholds(
    ensemble: Ensemble, params: BlocksParams, table: Mapping[str, float] | None
) -> NDArray[np.float64] | None:
    if table is None:
        return None if params.threshold is None else np.full(len(ensemble), params.threshold)
    missing = [name for name in ensemble.names if name not in table]
    if missing:
        raise ParameterError(
            f"The table of thresholds has no row for {missing[0]} ({len(missing)} of "
            f"{len(ensemble)} volumes are missing); add them."
        )
    return np.array([table[name] for name in ensemble.names], np.float64)


def _threshold(
    density: DensityMap, index: int, given: NDArray[np.float64] | None, params: BlocksParams
) -> Threshold:
    if given is None:
        return find_threshold(density, params.threshold_rule)
    value = float(given[index])
    # The level of the solvent calibrates the grey scale; below it there is no contour to speak of.
    level = solvent_level(density)
    if level >= value:
        raise ParameterError(
            f"The threshold of {density.name} is {value:g}, but its solvent lies at {level:g}; "
            "give a threshold above the solvent."
        )
    return Threshold(value, level)


def _require_content(
    ensemble: Ensemble, values: NDArray[np.float64], on_fraction: NDArray[np.float64]
) -> None:
    empty = np.flatnonzero(on_fraction == 0)
    if len(empty) == len(values):
        raise EstimationError(
            f"No voxel of any volume lies above its threshold ({values[0]:g} for "
            f"{ensemble.names[0]}); give lower thresholds."
        )


def _outlying(values: NDArray[np.float64]) -> Mask:
    deviation = max(float(values.std()), 1e-300)
    return np.asarray(np.abs(values - values.mean()) > _DEVIATIONS * deviation, np.bool_)


def _union(
    packed: NDArray[np.uint8],
    rows: NDArray[np.int64],
    totals: NDArray[np.int32],
    grid: Grid,
    fraction: float,
) -> tuple[NDArray[np.int64], VoxelBits]:
    """Return the union voxels and their bits."""
    n = len(rows)
    voxels = np.flatnonzero(totals > fraction * n)
    if voxels.size == 0:
        raise EstimationError(
            f"No voxel is occupied in more than {100 * fraction:g} % of the {n} volumes; give "
            "lower thresholds, or check that the volumes are aligned."
        )
    if not np.any(totals[voxels] < n):
        raise EstimationError(
            f"Every occupied voxel is occupied in all {n} volumes, so no part comes or goes; give "
            "volumes that differ."
        )
    words = np.zeros((-(-n // 64), len(voxels)), np.uint64)
    for_slabs(
        lambda start, stop: kernels.gather_words(packed, rows, voxels, (start, stop), words),
        len(voxels),
        8192,
    )
    cells = np.stack(np.unravel_index(voxels, grid.shape), axis=1).astype(np.int32)
    return voxels, VoxelBits(words, totals[voxels].astype(np.int64), cells, n)


def _noise_correlation(
    ensemble: Ensemble, thresholds: Thresholds, totals: NDArray[np.int32], sigma: float
) -> NDArray[np.float64]:
    """Return the correlation of the noise at 0 to 6 voxels along the axes.

    What differs between two volumes in the least occupied half of the box is noise.
    """
    mask = (totals <= np.median(totals)).reshape(ensemble.grid.shape)
    indices = np.flatnonzero(thresholds.used)
    chosen = indices[np.linspace(0, len(indices) - 1, _NOISE_PAIRS + 1).astype(int)]
    volumes = (
        thresholds.calibrated(smoothed(ensemble.read(int(i)), sigma), int(i))
        for i in np.unique(chosen)
    )
    sums = np.zeros(_NOISE_REACH + 1)
    counts = np.zeros(_NOISE_REACH + 1)
    for a, b in itertools.pairwise(volumes):
        difference = np.where(mask, a - b, 0)
        difference[mask] -= difference[mask].mean()
        for axis in range(3):
            for d in range(_NOISE_REACH + 1):
                if d < difference.shape[axis]:
                    low = (slice(None),) * axis + (slice(0, difference.shape[axis] - d),)
                    high = (slice(None),) * axis + (slice(d, None),)
                    sums[d] += float(np.vdot(difference[low], difference[high]))
                    counts[d] += np.count_nonzero(mask[low] & mask[high])
    if counts[0] < 3 * _FEW_NOISE_VOXELS or not sums[0] > 0:  # flattened solvent has no noise
        return np.asarray(np.eye(1, _NOISE_REACH + 1)[0], np.float64)
    correlation = sums / np.maximum(counts, 1)
    return np.asarray(correlation / correlation[0])


def noise_distance(correlation: NDArray[np.float64], limit: float) -> float:
    """Return the distance, voxels, beyond which the noise is correlated by less than `limit`."""
    above = np.flatnonzero(correlation > limit)
    last = int(above[-1])
    if last + 1 >= len(correlation):
        return float(last)
    high, low = correlation[last], correlation[last + 1]
    return last + float((high - limit) / max(high - low, 1e-12))


def correlation_limit(n_volumes: int, log_limit: float) -> float:
    """Return the correlation of the noise of two voxels that may make the pair significant.

    By the normal approximation bits are significant when they are correlated by
    sqrt(-2 log_limit/N), taken as at most 0.5: what is more always matters. Correlations come out
    with an error of 1/sqrt(N), which is the margin, and less than 0.1 is not measured. Where noise
    that is correlated by rho decides about the bits of a pair, as at the edge of a body, they are
    by (2/pi) asin(rho), and less elsewhere (Sheppard 1899, doi 10.1098/rsta.1899.0003).
    """
    significant = min(math.sqrt(-2 * log_limit / n_volumes), 0.5)
    of_bits = max(significant - 1 / math.sqrt(n_volumes), 0.1)
    return math.sin(math.pi / 2 * of_bits)
