"""Given tables of thresholds: one for each volume, as programs and spreadsheets write them.

Columns are separated by commas, or by semicolons or tabs as spreadsheets do where the comma is the
sign of decimals; the way by which most lines name a volume is taken. A number that can be read in
two ways is refused.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from occupy_core.commands.shared.quoting import csv_name, one_line
from occupy_core.errors import ParameterError
from occupy_core.files import read_plain
from occupy_core.maps.mrc import map_name

# What the columns may be called: as in thresholds.csv, or as SIREN does.
_VALUE_HEADS = ("threshold", "denormalized_predictions")
_VOLUME_HEADS = ("volume", "", "unnamed: 0", "vol")
_SEPARATORS = (",", ";", "\t")
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # by which spreadsheets name theirs
_PAIR = 2  # [words] a volume and its threshold


def read_thresholds(path: Path, names: Sequence[str]) -> tuple[dict[str, float], list[str]]:
    """Read a table of thresholds.

    Parameters
    ----------
    path : Path
        Lines ``volume,threshold``, with a head or without, or with more columns (as the
        thresholds.csv that is written, and as SIREN's predictions.csv). A volume stands there by
        its name, its file name or its path.
    names : sequence of str
        Names of the volumes.

    Returns
    -------
    thresholds : dict of str to float
        By the names of the volumes, of those that the table has.
    warnings : list of str
        What the table has besides.

    Raises
    ------
    ParameterError
        When the file cannot be read, a threshold is no number or may be two, or a volume stands
        there twice.
    """
    table = _table(path, _text(path), names)
    found: dict[str, float] = {}
    unknown: list[str] = []
    for number, row in table.lines:
        value = _number(table.cell(row), table.decimal)
        if value is None or len(row) > table.width:
            raise ParameterError(
                f"Line {number} of {path} is '{one_line(table.separator.join(row))}' but must hold "
                "a volume and its threshold, as in vol_1,0.8; correct it. Where decimals are set "
                "off by commas, separate the columns by semicolons."
            )
        given = row[table.of_name].strip()
        name = table.volume(row, names)
        if name is None:
            unknown.append(given)
        elif found.setdefault(name, value) != value:
            raise ParameterError(f"{path} has two thresholds for {name}; leave one of them.")
    if not unknown:
        return found, []
    return found, [
        f"{path} has thresholds for {len(unknown)} volumes that are not given, such as "
        f"{one_line(unknown[0])}; they were not used."
    ]


@dataclass(frozen=True, kw_only=True)
class _Table:
    """Lines of a table, with their numbers, and where in them volume and threshold stand."""

    separator: str
    lines: list[tuple[int, list[str]]]
    of_name: int
    of_value: int
    width: int
    written: dict[str, str]
    decimal: str = "."

    def cell(self, row: Sequence[str]) -> str:
        """What stands for the threshold."""
        return row[self.of_value] if self.of_value < len(row) else ""

    def is_row(self, row: Sequence[str], names: Sequence[str]) -> bool:
        """Whether the first line is one of the table, and no head."""
        numbers = (_number(self.cell(row), sign) for sign in ".,")
        return any(n is not None for n in numbers) or self.volume(row, names) is not None

    def volume(self, row: Sequence[str], names: Sequence[str]) -> str | None:
        """The volume of a row; None when it is not given."""
        given = row[self.of_name] if self.of_name < len(row) else ""
        stripped = given.strip()
        name = self.written.get(given) or self.written.get(stripped) or map_name(stripped)
        return name if name in names else None


def _text(path: Path) -> str:
    try:
        return read_plain(path).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text"
        raise ParameterError(
            f"The table of thresholds {path} cannot be read: {reason}; check the path."
        ) from error


def _table(path: Path, text: str, names: Sequence[str]) -> _Table:
    """Read the lines with the separator by which most of them name a volume."""
    told = _SEPARATOR_LINE.match(text)
    separators = _SEPARATORS if told is None else (told[1],)
    skipped = 0 if told is None else 1
    text = text if told is None else text[told.end() :]
    try:
        tables = [_separated(text, separator, names, skipped) for separator in separators]
    except csv.Error as error:
        raise ParameterError(f"{path} is no table of thresholds ({error}).") from error

    def understood(table: _Table) -> int:
        return sum(table.volume(row, names) is not None for _, row in table.lines)

    return max(tables, key=understood)


def _separated(text: str, separator: str, names: Sequence[str], skipped: int) -> _Table:
    rows = csv.reader(io.StringIO(text, newline=None), delimiter=separator)
    lines = [(n, row) for n, row in enumerate(rows, start=1 + skipped) if any(row)]
    written = {csv_name(name): name for name in names}
    plain = _Table(
        separator=separator, lines=lines, of_name=0, of_value=1, width=_PAIR, written=written
    )
    table = plain
    if lines and not plain.is_row(lines[0][1], names):
        head = [cell.strip().lower() for cell in lines[0][1]]
        of_value = next((head.index(name) for name in _VALUE_HEADS if name in head), 1)
        of_name = next((head.index(name) for name in _VOLUME_HEADS if name in head), 0)
        table = replace(
            plain,
            lines=lines[1:],
            of_name=of_name,
            of_value=of_value,
            width=max(len(head), _PAIR),
        )
    cells = [table.cell(row) for _, row in table.lines]
    commas = any("," in cell for cell in cells) and not any("." in cell for cell in cells)
    return replace(table, decimal=",") if commas else table


def _number(text: str, decimal: str = ".") -> float | None:
    try:
        value = float(text if decimal == "." else text.replace(decimal, "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
