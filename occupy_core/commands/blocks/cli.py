"""The command ``occupy_core blocks`` and its steps: from options to a job, and to a summary."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from occupy_core.commands.blocks.options import (
    EXPAND_SECTIONS,
    SECTIONS,
    SKETCH_SECTIONS,
    SUBSET_SECTIONS,
)
from occupy_core.commands.shared.command import Command, print_warnings, shown_progress
from occupy_core.commands.shared.summaries import SUMMARIES
from occupy_core.commands.shared.written import written
from occupy_core.errors import ParameterError

if TYPE_CHECKING:
    from occupy_core.commands.shared.run import JobResult

_OWN = frozenset(
    ("volumes_dir", "threshold", "params", "posp_factor", "negp_factor", "config", "blockdir")
)
_FACTORS = ("posp", "negp")

COMMAND = Command(
    name="blocks",
    usage="(--volumes-dir DIR | VOLUME VOLUME …) --outdir DIR [options]",
    summary=SUMMARIES["blocks"],
    examples=(
        "blocks --volumes-dir volumes --outdir blocks",
        "blocks vol_*.mrc --outdir blocks --threshold 0.8 --where 'B2 > 0.7 and B1 < 0.2'",
        "blocks subset blocks --where 'B2 > 0.7' --outdir with_B2 --link",
        "blocks sketch blocks --max-agreement 0.97 --outdir finer",
        "blocks expand blocks --exp-frac 0.5 --outdir tighter",
    ),
    sections=SECTIONS,
    positional="volumes",
    many=True,
    own_fields=_OWN,
)
SKETCH = Command(
    name="blocks sketch",
    usage="EARLIER --outdir DIR [options]",
    summary="Find the blocks again with other parameters, from the contoured volumes of a run.",
    examples=(
        "blocks sketch blocks --correction bh --outdir more",
        "blocks sketch_communities --voldir volumes --bin 1 --outdir blocks",
    ),
    sections=SKETCH_SECTIONS,
    positional="config",
    own_fields=_OWN,
)
EXPAND = Command(
    name="blocks expand",
    usage="EARLIER --outdir DIR [options]",
    summary="Make the masks again with other parameters, from the communities of a run.",
    examples=("blocks expand blocks --exp-frac 0.5 --outdir tighter",),
    sections=EXPAND_SECTIONS,
    positional="config",
    own_fields=_OWN,
)
SUBSET = Command(
    name="blocks subset",
    usage="EARLIER --where RULE [--outdir DIR] [options]",
    summary="List the volumes with certain blocks, and copy or link them.",
    examples=(
        "blocks subset blocks --where 'B2 > 0.7 and not B1 > 0.2'",
        "blocks subset blocks --where 'B2_on > 0.9' --outdir with_B2 --link",
    ),
    sections=SUBSET_SECTIONS,
    positional="config",
    own_fields=frozenset(("config", "where", "outdir", "copy", "link", "force")),
)


def run(arguments: Sequence[str]) -> int:
    """Run the command or one of its steps; return the exit status.

    Raises
    ------
    OccupyError
        When the user has to mend something.
    """
    steps: dict[str, tuple[Command, Callable[[dict[str, Any]], None]]] = {
        "sketch": (SKETCH, _sketch),
        "sketch_communities": (SKETCH, _sketch),
        "expand": (EXPAND, _expand),
        "expand_communities": (EXPAND, _expand),
        "subset": (SUBSET, _subset),
    }
    if arguments and arguments[0] in steps:
        command, work = steps[arguments[0]]
        return command.run(arguments[1:], work)
    if any(word == "--bin" or word.startswith("--bin=") for word in arguments):
        raise ParameterError(
            "--bin is the threshold in autoseg, but voxels were averaged by it here; give "
            "--threshold to contour the volumes, or --binning to average voxels."
        )
    return COMMAND.run(arguments, _search)


def job_values(given: dict[str, Any]) -> dict[str, Any]:
    """Nest the values of the options as a job has them, over those of a --params file."""
    from occupy_core.commands.blocks.job import BlocksJob

    recorded = BlocksJob.recorded(given.get("params"))
    values = _with_threshold(given, COMMAND.job_values(_with_factors(given, recorded), recorded))
    if "volumes_dir" in given:
        values["volumes"] = _volumes_of(given)
    if not values.get("volumes"):
        raise ParameterError("No volume is given; give VOLUME VOLUME …, --volumes-dir or --params.")
    return values


def _volumes_of(given: dict[str, Any]) -> list[Path]:
    from occupy_core.maps.ensemble import volumes_in

    if "volumes" in given:
        raise ParameterError(
            f"Both volumes and the folder {given['volumes_dir']} are given; leave out one of them."
        )
    folder, outdir = given["volumes_dir"], given.get("outdir", Path())
    if folder.resolve() == outdir.resolve():
        raise ParameterError(
            f"The masks would be put among the volumes in {folder} and be taken for volumes the "
            "next time; give another --outdir."
        )
    return volumes_in(folder)


def _with_threshold(given: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Tell a number from a table and from "auto"."""
    text = given.get("threshold")
    if text is None:
        return values
    values = {**values, "thresholds": None, "blocks": {**values.get("blocks", {})}}
    values["blocks"]["threshold"] = None
    if text == "auto":
        return values
    try:
        values["blocks"]["threshold"] = float(text)
    except ValueError:
        if not Path(text).exists():
            raise ParameterError(
                f"The threshold is '{text}' but must be auto, a number or a table that exists "
                "(csv); correct it."
            ) from None
        values["thresholds"] = Path(text)
    return values


