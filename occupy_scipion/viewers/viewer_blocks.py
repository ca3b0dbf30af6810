# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pyworkflow.protocol.params as params

from occupy_core.blocks.contour.thresholds import smoothed
from occupy_core.commands.blocks.figures import draw_block_graph, draw_heatmap, draw_thresholds
from occupy_core.maps.mrc import read_map
from occupy_scipion.protocols import OccupyProtBlocks
from occupy_scipion.records.blocks import BlocksRecord
from occupy_scipion.viewers import scenes
from occupy_scipion.viewers.planes import Planes
from occupy_scipion.viewers.scene import ALL, Item
from occupy_scipion.viewers.table_window import columnsOf
from occupy_scipion.viewers.viewer_base import OccupyViewerBase, parameterLines

_MOST_AVERAGED = 20  # volumes; hundreds would take long


class OccupyBlocksViewer(OccupyViewerBase):
    """Shows the blocks of an ensemble: where they are, in which volumes, and with which others."""

    _label = "structural blocks viewer"
    _targets = [OccupyProtBlocks]
    shownOutputs = {
        "blockMasks": ("showMasks", None),
        "outputVolumes": ("showVolumes", None),
        "subsetVolumes": ("showSubset", None),
    }

    # --------------------------- DEFINE param functions ------------------------------------------
    def _defineParams(self, form):
        form.addSection(label="Structural blocks")
        group = form.addGroup("Slices")
        self._addAxis(group)
        group.addParam("showSlices", params.LabelParam, label="Blocks in colours")
        group.addParam("showMasks", params.LabelParam, label="Blocks, each with its mask")
        group.addParam("showVolumes", params.LabelParam, label="Volumes and their blocks")
        if "subsetVolumes" in self.protocol._outputs:
            group.addParam("showSubset", params.LabelParam, label="Volumes of the subset")
        group = form.addGroup("Plots")
        group.addParam("showHeatmap", params.LabelParam, label="Heat map, blocks and volumes")
        group.addParam("showDependence", params.LabelParam, label="Dependence between blocks")
        group.addParam("showThresholds", params.LabelParam, label="Thresholds")
        group = form.addGroup("Tables")
        group.addParam("showBlockTable", params.LabelParam, label="Blocks")
        group.addParam("showVolumeTable", params.LabelParam, label="Volumes and their blocks")
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
            "showMasks": self._guarded(self._showMasks),
            "showVolumes": self._guarded(lambda record: self._showVolumes(record, "outputVolumes")),
            "showSubset": self._guarded(lambda record: self._showVolumes(record, "subsetVolumes")),
            "showBlockTable": self._guarded(lambda record: self._showTable("blockMasks")),
            "showVolumeTable": self._guarded(lambda record: self._showTable("outputVolumes")),
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
        layers = (scenes.blocksLayer(record),)
        return self._browse(
            record.name,
            [Item(name="Mean of some volumes", density=self._mean(record), layers=layers)],
        )

    def _showMasks(self, record):
        masks = {name: record.maskFile(i) for i, name in enumerate(record.names)}
        items = scenes.maskItems(self._mean(record), masks)
        table = columnsOf(self.protocol.blockMasks.iterItems())
        return self._browse("blocks", items, table=table)

    def _showVolumes(self, record, output):
        """The volumes of an output, with their blocks as columns."""
        if not self.protocol.hasAttribute(output):
            return [self.errorMessage("There is no such output.", "No result")]
        numbers = {t["volume"]: i for i, t in enumerate(record.values["thresholds"])}
        made = list(record.rows)
        if output == "subsetVolumes":
            chosen = {item.getObjId() for item in self.protocol.subsetVolumes.iterItems()}
            ids = [item.getObjId() for item in self.protocol.outputVolumes.iterItems()]
            made = [row for row, i in zip(made, ids, strict=True) if i in chosen]
        layers = (scenes.blocksLayer(record),) if record.blocks else ()
        items = [
            Item(
                name=row["volume"],
                density=Planes.of(record.inputs[f"volumes_{numbers[row['volume']] + 1}"]),
                layers=layers,
            )
            for row in made
        ]
        table = columnsOf(getattr(self.protocol, output).iterItems())
        return self._browse(output, items, mode=ALL, table=table)

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
        sigma = record.values["parameters"]["smoothing"]

        def previewed():  # as they were contoured
            volumes = [self._read(record, i, thresholds[i]["volume"]) for i in shown]
            return [smoothed(volume, sigma) for volume in volumes]

        previews = self._busily("Reading volumes", previewed)
        plotter = self._newPlotter(record.name, "thresholds", (9, 6), "constrained")
        draw_thresholds(plotter.figure, thresholds, previews)
        return [plotter]

    def _showParameters(self, record):
        return self._showText(record, [*record.lines(), "", *parameterLines(record)])

    # --------------------------- UTILS functions -------------------------------------------------
    @staticmethod
    def _read(record, index, name=None):
        return read_map(record.inputs[f"volumes_{index + 1}"], name=name)

    def _mean(self, record):
        """Mean of some volumes from all over the ensemble, to show where the blocks are."""
        count = len(record.values["thresholds"])
        shown = sorted(set(np.linspace(0, count - 1, min(count, _MOST_AVERAGED)).astype(int)))

        def mean(*planes):
            return np.mean(planes, axis=0, dtype=np.float32)

        files = [record.inputs[f"volumes_{i + 1}"] for i in shown]
        return Planes.combined(mean, *map(Planes.of, files))
