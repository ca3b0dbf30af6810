# SPDX-License-Identifier: GPL-3.0-or-later
import dataclasses

import numpy as np
import pyworkflow.protocol.params as params

from occupy_core.commands.shared.plots import (
    draw_modification,
    draw_scale_histogram,
    draw_solvent_model,
)
from occupy_core.maps.mrc import read_map
from occupy_core.scale.modify import modification_curves
from occupy_core.scale.params import ModifyParams
from occupy_scipion.protocols import OccupyProtLocalScale, OccupyProtModifyMap
from occupy_scipion.protocols.protocol_modify_map import MASK_OUTPUTS, OUTPUTS
from occupy_scipion.records.scale import TITLES, ScaleRecord
from occupy_scipion.viewers import scenes
from occupy_scipion.viewers.viewer_base import OccupyViewerBase

_BINS = 50


class OccupyViewer(OccupyViewerBase):
    """Shows a local scale, its solvent model, and the maps modified by it."""

    _label = "local scale viewer"
    _targets = [OccupyProtLocalScale, OccupyProtModifyMap]
    shownOutputs = {
        "scaleVolume": ("showSlices", scenes.SCALE),
        "scaleSigmaVolume": ("showSlices", scenes.ERROR),
        "confidenceVolume": ("showSlices", scenes.CONFIDENT),
        "solventMask": ("showSlices", scenes.SOLVENT),
        **{name: ("showModifiedSlices", TITLES[kind]) for kind, name in OUTPUTS.items()},
        **{
            name: ("showModifiedSlices", scenes.SUBTRACTION[kind])
            for kind, name in MASK_OUTPUTS.items()
        },
    }

    # --------------------------- DEFINE param functions ------------------------------------------
    def _defineParams(self, form):
        form.addSection(label="Local scale")
        self._addItem(form)
        group = form.addGroup("Slices")
        self._addAxis(group)
        group.addParam("showSlices", params.LabelParam, label="Map, scale and confidence")
        if isinstance(self.protocol, OccupyProtModifyMap):
            group.addParam("showModifiedSlices", params.LabelParam, label="Map and modified maps")
        group = form.addGroup("Plots")
        group.addParam("showSolvent", params.LabelParam, label="Solvent model and confidence")
        group.addParam("showHistogram", params.LabelParam, label="Histogram of the scale")
        if isinstance(self.protocol, OccupyProtModifyMap):
            group.addParam("showModification", params.LabelParam, label="Modification curves")
        group = form.addGroup("More")
        group.addParam("showReport", params.LabelParam, label="Report in the browser")
        group.addParam("showParameters", params.LabelParam, label="Parameters and warnings")
        group.addParam("showChimera", params.LabelParam, label="Maps in 3D (ChimeraX)")

    def _getVisualizeDict(self):
        return {
            "showSlices": self._guarded(self._showSlices),
            "showModifiedSlices": self._guarded(self._showModifiedSlices),
            "showSolvent": self._guarded(self._showSolvent),
            "showHistogram": self._guarded(self._showHistogram),
            "showModification": self._guarded(self._showModification),
            "showReport": self._guarded(self._showReport),
            "showParameters": self._guarded(self._showParameters),
            "showChimera": self._guarded(self._showChimera),
        }

    def _getRecord(self):
        folder = self._chosenFolder()
        return None if folder is None else self._recordOf(folder)

    def _recordOf(self, folder):
        return ScaleRecord.of(folder)

    def _itemOf(self, record, output):
        if isinstance(self.protocol, OccupyProtLocalScale):
            return scenes.scaleItem(record)
        title = self.shownOutputs[output][1]
        made = scenes.modifiedItems(record)
        item = next((item for item in made if item.name == title), made[0])
        return dataclasses.replace(item, name=record.name)

    # --------------------------- SHOW functions --------------------------------------------------
    def _showSlices(self, record):
        return self._browse(record.name, [scenes.scaleItem(record)])

    def _showModifiedSlices(self, record):
        return self._browse(record.name, scenes.modifiedItems(record))

    def _showSolvent(self, record):
        model = self._busily("Fitting the solvent model", record.solventModel)
        plotter = self._newPlotter(record.name, "solvent model", (8, 5), "constrained")
        draw_solvent_model(
            plotter.figure,
            model,
            name=record.name,
            full_scale=record.values["limits"].get("full_scale"),
        )
        return [plotter]

    def _showHistogram(self, record):
        counts = self._busily("Counting", lambda: _counts(record))
        plotter = self._newPlotter(record.name, "histogram of the scale", (6, 4), "constrained")
        draw_scale_histogram(
            plotter.figure,
            counts,
            confidence_limit=record.values["limits"].get("confidence_limit"),
            name=record.name,
        )
        return [plotter]

    def _showModification(self, record):
        modify = ModifyParams(**record.values["job"]["modify"])
        plotter = self._newPlotter(record.name, "modification", (5.5, 5.5), "constrained")
        scale, curves = modification_curves(modify)
        named = {
            f"{TITLES[made.kind].lower()}, power {made.gamma:g}": curves[made.kind]
            for made in modify.kinds()
            if made.kind in curves
        }
        draw_modification(plotter.figure, scale, named)
        return [plotter]

    def _showParameters(self, record):
        with open(record.files["log"], encoding="utf-8") as log:
            return self._showText(record, [log.read()])


def _counts(record):
    """Voxels by their scale, without the solvent."""
    scale, confidence = read_map(record.scaleFile), read_map(record.files["confidence"])
    return np.histogram(scale.data[confidence.data > 0.5], _BINS, (0.0, 1.0))[0]
