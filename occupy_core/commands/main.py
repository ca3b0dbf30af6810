"""From the arguments of the process to its exit status.

Exit status: 0 done, 2 something the user has to mend (one sentence on stderr), 128 + signal number
when interrupted (130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP).
"""

from __future__ import annotations

import errno
import gc
import importlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn, cast

import occupy_core
from occupy_core.commands.shared.summaries import SUMMARIES
from occupy_core.commands.shared.terminal import (
    CannotPrintError,
    StoppedError,
    machine_warnings_said,
    prepare_streams,
    say,
    signals_raised,
)
from occupy_core.errors import OccupyError, ParameterError
from occupy_core.machine import spare_the_libraries

# Commands by name; the module is imported only when its command is run.
_COMMANDS = {
    "scale": "occupy_core.commands.scale.cli",
    "regions": "occupy_core.commands.regions.cli",
    "blocks": "occupy_core.commands.blocks.cli",
    "resolution": "occupy_core.commands.resolution.cli",
    "classes": "occupy_core.commands.classes.cli",
    "particles": "occupy_core.commands.particles.cli",
    "report": "occupy_core.commands.report.cli",
    "batch": "occupy_core.commands.batch.cli",
    "watch": "occupy_core.commands.batch.watch.cli",
    "relion-hook": "occupy_core.commands.relion_hook.cli",
}
_USER_ERROR = 2  # [format]


def console() -> NoReturn:
    """Be the whole process: run the command it was given and end."""
    prepare_streams()
    spare_the_libraries()
    # Of the half a million objects that the libraries make when loaded, none is garbage.
    gc.set_threshold(700_000, 20, 20)
    status = main()
    # Python would tidy up first, which takes 0.1 s once numba is loaded.
    os._exit(status)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.
    """
    try:
        with signals_raised(), machine_warnings_said():
            status = _run(sys.argv[1:] if arguments is None else list(arguments))
            sys.stdout.flush()
            return status
    except OccupyError as error:
        sentences = error.problems if isinstance(error, ParameterError) else (str(error),)
        return _ended(*sentences)
    except MemoryError:
        return _ended(
            "There is not enough memory for maps of this size; bin them, or give a smaller "
            "--max-box (scale) or a larger --bin (blocks)."
        )
    except KeyboardInterrupt:
        say("occupy-core: interrupted; unfinished outputs were removed.")
        return 128 + signal.SIGINT
    except StoppedError as stop:
        say("occupy-core: terminated; unfinished outputs were removed.")
        return 128 + stop.number
    except CannotPrintError as error:
        if error.errno == errno.EPIPE:
            return _unread()
        return _ended(
            f"What was found cannot be printed: {error.strerror}; outputs in a folder are whole."
        )
    except OSError as error:
        from occupy_core.commands.shared.staging import os_sentence  # takes time, rarely needed

        return _ended(os_sentence(error))


def _ended(*sentences: str) -> int:
    """Say what the user has to mend, and return the exit status for it."""
    for sentence in sentences:
        say(f"occupy-core: error: {sentence}")
    return _USER_ERROR


def _unread() -> int:
    """End after the reader of our output has gone (`| head`): nothing more can be said to them."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + signal.SIGPIPE


def _run(arguments: list[str]) -> int:
    command = arguments[0] if arguments else "--help"
    if command in ("-h", "--help"):
        print(_help(), end="")
        return 0
    if command == "--version":
        print(f"occupy_core {occupy_core.__version__}")
        return 0
    if command not in _COMMANDS:
        raise ParameterError(
            f"'{command}' is not a command; give one of {', '.join(_COMMANDS)}, as in "
            "occupy-core scale map.mrc."
        )
    module = importlib.import_module(_COMMANDS[command])
    return cast(Callable[[Sequence[str]], int], module.run)(arguments[1:])


def _help() -> str:
    lines = ["usage: occupy-core COMMAND [options]", "", "commands:"]
    lines += [f"  {name:<11} {summary}" for name, summary in SUMMARIES.items()]
    lines += ["", "See occupy-core COMMAND --help; occupy-core --version prints the version."]
    return "\n".join(lines) + "\n"
