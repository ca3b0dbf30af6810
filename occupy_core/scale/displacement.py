"""What an iterative classifier takes from a local scale: weights, and a step along its factors."""

from __future__ import annotations

import math

import numpy as np

from occupy_core.errors import ParameterError
from occupy_core.maps.grid import DensityMap
from occupy_core.maps.threads import for_slabs
from occupy_core.scale.estimate import ScaleResult
from occupy_core.scale.modify import modification_factor
from occupy_core.scale.outputs import Output
from occupy_core.scale.params import ModifyParams

_PLANES = 4  # [machine] planes of a slab: its temporary arrays stay in the cache


def weights(result: ScaleResult) -> DensityMap:
    """Return how much each voxel counts: its scale, as far as it is confidently not solvent.

    Parameters
    ----------
    result : ScaleResult

    Returns
    -------
    DensityMap
        Confidence times scale, 0 to 1.
    """
    scale = result.scale
    return scale.with_data(result.confidence.data * scale.data, f"weights of {scale.name}")


def displacement(
    density: DensityMap,
    result: ScaleResult,
    power: float,
    *,
    scale_limit: float = ModifyParams.scale_limit,
) -> DensityMap:
    """Return what a modification by a power of the scale S would add to a map, S held fixed.

    It is c (S^(power - 1) - 1) (map - solvent level), c the confidence. A power above 1 attenuates
    what is partly occupied; one below 1 amplifies it, by 1/power. Unlike a modified map it is
    linear in the map: no noise replaces what is attenuated, and nothing is clipped.

    Parameters
    ----------
    density : DensityMap
        The map that the scale was estimated from.
    result : ScaleResult
    power : float
        Above 0; 1 gives zero everywhere.
    scale_limit : float
        Nothing is displaced where the scale is not above this.

    Raises
    ------
    ParameterError
        When the power or the limit is outside its limits.
    """
    if not (math.isfinite(power) and power > 0):
        raise ParameterError(
            f"The power is {power} but must be a number above 0: above 1 attenuates, below 1 "
            "amplifies."
        )
    attenuates = power >= 1
    output = Output("attenuated" if attenuates else "amplified", power if attenuates else 1 / power)
    ModifyParams(scale_limit=scale_limit).resolve(density.grid)
    level = np.float32(result.solvent.mean)
    scale, confidence = result.scale.data, result.confidence.data
    step = np.empty_like(density.data)

    def work(first: int, last: int) -> None:
        slab = slice(first, last)
        factor = modification_factor(scale[slab], output, scale_limit)
        step[slab] = confidence[slab] * (factor - 1) * (density.data[slab] - level)

    for_slabs(work, len(step), _PLANES)
    return density.with_data(step, f"displacement of {density.name}")
