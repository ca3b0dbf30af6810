# SPDX-License-Identifier: GPL-3.0-or-later
import pyworkflow.protocol.params as params

from occupy_core.commands.classes.figures import dendrogram_size, draw_dendrogram
from occupy_scipion.protocols import OccupyProtAnalyseClasses
from occupy_scipion.records.classes import ClassesRecord
from occupy_scipion.viewers.viewer_regions import OccupyRegionsViewer

_NO_REGIONS = "There are no regions: give a model, masks, or at least 12 maps."


class OccupyClassesViewer(OccupyRegionsViewer):
    """Shows an analysis of classes: the report, occupancies, which classes may be one."""

    _label = "analyse classes viewer"
    _targets = [OccupyProtAnalyseClasses]

    # --------------------------- DEFINE param functions ------------------------------------------
    def _defineParams(self, form):
        form.addSection(label="Analysis of classes")
        group = form.addGroup("Verdicts")
        group.addParam("showReport", params.LabelParam, label="Report in the browser")
        group.addParam("showTable", params.LabelParam, label="Table of verdicts")
        group = form.addGroup("Occupancies")
        group.addParam("showBars", params.LabelParam, label="Bars with errors")
        group.addParam("showHeatmap", params.LabelParam, label="Heat map, regions and maps")
        group.addParam("showDendrogram", params.LabelParam, label="Which classes may be one")
        group = form.addGroup("More")
        group.addParam("showResolutions", params.LabelParam, label="Maps of local resolution")
        group.addParam("showParameters", params.LabelParam, label="Parameters and warnings")

    def _getVisualizeDict(self):
        return {
            "showReport": self._guarded(self._showReport),
            "showTable": self._guarded(self._ofRegions(self._showOccupancies)),
            "showBars": self._guarded(self._ofRegions(self._showBars)),
            "showHeatmap": self._guarded(self._ofRegions(self._showHeatmap)),
            "showDendrogram": self._guarded(self._ofRegions(self._showDendrogram)),
            "showResolutions": self._guarded(self._showResolutions),
            "showParameters": self._guarded(self._showParameters),
        }

    def _getRecord(self):
        return ClassesRecord.of(self.protocol.getResultFolder())

    # --------------------------- SHOW functions --------------------------------------------------
    def _ofRegions(self, show):
        """A handler that needs regions, and says that there are none."""

        def handler(record):
            if not record.hasRegions:
                return [self.infoMessage(_NO_REGIONS, "No regions")]
            return show(record)

        return handler

    def _showDendrogram(self, record):
        regrouping = record.table.regrouping
        if regrouping is None:
            return [self.infoMessage("There is one map only.", "No dendrogram")]
        size = dendrogram_size(regrouping)
        plotter = self._newPlotter(record.name, "which may be one", size, "constrained")
        draw_dendrogram(plotter.figure, regrouping)
        return [plotter]

    def _showResolutions(self, record):
        return self._showTable("resolution_Volumes", record.answerLines())
