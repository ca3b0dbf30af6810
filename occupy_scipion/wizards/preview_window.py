# SPDX-License-Identifier: GPL-3.0-or-later
"""The window of a preview: slices, sliders for fields of the form, a curve, derived values."""

import contextlib
import tkinter as tk
from tkinter import ttk

from matplotlib.backends.backend_tkagg import FigureCanvasTkAgg
from matplotlib.figure import Figure

from occupy_core.errors import OccupyError
from occupy_scipion.records.record import formWords
from occupy_scipion.viewers.busy import startAside
from occupy_scipion.viewers.slice_window import SliceWindow

_WAIT, _LOOK = 120, 40  # ms: after the last change, and between looks at the work
_FIGURE = (3.4, 3.0)  # inches
_ROWS = 4  # of a list that are seen


class PreviewWindow:
    """Shows a preview beside a form; it may stay open while one works there.

    Parameters
    ----------
    preview : Preview
    form : FormWindow
        Is read, and gets the values when they are to be used.
    """

    def __init__(self, preview, form):
        self.preview, self._form = preview, form
        self.window = SliceWindow(preview.scene, preview.title, form.root)
        self.root = self.window.root
        self._due, self._thread, self._again = None, None, False
        self._fields = {}
        self._addControls()
        self._addFigure()
        for name, value in preview.values().items():
            self._fields[name].set(value)
        self._tell()

    # --------------------------- What is made ----------------------------------------------------
    def _addControls(self):
        frame = ttk.Frame(self.root)
        frame.grid(row=1, column=0, columnspan=2, sticky="ew", padx=6, pady=6)
        frame.columnconfigure(1, weight=1)
        for row, control in enumerate(self.preview.controls):
            ttk.Label(frame, text=control.label).grid(row=row, column=0, sticky="sw")
            kind = _Several if control.several else _Choice if control.choices else _Slider
            self._fields[control.name] = kind(frame, row, control, self.refresh)
        buttons = ttk.Frame(frame)
        buttons.grid(row=len(self.preview.controls), column=0, columnspan=3, sticky="ew", pady=4)
        self.words = tk.Label(frame, justify="left", anchor="w")
        self.words.grid(row=0, column=3, rowspan=max(1, len(self._fields)), sticky="nw", padx=8)
        for text, command in (
            ("Use these values", self.use),
            ("Read the form again", self.read),
            ("Cancel", self.cancel),
        ):
            ttk.Button(buttons, text=text, command=command).pack(side="left", padx=2)

    def _addFigure(self):
        self._canvas = None
        if self.preview.hasFigure:
            self._figure = Figure(figsize=_FIGURE, layout="constrained")
            self._canvas = FigureCanvasTkAgg(self._figure, self.window.side.frame)
            self._canvas.get_tk_widget().pack(pady=6)

    # --------------------------- What the buttons do ---------------------------------------------
    def values(self):
        """The values that are looked at."""
        return {name: field.get() for name, field in self._fields.items()}

    def use(self):
        """Write the values into the form. The window stays open."""
        try:
            for name, field in self._fields.items():
                self._form.setVar(name, field.formValue())
        except tk.TclError:
            self.window.status.set("The form is closed; open it and the preview again.")
            return
        self.window.status.set("The values stand in the form.")

    def read(self):
        """Take the values of the form."""
        for name, value in self.preview.values().items():
            self._fields[name].set(value)
        self.refresh()

    def cancel(self):
        """Close the window; the form stays as it is."""
        self.window.close()

    # --------------------------- Work ------------------------------------------------------------
    def refresh(self, *_):
        """Compute soon; changes that follow quickly are computed once."""
        if self._due is not None:
            self.root.after_cancel(self._due)
        self._due = self.root.after(_WAIT, self._start)

    @property
    def isBusy(self):
        """Whether something is still to be shown."""
        return self._due is not None or self._thread is not None

    def _start(self):
        self._due = None
        if self._thread is not None:
            self._again = True
            return
        values, made = self.values(), {}

        def work():
            try:
                made["result"] = self.preview.compute(values)
            except BaseException as error:
                made["error"] = error

        self._thread = startAside(work)
        self.window.status.set("Computing …")
        self.root.after(_LOOK, self._look, made)

    def _look(self, made):
        if self._thread.is_alive():
            self.root.after(_LOOK, self._look, made)
            return
        self._thread = None
        error = made.get("error")
        if isinstance(error, OccupyError):
            self.window.status.set(formWords(str(error)))
        elif error is not None:
            raise error
        else:
            self.window.status.set("")
            self._show(made["result"])
        if self._again:
            self._again = False
            self._start()

    def _show(self, result):
        self.preview.show(result)
        self._tell()
        self.window.side.renew()
        self.window.draw()

    def _tell(self):
        """Show derived values and the curve."""
        self.words.configure(text="\n".join(self.preview.words()))
        if self._canvas is not None:
            self._figure.clear()
            self.preview.draw(self._figure)
            self._canvas.draw_idle()


