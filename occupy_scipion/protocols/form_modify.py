# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of the form of the protocol modify map."""

import pyworkflow.protocol.params as params

from occupy_core.scale.params import ModifyParams

MODIFY = ModifyParams()
POWER = 4.0  # of the amplification, when the form asks for nothing
MASKS = {"no": None, "attenuation": "attenuated", "sigmoid": "sigmoid"}
"""Choices of the form, and which modification the masks for subtraction are made of."""


def defineModifyParams(form):
    """Parameters of the modification."""
    form.addParam(
        "amplify",
        params.FloatParam,
        allowsNull=True,
        label="Amplify, power",
        help="Raise partial occupancy: 2 to 5 is typical, 30 makes everything that is told "
        "from solvent full. 1 changes nothing. Empty: no amplified map; but "
        f"when nothing at all is asked for, the map is amplified with {POWER:g}.",
    )
    form.addParam(
        "attenuate",
        params.FloatParam,
        allowsNull=True,
        label="Attenuate, power",
        help="Lower partial occupancy: 2 to 5 is typical, 30 leaves only what is full. Solvent "
        "noise is put where density goes, unless the solvent is excluded. Empty: no attenuated "
        "map.",
    )
    line = form.addLine(
        "Sigmoid",
        help="Lower what is less than the pivot (0 to 1), raise what is more. Empty power: no "
        "map of this kind.",
    )
    line.addParam("sigmoid", params.FloatParam, allowsNull=True, label="power")
    line.addParam("pivot", params.FloatParam, default=MODIFY.pivot, label="pivot")
    form.addParam(
        "excludeSolvent",
        params.BooleanParam,
        default=MODIFY.exclude_solvent,
        label="Exclude solvent?",
        help="Set to zero what is taken for solvent: an automatic soft mask. Without a "
        "modification, the map itself with its solvent excluded is made.",
    )
    form.addParam(
        "subtractionMaskOf",
        params.EnumParam,
        choices=list(MASKS),
        default=0,
        display=params.EnumParam.DISPLAY_HLIST,
        label="Subtraction masks of",
        help="Two masks for particle subtraction, of the attenuation or of the sigmoid, whose "
        "power must be given. *keepMask* is white (1) where density stays: for _relion - subtract "
        "projection_. *subtractMask* is white where density goes: for _cryosparc - particle "
        "subtraction_. The method _occupy_ gives one _subtractionMask_, white where it stays.",
    )
    _defineFurtherParams(form)


def _defineFurtherParams(form):
    """Parameters that hardly a map needs."""
    form.addParam(
        "lowpassOutput",
        params.FloatParam,
        allowsNull=True,
        expertLevel=params.LEVEL_ADVANCED,
        label="Low-pass of the outputs (Å)",
        help="Cut-off of a low-pass of the modified maps. Empty: none.",
    )
    form.addParam(
        "histMatch",
        params.BooleanParam,
        default=MODIFY.hist_match,
        expertLevel=params.LEVEL_ADVANCED,
        label="Match grey values?",
        help="Give the modified map the distribution of grey values of the input, so that the "
        "same contour level can be used. Half maps are left out of this: their factors stay "
        "those of the map.",
    )
    form.addParam(
        "scaleLimit",
        params.FloatParam,
        default=MODIFY.scale_limit,
        expertLevel=params.LEVEL_ADVANCED,
        label="Lowest scale to modify",
        help="Where the scale is at or under this limit the map is left alone.",
    )
    form.addParam(
        "omitConfidence",
        params.BooleanParam,
        default=MODIFY.omit_confidence,
        expertLevel=params.LEVEL_ADVANCED,
        label="Omit confidence?",
        help="Modify everything, also what is probably solvent.",
    )
    form.addParam(
        "seed",
        params.IntParam,
        default=MODIFY.seed,
        expertLevel=params.LEVEL_ADVANCED,
        label="Seed",
        help="Of the solvent noise that attenuation puts in: the same seed gives the same map.",
    )
