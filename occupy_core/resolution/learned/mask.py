"""The mask by significance, refined by the learned model."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from occupy_core.maps import Mask
from occupy_core.resolution.learned.features import mask_features, near_surface
from occupy_core.resolution.learned.trees import load_models
from occupy_core.resolution.measure.analysis import Analysis
from occupy_core.solvent.robust import large_parts


def refine_mask(analysis: Analysis) -> Mask:
    """Decide anew which points within reach of the mask by significance are molecule.

    Returns
    -------
    ndarray of bool
        On the grid of the surface; the significant mask itself when nothing would be left.
    """
    near = near_surface(analysis)
    decided = np.zeros_like(near)
    decided[near] = load_models().mask.predict(mask_features(analysis, near)) > 0
    labels, count = ndimage.label(decided)
    if count == 0:
        return analysis.mask
    result: Mask = ndimage.binary_fill_holes(large_parts(labels, count))
    return result
