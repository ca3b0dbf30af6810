"""What a command says at its end: the files that it wrote, and the commands that show them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path


def written(folder: Path, names: Mapping[str, str]) -> list[str]:
    """Return the lines that name what was written, and how to look at it.

    The commands can be pasted into a shell as they stand, whatever the folder is called.

    Parameters
    ----------
    folder : Path
    names : mapping of str to str
        Names of the files in it, by what they are.
    """
    lines = [f"Written to {folder}:", *(f"  {name}" for name in names.values())]
    if "chimerax" in names:
        lines.append(f"To look at it: chimerax {shlex.quote(str(folder / names['chimerax']))}")
    if "report" not in names:
        lines.append(f"In a browser: occupy-core report {shlex.quote(str(folder))} --open")
    return lines
