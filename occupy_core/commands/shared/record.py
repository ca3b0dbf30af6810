"""Records of runs and files of parameters: how they are read, and what changed since."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from occupy_core.commands.shared.quoting import one_line
from occupy_core.errors import ParameterError
from occupy_core.files import read_plain


def read_job_values(path: Path) -> dict[str, Any]:
    """Read the values of a job as they stand in a params.json or in a record."""
    values = read_record(path)
    values = values.get("job", values)
    if not isinstance(values, dict):
        raise ParameterError(f"{path} does not hold the parameters of a job; check the path.")
    return values


def read_record(path: Path) -> dict[str, Any]:
    """Read a params.json or the record of an earlier run, whole."""
    try:
        record = json.loads(read_plain(path).decode("utf-8-sig"))
    except OSError as error:
        raise ParameterError(f"{path} cannot be read: {error.strerror}; check the path.") from error
    except (ValueError, RecursionError) as error:
        raise ParameterError(f"{path} is not a JSON file ({error}); check the path.") from error
    if not isinstance(record, dict):
        raise ParameterError(f"{path} does not hold the parameters of a job; check the path.")
    return record


@contextmanager
def as_written(records: Sequence[Path]) -> Iterator[None]:
    """Say that a record is damaged, or was edited, when what is needed of it is not there.

    Raises
    ------
    ParameterError
        With the records that are used inside.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        named = ", ".join(str(path) for path in records)
        found = one_line(f"{type(error).__name__}: {error}")
        raise ParameterError(
            f"{named} cannot be used, for something in it is missing or is not as it was written "
            f"({found}); run the command again."
        ) from error


def file_beside(record: Path, name: Any) -> Path:
    """Return an output that a record names, which lies in its own folder.

    Raises
    ------
    ParameterError
        When the name is that of another place: the record was edited.
    """
    if not isinstance(name, str) or Path(name).name != name or name == ".." or "\0" in name:
        raise ParameterError(
            f"{record} names the file {name!r}, which is none of its folder; give the record as it "
            "was written."
        )
    return record.parent / name


def record_text(record: Mapping[str, Any]) -> str:
    """Write a record as JSON, which has no word for a number that is not finite: null."""
    return json.dumps(_finite(record), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value


def changed_inputs(before: Path | None, record: dict[str, Any]) -> list[str]:
    """Say which inputs are not those of the record that was run again.

    Parameters
    ----------
    before : Path, optional
        The earlier record, or a params.json, which has no checksums.
    record : dict
        That of the new run.
    """
    entries = {} if before is None else read_record(before).get("inputs")
    if not isinstance(entries, dict):
        return []
    written = [entry for entry in entries.values() if isinstance(entry, dict)]
    known = {str(entry.get("file")): entry.get("sha256") for entry in written}
    changed = [
        entry["file"]
        for entry in record["inputs"].values()
        if known.get(entry["file"], entry["sha256"]) != entry["sha256"]
    ]
    if not changed:
        return []
    more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
    return [
        f"The input {changed[0]}{more} has changed since {before} was written, so the results "
        "differ from those."
    ]
