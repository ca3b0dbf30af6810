"""Occupancy of the chains, residue windows or ligands of an atomic model in maps.

The density that each region would have at full occupancy is fitted to the map, all regions together
and each with a B-factor of its own; see `docs/regions_method.md`. What a mask or a maximum filter
takes for low occupancy (mobile chains, light atoms, edges, filters, sharpening) does not enter.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from occupy_core.errors import EstimationError, ParameterError
from occupy_core.maps.ensemble_check import MapsCheck
from occupy_core.maps.grid import Array, DensityMap, Grid, require_same_grid
from occupy_core.params import Params
from occupy_core.progress import Progress, report
from occupy_core.regions.by_model.atoms import AtomicModel, Division, read_model
from occupy_core.regions.by_model.fit import ModelInMaps, put_into_maps
from occupy_core.regions.by_model.half_maps import HalfMaps
from occupy_core.regions.by_model.model_density import atom_weights
from occupy_core.regions.by_model.placement import find_placement
from occupy_core.regions.by_model.rows import Measured, ModelRegions, map_notes
from occupy_core.regions.by_model.size_and_hand import size_and_hand_doubts
from occupy_core.regions.significance import region_indices
from occupy_core.regions.table import RegionTable
from occupy_core.solvent.blank import find_blank

Values = NDArray[np.float64]

# [taste: python -m benchmarks.sensitivity regions] Å; finer shells tell atoms from each other, not
# how many there are
_FINEST = 3.0
_MASK_RADIUS = 3.0  # [taste: nothing moved] Å around the atoms of a region
_MOSTLY_OUTSIDE = 0.5  # [taste: nothing moved]


@dataclass(frozen=True, kw_only=True)
class ChainParams(Params):
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
        """Return one sentence for each parameter outside its limits; see `Params`."""
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

    def resolve(self, grid: Grid) -> ChainParams:
        """Return the parameters with the resolution that is wanted; coarse voxels allow less.

        Raises
        ------
        ParameterError
            When a parameter is outside its limits.
        """
        super().resolve(grid)
        return replace(self, resolution=self.resolution or _FINEST)


def chain_occupancy(
    maps: Iterable[DensityMap],
    model: AtomicModel | str | os.PathLike[str],
    params: ChainParams | None = None,
    *,
    half_maps: Iterable[tuple[DensityMap, DensityMap]] | None = None,
    scale_of: Callable[[DensityMap], DensityMap | None] | None = None,
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
    half_maps : iterable of pairs of DensityMap, optional
        Half maps of each map, in their order: where these differ by more than the noise that the
        fit sees, errors are wider.
    scale_of : callable, optional
        Returns the local scale of a map, for the column `mean_scale`; called once for each map, in
        their order.
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
    params = params.resolve(first.grid)
    model = _cut(model, params)
    report(progress, 0.0, "placing the model")
    model, shift, notes = _place(first, model, params.align)
    reference = region_indices(model.names, params.reference)
    notes = (*notes, *size_and_hand_doubts(first, model))
    report(progress, 0.05, "computing the density of the model")
    fitter, regions = _in_view(model, first, params)
    total = len(maps) if isinstance(maps, Sized) else 0
    measured: list[Measured] = []
    check = MapsCheck(first, place=not params.align, falloff=False)  # the fit follows both
    halves = HalfMaps(fitter, half_maps, follow=params.align)
    of_halves: list[str] = []
    for density in chain([first], stream):
        done = len(measured) / max(total, len(measured) + 1)
        report(progress, 0.1 + 0.9 * done, f"fitting {density.name}")
        require_same_grid(first, density, "map")
        check.see(len(measured), density)
        blank = find_blank(density)
        fit = fitter.fit(density, follow=params.align, blank=blank)
        widened = halves.widen(density, fit)
        of_halves += [] if widened.note is None else [widened.note]
        mean_scale = regions.mean_scale(None if scale_of is None else scale_of(density))
        cut = regions.cut_off(density, blank)
        measured.append(Measured(density.name, widened.fit, mean_scale, cut))
    occupancies = regions.occupancies([m.fit for m in measured], reference)
    rows = [row for i, m in enumerate(measured) for row in regions.rows(m, occupancies, i)]
    report(progress, 1.0, "done")
    table = RegionTable(
        rows=tuple(rows),
        maps=tuple(m.name for m in measured),
        regions=model.names,
        reference=tuple(model.names[j] for j in occupancies.members),
        notes=(*check.doubts(), *notes, *occupancies.notes, *map_notes(measured), *of_halves),
        shift=shift,
        grid=first.grid,
    )
    return table.regrouped(occupancies.covariance)


def chain_weights(
    model: AtomicModel, grid: Grid
) -> dict[str, tuple[tuple[slice, slice, slice], Array]]:
    """Where each region of a model lies: part of the grid (z, y, x), and 1 near its atoms there.

    Parameters
    ----------
    model : AtomicModel
        In the frame of the grid.
    grid : Grid
    """
    return {
        region.name: atom_weights(region.positions, grid, radius=_MASK_RADIUS, soft=0.0)
        for region in model.regions
    }


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


def _cut(model: AtomicModel | str | os.PathLike[str], params: ChainParams) -> AtomicModel:
    """Read the model when it is a file."""
    if isinstance(model, AtomicModel):
        return model
    return read_model(
        model,
        by=params.by,
        window=params.window,
        ligands=params.ligands,
        assembly=params.assembly,
    )


def _in_view(
    model: AtomicModel, first: DensityMap, params: ChainParams
) -> tuple[ModelInMaps, ModelRegions]:
    """What is fitted, the regions that lie in the maps, and all regions."""
    outside = _share_outside(model, first.grid)
    seen = outside <= _MOSTLY_OUTSIDE
    if not seen.any():
        raise EstimationError(
            f"The model {model.name} lies outside of {first.name}; move it into the map."
        )
    shown = replace(model, regions=tuple(r for r, s in zip(model.regions, seen, strict=True) if s))
    fitter = put_into_maps(shown, first.grid, params.resolution or _FINEST)
    masks = list(chain_weights(model, first.grid).values())
    return fitter, ModelRegions(
        model=model, seen=seen, outside=outside, masks=masks, resolution=fitter.band.resolution
    )


class _Placed(NamedTuple):
    """A model in the frame of the maps, by how much it was moved (x, y, z, Å), and notes."""

    model: AtomicModel
    shift: tuple[float, float, float]
    notes: tuple[str, ...]


def _place(first: DensityMap, model: AtomicModel, align: bool) -> _Placed:
    """Move the model onto the first map when it clearly lies elsewhere."""
    told = (*model.notes, *model.doubts)
    if not align:
        return _Placed(model, (0.0, 0.0, 0.0), told)
    found = find_placement(first, model)
    if found.dark:
        raise EstimationError(
            f"{first.name} is dark where the model has atoms; invert its contrast."
        )
    if not any(found.shift):
        return _Placed(model, found.shift, told)
    x, y, z = found.shift
    note = (
        f"The model was moved by ({x:.1f}, {y:.1f}, {z:.1f}) Å onto {first.name}: there it "
        f"correlates with {found.correlation:.2f} instead of {found.correlation_before:.2f}."
    )
    return _Placed(model.moved(np.array(found.shift)), found.shift, (*told, note))


def _share_outside(model: AtomicModel, grid: Grid) -> Values:
    """Share of the atoms of each region that lie outside the map."""
    first = np.array(grid.position((0, 0, 0)))
    box = np.array(grid.box)
    shares = []
    for region in model.regions:
        inside = (region.positions > first) & (region.positions < first + box)
        shares.append(1 - inside.all(axis=1).mean())
    return np.array(shares, np.float64)
