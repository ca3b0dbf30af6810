# SPDX-License-Identifier: GPL-3.0-or-later
import os
import shutil

import numpy as np
import pyworkflow.protocol.params as params
from pwem.viewers import Chimera, ChimeraView, EmPlotter, EmProtocolViewer
from pyworkflow.viewer import DESKTOP_TKINTER

from occupy_core.maps.mrc import read_map
from occupy_core.occupancy import ModifyParams, modification_curves
from occupy_core.report.plots import draw_modification, draw_scale_histogram, draw_solvent_model
from occupy_scipion.protocols import OccupyProtLocalScale, OccupyProtModifyMap
from occupy_scipion.scale_record import TITLES, ScaleRecord
from occupy_scipion.viewers.slices import AXES, MIN_SCALE, SliceBrowser, figureSize

_BINS = 50


class OccupyViewer(EmProtocolViewer):
    """Shows a local scale, its solvent model, and the maps modified by it."""

    _label = "local scale viewer"
    _environments = [DESKTOP_TKINTER]
    _targets = [OccupyProtLocalScale, OccupyProtModifyMap]

    # --------------------------- DEFINE param functions ------------------------------------------
    def _defineParams(self, form):
        self._folders = self.protocol.getResultFolders()
        form.addSection(label="Local scale")
        if len(self._folders) > 1:
            form.addParam(
                "item",
                params.EnumParam,
                choices=list(self._folders.values()),
                default=0,
                label="Volume",
                help="Which volume of the set to show.",
            )
        group = form.addGroup("Slices")
        group.addParam(
            "axis",
            params.EnumParam,
            choices=list(AXES),
            default=AXES.index("z"),
            display=params.EnumParam.DISPLAY_HLIST,
            label="Across",
            help="The slices are perpendicular to this axis; a slider goes through them.",
        )
        group.addParam("showSlices", params.LabelParam, label="Map, scale and confidence")
        if isinstance(self.protocol, OccupyProtModifyMap):
            group.addParam("showModifiedSlices", params.LabelParam, label="Map and modified maps")
        group = form.addGroup("Plots")
        group.addParam("showSolvent", params.LabelParam, label="Solvent model and confidence")
        group.addParam("showHistogram", params.LabelParam, label="Histogram of the scale")
        if isinstance(self.protocol, OccupyProtModifyMap):
            group.addParam("showModification", params.LabelParam, label="Modification curves")
        group = form.addGroup("More")
        group.addParam("showParameters", params.LabelParam, label="Parameters and warnings")
        group.addParam("showChimera", params.LabelParam, label="Maps in 3D (ChimeraX)")

    def _getVisualizeDict(self):
        return {
            "showSlices": self._guarded(self._showSlices),
            "showModifiedSlices": self._guarded(self._showModifiedSlices),
            "showSolvent": self._guarded(self._showSolvent),
            "showHistogram": self._guarded(self._showHistogram),
            "showModification": self._guarded(self._showModification),
            "showParameters": self._guarded(self._showParameters),
            "showChimera": self._guarded(self._showChimera),
        }

    def _guarded(self, show):
        """A handler that takes the record of the volume chosen, or says that there is none."""

        def handler(paramName=None):
            folders = list(self._folders)
            record = ScaleRecord.of(folders[self._chosen()]) if folders else None
            if record is None:
                return [self.errorMessage("The result of this volume is not ready.", "No result")]
            return show(record)

        return handler

    def _chosen(self):
        return self.item.get() if hasattr(self, "item") else 0

    # --------------------------- SHOW functions --------------------------------------------------
    def _showSlices(self, record):
        scale = [("Local scale", record.scaleFile, True)]
        confidence = [("Confidence", record.files["confidence"], True)]
        return self._browse(record, scale + confidence)

    def _showModifiedSlices(self, record):
        modified = [(TITLES[kind], record.files[kind], False) for kind in record.modifiedKinds()]
        return self._browse(record, [*modified, ("Local scale", record.scaleFile, True)])

    def _browse(self, record, shown):
        shown = [("Input", record.inputs["map"], False), *shown]
        maps = [(title, read_map(file), isScale) for title, file, isScale in shown]
        plotter = self._newPlotter(record, "slices", figureSize(len(maps)))
        plotter.browser = SliceBrowser(plotter.figure, maps, AXES[self.axis.get()])
        return [plotter]

    def _showSolvent(self, record):
        plotter = self._newPlotter(record, "solvent model", (8, 5), "constrained")
        draw_solvent_model(
            plotter.figure,
            record.solventModel(),
            name=record.name,
            full_scale=record.values["limits"].get("full_scale"),
        )
        return [plotter]

    def _showHistogram(self, record):
        scale, confidence = read_map(record.scaleFile), read_map(record.files["confidence"])
        counts, _ = np.histogram(scale.data[confidence.data > 0.5], _BINS, (0.0, 1.0))
        plotter = self._newPlotter(record, "histogram of the scale", (6, 4), "constrained")
        draw_scale_histogram(
            plotter.figure,
            counts,
            confidence_limit=record.values["limits"].get("confidence_limit"),
            min_scale=MIN_SCALE,
            name=record.name,
        )
        return [plotter]

    def _showModification(self, record):
        modify = ModifyParams(**record.values["job"]["modify"])
        plotter = self._newPlotter(record, "modification", (5.5, 5.5), "constrained")
        draw_modification(plotter.figure, *modification_curves(modify))
        return [plotter]

    def _showParameters(self, record):
        warnings = [f"  {text}" for text in record.warnings] or ["  None."]
        with open(record.files["log"], encoding="utf-8") as log:
            lines = ["Warnings", *warnings, "", log.read()]
        text = self._getTmpPath(f"parameters_{record.name}.txt")
        os.makedirs(os.path.dirname(text), exist_ok=True)
        with open(text, "w", encoding="utf-8") as stream:
            stream.write("\n".join(lines))
        return [self.textView([text], f"Parameters and warnings: {record.name}")]

    def _showChimera(self, record):
        script = os.path.abspath(record.files["chimerax"])
        program = Chimera.getProgram()
        if program is None or shutil.which(program) is None:
            return [
                self.infoMessage(
                    "ChimeraX was not found"
                    + (f" at {program}" if program else "")
                    + ".\n\nThe script that shows the maps coloured by their scale is\n"
                    f"{script}\nOpen it in ChimeraX on any computer that sees these files.\n\n"
                    "To open it from here, install the plugin *scipion-em-chimera* or set "
                    "CHIMERA_HOME.",
                    "ChimeraX not found",
                )
            ]
        return [ChimeraView(script)]

    @staticmethod
    def _newPlotter(record, what, size, layout=None):
        plotter = EmPlotter(figsize=size, windowTitle=f"{record.name}: {what}")
        plotter.tightLayoutOn = False  # the figures are laid out already
        if layout is not None:
            plotter.figure.set_layout_engine(layout)
        return plotter
