"""Parameters and results of the resolution estimate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from occupy_core.maps import Array, DensityMap, Grid, Mask
from occupy_core.params import Params
from occupy_core.resolution.large_voxels import unit_of
from occupy_core.resolution.measure.bands import WINDOW
from occupy_core.resolution.measure.prior_processing import MapState
from occupy_core.resolution.read.global_resolution import GlobalResolution

_SMALLEST_WINDOW, _LARGEST_WINDOW = 2.0, 50.0  # [guard] Å
_WINDOWS = 4  # [guard] standard deviations of a window that an edge of the box must hold


@dataclass(frozen=True)
class ResolutionParams(Params):
    """How the resolution is estimated.

    Parameters
    ----------
    window : float or None
        Standard deviation of the Gaussian window in which the resolution is local, Å. None: 5 Å,
        more for maps that hold nothing finer than 7 Å. A larger window is less noisy and blurs.
    second_opinion : bool
        Whether the monogenic estimate is made beside the first.
    filter : bool
        Whether the map (and the half maps) low-passed to the local resolution are made.
    background : float
        Value of the resolution maps outside the mask.
    """

    window: float | None = None
    second_opinion: bool = True
    filter: bool = False
    background: float = 0.0

    def problems(self, grid: Grid | None = None) -> list[str]:
        """Return one sentence for each parameter outside its limits; see `Params`."""
        found = []
        unit = 1.0 if grid is None else unit_of(grid)
        if self.window is not None:
            least = _SMALLEST_WINDOW if grid is None else max(grid.voxel_size)
            # Without a grid the largest voxels are not known, so only the form can be checked.
            most = np.inf if grid is None else _LARGEST_WINDOW * unit
            if not least <= self.window <= most:
                found.append(
                    f"The window is {self.window:g} Å but must lie between {least:g} and "
                    f"{_LARGEST_WINDOW * unit:g} Å; leave it out to have it derived from the map."
                )
        window = WINDOW * unit if self.window is None else self.window
        if not found and grid is not None and min(grid.box) < _WINDOWS * window:
            found.append(
                f"The box is {min(grid.box):.3g} Å along its shortest edge but a window of "
                f"{window:g} Å needs {_WINDOWS * window:g} Å; look whether the voxel size is "
                "right, or give a smaller window."
            )
        if not np.isfinite(self.background):
            found.append(f"The background is {self.background} but must be a finite number.")
        return found


@dataclass(frozen=True)
class LocalResolution:
    """Resolution on the grid of the energies.

    Parameters
    ----------
    fine, coarse : ndarray of float32
        Å, at FSC 0.143 and 0.5; `coarse` is None where it cannot be known.
    sigma : ndarray of float32
        Standard deviation of `fine`, Å.
    censored : ndarray of bool
        True where `fine` lies past the limit of the map.
    """

    fine: Array
    coarse: Array | None
    sigma: Array
    censored: Mask


@dataclass(frozen=True, kw_only=True)
class ResolutionResult:
    """Local resolution, mask and global resolution, on the grid of the map.

    Parameters
    ----------
    resolution, resolution05 : DensityMap
        Local resolution in Å at FSC 0.143 and 0.5; `background` outside the mask. `resolution05`
        is None for maps without visible solvent noise: their 0.5 cannot be known.
    sigma : DensityMap
        Standard deviation of `resolution`, Å.
    censored : DensityMap
        One where the resolution is no better than a guess past the limit of the map.
    mask : DensityMap
        One inside the molecule.
    single_map : DensityMap or None
        With half maps: what the map alone gives, to stand beside `resolution`.
    second_opinion : DensityMap or None
        Disagreement (log ratio) with the monogenic estimate.
    filtered : tuple of DensityMap
        The map and any half maps low-passed to the local resolution, when asked for.
    overall : GlobalResolution
    state : MapState
    finest_detail : float
        Finest detail that the map holds, Å.
    window : float
        Standard deviation of the window used, Å.
    source : str
        "half maps", "solvent noise", "learned" or "nothing".
    quantiles : dict of str to float
        Local resolution (0.143) within the mask, Å, at 5, 25, 50, 75 and 95 %.
    censored_fraction : float
        Part of the mask that is censored.
    model_checksum : str
        SHA-256 of the learned models.
    warnings : tuple of str
    """

    resolution: DensityMap
    resolution05: DensityMap | None
    sigma: DensityMap
    censored: DensityMap
    mask: DensityMap
    single_map: DensityMap | None
    second_opinion: DensityMap | None
    filtered: tuple[DensityMap, ...]
    overall: GlobalResolution
    state: MapState
    finest_detail: float
    window: float
    source: str
    quantiles: dict[str, float]
    censored_fraction: float
    model_checksum: str
    warnings: tuple[str, ...]
