"""How a text that comes from outside stands in each kind of output: as itself, and as nothing else.

Names of files, of maps and of chains, records, models and tables are made by anybody. None of what
they hold may end the line, the cell or the element it stands in, and be run as a command, a formula
or a script by the program that reads the output.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from occupy_core.errors import ParameterError

if TYPE_CHECKING:
    from pathlib import Path

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet computes a cell that starts so
# https://owasp.org/www-community/attacks/CSV_Injection
_LONGEST_IN_FIGURE = 60  # characters  # [guard] a longer name leaves no room for the figure
# Controls, ends of lines, what turns the direction of writing, and bytes that are not UTF-8.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_STAR_RESERVED = re.compile(r"(data_|loop_|save_|stop_|global_)", re.IGNORECASE)


def one_line(text: str) -> str:
    r"""Write a text for a log or a terminal: what cannot be seen as its escape (\n, \x1b …).

    A name can then neither begin a line of its own nor command the terminal. Letters of all
    languages stay as they are.
    """
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def chimerax_path(path: Path) -> str:
    """Write a file name as ChimeraX reads it: absolute, between quotation marks.

    File names have no escapes there: a name ends at its quotation mark followed by white space or
    by the end of the line.

    Raises
    ------
    ParameterError
        When the name ends both kinds of quotation marks, or the line, or is not UTF-8.
    """
    text = os.path.abspath(path)  # noqa: PTH100 - resolve() would follow the links of a project
    if not _UNSEEN.search(text):
        for mark in ('"', "'"):
            if not re.search(mark + r"(\s|$)", text):
                return mark + text + mark
    raise ParameterError(
        f"ChimeraX cannot open a file named {text!r}; rename it or leave out the ChimeraX script."
    )


def chimerax_text(text: str) -> str:
    """Write a text for a label or a name in ChimeraX; there a backslash starts an escape."""
    words = " ".join(text.split()).replace("\\", "\\\\").replace('"', "'")
    return f'"{one_line(words)}"'


def chimerax_comment(text: str) -> str:
    """Write a comment for a ChimeraX script, which ends with its line."""
    return f"# {one_line(' '.join(text.split()))}"


def csv_text(
    columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, digits: int | None = None
) -> str:
    """Write rows as comma-separated values under a head.

    Parameters
    ----------
    columns : sequence of str
        Keys of the rows, in the order of the columns.
    rows : iterable of mapping
        None and NaN become an empty cell, true and false 1 and 0, several texts one with
        semicolons.
    digits : int, optional
        Significant digits of the numbers; by default all.
    """
    lines = [",".join(csv_cell(name) for name in columns)]
    lines += [",".join(csv_cell(row[name], digits) for name in columns) for row in rows]
    return "\n".join(lines) + "\n"


def csv_cell(value: Any, digits: int | None = None) -> str:
    """Write a value for a cell.

    A text that a spreadsheet would compute has a ' before it, and one that holds what separates
    cells, also where that is the semicolon, stands between quotation marks.
    """
    if isinstance(value, bool):
        return str(int(value))
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and digits is not None:
        return f"{value:.{digits}g}"
    if isinstance(value, int | float):
        return str(value)
    text = csv_name("; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',;"\r\n') else text


def csv_name(text: str) -> str:
    """Return what a reader of the table finds in the cell of a text."""
    return "'" + text if text.startswith(_FORMULA) else text


def figure_text(text: str) -> str:
    r"""Write a text for a figure, where $ begins a formula, and _ a label that is not shown."""
    shown = one_line(text)
    if len(shown) > _LONGEST_IN_FIGURE:
        shown = f"{shown[: _LONGEST_IN_FIGURE // 2]}…{shown[-_LONGEST_IN_FIGURE // 2 :]}"
    shown = shown.replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def html_text(text: str) -> str:
    """Write a text for the content of an HTML element or for a value between quotation marks."""
    import html  # takes time, which the other kinds do not need

    return html.escape(one_line(text), quote=True)


def star_value(value: Any) -> str:
    """Write a value for a STAR file: one word of its loop or pair, whatever the value holds.

    Raises
    ------
    ParameterError
        When STAR has no way to write the text.
    """
    text = str(value)
    if text and not _UNSEEN.search(text):
        special = text[0] in "_#$'\"[];" or text in (".", "?") or _STAR_RESERVED.match(text)
        if not special and " " not in text:
            return text
        for mark in ('"', "'"):
            if mark + " " not in text + " ":
                return mark + text + mark
    raise ParameterError(f"A STAR file cannot hold the text {text!r}; rename what has that name.")
