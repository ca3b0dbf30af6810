"""Structural blocks of an ensemble: what comes and goes together, and where it is.

The steps are `binarize`, `sketch_communities`, `expand_communities` and `track`; `find_blocks` does
all of them.
"""

from occupy_core.blocks.binarize import OccupiedVoxels, Thresholds, binarize
from occupy_core.blocks.communities import Communities, sketch_communities
from occupy_core.blocks.expand import Block, ExpandedBlocks, expand_communities
from occupy_core.blocks.find import BlocksResult, continue_from, find_blocks, subset
from occupy_core.blocks.params import CORRECTIONS, THRESHOLD_RULES, BlocksParams
from occupy_core.blocks.rules import apply_rule
from occupy_core.blocks.state import (
    load_communities,
    load_occupied,
    save_communities,
    save_occupied,
)
from occupy_core.blocks.tracking import Relation, Tracking, track

__all__ = [
    "CORRECTIONS",
    "THRESHOLD_RULES",
    "Block",
    "BlocksParams",
    "BlocksResult",
    "Communities",
    "ExpandedBlocks",
    "OccupiedVoxels",
    "Relation",
    "Thresholds",
    "Tracking",
    "apply_rule",
    "binarize",
    "continue_from",
    "expand_communities",
    "find_blocks",
    "load_communities",
    "load_occupied",
    "save_communities",
    "save_occupied",
    "sketch_communities",
    "subset",
    "track",
]
