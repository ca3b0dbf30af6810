"""How long work tells that it goes on: a callable that takes the fraction done and a few words."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

Progress = Callable[[float, str], None]
"""Takes the fraction done (0 to 1) and what is being done."""

_LINE_STEP = 0.05  # [layout] a new line after this fraction ...
_LINE_SECONDS = 2.0  # [layout] ... or after this time, whichever comes first


def report(progress: Progress | None, fraction: float, text: str) -> None:
    """Tell `progress`, if there is one, the fraction done (0 to 1) and what comes next."""
    if progress is not None:
        progress(min(max(fraction, 0.0), 1.0), text)


def part(progress: Progress | None, start: float, stop: float) -> Progress | None:
    """Return the progress of one part of the work.

    Parameters
    ----------
    progress : Progress or None
        Progress of the whole.
    start, stop : float
        Fractions of the whole at which the part starts and ends.

    Returns
    -------
    Progress or None
        Takes the fraction of the part; None when the whole has no progress.
    """
    if progress is None:
        return None
    whole = progress  # mypy does not narrow a captured argument

    def partial(fraction: float, text: str) -> None:
        whole(start + (stop - start) * fraction, text)

    return partial


class ProgressLine:
    """Print progress to a stream, for a person at a terminal or for a log file.

    On a terminal one line is rewritten. Elsewhere (a log, a pipe, Scipion's run.stdout) whole lines
    are written, no more often than every 5 % or every 2 s, and never a carriage return.

    Parameters
    ----------
    stream : TextIO
        Where to print.
    clock : callable
        Seconds, monotonic.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._terminal = stream.isatty()
        self._printed_fraction = -1.0
        self._printed_time = clock()
        self._width = 0

    def __call__(self, fraction: float, text: str) -> None:
        """Print the line when it is due."""
        now = self._clock()
        due = (
            fraction >= self._printed_fraction + _LINE_STEP
            or now >= self._printed_time + _LINE_SECONDS
            or (fraction >= 1.0 > self._printed_fraction)
        )
        if not (due or self._terminal):
            return
        self._printed_fraction, self._printed_time = fraction, now
        seen = "".join(c if c.isprintable() else "?" for c in text)  # names of files are in it
        line = f"{100 * fraction:3.0f} %  {seen}"
        if self._terminal:
            self._print("\r" + line.ljust(self._width))
            self._width = len(line)
        else:
            self._print(line + "\n")

    def close(self) -> None:
        """End the rewritten line of a terminal, so that what follows starts on its own."""
        if self._terminal and self._width:
            self._print("\n")
            self._width = 0

    def _print(self, text: str) -> None:
        with suppress(OSError):  # a full disk or a closed terminal: the work counts
            self._stream.write(text)
            self._stream.flush()
