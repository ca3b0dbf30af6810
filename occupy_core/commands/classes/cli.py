"""The command ``occupy_core classes``: from options to a job, and from its result to a summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from occupy_core.commands.classes.options import SECTIONS
from occupy_core.commands.shared.command import Command, print_warnings, shown_progress
from occupy_core.commands.shared.reference import with_reference
from occupy_core.commands.shared.summaries import SUMMARIES
from occupy_core.commands.shared.written import written

if TYPE_CHECKING:
    from occupy_core.commands.classes.job import ClassesJob
    from occupy_core.commands.shared.run import JobResult

_MOST_SHOWN = 30  # [layout] regions on the terminal

COMMAND = Command(
    name="classes",
    usage="MAP [MAP …] [--model MODEL | --masks M [M …]] [options]",
    summary=SUMMARIES["classes"],
    examples=(
        "classes class1.mrc class2.mrc --model model.cif --outdir analysis",
        "classes class1.mrc class2.mrc --masks core.mrc arm.mrc --outdir by_masks",
        "classes class1.mrc class2.mrc --model model.cif --data-sets apo ligand",
        "classes --params analysis/result.json --outdir again",
    ),
    sections=SECTIONS,
    positional="maps",
    many=True,
    own_fields=frozenset(("params", "reference")),
)


def run(arguments: Sequence[str]) -> int:
    """Run the command; return the exit status.

    Raises
    ------
    OccupyError
        When the user has to mend something.
    """
    return COMMAND.run(arguments, _run_job)


def job_values(given: dict[str, Any]) -> dict[str, Any]:
    """Nest the values of the options as a job has them, over those of a --params file."""
    from occupy_core.commands.classes.job import ClassesJob

    values = COMMAND.job_values(given, ClassesJob.recorded(given.get("params")))
    return with_reference(values, given)


def _run_job(given: dict[str, Any]) -> None:
    from occupy_core.commands.classes.job import ClassesJob
    from occupy_core.commands.classes.run import run_classes
    from occupy_core.commands.shared.record import changed_inputs

    with shown_progress(given) as progress:
        job = ClassesJob.from_dict(job_values(given), "the command line")
        result = run_classes(job, progress)
    print_warnings([*result.warnings, *changed_inputs(given.get("params"), result.result)])
    if not given.get("quiet"):
        print(summary(job, result, verbose=given.get("verbose", False)))


def summary(job: ClassesJob, result: JobResult, *, verbose: bool) -> str:
    """Return what was found and written, for the terminal."""
    from occupy_core.commands.classes.answer import answer

    record = result.result
    lines = [answer(record).text()]
    rows = record.get("table", [])
    maps = list(dict.fromkeys(row["map"] for row in rows))
    regions = list(dict.fromkeys(row["region"] for row in rows))
    shown = regions if verbose else regions[:_MOST_SHOWN]
    cells = {(row["region"], row["map"]): _cell(row) for row in rows}
    width = max(map(len, shown), default=0)
    for i, name in enumerate(maps):
        lines.append(f"{name}:")
        lines += [f"  {region:<{width}}  {cells[region, maps[i]]}" for region in shown]
    if len(shown) < len(regions):
        lines.append(f"  … and {len(regions) - len(shown)} more, see {record['files']['table']}")
    lines += written(job.outdir, {**record["files"], **record["steps"]})
    return "\n".join(lines)


def _cell(row: dict[str, Any]) -> str:
    """A verdict with the numbers that it follows from."""
    text = f"{row['verdict']:<10}"
    if row["occupancy"] is not None:
        text += f"  {row['occupancy']:5.2f} ± {row['sigma']:.2f}"
    if row["resolution"] is not None:
        text += f"  {row['resolution']:5.1f} ± {row['resolution_sigma']:.1f} Å"
    return text.rstrip()
