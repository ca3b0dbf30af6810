"""Execute the notebooks and store their outputs.

    python docs/notebooks/execute.py [NAME.ipynb ...]

A notebook opens in Jupyter as it is. This script needs no Jupyter: lines that begin with
`!occupy-core` run in this process, what is printed becomes the output of the cell, and so do
the figures of matplotlib. The temporary folder is left out, and so are lines of progress, which
depend on the speed of the machine. The same versions write the same file.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from occupy_core.commands.main import main as occupy_core

HERE = Path(__file__).parent
_DPI = 72


class CellError(Exception):
    """A cell does not run."""


def command(line: str) -> None:
    """Run the program as a line of a notebook does."""
    status = occupy_core(shlex.split(line)[1:])
    if status:
        raise CellError(f"{line} ended with status {status}")


def as_python(source: str) -> str:
    """A cell with its lines of the shell as calls."""
    joined = source.replace("\\\n", " ")
    return re.sub(
        r"^!(occupy-core .*)$", lambda m: f"_command({m[1]!r})", joined, flags=re.MULTILINE
    )


def outputs_of(printed: str) -> list[dict[str, Any]]:
    """What a cell has printed and drawn, as Jupyter stores it."""
    outputs: list[dict[str, Any]] = []
    printed = printed.replace(f"{Path.cwd()}/", "").replace(f"{Path.cwd()}", ".")
    printed = re.sub(r"^ *\d+ %  .*\n", "", printed, flags=re.MULTILINE)
    if printed:
        text = printed.splitlines(keepends=True)
        outputs.append({"name": "stdout", "output_type": "stream", "text": text})
    for number in plt.get_fignums():
        figure = plt.figure(number)
        stream = io.BytesIO()
        figure.savefig(stream, dpi=_DPI, metadata={"Software": None})
        width, height = figure.get_size_inches() * _DPI
        data = {
            "image/png": base64.b64encode(stream.getvalue()).decode(),
            "text/plain": [f"<Figure size {width:.0f}x{height:.0f}>"],
        }
        outputs.append({"data": data, "metadata": {}, "output_type": "display_data"})
    plt.close("all")
    return outputs


def executed(notebook: dict[str, Any]) -> dict[str, Any]:
    """Run the cells of a notebook in order, in a fresh namespace, and return it with new outputs.

    Raises
    ------
    CellError
        When a cell fails, with its source.
    """
    before, path = Path.cwd(), list(sys.path)
    sys.path.insert(0, str(HERE))  # as for a notebook that is opened in its folder
    plt.switch_backend("Agg")
    names: dict[str, Any] = {"_command": command}
    cells, count = [], 0
    try:
        for cell in notebook["cells"]:
            new = dict(cell)
            if cell["cell_type"] == "code":
                count += 1
                printed, source = io.StringIO(), "".join(cell["source"])
                try:
                    with contextlib.redirect_stdout(printed):
                        exec(compile(as_python(source), "a cell", "exec"), names)
                except Exception as error:
                    raise CellError(f"{error!r} in the cell:\n{source}") from error
                new.update(outputs=outputs_of(printed.getvalue()), execution_count=count)
            cells.append(new)
    finally:
        sys.path[:] = path
        made = Path.cwd()
        os.chdir(before)
        if made != before:
            shutil.rmtree(made)
    return {**notebook, "cells": cells}


def main() -> None:
    """Execute those that are named, or all."""
    for path in [Path(name) for name in sys.argv[1:]] or sorted(HERE.glob("*.ipynb")):
        notebook = executed(json.loads(path.read_text(encoding="utf-8")))
        text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)
        path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
