# SPDX-License-Identifier: GPL-3.0-or-later
import itertools

import pyworkflow.protocol.params as params
from pwem.viewers import EmProtocolViewer
from pyworkflow.viewer import DESKTOP_TKINTER

from occupy_scipion.protocols import OccupyProtSelectParticles
from occupy_scipion.viewers.table_window import TableView, columnsOf
from occupy_scipion.viewers.viewer_base import OurColumnsView

_MOST = 5000  # particles whose columns are shown; all of them would take long


class OccupyParticlesViewer(EmProtocolViewer):
    """Shows the selected particles: how many have each region, and the columns of each."""

    _label = "selected particles viewer"
    _targets = [OccupyProtSelectParticles]
    _environments = [DESKTOP_TKINTER]

    # --------------------------- DEFINE param functions ------------------------------------------
    def _defineParams(self, form):
        form.addSection(label="Selected particles")
        form.addParam("showPurity", params.LabelParam, label="Regions in the particles")
        form.addParam("showParticles", params.LabelParam, label="Particles with their occupancies")

    def _getVisualizeDict(self):
        return {"showPurity": self._showPurity, "showParticles": self._showParticles}

    def viewsOf(self, output):
        """What a double click on an output shows: a list of views."""
        return self._showParticles()

    # --------------------------- SHOW functions --------------------------------------------------
    def _showPurity(self, paramName=None):
        found = self.protocol.getPurities()
        if found is None:
            return [self.errorMessage("The result is not ready.", "No result")]
        columns = ("region", "share of the particles", "standard error", "of all with it")
        return [
            TableView(
                "Regions in the selected particles",
                columns,
                found,
                words=self.protocol.summary(),
                master=self._tkMaster(),
            )
        ]

    def _showParticles(self, paramName=None):
        if not self.protocol.hasAttribute("selectedParticles"):
            return [self.errorMessage("The result is not ready.", "No result")]
        made = self.protocol.selectedParticles
        columns, rows = columnsOf(itertools.islice(made.iterItems(), _MOST))
        words = list(self.protocol.summary())
        if made.getSize() > len(rows):
            words.append(f"The first {len(rows)} of {made.getSize()} particles are shown.")
        view = OurColumnsView(made, self.protocol, self._project.port)
        return [
            TableView(
                "Selected particles",
                columns,
                rows,
                words=words,
                master=self._tkMaster(),
                actions={"Subsets (Scipion)": view.show},
            )
        ]

    def _tkMaster(self):
        window = self.formWindow or getattr(self, "windows", None)
        return getattr(window, "root", None)
