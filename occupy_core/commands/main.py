"""From the arguments of the process to its exit status.

Exit status: 0 done, 2 something the user has to mend (one sentence on stderr), 128 + signal number
when interrupted (130 for Ctrl-C, 143 for SIGTERM).
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn, cast

import occupy_core
from occupy_core.commands.shared.quoting import one_line
from occupy_core.errors import OccupyError, ParameterError

# Commands by name; the module is imported only when its command is run.
_COMMANDS = {
    "scale": "occupy_core.commands.scale.cli",
    "regions": "occupy_core.commands.regions.cli",
    "blocks": "occupy_core.commands.blocks.cli",
    "resolution": "occupy_core.commands.resolution.cli",
    "particles": "occupy_core.commands.particles.cli",
}
_USER_ERROR = 2


class _Terminated(BaseException):
    """SIGTERM, raised so that unfinished outputs are removed on the way out."""


def console() -> NoReturn:
    """Be the whole process: run the command it was given and end."""
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
        with _sigterm_raised():
            status = _run(sys.argv[1:] if arguments is None else list(arguments))
            sys.stdout.flush()
            return status
    except OccupyError as error:
        sentences = error.problems if isinstance(error, ParameterError) else (str(error),)
        for sentence in sentences:
            print(f"occupy-core: error: {one_line(sentence)}", file=sys.stderr)
        return _USER_ERROR
    except MemoryError:
        print(
            "occupy-core: error: There is not enough memory for maps of this size; bin them, or "
            "give a smaller --max-box (scale) or a larger --bin (blocks).",
            file=sys.stderr,
        )
        return _USER_ERROR
    except KeyboardInterrupt:
        print("occupy-core: interrupted; unfinished outputs were removed.", file=sys.stderr)
        return 128 + signal.SIGINT
    except _Terminated:
        print("occupy-core: terminated; unfinished outputs were removed.", file=sys.stderr)
        return 128 + signal.SIGTERM
    except BrokenPipeError:
        # Who read our output has gone (`| head`); nothing more can be said to them.
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
    for name, module in _COMMANDS.items():
        lines.append(f"  {name:<10} {importlib.import_module(module).COMMAND.summary}")
    lines += ["", "See occupy-core COMMAND --help; occupy-core --version prints the version."]
    return "\n".join(lines) + "\n"


@contextmanager
def _sigterm_raised() -> Iterator[None]:
    """Turn SIGTERM (a stopped job, a cancelled queue slot) into an exception."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python handles signals in the main thread only
        return

    def terminate(number: int, frame: FrameType | None) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
