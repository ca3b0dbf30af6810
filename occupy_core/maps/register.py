"""Whether two maps show the same at the same place: hand, shift and falloff of one to the other.

Both maps are cropped in Fourier space to a small grid and compared shell by shell, to where they
agree in any way: as they are, moved, or as a mirror image. Shells are whitened, so that filters and
sharpening do not matter; shifts are searched by phase correlation [1]_ weighted by 1/|k|.

References
----------
.. [1] Kuglin & Hines (1975), Proc. IEEE Int. Conf. Cybernetics and Society, 163.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from occupy_core.errors import EstimationError, OccupyWarning
from occupy_core.maps.fourier import frequencies, resample
from occupy_core.maps.grid import DensityMap, Grid, require_same_grid

Values = NDArray[np.float64]
Spectrum = NDArray[np.complex64]
Shift = tuple[float, float, float]

_NEWTON_STEPS = 5  # [machine] two do, from the vertex of a parabola
_EDGE = 72  # [guard] voxels of the small grid: 6 Å in a box of 200 Å, and 20 ms
_AGREE = 0.3  # [guard] FSC; shells count as far as one way of comparing reaches it
_LEAST_SHELLS = 4  # [taste: not swept]
_DECAY_SHELLS, _DECAY_SIGMAS = 10, 5.0  # [guard] of a falloff that is told
_MIRRORS = ((), (2,), (1,), (0,), (0, 1, 2))  # axes that are turned round: none, x, y, z, all
MIRROR_NAMES = {(2,): "along x", (1,): "along y", (0,): "along z", (0, 1, 2): "through its centre"}
_CLEARLY = 0.1  # [guard] by which the mean FSC of a mirror image must be higher
_FOUND = 0.5  # [guard] mean FSC where two maps show the same; chance gives 0.4 in four shells
_MOVED = 0.5  # [taste: not swept] voxels; beyond it, maps are not in register
_BETTER = 0.005  # [guard] by which the mean FSC must rise where one of the maps is moved
_OTHER = 0.5  # [guard] of the agreement of the halves with each other; that with the map is higher


@dataclass(frozen=True)
class Match:
    """How well one map agrees with another when it is turned round and moved.

    Parameters
    ----------
    mirror : tuple of int
        Axes (z, y, x are 0, 1, 2) along which the other map is turned round first.
    shift : tuple of float
        Vector (x, y, z) in Å by which the other map is then to be moved.
    fsc : ndarray of float64, shape (n_shells,)
        Correlation in shells 1, 2, … of the small grid, after both.
    """

    mirror: tuple[int, ...]
    shift: Shift
    fsc: Values

    @property
    def distance(self) -> float:
        """Length of the shift, Å."""
        return float(np.linalg.norm(self.shift))

    def mean(self, shells: int) -> float:
        """Mean FSC of the first shells."""
        return float(self.fsc[:shells].mean())


@dataclass(frozen=True, eq=False, kw_only=True)
class Comparison:
    """One map beside another.

    Parameters
    ----------
    here : Match
        As they are.
    moved : Match
        Moved to where they agree best.
    mirrored : Match
        The best mirror image, moved.
    shells : int
        How many shells agree in one of these ways.
    decay : float
        B-factor in Å² by which the other map falls off faster; 0 where that is not sure, NaN with
        too few shells.
    length : float
        Longest edge of the box, Å; shell n is at n over that.
    """

    here: Match
    moved: Match
    mirrored: Match
    shells: int
    decay: float
    length: float

    @property
    def ways(self) -> tuple[Match, Match, Match]:
        """All three matches."""
        return self.here, self.moved, self.mirrored

    @property
    def is_mirrored(self) -> bool:
        """Whether the maps are of opposite hand."""
        best = max(self.moved.mean(self.shells), self.here.mean(self.shells))
        found = self.mirrored.mean(self.shells)
        return self.shells > _LEAST_SHELLS and found > max(best + _CLEARLY, _FOUND)

    def is_moved(self, voxel: float, least: float = _MOVED) -> bool:
        """Whether the maps are more than `least` voxels (of `voxel` Å) out of register."""
        found = self.moved.mean(self.shells)
        better = found > max(self.here.mean(self.shells) + _BETTER, _FOUND)
        better = better and self.shells > _LEAST_SHELLS  # of fewer, chance makes as much
        # A map that is moved by d correlates by sinc(2 s d) less; one that lacks parts does not.
        shells = np.arange(1, self.shells + 1)
        decline = np.sinc(2 * shells / self.length * self.moved.distance)
        expected = float((self.moved.fsc[: self.shells] * decline).mean())
        better = better and self.here.mean(self.shells) < (found + expected) / 2
        return better and self.moved.distance > least * voxel


@dataclass(frozen=True, eq=False)
class SmallMap:
    """A map on a small grid and its transform, for many comparisons."""

    density: DensityMap

    @classmethod
    def of(cls, density: DensityMap, edge: int = _EDGE) -> SmallMap:
        """Crop a map to at most `edge` voxels along its longest edge."""
        longest = max(density.grid.box)
        nz, ny, nx = (
            min(n, max(8, round(edge * length / longest)))
            for n, length in zip(density.grid.shape, reversed(density.grid.box), strict=True)
        )
        return cls(resample(density, (nz, ny, nx)))

    @property
    def _shells(self) -> tuple[NDArray[np.int64], Values]:
        return _shells_of(self.density.grid)

    def _per_shell(self, values: NDArray[Any]) -> Values:
        """Sum over the shells 1, 2, …."""
        shell, twice = self._shells
        return np.asarray(np.bincount(shell.ravel(), (values * twice).ravel())[1:], np.float64)

    @cached_property
    def spectrum(self) -> Spectrum:
        """Transform of the map, its mean taken off."""
        data = self.density.data - np.float32(self.density.data.mean(dtype=np.float64))
        return np.asarray(fft.rfftn(data), np.complex64)

    @cached_property
    def counts(self) -> Values:
        """Coefficients of the whole transform in the shells 1, 2, …."""
        return self._per_shell(np.ones(self._shells[0].shape))

    @cached_property
    def power(self) -> Values:
        """Power of the shells 1, 2, …."""
        return self._per_shell(np.abs(self.spectrum.astype(np.complex128)) ** 2)

    @cached_property
    def white(self) -> Spectrum:
        """Transform with equal power in all shells; shells without power stay empty."""
        shell, _ = self._shells
        empty = self.power <= 1e-12 * self.power.max(initial=0.0)
        gain = np.sqrt(self.counts / np.where(empty, np.inf, self.power))
        return np.asarray(self.spectrum * np.concatenate([[0.0], gain])[shell], np.complex64)

    def prepare(self) -> None:
        """Make what comparisons need, before threads ask for it."""
        _ = self.white

    def mirrored(self, axes: tuple[int, ...]) -> SmallMap:
        """Turn the map round along some axes, voxel 0 staying first."""
        return SmallMap(self.density.with_data(np.flip(self.density.data, axes)))

    def match(self, other: SmallMap, mirror: tuple[int, ...] = (), *, move: bool = True) -> Match:
        """Compare with another map, mirrored and moved to where it agrees best."""
        turned = other.mirrored(mirror) if mirror else other
        return self._matched(self.white * turned.white.conj(), mirror, move=move)

    def _matched(
        self, product: Spectrum, mirror: tuple[int, ...] = (), *, move: bool = True
    ) -> Match:
        shift = self._best_shift(product) if move else np.zeros(3)
        z, y, x = (float(s) for s in shift * np.array(self.density.grid.voxel_size_zyx))
        return Match(mirror, (x, y, z), self._fsc(product, shift))

    def place_of(self, other: SmallMap) -> Match:
        """Compare with another map, moved to where it agrees best: to a hundredth of a voxel."""
        found = self.match(other)
        shells = max(_LEAST_SHELLS, agreeing_shells(found.fsc))
        product = self.white * other.white.conj()
        shell, twice = self._shells
        used = (shell > 0) & (shell <= shells)
        values, counts = product[used].astype(np.complex128), twice[used]
        grid = self.density.grid
        z, y, x = (f.astype(np.float64) for f in frequencies(grid))
        at = np.nonzero(used)
        wave = 2 * np.pi * np.stack([x[at[2]], y[at[1]], z[at[0]]])
        shift, voxel = np.array(found.shift), min(grid.voxel_size)
        for _ in range(_NEWTON_STEPS):
            turned = counts * values * np.exp(1j * (shift @ wave))
            curvature = (wave * turned.real) @ wave.T
            if np.linalg.eigvalsh(curvature)[0] <= 0:
                return found
            step = -np.linalg.solve(curvature, wave @ turned.imag)
            shift += step * min(1.0, voxel / max(float(np.linalg.norm(step)), 1e-9))
        if np.linalg.norm(shift - found.shift) > voxel:
            return found
        zyx = shift[::-1] / np.array(grid.voxel_size_zyx)
        x1, y1, z1 = (float(s) for s in shift)
        refined = Match((), (x1, y1, z1), self._fsc(product, zyx))
        return refined if refined.mean(shells) > found.mean(shells) else found

    def _best_shift(self, product: Spectrum) -> Values:
        """Shift (z, y, x) in voxels that brings two maps into register, to a fraction of one."""
        shell, _ = self._shells
        weight = np.concatenate([[0.0], 1 / np.arange(1, int(shell.max()) + 1)])
        correlation = fft.irfftn(product * weight[shell], self.density.grid.shape)
        peak = np.unravel_index(int(np.argmax(correlation)), correlation.shape)
        vertex = peak_vertex(correlation, peak)
        n = np.array(correlation.shape)
        return np.asarray((vertex + n // 2) % n - n // 2)

    def _fsc(self, product: Spectrum, shift: Values) -> Values:
        shape = self.density.grid.shape
        phases = [
            np.exp(-2j * np.pi * fft.fftfreq(n) * s) for n, s in zip(shape, shift, strict=True)
        ]
        phases[2] = np.exp(-2j * np.pi * fft.rfftfreq(shape[2]) * shift[2])
        turned = product * phases[0][:, None, None].conj() * phases[1][:, None].conj()
        return self._per_shell((turned * phases[2].conj()).real) / np.maximum(self.counts, 1)

    def compare(self, other: SmallMap, *, mirrors: bool = True) -> Comparison:
        """Compare with another map on the same grid in every way."""
        product = self.white * other.white.conj()
        here, moved = self._matched(product, move=False), self._matched(product)
        turned = [self.match(other, mirror) for mirror in _MIRRORS[1:]] if mirrors else [here]
        ways = (here, moved, *turned)
        shells = max(_LEAST_SHELLS, *(agreeing_shells(match.fsc) for match in ways))
        mirrored = max(turned, key=lambda match: match.mean(shells))
        decay, length = self._decay(other, shells), max(self.density.grid.box)
        return Comparison(
            here=here, moved=moved, mirrored=mirrored, shells=shells, decay=decay, length=length
        )

    def _decay(self, other: SmallMap, shells: int) -> float:
        """B-factor (Å²) by which the power of the other map falls faster over the shells."""
        used = slice(1, shells)  # the first shell holds the shape of a mask
        s = np.arange(1, len(self.power) + 1)[used] / max(self.density.grid.box)
        a, b = self.power[used], other.power[used]
        sound = (a > 1e-12 * a.max(initial=0.0)) & (b > 1e-12 * b.max(initial=0.0))
        if np.count_nonzero(sound) < _DECAY_SHELLS:
            return float("nan")
        x, y = s[sound] ** 2, np.log(a[sound] / b[sound])
        (slope, _), spread = np.polyfit(x, y, 1, w=np.sqrt(s[sound]), cov=True)
        # Parts that come and go change the power of shells too, but not steadily.
        sure = abs(slope) > _DECAY_SIGMAS * np.sqrt(spread[0, 0])
        return 2 * float(slope) if sure else 0.0  # power falls by exp(-B s²/2)


@lru_cache(maxsize=4)
def _shells_of(grid: Grid) -> tuple[NDArray[np.int64], Values]:
    """Shell of each coefficient (0 for those not used), and how often each counts."""
    nx, f = grid.shape[2], frequencies(grid)
    k = np.sqrt(f[0][:, None, None] ** 2 + f[1][:, None] ** 2 + f[2] ** 2)
    step = 1 / max(grid.box)
    shell = np.rint(k / step).astype(np.int64)
    shell[k > 0.5 / max(grid.voxel_size)] = 0
    twice = np.full(k.shape, 2.0)
    twice[..., 0] = 1
    if nx % 2 == 0:
        twice[..., -1] = 1
    return shell, twice


def agreeing_shells(fsc: Values) -> int:
    """Return the number of shells before a curve, smoothed over three, falls below 0.3."""
    smooth = np.convolve(np.pad(fsc, 1, "edge"), np.full(3, 1 / 3), "valid")
    below = np.flatnonzero(smooth < _AGREE)
    return int(below[0]) if len(below) else len(fsc)


def peak_vertex(values: NDArray[Any], peak: Sequence[Any]) -> Values:
    """Index (z, y, x) of a peak to a fraction of a voxel: vertex of a parabola along each axis.

    The axes are periodic.
    """
    vertex = np.array(peak, np.float64)
    for axis, n in enumerate(values.shape):
        line = np.moveaxis(values, axis, -1)[tuple(p for a, p in enumerate(peak) if a != axis)]
        before, here, after = (float(line[(peak[axis] + i) % n]) for i in (-1, 0, 1))
        curvature = before - 2 * here + after
        if curvature < 0:
            vertex[axis] += 0.5 * (before - after) / curvature
    return vertex


def require_halves_of(density: DensityMap, halves: tuple[DensityMap, DensityMap]) -> None:
    """Raise when two half maps are not the halves of a map.

    Parameters
    ----------
    density : DensityMap
        The map, sharpened, masked or filtered; may be the mean of the halves.
    halves : tuple of DensityMap
        On its grid.

    Raises
    ------
    EstimationError
        When a half map is a mirror image of the map, or lies a voxel and more elsewhere.
    GridMismatchError
        When a half map lies on another grid.

    Warns
    -----
    OccupyWarning
        When a half map lies elsewhere by less, or they agree less with the map than with each
        other, as those of another particle do.
    """
    for i, half in enumerate(halves, start=1):
        require_same_grid(density, half, f"half map {i}")
    first, second = (SmallMap.of(half) for half in halves)
    voxel = min(halves[0].grid.voxel_size)
    _require_match(first.compare(second), halves[1].name, halves[0].name, voxel)
    whole = SmallMap.of(density)
    own = first.match(second, move=False).fsc
    for half, small in zip(halves, (first, second), strict=True):
        comparison = whole.compare(small)
        shells = max(_LEAST_SHELLS, agreeing_shells(own))
        expected = float(own[:shells].mean())
        found = max(way.mean(shells) for way in comparison.ways)
        if found > _OTHER * expected:
            _require_match(comparison, half.name, density.name, voxel)
        elif expected > _AGREE:
            warnings.warn(
                f"{half.name} is no half of {density.name}: their correlation is {found:.2f} where "
                f"that of the two half maps is {expected:.2f}; give the halves from which that was "
                "made.",
                OccupyWarning,
                stacklevel=3,
            )
            return


def _require_match(found: Comparison, name: str, of: str, voxel: float) -> None:
    """Raise or warn when one map is a mirror image of another, or moved."""
    shells = found.shells
    before = found.here.mean(shells)
    if found.is_mirrored:
        raise EstimationError(
            f"{name} is a mirror image of {of}: flipped {MIRROR_NAMES[found.mirrored.mirror]} it "
            f"correlates with {found.mirrored.mean(shells):.2f} instead of {before:.2f}; give half "
            "maps of the hand of the map."
        )
    if not found.is_moved(voxel):
        return
    x, y, z = (-s for s in found.moved.shift)
    message = (
        f"{name} is moved by ({x:.1f}, {y:.1f}, {z:.1f}) Å, {found.moved.distance / voxel:.1f} "
        f"voxels, against {of}: moved back it correlates with {found.moved.mean(shells):.2f} "
        f"instead of {before:.2f}"
    )
    if found.moved.distance >= voxel * (1 - 0.1):
        raise EstimationError(f"{message}; give half maps in the frame of the map.")
    warnings.warn(f"{message}.", OccupyWarning, stacklevel=4)
