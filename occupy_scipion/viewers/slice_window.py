# SPDX-License-Identifier: GPL-3.0-or-later
"""The window for slices: every viewer and every preview shows its maps in it."""

import functools
import tkinter as tk
from tkinter import filedialog, ttk

from PIL import Image, ImageTk

from occupy_scipion.viewers.scene import ALL, TWO
from occupy_scipion.viewers.side_panel import SidePanel
from occupy_scipion.viewers.table_window import Table

_SIZE, _SIZE_OVER_TABLE = (860, 780), (900, 580)  # pixels of the pictures
_CROSS, _LINE = "#00a3e0", "#d00000"
_SPACE, _TITLE = 6, 18  # pixels between pictures, and of a line of text
_WAIT = 30  # ms after which a change is drawn, so that quick ones are drawn once
_KEYS = {"Left": (-1, 0), "Right": (1, 0), "Up": (0, 1), "Down": (0, -1)}


class SliceWindow:
    """Shows a scene; the keyboard and the mouse change it.

    Parameters
    ----------
    scene : Scene
    title : str
    master : tkinter widget or None
        Over which it opens; None: a window of its own.
    table : tuple or None
        Names of columns, and rows, one for each map: shown below the pictures.
    """

    def __init__(self, scene, title, master=None, table=None):
        self.scene = scene
        self.root = tk.Toplevel(master) if master is not None else tk.Tk()
        self.root.title(title)
        self.status = tk.StringVar(self.root)
        self._images, self._places, self._active = [], [], 0
        self._due = None
        self.root.columnconfigure(0, weight=1)
        self.root.rowconfigure(0, weight=1)
        width, height = _SIZE if table is None else _SIZE_OVER_TABLE
        self.canvas = tk.Canvas(
            self.root, width=width, height=height, background="white", highlightthickness=0
        )
        self.canvas.grid(row=0, column=0, sticky="news")
        self.side = SidePanel(self.root, self)
        self.side.frame.grid(row=0, column=1, sticky="ns", padx=6, pady=6)
        ttk.Label(self.root, textvariable=self.status, anchor="w").grid(
            row=2, column=0, columnspan=2, sticky="ew", padx=6
        )
        self.table = None
        if table is not None:
            self.table = Table(self.root, *table, chose=self.side.choose, height=5)
            self.table.frame.grid(row=1, column=0, columnspan=2, sticky="ew", padx=6, pady=6)
        self._bind()
        self.root.bind("<Destroy>", self._forget, add=True)
        self.draw()

    def _bind(self):
        canvas = self.canvas
        canvas.bind("<Configure>", lambda event: self.refresh())
        canvas.bind("<Button-1>", self._point)
        canvas.bind("<B1-Motion>", self._point)
        canvas.bind("<Motion>", self._hover)
        canvas.bind("<MouseWheel>", lambda event: self._wheel(event, 1 if event.delta > 0 else -1))
        canvas.bind("<Button-4>", lambda event: self._wheel(event, 1))
        canvas.bind("<Button-5>", lambda event: self._wheel(event, -1))
        for key, (across, up) in _KEYS.items():
            self.root.bind(f"<{key}>", functools.partial(self._move, across, up))
        self.root.bind("<Prior>", lambda event: self._through(1))
        self.root.bind("<Next>", lambda event: self._through(-1))
        self.root.bind("<Escape>", lambda event: self.close())

    # --------------------------- Drawing ---------------------------------------------------------
    def refresh(self):
        """Draw soon: changes that follow quickly are drawn once."""
        if self._due is None:
            self._due = self.root.after(_WAIT, self.draw)

    def draw(self):
        """Draw the scene."""
        self._due = None
        self.canvas.delete("all")
        self._images, self._places = [], []
        panels = self.scene.panels()
        boxes = _arranged(self.scene, panels, *self._extent())
        for panel, (left, top, width, height) in zip(panels, boxes, strict=True):
            self._drawPanel(panel, left, top, width, height)
        self.side.update()

    def _extent(self):
        width, height = self.canvas.winfo_width(), self.canvas.winfo_height()
        if width > 1:
            return width, height
        return int(self.canvas["width"]), int(self.canvas["height"])

    def _drawPanel(self, panel, left, top, width, height):
        pixels = self.scene.picture(panel)
        rows, columns = pixels.shape[:2]
        picture = Image.fromarray(pixels[::-1]).resize((width, height), Image.Resampling.NEAREST)
        image = ImageTk.PhotoImage(picture, master=self.root)
        self._images.append(image)
        self._places.append((panel, left, top, width, height, columns, rows))
        canvas = self.canvas
        canvas.create_text(left, top - _TITLE // 2, text=_shortened(panel.title, width), anchor="w")
        canvas.create_image(left, top, image=image, anchor="nw")

        def point(column, row):
            return (
                left + (column + 0.5) * width / columns,
                top + height - (row + 0.5) * height / rows,
            )

        for line in self.scene.contour(panel):
            flat = [number for column, row in line for number in point(column, row)]
            if len(flat) >= 4:
                canvas.create_line(*flat, fill=_LINE)
        across, up = point(*self.scene.cursor(panel))
        if self.scene.ball is not None:
            radius = self.scene.ball * width / self.scene.size(panel)[0]
            box = across - radius, up - radius, across + radius, up + radius
            canvas.create_oval(*box, outline=_LINE, width=2)
        if self.scene.mode != ALL:
            canvas.create_line(across, top, across, top + height, fill=_CROSS, dash=(3, 3))
            canvas.create_line(left, up, left + width, up, fill=_CROSS, dash=(3, 3))

    # --------------------------- Mouse and keys --------------------------------------------------
    def _hit(self, event):
        """Which picture is under the mouse, with the voxel of it."""
        for number, (panel, left, top, width, height, columns, rows) in enumerate(self._places):
            if 0 <= event.x - left < width and 0 <= event.y - top < height:
                column = int((event.x - left) * columns / width)
                row = int((height - 1 - (event.y - top)) * rows / height)
                return number, panel, column, row
        return None

    def _hover(self, event):
        hit = self._hit(event)
        if hit is not None:
            self._active = hit[0]

    def _point(self, event):
        hit = self._hit(event)
        if hit is None:
            return
        self.canvas.focus_set()
        self._active, panel, column, row = hit
        if self.scene.mode == ALL and panel.item != self.scene.item:
            self.side.choose(panel.item)
        self.scene.point(panel, column, row)
        self.refresh()

    def _panel(self):
        return self._places[min(self._active, len(self._places) - 1)][0]

    def _wheel(self, event, planes):
        self._hover(event)
        self._through(planes)

    def _through(self, planes):
        self.scene.step(self._panel().axis, planes)
        self.refresh()

    def _move(self, across, up, event):
        if isinstance(event.widget, (tk.Entry, ttk.Entry, tk.Listbox, tk.Scale, ttk.Combobox)):
            return  # the key is for that one
        panel = self._panel()
        column, row = self.scene.cursor(panel)
        self.scene.point(panel, column + across, row + up)
        self.refresh()

    # --------------------------- What buttons do -------------------------------------------------
    def save(self, file=None):
        """Save what is seen as a picture; ask for its name, unless one is given."""
        if file is None:
            file = filedialog.asksaveasfilename(
                parent=self.root, defaultextension=".png", filetypes=[("PNG", "*.png")]
            )
        if not file:
            return
        size = self._extent()
        page = Image.new("RGB", size, "white")
        for panel, left, top, width, height, *_ in self._places:
            pixels = Image.fromarray(self.scene.picture(panel)[::-1])
            page.paste(pixels.resize((width, height), Image.Resampling.NEAREST), (left, top))
        page.save(file)

    def close(self):
        """Close the window."""
        self.root.destroy()

    def _forget(self, event):
        if event.widget is self.root and self._due is not None:
            self.root.after_cancel(self._due)
            self._due = None


def _shortened(text, width):
    """A title that fits over a picture so many pixels wide."""
    most = max(6, width // 7)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _arranged(scene, panels, width, height):
    """Left, top, width and height in pixels of each picture: as large as all of them can be."""
    sizes = [scene.size(panel) for panel in panels]
    largest = max(across for across, _ in sizes), max(up for _, up in sizes)
    columns = 3 if scene.mode == TWO else _bestColumns(len(panels), largest, width, height)
    rows = -(-len(panels) // columns)
    cell = (width - _SPACE) / columns - _SPACE, (height - _SPACE) / rows - _SPACE - _TITLE
    scale = min(min(cell[0] / across, cell[1] / up) for across, up in sizes)
    boxes = []
    for number, (across, up) in enumerate(sizes):
        row, column = divmod(number, columns)
        left = _SPACE + column * (cell[0] + _SPACE)
        top = _SPACE + _TITLE + row * (cell[1] + _SPACE + _TITLE)
        wide, high = (max(1, int(scale * length)) for length in (across, up))
        boxes.append((int(left), int(top), wide, high))
    return boxes


def _bestColumns(count, size, width, height):
    """Columns with which so many pictures of one size are largest."""

    def scale(columns):
        rows = -(-count // columns)
        return min(width / columns / size[0], (height / rows - _TITLE) / size[1])

    return max(range(1, count + 1), key=scale)
