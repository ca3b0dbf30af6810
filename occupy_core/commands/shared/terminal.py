"""The streams and signals of the process: what cannot be printed loses no work."""

from __future__ import annotations

import codecs
import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from occupy_core.commands.shared.quoting import one_line
from occupy_core.errors import MachineWarning

# Signs of our sentences, for terminals and logs that are not UTF-8.
_PLAIN = {
    "Å": "A", "±": "+-", "³": "3", "²": "2", "×": "x", "…": "...", "·": ".", "–": "-", "—": "-",
    "σ": "sigma", "μ": "u", "χ": "chi", "≥": ">=", "≤": "<=", "→": "->", "’": "'",
}  # fmt: skip
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class CannotPrintError(OSError):
    """What was to be said could not be written to stdout."""


class StoppedError(BaseException):
    """A signal to end, raised so that unfinished outputs are removed on the way out.

    Parameters
    ----------
    number : int
        Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class _Stdout(io.TextIOWrapper):
    """Stdout, whose failures are told from those of files."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            raise CannotPrintError(error.errno, error.strerror) from error

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise CannotPrintError(error.errno, error.strerror) from error


def prepare_streams() -> None:
    """Let every text be printed, whatever the encoding, and closed streams be no trap.

    A file that is opened while stdout is closed would take its place, and what is printed would
    stand in a map.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    codecs.register_error("occupy_plain", _plain)
    sys.stdout = _renewed(sys.stdout, 1, _Stdout)
    sys.stderr = _renewed(sys.stderr, 2, io.TextIOWrapper)


def _renewed(stream: Any, number: int, kind: type[io.TextIOWrapper]) -> io.TextIOWrapper:
    """Make a stream of the same encoding that prints every text."""
    if stream is None:  # closed when the process started
        return kind(io.FileIO(number, "w", closefd=False), "utf-8", "occupy_plain")
    encoding, by_line = stream.encoding, stream.line_buffering
    with suppress(OSError):
        stream.flush()
    return kind(stream.detach(), encoding, "occupy_plain", line_buffering=by_line)


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Spell what an encoding lacks: our own signs by letters, others as escapes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    escape = "backslashreplace"
    spelled = [_PLAIN.get(c) or c.encode("ascii", escape).decode("ascii") for c in missing]
    return "".join(spelled), error.end


def say(sentence: str) -> None:
    """Print a sentence on stderr, if that can be done."""
    with suppress(OSError):
        print(one_line(sentence), file=sys.stderr, flush=True)


@contextmanager
def machine_warnings_said() -> Iterator[None]:
    """Print at once, in a line, what this machine lacks; other warnings pass."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", MachineWarning)
        show = warnings.showwarning

        def remark(
            message: Warning | str, category: type[Warning], *place: Any, **more: Any
        ) -> None:
            if issubclass(category, MachineWarning):
                say(f"Warning: {message}")
            else:
                show(message, category, *place, **more)

        warnings.showwarning = remark
        yield


@contextmanager
def signals_raised() -> Iterator[None]:
    """Turn the signals to end (Ctrl-C, a stopped job, a closed terminal) into exceptions.

    Only the first one counts: the tidying up that it starts must not be cut short. What is ignored
    (SIGHUP under nohup) stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python handles signals in the main thread only
        return
    stopped = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            raise KeyboardInterrupt if number == signal.SIGINT else StoppedError(number)

    before = {n: signal.getsignal(n) for n in STOPPING}
    ours = [n for n, handler in before.items() if handler not in (None, signal.SIG_IGN)]
    for number in ours:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])
