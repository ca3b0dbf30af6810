"""What all jobs have in common: how they are run, what they return, and the record of them."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from occupy_core.errors import OccupyWarning, ParameterError
from occupy_core.maps.threads import threads
from occupy_core.staging import refuse_outputs, staged_outputs

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


class Job(Protocol):
    """What every job has: inputs by the field that names them, and how it is to be run."""

    @property
    def outdir(self) -> Path:
        """Folder for everything that is written."""

    @property
    def force(self) -> bool:
        """Whether outputs that exist are replaced."""

    @property
    def threads(self) -> int | None:
        """Number of threads; None means all cores."""

    @property
    def inputs(self) -> dict[str, Path]:
        """The files that are read, by the field that names them."""

    def problems(self) -> list[str]:
        """Return one sentence for each parameter outside its limits."""


def absolute(path: Path) -> Path:
    """Return a path that a record can hold, to be used from any folder.

    Links stay as they are, and the ending by which Scipion marks volumes is no part of the name.
    """
    return Path(os.path.abspath(str(path).removesuffix(":mrc")))  # noqa: PTH100


@contextmanager
def staged_job(job: Job, names: dict[str, str]) -> Iterator[tuple[Path, list[str]]]:
    """Check a job, and let its outputs appear together when all are complete.

    Yields the folder to write into and the list that collects the sentences of warnings. A run
    that fails or is interrupted leaves the output folder as it was.

    Parameters
    ----------
    job : Job
    names : dict of str to str
        Names of the files to be written, in the order in which they are to appear; may grow inside
        the block when their number depends on what is found.

    Raises
    ------
    ParameterError
        When a parameter is outside its limits.
    OutputError
        When an output exists (unless forced) or cannot be written.
    """
    problems = job.problems()
    if problems:
        raise ParameterError(*problems)
    inputs = list(job.inputs.values())
    refuse_outputs(job.outdir, names.values(), inputs, force=job.force)
    with (
        recorded_warnings() as recorded,
        threads(job.threads),
        staged_outputs(job.outdir) as staging,
    ):
        yield staging.folder, recorded
        # Once more, for another run may have written meanwhile.
        refuse_outputs(job.outdir, names.values(), inputs, force=job.force)
        staging.commit(names.values())


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
