# SPDX-License-Identifier: GPL-3.0-or-later
"""The controls beside slices: which map, which colours, contour, grey values, what is there."""

import tkinter as tk
from tkinter import ttk

import numpy as np
from PIL import Image, ImageTk

from occupy_scipion.viewers.scene import ALL, AXES, DIFFERENCE, PER_PAGE, TWO

_WIDE = 230  # pixels
_BAR = (200, 14)  # pixels of the key of the colours
_NONE = "none"
_STEPS = 200


class SidePanel:
    """Controls that change the scene of a window, and words about it.

    Parameters
    ----------
    parent : tkinter widget
    window : SliceWindow
        Has a `scene`, and `refresh` draws it.
    """

    def __init__(self, parent, window):
        self._window, self._scene = window, window.scene
        self.frame = ttk.Frame(parent, width=_WIDE)
        self._bar, self._kept = None, []
        self._addItems()
        self._addLayer()
        self._addValues()
        self.words = tk.Label(
            self.frame, justify="left", anchor="nw", width=34, wraplength=_WIDE, font="TkFixedFont"
        )
        self.words.pack(fill="x", pady=(8, 0))
        self.buttons = ttk.Frame(self.frame)
        self.buttons.pack(fill="x", pady=(8, 0), side="bottom")
        ttk.Button(self.buttons, text="Close", command=window.close).pack(side="right")
        ttk.Button(self.buttons, text="Save picture", command=window.save).pack(side="right")

    # --------------------------- What is made ----------------------------------------------------
    def _addItems(self):
        scene = self._scene
        self.mode = tk.StringVar(self.frame, scene.mode)
        self.axis = tk.StringVar(self.frame, scene.axis)
        self.items, self.other, self.layer, self.key = None, None, None, None
        if len(scene.items) < 2:
            return
        names = [item.name for item in scene.items]
        self.items = self._combobox("Map", names, names[scene.item], self._choseItem)
        self.other = self._combobox("Other map", names, names[scene.other], self._choseOther)
        self._combobox("Show", scene.modes(), scene.mode, self._choseMode, self.mode)
        self._combobox("All across", AXES, scene.axis, self._choseAxis, self.axis)
        if scene.pages() > 1:
            self.page = self._slider("Page", 1, scene.pages(), 1, self._chosePage, step=1)

    def _addLayer(self):
        scene = self._scene
        titles = list(dict.fromkeys(layer.title for i in scene.items for layer in i.layers))
        if not titles:
            return
        chosen = scene.layer or _NONE
        self.layer = self._combobox("Colour", [*titles, _NONE], chosen, self._choseLayer)
        self.opacity = self._slider("Opacity", 0, 1, scene.opacity, self._set("opacity"))
        self.key = tk.Canvas(self.frame, width=_WIDE, height=32, highlightthickness=0)
        self.key.pack(pady=(4, 0))
        row = ttk.Frame(self.frame)
        row.pack(fill="x")
        ttk.Label(row, text="from").pack(side="left")
        self.low, self.high = tk.StringVar(self.frame), tk.StringVar(self.frame)
        for word, variable in ((None, self.low), ("to", self.high)):
            if word:
                ttk.Label(row, text=word).pack(side="left")
            entry = ttk.Entry(row, textvariable=variable, width=8)
            entry.pack(side="left", padx=2)
            entry.bind("<Return>", lambda event: self._choseRange())
            entry.bind("<FocusOut>", lambda event: self._choseRange())
        ttk.Button(row, text="reset", width=6, command=self._resetRange).pack(side="left")
        self._writeRange()

    def _addValues(self):
        scene = self._scene
        low, high = scene.grey
        wide = high - low
        self.hasContour = tk.BooleanVar(self.frame, scene.level is not None)
        ttk.Checkbutton(
            self.frame, text="Contour", variable=self.hasContour, command=self._contour
        ).pack(anchor="w", pady=(6, 0))
        level = scene.level if scene.level is not None else low + 0.3 * wide
        self.level = self._slider("Level", low, high + wide, level, self._contour)
        self.white = self._slider("White", low - wide / 2, high, low, self._grey)
        self.black = self._slider("Black", low, high + wide / 2, high, self._grey)

    def _combobox(self, label, values, chosen, command, variable=None):
        row = ttk.Frame(self.frame)
        row.pack(fill="x", pady=1)
        ttk.Label(row, text=label, width=9).pack(side="left")
        variable = variable or tk.StringVar(self.frame, chosen)
        self._kept.append(variable)  # or the box forgets it
        box = ttk.Combobox(row, values=list(values), textvariable=variable, state="readonly")
        box.pack(side="left", fill="x", expand=True)
        box.bind("<<ComboboxSelected>>", lambda event: command(box.current()))
        return box

    def _slider(self, label, low, high, value, command, step=None):
        row = ttk.Frame(self.frame)
        row.pack(fill="x")
        ttk.Label(row, text=label, width=9).pack(side="left", anchor="s")
        slider = tk.Scale(
            row,
            from_=low,
            to=high,
            orient="horizontal",
            resolution=step or (high - low) / _STEPS,
            digits=0 if step else 4,
        )
        slider.set(value)
        slider.configure(command=lambda text: command(float(text)))
        slider.pack(side="left", fill="x", expand=True)
        return slider

    # --------------------------- What the controls do --------------------------------------------
    def choose(self, item):
        """Show another map."""
        if self.items is not None:
            self.items.current(item)
        self._choseItem(item)

    def _choseItem(self, number):
        self._scene.item = number
        self._window.refresh()

    def _choseOther(self, number):
        self._scene.other = number
        if self._scene.mode not in (TWO, DIFFERENCE):
            self._choseMode(self._scene.modes().index(TWO))
        self._window.refresh()

    def _choseMode(self, number):
        self._scene.mode = self._scene.modes()[number]
        self.mode.set(self._scene.mode)
        self._window.refresh()

    def _choseAxis(self, number):
        self._scene.axis = AXES[number]
        self._choseMode(self._scene.modes().index(ALL))

    def _chosePage(self, number):
        self._scene.page = int(number) - 1
        self._choseMode(self._scene.modes().index(ALL))

    def _choseLayer(self, number):
        title = self.layer.get()
        self._scene.layer = None if title == _NONE else title
        self._writeRange()
        self._window.refresh()

    def _choseRange(self):
        layer = self._scene.chosen()
        try:
            low, high = float(self.low.get()), float(self.high.get())
        except ValueError:
            self._writeRange()
            return
        if layer is None or high <= low:
            self._writeRange()
            return
        self._scene.limits[layer.title] = (low, high)
        self._window.refresh()

    def _resetRange(self):
        layer = self._scene.chosen()
        if layer is not None:
            self._scene.limits.pop(layer.title, None)
            self._writeRange()
            self._window.refresh()

    def _writeRange(self):
        layer = self._scene.chosen()
        if layer is None or layer.palette.names or self.layer is None:
            return
        low, high = self._scene.limits.get(layer.title, layer.palette.ends)
        self.low.set(f"{low:.4g}")
        self.high.set(f"{high:.4g}")

    def _set(self, name):
        def change(value):
            setattr(self._scene, name, value)
            self._window.refresh()

        return change

    def _contour(self, value=None):
        if value is not None:
            self.hasContour.set(True)
        self._scene.level = float(self.level.get()) if self.hasContour.get() else None
        self._window.refresh()

    def _grey(self, value):
        self._scene.grey = float(self.white.get()), float(self.black.get())
        self._window.refresh()

    def renew(self):
        """Show what the maps are now: other values were put into the scene."""
        self._writeRange()
        for slider, value in zip((self.white, self.black), self._scene.grey, strict=True):
            command = slider.cget("command")
            slider.configure(command="")
            slider.configure(from_=min(value, slider["from"]), to=max(value, slider["to"]))
            slider.set(value)
            slider.update_idletasks()
            slider.configure(command=command)

    # --------------------------- What is told ----------------------------------------------------
    def update(self):
        """Tell what is under the cursor, and what the colours mean."""
        scene = self._scene
        lines = scene.words()
        lines += [f"{key}: {value}" for key, value in scene.items[scene.item].facts.items()]
        if scene.mode == ALL and scene.pages() > 1:
            first = scene.page * PER_PAGE + 1
            last = min(first + PER_PAGE - 1, len(scene.items))
            lines.append(f"maps {first} to {last} of {len(scene.items)}")
        self.words.configure(text="\n".join(lines))
        if self.key is not None:
            self._drawKey(scene.palette())

    def _drawKey(self, palette):
        self.key.delete("all")
        if palette is None:
            return
        wide, high = _BAR
        picture = Image.fromarray(np.asarray(palette.table)[None]).resize(
            (wide, high), Image.Resampling.NEAREST
        )
        self._bar = ImageTk.PhotoImage(picture, master=self.frame)
        self.key.create_image(15, 0, image=self._bar, anchor="nw")
        if palette.names:
            step = wide / len(palette.names)
            for number, name in enumerate(palette.names[:12]):
                self.key.create_text(15 + (number + 0.5) * step, high + 8, text=name)
            return
        self.key.create_text(15, high + 8, text=f"{palette.low:.3g}", anchor="w")
        self.key.create_text(15 + wide / 2, high + 8, text=palette.label)
        self.key.create_text(15 + wide, high + 8, text=f"{palette.high:.3g}", anchor="e")
