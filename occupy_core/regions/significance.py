"""From amplitudes to occupancies: the reference that is full, and which differences are real."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from occupy_core.errors import EstimationError, ParameterError
from occupy_core.regions.table import RegionTable, listed

Values = NDArray[np.float64]

# [taste: nothing moved] amplitudes that differ by less are one level, whatever their standard
# errors
_ALIKE = 0.03
_SIGMAS = 2.0  # [taste: nothing moved]
_DENSEST = 1.5  # [taste: python -m benchmarks.sensitivity regions] times full
# [taste: nothing moved] standard errors; a level that far above another is no accident of its error
_FAR = 5.0
# [taste: nothing moved] relative: no amplitude weighs more than one known to 1 %
_BEST_KNOWN = 0.01
# [taste: nothing moved] relative error of a reference that is only the one that comes nearest
_LEAST_DOUBT = 0.1
NO_FULL = "no full reference"


@dataclass(frozen=True, eq=False, kw_only=True)
class Occupancies:
    """Amplitudes of several maps, divided by their reference.

    Parameters
    ----------
    values : ndarray, shape (n_maps, n_regions)
        Occupancies; NaN for regions that were not measured.
    covariance : ndarray, shape (n_maps, n_regions, n_regions)
        With the error of the reference.
    members : tuple of int
        Regions of the reference.
    notes : tuple of str
        Doubts about the reference, one sentence each.
    flags : tuple of str
        The same in a few words, for every row.
    """

    values: Values
    covariance: Values
    members: tuple[int, ...]
    notes: tuple[str, ...]
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Difference of the occupancy of a region between two maps.

    Parameters
    ----------
    region, first, second : str
        Region and maps.
    difference, sigma : float
        Occupancy in the second map less that in the first, and its standard error.
    p_value, q_value : float
        Two-sided probability of so large a difference by chance, and the false discovery rate
        among all differences of the table up to this one (Benjamini & Hochberg 1995).
    """

    region: str
    first: str
    second: str
    difference: float
    sigma: float
    p_value: float
    q_value: float


def full_level(
    amplitude: Values,
    sigma: Values,
    size: NDArray[Any],
    least_share: float = 0.1,
    known: float = _ALIKE,
) -> NDArray[np.bool_]:
    """Find the regions that form the highest level: those that are taken to be full.

    Parameters
    ----------
    amplitude, sigma, size : ndarray, shape (n,)
        Amplitudes with their standard errors, and the size of each region (number of atoms).
    least_share : float
        Share of the size of all regions that a level needs to be taken for the full one.
    known : float
        Relative standard error that a level should have at most.

    Returns
    -------
    ndarray of bool, shape (n,)
        Regions that agree with the highest amplitude which regions of at least that share have;
        all False when there is none.

    Notes
    -----
    A level must be `known` when there is one that is, so that a single uncertain region that lies
    above by its error does not set it; one that lies above by far more than its error does. Regions
    that may as well be empty belong to no level.
    """
    seen = amplitude > _SIGMAS * sigma
    amplitude, sigma = np.where(seen, amplitude, 0.0), np.where(seen, sigma, 0.0)
    weight = 1 / (sigma**2 + (_BEST_KNOWN * np.abs(amplitude)) ** 2 + 1e-300)
    levels = []
    for start in np.argsort(-amplitude, kind="stable")[: np.count_nonzero(amplitude)]:
        members = _level_members(amplitude, sigma, weight, float(amplitude[start]))
        if members.any() and size[members].sum() >= least_share * size.sum():
            level = float(np.average(amplitude[members], weights=weight[members]))
            levels.append((level, float(weight[members].sum() ** -0.5), members))
    if not levels:
        return np.zeros(len(amplitude), bool)
    top, error, members = levels[0]
    for level, level_error, others in levels:
        if level_error <= known * level and top - level <= _FAR * error:
            return others
    return members


def _level_members(
    amplitude: Values, sigma: Values, weight: Values, level: float
) -> NDArray[np.bool_]:
    """Regions whose amplitudes agree with their weighted mean, found from a first level."""
    for _ in range(10):
        agree = np.abs(amplitude - level) <= np.maximum(_SIGMAS * sigma, _ALIKE * level)
        members: NDArray[np.bool_] = np.asarray(agree)
        if not members.any():
            break
        new = float(np.average(amplitude[members], weights=weight[members]))
        if math.isclose(new, level, rel_tol=1e-6):
            break
        level = new
    return members


def normalise(
    amplitudes: Values,
    covariances: Values,
    sizes: NDArray[Any],
    reference: Sequence[int] | None = None,
    *,
    least_shares: Sequence[float] = (0.1, 0.02),
    known: float = _ALIKE,
) -> Occupancies:
    """Divide the amplitudes of each map by those of one set of regions, full in all maps.

    Parameters
    ----------
    amplitudes : ndarray, shape (n_maps, n_regions)
        NaN for regions that were not measured.
    covariances : ndarray, shape (n_maps, n_regions, n_regions)
    sizes : ndarray, shape (n_regions,)
        Number of atoms or voxels.
    reference : sequence of int, optional
        Regions to be used; None chooses those that are on the full level in every map.
    least_shares : sequence of float
        Share of all that the full level must hold. The next one is enough when something would read
        more than `_DENSEST`: no kind of molecule is so much denser than another.
    known : float
        See `full_level`.

    Raises
    ------
    EstimationError
        When the reference is absent from a map.
    """
    measured: NDArray[np.bool_] = np.asarray(np.isfinite(amplitudes).all(axis=0))
    amplitude = np.where(measured, amplitudes, 0.0)
    covariance = np.where(measured & measured[:, None], covariances, 0.0)
    if reference is not None:
        members = np.isin(np.arange(len(measured)), list(reference)) & measured
        if not members.any():
            raise EstimationError("None of the reference regions lies in the maps; name others.")
        found = _divided(amplitude, covariance, members, np.zeros(len(amplitude)))
    else:
        sigma = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
        share_of = np.where(measured, sizes, 0)
        for share in least_shares:
            members, doubt, notes = _choose_reference(amplitude, sigma, share_of, (share, known))
            found = replace(_divided(amplitude, covariance, members, doubt), notes=tuple(notes))
            spread = np.sqrt(np.diagonal(found.covariance, axis1=1, axis2=2))
            if not (found.values - _SIGMAS * spread > _DENSEST).any():
                break
    found.values[:, ~measured] = np.nan
    return found


def _divided(
    amplitude: Values, covariance: Values, members: NDArray[np.bool_], doubt: Values
) -> Occupancies:
    """Amplitudes divided by the level of the reference, which has a relative error of `doubt`."""
    sigma = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    typical = (sigma**2 + (_BEST_KNOWN * amplitude) ** 2).mean(axis=0)
    share = np.where(members, 1 / np.maximum(typical, 1e-300), 0.0)
    share /= share.sum()
    level = amplitude @ share
    if not (level > 0).all():
        absent = int(np.argmin(level)) + 1
        raise EstimationError(
            f"The reference regions have no density in map {absent}; name a region that is full."
        )
    values = amplitude / level[:, None]
    jacobian = (np.eye(len(share)) - values[:, :, None] * share) / level[:, None, None]
    spread = jacobian @ covariance @ np.swapaxes(jacobian, 1, 2)
    spread += (doubt**2)[:, None, None] * values[:, :, None] * values[:, None, :]
    found = tuple(np.flatnonzero(members).tolist())
    return Occupancies(
        values=values,
        covariance=spread,
        members=found,
        notes=(),
        flags=(NO_FULL,) if doubt.any() else (),
    )


class _Reference(NamedTuple):
    """Regions that are taken for full.

    Parameters
    ----------
    members : ndarray of bool, shape (n_regions,)
    doubt : ndarray, shape (n_maps,)
        Relative error of taking them for full: how far the region that comes nearest lies below
        the highest level of each map.
    notes : list of str
    """

    members: NDArray[np.bool_]
    doubt: Values
    notes: list[str]


def _choose_reference(
    amplitude: Values, sigma: Values, sizes: NDArray[Any], limits: tuple[float, float]
) -> _Reference:
    """Regions that are full in every map, or the region that comes nearest."""
    measured = sizes > 0
    doubt = np.zeros(len(amplitude))
    full = np.zeros(amplitude.shape, bool)
    for i, (a, s) in enumerate(zip(amplitude, sigma, strict=True)):
        full[i, measured] = full_level(a[measured], s[measured], sizes[measured], *limits)
    members: NDArray[np.bool_] = np.asarray(full.all(axis=0))
    notes = []
    if not members.any():
        tops = [a[f].mean() if f.any() else a.max() for a, f in zip(amplitude, full, strict=True)]
        relative = np.where(measured, amplitude / np.maximum(tops, 1e-300)[:, None], -np.inf)
        members = np.zeros(len(measured), bool)
        nearest = int(np.argmax(relative.min(axis=0)))
        members[nearest] = True
        doubt = np.maximum(1 - relative[:, nearest], _LEAST_DOUBT)
        notes.append(
            "No region is full in all maps: the one that comes nearest is the reference; name one "
            "with --reference-region if you know better."
        )
    share = sizes[members].sum() / sizes.sum()
    if share < 0.25 and len(sizes) > 1:
        notes.append(
            f"The reference holds only {share:.0%} of the model: if it is not full, all "
            "occupancies are too high."
        )
    return _Reference(members, doubt, notes)


def differences(table: RegionTable) -> tuple[Difference, ...]:
    """Compare every region between every two maps, the most significant first.

    Parameters
    ----------
    table : RegionTable

    Returns
    -------
    tuple of Difference
        Regions that a map cannot tell are left out.
    """
    value, sigma = table.occupancy, table.sigma
    found = []
    for (i, first), (j, second) in itertools.combinations(enumerate(table.maps), 2):
        for k, region in enumerate(table.regions):
            error = math.hypot(sigma[i, k], sigma[j, k])
            change = float(value[j, k] - value[i, k])
            if math.isfinite(change) and error > 0:
                p = math.erfc(abs(change) / error / math.sqrt(2))
                found.append(
                    Difference(
                        region=region,
                        first=first,
                        second=second,
                        difference=change,
                        sigma=error,
                        p_value=p,
                        q_value=1.0,
                    )
                )
    return corrected(found)


def corrected(found: Iterable[Difference]) -> tuple[Difference, ...]:
    """Sort differences, the most significant first, and fill in their false discovery rates."""
    ordered = sorted(found, key=lambda d: (d.p_value, -abs(d.difference / d.sigma)))
    rate, rates = 1.0, []
    for rank, d in reversed(list(enumerate(ordered, start=1))):
        rate = min(rate, d.p_value * len(ordered) / rank)
        rates.append(replace(d, q_value=rate))
    return tuple(reversed(rates))


def region_indices(names: Sequence[str], wanted: str | None) -> tuple[int, ...] | None:
    """Indices of the regions named in a comma-separated text; None for None.

    Raises
    ------
    ParameterError
        When a name is unknown.
    """
    if wanted is None:
        return None
    asked = [name.strip() for name in wanted.split(",") if name.strip()]
    unknown = [name for name in asked if name not in names]
    if unknown or not asked:
        what = f"'{unknown[0]}'" if unknown else "empty"
        raise ParameterError(
            f"The reference region is {what}; the regions are {listed(names)}: name some of them."
        )
    return tuple(names.index(name) for name in asked)
