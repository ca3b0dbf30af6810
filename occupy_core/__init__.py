"""Local scale (occupancy) of cryo-EM maps, and what follows from it.

    import occupy_core as occ
    result = occ.local_scale(volume, voxel_size=1.2, mode="occ")
    volume = result.attenuate(3)

Everything that is public is an attribute of this package and stands in `docs/api.md`; modules that
one has to import from deeper places are private and may change. Arrays are indexed (z, y, x) and
are float32; vectors are (x, y, z) in Å. Nothing heavy is loaded before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from occupy_core.errors import (
    EstimationError,
    GridMismatchError,
    MapFormatError,
    OccupyError,
    OccupyWarning,
    OutputError,
    ParameterError,
)

if TYPE_CHECKING:
    from occupy_core.api.blocks import find_blocks
    from occupy_core.api.estimator import ScaleEstimator
    from occupy_core.api.files import read_map, write_map
    from occupy_core.api.regions import chain_occupancy, region_occupancy
    from occupy_core.api.resolution import MapWithResolution, local_resolution
    from occupy_core.api.scale import MapWithScale, confidence, local_scale, modify
    from occupy_core.blocks.find import BlocksResult, Sketch
    from occupy_core.blocks.params import BlocksParams
    from occupy_core.maps.ensemble import Ensemble
    from occupy_core.maps.grid import DensityMap, Grid
    from occupy_core.maps.synthetic import two_bodies
    from occupy_core.maps.threads import threads
    from occupy_core.regions.by_masks.estimate import RegionParams
    from occupy_core.regions.by_model.atoms import AtomicModel, read_model
    from occupy_core.regions.by_model.estimate import ChainParams, chain_masks
    from occupy_core.regions.significance import Difference, differences
    from occupy_core.regions.table import RegionRow, RegionTable
    from occupy_core.resolution.learned.trees import model_card
    from occupy_core.resolution.result import ResolutionParams, ResolutionResult
    from occupy_core.resolution.use.agreement import resolution_of_regions
    from occupy_core.scale.estimate import ScaleResult
    from occupy_core.scale.modify import ModifiedMap, iter_modified
    from occupy_core.scale.params import ModifyParams, ScaleParams
    from occupy_core.solvent.model import SolventModel

__version__ = "0.1.0"

# Where each public name is defined; it is imported when it is first asked for (PEP 562).
_HOMES = {
    "api.blocks": ("find_blocks",),
    "api.estimator": ("ScaleEstimator",),
    "api.files": ("read_map", "write_map"),
    "api.regions": ("chain_occupancy", "region_occupancy"),
    "api.resolution": ("MapWithResolution", "local_resolution"),
    "api.scale": ("MapWithScale", "confidence", "local_scale", "modify"),
    "blocks.find": ("BlocksResult", "Sketch"),
    "blocks.params": ("BlocksParams",),
    "maps.ensemble": ("Ensemble",),
    "maps.grid": ("DensityMap", "Grid"),
    "maps.synthetic": ("two_bodies",),
    "maps.threads": ("threads",),
    "regions.by_masks.estimate": ("RegionParams",),
    "regions.by_model.atoms": ("AtomicModel", "read_model"),
    "regions.by_model.estimate": ("ChainParams", "chain_masks"),
    "regions.significance": ("Difference", "differences"),
    "regions.table": ("RegionRow", "RegionTable"),
    "resolution.learned.trees": ("model_card",),
    "resolution.result": ("ResolutionParams", "ResolutionResult"),
    "resolution.use.agreement": ("resolution_of_regions",),
    "scale.estimate": ("ScaleResult",),
    "scale.modify": ("ModifiedMap", "iter_modified"),
    "scale.params": ("ModifyParams", "ScaleParams"),
    "solvent.model": ("SolventModel",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AtomicModel",
    "BlocksParams",
    "BlocksResult",
    "ChainParams",
    "DensityMap",
    "Difference",
    "Ensemble",
    "EstimationError",
    "Grid",
    "GridMismatchError",
    "MapFormatError",
    "MapWithResolution",
    "MapWithScale",
    "ModifiedMap",
    "ModifyParams",
    "OccupyError",
    "OccupyWarning",
    "OutputError",
    "ParameterError",
    "RegionParams",
    "RegionRow",
    "RegionTable",
    "ResolutionParams",
    "ResolutionResult",
    "ScaleEstimator",
    "ScaleParams",
    "ScaleResult",
    "Sketch",
    "SolventModel",
    "__version__",
    "chain_masks",
    "chain_occupancy",
    "confidence",
    "differences",
    "find_blocks",
    "iter_modified",
    "local_resolution",
    "local_scale",
    "model_card",
    "modify",
    "read_map",
    "read_model",
    "region_occupancy",
    "resolution_of_regions",
    "threads",
    "two_bodies",
    "write_map",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'occupy_core' has no attribute {name!r}")
    value = getattr(import_module(f"occupy_core.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
