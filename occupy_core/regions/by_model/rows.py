"""Rows of the table of a model: what the fits of its regions say, with flags and notes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps.grid import Array, DensityMap
from occupy_core.regions.by_model.atoms import AtomicModel
from occupy_core.regions.by_model.fit import MapFit
from occupy_core.regions.significance import Occupancies, normalise
from occupy_core.regions.table import RegionRow, make_row
from occupy_core.solvent.blank import Blank

Values = NDArray[np.float64]

_BLURRED = 50.0  # [words] Å²
_UNCERTAIN = 0.1  # [words]
_NOT_EXPLAINED = 0.2  # [words] share of the power of the best shells
_ABOVE = 1.05  # [words]
_SHIFT_TOLD = 0.5  # [words] Å
_CUT = 0.05  # [words]
_OUTSIDE = 0.005  # [words]
_UNEXPLAINED = 0.01  # [words] of the volume of the model
_ONE_OR_OTHER = -0.8  # [words] correlation of the errors of regions that cannot be told apart


@dataclass(frozen=True, eq=False)
class Measured:
    """What one map gave: its name, the fit, and two numbers for each region."""

    name: str
    fit: MapFit
    mean_scale: Values
    cut: Values

    @property
    def explains(self) -> bool:
        """Whether the model explains the map in some range of detail."""
        return bool(self.fit.explained.max() >= _NOT_EXPLAINED)


@dataclass(frozen=True, eq=False, kw_only=True)
class ModelRegions:
    """All regions of a model, also those that the maps do not show.

    Parameters
    ----------
    model : AtomicModel
    seen : ndarray of bool, shape (n_regions,)
        Regions that were fitted.
    outside : ndarray of float64, shape (n_regions,)
        Share of the atoms of each that lie outside the map.
    masks : list
        Part of the map that each takes, see `atom_weights`.
    resolution : float
        Highest resolution that was fitted, Å.
    """

    model: AtomicModel
    seen: NDArray[np.bool_]
    outside: Values
    masks: list[tuple[tuple[slice, slice, slice], Array]]
    resolution: float

    def mean_scale(self, scale: DensityMap | None) -> Values:
        """Mean of a scale map over each region; NaN without one."""
        if scale is None:
            return np.full(len(self.masks), math.nan)
        return np.array(
            [
                np.average(scale.data[part], weights=weight) if weight.any() else math.nan
                for part, weight in self.masks
            ]
        )

    def all_of(self, values: Values) -> Values:
        """Values of the fitted regions put among those of all; NaN for the others."""
        full = np.full(len(self.seen), math.nan)
        full[self.seen] = values
        return full

    def occupancies(self, fits: Sequence[MapFit], reference: tuple[int, ...] | None) -> Occupancies:
        """Divide the amplitudes of each map by those of the reference."""
        n = len(self.seen)
        covariances = np.full((len(fits), n, n), math.nan)
        for covariance, fit in zip(covariances, fits, strict=True):
            covariance[np.ix_(self.seen, self.seen)] = fit.covariance
        amplitudes = np.array([self.all_of(fit.amplitude) for fit in fits])
        return normalise(amplitudes, covariances, self.model.n_atoms, reference)

    def blur_above(self, fit: MapFit, members: list[int]) -> tuple[Values, Values]:
        """B-factor of each region above the typical one of the reference, and its error."""
        fitted = np.cumsum(self.seen) - 1
        order = np.argsort(fit.blur[fitted[members]])
        typical = fitted[members[int(order[len(order) // 2])]]
        contrast = np.eye(len(fit.blur))
        contrast[:, typical] -= 1
        variance = np.diag(contrast @ fit.blur_covariance @ contrast.T)
        return self.all_of(contrast @ fit.blur), self.all_of(np.sqrt(np.maximum(variance, 0)))

    def cut_off(self, density: DensityMap, blank: Blank) -> Values:
        """Share of the voxels of each region that were masked away or cut off."""
        shares = [
            np.average(blank.voxels(density.data[part]), weights=weight) if weight.any() else 0.0
            for part, weight in self.masks
        ]
        return np.array(shares)

    def rows(self, seen: Measured, found: Occupancies, i: int) -> Iterator[RegionRow]:
        """Rows of the map number i."""
        sigma = np.hypot(np.sqrt(np.diag(found.covariance[i])), seen.cut)
        if not seen.explains:
            sigma = np.hypot(sigma, 1.0)  # the numbers are those of another molecule
        if self.seen.sum() == 1:
            sigma = np.ones(len(sigma))
        sigma[~self.seen] = math.nan
        blur, blur_sigma = self.blur_above(seen.fit, list(found.members))
        beside = np.nan_to_num(self.all_of(seen.fit.beside))
        blurred = (blur > _BLURRED) & (blur > 2 * blur_sigma) & (found.values[i] > 2 * sigma)
        twins = self.not_told_apart(seen.fit, sigma)
        resolution = max(self.resolution, explained_resolution(seen.fit))
        for j, region in enumerate(self.model.names):
            value, error = float(found.values[i, j]), float(sigma[j])
            flags = ["reference"] if j in found.members else []
            if self.seen.sum() == 1 and self.seen[j]:
                flags.append("nothing to compare with")
            else:
                flags += _value_flags(value, error)
            flags += twins[j]
            if blurred[j]:
                flags.append(
                    f"blurred by B +{blur[j]:.0f} Å² beyond the model: mobile, mixed or misplaced"
                )
            yield make_row(
                seen.name,
                region,
                value,
                error,
                n_voxels=round(float(self.masks[j][1].sum())),
                resolution=resolution,
                mean_scale=float(seen.mean_scale[j]),
                flags=(*flags, *found.flags, *self.circumstances(seen, j)),
                blur=float(blur[j]),
                blur_sigma=float(blur_sigma[j]),
                beside=float(beside[j]),
            )

    def not_told_apart(self, fit: MapFit, sigma: Values) -> list[list[str]]:
        """For each region a flag that names the one it is mixed up with, when there is one."""
        flags: list[list[str]] = [[] for _ in sigma]
        fitted = np.flatnonzero(self.seen)
        spread = np.sqrt(np.maximum(np.diag(fit.covariance), 1e-300))
        for along, error, j in zip(fit.covariance, spread, fitted, strict=True):
            other = int(np.argmin(along / spread))
            if sigma[j] > _UNCERTAIN and along[other] < _ONE_OR_OTHER * error * spread[other]:
                flags[j].append(f"cannot be told from {self.model.names[fitted[other]]}")
        return flags

    def circumstances(self, seen: Measured, j: int) -> list[str]:
        """Flags of what lies around the region number j."""
        flags = []
        if self.outside[j] >= _OUTSIDE:
            flags.append(f"{self.outside[j]:.0%} of its atoms outside the map")
        if self.all_of(seen.fit.beside)[j] > 0:
            flags.append("density without atoms beside it")
        if seen.cut[j] > _CUT:
            flags.append(f"{seen.cut[j]:.0%} of it cut off by a mask")
        if seen.fit.masked:
            flags.append("solvent masked")
        if not seen.explains:
            flags.append("the model does not explain the map")
        return flags


def _value_flags(value: float, sigma: float) -> list[str]:
    """Flags that follow from an occupancy and its standard error."""
    flags = []
    if value < 2 * sigma:
        flags.append("not seen")
    if value - 2 * sigma > _ABOVE:
        flags.append("above the reference")
    if sigma > _UNCERTAIN:
        flags.append("uncertain")
    return flags


def explained_resolution(fit: MapFit) -> float:
    """Finest resolution (Å) of a shell of which the model explains a fifth of the power."""
    told = np.flatnonzero(fit.explained > _NOT_EXPLAINED)
    return float(fit.s2[told[-1]] ** -0.5) if len(told) else math.nan


def map_notes(measured: Sequence[Measured]) -> list[str]:
    """What the fits tell of whole maps."""
    notes = []
    for name, fit in ((m.name, m.fit) for m in measured):
        distance = float(np.linalg.norm(fit.shift))
        if distance > _SHIFT_TOLD:
            x, y, z = fit.shift
            notes.append(
                f"In {name} the model fits best moved by ({x:.1f}, {y:.1f}, {z:.1f}) Å: it was."
            )
        if fit.finest:
            notes.append(
                f"In {name} detail finer than {fit.finest:g} Å is not the same in all regions, as "
                "after a local filter: only coarser detail was used."
            )
        if fit.unexplained > _UNEXPLAINED:
            notes.append(
                f"{name} holds density without atoms, {fit.unexplained:.0%} of the volume of the "
                "model: regions beside it are less certain."
            )
    for seen in measured:
        if not seen.explains:
            notes.append(
                f"The model explains at most {max(seen.fit.explained.max(), 0):.0%} of {seen.name} "
                "in any range of detail: it is another molecule, orientation or hand, and the "
                "numbers mean nothing; fit it to the map first."
            )
    return notes
