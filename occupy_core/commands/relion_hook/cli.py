"""The command ``occupy-core relion-hook``, which RELION calls for each class and iteration."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from occupy_core.commands.relion_hook.options import SECTIONS
from occupy_core.commands.shared.command import Command
from occupy_core.commands.shared.summaries import SUMMARIES
from occupy_core.errors import ParameterError

if TYPE_CHECKING:
    from occupy_core.commands.relion_hook.job import HookJob

VARIABLE = "RELION_EXTERNAL_RECONSTRUCT_EXECUTABLE"

COMMAND = Command(
    name="relion-hook",
    usage="[options] STAR",
    summary=SUMMARIES["relion-hook"],
    examples=(
        "relion-hook --setup",
        "relion-hook --start-resolution 30 --setup",
    ),
    sections=SECTIONS,
    positional="star",
    own_fields=frozenset(("setup",)),
)


def run(arguments: Sequence[str]) -> int:
    """Run the command; return the exit status.

    Raises
    ------
    OccupyError
        When the user has to mend something; RELION then stops too.
    """
    given = COMMAND.parse(arguments)
    if given.get("setup"):
        hook_job({**given, "star": given.get("star", "x")})  # its numbers are checked
        print(setup([word for word in arguments if word != "--setup"]))
        return 0
    return COMMAND.run(arguments, _run_hook)


def hook_job(given: dict[str, Any]) -> HookJob:
    """Make the job that the options ask for."""
    from occupy_core.commands.relion_hook.job import HookJob
    from occupy_core.plain_values import from_dict

    if "star" not in given:
        raise ParameterError(
            "No STAR file is given; RELION gives it when it calls this program, see occupy-core "
            "relion-hook --setup."
        )
    return from_dict(HookJob, COMMAND.job_values(given), "the command line")


def _run_hook(given: dict[str, Any]) -> None:
    from occupy_core.commands.relion_hook.run import run_hook

    done = run_hook(hook_job(given))
    if not given.get("quiet"):
        print(f"occupy-core relion-hook: {done}")


def setup(options: Sequence[str]) -> str:
    """Return what to set for RELION, and what to add to its job."""
    call = shlex.join([sys.executable, "-m", "occupy_core", "relion-hook", *options])
    return (
        "Before RELION or Scipion is started:\n"
        f"  export {VARIABLE}={shlex.quote(call)}\n"
        "and in the job of the 3D classification, as additional arguments:\n"
        "  --external_reconstruct"
    )
