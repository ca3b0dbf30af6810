# SPDX-License-Identifier: GPL-3.0-or-later
"""What the viewers share: a result or a message, slices, figures, texts, tables, ChimeraX."""

import os
import shutil
from pathlib import Path

import pyworkflow.protocol.params as params
from pwem.viewers import Chimera, ChimeraView, EmPlotter, EmProtocolViewer
from pwem.viewers.mdviewer.viewer import MDView
from pyworkflow.viewer import DESKTOP_TKINTER, View

from occupy_core import OccupyError
from occupy_core.commands.report.build import open_report, save_report
from occupy_core.commands.report.registry import results_in
from occupy_core.commands.shared.plots import draw_warnings
from occupy_scipion.records.record import formWords
from occupy_scipion.viewers.busy import workBusily
from occupy_scipion.viewers.scene import ALL, AXES, Scene
from occupy_scipion.viewers.slice_window import SliceWindow
from occupy_scipion.viewers.table_window import TableView, columnsOf

_MOST_TABS = 10  # of a report; it shows each map in fewer voxels the more there are
_SCREEN = (14.0, 8.5)  # inches: a figure of hundreds of chains must fit, too


class OccupyViewerBase(EmProtocolViewer):
    """Base of the viewers; not to be used itself.

    Attributes
    ----------
    shownOutputs : dict
        What a double click on an output opens: by the name of the output, the eye of the form, and
        what colours the slices, or None.
    """

    _environments = [DESKTOP_TKINTER]
    shownOutputs = {}
    _focus = None  # the map or the colours to begin with

    # --------------------------- DEFINE param functions ------------------------------------------
    @staticmethod
    def _addAxis(group):
        group.addParam(
            "axis",
            params.EnumParam,
            choices=list(AXES),
            default=AXES.index("z"),
            display=params.EnumParam.DISPLAY_HLIST,
            label="Across",
            help="The slices are perpendicular to this axis; a slider goes through them.",
        )

    def _addItem(self, form):
        """Ask which volume to show, when there are several."""
        self._folders = self.protocol.getResultFolders()
        if len(self._folders) > 1:
            form.addParam(
                "item",
                params.EnumParam,
                choices=list(self._folders.values()),
                default=0,
                label="Volume",
                help="Which volume of the set to show.",
            )

    def _chosenFolder(self):
        """The folder of the volume that is shown, or None."""
        chosen = self.item.get() if hasattr(self, "item") else 0
        return list(self._folders)[chosen] if self._folders else None

    def _getRecord(self):
        """The record to show, or None while there is none."""
        raise NotImplementedError

    def _guarded(self, show):
        """A handler that takes the record, or says that it, or a file to be shown, is not there."""

        def handler(paramName=None):
            record = self._getRecord()
            if record is None:
                return [self.errorMessage("The result is not ready.", "No result")]
            return self._guardedCall(lambda: _warned(show(record), record.warnings))

        return handler

    def _guardedCall(self, show):
        try:
            return show()
        except OccupyError as error:  # such as an input that was removed since
            return [self.errorMessage(formWords(str(error)), "Cannot be shown")]

    # --------------------------- SHOW functions --------------------------------------------------
    def viewsOf(self, output):
        """What a double click on an output shows: a list of views.

        Parameters
        ----------
        output : str
            Its name; that of a set is that of a single one and an s.
        """
        single = output.removesuffix("s")
        isSet = single in self.shownOutputs and output not in self.shownOutputs
        eye, self._focus = self.shownOutputs[single if isSet else output]
        try:
            if isSet:
                return self._guardedCall(lambda: self._showSet(output, single))
            return self._getVisualizeDict()[eye](eye)
        finally:
            self._focus = None

    def _showSet(self, output, single):
        """Open the maps of a set, with its columns."""
        records = [record for record in map(self._recordOf, self._folders) if record is not None]
        items = [self._itemOf(record, single) for record in records]
        table = columnsOf(getattr(self.protocol, output).iterItems())
        return self._browse(output, items, mode=ALL, table=table)

    def _recordOf(self, folder):
        """The record in a folder, or None: of viewers of sets."""
        raise NotImplementedError

    def _itemOf(self, record, output):
        """What the window for slices shows of one volume of a set."""
        raise NotImplementedError

    def _browse(self, name, items, *, mode=None, table=None, focus=None):
        """Open maps in the window for slices."""
        focus = self._focus or focus or ""
        chosen = [number for number, item in enumerate(items) if item.name == focus]
        titles = [layer.title for layer in items[0].layers] if items else []
        scene = Scene(
            items,
            layer=next((t for t in titles if focus and t.startswith(focus)), None),
            axis=AXES[self.axis.get()],
            item=chosen[0] if chosen else 0,
        )
        if mode is not None and mode in scene.modes():
            scene.mode = mode
        return [SlicesView(scene, name, self._tkMaster(), table)]

    def _tkMaster(self):
        window = self.formWindow or getattr(self, "windows", None)
        return getattr(window, "root", None)

    def _busily(self, text, function):
        """Return what a function gives that takes long; a sign says what is done."""
        return workBusily(self._tkMaster(), text, function)

    def _showText(self, record, lines):
        """Show the warnings of a run, and more lines."""
        warnings = [f"  {text}" for text in record.warnings] or ["  None."]
        text = self._getTmpPath(f"parameters_{record.name}.txt".replace(os.sep, "_"))
        os.makedirs(os.path.dirname(text), exist_ok=True)
        with open(text, "w", encoding="utf-8") as stream:
            stream.write("\n".join(["Warnings", *warnings, "", *lines, ""]))
        return [self.textView([text], f"Parameters and warnings: {record.name}")]

    def _showReport(self, record):
        """Open the report of a result, of a set with a tab for each; made when it is not there."""
        report, records = record.files.get("report"), self._reported(record)
        if len(records) > 1 or report is None or not os.path.exists(report):
            report = self._getTmpPath("report.html")
            os.makedirs(os.path.dirname(report), exist_ok=True)

            def write():
                results = [found for one in records for found in results_in(Path(one.path))]
                save_report(Path(report), results, force=True)

            self._busily("Writing the report", write)
        if open_report(Path(report)):
            return []
        text = f"No browser was found. Open this file in one:\n{os.path.abspath(report)}"
        return [self.infoMessage(text, "No browser")]

    def _reported(self, record):
        """The records of a report: all of a set that is not large, the chosen one first."""
        folders = list(getattr(self, "_folders", []))
        if not 1 < len(folders) <= _MOST_TABS:
            return [record]
        every = [one for one in map(self._recordOf, folders) if one is not None]
        return [record, *(one for one in every if one.path != record.path)]

    def _showChimera(self, record):
        script = os.path.abspath(record.files["chimerax"])
        program = Chimera.getProgram()
        if program is None or shutil.which(program) is None:
            return [
                self.infoMessage(
                    "ChimeraX was not found"
                    + (f" at {program}" if program else "")
                    + f".\n\nThe script that shows the result is\n{script}\nOpen it in ChimeraX "
                    "on any computer that sees these files.\n\nTo open it from here, install the "
                    "plugin *scipion-em-chimera* or set CHIMERA_HOME.",
                    "ChimeraX not found",
                )
            ]
        return [ChimeraView(script)]

    def _showTable(self, output, words=()):
        """Show a set with our columns."""
        if not self.protocol.hasAttribute(output):
            return [self.errorMessage("There is no such output.", "No result")]
        made = getattr(self.protocol, output)
        columns, rows = columnsOf(made.iterItems())
        return [
            TableView(
                f"{output} of {self.protocol.getObjLabel()}",
                columns,
                rows,
                words=words,
                master=self._tkMaster(),
                actions={"Subsets (Scipion)": self._inScipion(made)},
            )
        ]

    def _inScipion(self, made):
        """Opens a set in Scipion's own viewer, where rows become a subset."""
        return lambda: OurColumnsView(made, self.protocol, self._project.port).show()

    @staticmethod
    def _newPlotter(name, what, size, layout=None):
        size = [min(given, most) for given, most in zip(size, _SCREEN, strict=True)]
        plotter = EmPlotter(figsize=size, windowTitle=f"{name}: {what}")
        plotter.tightLayoutOn = False  # the figures are laid out already
        if layout is not None:
            plotter.figure.set_layout_engine(layout)
        return plotter


