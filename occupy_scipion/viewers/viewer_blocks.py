# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pyworkflow.protocol.params as params

from occupy_core.blocks.contour.thresholds import smoothed
from occupy_core.commands.blocks.figures import draw_block_graph, draw_heatmap, draw_thresholds
from occupy_core.commands.shared.colors import several_colors
from occupy_core.maps.mrc import read_map
from occupy_scipion.protocols import OccupyProtBlocks
from occupy_scipion.records.blocks import BlocksRecord
from occupy_scipion.viewers.slices import Panel, labelColors
from occupy_scipion.viewers.viewer_base import OccupyViewerBase, parameterLines

_MOST_AVERAGED = 20  # volumes; reading hundreds would take long


class OccupyBlocksViewer(OccupyViewerBase):
    """Shows the blocks of an ensemble: where they are, in which volumes, and with which others."""

    _label = "structural blocks viewer"
    _targets = [OccupyProtBlocks]

    # --------------------------- DEFINE param functions ------------------------------------------
    def _defineParams(self, form):
        form.addSection(label="Structural blocks")
        group = form.addGroup("Slices")
        self._addAxis(group)
        group.addParam("showSlices", params.LabelParam, label="Blocks in colours")
        group = form.addGroup("Plots")
        group.addParam("showHeatmap", params.LabelParam, label="Heat map, blocks and volumes")
        group.addParam("showDependence", params.LabelParam, label="Dependence between blocks")
        group.addParam("showThresholds", params.LabelParam, label="Thresholds")
        group = form.addGroup("Tables")
        group.addParam("showBlocks", params.LabelParam, label="Blocks")
        group.addParam("showVolumes", params.LabelParam, label="Volumes and their blocks")
        group = form.addGroup("More")
        group.addParam("showReport", params.LabelParam, label="Report in the browser")
        group.addParam("showParameters", params.LabelParam, label="Parameters and warnings")
        group.addParam("showChimera", params.LabelParam, label="Blocks in 3D (ChimeraX)")

    def _getVisualizeDict(self):
        return {
            "showSlices": self._guarded(self._showSlices),
            "showHeatmap": self._guarded(self._showHeatmap),
            "showDependence": self._guarded(self._showDependence),
            "showThresholds": self._guarded(self._showThresholds),
            "showBlocks": self._guarded(lambda record: self._showTable("blockMasks")),
            "showVolumes": self._guarded(lambda record: self._showTable("outputVolumes")),
            "showReport": self._guarded(self._showReport),
            "showParameters": self._guarded(self._showParameters),
            "showChimera": self._guarded(self._showChimera),
        }

    def _getRecord(self):
        return BlocksRecord.of(self.protocol.getResultFolder())

    # --------------------------- SHOW functions --------------------------------------------------
    def _showSlices(self, record):
        if not record.blocks:
            return [self.infoMessage("No block was found.", "No blocks")]
        mean = self._meanVolume(record)
        labels = np.full(mean.data.shape, np.nan, np.float32)
        for i in range(len(record.blocks)):  # the largest first: small ones stay seen
            labels[read_map(record.maskFile(i)).data > 0.5] = i + 1
        colors = labelColors(record.names, several_colors(len(record.blocks)))
        blocks = Panel("Blocks", mean.with_data(labels), colors, mean)
        return self._browse(record.name, [Panel("Mean of some volumes", mean), blocks])

    def _showHeatmap(self, record):
        plotter = self._newPlotter(record.name, "heat map", (8, 6), "constrained")
        volumes = [row["volume"] for row in record.rows]
        draw_heatmap(plotter.figure, record.occupancy(), volumes, record.names)
        return [plotter]

    def _showDependence(self, record):
        plotter = self._newPlotter(record.name, "dependence", (6.5, 6), "constrained")
        draw_block_graph(plotter.figure, record.blocks, record.values["relations"])
        return [plotter]

    def _showThresholds(self, record):
        thresholds = record.values["thresholds"]
        order = sorted(range(len(thresholds)), key=lambda i: thresholds[i]["on_fraction"])
        shown = sorted({order[0], order[len(order) // 2], order[-1]})
        volumes = [self._read(record, i, thresholds[i]["volume"]) for i in shown]
        sigma = record.values["parameters"]["smoothing"]
        previews = [smoothed(volume, sigma) for volume in volumes]  # as they were contoured
        plotter = self._newPlotter(record.name, "thresholds", (9, 6), "constrained")
        draw_thresholds(plotter.figure, thresholds, previews)
        return [plotter]

    def _showParameters(self, record):
        return self._showText(record, [*record.lines(), "", *parameterLines(record)])

    # --------------------------- UTILS functions -------------------------------------------------
    @staticmethod
    def _read(record, index, name=None):
        return read_map(record.inputs[f"volumes_{index + 1}"], name=name)

    def _meanVolume(self, record):
        """Mean of some volumes from all over the ensemble, to show where the blocks are."""
        count = len(record.values["thresholds"])
        shown = sorted(set(np.linspace(0, count - 1, min(count, _MOST_AVERAGED)).astype(int)))
        first, *others = (self._read(record, int(i)) for i in shown)
        total = first.data.copy()
        for density in others:
            total += density.data
        return first.with_data(total / np.float32(len(shown)))
