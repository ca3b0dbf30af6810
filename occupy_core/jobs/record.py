"""What all jobs have in common: what they return, and the record that runs them again."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from occupy_core.errors import OccupyWarning, ParameterError

# How a job is run, not what it computes: not part of the record.
NOT_RECORDED = ("outdir", "threads", "force")


@dataclass(frozen=True)
class JobResult:
    """What a job wrote.

    Parameters
    ----------
    files : dict of str to Path
        The files by what they are (see `output_names`).
    result : dict
        The record, as in result_X.json.
    warnings : tuple of str
        Sentences the user should read.
    """

    files: dict[str, Path]
    result: dict[str, Any]
    warnings: tuple[str, ...]


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
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ParameterError(f"{path} cannot be read: {error.strerror}; check the path.") from error
    except ValueError as error:
        raise ParameterError(f"{path} is not a JSON file ({error}); check the path.") from error
    if not isinstance(record, dict):
        raise ParameterError(f"{path} does not hold the parameters of a job; check the path.")
    return record


@contextmanager
def recorded_warnings() -> Iterator[list[str]]:
    """Collect the sentences of every OccupyWarning; other warnings pass."""
    recorded: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always", OccupyWarning)
        show = warnings.showwarning

        def remember(
            message: Warning | str, category: type[Warning], *place: Any, **more: Any
        ) -> None:
            if not issubclass(category, OccupyWarning):
                show(message, category, *place, **more)
            elif str(message) not in recorded:
                recorded.append(str(message))

        warnings.showwarning = remember
        yield recorded