def _warned(views, warnings):
    """The views of a result, which tell its warnings."""
    for view in views:
        if isinstance(view, SlicesView):
            view.warnings = tuple(warnings)
        elif isinstance(view, EmPlotter):
            draw_warnings(view.figure, warnings)
    return views


class SlicesView(View):
    """Shows a scene in a window for slices.

    Parameters
    ----------
    scene : Scene
    title : str
    master : tkinter widget or None
    table : tuple or None
        Names of columns, and rows: one for each map.
    """

    def __init__(self, scene, title, master=None, table=None):
        super().__init__()
        self.scene, self.title, self.table, self._master = scene, title, table, master
        self.warnings = ()

    def show(self):
        self.window = SliceWindow(self.scene, self.title, self._master, table=self.table)
        if self.warnings:
            more = len(self.warnings) - 1
            self.window.status.set(
                f"Warning: {self.warnings[0]}" + (f" ({more} more)" if more else "")
            )


class OurColumnsView(MDView):
    """Scipion's viewer of sets, with the columns that we added, which it would hide."""

    def getVisibleAndOrderLabels(self):
        names = [name for name, _ in self._emSet.getFirstItem().getAttributesToStore()]
        shown = ["_filename"] * ("_filename" in names) + [n for n in names if n[0] != "_"]
        labels = " ".join(["id", *shown])
        return labels, labels, super().getVisibleAndOrderLabels()[2]


def parameterLines(record):
    """The parameters that a run has used, and its versions, as text."""
    given = {
        key: "not given" if value is None else value
        for key, value in record.values["parameters"].items()
    }
    lines = []
    for title, values in (("Parameters", given), ("Versions", record.values["versions"])):
        lines += [title, *(f"  {key} = {value}" for key, value in values.items()), ""]
    return lines
