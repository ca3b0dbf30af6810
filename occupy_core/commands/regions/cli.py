"""The command ``occupy_core regions``: from options to a job, and from its result to a summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from occupy_core.commands.regions.options import SECTIONS
from occupy_core.commands.shared.command import Command, print_warnings, shown_progress
from occupy_core.commands.shared.reference import with_reference
from occupy_core.commands.shared.summaries import SUMMARIES
from occupy_core.commands.shared.written import written

if TYPE_CHECKING:
    from occupy_core.commands.regions.job import RegionsJob
    from occupy_core.commands.shared.run import JobResult

_MOST_SHOWN = 60  # [layout] rows of the table on the terminal

COMMAND = Command(
    name="regions",
    usage="MAP [MAP …] (--masks M [M …] | --model MODEL) [options]",
    summary=SUMMARIES["regions"],
    examples=(
        "regions map.mrc --model model.cif --outdir regions",
        "regions class1.mrc class2.mrc --model model.cif --weights 5200 3100",
        "regions map.mrc --model model.pdb --by residues --reference-region A:1-20",
        "regions map.mrc --masks core.mrc arm.mrc --half1 half1.mrc --half2 half2.mrc",
        "regions --params regions/result.json --outdir again",
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
    from occupy_core.commands.regions.job import RegionsJob

    values = COMMAND.job_values(given, RegionsJob.recorded(given.get("params")))
    return with_reference(values, given)


def _run_job(given: dict[str, Any]) -> None:
    from occupy_core.commands.regions.job import RegionsJob
    from occupy_core.commands.regions.run import run_regions
    from occupy_core.commands.shared.record import changed_inputs

    with shown_progress(given) as progress:
        job = RegionsJob.from_dict(job_values(given), "the command line")
        result = run_regions(job, progress)
    print_warnings([*result.warnings, *changed_inputs(given.get("params"), result.result)])
    if not given.get("quiet"):
        print(summary(job, result, verbose=given.get("verbose", False)))


def summary(job: RegionsJob, result: JobResult, *, verbose: bool) -> str:
    """Return what was found and written, for the terminal."""
    from occupy_core.commands.regions.answer import answer

    record = result.result
    rows = record["table"]
    shown = rows if verbose else rows[:_MOST_SHOWN]
    lines = [answer(record).text()]
    width = max(len(row["region"]) for row in rows)
    for i, row in enumerate(shown):
        if i == 0 or row["map"] != shown[i - 1]["map"]:
            lines.append(f"{row['map']}:")
        value = "-"
        if row["occupancy"] is not None:
            value = f"{row['occupancy']:.2f} ± {row['sigma']:.2f}"
        lines.append(f"  {row['region']:<{width}}  {value:<12}  {'; '.join(row['flags'])}".rstrip())
    if len(shown) < len(rows):
        lines.append(f"  … and {len(rows) - len(shown)} more, see {record['files']['table']}")
    groups = (record["regrouping"] or {"groups": []})["groups"]
    alike = [group for group in groups if len(group) > 1]
    if alike:
        lines.append("Maps that agree in all regions within their errors, and may be one class:")
        lines += [f"  {', '.join(group)}" for group in alike]
    if verbose:
        lines += record["notes"]
    lines += written(job.outdir, record["files"])
    return "\n".join(lines)
