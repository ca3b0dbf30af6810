"""Contour levels at which a molecule is seen."""

from __future__ import annotations

import numpy as np

from occupy_core.maps.grid import DensityMap

_SIGMAS = 4.0  # [layout] of the density outside the mask: noise above this is rare


def surface_level(density: DensityMap, mask: DensityMap) -> float:
    """Contour level that shows the molecule.

    Half of the mask, which reaches past the atoms, lies above it, or less when the noise outside
    the mask is higher.
    """
    inside = mask.data > 0.5
    within = float(np.median(density.data[inside]))
    outside = density.data[~inside]
    if outside.size == 0:
        return within
    noise = float(outside.mean(dtype=np.float64) + _SIGMAS * outside.std(dtype=np.float64))
    top = float(np.quantile(density.data[inside], 0.98))  # something must be left to be seen
    return max(within, min(noise, top))
