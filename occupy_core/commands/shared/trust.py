"""How far a value of a map may be believed, as one number: for one colouring of all results."""

from __future__ import annotations

import math

import numpy as np

from occupy_core.maps.grid import Array

_RIGHT = 0.1  # [words] of a local resolution: a value no further from the truth is right
TOLERANCE = 0.1  # [words] of an occupancy: what "right" means; 0.5 is told from 0.6 and 0.4


def trust(
    sigma: Array, confidence: Array | None = None, tolerance: float | Array = TOLERANCE
) -> Array:
    """Return the chance that a value is right.

    Parameters
    ----------
    sigma : ndarray of float32
        Standard errors of the values, any shape.
    confidence : ndarray of float32, same shape, optional
        Confidence that there is content at all.
    tolerance : float or ndarray, optional
        A value is right when it is no further from the truth; by default `TOLERANCE`.

    Returns
    -------
    ndarray of float32, same shape
        erf(tolerance / (sigma √2)), the share of a normal distribution within the tolerance, times
        the confidence. NaN where the error is not known.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.asarray(tolerance / (np.asarray(sigma, np.float64) * math.sqrt(2)))
    from scipy.special import erf  # loads much

    right = erf(np.where(np.asarray(sigma) == 0, np.inf, ratio))
    if confidence is not None:
        right = right * confidence
    return np.asarray(right, np.float32)


def resolution_trust(sigma: Array, resolution: Array, finest: float) -> Array:
    """Return the chance that a local resolution is right within a tenth of itself.

    Parameters
    ----------
    sigma, resolution : ndarray of float32
        Standard errors and values in Å, any shape.
    finest : float
        What the map holds (Å): what is finer is a guess, and its trust is 0.

    Returns
    -------
    ndarray of float32, same shape
    """
    near = np.asarray(_RIGHT * np.maximum(resolution, 0), np.float32)
    right = trust(sigma, tolerance=near)
    return np.asarray(np.where(resolution < finest, np.float32(0), right), np.float32)
