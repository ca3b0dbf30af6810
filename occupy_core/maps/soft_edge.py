"""Masks with a soft edge: one outside of a distance, falling to zero as a raised cosine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from occupy_core.maps.grid import Array, Mask

WIDEST = 50.0  # [guard] Å; a wider mask covers any molecule


def soft_edge(distance: NDArray[np.floating], extend: float, soft: float) -> Array:
    """Return the values of a mask at distances from what it masks.

    Parameters
    ----------
    distance : ndarray of float
        Å; 0 inside.
    extend, soft : float
        The mask is 1 up to `extend` Å and falls to 0 over `soft` Å.

    Returns
    -------
    ndarray of float32, shape of `distance`
    """
    edge = np.clip((distance - extend) / max(soft, 1e-6), 0, 1)
    return np.asarray(0.5 * (1 + np.cos(np.pi * edge)), np.float32)


def extended(
    inside: Mask, voxel_size: tuple[float, float, float], extend: float, soft: float
) -> Array:
    """Return a mask that reaches further than a binary one, and has a soft edge.

    Parameters
    ----------
    inside : ndarray of bool, shape (z, y, x)
    voxel_size : tuple of float
        Edges (z, y, x), Å.
    extend, soft : float
        As in `soft_edge`, with the distance from the middle of the nearest voxel inside.

    Returns
    -------
    ndarray of float32, shape (z, y, x)
        Values from 0 to 1; 0 everywhere when nothing is inside.
    """
    if not inside.any() or extend + soft == 0:
        return inside.astype(np.float32)
    distance = ndimage.distance_transform_edt(~inside, sampling=voxel_size)
    return soft_edge(distance, extend, soft)


def edge_problems(extend: tuple[str, float], soft: float) -> list[str]:
    """Return a sentence for each width of a mask outside its limits.

    Parameters
    ----------
    extend : (str, float)
        What the distance up to which it is 1 is called, and its value, Å.
    soft : float
        Width of the soft edge, Å.
    """
    return [
        f"The {what} of the masks is {value:g} Å but must be between 0 and {WIDEST:g} Å."
        for what, value in (extend, ("soft edge", soft))
        if not 0 <= value <= WIDEST
    ]
