# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of the form of the protocol structural blocks."""

from dataclasses import fields

import pyworkflow.protocol.params as params

from occupy_core.blocks.params import CORRECTIONS, THRESHOLD_RULES, BlocksParams
from occupy_core.commands.blocks.job import BlocksJob

BLOCKS = BlocksParams()
JOB = {field.name: field.default for field in fields(BlocksJob)}


def defineThresholdParams(form):
    """Parameters of the thresholds: which voxels are occupied in a volume."""
    group = form.addGroup("What is on")
    group.addParam(
        "threshold",
        params.FloatParam,
        allowsNull=True,
        label="Threshold",
        help="Grey value above which a voxel is on, in all volumes. Empty: one for each volume "
        "by the rule below.",
    )
    group.addParam(
        "thresholdRule",
        params.EnumParam,
        choices=list(THRESHOLD_RULES),
        default=THRESHOLD_RULES.index(BLOCKS.threshold_rule),
        expertLevel=params.LEVEL_ADVANCED,
        label="Rule of the threshold",
        help="How the threshold of each volume is found: *density*, half way from its solvent to "
        "its densest part; *scale*, half of the full scale of the low-passed volume; *solvent*, "
        "where the confidence that it is no solvent is one half; *otsu*, two classes of its "
        "histogram.",
    )
    group.addParam(
        "thresholds",
        params.FileParam,
        default="",
        expertLevel=params.LEVEL_ADVANCED,
        label="Table of thresholds",
        help="A text file (csv) with lines _volume,threshold_. Empty: none.",
    )
    group.addParam(
        "smoothing",
        params.FloatParam,
        allowsNull=True,
        expertLevel=params.LEVEL_ADVANCED,
        label="Smoothing (Å)",
        help="Standard deviation of a Gaussian by which the volumes are smoothed before they "
        "are contoured. Empty: one voxel where a threshold does not stand out of the noise, "
        "otherwise none.",
    )
    group.addParam(
        "filterVolumes",
        params.BooleanParam,
        default=BLOCKS.filter_volumes,
        label="Leave out odd volumes?",
        help="Leave out volumes whose threshold lies outside the mean ± 2 standard "
        "deviations. The summary names them in either case.",
    )
    group.addParam(
        "unionFraction",
        params.FloatParam,
        default=BLOCKS.union_fraction,
        expertLevel=params.LEVEL_ADVANCED,
        label="Least fraction of volumes",
        help="Only voxels that are on in more than this fraction of the volumes are looked at.",
    )


def defineBlockParams(form):
    """Parameters of what makes a block."""
    group = form.addGroup("Blocks")
    group.addParam(
        "minVolume",
        params.FloatParam,
        allowsNull=True,
        label="Smallest block (Å³)",
        help="Smaller blocks are dropped. Empty: 20 voxels. When only this or the expansion "
        "fraction changed, Continue makes the masks again and searches nothing.",
    )
    line = group.addLine(
        "Edge of the masks",
        help="The masks reach *extend* Å further than the blocks and fall to 0 over *soft* Å. With "
        "0 they are binary. Focused classification and subtraction want a soft edge of a few "
        "voxels. Continue makes the masks again and searches nothing.",
    )
    line.addParam("maskExtend", params.FloatParam, default=JOB["mask_extend"], label="extend (Å)")
    line.addParam("maskSoft", params.FloatParam, default=JOB["mask_soft"], label="soft (Å)")
    group.addParam(
        "expFrac",
        params.FloatParam,
        default=BLOCKS.exp_frac,
        expertLevel=params.LEVEL_ADVANCED,
        label="Expansion fraction",
        help="A voxel joins a block when it comes and goes with at least this fraction of its "
        "seeds.",
    )
    group.addParam(
        "maxAgreement",
        params.FloatParam,
        default=BLOCKS.max_agreement,
        expertLevel=params.LEVEL_ADVANCED,
        label="Largest agreement of two blocks",
        help="What agrees in more than this fraction of the volumes is one block.",
    )


def defineSearchParams(form):
    """Parameters of the tests."""
    group = form.addGroup("Search", expertLevel=params.LEVEL_ADVANCED)
    line = group.addLine(
        "Levels",
        expertLevel=params.LEVEL_ADVANCED,
        help="Level of the tests that two voxels are on together and off together, before the "
        "correction for the number of pairs; the smaller one decides.",
    )
    line.addParam("posp", params.FloatParam, default=BLOCKS.posp, label="on")
    line.addParam("negp", params.FloatParam, default=BLOCKS.negp, label="off")
    group.addParam(
        "correction",
        params.EnumParam,
        choices=list(CORRECTIONS),
        default=CORRECTIONS.index(BLOCKS.correction),
        expertLevel=params.LEVEL_ADVANCED,
        label="Correction",
        help="For the number of pairs: *bonferroni*, or *bh* (Benjamini and Hochberg); *auto* "
        "takes the first when any pair can reach it.",
    )
    group.addParam(
        "distanceFactor",
        params.BooleanParam,
        default=BLOCKS.distance_factor,
        expertLevel=params.LEVEL_ADVANCED,
        label="Distance factor?",
        help="Ask for more agreement of voxels that are far apart, as SIREN does.",
    )
    group.addParam(
        "minDistance",
        params.FloatParam,
        allowsNull=True,
        expertLevel=params.LEVEL_ADVANCED,
        label="Least distance (Å)",
        help="Agreement of nearer voxels is no evidence, for noise is alike over it. Empty: "
        "measured in the solvent.",
    )
    _defineSamplingParams(group)


def _defineSamplingParams(group):
    """How many voxels are tested."""
    group.addParam(
        "bin",
        params.IntParam,
        default=JOB["bin"],
        expertLevel=params.LEVEL_ADVANCED,
        label="Binning",
        help="Average over cubes of so many voxels along each edge: faster and less noisy. The "
        "masks are on the grid of the volumes nevertheless.",
    )
    group.addParam(
        "subsample",
        params.IntParam,
        default=BLOCKS.subsample,
        expertLevel=params.LEVEL_ADVANCED,
        label="Subsampling",
        help="Only one voxel in so many, drawn at random, is compared with the others at "
        "first; the rest is asked when the blocks are expanded.",
    )
    group.addParam(
        "maxVoxels",
        params.IntParam,
        default=BLOCKS.max_voxels,
        expertLevel=params.LEVEL_ADVANCED,
        label="Most voxels",
        help="All pairs of up to so many voxels are tested; of more, a random sample.",
    )
    group.addParam(
        "seed",
        params.IntParam,
        default=BLOCKS.seed,
        expertLevel=params.LEVEL_ADVANCED,
        label="Seed",
        help="Of the random samples: the same seed gives the same blocks.",
    )
