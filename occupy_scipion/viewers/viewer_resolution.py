# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pyworkflow.protocol.params as params

from occupy_core.commands.resolution.figures import (
    draw_local_against_global,
    draw_resolution_histogram,
)
from occupy_core.commands.resolution.run import color_limits
from occupy_core.maps.mrc import read_map
from occupy_scipion.protocols import OccupyProtLocalResolution
from occupy_scipion.records.resolution import ResolutionRecord
from occupy_scipion.viewers.slices import Panel, resolutionColors
from occupy_scipion.viewers.viewer_base import OccupyViewerBase, parameterLines


class OccupyResolutionViewer(OccupyViewerBase):
    """Shows a local resolution, its uncertainty, and how it stands to the global one."""

    _label = "local resolution viewer"
    _targets = [OccupyProtLocalResolution]

    # --------------------------- DEFINE param functions ------------------------------------------
    def _defineParams(self, form):
        form.addSection(label="Local resolution")
        self._addItem(form)
        group = form.addGroup("Slices")
        self._addAxis(group)
        group.addParam("showSlices", params.LabelParam, label="Map and local resolution")
        group.addParam("showSigma", params.LabelParam, label="Uncertainty")
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
        return None if folder is None else ResolutionRecord.of(folder)

    def _resolved(self, show):
        """A handler that takes the record, or says that nothing is resolved."""

        def guarded(record):
            if not record.known:
                return [self.infoMessage("Nothing is resolved in this map.", "No resolution")]
            return show(record)

        return self._guarded(guarded)

    # --------------------------- SHOW functions --------------------------------------------------
    def _showSlices(self, record):
        density, colors = self._map(record), resolutionColors(*color_limits(record.values))
        panels = [Panel("Map", density)]
        for key, title in (("resolution", "FSC 0.143"), ("resolution05", "FSC 0.5")):
            if key in record.files:
                panels.append(Panel(title, self._within(record, key), colors, density))
        return self._browse(record.name, panels)

    def _showSigma(self, record):
        density, sigma = self._map(record), self._within(record, "sigma")
        high = float(np.nanpercentile(sigma.data, 98))
        panels = [
            Panel("Map", density),
            Panel("Standard deviation", sigma, resolutionColors(0.0, high), density),
        ]
        return self._browse(record.name, panels)

    def _showFiltered(self, record):
        filtered = Panel("Filtered", read_map(record.files["filtered"]))
        return self._browse(record.name, [Panel("Map", self._map(record)), filtered])

    def _showHistogram(self, record):
        plotter = self._newPlotter(record.name, "histogram", (6, 4.5), "constrained")
        draw_resolution_histogram(
            plotter.figure,
            self._values(record),
            color_limits(record.values),
            overall=record.globalResolution,
            finest=record.values["limit"],
            name=record.name,
        )
        return [plotter]

    def _showGlobal(self, record):
        plotter = self._newPlotter(record.name, "local against global", (6.5, 5), "constrained")
        values = self._values(record)
        draw_local_against_global(plotter.figure, values, record.values, name=record.name)
        return [plotter]

    def _showParameters(self, record):
        return self._showText(record, [*record.lines(), "", *parameterLines(record)])

    # --------------------------- UTILS functions -------------------------------------------------
    @staticmethod
    def _map(record):
        return read_map(record.inputs["map"])

    @staticmethod
    def _within(record, key):
        """A map of the result, NaN outside the mask."""
        density, mask = read_map(record.files[key]), read_map(record.files["mask"])
        return density.with_data(np.where(mask.data > 0.5, density.data, np.float32(np.nan)))

    @staticmethod
    def _values(record):
        """Local resolution within the mask."""
        mask = read_map(record.files["mask"]).data > 0.5
        return read_map(record.files["resolution"]).data[mask]
