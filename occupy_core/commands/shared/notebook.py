"""Notebooks that a run writes: cells of Python, and their outputs when they are executed here.

The format is that of Jupyter (nbformat 4.5), which is JSON; neither Jupyter nor a kernel is needed.
A cell that is executed runs in this process. What it prints and the value of its last line become
its outputs, as Jupyter stores them. The same cells on the same files give the same bytes.
"""

from __future__ import annotations

import ast
import base64
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FOLDER: ContextVar[Path | None] = ContextVar("folder", default=None)


@dataclass(frozen=True)
class Cell:
    """One cell.

    Parameters
    ----------
    kind : str
        "markdown" or "code".
    source : str
    """

    kind: str
    source: str


@contextmanager
def opened_in(folder: Path | None) -> Iterator[None]:
    """Let `beside_notebook` start from a folder, as if a notebook was opened there."""
    token = _FOLDER.set(folder)
    try:
        yield
    finally:
        _FOLDER.reset(token)


def beside_notebook(name: str | Path) -> Path:
    """Return the path of a file that a notebook names, relative to its own folder."""
    folder = _FOLDER.get()
    return Path(name) if folder is None else folder / name


def notebook_text(cells: Sequence[Cell], *, run_in: Path | None = None) -> str:
    """Return a notebook as text, with the outputs of its cells when they are executed.

    Parameters
    ----------
    cells : sequence of Cell
    run_in : Path, optional
        Where the files lie that the cells name: they are executed there, in order. Without it they
        are left to whoever opens the notebook.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    written, count = [], 0
    with opened_in(run_in):
        for number, cell in enumerate(cells, start=1):
            plain: dict[str, Any] = {
                "cell_type": cell.kind,
                "id": f"cell-{number}",
                "metadata": {},
                "source": cell.source.splitlines(keepends=True),
            }
            if cell.kind == "code":
                plain |= {"execution_count": None, "outputs": []}
            if cell.kind == "code" and run_in is not None:
                count += 1
                plain |= {"execution_count": count, "outputs": _run(cell.source, names, count)}
            written.append(plain)
    notebook = {
        "cells": written,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _run(source: str, names: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Run a cell and return its outputs."""
    printed = io.StringIO()

    def print_here(*values: object, sep: str = " ", end: str = "\n") -> None:
        printed.write(sep.join(map(str, values)) + end)

    names["print"] = print_here  # sys.stdout belongs to the program around us
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "a cell", "exec"), names)
    value = None
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), "a cell", "eval"), names)
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        text = printed.getvalue().splitlines(keepends=True)
        outputs.append({"name": "stdout", "output_type": "stream", "text": text})
    if value is not None:
        data: dict[str, Any] = {"text/plain": repr(value).splitlines(keepends=True)}
        if hasattr(value, "_repr_png_"):
            data["image/png"] = base64.b64encode(value._repr_png_()).decode() + "\n"
        outputs.append(
            {
                "data": data,
                "execution_count": count,
                "metadata": {},
                "output_type": "execute_result",
            }
        )
    return outputs
