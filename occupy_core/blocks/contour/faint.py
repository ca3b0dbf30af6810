"""Which voxels of each volume are above its threshold, faint and empty volumes too."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from occupy_core.blocks import _loops as kernels
from occupy_core.blocks.contour.thresholds import Threshold, smoothed
from occupy_core.errors import EstimationError
from occupy_core.maps.ensemble import Ensemble
from occupy_core.maps.grid import Array, DensityMap
from occupy_core.maps.threads import for_slabs
from occupy_core.progress import Progress, report

_SOUND = 16  # [machine] volumes whose mean shows how dense that is
_ALWAYS = 0.9  # [taste: nothing moved] of the sound volumes
_FEWEST_VOXELS = 27  # [guard] a mean over fewer is mostly noise
# [taste: nothing moved] places along each edge where the same voxels are looked at for comparison
_SHIFTS = 4
# [taste: nothing moved] of the density; where there is more, it is no place to compare with
_ELSEWHERE = 0.2
_FEWEST_PLACES = 8  # [guard] fewer places have no standard deviation to speak of
_STANDS_OUT = 4.0  # [taste: nothing moved] standard deviations over these places

Contours = tuple[list[Threshold], NDArray[np.uint8], NDArray[np.float64]]


def contour(
    ensemble: Ensemble,
    rule: Callable[[DensityMap, int], Threshold],
    sigma: float,
    progress: Progress | None,
) -> Contours:
    """Return the thresholds, the packed voxels (N, octets) and the parts that are on.

    Where the noise is as dense as the molecule, a volume says nothing by itself. It is contoured by
    the density that it has where the others always have some, when that stands out of what it has
    elsewhere. Another volume with nothing in it is contoured where the others would be if their
    noise were its own: the rule would contour its noise.

    Parameters
    ----------
    ensemble : Ensemble
    rule : callable
        Returns the threshold of a volume, given the volume and its place.
    sigma : float
        Of the Gaussian before the volumes are contoured, Å.
    progress : callable or None

    Raises
    ------
    EstimationError
        When most volumes are inverted.
    """
    n = len(ensemble)
    packed = np.zeros((n, -(-ensemble.grid.size // 8)), np.uint8)
    on_fraction = np.zeros(n)
    found = [Threshold(0.0, 0.0)] * n

    def pack_volume(index: int, density: DensityMap) -> None:
        on = smoothed(density, sigma).data > found[index].value
        packed[index] = np.packbits(on, bitorder="little")
        on_fraction[index] = np.count_nonzero(on) / on.size

    def contour_volume(index: int, density: DensityMap) -> None:
        found[index] = rule(density, index)
        pack_volume(index, density)

    ensemble.for_each(contour_volume, done=lambda k: report(progress, k / n, "thresholds"))
    if sum(t.inverted for t in found) > n / 2:
        raise EstimationError(
            f"In {sum(t.inverted for t in found)} of {n} volumes what stands out of the solvent is "
            "negative; multiply the volumes by -1, or give a threshold."
        )
    empty = [i for i, t in enumerate(found) if t.empty]
    if empty and len(empty) < n:
        found[:] = _without_empty(ensemble, found, packed)
        ensemble.for_each(lambda k, density: pack_volume(empty[k], density), indices=empty)
    return found, packed, on_fraction


def count_on(packed: NDArray[np.uint8], rows: NDArray[np.int64], size: int) -> NDArray[np.int32]:
    """Return the number of volumes in which each voxel of the box is on, shape (size,)."""
    totals = np.zeros(8 * packed.shape[1], np.int32)
    for_slabs(
        lambda start, stop: kernels.count_on(packed, rows, (start, stop), totals),
        packed.shape[1],
        4096,
    )
    return totals[:size]


def _without_empty(
    ensemble: Ensemble, found: Sequence[Threshold], packed: NDArray[np.uint8]
) -> list[Threshold]:
    """Return the thresholds, with others for the volumes that seem empty."""
    sound = np.flatnonzero([not t.empty for t in found])
    heights = [(t.value - t.solvent) / t.sigma for t in found if not t.empty and t.sigma > 0]
    always = count_on(packed, sound, ensemble.grid.size) >= _ALWAYS * len(sound)
    reference = _reference(ensemble, found, sound)
    places, elsewhere = _places(np.flatnonzero(always), reference)
    changed = list(found)
    for i in (i for i, t in enumerate(found) if t.empty):
        solvent, sigma = found[i].solvent, found[i].sigma
        data = ensemble.read(i).data.ravel() - np.float32(solvent)
        means = np.array([data[other].mean(dtype=np.float64) for other in elsewhere])
        there = float(data[places].mean(dtype=np.float64)) if len(elsewhere) else 0.0
        if len(elsewhere) and there > means.mean() + _STANDS_OUT * means.std():
            height = (there - float(means.mean())) / float(reference.ravel()[places].mean())
            changed[i] = found[i]._replace(value=solvent + height, empty=False)
        elif heights:
            changed[i] = found[i]._replace(value=solvent + float(np.median(heights)) * sigma)
    return changed


def _reference(ensemble: Ensemble, found: Sequence[Threshold], sound: NDArray[np.int64]) -> Array:
    """Return the mean of some volumes, with their thresholds at 1."""
    chosen = np.unique(sound[np.linspace(0, len(sound) - 1, _SOUND).astype(int)])
    total = np.zeros(ensemble.grid.shape, np.float32)
    for i in chosen:  # in order: the sum does not depend on the threads
        zero, unit = found[i].solvent, found[i].value - found[i].solvent
        total += (ensemble.read(int(i)).data - np.float32(zero)) / np.float32(unit)
    return total / np.float32(len(chosen))


def _places(
    always: NDArray[np.int64], reference: Array
) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    """Return where density always is, and these voxels shifted to where there is little.

    Without enough voxels, or places to compare them with, there are no such places.
    """
    shape = np.array(reference.shape)
    if len(always) < _FEWEST_VOXELS:
        return always, []
    full = reference.ravel()[always].mean()
    cells = np.stack(np.unravel_index(always, reference.shape), axis=1)
    elsewhere = []
    for steps in itertools.product(range(_SHIFTS), repeat=3):
        moved = (cells + np.array(steps) * shape // _SHIFTS) % shape
        other = np.ravel_multi_index(tuple(moved.T), reference.shape)
        if reference.ravel()[other].mean() < _ELSEWHERE * full:
            elsewhere.append(np.asarray(other, np.int64))
    return always, elsewhere if len(elsewhere) >= _FEWEST_PLACES else []
