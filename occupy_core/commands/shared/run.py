"""What all jobs have in common: how they are run, what they return, and the record of them."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np

from occupy_core.commands.shared.plain_values import from_dict, to_dict
from occupy_core.commands.shared.plots import save_figure
from occupy_core.commands.shared.provenance import Checksums
from occupy_core.commands.shared.staging import output_errors, refuse_outputs, staged_outputs
from occupy_core.errors import EstimationError, MapFormatError, OccupyWarning, ParameterError
from occupy_core.maps.filters import kernels_loading
from occupy_core.maps.grid import DensityMap, require_same_grid
from occupy_core.maps.mrc import read_map, require_varying, write_map
from occupy_core.maps.threads import threads
from occupy_core.progress import Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# How a job is run, not what it computes: not part of the record.
NOT_RECORDED = ("outdir", "threads", "force")
_LONGEST_NAME = 235  # bytes; file systems take 255, and unfinished files have an ending more


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

    def to_dict(self) -> dict[str, Any]:
        """Return the job as plain values."""

    @classmethod
    def load(cls, path: Path) -> Any:
        """Read a job of this kind from the record of an earlier run."""


AnyJob = TypeVar("AnyJob", bound=Job)
Described = TypeVar("Described", bound="JobBase")


class JobBase:
    """What job dataclasses share: their input files, and the way to a JSON file and back.

    A job names the fields that hold one input file each in `FILES`, and those that hold several in
    `SEVERAL`.
    """

    FILES: ClassVar[tuple[str, ...]] = ()
    SEVERAL: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        """Make the paths absolute."""
        for name in self.SEVERAL:
            object.__setattr__(self, name, tuple(absolute(path) for path in getattr(self, name)))
        for name in (*self.FILES, "outdir"):
            path = getattr(self, name)
            if path is not None:
                object.__setattr__(self, name, absolute(path))

    @property
    def inputs(self) -> dict[str, Path]:
        """The files that are read, by the field that names them; of several maps_1, maps_2 …."""
        found = {
            f"{field}_{i}": path
            for field in self.SEVERAL
            for i, path in enumerate(getattr(self, field), start=1)
        }
        single = {key: getattr(self, key) for key in self.FILES}
        return found | {key: path for key, path in single.items() if path is not None}

    def to_dict(self) -> dict[str, Any]:
        """Return the job as plain values, for a JSON file that `load` reads."""
        return to_dict(self)

    @classmethod
    def from_dict(
        cls: type[Described], values: Mapping[str, Any], where: str = "the job"
    ) -> Described:
        """Make a job from plain values; what is left out has its default."""
        return from_dict(cls, values, where)

    @classmethod
    def load(cls: type[Described], path: Path) -> Described:
        """Read a job from a params.json or from the record of an earlier run.

        Raises
        ------
        ParameterError
            When the file cannot be read or is neither.
        """
        return cls.from_dict(read_job_values(path), str(path))


def absolute(path: Path) -> Path:
    """Return a path that a record can hold, to be used from any folder.

    Links stay as they are, and the ending by which Scipion marks volumes is no part of the name.

    Raises
    ------
    ParameterError
        When no file can have that name.
    """
    if "\0" in str(path):
        raise ParameterError(f"{str(path)!r} is no name of a file; check the path.")
    return Path(os.path.abspath(str(path).removesuffix(":mrc")))  # noqa: PTH100


def half_map_problems(half1: Path | None, half2: Path | None) -> list[str]:
    """Return one sentence for each fault of a pair of half maps that shows in the names alone."""
    if (half1 is None) != (half2 is None):
        return ["Only one half map is given, but there must be two; give --half1 and --half2."]
    if half1 is not None and half1 == half2:
        return [f"Both half maps are {half1}; give the two halves."]
    return []


def read_half_maps(
    half1: Path, half2: Path, voxel_size: float | None
) -> tuple[DensityMap, DensityMap]:
    """Read two half maps.

    Raises
    ------
    MapFormatError, GridMismatchError
        When one cannot be used, or they lie on different grids.
    EstimationError
        When one is constant, or both hold the same density.
    """
    first, second = (read_map(path, voxel_size=voxel_size) for path in (half1, half2))
    require_varying(first)
    require_varying(second)
    require_same_grid(first, second, "half map 2")
    if np.array_equal(first.data, second.data):
        raise EstimationError(
            f"The half maps {half1} and {half2} hold the same density; give the two halves of a "
            "reconstruction."
        )
    return first, second


def run_problems(voxel_size: float | None, threads: int | None, name: str | None) -> list[str]:
    """Return one sentence for each fault of the parameters that every job on maps has."""
    found = []
    if voxel_size is not None and not voxel_size > 0:
        found.append(f"The voxel size is {voxel_size} Å but must be a positive number.")
    if threads is not None and threads < 1:
        found.append(f"The number of threads is {threads} but must be at least 1.")
    if name is not None and (os.sep in name or name in ("", ".", "..")):
        found.append(
            f"The base name of the outputs is '{name}' but must be a file name; give the "
            "folder with --outdir."
        )
    return found


@contextmanager
def staged_job(job: Job, names: dict[str, str]) -> Iterator[tuple[Path, list[str]]]:
    """Check a job, and let its outputs appear together when all are complete.

    Yields the folder to write into and the list that collects the sentences of warnings. A run
    that fails or is interrupted leaves the output folder as it was. What an earlier run under the
    same name wrote and this one does not is removed at the end: it would pass for a result of
    this one.

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
    longest = max(names.values(), key=lambda name: len(os.fsencode(name)))
    if len(os.fsencode(longest)) > _LONGEST_NAME:
        problems.append(
            f"The name of the output {longest} has {len(os.fsencode(longest))} bytes but may have "
            f"{_LONGEST_NAME}; give a shorter base name with -o."
        )
    if problems:
        raise ParameterError(*problems)
    inputs = list(job.inputs.values())
    refuse_outputs(job.outdir, names.values(), inputs, force=job.force)
    with (
        recorded_warnings() as recorded,
        threads(job.threads),
        kernels_loading(),
        staged_outputs(job.outdir) as staging,
    ):
        yield staging.folder, recorded
        # Once more, for another run may have written meanwhile.
        refuse_outputs(job.outdir, names.values(), inputs, force=job.force)
        staging.commit(names.values(), _stale_files(job, names))