class _Slider:
    """A slider, with a switch when its field may be empty."""

    def __init__(self, frame, row, control, changed):
        self._control = control
        self._isOn = tk.BooleanVar(frame, True)
        self.slider = tk.Scale(
            frame,
            from_=control.low,
            to=control.high,
            resolution=control.step,
            orient="horizontal",
            command=lambda text: self._moved(changed),
        )
        self.slider.grid(row=row, column=1, sticky="ew")
        self._quiet = False
        if control.optional:
            box = ttk.Checkbutton(frame, text="on", variable=self._isOn, command=changed)
            box.grid(row=row, column=2)

    def _moved(self, changed):
        if not self._quiet:
            self._isOn.set(True)
            changed()

    def get(self):
        """The value; None when it is switched off."""
        return round(float(self.slider.get()), 6) if self._isOn.get() else None

    def formValue(self):
        """The value as the form has it: nothing when it is switched off."""
        value = self.get()
        return "" if value is None else value

    def set(self, value):
        """Set it without a word."""
        self._quiet = True
        self._isOn.set(value is not None)
        shown = self._control.start if value is None else value
        with contextlib.suppress(TypeError, ValueError):
            high = max(float(self.slider["to"]), float(shown))
            self.slider.configure(to=high)
            self.slider.set(shown)
        self.slider.update_idletasks()
        self._quiet = False


class _Choice:
    """Words to choose from."""

    def __init__(self, frame, row, control, changed):
        self._control = control
        self._variable = tk.StringVar(frame, control.start)
        box = ttk.Combobox(
            frame, values=list(control.choices), textvariable=self._variable, state="readonly"
        )
        box.grid(row=row, column=1, sticky="ew")
        box.bind("<<ComboboxSelected>>", lambda event: changed())

    def get(self):
        """The word that is chosen."""
        return self._variable.get()

    def formValue(self):
        """The value as the form has it: the number of the choice."""
        return self._control.choices.index(self.get())

    def set(self, value):
        """Set it without a word."""
        self._variable.set(self._control.start if value is None else value)


class _Several:
    """Words of which several can be chosen."""

    def __init__(self, frame, row, control, changed):
        self._words = control.choices
        inner = ttk.Frame(frame)
        inner.grid(row=row, column=1, sticky="ew")
        self.list = tk.Listbox(
            inner,
            selectmode="multiple",
            exportselection=False,
            height=min(len(self._words), _ROWS),
        )
        bar = ttk.Scrollbar(inner, orient="vertical", command=self.list.yview)
        self.list.configure(yscrollcommand=bar.set)
        for word in self._words:
            self.list.insert("end", word)
        bar.pack(side="right", fill="y")
        self.list.pack(side="left", fill="x", expand=True)
        self.list.bind("<<ListboxSelect>>", lambda event: changed())

    def get(self):
        """The words that are chosen, with commas; None when none is."""
        return ", ".join(self._words[i] for i in self.list.curselection()) or None

    def formValue(self):
        """The value as the form has it."""
        return self.get() or ""

    def set(self, value):
        """Choose words."""
        self.list.selection_clear(0, "end")
        for word in (value or "").split(","):
            if word.strip() in self._words:
                self.list.selection_set(self._words.index(word.strip()))
