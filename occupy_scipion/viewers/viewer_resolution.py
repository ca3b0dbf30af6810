# SPDX-License-Identifier: GPL-3.0-or-later
import dataclasses

import pyworkflow.protocol.params as params

from occupy_core.commands.resolution.figures import (
    draw_local_against_global,
    draw_resolution_histogram,
)
from occupy_core.commands.resolution.run import color_limits
from occupy_core.maps.mrc import read_map
from occupy_scipion.protocols import OccupyProtLocalResolution
from occupy_scipion.records.resolution import ResolutionRecord
from occupy_scipion.viewers import scenes
from occupy_scipion.viewers.viewer_base import OccupyViewerBase, parameterLines


class OccupyResolutionViewer(OccupyViewerBase):
    """Shows a local resolution, its uncertainty, and how it stands to the global one."""

    _label = "local resolution viewer"
    _targets = [OccupyProtLocalResolution]
    shownOutputs = {
        "resolution_Volume": ("showSlices", scenes.FINE),
        "resolution05_Volume": ("showSlices", scenes.COARSE),
        "resolutionMask": ("showSlices", scenes.MASK),
        "filteredVolume": ("showFiltered", "Filtered"),
        "globalResolution": ("showGlobal", None),
    }

    # --------------------------- DEFINE param functions ------------------------------------------
    def _defineParams(self, form):
        form.addSection(label="Local resolution")
        self._addItem(form)
        group = form.addGroup("Slices")
        self._addAxis(group)
        group.addParam("showSlices", params.LabelParam, label="Map and local resolution")
        group.addParam("showSigma", params.LabelParam, label="Standard error")
        if {"filteredVolume", "filteredVolumes"} & set(self.protocol._outputs):
            group.addParam("showFiltered", params.LabelParam, label="Filtered map")
        group = form.addGroup("Plots")
        group.addParam("showHistogram", params.LabelParam, label="Histogram")
        group.addParam("showGlobal", params.LabelParam, label="Local against global")
        group = form.addGroup("More")
        group.addParam("showReport", params.LabelParam, label="Report in the browser")
        group.addParam("showParameters", params.LabelParam, label="Parameters and warnings")
        group.addParam("showChimera", params.LabelParam, label="Map in 3D (ChimeraX)")

    def _getVisualizeDict(self):
        return {
            "showSlices": self._resolved(self._showSlices),
            "showSigma": self._resolved(self._showSigma),
            "showFiltered": self._resolved(self._showFiltered),
            "showHistogram": self._resolved(self._showHistogram),
            "showGlobal": self._resolved(self._showGlobal),
            "showReport": self._guarded(self._showReport),
            "showParameters": self._guarded(self._showParameters),
            "showChimera": self._resolved(self._showChimera),
        }

    def _getRecord(self):
        folder = self._chosenFolder()
        return None if folder is None else self._recordOf(folder)

    def _recordOf(self, folder):
        return ResolutionRecord.of(folder)

    def _itemOf(self, record, output):
        if output != "filteredVolume":
            return scenes.resolutionItem(record)
        return dataclasses.replace(scenes.filteredItems(record)[1], name=record.name)

    def _resolved(self, show):
        """A handler that takes the record, or says that nothing is resolved."""

        def guarded(record):
            if not record.known:
                return [self.infoMessage("Nothing is resolved in this map.", "No resolution")]
            return show(record)

        return self._guarded(guarded)

    # --------------------------- SHOW functions --------------------------------------------------
    def _showSlices(self, record):
        return self._browse(record.name, [scenes.resolutionItem(record)])

    def _showSigma(self, record):
        return self._browse(record.name, [scenes.resolutionItem(record)], focus=scenes.ERROR)

    def _showFiltered(self, record):
        return self._browse(record.name, scenes.filteredItems(record))

    def _showHistogram(self, record):
        values = self._busily("Reading the resolution", lambda: self._values(record))
        plotter = self._newPlotter(record.name, "histogram", (6, 4.5), "constrained")
        draw_resolution_histogram(
            plotter.figure,
            values,
            color_limits(record.values),
            overall=record.globalResolution,
            finest=record.values["limit"],
            name=record.name,
        )
        return [plotter]

    def _showGlobal(self, record):
        values = self._busily("Reading the resolution", lambda: self._values(record))
        plotter = self._newPlotter(record.name, "local against global", (6.5, 5), "constrained")
        draw_local_against_global(plotter.figure, values, record.values, name=record.name)
        return [plotter]

    def _showParameters(self, record):
        return self._showText(record, [*record.lines(), "", *parameterLines(record)])

    # --------------------------- UTILS functions -------------------------------------------------
    @staticmethod
    def _values(record):
        """Local resolution within the mask."""
        mask = read_map(record.files["mask"]).data > 0.5
        return read_map(record.files["resolution"]).data[mask]
