"""Occupancies of regions in maps: the table that masks and models both end in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from occupy_core.errors import ParameterError

Values = NDArray[np.float64]


@dataclass(frozen=True)
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
    blur : float
        B-factor in Å² of the region above that of the reference, fitted; NaN for masks.
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


COLUMNS = tuple(f.name for f in fields(RegionRow))


@dataclass(frozen=True, eq=False)
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
    """

    rows: tuple[RegionRow, ...]
    maps: tuple[str, ...]
    regions: tuple[str, ...]
    reference: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())

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

    def csv(self) -> str:
        """The rows as comma-separated values with a header, flags joined by semicolons."""
        lines = [",".join(COLUMNS)]
        for row in self.rows:
            lines.append(",".join(_cell(getattr(row, name)) for name in COLUMNS))
        return "\n".join(lines) + "\n"


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
    )


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4g}"
    text = "; ".join(value) if isinstance(value, tuple) else str(value)
    return f'"{text.replace(chr(34), chr(39))}"' if any(c in text for c in ',";\n') else text
