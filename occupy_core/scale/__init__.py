"""The local scale of one map: solvent model, scale and confidence, modification."""

from occupy_core.scale.estimate import ScaleResult, estimate_confidence, estimate_scale
from occupy_core.scale.full_scale import Tiles
from occupy_core.scale.lowpass import occupy_lowpass
from occupy_core.scale.modify import ModifiedMap, iter_modified, modification_curves
from occupy_core.scale.outputs import Output
from occupy_core.scale.params import METHODS, MODES, ModifyParams, ResolvedScale, ScaleParams
from occupy_core.solvent.model import SolventModel, fit_solvent

__all__ = [
    "METHODS",
    "MODES",
    "ModifiedMap",
    "ModifyParams",
    "Output",
    "ResolvedScale",
    "ScaleParams",
    "ScaleResult",
    "SolventModel",
    "Tiles",
    "estimate_confidence",
    "estimate_scale",
    "fit_solvent",
    "iter_modified",
    "modification_curves",
    "occupy_lowpass",
]
