"""Whether several maps can be compared: each there once, in register, of one falloff.

A shift of a voxel reads as lost occupancy, a map that is given twice makes chance significant, and
detail that only some maps hold reads as a difference of what they show.
"""

from __future__ import annotations

import hashlib
import math
import threading

from occupy_core.maps.ensemble import Ensemble
from occupy_core.maps.grid import DensityMap
from occupy_core.maps.register import Comparison, SmallMap

_EDGE = 40  # [guard] voxels of the small grids; many maps must not take long
# [guard] voxels; a part that slides moves the best place of a volume by two thirds of one
_LEAST_SHIFT = 0.8
_LEAST_FACTOR = 2.0  # [guard] of amplitudes at the finest detail that two maps share


class MapsCheck:
    """Compares each map with the first; from any number of threads.

    Parameters
    ----------
    first : DensityMap
    place, falloff : bool
        Whether shifts, and differences of falloff, matter to what is to be measured.
    """

    def __init__(self, first: DensityMap, *, place: bool = True, falloff: bool = True) -> None:
        self._name = first.name
        self._voxel = min(first.grid.voxel_size)
        self._length = max(first.grid.box)
        self._falloff = falloff
        self._small = SmallMap.of(first, _EDGE) if place else None
        if self._small is not None:
            self._small.prepare()
        self._lock = threading.Lock()
        self._contents: dict[bytes, list[tuple[int, str]]] = {}
        self._moved: list[tuple[int, str, Comparison]] = []
        self._decayed: list[tuple[int, str, Comparison, float]] = []

    def see(self, number: int, density: DensityMap) -> None:
        """Compare a map; `number` is its place among all."""
        digest = hashlib.blake2b(density.data.data, digest_size=16).digest()
        found = None
        if self._small is not None and number:
            found = self._small.compare(SmallMap.of(density, _EDGE), mirrors=False)
        with self._lock:
            self._contents.setdefault(digest, []).append((number, density.name))
            if found is None:
                return
            if found.is_moved(self._voxel, _LEAST_SHIFT):
                self._moved.append((number, density.name, found))
            factor = math.exp(found.decay * (found.shells / self._length) ** 2 / 4)
            if self._falloff and max(factor, 1 / factor) > _LEAST_FACTOR:  # never for NaN
                self._decayed.append((number, density.name, found, factor))

    def doubts(self) -> list[str]:
        """Return one sentence for each way in which the maps do not compare."""
        found = []
        again = sorted(sorted(group)[:2] for group in self._contents.values() if len(group) > 1)
        copies = sum(len(group) - 1 for group in self._contents.values())
        if again:
            (_, one), (_, other) = again[0]
            found.append(
                f"{other} holds the same density as {one}"
                f"{_more(copies)}; what is there twice counts twice: give each map once."
            )
        if self._moved:
            _, name, match = max(self._moved, key=lambda m: (m[2].moved.distance, -m[0]))
            x, y, z = (-s for s in match.moved.shift)
            found.append(
                f"{name} is not in register with {self._name}{_more(len(self._moved))}: it is "
                f"moved by ({x:.1f}, {y:.1f}, {z:.1f}) Å, "
                f"{match.moved.distance / self._voxel:.1f} voxels; a shift reads as a change of "
                "occupancy: align the maps first."
            )
        if self._decayed:
            _, name, match, factor = max(self._decayed, key=lambda m: (abs(math.log(m[3])), -m[0]))
            finest = self._length / match.shells
            weaker = "weaker" if factor > 1 else "stronger"
            found.append(
                f"The amplitudes of {name} at {finest:.1f} Å are {max(factor, 1 / factor):.1f} "
                f"times {weaker} than those of {self._name}{_more(len(self._decayed))}, as by a "
                f"B-factor of {match.decay:+.0f} Å²: filter the maps alike, or differences of "
                "filters read as differences of occupancy."
            )
        return found


def ensemble_doubts(ensemble: Ensemble, *, falloff: bool = True) -> list[str]:
    """Compare the volumes of an ensemble; return sentences about those that do not compare."""
    check = MapsCheck(ensemble.read(0), falloff=falloff)
    ensemble.for_each(check.see)
    return check.doubts()


def _more(count: int) -> str:
    return f" (and {count - 1} more)" if count > 1 else ""
