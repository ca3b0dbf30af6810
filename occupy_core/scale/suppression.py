"""Factors by which places, or differences, are taken down, and nothing is brought up.

For use inside a reconstruction that goes on: a map whose parts are amplified would seem to have a
better resolution than its data give, and one that is only taken down does not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps.grid import Array, DensityMap
from occupy_core.scale.estimate import ScaleResult
from occupy_core.scale.modify import full_within_error, modification_factor
from occupy_core.scale.outputs import Output


def suppression_factor(result: ScaleResult, power: float, *, exclude_solvent: bool) -> DensityMap:
    """Return the factors, 0 to 1, that attenuate by a local scale and suppress the solvent.

    Parameters
    ----------
    result : ScaleResult
        Of the map, or of a mean of maps that are all to get the same factors.
    power : float
        At least 1: a place of scale S gets the factor S^(power - 1), as in `modification_factor`;
        1 attenuates nothing.
    exclude_solvent : bool
        Whether the solvent is taken down to 0.

    Returns
    -------
    DensityMap
        On the grid of the scale.
    """
    sigma = result.sigma
    scale = result.scale.data if sigma is None else full_within_error(result.scale.data, sigma.data)
    content = np.clip((result.place or result.confidence).data, 0, 1)
    attenuated = modification_factor(scale, Output("attenuated", power), scale_limit=-1.0)
    factor: Array = 1 + content * (attenuated - 1)
    if exclude_solvent:
        factor *= content
    return result.scale.with_data(np.clip(factor, 0, 1))


def focus_factor(result: ScaleResult) -> DensityMap:
    """Return which part of the difference of a class from the mean of all is kept, 0 to 1.

    A place that is full in the mean is full in all classes, so what differs there is noise. The
    difference counts in full where the scale is below 1 by its standard error or more, falls to 0
    where it is 1, and is 0 in the solvent.

    Parameters
    ----------
    result : ScaleResult
        Of the mean of the classes, with a standard error of the scale.

    Returns
    -------
    DensityMap
        On the grid of the scale.
    """
    if result.sigma is None:
        raise ValueError("The scale has no standard error; the calibrated one has.")
    content = np.clip((result.place or result.confidence).data, 0, 1)
    missing = np.clip(1 - result.scale.data, 0, 1)
    smallest = np.finfo(np.float32).tiny
    kept = np.minimum(missing / np.maximum(result.sigma.data, smallest), 1)
    return result.scale.with_data((content * kept).astype(np.float32))


def with_power_of(changed: DensityMap, reference: DensityMap) -> DensityMap:
    """Give a map the power spectrum, shell by shell, of another one on its grid.

    Parameters
    ----------
    changed, reference : DensityMap
        Of a cubic box.

    Returns
    -------
    DensityMap
    """
    z, y, x = changed.grid.shape
    voxel = changed.grid.voxel_size
    radius = np.sqrt(
        np.fft.fftfreq(z, voxel[2])[:, None, None] ** 2
        + np.fft.fftfreq(y, voxel[1])[None, :, None] ** 2
        + np.fft.rfftfreq(x, voxel[0])[None, None] ** 2
    )
    shell = np.rint(radius * max(changed.grid.box)).astype(np.int64)
    counts = np.full(x // 2 + 1, 2.0)  # a coefficient and its conjugate, which is not stored
    counts[-1] = 1 if x % 2 == 0 else 2
    counts[0] = 1

    def power(spectrum: NDArray[np.complex128]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.bincount(
            shell.ravel(), (counts * np.abs(spectrum) ** 2).ravel()
        ).astype(np.float64)
        return found

    spectrum = np.fft.rfftn(changed.data)
    wanted, had = power(np.fft.rfftn(reference.data)), power(spectrum)
    gain = np.sqrt(np.divide(wanted, had, out=np.ones_like(wanted), where=had > 0))
    data = np.fft.irfftn(spectrum * gain[shell], s=changed.grid.shape, axes=(0, 1, 2))
    return changed.with_data(data.astype(np.float32))
