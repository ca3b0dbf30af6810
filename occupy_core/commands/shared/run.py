"""How every job is run: checked, worked in a staging folder, its outputs put in place together."""

from __future__ import annotations

import json
import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

from occupy_core.commands.shared.job import AnyJob, JobBase
from occupy_core.commands.shared.plots import save_figure
from occupy_core.commands.shared.provenance import Checksums
from occupy_core.commands.shared.quoting import chimerax_path
from occupy_core.commands.shared.record import read_record, record_text
from occupy_core.commands.shared.staging import output_errors, refuse_outputs, staged_outputs
from occupy_core.errors import OccupyWarning, ParameterError
from occupy_core.maps.filters import kernels_loading
from occupy_core.maps.grid import DensityMap
from occupy_core.maps.mrc import write_map
from occupy_core.maps.threads import threads
from occupy_core.progress import Progress, report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from occupy_core.commands.report.page import Result

# How a job is run, not what it computes: not part of the record.
NOT_RECORDED = ("outdir", "threads", "force")
# [format] bytes; file systems take 255, and unfinished files have an ending more
_LONGEST_NAME = 235


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


class Run(ABC, Generic[AnyJob]):
    """One run of a job, writing into a staging folder.

    Parameters
    ----------
    job : JobBase
    names : dict of str to str
        Names of the files to be written, in the order in which they are to appear. A run changes
        them in place when it finds out what there is to write.
    folder : Path
        Where the files are written.
    recorded : list of str
        Collects the sentences of warnings, also while the run goes on.
    progress : Progress, optional
    """

    def __init__(
        self,
        job: AnyJob,
        names: dict[str, str],
        folder: Path,
        recorded: list[str],
        progress: Progress | None,
    ) -> None:
        self._checksums = Checksums(list(job.inputs.values()))  # before anything is read
        self._job = job
        self._names = names
        self._folder = folder
        self._recorded = recorded
        self._progress = progress

    @abstractmethod
    def run(self) -> dict[str, Any]:
        """Do the work and return the record, which is written too."""

    def _recorded_job(self) -> dict[str, Any]:
        """The job as it stands in its record: what is computed, not how it is run."""
        return {k: v for k, v in self._job.to_dict().items() if k not in NOT_RECORDED}

    def _recorded_inputs(self) -> dict[str, Any]:
        """The files that were read, with their checksums; to be asked when all have been read."""
        digests = self._checksums.result()
        return {
            key: {"file": str(path), "sha256": digests[path]}
            for key, path in self._job.inputs.items()
        }

    def _write_map(self, key: str, density: DensityMap, *labels: str) -> None:
        write_map(self._folder / self._names[key], density, labels=labels)

    def _write_text(self, key: str, text: str) -> None:
        with output_errors(self._job.outdir):
            path = self._folder / self._names[key]
            # The bytes of a name that is not UTF-8 become escapes, which JSON reads back.
            path.write_text(text, encoding="utf-8", errors="backslashreplace")

    def _write_record(self, record: Mapping[str, Any]) -> None:
        if "report" in self._names:
            self._write_report(record)
        self._write_text("result", record_text(record))

    def _write_report(self, record: Mapping[str, Any]) -> None:
        from occupy_core.commands.report.build import write_report
        from occupy_core.commands.report.page import Result

        plain = json.loads(record_text(record))  # as it is read from its file
        result = Result(record=plain, name=self._names["result"], folder=self._folder)
        results = [result, *self._shown_too(record)]
        write_report(self._folder / self._names["report"], results)

    def _shown_too(self, record: Mapping[str, Any]) -> list[Result]:
        """Further results for the report, of which each gets a page."""
        return []

    def _save(self, figure: Figure, key: str) -> None:
        with output_errors(self._job.outdir):
            save_figure(figure, self._folder / self._names[key])


def run_job(job: AnyJob, run: type[Run[AnyJob]], progress: Progress | None = None) -> JobResult:
    """Run a job, and let its outputs appear together when all are complete.

    A run that fails or is interrupted leaves the output folder as it was. What an earlier run under
    the same name wrote and this one does not is removed at the end: it would pass for a result of
    this one.

    Parameters
    ----------
    job : JobBase
        What to do.
    run : type
        How such a job is done.
    progress : Progress, optional
        Told the fraction done.

    Returns
    -------
    JobResult

    Raises
    ------
    ParameterError
        When a parameter is outside its limits.
    OutputError
        When an output exists (unless forced) or cannot be written.
    """
    names = job.output_names()
    _require_valid(job, names)
    inputs = list(job.inputs.values())
    refuse_outputs(job.outdir, names.values(), inputs, force=job.force)
    with (
        recorded_warnings() as recorded,
        threads(job.threads),
        kernels_loading(),
        staged_outputs(job.outdir, names.values()) as staging,
    ):
        record = run(job, names, staging.folder, recorded, progress).run()
        staging.commit(names.values(), _stale_files(job, names), inputs, force=job.force)
    report(progress, 1.0, "done")
    files = {key: job.outdir / name for key, name in names.items()}
    return JobResult(files, record, tuple(record["warnings"]))


def _require_valid(job: JobBase, names: Mapping[str, str]) -> None:
    """Raise ParameterError when a job cannot be run, before any work is done."""
    if any(key.startswith("chimerax") for key in names):
        for path in (job.outdir / names["result"], *job.inputs.values()):
            chimerax_path(path)
    problems = job.problems()
    longest = max(names.values(), key=lambda name: len(os.fsencode(name)))
    if len(os.fsencode(longest)) > _LONGEST_NAME:
        problems.append(
            f"The name of the output {longest} has {len(os.fsencode(longest))} bytes but may have "
            f"{_LONGEST_NAME}; give a shorter base name with -o."
        )
    if problems:
        raise ParameterError(*problems)


def _stale_files(job: JobBase, names: Mapping[str, str]) -> list[str]:
    """Return the files of an earlier run that the run which replaces its record does not write."""
    record = job.outdir / names["result"]
    try:
        earlier = type(job).load(record)  # another kind of job writes other files
        files = read_record(record).get("files")
    except ParameterError:  # there is none, or something else has its name
        return []
    if not isinstance(files, dict):
        return []
    # A record may have been edited: only what such a job writes is known to be its own.
    left = {name for name in files.values() if isinstance(name, str) and earlier.writes(name)}
    inputs = [path for path in job.inputs.values() if path.exists()]
    return [
        name
        for name in sorted(left - set(names.values()))
        if (job.outdir / name).is_file()
        and not any((job.outdir / name).samefile(path) for path in inputs)
    ]


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
