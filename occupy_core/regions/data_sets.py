"""What differs between data sets, such as apo and ligand, each of several classes.

The share of the particles of a data set that have a region is the mean over its classes, weighted
with their sizes. Data sets of one condition are replicates: how they scatter is part of the error.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occupy_core.errors import ParameterError
from occupy_core.regions.share import share_of_particles
from occupy_core.regions.significance import Difference, corrected
from occupy_core.regions.table import RegionTable

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Share:
    """Share of the particles of a condition that have a region.

    Parameters
    ----------
    condition, region : str
    share, sigma : float
        With its standard error; NaN where a map cannot tell.
    replicates : int
        Data sets of the condition.
    """

    condition: str
    region: str
    share: float
    sigma: float
    replicates: int


def condition_of(data_set: str) -> str:
    """Return the condition of a data set: what stands before a stroke, as in "apo/1"."""
    return data_set.partition("/")[0]


def shares_of_conditions(
    table: RegionTable, data_sets: Sequence[str], weights: Sequence[float] = ()
) -> tuple[Share, ...]:
    """Return the share of the particles that have each region in each condition.

    Parameters
    ----------
    table : RegionTable
    data_sets : sequence of str
        The data set of each map. "apo/1" and "apo/2" are replicates of the condition "apo".
    weights : sequence of float
        Size of the class of each map; none means that all are alike.

    Raises
    ------
    ParameterError
        When the number of data sets or weights is not that of the maps.
    """
    for given, what in ((data_sets, "data sets"), (weights or data_sets, "class sizes")):
        if len(given) != len(table.maps):
            raise ParameterError(
                f"The number of {what} is {len(given)} but that of the maps is {len(table.maps)}; "
                "give one for each map, in the same order."
            )
    sizes = np.array(weights or [1.0] * len(table.maps), np.float64)
    share, sigma = share_of_particles(table.occupancy, table.sigma)
    names = np.array(data_sets)
    found = []
    for condition in dict.fromkeys(map(condition_of, data_sets)):
        replicates = [d for d in dict.fromkeys(data_sets) if condition_of(d) == condition]
        each = [_of_data_set(share, sigma, sizes * (names == name)) for name in replicates]
        means, errors = (np.array(values) for values in zip(*each, strict=True))
        n = len(replicates)
        error = np.sqrt((errors**2).sum(axis=0)) / n
        if n > 1:  # replicates differ by more than the errors of each
            error = np.hypot(error, means.std(axis=0, ddof=1) / math.sqrt(n))
        found += [
            Share(condition=condition, region=r, share=float(m), sigma=float(s), replicates=n)
            for r, m, s in zip(table.regions, means.mean(axis=0), error, strict=True)
        ]
    return tuple(found)


def _of_data_set(share: Values, sigma: Values, sizes: Values) -> tuple[Values, Values]:
    """Mean over the classes of a data set, and its standard error."""
    used = sizes > 0
    if not used.any():
        nothing = np.full(share.shape[1], math.nan)
        return nothing, nothing
    part = sizes[used] / sizes[used].sum()
    return part @ share[used], np.sqrt(part**2 @ sigma[used] ** 2)


def condition_differences(shares: Sequence[Share]) -> tuple[Difference, ...]:
    """Compare every region between every two conditions, the most significant first.

    Parameters
    ----------
    shares : sequence of Share
        As of `shares_of_conditions`.
    """
    by_region: dict[str, list[Share]] = {}
    for share in shares:
        by_region.setdefault(share.region, []).append(share)
    found = []
    for region, each in by_region.items():
        for first, second in itertools.combinations(each, 2):
            error = math.hypot(first.sigma, second.sigma)
            change = second.share - first.share
            if math.isfinite(change) and error > 0:
                found.append(
                    Difference(
                        region=region,
                        first=first.condition,
                        second=second.condition,
                        difference=change,
                        sigma=error,
                        p_value=math.erfc(abs(change) / error / math.sqrt(2)),
                        q_value=1.0,
                    )
                )
    return corrected(found)
