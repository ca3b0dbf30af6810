# SPDX-License-Identifier: GPL-3.0-or-later
from pwem.wizards import EmWizard
from pyworkflow.gui import dialog
from pyworkflow.gui.tree import ListTreeProviderString
from pyworkflow.object import String

from occupy_core.errors import OccupyError
from occupy_scipion.protocols import OccupyProtRegionOccupancy


class OccupyRegionsWizard(EmWizard):
    """Lists the regions that the model or the masks of the form give, to choose from."""

    _targets = [(OccupyProtRegionOccupancy, ["chains", "reference"])]

    def show(self, form, *params):
        target = form.wizParamName
        try:
            names = form.protocol.getRegionNames()
        except OccupyError as error:
            dialog.showError("Regions", str(error), form.root)
            return
        if not names:
            dialog.showWarning("No input", "Choose the model or the masks first.", form.root)
            return
        chooser = dialog.ListDialog(
            form.root,
            "Regions",
            _provider(names),
            message="Ctrl or Shift and a click choose several.",
        )
        if chooser.resultYes():
            form.setVar(target, ", ".join(chosen.get() for chosen in chooser.values))


def _provider(names):
    """The names for the dialog, each with a number by which it is known there."""
    items = [String(name) for name in names]
    for number, item in enumerate(items, start=1):
        item.setObjId(number)
    return ListTreeProviderString(items)
