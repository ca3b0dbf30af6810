"""Occupancies of regions in maps: the table that masks and models both end in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occupy_core.errors import ParameterError
from occupy_core.maps.grid import Grid
from occupy_core.regions.regroup import Regrouping, regroup
from occupy_core.regions.verdict import judge

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class RegionRow:
    """One region in one map.

    Parameters
    ----------
    map, region : str
        Names.
    occupancy, sigma : float
        Occupancy relative to the reference regions, and its standard error; NaN where the map
        cannot tell.
    low, high : float
        68 % interval, not below 0.
    n_voxels : int
        Voxels of the region (sum of the weights, rounded).
    mean_scale : float
        Mean of the local scale over the region; NaN without a scale map.
    resolution_used : float
        Finest detail that entered the number, Å.
    flags : tuple of str
        What the reader must know about the number, a few words each.
    blur, blur_sigma : float
        B-factor in Å² of the region above that of the reference, fitted, and its standard error;
        NaN for masks.
    beside : float
        Volume of the density without atoms next to the region, relative to its own.
    resolution, resolution_sigma : float
        Mean local resolution of the region in Å, and its standard error; NaN when not measured.
    coarser : float
        By how many standard errors the region is resolved worse than what lies around it.
    """

    map: str
    region: str
    occupancy: float
    sigma: float
    low: float
    high: float
    n_voxels: int
    mean_scale: float
    resolution_used: float
    flags: tuple[str, ...] = ()
    blur: float = math.nan
    blur_sigma: float = math.nan
    beside: float = 0.0
    resolution: float = math.nan
    resolution_sigma: float = math.nan
    coarser: float = math.nan


COLUMNS = (*(f.name for f in fields(RegionRow)), "verdict")


@dataclass(frozen=True, kw_only=True, eq=False)
class RegionTable:
    """Occupancy of every region in every map.

    Parameters
    ----------
    rows : tuple of RegionRow
        Map by map, the regions in the same order in each.
    maps, regions : tuple of str
        Names, in the order of the rows.
    reference : tuple of str
        Regions whose weighted mean is 1 in each map.
    notes : tuple of str
        What holds for the whole table, one sentence each.
    shift : tuple of float
        Vector (x, y, z) in Å by which the model was moved onto the first map.
    grid : Grid
        Grid of the maps.
    regrouping : Regrouping, optional
        Which maps agree in all regions; None for a single map.
    """

    rows: tuple[RegionRow, ...]
    maps: tuple[str, ...]
    regions: tuple[str, ...]
    reference: tuple[str, ...]
    grid: Grid
    notes: tuple[str, ...] = field(default=())
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    regrouping: Regrouping | None = None

    def row(self, map_name: str, region: str) -> RegionRow:
        """Return the row of a region in a map."""
        i, j = self.maps.index(map_name), self.regions.index(region)
        return self.rows[i * len(self.regions) + j]

    @property
    def occupancy(self) -> Values:
        """Occupancies, shape (n_maps, n_regions)."""
        return self._column("occupancy")

    @property
    def sigma(self) -> Values:
        """Standard errors, shape (n_maps, n_regions)."""
        return self._column("sigma")

    def _column(self, name: str) -> Values:
        values = np.array([getattr(row, name) for row in self.rows], np.float64)
        return values.reshape(len(self.maps), len(self.regions))

    def averaged(self, weights: Sequence[float]) -> tuple[RegionRow, ...]:
        """Mean over the maps (classes), weighted with their sizes: one row a region.

        Parameters
        ----------
        weights : sequence of float
            Size of each map's class, in any unit.

        Raises
        ------
        ParameterError
            When the number of weights is not that of the maps, or none is positive.
        """
        if len(weights) != len(self.maps):
            raise ParameterError(
                f"{len(weights)} class sizes are given for {len(self.maps)} maps; give one each."
            )
        share = np.asarray(weights, np.float64)
        if not (np.isfinite(share).all() and share.min() >= 0 and share.sum() > 0):
            raise ParameterError(
                "The class sizes must be numbers of at least 0, not all of them 0."
            )
        share /= share.sum()
        used = share > 0
        mean = share[used] @ self.occupancy[used]
        sigma = np.sqrt(share[used] ** 2 @ self.sigma[used] ** 2)
        first = self.rows[: len(self.regions)]
        return tuple(
            make_row("mean", row.region, float(m), float(s), n_voxels=row.n_voxels,
                     resolution=row.resolution_used)
            for row, m, s in zip(first, mean, sigma, strict=True)
        )  # fmt: skip

    def regrouped(self, covariance: Values) -> RegionTable:
        """The table with the maps that agree in all regions.

        Parameters
        ----------
        covariance : ndarray of float64, shape (n_maps, n_regions, n_regions)
            Covariance of the occupancies of each map. Its correlations are kept and its variances
            are those of the table, which may have grown for other reasons.
        """
        if len(self.maps) < 2:
            return self
        own = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
        factor = self.sigma / np.where(own > 0, own, np.nan)
        spread = covariance * factor[:, :, None] * factor[:, None, :]
        return replace(self, regrouping=regroup(self.maps, self.occupancy, spread))

    def only(self, wanted: Sequence[str]) -> RegionTable:
        """The table of some regions, in the order of this one.

        Parameters
        ----------
        wanted : sequence of str
            Regions, or chains: a chain stands for all its windows and ligands too.

        Raises
        ------
        ParameterError
            When there is no such region.
        """
        regions = chosen_regions(self.regions, wanted)
        rows = tuple(row for row in self.rows if row.region in regions)
        return replace(self, rows=rows, regions=regions)

    def record(self) -> dict[str, Any]:
        """The table as plain values, NaN as None; `from_record` reads it."""
        return {
            "grid": {"shape": self.grid.shape, "voxel_size": self.grid.voxel_size},
            "table": [plain_row(row) | {"verdict": judge(row)} for row in self.rows],
            "reference": list(self.reference),
            "notes": list(self.notes),
            "model_shift": list(self.shift),
            "regrouping": None if self.regrouping is None else self.regrouping.record(),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> RegionTable:
        """Make a table of what a record holds."""
        rows = tuple(_row_from(values) for values in record["table"])
        x, y, z = record["model_shift"]
        grouped = record.get("regrouping")  # records made before have none
        nz, ny, nx = record["grid"]["shape"]
        dx, dy, dz = record["grid"]["voxel_size"]
        return cls(
            rows=rows,
            maps=tuple(dict.fromkeys(row.map for row in rows)),
            regions=tuple(dict.fromkeys(row.region for row in rows)),
            reference=tuple(record["reference"]),
            notes=tuple(record["notes"]),
            shift=(x, y, z),
            grid=Grid((nz, ny, nx), (dx, dy, dz)),
            regrouping=None if grouped is None else Regrouping.from_record(grouped),
        )


def make_row(
    map_name: str,
    region: str,
    occupancy: float,
    sigma: float,
    *,
    n_voxels: int,
    resolution: float,
    mean_scale: float = math.nan,
    flags: tuple[str, ...] = (),
    blur: float = math.nan,
    blur_sigma: float = math.nan,
    beside: float = 0.0,
) -> RegionRow:
    """Make a row; its interval is one standard error wide on each side, cut off at 0."""
    return RegionRow(
        map=map_name,
        region=region,
        occupancy=occupancy,
        sigma=sigma,
        low=occupancy if math.isnan(occupancy) else max(occupancy - sigma, 0.0),
        high=occupancy + sigma,
        n_voxels=n_voxels,
        mean_scale=mean_scale,
        resolution_used=resolution,
        flags=flags,
        blur=blur,
        blur_sigma=blur_sigma,
        beside=beside,
    )


def plain_row(row: Any) -> dict[str, Any]:
    """A row (a dataclass) as plain values: NaN and infinity become None."""
    return {name: _plain(value) for name, value in asdict(row).items()}


def _row_from(values: Mapping[str, Any]) -> RegionRow:
    given: dict[str, Any] = {
        name: math.nan if value is None else value
        for name, value in values.items()
        if name != "verdict"  # which follows from the others
    }
    given["flags"] = tuple(values["flags"])
    return RegionRow(**given)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return list(value) if isinstance(value, tuple) else value


def listed(names: Sequence[str], most: int = 20) -> str:
    """Names for a message, the first of many."""
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def chosen_regions(regions: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """Those of the regions that are wanted, by their own name or that of their chain.

    Raises
    ------
    ParameterError
        When there is no such region.
    """
    of_chain = {name: _chain_of(name) for name in regions}
    unknown = [w for w in wanted if w not in of_chain and w not in of_chain.values()]
    if unknown:
        raise ParameterError(
            f"'{unknown[0]}' is no chain or region; give some of {listed(regions)}."
        )
    return tuple(r for r, chain in of_chain.items() if r in wanted or chain in wanted)


def _chain_of(region: str) -> str:
    """Chain of a window ("A:1-20") or ligand ("A/HEM 201")."""
    return region.partition("/")[0].partition(":")[0]
