"""The local scale of many maps of one grid, such as the classes in each iteration of a program."""

from __future__ import annotations

from typing import Any

from occupy_core.api.arguments import Halves, halves_of, params_of
from occupy_core.api.scale import MapWithScale
from occupy_core.errors import GridMismatchError, ParameterError
from occupy_core.maps.given import Volume, as_map_on, is_array
from occupy_core.maps.grid import GRID_TOLERANCE, DensityMap, Grid
from occupy_core.maps.kept import Store, keeping
from occupy_core.scale.estimate import estimate_scale, scale_only
from occupy_core.scale.params import ScaleParams


class ScaleEstimator:
    """The local scale of one map after the other, all on one grid.

    What follows from the grid alone (footprint, ellipsoid, bands, white noise) is made by the first
    call and kept. The results are those of `local_scale`, to the last bit.

    Parameters
    ----------
    grid : Grid
        Of all maps; arrays lie on it.
    params : ScaleParams, optional
    **fields
        Fields of `ScaleParams`, over those of `params`.

    Raises
    ------
    ParameterError
        When a parameter is of the wrong kind or outside its limits.
    """

    def __init__(self, grid: Grid, params: ScaleParams | None = None, **fields: Any) -> None:
        if not isinstance(grid, Grid):
            raise ParameterError(
                f"The grid is of type {type(grid).__name__} but must be a Grid, such as that of a "
                "DensityMap."
            )
        self.grid = grid
        self.params = params_of(ScaleParams, params, fields, "ScaleEstimator")
        self._store: Store = {}
        with keeping(self._store):
            self.resolved = self.params.resolve(grid)

    def __call__(self, volume: Volume, *, half_maps: Halves | None = None) -> MapWithScale:
        """Estimate scale and confidence of a map.

        Parameters
        ----------
        volume : ndarray, DensityMap or path
        half_maps : pair of volumes, optional
            Tell the calibrated method the noise.

        Returns
        -------
        MapWithScale

        Raises
        ------
        GridMismatchError
            When the map does not lie on the grid.
        EstimationError
            When it is constant or nowhere positive.
        """
        density = self._density(volume)
        halves = halves_of(half_maps, density, None)
        with keeping(self._store):
            result = estimate_scale(density, self.params, half_maps=halves)
        return MapWithScale(density, result, arrays=is_array(volume))

    def scale_only(self, volume: Volume, *, half_maps: Halves | None = None) -> Any:
        """Estimate the scale of a map and nothing else: no solvent model, no confidence.

        Parameters and errors are those of a call.

        Returns
        -------
        ndarray of float32 or DensityMap
            The same values as the `scale` of a call.
        """
        density = self._density(volume)
        halves = halves_of(half_maps, density, None)
        with keeping(self._store):
            scale = scale_only(density, self.params, half_maps=halves)
        return scale.data.copy() if is_array(volume) else scale

    def _density(self, volume: Volume) -> DensityMap:
        """Return a volume as a map, or raise unless it lies on the grid."""
        density = as_map_on(volume, self.grid, "volume")
        found, wanted = density.grid, self.grid
        if found.shape != wanted.shape:
            raise GridMismatchError(
                f"The volume {density.name} has the shape {found.shape}, but the estimator was "
                f"made for {wanted.shape}; make another one for it."
            )
        drift = max(
            n * abs(a / b - 1)
            for n, a, b in zip(
                reversed(wanted.shape), found.voxel_size, wanted.voxel_size, strict=True
            )
        )
        if drift > GRID_TOLERANCE:
            raise GridMismatchError(
                f"The volume {density.name} has a voxel size of {found.voxel_size} Å, but the "
                f"estimator was made for {wanted.voxel_size} Å; make another one for it."
            )
        return density
