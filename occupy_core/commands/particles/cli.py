"""The command ``occupy_core particles``: from options to a job, and to a summary."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from occupy_core.commands.particles.options import SECTIONS
from occupy_core.commands.shared.command import Command, print_warnings, shown_progress
from occupy_core.commands.shared.summaries import SUMMARIES
from occupy_core.errors import ParameterError

if TYPE_CHECKING:
    from occupy_core.commands.shared.run import JobResult

_MOST_SHOWN = 20  # [guard] regions on the terminal; the record has all

COMMAND = Command(
    name="particles",
    usage="RESULT --particles FILE [--where RULE] [options]",
    summary=SUMMARIES["particles"],
    examples=(
        "particles regions --particles run_it025_data.star --where 'D > 0.8 and E < 0.2'",
        "particles regions --particles J12_particles.cs --where 'D > 0.8' --outdir with_D",
        "particles blocks --particles labels.pkl --where 'B1 > 0.5'",
        "particles blocks --particles z.pkl --centers centers.txt --where 'B1 > 0.5'",
    ),
    sections=SECTIONS,
    positional="occupancies",
    own_fields=frozenset(("params",)),
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
    from occupy_core.commands.particles.job import ParticlesJob
    from occupy_core.particles.job_maps import particles_file

    values = COMMAND.job_values(given, ParticlesJob.recorded(given.get("params")))
    for field, what in (("occupancies", "RESULT"), ("particles", "--particles FILE")):
        if values.get(field) is None:
            raise ParameterError(
                f"{what} is missing; write it as in occupy-core {COMMAND.examples[0]}."
            )
    values["particles"] = particles_file(Path(values["particles"]))
    return values


def _run_job(given: dict[str, Any]) -> None:
    from occupy_core.commands.particles.job import ParticlesJob
    from occupy_core.commands.particles.run import run_particles
    from occupy_core.commands.shared.record import changed_inputs

    with shown_progress(given) as progress:
        job = ParticlesJob.from_dict(job_values(given), "the command line")
        result = run_particles(job, progress)
    print_warnings([*result.warnings, *changed_inputs(given.get("params"), result.result)])
    if not given.get("quiet"):
        print(summary(result, verbose=given.get("verbose", False)))


def summary(result: JobResult, *, verbose: bool) -> str:
    """Return what was chosen and written, for the terminal."""
    record = result.result
    count, maps = record["particles"], [row for row in record["groups"] if row["chosen"]]
    rule = f" where {record['rule']}" if record["rule"] else ""
    lines = [
        f"{count['chosen']} of {count['given']} particles{rule}, from {len(maps)} of "
        f"{len(record['groups'])} maps."
    ]
    shown = [p for p in record["purity"] if verbose or p["region"] in record["in_rule"]]
    for p in shown[:_MOST_SHOWN]:
        error = "" if p["sigma"] is None else f" ± {p['sigma']:.2f}"
        lines.append(
            f"  {p['region']}: in {p['share']:.2f}{error} of the chosen particles, which are "
            f"{p['of_all']:.0%} of all particles with it"
        )
    lines.append(f"Written to {result.files['result'].parent}:")
    lines += [f"  {name}" for name in record["files"].values()]
    return "\n".join(lines)
