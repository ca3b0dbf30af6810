# SPDX-License-Identifier: GPL-3.0-or-later
from occupy_scipion.wizards.wizard_blocks import OccupyThresholdWizard
from occupy_scipion.wizards.wizard_lowpass import OccupyLowpassWizard
from occupy_scipion.wizards.wizard_modify import OccupyModifyWizard
from occupy_scipion.wizards.wizard_regions import OccupyRegionsWizard
from occupy_scipion.wizards.wizard_scale import OccupyGranularityWizard, OccupySolventWizard

__all__ = [
    "OccupyGranularityWizard",
    "OccupyLowpassWizard",
    "OccupyModifyWizard",
    "OccupyRegionsWizard",
    "OccupySolventWizard",
    "OccupyThresholdWizard",
]
