"""The program in copies of this process, which has loaded its libraries: a run starts at once.

A copy can be hit by a signal, or be refused by the file system, at a change of files or at a time
of its own processors. Neither depends on how busy the machine is.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

LOADED = ("scale", "regions", "resolution", "resolution.bench", "blocks", "particles", "classes")
CHANGES = frozenset(
    ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate")
)
_LONGEST = 300  # s


def load_everything() -> None:
    """Load what the commands need, so that copies have it; no thread may be left running."""
    for name in LOADED:
        importlib.import_module(f"occupy_core.commands.{name}.run")
    for name in ("report.build", "batch.run", "main", "shared.plots"):
        importlib.import_module(f"occupy_core.commands.{name}")
    for name in ("matplotlib.backends.backend_agg", "scipy.ndimage", "gemmi", "starfile"):
        importlib.import_module(name)
    from occupy_core.maps.filters import histogram

    histogram(np.zeros(1, np.float32), 1, 0.0, 1.0)


@dataclass
class Copy:
    """A run that was started.

    Attributes
    ----------
    number : int
        Of its process, which leads a session of its own.
    said : Path
        Where its stderr goes.
    status : int, optional
        Exit status, or minus the signal that ended it; None while it runs.
    """

    number: int
    said: Path
    status: int | None = None
    seconds: float = field(default=0.0)

    def ended(self) -> bool:
        """Whether it has ended."""
        if self.status is None:
            number, status, used = os.wait4(self.number, os.WNOHANG)
            if number:
                self.status = os.waitstatus_to_exitcode(status)
                self.seconds = used.ru_utime + used.ru_stime
        return self.status is not None

    def wait(self) -> int:
        """Wait for its end, and that of all processes that it started; return the status."""
        end = time.monotonic() + _LONGEST
        while not self.ended() or processes(self.number):
            if time.monotonic() > end:
                for number in processes(self.number):
                    with suppress(ProcessLookupError):
                        os.kill(number, signal.SIGKILL)
                raise TimeoutError(f"longer than {_LONGEST} s: {self.text()}")
            time.sleep(0.01)
        assert self.status is not None
        return self.status

    def text(self) -> str:
        """What it said on stderr."""
        return self.said.read_text(encoding="utf-8", errors="replace")

    def processor_time(self, *, of_all: bool = False) -> float:
        """Time (s) that it has taken so far; `of_all`: with the processes that it started."""
        found = 0.0
        for number in processes(self.number) if of_all else [self.number]:
            with suppress(OSError):
                found += time.clock_gettime((~number << 3) | 2)  # as clock_getcpuclockid says
        return found


def processes(session: int) -> list[int]:
    """The processes of a session that have not ended."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError, IndexError):
                words = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(words[3]) == session and words[0] not in "ZX":
                    found.append(int(folder.name))
    return found


def start_copy(
    words: list[str],
    folder: Path,
    prepare: Callable[[], object] = lambda: None,
    *,
    new: bool = False,
) -> Copy:
    """Start a run.

    Parameters
    ----------
    words : list of str
        Its command line.
    folder : Path
        Where its notes and what it says go.
    prepare : function
        Called in the copy before the run.
    new : bool
        Whether it is a new process, which loads everything, and `prepare` is not called.
    """
    folder.mkdir(parents=True, exist_ok=True)
    said = folder / "said"
    if new:
        return Copy(_start_new(words, folder, said), said)
    sys.stdout.flush()
    sys.stderr.flush()
    number = os.fork()
    if number:
        return Copy(number, said)
    try:
        os.setsid()
        _streams(said)
        os.environ["XDG_STATE_HOME"] = str(folder / "state")
        # Signals that the shell of this process ignores must not be ignored there.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for other in (signal.SIGHUP, signal.SIGTERM, signal.SIGALRM):
            signal.signal(other, signal.SIG_DFL)
        sys.argv = ["occupy-core", *words]
        prepare()
        from occupy_core.commands.main import console

        console()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(70)


def _start_new(words: list[str], folder: Path, said: Path) -> int:
    start = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    start += "signal.signal(signal.SIGHUP, signal.SIG_DFL); "
    start += "from occupy_core.commands.main import console; console()"
    with said.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-c", start, *words],
            env={**os.environ, "XDG_STATE_HOME": str(folder / "state")},
            stdout=subprocess.DEVNULL,
            stderr=stream,
            start_new_session=True,
        )
    process.returncode = 0  # it is waited for by its number
    return process.pid


def _streams(said: Path) -> None:
    """Give a copy streams of its own."""
    with said.open("wb") as stream:
        os.dup2(stream.fileno(), 2)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(nothing, number)
    sys.stdout, sys.stderr = (os.fdopen(os.dup(k), "w", buffering=1) for k in (1, 2))


def at_changes(act: Callable[[int, str, object], object], more: Iterable[str] = ()) -> None:
    """Call a function before each change of files: its number, what it is, and the file.

    A file that is opened to be written is a change, and so is a file or folder that is made,
    renamed or removed, and `more` events of Python. Devices are none. What the function raises is
    what the change raises.
    """
    changes = CHANGES.union(more)
    count = 0

    def heard(event: str, values: tuple[object, ...]) -> None:
        nonlocal count
        if event == "open":
            path, flags = values[0], values[2]
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if not writes or isinstance(path, int) or os.fsdecode(path).startswith("/dev/"):  # type: ignore[arg-type]
                return
        elif event not in changes:
            return
        count += 1
        act(count, event, values[0])

    sys.addaudithook(heard)


def kill_at_change(at: int, number: int) -> Callable[[], None]:
    """Make what lets a copy be hit by a signal at the change of a number."""

    def act(count: int, what: str, path: object) -> None:
        if count == at:
            os.kill(os.getpid(), number)

    return lambda: at_changes(act)


def fail_at_change(at: int, number: int, told: Path) -> Callable[[], None]:
    """Make what lets the file system refuse the change of a number, and all that need space after.

    Files can be removed and put back, as on a disk that is full. What was refused is written to a
    file.
    """

    def act(count: int, what: str, path: object) -> None:
        if count == at:
            os.write(place, what.encode())
        if count == at or (count > at and what in ("open", "os.mkdir")):
            raise OSError(number, os.strerror(number), os.fsdecode(path))  # type: ignore[arg-type]

    place = os.open(told, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    return lambda: at_changes(act)


def count_changes(words: list[str], folder: Path) -> tuple[Copy, int]:
    """Run to the end; return the run and how many changes of files it made."""
    counted = folder / "changes"
    folder.mkdir(parents=True, exist_ok=True)
    place = os.open(counted, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o600)
    try:

        def act(count: int, what: str, path: object) -> None:
            os.pwrite(place, str(count).encode(), 0)

        copy = start_copy(words, folder, lambda: at_changes(act))
        copy.wait()
        return copy, int(counted.read_text() or 0)
    finally:
        os.close(place)
