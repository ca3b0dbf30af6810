"""What an occupancy with its error says in a word, and what would have been seen."""

from __future__ import annotations

import math
from typing import Literal

Verdict = Literal["absent", "partial", "full", "dense", "uncertain", "not measured"]

LEAST_ERROR = 0.03  # [taste: not swept] of an occupancy: what a fit of amplitudes leaves undecided
_SIGMAS = 2.0  # [physics] 95 % of a normal distribution
_ABSENT_BELOW = 0.3  # [words] absent: the interval ends below this
_FULL_ABOVE = 0.7  # [words] full: the interval starts above this
_DENSE_ABOVE = 1.1  # [words] denser than full: the interval starts above this
_DETECTION = 3.29  # [paper: 10.1021/ac60259a007] standard errors, 5 % misses and 5 % false alarms


def verdict(occupancy: float, sigma: float) -> Verdict:
    """Judge an occupancy by its 95 % interval.

    Parameters
    ----------
    occupancy, sigma : float
        With its standard error; NaN when it was not measured.

    Returns
    -------
    str
        "uncertain" when the interval holds more than one of absent, partial and full.
    """
    if not (math.isfinite(occupancy) and math.isfinite(sigma)):
        return "not measured"
    reach = _SIGMAS * max(sigma, LEAST_ERROR)
    low, high = occupancy - reach, occupancy + reach
    if low > _DENSE_ABOVE:
        return "dense"
    if low > _FULL_ABOVE and high >= 1:
        return "full"
    if low <= 0:
        return "absent" if high < _ABSENT_BELOW else "uncertain"
    return "partial" if high < 1 else "uncertain"


def detection_limit(sigma: float) -> float:
    """Return the smallest occupancy that would have been told from nothing (Currie 1968).

    Parameters
    ----------
    sigma : float
        Standard error of the occupancy where there is nothing.
    """
    return _DETECTION * max(sigma, LEAST_ERROR)
