# SPDX-License-Identifier: GPL-3.0-or-later
from occupy_scipion.wizards.wizard_lowpass import OccupyLowpassWizard
from occupy_scipion.wizards.wizard_regions import OccupyRegionsWizard

__all__ = ["OccupyLowpassWizard", "OccupyRegionsWizard"]
