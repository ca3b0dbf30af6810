"""The command ``occupy-core watch``: a folder is followed, and each map done as it comes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from occupy_core.commands.batch.watch.options import SECTIONS
from occupy_core.commands.shared.command import Command, shown_progress
from occupy_core.commands.shared.summaries import SUMMARIES
from occupy_core.errors import ParameterError

if TYPE_CHECKING:
    from occupy_core.commands.batch.watch.run import WatchJob

COMMAND = Command(
    name="watch",
    usage="FOLDER --outdir DIR [--command COMMAND] [--until-idle S] [options]",
    summary=SUMMARIES["watch"],
    examples=(
        "watch maps --outdir watched --workers 1 --until-idle 3",
        "watch maps --outdir resolved --workers 1 --command resolution --until-idle 3",
    ),
    sections=SECTIONS,
    positional="folder",
    own_fields=frozenset(("system", "folder", "settle", "until_idle")),
)


def run(arguments: Sequence[str]) -> int:
    """Run the command; return the exit status.

    Raises
    ------
    OccupyError
        When the user has to mend something.
    """
    return COMMAND.run(arguments, _watch)


def watch_job(given: dict[str, Any]) -> WatchJob:
    """Make the job that the options ask for."""
    from occupy_core.commands.batch.job import BatchJob
    from occupy_core.commands.batch.watch.run import WatchJob
    from occupy_core.plain_values import from_dict

    if "folder" not in given or "outdir" not in given:
        raise ParameterError(
            f"A folder and --outdir DIR must be given; as in occupy-core {COMMAND.examples[0]}."
        )
    values = COMMAND.job_values(given) | {"system": given.get("system"), "jobs": given["folder"]}
    times = {key: given[key] for key in ("settle", "until_idle") if key in given}
    return WatchJob(batch=from_dict(BatchJob, values, "the command line"), **times)


def _watch(given: dict[str, Any]) -> None:
    from occupy_core.commands.batch.watch.run import run_watch

    with shown_progress(given) as progress:
        result = run_watch(watch_job(given), progress)
    if given.get("quiet"):
        return
    done = sum(outcome.done for outcome in result.outcomes)
    print(f"{done} of {len(result.outcomes)} maps are done.")
    for outcome in result.outcomes:
        if not outcome.done:
            print(f"  {outcome.name}: {outcome.sentence}")
    print(f"Written to {Path(given['outdir'])}: {', '.join(result.record['files'].values())}")
