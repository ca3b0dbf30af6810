"""Occupancy of the chains, residue windows or ligands of an atomic model in maps.

The density that each region would have at full occupancy is fitted to the map, all regions together
and each with a B-factor of its own; see `docs/regions_method.md`. What a mask or a maximum filter
takes for low occupancy (mobile chains, light atoms, edges, filters, sharpening) does not enter.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass, replace
from itertools import chain, repeat

import numpy as np
from numpy.typing import NDArray

from occupy_core.errors import EstimationError, ParameterError
from occupy_core.maps.grid import Array, DensityMap, Grid, require_same_grid
from occupy_core.progress import Progress, report
from occupy_core.regions.atoms import AtomicModel, Division, read_model
from occupy_core.regions.map_fit import MapFit, put_into_maps
from occupy_core.regions.model_density import atom_weights
from occupy_core.regions.placement import find_placement
from occupy_core.regions.significance import Occupancies, normalise, region_indices
from occupy_core.regions.table import RegionRow, RegionTable, make_row

Values = NDArray[np.float64]

_FINEST = 3.0  # Å; finer shells tell atoms from each other, not how many there are
_MASK_RADIUS = 3.0  # Å around the atoms of a region
_MOSTLY_OUTSIDE = 0.5
_BLURRED = 50.0  # Å²
_UNCERTAIN = 0.1
_NOT_EXPLAINED = 0.2  # share of the power of the best shells
_ABOVE = 1.05
_SHIFT_TOLD = 0.5  # Å
_CUT = 0.05
_UNEXPLAINED = 0.01  # of the volume of the model


@dataclass(frozen=True)
class ChainParams:
    """How a model is cut into regions and fitted.

    Parameters
    ----------
    by : {"chain", "residues"}
        One number for each chain, or for each window of residues.
    window : int
        Residues of a window.
    ligands : bool
        Make each ligand a region of its own.
    assembly : str, optional
        Biological assembly to be built first.
    reference : str, optional
        Regions that are full, comma-separated; None chooses the highest level that a tenth of the
        model shares in every map.
    resolution : float, optional
        Highest resolution used in Å; None means 3 Å or the Nyquist frequency. It need not be that
        of the map: shells without signal do not count.
    align : bool
        Look for the translation that puts the model onto the first map, and follow small shifts in
        each.
    """

    by: Division = "chain"
    window: int = 20
    ligands: bool = False
    assembly: str | None = None
    reference: str | None = None
    resolution: float | None = None
    align: bool = True

    def problems(self, grid: Grid | None = None) -> list[str]:
        """Return what is wrong with the parameters, one sentence each."""
        found = []
        if self.by not in ("chain", "residues"):
            found.append(f"Regions are made by '{self.by}' but must be by chain or residues.")
        if self.window < 3:
            found.append(f"The window is {self.window} residues but must be at least 3.")
        if self.resolution is not None and not 1 <= self.resolution <= 20:
            found.append(f"The resolution is {self.resolution} Å but must be between 1 and 20 Å.")
        elif self.resolution is not None and grid is not None:
            nyquist = 2 * max(grid.voxel_size)
            if self.resolution < nyquist:
                found.append(
                    f"The resolution is {self.resolution:g} Å but the voxels of the map allow "
                    f"{nyquist:.2f} Å at best."
                )
        return found


def chain_occupancy(
    maps: Iterable[DensityMap],
    model: AtomicModel | str | os.PathLike[str],
    params: ChainParams | None = None,
    *,
    scales: Iterable[DensityMap | None] | None = None,
    progress: Progress | None = None,
) -> RegionTable:
    """Measure the occupancy of the regions of a model in one or more maps.

    Parameters
    ----------
    maps : iterable of DensityMap
        Maps of one grid, such as the classes of a classification; read one by one, so that a
        generator keeps only one in memory. A sequence tells the progress how many there are.
    model : AtomicModel or path
        Model in the frame of the maps.
    params : ChainParams, optional
    scales : iterable of DensityMap, optional
        Local scale of each map, for the column `mean_scale`.
    progress : Progress, optional

    Returns
    -------
    RegionTable
        Occupancies relative to the reference regions, with standard errors and flags.

    Raises
    ------
    ParameterError
        When a parameter is out of its limits, the model cannot be read or there is no map.
    GridMismatchError
        When the maps do not lie on one grid.
    EstimationError
        When the model does not lie in the maps or the reference has no density.

    Notes
    -----
    Amplitudes of a map are relative, so each map is divided by the same reference regions: a
    region that is full in every class makes the classes comparable whatever their filters.
    """
    params = params or ChainParams()
    stream = iter(maps)
    first = next(stream, None)
    if first is None:
        raise ParameterError("No map is given; name at least one.")
    problems = params.problems(first.grid)
    if problems:
        raise ParameterError(*problems)
    if not isinstance(model, AtomicModel):
        model = read_model(
            model,
            by=params.by,
            window=params.window,
            ligands=params.ligands,
            assembly=params.assembly,
        )
    report(progress, 0.0, "placing the model")
    model, shift, notes = _place(first, model, params.align)
    reference = region_indices(model.names, params.reference)
    outside = _share_outside(model, first.grid)
    seen = outside <= _MOSTLY_OUTSIDE
    if not seen.any():
        raise EstimationError(
            f"The model {model.name} lies outside of {first.name}; move it into the map."
        )
    report(progress, 0.05, "computing the density of the model")
    shown = replace(model, regions=tuple(r for r, s in zip(model.regions, seen, strict=True) if s))
    fitter = put_into_maps(shown, first.grid, params.resolution or _FINEST)
    masks = [
        atom_weights(region.positions, first.grid, radius=_MASK_RADIUS, soft=0.0)
        for region in model.regions
    ]
    regions = _Regions(model, seen, outside, masks, fitter.band.resolution)
    total = len(maps) if isinstance(maps, Sized) else 0
    measured: list[_Measured] = []
    each_scale = repeat(None) if scales is None else scales
    for density, scale in zip(chain([first], stream), each_scale, strict=False):
        done = len(measured) / max(total, len(measured) + 1)
        report(progress, 0.1 + 0.9 * done, f"fitting {density.name}")
        require_same_grid(first, density, "map")
        fit = fitter.fit(density, follow=params.align)
        measured.append(
            _Measured(density.name, fit, regions.mean_scale(scale), regions.cut_off(density))
        )
    occupancies = regions.occupancies([m.fit for m in measured], reference)
    rows = [row for i, m in enumerate(measured) for row in regions.rows(m, occupancies, i)]
    report(progress, 1.0, "done")
    return RegionTable(
        rows=tuple(rows),
        maps=tuple(m.name for m in measured),
        regions=model.names,
        reference=tuple(model.names[j] for j in occupancies.members),
        notes=(*notes, *occupancies.notes, *_map_notes(measured)),
        shift=shift,
    )


def chain_masks(
    model: AtomicModel, grid: Grid, *, radius: float = _MASK_RADIUS, soft: float = 6.0
) -> Iterator[DensityMap]:
    """Yield a soft mask of each region, for focused classification or subtraction.

    Parameters
    ----------
    model : AtomicModel
        In the frame of the grid.
    grid : Grid
    radius, soft : float
        The mask is 1 up to `radius` Å from the atoms and falls to 0 over `soft` Å.
    """
    for region in model.regions:
        slices, weight = atom_weights(region.positions, grid, radius=radius, soft=soft)
        data = np.zeros(grid.shape, np.float32)
        data[slices] = weight
        yield DensityMap(data, grid, region.name)


@dataclass(frozen=True, eq=False)
class _Measured:
    """What one map gave: its name, the fit, and two numbers for each region."""

    name: str
    fit: MapFit
    mean_scale: Values
    cut: Values


@dataclass(frozen=True, eq=False)
class _Regions:
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

    def cut_off(self, density: DensityMap) -> Values:
        """Share of the voxels of each region that a mask has set to zero."""
        shares = [
            np.average(density.data[part] == 0, weights=weight) if weight.any() else 0.0
            for part, weight in self.masks
        ]
        return np.array(shares)

    def rows(self, seen: _Measured, found: Occupancies, i: int) -> Iterator[RegionRow]:
        """Rows of the map number i."""
        fit = seen.fit
        sigma = np.sqrt(np.diag(found.covariance[i]))
        members = list(found.members)
        blur, blur_sigma = self.blur_above(fit, members)
        beside = self.all_of(fit.beside.astype(np.float64)) == 1
        resolution = max(self.resolution, explained_resolution(fit))
        alone = int(self.seen.sum()) == 1
        for j, region in enumerate(self.model.names):
            value = float(found.values[i, j])
            error = math.hypot(float(sigma[j]), float(seen.cut[j]))
            flags = _value_flags(value, error)
            if alone and self.seen[j]:
                error, flags = 1.0, ["nothing to compare with"]
            if j in members:
                flags.insert(0, "reference")
            flags += found.flags
            if self.outside[j] > 0:
                flags.append(f"{self.outside[j]:.0%} of its atoms outside the map")
            if blur[j] > max(_BLURRED, 2 * blur_sigma[j]) and value > 2 * error:
                flags.append(
                    f"blurred by B +{blur[j]:.0f} Å² beyond the model: mobile, mixed or misplaced"
                )
            if beside[j]:
                flags.append("density without atoms beside it")
            if seen.cut[j] > _CUT:
                flags.append(f"{seen.cut[j]:.0%} of it cut off by a mask")
            if fit.masked:
                flags.append("solvent masked")
            if fit.explained.max() < _NOT_EXPLAINED:
                flags.append("the model does not explain the map")
            yield make_row(
                seen.name,
                region,
                value,
                error if self.seen[j] else math.nan,
                n_voxels=round(float(self.masks[j][1].sum())),
                resolution=resolution,
                mean_scale=float(seen.mean_scale[j]),
                flags=tuple(flags),
                blur=float(blur[j]),
            )


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


def _place(
    first: DensityMap, model: AtomicModel, align: bool
) -> tuple[AtomicModel, tuple[float, float, float], tuple[str, ...]]:
    """Move the model onto the first map when it clearly lies elsewhere: model, shift and notes."""
    if not align:
        return model, (0.0, 0.0, 0.0), model.notes
    found = find_placement(first, model)
    if not any(found.shift):
        return model, found.shift, model.notes
    x, y, z = found.shift
    note = (
        f"The model was moved by ({x:.1f}, {y:.1f}, {z:.1f}) Å onto {first.name}: there it "
        f"correlates with {found.correlation:.2f} instead of {found.correlation_before:.2f}."
    )
    return model.moved(np.array(found.shift)), found.shift, (*model.notes, note)


def _share_outside(model: AtomicModel, grid: Grid) -> Values:
    """Share of the atoms of each region that lie outside the map."""
    first = np.array(grid.position((0, 0, 0)))
    box = np.array(grid.box)
    shares = []
    for region in model.regions:
        inside = (region.positions > first) & (region.positions < first + box)
        shares.append(1 - inside.all(axis=1).mean())
    return np.array(shares, np.float64)


def explained_resolution(fit: MapFit) -> float:
    """Finest resolution (Å) of a shell of which the model explains a fifth of the power."""
    told = np.flatnonzero(fit.explained > _NOT_EXPLAINED)
    return float(fit.s2[told[-1]] ** -0.5) if len(told) else math.nan


def _map_notes(measured: Sequence[_Measured]) -> list[str]:
    """What the fits tell of whole maps."""
    notes = []
    for name, fit in ((m.name, m.fit) for m in measured):
        distance = float(np.linalg.norm(fit.shift))
        if distance > _SHIFT_TOLD:
            x, y, z = fit.shift
            notes.append(
                f"In {name} the model fits best moved by ({x:.1f}, {y:.1f}, {z:.1f}) Å: it was."
            )
        if fit.unexplained > _UNEXPLAINED:
            notes.append(
                f"{name} holds density without atoms, {fit.unexplained:.0%} of the volume of the "
                "model: regions beside it are less certain."
            )
    return notes
