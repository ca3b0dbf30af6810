"""Where the solvent of a map is, and the noise there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from occupy_core.maps import Array, Grid, Mask
from occupy_core.resolution.measure.bands import BandEnergies
from occupy_core.resolution.measure.mask_edge import kept_as_measured, kept_by_edge

Values = NDArray[np.float64]

# [taste: python -m benchmarks.sensitivity resolution] of the mean coarse energy of the molecule:
# surely molecule
_STRONG = 0.15
# [taste: python -m benchmarks.sensitivity resolution] 1/Å: bands that a molecule dominates
_COARSE = (1 / 30, 1 / 7)
# [taste: python -m benchmarks.sensitivity resolution] windows from the molecule at which shells of
# solvent start; less if
_FIRST_SHELL = (2.0, 1.4)
# there is no room, though the tail of the window then still holds some of the molecule
_SHELL = 0.8  # [taste: nothing moved] windows, thickness of a shell
_ZONE = 2  # [taste: nothing moved] shells of the solvent wanted at least
# [taste: python -m benchmarks.sensitivity resolution] shells used at most: the noise near the
# molecule is what counts
_FURTHEST_ZONE = 6
_STATIONARY = 1.6  # [taste: nothing moved] ratio of the fine energy of shells of the same solvent
# [taste: nothing moved] ratio of the energies of the halves of a zone by their distance from a mask
_EVEN = 1.35
# [taste: nothing moved] of equal numbers of points, for the rise of the noise towards the faces
_RINGS = 12
_TREND = 6  # [taste: nothing moved] shells of solvent behind a mask, at least, for the same
# [taste: python -m benchmarks.sensitivity resolution] of the box about the molecule that shows that
# rise, if there is enough of it
_INNER = 0.8
# [taste: nothing moved] rise of the noise from its middle over half the shortest edge, at most
_STEEPEST = 2.0
_POINTS = 30  # [guard] fewer points than this make no shell
# [taste: nothing moved] ratio of quantiles of the coarse energy that noise alone does not reach
_FEATURELESS = 3.0
_EDGE = 1.0  # [taste: nothing moved] windows from an empty background, at least
_PLATEAU = 3  # [taste: nothing moved] finest bands that must agree to be noise alone ...
_LEVEL = 0.08  # [taste: nothing moved] ... to within this, relative
# [taste: nothing moved] noise under a molecule over that of the solvent, as far as it goes
_LOWEST, _HIGHEST = 0.7, 1.4


@dataclass(frozen=True, kw_only=True)
class BandNoise:
    """Noise of the solvent about a molecule, band by band.

    Parameters
    ----------
    power : ndarray of float64, shape (bands,)
        Energy of the noise in each band, in the units of the energies, at `trend` one.
    trend : ndarray of float32, shape (z, y, x)
        Noise of each point relative to `power`, the same in all bands.
    molecule : ndarray of bool, shape (z, y, x)
        Points that are surely molecule.
    zone : ndarray of bool, shape (z, y, x)
        Points of solvent where the noise was taken.
    shells : int
        Number of shells about the molecule over which the noise is the same; 0 when there is no
        such solvent.
    room : int
        Number of shells about the molecule that the box, or a mask, has room for.
    featureless : bool
        True when nothing stands out of the noise.
    """

    power: Values
    trend: Array
    molecule: Mask
    zone: Mask
    shells: int
    room: int
    featureless: bool


def stands_out(energies: BandEnergies, filled: Array) -> bool:
    """Whether coarse energy varies over the filled part of a box by more than that of noise."""
    held = _held(filled)
    low, high = np.quantile(coarse_energy(energies)[held] / filled[held], [0.1, 0.995])
    return bool(high >= _FEATURELESS * low)


def _held(filled: Array) -> Mask:
    """Points whose windows hold more than an empty background."""
    result: Mask = filled > 0.5 * filled.max()
    return result


def nothing_but_noise(energies: BandEnergies) -> BandNoise:
    """Noise of a map in which there is nothing else."""
    everywhere = np.ones(energies.grid.shape, bool)
    power = np.array([np.median(e) for e in energies.energy], dtype=np.float64)
    flat = np.ones(energies.grid.shape, np.float32)
    return BandNoise(
        power=power,
        trend=flat,
        molecule=_molecule(energies, everywhere),
        zone=everywhere,
        shells=0,
        room=0,
        featureless=True,
    )


def _molecule(energies: BandEnergies, held: Mask) -> Mask:
    """Points that are surely molecule."""
    coarse = coarse_energy(energies)
    result: Mask = coarse > _STRONG * _weighted_mean(coarse[held])
    return result


def solvent_noise(energies: BandEnergies, filled: Array) -> BandNoise:
    """Find the solvent next to the molecule and measure its noise.

    The molecule stands out in the coarse bands. Around it, shells of equal distance are compared
    in the finest bands, where the tail of the window carries least of the molecule: the zone is
    the run of shells nearest to the molecule in which that energy stays within a factor of 1.6.
    Behind a mask that follows the molecule there is no such zone.

    Parameters
    ----------
    energies : BandEnergies
    filled : ndarray of float32, shape (z, y, x)
        Part of each window that holds more than an empty background (`filled_part`).
    """
    fine, spacing = fine_energy(energies), energies.grid.voxel_size_zyx
    held = _held(filled)
    flat = np.ones(fine.shape, np.float32)
    molecule = _molecule(energies, held)
    apart = distance_from(filled < 0.5, spacing)
    kept = np.where(apart > _EDGE * energies.window, kept_by_edge(apart, energies.window), 0.0)
    distance = np.where(kept > 0, distance_from(molecule, spacing), 0.0)
    kept = kept_as_measured(fine, kept, filled < 0.5, distance, energies)
    distance = np.where(kept > 0, distance, 0.0)
    level = fine / np.maximum(kept, 0.1)
    for first in _FIRST_SHELL:
        shells = _shells(distance, first * energies.window, energies.window)
        run = _nearest_run(np.array([np.median(level[shell]) for shell in shells]))
        if run is not None:
            break
    bounded = bool((filled < 0.5).any())
    if run is not None and bounded:
        zone = np.logical_or.reduce(shells[run[0] : run[1]])
        run = run if _flat_to_edge(level[zone], apart[zone]) else None
    if run is None:
        power = np.array([np.quantile(e[held], 0.05) for e in energies.energy])
        return BandNoise(
            power=power,
            trend=flat,
            molecule=molecule,
            zone=np.zeros_like(molecule),
            shells=0,
            room=len(shells),
            featureless=False,
        )
    start, stop = run
    chosen = shells[start : min(stop, start + _FURTHEST_ZONE)]
    solvent = np.logical_or.reduce(shells[start:stop])
    trend = (
        _trend(level, solvent, molecule, energies.grid)
        if stop - start >= _TREND or not bounded
        else flat
    )
    share = kept * trend
    values = [[_mean_of_noise(e[s] / share[s]) for s in chosen] for e in energies.energy]
    power = np.array([_of_shells(np.array(v), bounded) for v in values])
    power *= _plateau(energies.energy / trend, molecule, power)
    zone = np.logical_or.reduce(chosen)
    return BandNoise(
        power=power,
        trend=trend,
        molecule=molecule,
        zone=zone,
        shells=stop - start,
        room=len(shells),
        featureless=False,
    )


def _weighted_mean(energy: Array) -> float:
    """Mean of an energy weighted by its square: that of the molecule, however large the box."""
    square = energy.astype(np.float64) ** 2
    return float((square * energy).sum() / square.sum())


def coarse_energy(energies: BandEnergies) -> Array:
    """Mean energy of the bands of 7 to 30 Å, shape (z, y, x)."""
    f = energies.bands.frequency
    result: Array = energies.energy[(f > _COARSE[0]) & (f < _COARSE[1])].mean(axis=0)
    return result


def fine_energy(energies: BandEnergies) -> Array:
    """Mean energy of the finest quarter of the bands, shape (z, y, x)."""
    n = len(energies.energy)
    result: Array = energies.energy[n - max(1, n // 4) :].mean(axis=0)
    return result


def distance_from(mask: Mask, spacing: tuple[float, float, float]) -> Values:
    """Distance in Å of each point from the nearest True one; infinite when there is none."""
    if not mask.any():
        return np.full(mask.shape, np.inf)
    result: Values = ndimage.distance_transform_edt(~mask, sampling=spacing)
    return result


def _shells(distance: Values, start: float, window: float) -> list[Mask]:
    """Shells of equal distance, nearest first, that hold enough points."""
    shells = []
    furthest = distance[np.isfinite(distance)].max(initial=0.0)
    while start < furthest:
        shell = (distance > start) & (distance <= start + _SHELL * window)
        if shell.sum() >= _POINTS:
            shells.append(shell)
        start += _SHELL * window
    return shells


def _nearest_run(profile: Values) -> tuple[int, int] | None:
    """First run of neighbours that agree within the tolerance, as long as it goes."""
    for start in range(len(profile) - _ZONE + 1):
        stop = start + 1
        while stop < len(profile):
            part = profile[start : stop + 1]
            if part.max() > _STATIONARY * part.min():
                break
            stop += 1
        if stop - start >= _ZONE:
            return start, stop
    return None


def _trend(level: Values, solvent: Mask, molecule: Mask, grid: Grid) -> Array:
    """Noise of each point over that of the middle of the molecule, from its rise in the solvent.

    Interpolation in the transform leaves a window over the box, and dividing by it makes noise
    rise outwards, as the square of the distance from the middle at first. Points near the faces
    are left out where enough others are left: what lies there may have been added by padding.
    """
    square, inner = _squared_distance(molecule, grid)
    if (solvent & inner).sum() >= _RINGS * _POINTS:
        solvent = solvent & inner
    x, y = square[solvent], np.log(level[solvent])
    edges = np.quantile(x, np.linspace(0, 1, _RINGS + 1))
    ring = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, _RINGS - 1)
    index = np.arange(_RINGS)
    slope = np.polyfit(ndimage.mean(x, ring, index), ndimage.median(y, ring, index), 1)[0]
    steepest = np.log(_STEEPEST) / (min(grid.box) / 2) ** 2
    result: Array = np.exp(np.clip(slope, -steepest, steepest) * square).astype(np.float32)
    return result


def _squared_distance(molecule: Mask, grid: Grid) -> tuple[Values, Mask]:
    """Squared distance (Å²) from the middle of the molecule in the periodic box.

    Beside it, which points are well away from the faces of a box about that middle.
    """
    square, inner = np.zeros(molecule.shape), np.ones(molecule.shape, bool)
    for axis, size in enumerate(grid.voxel_size_zyx):
        n = molecule.shape[axis]
        weight = molecule.sum(axis=tuple(i for i in range(3) if i != axis))
        turn = np.exp(2j * np.pi * np.arange(n) / n)
        middle = np.angle((turn * weight).sum()) * n / (2 * np.pi)
        apart = ((np.arange(n) - middle + n / 2) % n - n / 2) * size
        along = [-1 if i == axis else 1 for i in range(3)]
        square += (apart**2).reshape(along)
        inner &= (np.abs(apart) < _INNER * n * size / 2).reshape(along)
    return square, inner


def _flat_to_edge(level: Values, apart: Values) -> bool:
    """Whether energies near the edge of a mask are like those further inside, as noise is."""
    near = apart < np.median(apart)
    if near.all() or not near.any():
        return True
    ratio = float(np.median(level[near]) / np.median(level[~near]))
    return 1 / _EVEN < ratio < _EVEN


def _of_shells(values: Values, bounded: bool) -> float:
    """Noise of a band from that of its shells.

    The tail of the window adds to it, most near the molecule and in coarse bands, and noise rises
    towards the faces of the box: the lowest shell is most like the molecule. Within a mask, whose
    edge takes from some shells, the mean is better where shells agree.
    """
    agree = bounded and values.max() < _STATIONARY * values.min()
    return float(values.mean() if agree else values.min())


def _mean_of_noise(values: Values) -> float:
    """Mean of energies of which a few per cent may hold more than noise."""
    kept = values
    for _ in range(5):
        inside = kept <= np.median(kept) + 3 * np.std(kept)
        if inside.all():
            break
        kept = kept[inside]
    return float(kept.mean())


def _plateau(energy: Array, molecule: Mask, power: Values) -> float:
    """Noise under the molecule over that of the solvent, where fine bands hold noise alone.

    When the finest bands of the molecule agree, no signal is left in them (it would fall), and
    what remains is the noise there; it may differ from that of the solvent.
    """
    whole = len(power) - 1  # the last band may end early
    ratio = np.array([np.median(e[molecule]) for e in energy[:whole]]) / power[:whole]
    tail = 0
    while tail < whole and abs(ratio[whole - 1 - tail] / np.median(ratio[-_PLATEAU:]) - 1) < _LEVEL:
        tail += 1
    level = float(np.mean(ratio[whole - tail :])) if tail >= _PLATEAU else 1.0
    return level if _LOWEST < level < _HIGHEST else 1.0
