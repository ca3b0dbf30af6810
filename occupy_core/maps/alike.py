"""Make several maps alike in what is not their structure: their place and their falloff.

The maps are looked at one after the other. Each is then moved onto the first, to a fraction of a
voxel, and each shell of frequencies is weakened to the amplitude that the weakest map has in it:
what is weakened has no more noise than before. Nothing is turned or stretched.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from occupy_core.maps.fourier import frequencies, radial_power
from occupy_core.maps.grid import DensityMap, Grid, require_same_grid
from occupy_core.maps.register import Shift, SmallMap, agreeing_shells
from occupy_core.maps.threads import thread_count

Values = NDArray[np.float64]

_LEAST_MOVE = 0.1  # [guard] voxels; less is not seen in any number
_WIDTH = 5  # [guard] shells; the power of a single one goes up and down by chance
_LEAST_SHELLS = 5  # [guard] fewer do not tell a grey scale from a falloff
_TOLD = 1.2  # [guard] weakening that is told


@dataclass(frozen=True, eq=False)
class Alike:
    """What makes each of several maps like the others.

    Parameters
    ----------
    shifts : tuple of tuple of float
        Vector (x, y, z) in Å by which each map is moved.
    frequency : ndarray of float64, shape (n_shells,)
        Centres of the shells, 1/Å.
    gains : ndarray of float64, shape (n_maps, n_shells)
        Factor of each shell of each map, up to 1.
    notes : tuple of str
        What is changed, in sentences with the numbers.
    """

    shifts: tuple[Shift, ...]
    frequency: Values
    gains: Values
    notes: tuple[str, ...] = ()

    def apply(self, number: int, density: DensityMap, *, filtered: bool = True) -> DensityMap:
        """Return a map made like the others, on its grid; what leaves the box comes in again.

        Parameters
        ----------
        number : int
            Place of the map among all.
        density : DensityMap
            The map, or one that belongs to it voxel by voxel, such as a half map.
        filtered : bool
            Whether it is to be weakened, too; not for what is no density.
        """
        move, gain = np.array(self.shifts[number]), self.gains[number]
        filtered = filtered and bool((gain < 1).any())
        if not (move.any() or filtered):
            return density
        grid, workers = density.grid, thread_count()
        spectrum = fft.rfftn(density.data, workers=workers)
        if move.any():
            for axis, phase in enumerate(_phases(grid, move)):
                spectrum *= phase.reshape([-1 if a == axis else 1 for a in range(3)])
        if filtered:
            z, y, x = (f**2 for f in frequencies(grid))
            for plane, z2 in zip(spectrum, z, strict=True):
                k = np.sqrt(z2 + y[:, None] + x)
                plane *= np.interp(k, self.frequency, gain).astype(np.float32)
        data = fft.irfftn(spectrum, grid.shape, workers=workers)
        return density.with_data(np.asarray(data, np.float32))


class AlikeSurvey:
    """Looks at maps and says how to make them alike; from any number of threads.

    Parameters
    ----------
    first : DensityMap
        The map that the others are moved onto; also one that is seen.
    count : int
        How many maps there are.
    place, falloff : bool
        What is to be made alike.
    """

    def __init__(self, first: DensityMap, count: int, *, place: bool, falloff: bool) -> None:
        self._grid, self._place, self._falloff = first.grid, place, falloff
        self._first = SmallMap.of(first)
        self._first.prepare()
        self._names = [""] * count
        self._shifts: list[Shift] = [(0.0, 0.0, 0.0)] * count
        self._frequency = radial_power(first)[0]
        self._power = np.ones((count, len(self._frequency)))
        self._shells = [0] * count
        self._lock = threading.Lock()

    def see(self, number: int, density: DensityMap) -> None:
        """Look at a map; `number` is its place among all."""
        match = self._first.place_of(SmallMap.of(density))
        moved = self._place and match.distance >= _LEAST_MOVE * min(self._grid.voxel_size)
        power = radial_power(density)[1] if self._falloff else None
        with self._lock:
            self._names[number] = density.name
            self._shells[number] = max(_LEAST_SHELLS, agreeing_shells(match.fsc))
            if number and moved:
                self._shifts[number] = match.shift
            if power is not None:
                self._power[number] = power

    @cached_property
    def _amplitude(self) -> Values:
        """Smooth amplitude of the shells of each map, on one grey scale.

        What two maps share falls off by a B-factor at most; their grey scales are where a line
        through the logarithms of their ratio over the squared frequency begins.
        """
        power = np.maximum(self._power, 1e-12 * self._power.max(axis=1, keepdims=True))
        power[:, 0] = power[:, 1]  # that of the mean tells the size of the box
        whole = int((self._frequency <= 0.5 / max(self._grid.voxel_size)).sum())
        power[:, whole:] = power[:, whole - 1 : whole]  # of the corners of the transform alone
        log = ndimage.uniform_filter1d(np.log(power) / 2, _WIDTH, axis=1, mode="nearest")
        for number, shells in enumerate(self._shells):
            used = slice(1, shells + 1)
            ratio = log[number, used] - log[0, used]
            log[number] -= np.polyfit(self._frequency[used] ** 2, ratio, 1)[1]
        return np.asarray(np.exp(log))

    def result(self) -> Alike:
        """What to do, once all maps were seen."""
        amplitude = self._amplitude
        gains = amplitude.min(axis=0) / amplitude
        gains = np.minimum(gains / gains[:, :_LEAST_SHELLS].mean(axis=1, keepdims=True), 1.0)
        notes = [*self._moved(), *self._weakened(gains)]
        return Alike(tuple(self._shifts), self._frequency, gains, tuple(notes))

    def _moved(self) -> list[str]:
        voxel = min(self._grid.voxel_size)
        lengths = [math.dist(shift, (0, 0, 0)) for shift in self._shifts]
        moved = sum(length > 0 for length in lengths)
        if not moved:
            return []
        number = int(np.argmax(lengths))
        x, y, z = self._shifts[number]
        return [
            f"{moved} of {len(lengths)} maps were moved onto {self._names[0]}, most "
            f"{self._names[number]}, by ({x:.1f}, {y:.1f}, {z:.1f}) Å, "
            f"{lengths[number] / voxel:.1f} voxels."
        ]

    def _weakened(self, gains: Values) -> list[str]:
        factors = 1 / gains.min(axis=1)
        number = int(np.argmax(factors))
        if factors[number] < _TOLD:
            return []
        shell = int(np.argmin(gains[number]))
        weakest = self._names[int(np.argmin(self._amplitude[:, shell]))]
        return [
            f"The falloff of {len(factors)} maps was matched to the weakest, most that of "
            f"{self._names[number]}: its amplitudes at {1 / self._frequency[shell]:.1f} Å were "
            f"{factors[number]:.1f} times those of {weakest}."
        ]


class ReadableMaps(Protocol):
    """Maps that can be read one by one, more than once."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[DensityMap]: ...


