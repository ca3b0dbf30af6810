"""What the columns of the features are called, in the order that the model files hold.

The names stand in the model file beside the trees; trees of other names are refused.
"""

from __future__ import annotations

import numpy as np

# [trained] parts of the limit at which curves over frequency are read
PARTS = np.array([0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.775, 0.85, 0.925, 1.0])
FLOORS = (0.02, 0.1)  # [trained] quantiles that stand in for the noise
# [trained] of signal; half maps have an FSC of 0.143 and 0.33 there
SHARES = (0.25, 0.5)
# [trained] Å, of the density that shows the surface
DETAILS = (5.0, 7.0, 10.0, 14.0, 20.0)
LOCAL_DETAIL = 10.0  # [trained] Å; below it the extremes around a point are looked at too


def at_parts(name: str) -> list[str]:
    """Return the names of a curve at the parts of the limit."""
    return [f"{name} at {part:g} of the limit" for part in PARTS]


RESOLUTION = (
    *at_parts("energy less median"),
    *at_parts("energy less coarse band"),
    *at_parts("median less 5 %"),
    *at_parts("95 % less median"),
    *(f"FSC {fsc:g} with floor {floor:g}" for floor in FLOORS for fsc in (0.143, 0.5)),
    *at_parts("coupling of the map"),
    *(f"signal {share:g} of the map" for share in SHARES),
    *at_parts("coupling about the point"),
    "filled",
    "distance from the emptied",
    "finest detail",
    "cut",
    "masked",
    "clipped",
    "altered",
)


def _of_detail(detail: float) -> list[str]:
    names = ["height", "significance"]
    names += ["largest height around", "smallest height around"] * (detail < LOCAL_DETAIL)
    return [f"{name} at {detail:g} Å" for name in names]


MASK = (
    "distance from the mask",
    *(name for detail in DETAILS for name in _of_detail(detail)),
    "coarse energy",
    "energy of the second finest band",
    "filled",
    "finest detail",
    "measured",
    "masked",
    "share of the mask",
)