def _with_factors(given: dict[str, Any], recorded: dict[str, Any]) -> dict[str, Any]:
    """Multiply the levels by the factors of autoseg: level x factor / pairs is the same."""
    from occupy_core.blocks.params import BlocksParams

    found = dict(given)
    before = recorded.get("blocks", {})
    for name in _FACTORS:
        factor = given.get(f"{name}_factor")
        if factor is not None:
            default = before.get(name, getattr(BlocksParams(), name))
            found[f"blocks.{name}"] = factor * given.get(f"blocks.{name}", default)
    return found


def _search(given: dict[str, Any]) -> None:
    _run_job(given, job_values(given))


def _sketch(given: dict[str, Any]) -> None:
    if "volumes_dir" not in given:
        if "threshold" in given or "blocks.filter_volumes" in given or "voxel_size" in given:
            raise ParameterError(
                "The volumes of an earlier run are contoured already, so --bin, --filter and "
                "--apix change nothing; give --voldir to start from the volumes, or leave them out."
            )
        _run_job(given, _earlier_values(given, SKETCH, ("occupied",)))
    elif "config" in given or "blockdir" in given:
        raise ParameterError(
            f"Both an earlier run and the folder {given['volumes_dir']} are given; leave out one."
        )
    else:
        _run_job(given, job_values(given))


def _expand(given: dict[str, Any]) -> None:
    _run_job(given, _earlier_values(given, EXPAND, ("occupied", "communities")))


def _earlier_values(
    given: dict[str, Any], command: Command, states: tuple[str, ...]
) -> dict[str, Any]:
    """Return the job of an earlier run, to go on from its saved states."""
    from occupy_core.commands.blocks.tables import record_path
    from occupy_core.commands.shared.record import file_beside, read_record

    if "config" not in given:
        raise ParameterError(
            f"No earlier run is given; give its folder, as in occupy-core {command.examples[0]}."
        )
    if "outdir" not in given:
        raise ParameterError("No folder is given for what is written; give --outdir DIR.")
    path = record_path(given["config"])
    record = read_record(path)
    recorded, files = record.get("job"), record.get("files")
    if not isinstance(recorded, dict) or not isinstance(files, dict):
        raise ParameterError(f"{path} is not the record of a search for blocks; check the path.")
    folder = given.get("blockdir", path.parent)
    values = command.job_values(_with_factors(given, recorded), recorded)
    # A rule was made for the blocks of then, and the state has the thresholds of the table.
    values |= {"occupied": None, "communities": None, "thresholds": None}
    values["where"] = given.get("where")
    for state in states:
        name = files.get(f"state_{state}", f"state_{state}.npz")
        values[state] = folder / file_beside(path, name).name
    return values


def _run_job(given: dict[str, Any], values: dict[str, Any]) -> None:
    from occupy_core.commands.blocks.job import BlocksJob
    from occupy_core.commands.blocks.run import run_blocks
    from occupy_core.commands.shared.record import changed_inputs

    job = BlocksJob.from_dict(values, "the command line")
    with shown_progress(given) as progress:
        result = run_blocks(job, progress)
    changed = changed_inputs(_record_of(given), result.result)
    failed = job.where is not None and result.result.get("subset", True) is None
    problem = [text for text in result.warnings if failed and text.startswith("The rule ")]
    others = [text for text in result.warnings if text not in problem]
    print_warnings([*others, *changed])
    if not given.get("quiet"):
        print(summary(result, verbose=given.get("verbose", False)))
    if failed:
        raise ParameterError(*problem)


def _record_of(given: dict[str, Any]) -> Path | None:
    """Return the file that the job was taken from."""
    from occupy_core.commands.blocks.tables import record_path

    if "params" in given:
        return Path(given["params"])
    return record_path(given["config"]) if "config" in given else None


def summary(result: JobResult, *, verbose: bool) -> str:
    """Return what was found and written, for the terminal."""
    from occupy_core.commands.blocks.answer import answer

    record = result.result
    lines = [
        answer(record).text(),
        f"Compared: {record['union_voxels']} voxels, correction "
        f"{record['parameters']['correction']}",
    ]
    for block in record.get("blocks", ()):
        needs = f", only with {' and '.join(block['needs'])}" if block["needs"] else ""
        lines.append(
            f"  {block['name']:<4} {block['volume']:10.0f} Å3, in {block['present_in']} volumes, "
            f"mean occupancy {block['mean_occupancy']:.2f}{needs}"
        )
    if verbose:
        lines += [f"  {key}: {value}" for key, value in record["parameters"].items()]
    if record.get("subset") is not None:
        chosen = len(record["subset"]["volumes"])
        lines.append(f"{record['subset']['where']}: {chosen} volumes")
    lines += written(result.files["result"].parent, record["files"])
    return "\n".join(lines)


def _subset(given: dict[str, Any]) -> None:
    from occupy_core.commands.blocks.tables import choose, read_occupancies, write_subset

    if "config" not in given or "where" not in given:
        missing = "No search is given; give its folder" if "config" not in given else "No rule"
        raise ParameterError(f"{missing}, as in occupy-core {SUBSET.examples[0]}.")
    if given.get("copy") and given.get("link"):
        raise ParameterError("Both --copy and --link are given; leave out one of them.")
    how = "copy" if given.get("copy") else "link" if given.get("link") else None
    if how is not None and "outdir" not in given:
        raise ParameterError(f"--{how} needs a folder for the volumes; give --outdir DIR.")
    rows, blocks = read_occupancies(given["config"])
    chosen = choose(given["where"], rows, blocks)
    if "outdir" in given:
        force = given.get("force", False)
        write_subset(chosen, list(rows[0]), given["outdir"], how=how, force=force)
    for row in chosen:
        print(row["file"])
    if not given.get("quiet"):
        print(f"{len(chosen)} of {len(rows)} volumes", file=sys.stderr)