def _stale_files(job: Job, names: Mapping[str, str]) -> list[str]:
    """Return the files of an earlier run that the run which replaces its record does not write."""
    record = job.outdir / names["result"]
    try:
        type(job).load(record)  # of another kind of job, the record is not to be trusted here
        files = read_record(record).get("files")
    except ParameterError:  # there is none, or something else has its name
        return []
    if not isinstance(files, dict):
        return []
    left = {name for name in files.values() if isinstance(name, str) and Path(name).name == name}
    inputs = [path for path in job.inputs.values() if path.exists()]
    return [
        name
        for name in sorted(left - set(names.values()))
        if (job.outdir / name).is_file()
        and not any((job.outdir / name).samefile(path) for path in inputs)
    ]


class StagedRun(Generic[AnyJob]):
    """One run of a job, writing into a staging folder."""

    def __init__(
        self, job: AnyJob, names: dict[str, str], folder: Path, progress: Progress | None
    ) -> None:
        self._job = job
        self._names = names
        self._folder = folder
        self._progress = progress

    def _recorded_job(self) -> dict[str, Any]:
        """The job as it stands in its record: what is computed, not how it is run."""
        return {k: v for k, v in self._job.to_dict().items() if k not in NOT_RECORDED}

    def _recorded_inputs(self, checksums: Checksums) -> dict[str, Any]:
        """The files that were read, with their checksums."""
        try:
            digests = checksums.result()
        except OSError as error:
            raise MapFormatError(
                f"{error.filename} cannot be read to its end: {error.strerror}; bring it back."
            ) from error
        return {
            key: {"file": str(path), "sha256": digests[path]}
            for key, path in self._job.inputs.items()
        }

    def _write_map(self, key: str, density: DensityMap, *labels: str) -> None:
        write_map(self._folder / self._names[key], density, labels=labels)

    def _write_text(self, key: str, text: str) -> None:
        with output_errors(self._job.outdir):
            (self._folder / self._names[key]).write_text(text, encoding="utf-8")

    def _write_record(self, record: Mapping[str, Any]) -> None:
        text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
        self._write_text("result", text + "\n")

    def _save(self, figure: Figure, key: str) -> None:
        with output_errors(self._job.outdir):
            save_figure(figure, self._folder / self._names[key])


def changed_inputs(before: Path | None, result: JobResult) -> list[str]:
    """Say which inputs are not those of the record that was run again.

    Parameters
    ----------
    before : Path, optional
        The record, or a params.json, which has no checksums.
    result : JobResult
        Of the new run.
    """
    entries = {} if before is None else read_record(before).get("inputs")
    if not isinstance(entries, dict):
        return []
    known = {entry["file"]: entry["sha256"] for entry in entries.values()}
    changed = [
        entry["file"]
        for entry in result.result["inputs"].values()
        if known.get(entry["file"], entry["sha256"]) != entry["sha256"]
    ]
    if not changed:
        return []
    more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
    return [
        f"The input {changed[0]}{more} has changed since {before} was written, so the results "
        "differ from those."
    ]


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
