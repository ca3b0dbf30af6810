"""What a batch can do: the commands that run a job, and how a row of a table becomes one."""

from __future__ import annotations

import importlib
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from occupy_core.commands.shared.command import Command, Option
from occupy_core.commands.shared.job import JobBase
from occupy_core.commands.shared.run import JobResult
from occupy_core.errors import ParameterError
from occupy_core.progress import Progress

# Command, the function that makes the values of a job, the job, and the function that runs it;
# loaded when the first such job comes.
_PARTS = {
    "scale": ("scale.cli:COMMAND", "scale.cli:job_values", "scale.job:ScaleJob", "run_scale"),
    "regions": (
        *("regions.cli:COMMAND", "regions.cli:job_values", "regions.job:RegionsJob"),
        "run_regions",
    ),
    "blocks": ("blocks.cli:COMMAND", "blocks.cli:job_values", "blocks.job:BlocksJob", "run_blocks"),
    "resolution": (
        *("resolution.cli:COMMAND", "resolution.cli:job_values", "resolution.job:ResolutionJob"),
        "run_resolution",
    ),
    "resolution bench": (
        *("resolution.bench.cli:COMMAND", "resolution.bench.cli:job_values"),
        *("resolution.bench.run:ResolutionBenchJob", "run_resolution_bench"),
    ),
    "classes": (
        *("classes.cli:COMMAND", "classes.cli:job_values", "classes.job:ClassesJob"),
        "run_classes",
    ),
    "particles": (
        *("particles.cli:COMMAND", "particles.cli:job_values", "particles.job:ParticlesJob"),
        "run_particles",
    ),
}
KINDS = tuple(_PARTS)
# What the batch decides for all its jobs, or what has no meaning without a person.
_OF_THE_BATCH = frozenset(
    (
        *("outdir", "threads", "force", "dry_run", "verbose", "quiet", "help", "help_all"),
        *("version", "emdb", "keep_output_path", "show_chimerax"),
    )
)
_YES, _NO = ("yes", "true", "1", "on"), ("no", "false", "0", "off")


@dataclass(frozen=True)
class Kind:
    """One command, as a batch uses it.

    Parameters
    ----------
    command : Command
        Its options.
    values : callable
        Makes the values of a job from those of the options.
    job : type
        The job.
    run : callable
        Runs a job.
    """

    command: Command
    values: Callable[[dict[str, Any]], dict[str, Any]]
    job: type[JobBase]
    run: Callable[[JobBase, Progress | None], JobResult]


def kind_of(name: str) -> Kind:
    """Load a command.

    Raises
    ------
    ParameterError
        When no such command runs a job.
    """
    if name not in _PARTS:
        raise ParameterError(
            f"'{name}' is no command of a batch; give one of {', '.join(_PARTS)} in the column "
            "command."
        )
    command, values, job, run = _PARTS[name]
    folder = command.partition(":")[0].rpartition(".")[0]
    parts = (command, values, job, f"{folder}.run:{run}")
    return Kind(*(cast(Any, _loaded(part)) for part in parts))


def _loaded(place: str) -> object:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(f"occupy_core.commands.{module}"), name)


def split_command(text: str) -> tuple[str, list[str]]:
    """Split a command line without ``occupy-core`` into the name of the command and its options.

    Raises
    ------
    ParameterError
        When it names no command of a batch, or has an open quotation mark.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ParameterError(f"The command '{text}' cannot be read: {error}; correct it.") from None
    for length in (2, 1):
        name = " ".join(words[:length])
        if name in _PARTS:
            return name, words[length:]
    kind_of(words[0] if words else "")
    return "", []  # not reached: kind_of has raised


def is_option(name: str, column: str) -> bool:
    """Whether a command has an option that a column stands for."""
    return _option_of(kind_of(name).command, column) is not None


def arguments_of(name: str, cells: Mapping[str, Any]) -> list[str]:
    """Turn the cells of a row into arguments of a command; empty cells say nothing.

    Parameters
    ----------
    name : str
        Of the command.
    cells : mapping of str to object
        Texts, numbers, true and false, or lists of texts, by the spelling of the option without
        its dashes.

    Raises
    ------
    ParameterError
        When a column is no option of the command, or belongs to the whole batch.
    """
    command = kind_of(name).command
    found: list[str] = []
    for column, value in cells.items():
        if value is None or value == "" or value == []:
            continue
        option = _option_of(command, column)
        if option is None:
            raise ParameterError(
                f"The column {column} is no option of {name}; see occupy-core {name} --help."
            )
        if option.field in _OF_THE_BATCH:
            raise ParameterError(
                f"The column {column} belongs to no single job; give it to the batch, or leave it "
                "out."
            )
        found += _words(option, column, value)
    return found


def _option_of(command: Command, column: str) -> Option | None:
    """The option whose spelling, without dashes, is the head of a column."""
    plain = column.strip().lstrip("-").replace("_", "-")
    for option in command.options():
        if plain in (flag.lstrip("-") for flag in option.flags) or (
            option.field == command.positional and plain == command.positional
        ):
            return option
    return None


def _words(option: Option, column: str, value: Any) -> list[str]:
    """Write an option and its value as on the command line."""
    flag = max(option.flags, key=len)
    text = str(value).strip() if not isinstance(value, bool) else ("no", "yes")[value]
    if option.kind is bool:
        if text.lower() in _YES:
            return [flag]
        if text.lower() not in _NO:
            raise ParameterError(f"The column {column} has '{text}' but must be yes or no.")
        opposite = option.constant is True and not flag.startswith("--no-")
        return [f"--no-{flag[2:]}"] if opposite else []
    if option.optional_value and text.lower() in ("yes", "true"):
        return [flag]
    if not option.many:
        return [f"{flag}={text}"]
    return [flag, *_several(value)]


def _several(value: Any) -> Sequence[str]:
    """The values of an option that takes several: a list, or words between spaces."""
    return [str(v) for v in value] if isinstance(value, list) else shlex.split(str(value))
