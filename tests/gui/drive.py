"""Open the real project window on a display, use it, and take screenshots.

Started by test_project_window.py as a process of its own: ``python -O drive.py PROJECT FOLDER``.
Its exit status is 0 when everything could be opened and had content. For each of our runs it opens
the form, each wizard, the viewer with each of its eyes, and each output by a double click. What was
opened, and the words in it, is written to opened.json in the folder.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import tkinter
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from tkinter import ttk

import matplotlib

matplotlib.use("TkAgg")

from matplotlib import pyplot
from PIL import Image, ImageGrab
from pyworkflow.gui.project import ProjectWindow
from pyworkflow.gui.project.viewprotocols import FormWindow
from pyworkflow.project import Manager
from pyworkflow.viewer import DESKTOP_TKINTER
from wizards import WIZARDS

from occupy_scipion.viewers.busy import THREAD

WATCHDOG = 500_000  # ms
DUE = 20  # ms until the next action
SETTLED = 0.1  # s until what was opened has been drawn
LATEST = 10.0  # s
EXECUTED, EXECUTING = 120.0, 0.3  # s: of a run that the window starts, and between two looks at it
NAMES = {  # of the pictures
    "OccupyProtLocalScale": "local_scale",
    "OccupyProtModifyMap": "modify_map",
    "OccupyProtLocalResolution": "local_resolution",
    "OccupyProtRegionOccupancy": "region_occupancy",
    "OccupyProtBlocks": "structural_blocks",
    "OccupyProtAnalyseClasses": "analyse_classes",
    "OccupyProtSelectParticles": "select_particles",
}
WHOLE_SCREEN = bool(os.environ.get("OCCUPY_SCREENSHOTS"))  # pictures for the docs
LEAST_COLORS = 8  # a window with fewer is blank
LEAST_WORDS = 1


def unless_of_scipion(lost: sys.UnraisableHookArgs) -> None:
    """Report what could not be raised, but for images that a thread of Scipion's collected.

    The server that listens in the project window is a thread, in which Python may collect the
    pictures of any window that was closed; Tk then says so. Threads of ours collect nothing.
    """
    ours = threading.current_thread() is threading.main_thread()
    ours = ours or threading.current_thread().name == THREAD
    if ours or not isinstance(lost.exc_value, RuntimeError):
        sys.__unraisablehook__(lost)


class Driver:
    """Goes through a list of actions in Tk's own loop, as a person would."""

    def __init__(self, project: str, folder: Path) -> None:
        self.window = ProjectWindow(Manager().getProjectPath(project))
        self.root = self.window.root
        self.folder = folder
        self.opened: dict[str, list[str]] = {}
        tkinter.Tk.report_callback_exception = lambda _, *error: self.fail(*error)
        sys.unraisablehook = unless_of_scipion
        self.actions = self.script()

    def run(self) -> None:
        """Show the window; the process ends with the last action."""
        self.root.after(WATCHDOG, self.give_up)
        self.root.after(2000, self.step)
        self.window.show()

    def give_up(self) -> None:
        print("took too long; opened so far:", *self.opened, file=sys.stderr, flush=True)
        os._exit(3)

    def step(self) -> None:
        """Do the next action; while it runs (a window may wait for its end) the next is due."""
        # What is not drawn yet, and work that goes on, would be cut off.
        if not self.all_seen() or any(w.title() == "Please wait" for w in self.windows()):
            self.root.after(DUE, self.step)
            return
        try:
            action = next(self.actions, None)
            if action is None:
                (self.folder / "opened.json").write_text(json.dumps(self.opened))
                sys.stderr.flush()
                os._exit(0)
            self.root.after(DUE, self.step)
            action()
        except Exception:
            self.fail(*sys.exc_info())

    def fail(self, *error) -> None:
        """Tk swallows exceptions; here they end the process."""
        print("after opening", *list(self.opened)[-2:], file=sys.stderr)
        traceback.print_exception(*error)
        sys.stderr.flush()
        os._exit(1)

    # ---- what is done
    def script(self) -> Iterator[Callable[[], object]]:
        runs = [run for run in self.window.project.getRuns() if run.getClassName() in NAMES]
        self.check_tree(runs)
        seen = set()
        for run in runs:
            name = NAMES[run.getClassName()]
            label = run.getObjLabel().replace(" ", "_")
            label = name if label == name or (name not in seen and "set" not in label) else label
            seen.add(name)
            yield lambda run=run: self.window.viewWidget._selectItemProtocol(run)
            self.shoot(f"project_{label}", self.root)
            yield lambda run=run: self.open_form(run)
            self.shoot(f"form_{label}", self.newest())
            if problems := self.form.protocol.validate():
                raise RuntimeError(f"{label} does not validate: {problems}")
            if label == name:
                yield from self.try_wizards(label)
            self.close_windows()
            yield lambda run=run: self.open_viewer(run)
            self.shoot(f"viewer_{label}", self.newest())
            for show in self.viewer._getVisualizeDict():
                if self.viewer.getParam(show) is None:
                    continue
                yield lambda show=show: self.viewer._visualizeParam(show)
                self.look(f"{label}_{show}", but=self.viewer.formWindow.root)
            self.close_windows()
            yield from self.double_click(run, label)
            if label == "select_particles":  # the fastest
                yield from self.execute_copy(run)

    def execute_copy(self, run) -> Iterator[Callable[[], object]]:
        """Duplicate a run, press Execute in its form, and wait until Scipion has run it."""
        project = self.window.project
        copy = project.copyProtocol(run)
        yield lambda: self.open_form(copy)
        yield lambda: self.form.execute()
        end = time.monotonic() + EXECUTED
        # One that has just ended is called dead for a moment.
        while not copy.isFinished():
            if time.monotonic() > end:
                raise RuntimeError(f"the copy is {copy.getStatus()}: {copy.getErrorMessage()}")
            yield lambda: time.sleep(EXECUTING)
            project._updateProtocol(copy)
        for name, output in run.iterOutputAttributes():
            if getattr(copy, name).getSize() != output.getSize():
                raise RuntimeError(f"{name} of the copy is another one")
        self.opened["executed"] = [run.getClassName()]

    def try_wizards(self, label: str) -> Iterator[Callable[[], object]]:
        """Open each wizard of the form, choose something, and see it in the form."""
        for param, use in WIZARDS.get(label, {}).items():
            yield lambda param=param: self.open_wizard(param)
            self.settle()
            self.shoot(f"wizard_{label}_{param}", self.newest())
            use(self.wizard, self.form, self.settle)
            self.settle()
            pyplot.close("all")
            self.close_windows(but=self.form.root)

    def check_tree(self, runs) -> None:
        """All protocols stand in the tree of the left side, under a name that can be read."""
        tree = self.window.viewWidget.protTree
        texts = []

        def walk(item: str) -> None:
            tree.item(item, open=True)
            texts.append(tree.item(item, "text"))
            for child in tree.get_children(item):
                walk(child)

        for item in tree.get_children():
            walk(item)
        for run in runs:
            label = run.getClassLabel()
            if not any(label in text for text in texts):
                raise RuntimeError(f"{label} is not in the tree: {texts}")
        if any("occupy_" in text for text in texts):
            raise RuntimeError(f"the tree shows the name of a module: {texts}")

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
        self.wizard = None  # one that waits for its end gives none
        self.form.wizParamName = param
        self.wizard = self.form.wizards[param]().show(self.form)

    def open_viewer(self, protocol) -> None:
        """Do what the button Analyze Results does."""
        first = self.window.project.getDomain().findViewers(protocol, DESKTOP_TKINTER)[0]
        self.viewer = first(project=self.window.project, protocol=protocol, parent=self.window)
        self.viewer.visualize(protocol, windows=self.window)

    def double_click(self, run, label: str) -> Iterator[Callable[[], object]]:
        """Double-click each output in the list beside the workflow."""
        tree = self.window.viewWidget.infoTree
        outputs = dict(run.iterOutputAttributes())
        for name, output in outputs.items():
            key = next(k for k, obj in tree._objDict.items() if obj.getObjId() == output.getObjId())
            tree.selection_set(key)
            yield tree._onDoubleClick
            self.look(f"output_{label}_{name}")

    # ---- what is seen
    def look(self, name: str, but=None) -> None:
        """Picture and words of what was opened; close it."""
        self.settle()
        figures = [pyplot.figure(number) for number in pyplot.get_fignums()]
        windows = [w for w in self.windows() if w is not but]
        if figures:
            window = figures[-1].canvas.get_tk_widget().winfo_toplevel()
            words = [text.get_text() for text in figures[-1].findobj(matplotlib.text.Text)]
        elif windows:
            window = windows[-1]
            words = self.words(window)
        elif name.endswith("showReport"):
            return  # in a browser
        else:
            raise RuntimeError(f"{name} opened nothing")
        self.shoot(name, window, [word for word in words if word.strip()])
        for figure in figures:
            pyplot.close(figure)
        self.close_windows(but=but)

    def words(self, window) -> list[str]:
        """All texts in the widgets of a window."""
        found = []
        for widget in window.winfo_children():
            if isinstance(widget, ttk.Treeview):
                found += [widget.heading(c, "text") for c in widget["columns"]]
                for row in widget.get_children():
                    found += map(str, widget.item(row, "values"))
            elif isinstance(widget, tkinter.Text):
                found.append(widget.get("1.0", "end"))
            elif isinstance(widget, tkinter.Canvas):
                kinds = [i for i in widget.find_all() if widget.type(i) == "text"]
                found += [widget.itemcget(i, "text") for i in kinds]
            elif isinstance(widget, ttk.Combobox):
                found.append(widget.get())
            elif "text" in widget.keys():  # noqa: SIM118 (a widget is no dict)
                found.append(str(widget.cget("text")))
            if not isinstance(widget, tkinter.Toplevel):
                found += self.words(widget)
        return found

    def windows(self) -> list[tkinter.Toplevel]:
        """All windows over the project window, the newest last."""
        found = []

        def walk(widget) -> None:
            for child in widget.winfo_children():
                if isinstance(child, tkinter.Toplevel):
                    found.append(child)
                walk(child)

        walk(self.root)
        return [w for w in found if w.state() == "normal" and not w.overrideredirect()]

    def newest(self) -> tkinter.Toplevel:
        self.settle()
        return self.windows()[-1]

    def settle(self) -> None:
        """Let what was opened be drawn."""
        start = time.monotonic()
        while time.monotonic() < start + SETTLED or not self.all_seen():
            self.root.update()
            time.sleep(0.01)
            if time.monotonic() > start + LATEST:
                raise RuntimeError("a window that was opened is not seen")

    def all_seen(self) -> bool:
        return all(window.winfo_viewable() for window in self.windows())

    def close_windows(self, but=None) -> None:
        """Close what was opened over the project window, and over what was."""
        for window in reversed(self.windows()):
            if window is not but and window.winfo_exists():
                window.destroy()

    def shoot(self, name: str, window, words: list[str] | None = None) -> None:
        """Save a picture of the screen and one of the window; neither may be blank."""
        self.settle()
        words = [w for w in self.words(window) if w.strip()] if words is None else words
        screen = ImageGrab.grab(xdisplay=os.environ["DISPLAY"])
        if WHOLE_SCREEN:
            screen.save(self.folder / f"{name}.png", compress_level=1)
        left, top = window.winfo_rootx(), window.winfo_rooty()
        box = (left, top, left + window.winfo_width(), top + window.winfo_height())
        picture = screen.convert("RGB").crop(box)
        picture.save(self.folder / f"window_{name}.png", compress_level=1)
        sparse = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.NEAREST)
        colors = sparse.getcolors(1 << 24)
        if len(colors) < LEAST_COLORS or len(words) < LEAST_WORDS:
            raise RuntimeError(f"{name} is blank: {len(colors)} colours, words {words}")
        self.opened[name] = words


if __name__ == "__main__":
    Driver(sys.argv[1], Path(sys.argv[2])).run()
