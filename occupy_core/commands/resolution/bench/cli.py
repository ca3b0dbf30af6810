"""The command ``occupy_core resolution bench``: a user's own half maps as the judge."""

from __future__ import annotations

from typing import Any

from occupy_core.commands.resolution.options import BENCH_SECTIONS
from occupy_core.commands.shared.command import (
    Command,
    base_name,
    print_warnings,
    shown_progress,
)

COMMAND = Command(
    name="resolution bench",
    usage="--half1 FILE --half2 FILE [--outdir DIR] [options]",
    summary="Compare the resolution from one map with that from its half maps.",
    examples=(
        "resolution bench --half1 a.mrc --half2 b.mrc --outdir bench",
        "resolution bench --half1 a.mrc --half2 b.mrc --mask mask.mrc --outdir bench",
    ),
    sections=BENCH_SECTIONS,
    own_fields=frozenset(("params",)),
)
_COLUMNS = (
    ("map", "map", "{}"),
    ("threshold", "FSC", "{:g}"),
    ("source", "source", "{}"),
    ("rmse", "RMSE (Å)", "{:.2f}"),
    ("log_rmse", "log RMSE", "{:.3f}"),
    ("log_rmse_uncensored", "uncensored", "{:.3f}"),
    ("spearman", "Spearman", "{:.2f}"),
    ("skill", "skill", "{:.2f}"),
    ("coverage", "coverage", "{:.2f}"),
    ("censored", "censored", "{:.2f}"),
    ("global", "global (Å)", "{:.2f}"),
    ("global_reference", "halves (Å)", "{:.2f}"),
)


def job_values(given: dict[str, Any]) -> dict[str, Any]:
    """Nest the values of the options as a job has them, over those of a --params file."""
    from occupy_core.commands.resolution.bench.run import ResolutionBenchJob

    recorded = ResolutionBenchJob.recorded(given.get("params"))
    return COMMAND.job_values(given, recorded) | base_name(given)


def run_job(given: dict[str, Any]) -> None:
    """Compare, and print the table."""
    from occupy_core.commands.resolution.bench.run import ResolutionBenchJob, run_resolution_bench

    job = ResolutionBenchJob.from_dict(job_values(given), "the command line")
    with shown_progress(given) as progress:
        result = run_resolution_bench(job, progress)
    print_warnings(result.warnings)
    if given.get("quiet"):
        return
    print(table_text(result.result["table"]))
    if given.get("verbose"):
        for row in result.result["table"]:
            print(f"{row['map']} at {row['threshold']:g}: {row['state']}; {row['voxels']} voxels")
    print(f"Written to {job.outdir}:")
    print("\n".join(f"  {name}" for name in result.result["files"].values()))


def table_text(table: list[dict[str, Any]]) -> str:
    """Write the rows for people; a dash stands for what is not known."""
    cells = [[title for _, title, _ in _COLUMNS]]
    for row in table:
        cells.append(
            [
                "-" if row[key] is None else template.format(row[key])
                for key, _, template in _COLUMNS
            ]
        )
    widths = [max(len(line[i]) for line in cells) for i in range(len(_COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )
