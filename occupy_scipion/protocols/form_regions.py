# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of the form of the protocol region occupancy."""

from dataclasses import fields

import pyworkflow.protocol.params as params

from occupy_core.commands.regions.job import RegionsJob
from occupy_core.regions.by_model.estimate import ChainParams

CHAINS = ChainParams()
JOB = {field.name: field.default for field in fields(RegionsJob)}
DIVISIONS = ("chain", "residues")
MODEL, MASKS = 0, 1
OF_MODEL = f"regionsFrom=={MODEL}"
OF_MASKS = f"regionsFrom=={MASKS}"


def defineModelParams(form):
    """Parameters that count when the regions come from an atomic model."""
    form.addParam(
        "by",
        params.EnumParam,
        choices=list(DIVISIONS),
        default=DIVISIONS.index(CHAINS.by),
        display=params.EnumParam.DISPLAY_HLIST,
        condition=OF_MODEL,
        label="One number for each",
        help="*chain*, or window of *residues* along each chain.",
    )
    form.addParam(
        "window",
        params.IntParam,
        default=CHAINS.window,
        condition=f"{OF_MODEL} and by==1",
        label="Window (residues)",
        help="Residues of a window.",
    )
    form.addParam(
        "ligands",
        params.BooleanParam,
        default=CHAINS.ligands,
        condition=OF_MODEL,
        label="Ligands apart?",
        help="Make each ligand a region of its own instead of a part of its chain.",
    )
    _defineMaskParams(form)
    form.addParam(
        "assembly",
        params.StringParam,
        default="",
        condition=OF_MODEL,
        expertLevel=params.LEVEL_ADVANCED,
        label="Biological assembly",
        help="Name of an assembly in the file of the model, such as 1, to be built first. "
        "Empty: the model as it is.",
    )
    form.addParam(
        "resolution",
        params.FloatParam,
        allowsNull=True,
        condition=OF_MODEL,
        expertLevel=params.LEVEL_ADVANCED,
        label="Highest resolution (Å)",
        help="Finer detail is not used. It need not be the resolution of the map: what has no "
        "signal does not count. Empty: 3 Å or the Nyquist frequency.",
    )
    form.addParam(
        "align",
        params.BooleanParam,
        default=CHAINS.align,
        condition=OF_MODEL,
        expertLevel=params.LEVEL_ADVANCED,
        label="Shift the model?",
        help="Look for the shift that puts the model onto the first map, and follow small "
        "shifts in each.",
    )


def _defineMaskParams(form):
    form.addParam(
        "writeMasks",
        params.BooleanParam,
        default=JOB["write_masks"],
        condition=OF_MODEL,
        label="Make masks?",
        help="Make a soft mask of each region that is reported, for focused classification or "
        "particle subtraction.",
    )
    line = form.addLine(
        "Masks (Å)",
        condition=f"{OF_MODEL} and writeMasks",
        help="The masks are 1 up to the *radius* from the atoms and fall to 0 over the width "
        "of the *soft* edge.",
    )
    line.addParam("maskRadius", params.FloatParam, default=JOB["mask_radius"], label="radius (Å)")
    line.addParam("maskSoft", params.FloatParam, default=JOB["mask_soft"], label="soft (Å)")
