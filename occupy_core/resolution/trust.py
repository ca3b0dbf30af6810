"""How far a local resolution may be believed, in the same number as an occupancy."""

from __future__ import annotations

import numpy as np

from occupy_core.maps.grid import Array
from occupy_core.scale.trust import trust

_RIGHT = 0.1  # [words] of a local resolution: a value no further from the truth is right


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
