# SPDX-License-Identifier: GPL-3.0-or-later
from occupy_scipion.protocols.protocol_analyse_classes import OccupyProtAnalyseClasses
from occupy_scipion.protocols.protocol_blocks import OccupyProtBlocks
from occupy_scipion.protocols.protocol_local_resolution import OccupyProtLocalResolution
from occupy_scipion.protocols.protocol_local_scale import OccupyProtLocalScale
from occupy_scipion.protocols.protocol_modify_map import OccupyProtModifyMap
from occupy_scipion.protocols.protocol_region_occupancy import OccupyProtRegionOccupancy
from occupy_scipion.protocols.protocol_select_particles import OccupyProtSelectParticles

__all__ = [
    "OccupyProtAnalyseClasses",
    "OccupyProtBlocks",
    "OccupyProtLocalResolution",
    "OccupyProtLocalScale",
    "OccupyProtModifyMap",
    "OccupyProtRegionOccupancy",
    "OccupyProtSelectParticles",
]
