"""What every command of the command line has: options, help, and the way from them to a job.

Nothing heavy is imported here, so that help and mistakes are answered at once. What a value means,
its default and its limits belong to the parameter dataclasses; a test compares the two.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, NoReturn

from occupy_core.commands.shared.given_jobs import with_maps_of_jobs
from occupy_core.commands.shared.memory import estimate_text, require_memory
from occupy_core.commands.shared.terminal import say
from occupy_core.errors import ParameterError
from occupy_core.progress import ProgressLine

_WIDTH = 92  # [layout]
_INDENT = " " * 6
BARE = "bare"  # stands for the value of an option that leaves it to --gamma
_NEGATIVE_NUMBER = re.compile(r"-(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)


@dataclass(frozen=True)
class Option:
    """One option.

    Parameters
    ----------
    field : str
        Field of the job that it sets, with a dot before a field of its parts ("scale.tau"); for
        options of the command itself a name without a field ("verbose").
    flags : tuple of str
        Its spellings, the usual one first.
    kind : type
        float, int, str or Path for a value; bool for a switch.
    text : str
        What it does: the first sentence is the short help.
    metavar : str
        What stands for the value in the help.
    constant : object
        What a switch sets.
    optional_value : bool
        Whether the value may be left out, so that --gamma gives it.
    many : bool
        Whether it takes several values.
    """

    field: str
    flags: tuple[str, ...]
    kind: type
    text: str
    _: KW_ONLY
    metavar: str = ""
    constant: object = True
    optional_value: bool = False
    many: bool = False

    @property
    def short_text(self) -> str:
        """The first sentence."""
        return self.text.split(". ")[0].rstrip(".") + "."


def switch(field: str, flags: str, text: str, constant: object = True) -> Option:
    """Return an option without a value."""
    return Option(field, tuple(flags.split()), bool, text, constant=constant)


def number(field: str, flags: str, metavar: str, text: str, kind: type = float) -> Option:
    """Return an option that takes a number."""
    return Option(field, tuple(flags.split()), kind, text, metavar=metavar)


def word(field: str, flags: str, metavar: str, text: str) -> Option:
    """Return an option that takes a text."""
    return Option(field, tuple(flags.split()), str, text, metavar=metavar)


def file(field: str, flags: str, text: str, metavar: str = "FILE") -> Option:
    """Return an option that takes the name of a file or folder."""
    return Option(field, tuple(flags.split()), Path, text, metavar=metavar)


def files(field: str, flags: str, text: str) -> Option:
    """Return an option that takes the names of files."""
    return Option(field, tuple(flags.split()), Path, text, metavar="FILE [FILE …]", many=True)


def gamma(field: str, flags: str, text: str) -> Option:
    """Return an option whose number may be left to --gamma."""
    return Option(field, tuple(flags.split()), float, text, metavar="G", optional_value=True)


# What the commands that run a job share.
FORCE = switch(
    "force",
    "--force",
    "Replace the outputs of an earlier run, also those that this run does not make. Without it "
    "nothing is overwritten. Inputs never are.",
)

REPORT = switch(
    "report",
    "--report",
    "Write a report: one HTML file with slices, surface and tables, to be looked at in a browser "
    "without a network. Its name ends in .html; occupy-core report makes it of results that have "
    "none.",
)

# The end of every command's options.
COMMON = (
    number(
        "threads",
        "--threads",
        "N",
        "Number of threads, default all cores this process may use. The results do not "
        "depend on it.",
        int,
    ),
    switch(
        "dry_run",
        "--dry-run",
        "Say how much time and memory it takes, and end. From what was measured, and the header of "
        "the first map; nothing is computed or written.",
    ),
    switch("verbose", "--verbose", "Print the settings and limits found."),
    switch("quiet", "--quiet", "Print warnings and errors only."),
    switch("help", "-h --help", "Print each option with one line and exit."),
    switch("help_all", "--help-all", "Print all there is to say about each option and exit."),
    switch("version", "--version", "Print the version and exit."),
)
_COMMON_FIELDS = frozenset(("dry_run", "verbose", "quiet", "help", "help_all", "version"))


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command: what it is called, what it takes and what its help says.

    Parameters
    ----------
    name : str
        As typed after occupy-core.
    usage : str
        What follows the name in the first line of the help.
    summary : str
        What it does, in a sentence.
    examples : tuple of str
        Command lines, without occupy-core.
    sections : mapping of str to tuple of Option
        The options under their headings.
    positional : str, optional
        The field that takes what stands without an option.
    many : bool
        Whether several may stand there.
    own_fields : frozenset of str
        Fields of options that act on the command, not on the job.
    """

    name: str
    usage: str
    summary: str
    examples: tuple[str, ...]
    sections: Mapping[str, tuple[Option, ...]]
    positional: str | None = None
    many: bool = False
    own_fields: frozenset[str] = frozenset()

    @property
    def command_fields(self) -> frozenset[str]:
        """Fields of options that act on the command, not on the job."""
        return self.own_fields | _COMMON_FIELDS

    def options(self) -> list[Option]:
        """Return all options, with a --no- form of each switch that has no opposite."""
        options = [option for section in self.sections.values() for option in section]
        own = self.command_fields
        switches = [o for o in options if o.kind is bool and o.field not in own]
        opposed = {o.field for o in switches if o.constant is not True}
        for option in switches:
            if option.field not in opposed:
                flags = tuple(f"--no-{flag[2:]}" for flag in option.flags)
                options.append(Option(option.field, flags, bool, option.text, constant=False))
        return options

    def run(
        self,
        arguments: Sequence[str],
        work: Callable[[dict[str, Any]], None],
        estimate: Callable[[dict[str, Any]], str] | None = None,
    ) -> int:
        """Answer for help, or do the work on the values given; return the exit status.

        `estimate` says what the work takes, where that is not the need of one job.

        Raises
        ------
        OccupyError
            When the user has to mend something.
        """
        given, notes = self.with_maps(arguments)
        print_warnings(notes)
        if given.get("help"):
            print(self.help_text(long=False), end="")
        elif given.get("help_all"):
            print(self.help_text(long=True), end="")
        elif given.get("version"):
            import occupy_core

            print(f"occupy_core {occupy_core.__version__}")
        elif given.get("dry_run"):
            print(estimate(given) if estimate else estimate_text(self.name, given))
        else:
            require_memory(self.name, given)
            work(given)
        return 0

    def with_maps(self, arguments: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
        """Return the values by field, with the maps of jobs in their place, and what was left out.

        Raises
        ------
        OccupyError
            As `parse`, or when a job cannot be read.
        """
        fields = {option.field for option in self.options()}
        return with_maps_of_jobs(self.parse(arguments), self.positional, fields)

    def parse(self, arguments: Sequence[str]) -> dict[str, Any]:
        """Turn command-line arguments into values by field, of those options only that are given.

        Raises
        ------
        ParameterError
            When an option is unknown or its value is missing or of another type.
        """
        parser = _Parser(prog=f"occupy-core {self.name}", add_help=False, allow_abbrev=False)
        options = self.options()
        for option in options:
            _add(parser, option)
        if self.positional is not None:
            parser.add_argument("positional", nargs="*", type=Path)
        namespace, unknown = parser.parse_known_intermixed_args(_prepared(arguments, options))
        given = vars(namespace)
        positional = given.pop("positional", None) or []
        if self.positional is not None and not self.many:
            unknown += [str(path) for path in positional[1:]]
            positional = positional[:1]
        if unknown:
            what = "option" if unknown[0].startswith("-") else "argument"
            raise ParameterError(
                f"The {what} {unknown[0]} is unknown; see occupy-core {self.name} --help."
            )
        if positional and self.positional is not None:
            value = list(positional) if self.many else positional[0]
            if given.setdefault(self.positional, value) != value:
                raise ParameterError(
                    f"Two maps are given, {positional[0]} and {given[self.positional]}; give one "
                    "of them."
                )
        return given

    def help_text(self, *, long: bool) -> str:
        """Return the help: one line for each option, or all there is to say."""
        lines = [f"usage: occupy-core {self.name} {self.usage}", "", self.summary, ""]
        for title, options in self.sections.items():
            lines.append(f"{title}:")
            for option in options:
                flags = ", ".join(option.flags)
                value = f"[{option.metavar}]" if option.optional_value else option.metavar
                lines.append(f"  {flags} {value}".rstrip())
                lines += _wrapped(option.text if long else option.short_text)
            lines.append("")
        if long:
            lines += [
                "Switches have an opposite that starts with --no-. Values may be negative and may "
                "be joined,",
                "as in --option=-0.003. Exit status: 0 done, 2 something to mend, 130 interrupted.",
            ]
        else:
            lines.append("See --help-all for more on each option.")
        lines += ["", "examples:", *(f"  occupy-core {example}" for example in self.examples)]
        return "\n".join(lines) + "\n"

    def job_values(
        self, given: Mapping[str, Any], recorded: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Nest the values of the options as a job has them, over those recorded before."""
        values = dict(recorded or {})
        for field, value in given.items():
            if field in self.command_fields:
                continue
            group, _, name = field.rpartition(".")
            if not group:
                values[name] = value
            elif isinstance(values.setdefault(group, {}), dict):
                values[group] = {**values[group], name: value}
        return values


def base_name(given: Mapping[str, Any]) -> dict[str, str]:
    """Return the base name that -o gives, as a name or as the name of a map; nothing without."""
    from occupy_core.maps.mrc import map_name

    text = given.get("name")
    if text is None:
        return {}
    return {"name": text if os.sep in text else map_name(text)}


@contextmanager
def shown_progress(given: Mapping[str, Any]) -> Iterator[ProgressLine | None]:
    """Show progress on the terminal unless --quiet, and end its line."""
    progress = None if given.get("quiet") else ProgressLine(sys.stdout)
    try:
        yield progress
    finally:
        if progress is not None:
            progress.close()


def print_warnings(warnings: Iterable[str]) -> None:
    """Print warnings on stderr, a line each, the most important first."""
    from occupy_core.commands.shared.answer import grouped_warnings

    for sentences in grouped_warnings(warnings).values():
        for sentence in sentences:
            say(f"Warning: {sentence}")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ParameterError(f"{message[:1].upper()}{message[1:]}; see {self.prog} --help.")


def _add(parser: argparse.ArgumentParser, option: Option) -> None:
    settings: dict[str, Any] = {"dest": option.field, "default": argparse.SUPPRESS}
    if option.kind is bool:
        settings |= {"action": "store_const", "const": option.constant}
    else:
        settings["type"] = _gamma_or_bare if option.optional_value else _READERS[option.kind]
    if option.many:
        settings["nargs"] = "+"
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


def _gamma_or_bare(text: str) -> float | str:
    return BARE if text == BARE else _float(text)


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
            prepared.append(f"{name}={rest.pop(0) if has_value else BARE}")
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


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_on_hyphens=False,  # options stay whole
    )
