"""The command ``occupy_core scale``: from options to a job, and from its result to a summary."""

from __future__ import annotations

import argparse
import math
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from occupy_core.errors import ParameterError
from occupy_core.progress import ProgressLine
from occupy_core.scale_options import SECTIONS, Option

if TYPE_CHECKING:
    from occupy_core.jobs import JobResult, ScaleJob

SUMMARY = "Estimate the local scale of a map, and modify the map by it."
_USAGE = "occupy-core scale MAP [--outdir DIR] [options]"
_EXAMPLES = """\
examples:
  occupy-core scale map.mrc --outdir scale
  occupy-core scale map.mrc --outdir scale --amplify 4 --exclude-solvent --plot
  occupy-core scale map.mrc --outdir scale --attenuate --sigmoid --gamma 3 --pivot 0.3
  occupy-core scale --params scale/result_map.json --outdir again
"""
# Fields of options that act on the command, not on the job.
COMMAND_FIELDS = frozenset(
    (
        *("emdb", "params", "gamma", "keep_output_path", "show_chimerax"),
        *("verbose", "quiet", "help", "help_all", "version"),
    )
)
_WIDTH = 92
_INDENT = " " * 6
_BARE = "bare"  # stands for the value of an option that leaves it to --gamma
_NEGATIVE_NUMBER = re.compile(r"-(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)


def run(arguments: Sequence[str]) -> int:
    """Run the command; return the exit status.

    Raises
    ------
    OccupyError
        When the user has to mend something.
    """
    given = parse(arguments)
    if given.get("help"):
        print(help_text(long=False), end="")
    elif given.get("help_all"):
        print(help_text(long=True), end="")
    elif given.get("version"):
        import occupy_core

        print(f"occupy_core {occupy_core.__version__}")
    else:
        _run_job(given)
    return 0


def parse(arguments: Sequence[str]) -> dict[str, Any]:
    """Turn command-line arguments into values by field, of those options only that are given.

    Raises
    ------
    ParameterError
        When an option is unknown or its value is missing or of another type.
    """
    parser = _Parser(prog="occupy-core scale", add_help=False, allow_abbrev=False)
    options = all_options()
    for option in options:
        _add(parser, option)
    parser.add_argument("positional_map", nargs="?", type=Path)
    namespace, unknown = parser.parse_known_args(_prepared(arguments, options))
    if unknown:
        what = "option" if unknown[0].startswith("-") else "argument"
        raise ParameterError(f"The {what} {unknown[0]} is unknown; see occupy-core scale --help.")
    given = vars(namespace)
    positional = given.pop("positional_map", None)
    if positional is not None and given.setdefault("map", positional) != positional:
        raise ParameterError(
            f"Two maps are given, {positional} and {given['map']}; give one of them."
        )
    return given


def all_options() -> list[Option]:
    """Return all options, with a --no- form of each switch of the job that has no opposite."""
    options = [option for section in SECTIONS.values() for option in section]
    switches = [o for o in options if o.kind is bool and o.field not in COMMAND_FIELDS]
    opposed = {o.field for o in switches if o.constant is not True}
    for option in switches:
        if option.field not in opposed:
            flags = tuple(f"--no-{flag[2:]}" for flag in option.flags)
            options.append(Option(option.field, flags, bool, option.text, constant=False))
    return options


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ParameterError(f"{message[:1].upper()}{message[1:]}; see {self.prog} --help.")


def _add(parser: argparse.ArgumentParser, option: Option) -> None:
    settings: dict[str, Any] = {"dest": option.field, "default": argparse.SUPPRESS}
    if option.kind is bool:
        settings |= {"action": "store_const", "const": option.constant}
    else:
        settings["type"] = _gamma if option.optional_value else _READERS[option.kind]
    parser.add_argument(*option.flags, **settings)


def _float(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number")
    return value


def _int(text: str) -> int:
    value = _float(text)
    if value != int(value):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number")
    return int(value)


def _gamma(text: str) -> float | str:
    return _BARE if text == _BARE else _float(text)


_READERS = {float: _float, int: _int, str: str, Path: Path}


def _prepared(arguments: Sequence[str], options: Sequence[Option]) -> list[str]:
    """Join what argparse would take apart.

    Underscores in long options are read as hyphens (--raw_scale); a negative number after an option
    is its value; --amplify, --attenuate and --sigmoid take a value only if a number follows.
    """
    by_flag = {flag: option for option in options for flag in option.flags}
    prepared: list[str] = []
    rest = list(arguments)
    while rest:
        token = rest.pop(0)
        name, equals, value = token.partition("=")
        if name.startswith("--"):
            name = name.replace("_", "-")
        option = by_flag.get(name)
        following = rest[0] if rest else ""
        if option is None:
            prepared.append(token)
        elif equals:
            prepared.append(f"{name}={value}")
        elif option.optional_value:
            has_value = _is_number(following)
            prepared.append(f"{name}={rest.pop(0) if has_value else _BARE}")
        elif option.kind is not bool and _NEGATIVE_NUMBER.fullmatch(following):
            prepared.append(f"{name}={rest.pop(0)}")
        else:
            prepared.append(name)
            if option.kind is not bool and rest:
                prepared.append(rest.pop(0))
    return prepared


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def help_text(*, long: bool) -> str:
    """Return the help: one line for each option, or all there is to say."""
    lines = [f"usage: {_USAGE}", "", SUMMARY, ""]
    for title, options in SECTIONS.items():
        lines.append(f"{title}:")
        for option in options:
            flags = ", ".join(option.flags)
            value = f"[{option.metavar}]" if option.optional_value else option.metavar
            lines.append(f"  {flags} {value}".rstrip())
            text = option.text if long else option.short_text
            lines += _wrapped(text)
        lines.append("")
    if long:
        lines += [
            "Switches have an opposite that starts with --no-. Values may be negative and may be "
            "joined,",
            "as in --option=-0.003. Exit status: 0 done, 2 something to mend, 130 interrupted.",
        ]
    else:
        lines.append("See --help-all for more on each option.")
    return "\n".join(lines) + "\n\n" + _EXAMPLES


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_on_hyphens=False,  # options stay whole
    )


def job_values(given: dict[str, Any]) -> dict[str, Any]:
    """Nest the values of the options as a job has them, over those of a --params file."""
    from occupy_core.scale_job import read_job_values

    values = read_job_values(given["params"]) if "params" in given else {}
    for field, value in _with_gamma(given).items():
        if field in COMMAND_FIELDS:
            continue
        group, _, name = field.rpartition(".")
        if not group:
            values[name] = value
        elif isinstance(values.setdefault(group, {}), dict):
            values[group] = {**values[group], name: value}
    if values.get("map") is None:
        raise ParameterError("No map is given; give MAP, --emdb ID or --params FILE.")
    if given.get("keep_output_path"):
        if "outdir" in given:
            raise ParameterError(
                "Both --outdir and --keep-output-path are given; leave out one of them."
            )
        values["outdir"] = Path(values["map"]).parent
    if "name" in given:
        values["name"] = _base_name(given["name"])
    return values


def _with_gamma(given: dict[str, Any]) -> dict[str, Any]:
    """Give --gamma to the modifications that leave their power to it."""
    bare = [field for field, value in given.items() if value == _BARE]
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


def _base_name(text: str) -> str:
    """Return the base name that -o gives, as a name or as the name of a map."""
    from occupy_core.maps.mrc import map_name

    return text if os.sep in text else map_name(text)


def _run_job(given: dict[str, Any]) -> None:
    from occupy_core.jobs import ScaleJob, run_scale

    progress = None if given.get("quiet") else ProgressLine(sys.stdout)
    try:
        if "emdb" in given:
            given = {**given, "map": _fetched(given, progress)}
        values = job_values(given)
        if given.get("show_chimerax"):
            values["chimerax"] = True
        job = ScaleJob.from_dict(values, "the command line")
        result = run_scale(job, progress)
    finally:
        if progress is not None:
            progress.close()
    warnings = [*result.warnings, *_changed_inputs(given, result)]
    for warning in warnings:
        print(f"Warning: {warning}", file=sys.stderr)
    if not given.get("quiet"):
        print(summary(job, result, verbose=given.get("verbose", False)))
    if given.get("show_chimerax"):
        _show(result.files["chimerax"])


def _fetched(given: dict[str, Any], progress: ProgressLine | None) -> Path:
    from occupy_core.emdb import fetch_emdb

    if "map" in given:
        raise ParameterError(
            f"Both the map {given['map']} and --emdb {given['emdb']} are given; leave out one."
        )
    return fetch_emdb(given["emdb"], given.get("outdir", Path()), progress=progress)


def _changed_inputs(given: dict[str, Any], result: JobResult) -> list[str]:
    """Say which inputs are not those of the record that is run again."""
    from occupy_core.scale_job import read_record

    if "params" not in given:
        return []
    before = read_record(given["params"]).get("inputs")
    if not isinstance(before, dict):  # a params.json
        return []
    return [
        f"The {key} {entry['file']} has changed since {given['params']} was written, so the "
        "results differ from those."
        for key, entry in result.result["inputs"].items()
        if key in before
        and before[key]["file"] == entry["file"]
        and before[key]["sha256"] != entry["sha256"]
    ]


def summary(job: ScaleJob, result: JobResult, *, verbose: bool) -> str:
    """Return what was found and written, for the terminal."""
    record = result.result
    if verbose:
        return result.files["log"].read_text(encoding="utf-8").rstrip()
    p = record["parameters"]
    lines = [
        f"Local scale ({p['mode']}) of {job.map.name}: kernel {p['kernel_size']} voxels, low-pass "
        f"{p['lowpass']:.2f} Å, tau {p['tau']:.3f}"
    ]
    occupancy = record["limits"].get("target_occupancy")
    if occupancy is not None:
        lines.append(f"Occupancy of the target mask: {occupancy:.3f}")
    lines.append(f"Written to {job.outdir}:")
    lines += [f"  {name}" for name in record["files"].values()]
    if "chimerax" in result.files:
        lines.append(f"To look at it: chimerax '{result.files['chimerax']}'")
    return "\n".join(lines)


def _show(script: Path) -> None:
    """Open the script in ChimeraX, which goes on when this program ends."""
    program = shutil.which("chimerax") or shutil.which("ChimeraX")
    if program is None:
        print(f"ChimeraX is not on the PATH; open {script} in it.", file=sys.stderr)
        return
    in_background = '"$0" "$1" >/dev/null 2>&1 &'
    subprocess.run(["sh", "-c", in_background, program, script], check=True, start_new_session=True)
