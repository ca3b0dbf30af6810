# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of the form of the protocol analyse classes."""

import pyworkflow.protocol.params as params

from occupy_core.commands.classes.job import LEAST_FOR_BLOCKS
from occupy_core.regions.by_model.estimate import ChainParams

CHAINS = ChainParams()
DIVISIONS = ("chain", "residues")
AUTO, BLOCKS, NO_BLOCKS = range(3)


def defineAnalysisParams(form):
    """What is compared, and how the regions are made."""
    form.addParam(
        "dataSets",
        params.StringParam,
        default="",
        label="Data sets",
        help="When *Volume(s)* and *More volumes* (expert level _Advanced_) come from several data "
        "sets: a name for each input, comma-separated and in their order, such as _apo, ligand_. "
        "The shares of their particles are compared. _apo/1, apo/2, ligand_: the first two are "
        "replicates. Empty: one data set.",
    )
    form.addParam(
        "reference",
        params.StringParam,
        default="",
        label="Reference",
        help="Regions that are full in every class, comma-separated. Empty: they are found.",
    )
    form.addParam(
        "chains",
        params.StringParam,
        default="",
        label="Report only",
        help="Chains (or names of masks), comma-separated. All are measured, but only these are "
        "reported. Empty: all.",
    )
    form.addParam(
        "by",
        params.EnumParam,
        choices=list(DIVISIONS),
        default=DIVISIONS.index(CHAINS.by),
        display=params.EnumParam.DISPLAY_HLIST,
        expertLevel=params.LEVEL_ADVANCED,
        label="One number for each",
        help="*chain* of the model, or window of *residues* along each chain.",
    )
    form.addParam(
        "window",
        params.IntParam,
        default=CHAINS.window,
        condition="by==1",
        expertLevel=params.LEVEL_ADVANCED,
        label="Window (residues)",
        help="Residues of a window.",
    )
    form.addParam(
        "ligands",
        params.BooleanParam,
        default=CHAINS.ligands,
        expertLevel=params.LEVEL_ADVANCED,
        label="Ligands apart?",
        help="Make each ligand of the model a region of its own instead of a part of its chain.",
    )
    form.addParam(
        "searchBlocks",
        params.EnumParam,
        choices=["when there are enough maps", "yes", "no"],
        default=AUTO,
        expertLevel=params.LEVEL_ADVANCED,
        label="Search for blocks",
        help="Structural blocks are what comes and goes together. Enough maps are "
        f"{LEAST_FOR_BLOCKS}.",
    )
