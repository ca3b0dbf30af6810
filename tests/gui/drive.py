"""Open the real project window on a display, use it, and take screenshots.

Started by test_project_window.py as a process of its own: ``python -O drive.py PROJECT FOLDER``.
Its exit status is 0 when everything could be opened.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tkinter
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib

matplotlib.use("TkAgg")

from matplotlib import pyplot
from pyworkflow.gui.project import ProjectWindow
from pyworkflow.gui.project.viewprotocols import FormWindow
from pyworkflow.project import Manager
from pyworkflow.viewer import DESKTOP_TKINTER

WATCHDOG = 180_000  # ms
PAUSE = 2_500  # ms: what was opened has been drawn
PROTOCOLS = {  # of each project: class, name for the pictures, parameter with a wizard
    "LocalScale": (
        ("OccupyProtLocalScale", "local_scale", "lowpass"),
        ("OccupyProtModifyMap", "modify_map", "lowpass"),
    ),
    "Analysis": (
        ("OccupyProtLocalResolution", "local_resolution", None),
        ("OccupyProtRegionOccupancy", "region_occupancy", "chains"),
        ("OccupyProtBlocks", "structural_blocks", None),
    ),
}
TABLES = ("showTable", "showBlocks", "showVolumes")  # windows of a process of their own


class Driver:
    """Goes through a list of actions in Tk's own loop, as a person would."""

    def __init__(self, project: str, folder: Path) -> None:
        self.window = ProjectWindow(Manager().getProjectPath(project))
        self.root = self.window.root
        self.folder = folder
        self.protocols = PROTOCOLS[project]
        tkinter.Tk.report_callback_exception = lambda _, *error: self.fail(*error)
        self.actions = self.script()

    def run(self) -> None:
        """Show the window; the process ends with the last action."""
        self.root.after(WATCHDOG, lambda: os._exit(3))
        self.root.after(PAUSE, self.step)
        self.window.show()

    def step(self) -> None:
        """Do the next action; while it runs (a window may wait for its end) the next is due."""
        try:
            action = next(self.actions, None)
            if action is None:
                os._exit(0)
            self.root.after(PAUSE, self.step)
            action()
        except Exception:
            self.fail(*sys.exc_info())

    def fail(self, *error) -> None:
        """Tk swallows exceptions; here they end the process."""
        traceback.print_exception(*error)
        sys.stderr.flush()
        os._exit(1)

    # ---- what is done
    def script(self) -> Iterator[Callable[[], object]]:
        runs = {run.getClassName(): run for run in self.window.project.getRuns()}
        self.check_tree()
        last = runs[self.protocols[-1][0]]
        yield lambda: self.window.viewWidget._selectItemProtocol(last)
        self.shoot(f"project_{self.protocols[-1][1]}")
        for name, label, param in self.protocols:
            protocol = runs[name]
            yield lambda protocol=protocol: self.open_form(protocol)
            self.shoot(f"form_{label}")
            if param is not None:
                yield lambda param=param: self.open_wizard(param)
                self.shoot(f"wizard_{label}")
                self.use_wizard(param)
            self.close_windows()
            yield lambda protocol=protocol: self.open_viewer(protocol)
            self.shoot(f"viewer_{label}")
            for show in self.viewer._getVisualizeDict():
                if self.viewer.getParam(show) is None or show in TABLES:
                    continue
                yield lambda show=show: self.viewer._visualizeParam(show)
                self.shoot(f"{label}_{show}")
                pyplot.close("all")
                self.close_windows(but=self.viewer.formWindow.root)
            self.close_windows()

    def check_tree(self) -> None:
        """All protocols stand in the tree of the left side."""
        tree = self.window.viewWidget.protTree
        texts = []

        def walk(item: str) -> None:
            tree.item(item, open=True)
            texts.append(tree.item(item, "text"))
            for child in tree.get_children(item):
                walk(child)

        for item in tree.get_children():
            walk(item)
        for name, _, _ in (case for cases in PROTOCOLS.values() for case in cases):
            label = self.window.project.getDomain().getProtocols()[name].getClassLabel()
            if not any(label in text for text in texts):
                raise RuntimeError(f"{label} is not in the tree: {texts}")

    def open_form(self, protocol) -> None:
        """Do what a double click on a run does, and keep the form."""
        show = FormWindow.show

        def keep(form, *args, **kwargs) -> None:
            self.form = form
            show(form, *args, **kwargs)

        FormWindow.show = keep
        try:
            self.window.viewWidget._openProtocolForm(protocol)
        finally:
            FormWindow.show = show

    def open_wizard(self, param: str) -> None:
        """Do what the magic wand beside a parameter does."""
        self.form.wizParamName = param
        self.wizard = self.form.wizards[param]().show(self.form)

    def use_wizard(self, param: str) -> None:
        """Choose something in a wizard that stays open while one works, and close it."""
        if param == "lowpass":
            self.wizard.slider.set_val(12.0)
            self.wizard.finish()
            if self.form.widgetDict[param].get() != "12.0":
                raise RuntimeError("the wizard did not fill in the low-pass")
        pyplot.close("all")

    def open_viewer(self, protocol) -> None:
        """Do what the button Analyze Results does."""
        first = self.window.project.getDomain().findViewers(protocol, DESKTOP_TKINTER)[0]
        self.viewer = first(project=self.window.project, protocol=protocol, parent=self.window)
        self.viewer.visualize(protocol, windows=self.window)

    def close_windows(self, but=None) -> None:
        """Close what was opened over the project window, and over what was."""

        def close(window) -> None:
            for widget in window.winfo_children():
                close(widget)
                if isinstance(widget, tkinter.Toplevel) and widget is not but:
                    widget.destroy()

        close(self.root)

    def shoot(self, name: str) -> None:
        """Save a picture of the screen, and one of the window in front."""
        self.root.update()
        found = subprocess.run(["xdotool", "getactivewindow"], capture_output=True, check=True)
        for window, prefix in (("root", ""), (found.stdout.decode().strip(), "window_")):
            file = self.folder / f"{prefix}{name}.png"
            subprocess.run(["import", "-window", window, str(file)], check=True, timeout=30)


if __name__ == "__main__":
    Driver(sys.argv[1], Path(sys.argv[2])).run()
