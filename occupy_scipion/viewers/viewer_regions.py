# SPDX-License-Identifier: GPL-3.0-or-later
import pyworkflow.protocol.params as params

from occupy_core.commands.regions.figures import bars_size, draw_bars, draw_heatmap, heatmap_size
from occupy_scipion.protocols import OccupyProtRegionOccupancy
from occupy_scipion.records.regions import RegionsRecord
from occupy_scipion.viewers import scenes
from occupy_scipion.viewers.planes import Planes
from occupy_scipion.viewers.table_window import columnsOf
from occupy_scipion.viewers.viewer_base import OccupyViewerBase, parameterLines


class OccupyRegionsViewer(OccupyViewerBase):
    """Shows the occupancies of regions: bars with errors, a heat map, the model in colours."""

    _label = "region occupancy viewer"
    _targets = [OccupyProtRegionOccupancy]
    shownOutputs = {
        "regionOccupancies": ("showTable", None),
        "regionMasks": ("showMasks", scenes.MASK),
        "occupancyModel": ("showBars", None),
        "occupancyModels": ("showHeatmap", None),
    }

    # --------------------------- DEFINE param functions ------------------------------------------
    def _defineParams(self, form):
        form.addSection(label="Region occupancy")
        group = form.addGroup("Occupancies")
        group.addParam("showBars", params.LabelParam, label="Bars with errors")
        group.addParam("showHeatmap", params.LabelParam, label="Heat map, regions and maps")
        group.addParam("showTable", params.LabelParam, label="Table")
        group = form.addGroup("Slices")
        self._addAxis(group)
        group.addParam("showMasks", params.LabelParam, label="Masks of the regions")
        group = form.addGroup("More")
        group.addParam("showReport", params.LabelParam, label="Report in the browser")
        group.addParam("showParameters", params.LabelParam, label="Parameters and warnings")
        group.addParam("showChimera", params.LabelParam, label="Regions in 3D (ChimeraX)")

    def _getVisualizeDict(self):
        return {
            "showBars": self._guarded(self._showBars),
            "showHeatmap": self._guarded(self._showHeatmap),
            "showTable": self._guarded(self._showOccupancies),
            "showMasks": self._guarded(self._showMasks),
            "showReport": self._guarded(self._showReport),
            "showParameters": self._guarded(self._showParameters),
            "showChimera": self._guarded(self._showChimera),
        }

    def _getRecord(self):
        return RegionsRecord.of(self.protocol.getResultFolder())

    # --------------------------- SHOW functions --------------------------------------------------
    def _showBars(self, record):
        table = record.table
        plotter = self._newPlotter(record.name, "occupancies", bars_size(table), "constrained")
        draw_bars(plotter.figure, table)
        return [plotter]

    def _showHeatmap(self, record):
        table = record.table
        plotter = self._newPlotter(record.name, "heat map", heatmap_size(table), "constrained")
        draw_heatmap(plotter.figure, table)
        return [plotter]

    def _showOccupancies(self, record):
        return self._showTable("regionOccupancies", record.answerLines())

    def _showMasks(self, record):
        items = scenes.maskItems(Planes.of(record.mapFile()), record.masks())
        if not items:
            text = "The run made no masks: choose Make masks in its form, and continue."
            return [self.infoMessage(text, "No masks")]
        made = getattr(self.protocol, "regionMasks", None)
        table = (
            columnsOf(made.iterItems()) if made is not None and len(items) == len(made) else None
        )
        return self._browse(record.name, items, table=table)

    def _showParameters(self, record):
        files = [f"  {key}: {file}" for key, file in record.files.items()]
        return self._showText(
            record, [*record.lines(), "", *parameterLines(record), "Files", *files]
        )
