# SPDX-License-Identifier: GPL-3.0-or-later
import os

import pyworkflow.protocol.params as params

from occupy_core.commands.classes.figures import dendrogram_size, draw_dendrogram
from occupy_scipion.convert.volumes import iterVolumes
from occupy_scipion.protocols import OccupyProtAnalyseClasses
from occupy_scipion.records.classes import ClassesRecord
from occupy_scipion.records.resolution import ResolutionRecord
from occupy_scipion.records.scale import ScaleRecord
from occupy_scipion.viewers import scenes
from occupy_scipion.viewers.planes import Planes
from occupy_scipion.viewers.scene import ALL
from occupy_scipion.viewers.table_window import TableView, columnsOf
from occupy_scipion.viewers.viewer_regions import OccupyRegionsViewer

_NO_REGIONS = "There are no regions: give a model, masks, or at least 12 maps."


class OccupyClassesViewer(OccupyRegionsViewer):
    """Shows an analysis of classes: the report, occupancies, which classes may be one."""

    _label = "analyse classes viewer"
    _targets = [OccupyProtAnalyseClasses]
    shownOutputs = {
        "regionOccupancies": ("showTable", None),
        "resolution_Volumes": ("showResolutions", scenes.FINE),
        "scaleVolume": ("showScale", scenes.SCALE),
        "blockMasks": ("showBlocks", scenes.MASK),
        "mergedClasses": ("showMerged", None),
    }

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
        group = form.addGroup("Slices")
        self._addAxis(group)
        group.addParam("showResolutions", params.LabelParam, label="Local resolution of each class")
        group.addParam("showScale", params.LabelParam, label="Local scale of their mean")
        if self.protocol.hasAttribute("blockMasks"):
            group.addParam("showBlocks", params.LabelParam, label="Blocks")
        group = form.addGroup("More")
        group.addParam("showMerged", params.LabelParam, label="Merged classes")
        group.addParam("showParameters", params.LabelParam, label="Parameters and warnings")

    def _getVisualizeDict(self):
        return {
            "showReport": self._guarded(self._showReport),
            "showTable": self._guarded(self._ofRegions(self._showOccupancies)),
            "showBars": self._guarded(self._ofRegions(self._showBars)),
            "showHeatmap": self._guarded(self._ofRegions(self._showHeatmap)),
            "showDendrogram": self._guarded(self._ofRegions(self._showDendrogram)),
            "showResolutions": self._guarded(self._showResolutions),
            "showScale": self._guarded(self._showScale),
            "showBlocks": self._guarded(self._showBlocks),
            "showMerged": self._guarded(self._showMerged),
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
        made = self.protocol.resolution_Volumes
        records = [_recordBeside(ResolutionRecord, item) for item in made.iterItems()]
        items = [scenes.resolutionItem(one) for one in records if one is not None]
        return self._browse(record.name, items, mode=ALL, table=columnsOf(made.iterItems()))

    def _showScale(self, record):
        if not self.protocol.hasAttribute("scaleVolume"):
            return [self.infoMessage("There is no local scale.", "No scale")]
        found = _recordBeside(ScaleRecord, self.protocol.scaleVolume)
        return self._browse(found.name, [scenes.scaleItem(found)])

    def _showBlocks(self, record):
        made = self.protocol.blockMasks
        masks = {item.getObjLabel(): item.getFileName() for item in made.iterItems()}
        first = next(iterVolumes(self.protocol.inputPointers()[0]))
        items = scenes.maskItems(Planes.of(first.getFileName()), masks)
        return self._browse("blocks", items, table=columnsOf(made.iterItems()))

    def _showMerged(self, record):
        if not self.protocol.hasAttribute("mergedClasses"):
            return [self.infoMessage("No classes were merged.", "No classes")]
        rows = [
            (group.getObjId(), group.getObjLabel(), group.getSize())
            for group in self.protocol.mergedClasses.iterItems()
        ]
        columns = ("id", "classes", "particles")
        words = record.answerLines()[:1]
        return [TableView("Merged classes", columns, rows, words=words, master=self._tkMaster())]


def _recordBeside(cls, volume):
    """The record of the run that has written a volume."""
    return cls.of(os.path.dirname(volume.getFileName()))
