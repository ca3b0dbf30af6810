"""The command ``occupy-core batch``: from options to many jobs, and to a summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from occupy_core.commands.batch.options import SECTIONS
from occupy_core.commands.shared.command import Command, shown_progress
from occupy_core.commands.shared.summaries import SUMMARIES
from occupy_core.errors import OccupyError, ParameterError

if TYPE_CHECKING:
    from occupy_core.commands.batch.job import BatchJob
    from occupy_core.commands.batch.run import BatchResult

_MOST_SHOWN = 20  # [layout] failures on the terminal; the table has all

COMMAND = Command(
    name="batch",
    usage="JOBS --outdir DIR [--workers N | --scheduler ADDRESS | --slurm] [options]",
    summary=SUMMARIES["batch"],
    examples=(
        "batch jobs.csv --outdir batch --workers 1",
        "batch maps --outdir batch --workers 1 --command 'scale --amplify 4'",
        "batch jobs.json --outdir batch --workers 1 --dry-run",
    ),
    sections=SECTIONS,
    positional="jobs",
    own_fields=frozenset(("system",)),
)


class JobsFailedError(OccupyError):
    """Some of the jobs have no result; the others have."""


def run(arguments: Sequence[str]) -> int:
    """Run the command; return the exit status.

    Raises
    ------
    OccupyError
        When the user has to mend something; also when a job failed, after all others are done.
    """
    return COMMAND.run(arguments, _run_batch, _estimate)


def batch_job(given: dict[str, Any]) -> BatchJob:
    """Make the batch that the options ask for."""
    from occupy_core.commands.batch.job import BatchJob
    from occupy_core.plain_values import from_dict

    if "jobs" not in given:
        raise ParameterError(
            f"No jobs are given; write them as in occupy-core {COMMAND.examples[0]}."
        )
    values = COMMAND.job_values(given) | {"system": given.get("system")}
    return from_dict(BatchJob, values, "the command line")


def _estimate(given: dict[str, Any]) -> str:
    from occupy_core.commands.batch.run import estimate

    return estimate(batch_job(given))


def _run_batch(given: dict[str, Any]) -> None:
    from occupy_core.commands.batch.run import run_batch

    job = batch_job(given)
    with shown_progress(given) as progress:
        result = run_batch(job, progress)
    if not given.get("quiet"):
        print(summary(job, result))
    lost = [outcome for outcome in result.outcomes if not outcome.done]
    if lost:
        more = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
        raise JobsFailedError(
            f"{len(lost)} of {len(result.outcomes)} jobs failed: {lost[0].name}{more}; see "
            f"{job.outdir / 'batch.csv'}, mend them and run this again: what is done is kept."
        )


def summary(job: BatchJob, result: BatchResult) -> str:
    """Return what was done, for the terminal."""
    outcomes = result.outcomes
    lost = [outcome for outcome in outcomes if not outcome.done]
    kept = sum(outcome.kept for outcome in outcomes)
    before = f" ({kept} by an earlier run)" if kept else ""
    lines = [f"{len(outcomes) - len(lost)} of {len(outcomes)} jobs are done{before}."]
    lines += [f"  {outcome.name}: {outcome.sentence}" for outcome in lost[:_MOST_SHOWN]]
    if len(lost) > _MOST_SHOWN:
        lines.append(f"  … and {len(lost) - _MOST_SHOWN} more that failed")
    lines.append(f"Written to {job.outdir}:")
    lines += [f"  {name}" for name in result.record["files"].values()]
    return "\n".join(lines)
