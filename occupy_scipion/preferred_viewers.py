# SPDX-License-Identifier: GPL-3.0-or-later
"""Which viewer a double click opens: ours for what is ours."""

SHOWN_CLASSES = (
    "SetOfRegionOccupancies",
    "SetOfVolumeMasks",
    "SetOfVolumes",
    "SetOfAtomStructs",
    "SetOfClasses3D",
    "SetOfParticles",
    "VolumeMask",
    "Volume",
    "AtomStruct",
    "Float",
)
"""Classes of the outputs of our protocols; objects of them that others made stay theirs."""

_OURS = "occupy_scipion.viewers.OccupyOutputViewer"


def preferOurs(viewers):
    """Put our viewer before those that Scipion prefers; it declines what is not ours.

    Parameters
    ----------
    viewers : dict
        Names of viewers by the name of a class: the variable VIEWERS. Who names ours in it keeps
        that order.
    """
    for name in SHOWN_CLASSES:
        known = viewers.setdefault(name, [])
        if _OURS not in known:
            known.insert(0, _OURS)
