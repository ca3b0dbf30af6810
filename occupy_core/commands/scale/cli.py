"""The command ``occupy_core scale``: from options to a job, and from its result to a summary."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from occupy_core.commands.scale.options import SECTIONS
from occupy_core.commands.shared.command import (
    BARE,
    Command,
    base_name,
    print_warnings,
    shown_progress,
)
from occupy_core.commands.shared.summaries import SUMMARIES
from occupy_core.commands.shared.written import written
from occupy_core.errors import ParameterError

if TYPE_CHECKING:
    from occupy_core.commands.scale.job import ScaleJob
    from occupy_core.commands.shared.run import JobResult
    from occupy_core.progress import ProgressLine

COMMAND = Command(
    name="scale",
    usage="MAP [--outdir DIR] [options]",
    summary=SUMMARIES["scale"],
    examples=(
        "scale map.mrc --outdir scale",
        "scale map.mrc --outdir scale --amplify 4 --exclude-solvent --plot",
        "scale map.mrc --outdir scale --attenuate --sigmoid --gamma 3 --pivot 0.3",
        "scale --params scale/result_map.json --outdir again",
    ),
    sections=SECTIONS,
    positional="map",
    own_fields=frozenset(("emdb", "params", "gamma", "keep_output_path", "show_chimerax")),
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
    from occupy_core.commands.scale.job import ScaleJob

    values = COMMAND.job_values(_with_gamma(given), ScaleJob.recorded(given.get("params")))
    if values.get("map") is None:
        raise ParameterError("No map is given; give MAP, --emdb ID or --params FILE.")
    if given.get("keep_output_path"):
        if "outdir" in given:
            raise ParameterError(
                "Both --outdir and --keep-output-path are given; leave out one of them."
            )
        values["outdir"] = Path(values["map"]).parent
    return values | base_name(given)


def _with_gamma(given: dict[str, Any]) -> dict[str, Any]:
    """Give --gamma to the modifications that leave their power to it."""
    bare = [field for field, value in given.items() if value == BARE]
    gamma = given.get("gamma")
    if bare and gamma is None:
        flag = "--" + bare[0].rpartition(".")[2]
        raise ParameterError(f"{flag} has no power; give it one ({flag} 4) or --gamma.")
    if gamma is not None and not bare:
        raise ParameterError(
            f"--gamma {gamma:g} has no modification to go with; add --amplify, --attenuate or "
            "--sigmoid without a power of its own."
        )
    return {**given, **dict.fromkeys(bare, gamma)}


def _run_job(given: dict[str, Any]) -> None:
    from occupy_core.commands.scale.job import ScaleJob
    from occupy_core.commands.scale.run import run_scale
    from occupy_core.commands.shared.record import changed_inputs

    with shown_progress(given) as progress:
        if "emdb" in given:
            given = {**given, "map": _fetched(given, progress)}
        values = job_values(given)
        if given.get("show_chimerax"):
            values["chimerax"] = True
        job = ScaleJob.from_dict(values, "the command line")
        result = run_scale(job, progress)
    print_warnings([*result.warnings, *changed_inputs(given.get("params"), result.result)])
    if not given.get("quiet"):
        print(summary(job, result, verbose=given.get("verbose", False)))
    if given.get("show_chimerax"):
        _show(result.files["chimerax"])


def _fetched(given: dict[str, Any], progress: ProgressLine | None) -> Path:
    from occupy_core.commands.scale.emdb import fetch_emdb

    if "map" in given:
        raise ParameterError(
            f"Both the map {given['map']} and --emdb {given['emdb']} are given; leave out one."
        )
    return fetch_emdb(given["emdb"], given.get("outdir", Path()), progress=progress)


def summary(job: ScaleJob, result: JobResult, *, verbose: bool) -> str:
    """Return what was found and written, for the terminal."""
    from occupy_core.commands.scale.answer import answer

    record = result.result
    if verbose:
        return result.files["log"].read_text(encoding="utf-8").rstrip()
    p = record["parameters"]
    calibration = record["calibration"]
    by = f"tau {p['tau']:.3f}" if calibration is None else f"noise: {calibration['noise_origin']}"
    lines = [
        answer(record).text(),
        f"Local scale ({p['mode']}) of {job.map.name}: kernel {p['kernel_size']} voxels, low-pass "
        f"{p['lowpass']:.2f} Å, {by}",
    ]
    if record["scale_usage"] and record["scale_usage"] not in record["warnings"]:
        lines.append(record["scale_usage"])
    lines += written(job.outdir, record["files"])
    return "\n".join(lines)


def _show(script: Path) -> None:
    """Open the script in ChimeraX, which goes on when this program ends."""
    program = shutil.which("chimerax") or shutil.which("ChimeraX")
    if program is None:
        print(f"ChimeraX is not on the PATH; open {script} in it.", file=sys.stderr)
        return
    in_background = '"$0" "$1" >/dev/null 2>&1 &'
    subprocess.run(["sh", "-c", in_background, program, script], check=True, start_new_session=True)
