"""Maps that agree within their errors in all regions: classes that are proposed as one.

Two maps i and j with the occupancies o and their covariance C, the error of the reference included,
are compared by chi² = d' (C_i + C_j)⁻¹ d with d = o_i - o_j; with m regions that both maps tell,
chi² follows a chi-square distribution of as many degrees of freedom as the covariance has ranks.
Groups are joined by complete linkage: the p-value of a group is the smallest of any two of its
members, so no chain of small steps joins maps that differ (Mirkin, Mathematical Classification
and Clustering, 1996, section 3.2). p-values are multiplied by the number of pairs (Bonferroni).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEVEL = 0.01  # [guard] maps that would differ as much by chance once in a hundred tables are one
# [physics] Directions whose variance is smaller by this than the largest are numerical zeros, such
# as the mean of the reference regions, which is 1 in every map by definition.
_SINGULAR = 1e-8


@dataclass(frozen=True, kw_only=True)
class Merge:
    """One joint of the dendrogram.

    Parameters
    ----------
    first, second : tuple of str
        Maps of the two groups that are joined.
    p_value : float
        Smallest p-value of two maps of the new group, corrected for the number of pairs, at most 1.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    p_value: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Regrouping:
    """Which maps are proposed as one.

    Parameters
    ----------
    maps : tuple of str
        Names of the maps.
    groups : tuple of tuple of str
        Maps of each proposed group, in the order of the maps.
    merges : tuple of Merge
        All joints, from the most alike to the least; those below `level` are not proposed.
    p_values : ndarray of float64, shape (n_maps, n_maps)
        Corrected p-values of all pairs, 1 on the diagonal; NaN for pairs with no region in common.
    level : float
        Corrected p-value from which maps are proposed as one.
    """

    maps: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    merges: tuple[Merge, ...]
    p_values: Floats
    level: float

    def record(self) -> dict[str, Any]:
        """The groups as plain values; `from_record` reads them."""
        return {
            "maps": list(self.maps),
            "groups": [list(group) for group in self.groups],
            "merges": [
                {"first": list(m.first), "second": list(m.second), "p_value": m.p_value}
                for m in self.merges
            ],
            "p_values": [[p if np.isfinite(p) else None for p in row] for row in self.p_values],
            "level": self.level,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Regrouping:
        """Make groups of what a record holds."""
        return cls(
            maps=tuple(record["maps"]),
            groups=tuple(tuple(group) for group in record["groups"]),
            merges=tuple(
                Merge(first=tuple(m["first"]), second=tuple(m["second"]), p_value=m["p_value"])
                for m in record["merges"]
            ),
            p_values=np.array(record["p_values"], np.float64),
            level=record["level"],
        )


def regroup(
    maps: Sequence[str], occupancy: Floats, covariance: Floats, *, level: float = LEVEL
) -> Regrouping:
    """Propose maps that do not differ as one.

    Parameters
    ----------
    maps : sequence of str
        Names of the maps.
    occupancy : ndarray of float64, shape (n_maps, n_regions)
        NaN for regions that a map cannot tell.
    covariance : ndarray of float64, shape (n_maps, n_regions, n_regions)
        Of each map, with the error of the reference.
    level : float
        Corrected p-value from which maps are proposed as one.

    Returns
    -------
    Regrouping
    """
    n = len(maps)
    p_values = np.eye(n)
    pairs = list(itertools.combinations(range(n), 2))
    for i, j in pairs:
        p = pair_p_value(occupancy[i] - occupancy[j], covariance[i] + covariance[j])
        p_values[i, j] = p_values[j, i] = min(1.0, p * len(pairs))
    merges, groups = _linked(np.nan_to_num(p_values, nan=0.0), level)
    named = [tuple(maps[i] for i in sorted(group)) for group in sorted(groups, key=min)]
    return Regrouping(
        maps=tuple(maps),
        groups=tuple(named),
        merges=tuple(
            Merge(
                first=tuple(maps[i] for i in sorted(first)),
                second=tuple(maps[i] for i in sorted(second)),
                p_value=p,
            )
            for first, second, p in merges
        ),
        p_values=p_values,
        level=level,
    )


@dataclass(frozen=True, kw_only=True)
class Joint:
    """A joint of a dendrogram as it is drawn.

    Parameters
    ----------
    first, second : tuple of float
        Place among the maps and p-value of the two branches that meet; 1 for a map itself.
    p_value : float
        Where they meet.
    maps : tuple of str
        All maps below.
    """

    first: tuple[float, float]
    second: tuple[float, float]
    p_value: float
    maps: tuple[str, ...]


def dendrogram(regrouping: Regrouping) -> tuple[tuple[str, ...], tuple[Joint, ...]]:
    """Return the maps in an order in which no branches cross, and the joints to be drawn."""
    orders: dict[frozenset[str], tuple[str, ...]] = {
        frozenset((name,)): (name,) for name in regrouping.maps
    }
    for merge in regrouping.merges:
        first, second = frozenset(merge.first), frozenset(merge.second)
        orders[first | second] = (*orders[first], *orders[second])
    order = orders[frozenset(regrouping.maps)]
    ends = {frozenset((name,)): (float(i), 1.0) for i, name in enumerate(order)}
    joints = []
    for merge in regrouping.merges:
        first, second = frozenset(merge.first), frozenset(merge.second)
        a, b = ends[first], ends[second]
        ends[first | second] = ((a[0] + b[0]) / 2, merge.p_value)
        joints.append(
            Joint(first=a, second=b, p_value=merge.p_value, maps=(*merge.first, *merge.second))
        )
    return order, tuple(joints)


def pair_p_value(difference: Floats, covariance: Floats) -> float:
    """Probability of a difference as large by chance.

    Parameters
    ----------
    difference : ndarray of float64, shape (n_regions,)
        NaN for regions that are left out.
    covariance : ndarray of float64, shape (n_regions, n_regions)

    Returns
    -------
    float
        NaN when no region is left.
    """
    from scipy.special import gammaincc

    told = np.isfinite(difference) & np.isfinite(np.diag(covariance))
    if not told.any():
        return float("nan")
    d, c = difference[told], covariance[np.ix_(told, told)]
    # On one scale first: a region with a large error must not hide the rank of the others.
    scale = np.sqrt(np.maximum(np.diag(c), 1e-300))
    values, vectors = np.linalg.eigh(c / np.outer(scale, scale))
    used = values > _SINGULAR * values[-1]
    projected = vectors[:, used].T @ (d / scale)
    chi_square = float((projected**2 / values[used]).sum())
    return float(gammaincc(np.count_nonzero(used) / 2, chi_square / 2))


_Joint = tuple[frozenset[int], frozenset[int], float]


def _linked(p_values: Floats, level: float) -> tuple[list[_Joint], list[frozenset[int]]]:
    """Join groups by complete linkage; return all joints, and the groups at the level."""
    groups = [frozenset([i]) for i in range(len(p_values))]
    merges: list[_Joint] = []
    proposed = list(groups)
    while len(groups) > 1:
        # Of equal p-values the first pair is joined, so that the result has one order.
        best = max(
            itertools.combinations(groups, 2),
            key=lambda pair: float(p_values[np.ix_(list(pair[0]), list(pair[1]))].min()),
        )
        p = float(p_values[np.ix_(list(best[0]), list(best[1]))].min())
        merges.append((best[0], best[1], p))
        groups = [g for g in groups if g not in best]
        groups.append(best[0] | best[1])
        groups.sort(key=min)
        if p >= level:
            proposed = list(groups)
    return merges, proposed
