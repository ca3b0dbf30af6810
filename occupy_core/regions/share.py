"""From the density of a class map to the share of its particles that have a region.

The standard error of an occupancy says how well the *density* of a map is known. The share of the
*particles* of a class is another number: a classification places particles by what they look like,
so those that were placed wrongly show the region weakly, and the map of a mixed class lies below
the mixture. A pure class (a region absent or full) shows no such effect.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Of a class in which half of the particles have a region: how much less its map reads than their
# share, and how much that differs between classes.
_SHIFT = 0.027  # [fit: python -m benchmarks.coverage fit]
_SPREAD = 0.022  # [fit: python -m benchmarks.coverage fit]


def mixture_weight(occupancy: Floats) -> Floats:
    """How mixed a class of this occupancy is: 0 where it is pure, 1 at a half.

    It is the standard deviation of having the region or not, 2 sqrt(p (1 - p)).
    """
    share = np.clip(occupancy, 0.0, 1.0)
    return np.asarray(2 * np.sqrt(share * (1 - share)))


def share_of_particles(occupancy: Floats, sigma: Floats) -> tuple[Floats, Floats]:
    """Share of the particles of each class that have each region, and its standard error.

    Parameters
    ----------
    occupancy, sigma : ndarray of float64, any shape
        Occupancies of the density of class maps and their standard errors; NaN for an error that
        is not known.

    Returns
    -------
    share : ndarray of float64
        Between 0 and 1.
    error : ndarray of float64
    """
    weight = mixture_weight(occupancy)
    return np.clip(occupancy + _SHIFT * weight, 0.0, 1.0), np.hypot(sigma, _SPREAD * weight)