class AlikeMaps:
    """Several maps of one grid, read one by one and made alike where that is asked for.

    Parameters
    ----------
    maps : ReadableMaps
    align_maps : bool
        Move each map to where it agrees best with the first, to a fraction of a voxel.
    match_falloff : bool
        Weaken each shell of frequencies to the amplitude of the weakest map.

    Raises
    ------
    GridMismatchError
        When a map lies on another grid than the first.
    """

    def __init__(self, maps: ReadableMaps, *, align_maps: bool, match_falloff: bool) -> None:
        self._maps = maps
        self._alike: Alike | None = None
        if len(maps) < 2 or not (align_maps or match_falloff):
            return
        first = next(iter(maps))
        found = AlikeSurvey(first, len(maps), place=align_maps, falloff=match_falloff)
        for number, density in enumerate(maps):
            require_same_grid(first, density, "map")
            found.see(number, density)
        self._alike = found.result()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed, in sentences."""
        return () if self._alike is None else self._alike.notes

    @property
    def shifts(self) -> tuple[Shift, ...]:
        """Vector (x, y, z) in Å by which each map is moved; none where nothing is changed."""
        return () if self._alike is None else self._alike.shifts

    def __len__(self) -> int:
        return len(self._maps)

    def __iter__(self) -> Iterator[DensityMap]:
        return (self.like(number, density) for number, density in enumerate(self._maps))

    def like(self, number: int, other: DensityMap, *, filtered: bool = True) -> DensityMap:
        """Return a map, or what belongs to it voxel by voxel, changed as that is; see `Alike`."""
        alike = self._alike
        return other if alike is None else alike.apply(number, other, filtered=filtered)

    def carry(self, number: int, values: DensityMap) -> DensityMap:
        """Return values that lie on a map, moved as that is; see `carried`."""
        return carried(values, self.shifts[number]) if self.shifts else values


def carried(values: DensityMap, move: Shift) -> DensityMap:
    """Return values that lie on a map, such as its local resolution, moved as the map is.

    By whole voxels: between a value and the zeros beside it, a mean would be no value.

    Parameters
    ----------
    values : DensityMap
    move : tuple of float
        Vector (x, y, z) in Å.
    """
    steps = [int(n) for n in np.rint(np.array(move)[::-1] / values.grid.voxel_size_zyx)]
    return values.with_data(np.roll(values.data, steps, (0, 1, 2))) if any(steps) else values


def _phases(grid: Grid, move: Values) -> list[NDArray[np.complex64]]:
    """Factors along z, y and x that move a map by a vector (x, y, z) in Å."""
    phases = []
    for frequency, step, n in zip(frequencies(grid), move[::-1], grid.shape, strict=True):
        phase = np.exp(-2j * np.pi * frequency * step)
        if n % 2 == 0:
            phase[n // 2] = phase[n // 2].real  # it has no mirror image of the other sign
        phases.append(phase.astype(np.complex64))
    return phases
