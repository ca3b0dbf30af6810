# SPDX-License-Identifier: GPL-3.0-or-later
from occupy_scipion.viewers.viewer_blocks import OccupyBlocksViewer
from occupy_scipion.viewers.viewer_classes import OccupyClassesViewer
from occupy_scipion.viewers.viewer_local_scale import OccupyViewer
from occupy_scipion.viewers.viewer_outputs import OccupyOutputViewer
from occupy_scipion.viewers.viewer_particles import OccupyParticlesViewer
from occupy_scipion.viewers.viewer_regions import OccupyRegionsViewer
from occupy_scipion.viewers.viewer_resolution import OccupyResolutionViewer

__all__ = [
    "OccupyBlocksViewer",
    "OccupyClassesViewer",
    "OccupyOutputViewer",
    "OccupyParticlesViewer",
    "OccupyRegionsViewer",
    "OccupyResolutionViewer",
    "OccupyViewer",
]
