"""The local scale of a map, and the map modified by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from occupy_core.api.arguments import Answer, Halves, beside, halves_of, params_of
from occupy_core.errors import ParameterError
from occupy_core.maps.given import Volume, VoxelSize, as_map, as_map_on, is_array
from occupy_core.maps.grid import DensityMap
from occupy_core.plain_values import from_dict
from occupy_core.progress import Progress
from occupy_core.scale import displacement as step
from occupy_core.scale.estimate import ScaleResult, estimate_confidence, estimate_scale
from occupy_core.scale.modify import iter_modified
from occupy_core.scale.params import ModifyParams, ScaleParams


class MapWithScale(Answer):
    """A map and its local scale.

    Attributes
    ----------
    scale, confidence, sigma : ndarray or DensityMap
        Local scale, the confidence that a voxel is not solvent, and the standard error of the
        scale (None for the method "occupy"); 0 to 1, on the grid of the map, read-only.
    density : DensityMap
        The map.
    estimate : ScaleResult
        All that was found, with maps as `DensityMap`. Its other attributes, such as `solvent`,
        `full_scale` and `warnings`, are attributes here too.
    """

    estimate: ScaleResult

    def attenuate(self, power: float, **fields: Any) -> Any:
        """Return the map with what is partly occupied attenuated: factor S^(power - 1).

        Parameters
        ----------
        power : float
            At least 1; 2 to 5 are useful.
        **fields
            Other fields of `ModifyParams`.

        Returns
        -------
        ndarray of float32 or DensityMap
        """
        return self._modified(fields | {"attenuate": power})

    def amplify(self, power: float, **fields: Any) -> Any:
        """Return the map with what is partly occupied amplified: factor S^(1/power - 1).

        Parameters and result are those of `attenuate`.
        """
        return self._modified(fields | {"amplify": power})

    def sigmoid(self, power: float, pivot: float = 0.5, **fields: Any) -> Any:
        """Return the map amplified where the scale is above the pivot, attenuated below.

        Parameters and result are those of `attenuate`; `pivot` is the scale that stays.
        """
        return self._modified(fields | {"sigmoid": power, "pivot": pivot})

    def weights(self) -> Any:
        """Return how much each voxel counts: confidence times scale, 0 to 1."""
        return self._made(step.weights(self.estimate))

    def displacement(self, power: float, *, scale_limit: float = ModifyParams.scale_limit) -> Any:
        """Return what a modification would add to the map, the scale held fixed.

        See `occupy_core.scale.displacement.displacement`.

        Parameters
        ----------
        power : float
            Above 1 attenuates what is partly occupied, below 1 amplifies it.
        scale_limit : float
            Nothing is displaced where the scale is not above this.
        """
        return self._made(
            step.displacement(self.density, self.estimate, power, scale_limit=scale_limit)
        )

    def _modified(self, fields: Mapping[str, Any]) -> Any:
        params = from_dict(ModifyParams, fields, "the modification")
        return self._made(_modified(self.density, self.estimate, params))

    def _made(self, density: DensityMap) -> Any:
        """Return a map that was made for the caller, who may write into an array."""
        return density.data.copy() if self._arrays else density


def local_scale(
    volume: Volume,
    *,
    voxel_size: VoxelSize | None = None,
    half_maps: Halves | None = None,
    solvent_definition: Volume | None = None,
    target_mask: Volume | None = None,
    params: ScaleParams | None = None,
    progress: Progress | None = None,
    **fields: Any,
) -> MapWithScale:
    """Estimate the local scale (occupancy) of a map, and the confidence that it is not solvent.

    Parameters
    ----------
    volume : ndarray, DensityMap or path
        Map with solvent around its content; density positive.
    voxel_size : float or tuple of float, optional
        Å; arrays need it.
    half_maps : pair of volumes, optional
        Tell the calibrated method the noise; the solvent does otherwise.
    solvent_definition : volume, optional
        Mask of content or of solvent, to fit the solvent model.
    target_mask : volume, optional
        Mask of a region whose occupancy is wanted as one number, `target_occupancy`.
    params : ScaleParams, optional
    progress : callable, optional
        Takes the fraction done and a few words.
    **fields
        Fields of `ScaleParams`, over those of `params`.

    Returns
    -------
    MapWithScale

    Raises
    ------
    ParameterError, MapFormatError
        When a volume or a parameter is of the wrong kind or outside its limits.
    GridMismatchError
        When volumes do not lie on one grid.
    EstimationError
        When the map is constant or nowhere positive, or a mask is empty.
    """
    density = as_map(volume, voxel_size)
    result = estimate_scale(
        density,
        params_of(ScaleParams, params, fields, "local_scale"),
        solvent_definition=beside(solvent_definition, density, "solvent definition", voxel_size),
        target_mask=beside(target_mask, density, "target mask", voxel_size),
        half_maps=halves_of(half_maps, density, voxel_size),
        progress=progress,
    )
    return MapWithScale(density, result, arrays=is_array(volume))


def confidence(
    volume: Volume,
    *,
    voxel_size: VoxelSize | None = None,
    solvent_definition: Volume | None = None,
    params: ScaleParams | None = None,
    **fields: Any,
) -> Any:
    """Return the confidence that each voxel of a map is not solvent, 0 to 1.

    Parameters
    ----------
    volume, voxel_size, solvent_definition, params, **fields
        As of `local_scale`, whose errors are raised here too.

    Returns
    -------
    ndarray of float32 or DensityMap
    """
    density = as_map(volume, voxel_size)
    _, found = estimate_confidence(
        density,
        params_of(ScaleParams, params, fields, "confidence"),
        solvent_definition=beside(solvent_definition, density, "solvent definition", voxel_size),
    )
    return found.data.copy() if is_array(volume) else found


def modify(
    volume: Volume,
    result: MapWithScale | ScaleResult,
    *,
    params: ModifyParams | None = None,
    **fields: Any,
) -> Any:
    """Modify a map by its local scale, in one way.

    Parameters
    ----------
    volume : ndarray, DensityMap or path
        The map that the scale belongs to; an array lies on the grid of the scale.
    result : MapWithScale or ScaleResult
        Of `local_scale`; take the mode "occ", whose scale does not fall with resolution.
    params : ModifyParams, optional
    **fields
        Fields of `ModifyParams`, over those of `params`, such as `attenuate=3`.

    Returns
    -------
    ndarray of float32 or DensityMap

    Raises
    ------
    ParameterError
        When a parameter is outside its limits, or not exactly one map is to be made.
    GridMismatchError
        When the volume does not lie on the grid of the scale.
    """
    scale = result.estimate if isinstance(result, MapWithScale) else result
    if not isinstance(scale, ScaleResult):
        raise ParameterError(
            f"The result is of type {type(result).__name__} but must be that of local_scale."
        )
    density = as_map_on(volume, scale.scale.grid, "volume")
    made = _modified(density, scale, params_of(ModifyParams, params, fields, "modify"))
    return made.data.copy() if is_array(volume) else made


def _modified(density: DensityMap, result: ScaleResult, params: ModifyParams) -> DensityMap:
    """Return the one map that a modification makes; a power of 1 leaves the map as it is."""
    n = len(params.kinds(result.params.method))
    powers = (params.amplify, params.attenuate, params.sigmoid)
    problems = params.problems(density.grid)
    if n > 1 or (n == 0 and powers == (None, None, None)):
        problems.append(
            f"{n or 'No'} modified maps are asked for but one is made; give one of amplify, "
            "attenuate, sigmoid and exclude_solvent (iter_modified makes several)."
        )
    if problems:
        raise ParameterError(*problems)
    made = iter_modified(
        density,
        result.scale,
        result.confidence,
        result.solvent,
        params,
        sigma=None if result.place is None else result.sigma,
        place=result.place,
        method=result.params.method,
    )
    return next((modified.map for modified in made), density)
