"""The command ``occupy_core resolution``: from options to a job, from its result to a summary."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from occupy_core.commands.resolution.options import SECTIONS
from occupy_core.commands.shared.command import (
    Command,
    base_name,
    print_warnings,
    shown_progress,
)
from occupy_core.commands.shared.summaries import SUMMARIES
from occupy_core.commands.shared.written import written
from occupy_core.errors import ParameterError

if TYPE_CHECKING:
    from occupy_core.commands.resolution.job import ResolutionJob
    from occupy_core.commands.shared.run import JobResult

COMMAND = Command(
    name="resolution",
    usage="MAP [--half1 FILE --half2 FILE] [--outdir DIR] [options]",
    summary=SUMMARIES["resolution"],
    examples=(
        "resolution map.mrc --outdir resolution --plot",
        "resolution map.mrc --half1 a.mrc --half2 b.mrc --outdir resolution --filter",
        "resolution --params resolution/resolution_map.json --outdir again",
        "resolution bench --half1 a.mrc --half2 b.mrc --outdir bench",
    ),
    sections=SECTIONS,
    positional="map",
    own_fields=frozenset(("params",)),
)


def run(arguments: Sequence[str]) -> int:
    """Run the command; return the exit status.

    Raises
    ------
    OccupyError
        When the user has to mend something.
    """
    if arguments and arguments[0] == "bench":
        from occupy_core.commands.resolution.bench import cli as resolution_bench

        return resolution_bench.COMMAND.run(arguments[1:], resolution_bench.run_job)
    return COMMAND.run(arguments, _run_job)


def job_values(given: dict[str, Any]) -> dict[str, Any]:
    """Nest the values of the options as a job has them, over those of a --params file."""
    from occupy_core.commands.resolution.job import ResolutionJob

    values = COMMAND.job_values(given, ResolutionJob.recorded(given.get("params")))
    if all(values.get(key) is None for key in ("map", "half1", "half2")):
        raise ParameterError(
            "No map is given; give MAP, --half1 FILE and --half2 FILE, or --params FILE."
        )
    return values | base_name(given)


def _run_job(given: dict[str, Any]) -> None:
    from occupy_core.commands.resolution.job import ResolutionJob
    from occupy_core.commands.resolution.run import run_resolution
    from occupy_core.commands.shared.record import changed_inputs

    job = ResolutionJob.from_dict(job_values(given), "the command line")
    with shown_progress(given) as progress:
        result = run_resolution(job, progress)
    print_warnings([*result.warnings, *changed_inputs(given.get("params"), result.result)])
    if not given.get("quiet"):
        print(summary(job, result, verbose=given.get("verbose", False)))


def summary(job: ResolutionJob, result: JobResult, *, verbose: bool) -> str:
    """Return what was found and written, for the terminal."""
    from occupy_core.commands.resolution.answer import answer

    record = result.result
    lines = [f"{(job.map or job.half1 or Path()).name}: {answer(record).text()}"]
    if verbose:
        lines += [
            f"Finest detail in the map: {record['limit']:.2f} Å",
            f"Window: {record['window']:.2f} Å",
            f"Volume of the mask: {record['mask_volume']:.0f} Å³",
            f"Past the limit of the map: {100 * record['censored_fraction']:.1f} % of the mask",
            f"Learned model: {record['model_checksum']}",
        ]
    lines += written(job.outdir, record["files"])
    return "\n".join(lines)
