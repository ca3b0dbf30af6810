# SPDX-License-Identifier: GPL-3.0-or-later
"""A window with a table: sorted by a click, saved as csv."""

import csv
import tkinter as tk
from tkinter import filedialog, ttk

from pyworkflow.viewer import View

_WIDEST, _NARROWEST, _LETTER = 320, 60, 8  # pixels, of a column and of a letter
_MEASURED = 200  # rows by which the columns are made wide enough
_NOTHING = 1e-12  # what a computer makes of zero
_MOST_ROWS = 5000  # shown; a set of particles has millions


class TableView(View):
    """Shows a table in a window of its own.

    Parameters
    ----------
    title : str
    columns : sequence of str
    rows : sequence of sequences
        None: not known.
    words : sequence of str
        Sentences above the table: the answer first.
    master : tkinter widget or None
    actions : dict
        Text of a button: what it does.
    """

    def __init__(self, title, columns, rows, words=(), master=None, actions=None):
        super().__init__()
        self.title, self.columns, self.rows = title, list(columns), [list(row) for row in rows]
        self.words, self.actions = list(words), actions or {}
        self._master = master

    def show(self):
        self.window = TableWindow(self, self._master)


class TableWindow:
    """The window of a `TableView`."""

    def __init__(self, view, master):
        self.root = tk.Toplevel(master) if master is not None else tk.Tk()
        self.root.title(view.title)
        if view.words:
            label = tk.Label(
                self.root, text="\n".join(view.words), justify="left", wraplength=780, anchor="w"
            )
            label.pack(fill="x", padx=8, pady=6)
        self.table = Table(self.root, view.columns, view.rows)
        self.table.frame.pack(fill="both", expand=True, padx=8)
        row = ttk.Frame(self.root)
        row.pack(fill="x", padx=8, pady=6)
        ttk.Button(row, text="Close", command=self.root.destroy).pack(side="right")
        ttk.Button(row, text="Save as csv", command=self.table.save).pack(side="right")
        for text, action in view.actions.items():
            ttk.Button(row, text=text, command=action).pack(side="left")


class Table:
    """A table in a window.

    Parameters
    ----------
    parent : tkinter widget
    columns, rows
        As in `TableView`.
    chose : callable, optional
        Takes the number of a row that was clicked.
    height : int
        Rows that are seen.
    """

    def __init__(self, parent, columns, rows, chose=None, height=12):
        self._columns, self._rows, self._falling = columns, rows, {}
        self.frame = ttk.Frame(parent)
        self.tree = ttk.Treeview(
            self.frame, columns=list(range(len(columns))), show="headings", height=height
        )
        for number, name in enumerate(columns):
            self.tree.heading(number, text=name, command=lambda n=number: self.sort(n))
            words = [name, *(_text(row[number]) for row in rows[:_MEASURED])]
            wide = max(map(len, words)) * _LETTER + 16
            isNumber = all(isinstance(row[number], (int, float, type(None))) for row in rows)
            self.tree.column(
                number,
                width=min(max(wide, _NARROWEST), _WIDEST),
                anchor="e" if isNumber else "w",
                stretch=False,
            )
        across = ttk.Scrollbar(self.frame, orient="horizontal", command=self.tree.xview)
        down = ttk.Scrollbar(self.frame, orient="vertical", command=self.tree.yview)
        self.tree.configure(xscrollcommand=across.set, yscrollcommand=down.set)
        across.pack(side="bottom", fill="x")
        down.pack(side="right", fill="y")
        self.tree.pack(fill="both", expand=True)
        self._fill(range(len(rows)))
        if chose is not None:
            self.tree.bind("<<TreeviewSelect>>", lambda event: self._chosen(chose))

    def _chosen(self, chose):
        chosen = self.tree.selection()
        if chosen:
            chose(int(chosen[0]))

    def _fill(self, order):
        self.tree.delete(*self.tree.get_children())
        for number in list(order)[:_MOST_ROWS]:
            values = [_text(value) for value in self._rows[number]]
            self.tree.insert("", "end", iid=str(number), values=values)

    def texts(self):
        """What stands in the rows, from top to bottom."""
        return [self.tree.item(row, "values") for row in self.tree.get_children()]

    def sort(self, column):
        """Sort by a column; once more, the other way round. What is not known comes last."""
        falling = self._falling[column] = not self._falling.get(column, True)
        rows = self._rows
        known = [i for i, row in enumerate(rows) if row[column] is not None]
        known.sort(key=lambda i: _key(rows[i][column]), reverse=falling)
        self._fill([*known, *(i for i, row in enumerate(rows) if row[column] is None)])

    def save(self, file=None):
        """Save the table as csv; ask for its name, unless one is given."""
        if file is None:
            file = filedialog.asksaveasfilename(
                parent=self.frame, defaultextension=".csv", filetypes=[("csv", "*.csv")]
            )
        if not file:
            return
        with open(file, "w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(self._columns)
            writer.writerows(["" if v is None else v for v in row] for row in self._rows)


def columnsOf(items):
    """Names and rows of what a set holds: ours and what everyone needs, not Scipion's own.

    Parameters
    ----------
    items : iterable of EMObject
        As a set yields them; each may be the same object again.
    """
    names, rows = [], []
    for item in items:
        attributes = [(name, a) for name, a in item.getAttributesToStore() if name[0] != "_"]
        if not names:
            names = [name for name, _ in attributes]
        known = {name: a.get() for name, a in attributes if hasattr(a, "get")}
        label = item.getObjLabel()
        rows.append([item.getObjId(), label or None, *(known.get(name) for name in names)])
    header = ["id", "name", *names]
    if rows and all(row[1] is None for row in rows):
        header.pop(1)
        rows = [[row[0], *row[2:]] for row in rows]
    return header, rows


def _text(value):
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    return "0" if abs(value) < _NOTHING else f"{value:.4g}"


def _key(value):
    return (0, value, "") if isinstance(value, (int, float)) else (1, 0, str(value))
