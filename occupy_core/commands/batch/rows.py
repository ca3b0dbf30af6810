"""What is to be done: a table, a JSON list or a folder of maps, one job a row."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from occupy_core.commands.batch.kinds import KINDS, arguments_of, is_option, kind_of, split_command
from occupy_core.commands.shared.staging import os_sentence
from occupy_core.errors import OccupyError, ParameterError
from occupy_core.files import read_plain
from occupy_core.maps.ensemble import volumes_in
from occupy_core.maps.mrc import map_name

NAME, COMMAND = "job", "command"  # the two columns that are no options
# Fields by which a job without a name is called, the first that it has.
_NAMING = ("map", "maps", "volumes", "volumes_dir", "half1", "particles", "params")


@dataclass(frozen=True)
class Row:
    """One job as it was asked for.

    Parameters
    ----------
    name : str
        Name of its folder; unique in the batch.
    command : str
    given : mapping
        Values of its options by field; empty when they are wrong.
    problem : str
        What is wrong with them; empty when nothing is.
    """

    name: str
    command: str
    given: Mapping[str, Any]
    problem: str = ""


def read_rows(jobs: Path, command: str) -> list[Row]:
    """Read the jobs of a batch.

    Parameters
    ----------
    jobs : Path
        A CSV table with a header, a JSON list of objects, or a folder of maps.
    command : str
        Command and options of each job; what a row says replaces them.

    Raises
    ------
    ParameterError
        When the table cannot be read, is empty, or has a column that no command knows.
    """
    if jobs.is_dir():
        return rows_of(({"": path} for path in volumes_in(jobs)), command)
    records = _json_rows(jobs) if jobs.suffix.lower() == ".json" else _csv_rows(jobs)
    if not records:
        raise ParameterError(f"{jobs} has no job; write one in each line below the heads.")
    _require_known_columns(jobs, records, command)
    return rows_of(records, command)


def rows_of(records: Iterable[Mapping[str, Any]], command: str) -> list[Row]:
    """Make rows of records; the key "" stands for what the command takes without an option."""
    default, common = split_command(command)
    taken: set[str] = set()
    return [_row(record, default, common, taken) for record in records]


def _row(record: Mapping[str, Any], default: str, common: Sequence[str], taken: set[str]) -> Row:
    command = str(record.get(COMMAND) or "").strip() or default
    cells = {key: value for key, value in record.items() if key not in (NAME, COMMAND, "")}
    given: Mapping[str, Any] = {}
    problem = ""
    try:
        own = arguments_of(command, cells)
        own += [os.fspath(record[""])] if "" in record else []
        # Options of the whole batch are those of its command; other commands have others.
        words = [*(common if command == default else ()), *own]
        given, _ = kind_of(command).command.with_maps(words)
    except OccupyError as error:
        problem = str(error)
    except OSError as error:  # a name that no file can have
        problem = os_sentence(error)
    wanted = str(record.get(NAME) or "").strip() or _called(command, given) or "job"
    if wanted in (".", "..") or os.sep in wanted or "\0" in wanted or wanted.startswith("."):
        problem = problem or (
            f"The name of the job is '{wanted}' but must be that of a folder; correct the column "
            f"{NAME}."
        )
        wanted = "job"
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    taken.add(name)
    return Row(name, command, given, problem)


def _called(command: str, given: Mapping[str, Any]) -> str:
    """Name a job by its first map, or by the file it takes in place of one."""
    for field in _NAMING:
        value = given.get(field)
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, Path):
            return map_name(first)
    return command.replace(" ", "_")


def _csv_rows(path: Path) -> list[dict[str, Any]]:
    try:
        text = read_plain(path).decode("utf-8-sig")
    except OSError as error:
        raise ParameterError(f"{path} cannot be read: {error.strerror}; check the path.") from error
    except UnicodeDecodeError as error:
        raise ParameterError(f"{path} is not a table in UTF-8; save it as CSV.") from error
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        return []
    separator = max(",;\t", key=lines[0].count)
    try:
        reader = csv.DictReader(lines, delimiter=separator, skipinitialspace=True, strict=True)
        rows = [dict(row) for row in reader]
    except csv.Error as error:
        raise ParameterError(f"{path} is not a CSV table ({error}); correct it.") from error
    for number, row in enumerate(rows, start=1):
        if None in row:
            raise ParameterError(
                f"Row {number} of {path} has more cells than there are heads; put a text with "
                f"'{separator}' into quotation marks."
            )
    return [{str(key).strip(): value for key, value in row.items()} for row in rows]


def _json_rows(path: Path) -> list[dict[str, Any]]:
    try:
        rows = json.loads(read_plain(path).decode("utf-8"))
    except OSError as error:
        raise ParameterError(f"{path} cannot be read: {error.strerror}; check the path.") from error
    except (ValueError, RecursionError) as error:
        raise ParameterError(f"{path} is not a JSON file ({error}); check the path.") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ParameterError(
            f"{path} must hold a list of jobs, each an object of options; write it as in "
            '[{"command": "scale", "map": "a.mrc"}].'
        )
    return rows


def _require_known_columns(path: Path, rows: Sequence[Mapping[str, Any]], command: str) -> None:
    """Raise when a column is an option of none of the commands: nothing was computed yet."""
    default, _ = split_command(command)
    named = {str(row.get(COMMAND) or "").strip() or default for row in rows}
    known = [name for name in KINDS if name in named]
    columns = dict.fromkeys(key for row in rows for key in row if key not in (NAME, COMMAND))
    lost = [key for key in columns if not any(is_option(name, key) for name in known)]
    if lost and known:
        raise ParameterError(
            f"{path} has the column {lost[0]}, which is no option of {' or '.join(known)}; name "
            f"columns as the options without dashes, besides {NAME} and {COMMAND}."
        )
