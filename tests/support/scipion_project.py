"""What the tests of the plugin share: synthetic maps, and protocols run in a real project."""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from subprocess import CalledProcessError, check_call
from unittest import mock

import mrcfile
import numpy as np
import psutil
import pyworkflow
import relion_classes
from ensembles import ellipsoids
from pyworkflow.mapper.sqlite_db import SqliteDb
from pyworkflow.project import Manager
from pyworkflow.protocol import MODE_RESUME, runProtocolMain
from pyworkflow.utils import LoggingConfigurator

from occupy_core.commands.main import main as occupy

VOXEL = 1.35


def two_bodies(seed: int = 0, n: int = 24, occupancy: float = 0.5) -> np.ndarray:
    """A full and a partly occupied body in noise, shape (n, n, n)."""
    rng = np.random.default_rng(seed)
    z, y, x = np.mgrid[:n, :n, :n] - (n - 1) / 2
    data = rng.normal(0, 0.05, (n, n, n))
    for centre, height in ((-0.17 * n, 1.0), (0.17 * n, occupancy)):
        body = (x - centre) ** 2 + y**2 + z**2 < (0.16 * n) ** 2
        data[body] += height * rng.uniform(0.3, 1.7, int(body.sum()))
    return data.astype(np.float32)


def write_mrc(path: Path, data: np.ndarray, voxel: float = VOXEL, origin=(0.0, 0.0, 0.0)) -> Path:
    """Write an MRC file, without the package under test."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with mrcfile.new(path, overwrite=True) as mrc:
        mrc.set_data(data.astype(np.float32))
        mrc.set_volume()
        mrc.voxel_size = voxel
        mrc.header.origin = origin
    return path


@functools.cache
def calculate_once() -> None:
    """Calculate in this process: its copies have what was loaded and compiled for that."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first, second = (write_mrc(folder / f"{i}.mrc", two_bodies(i)) for i in (1, 2))
        half = write_mrc(folder / "half.mrc", np.indices((24, 24, 24))[2] > 11)
        ensemble = ellipsoids((20, 20, 20), 12, n_blocks=2, size=(0.2, 0.25), agreeing=None)
        ensemble.write(folder / "volumes")
        halves = ["--half1", first, "--half2", second]
        for words in (
            ["scale", first, "--amplify", 3, "--plot"],
            ["regions", first, second, "--masks", half],
            ["resolution", *halves],
            ["blocks", "--volumes-dir", folder / "volumes"],
        ):
            # One thread: a copy would have none of the others.
            more = ["--outdir", folder / "out", "--threads", 1, "--quiet"]
            assert occupy([str(word) for word in (*words, *more)]) == 0


def run_in_copy(command: str, wait: bool, *streams) -> int:
    """Run a protocol in a copy of this process instead of a new one; return its number.

    What pw_protocol_run.py does, without the three seconds in which a new process loads Scipion:
    a process of its own, with its own logs, that loads the protocol from the files of the project.
    So do its calculations, see `calculate_in_copy`. Other commands, and those nobody waits for
    (they may be stopped), run as they always do.
    """
    if not wait or not _is_run(command):
        return _run_in_new_process(command, wait, *streams)
    number = start_copy_of_run(command)
    os.waitpid(number, 0)
    return number


def _is_run(command: str) -> bool:
    words = shlex.split(command)
    return len(words) == 7 and Path(words[1]).name == "pw_protocol_run.py"


def start_copy_of_run(command: str, prepare: Callable[[], None] = lambda: None) -> int:
    """Start a protocol in a copy of this process, in which a function is called first."""
    words = shlex.split(command)
    number = os.fork()
    if number == 0:
        status = 1
        try:
            prepare()
            warnings.resetwarnings()  # those of the tests are errors
            warnings.simplefilter("ignore")
            sys.argv = words[1:]
            _OF_THE_TESTS.append(SqliteDb.OPEN_CONNECTIONS)  # neither used nor closed here
            SqliteDb.OPEN_CONNECTIONS = {}
            folder, database, identifier, out, err = words[2:]
            LoggingConfigurator.setUpProtocolRunLogging(out, err)
            with mock.patch.object(_PROCESS, "check_call", calculate_in_copy):
                runProtocolMain(folder, database, int(identifier))
            status = 0
        except BaseException:
            traceback.print_exc(file=sys.stderr)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    return number


def calculate_in_copy(command: str, *, stdout, stderr, env=None, cwd=None, **options) -> int:
    """Run `python -m occupy_core` in a copy of this process, which has loaded its libraries.

    Instead of `check_call` of a shell, in which the same program takes two seconds to load them.
    """
    words = shlex.split(command)
    if words[:3] != [sys.executable, "-m", "occupy_core"]:
        return check_call(command, stdout=stdout, stderr=stderr, env=env, cwd=cwd, **options)
    stdout.flush()
    stderr.flush()
    number = os.fork()
    if number == 0:
        status = 1
        try:
            os.dup2(stdout.fileno(), 1)
            os.dup2(stderr.fileno(), 2)
            sys.stdout, sys.stderr = (os.fdopen(k, "w", buffering=1) for k in (1, 2))
            os.environ.update(env or {})
            os.chdir(cwd or ".")
            status = occupy(words[3:])
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
    if status:
        raise CalledProcessError(status, command)
    return 0


_LAUNCH = sys.modules["pyworkflow.protocol.launch"]  # the function hides the module
_PROCESS = sys.modules["pyworkflow.utils.process"]
_run_in_new_process = _LAUNCH._run
_OF_THE_TESTS: list[dict] = []


class Runner:
    """Runs protocols in a project; a run with a traceback in its log fails, whatever its status.

    The first run of each of our protocols is a new process, as in Scipion, unless `copies` are
    enough.
    """

    def __init__(self, name: str, *, new: bool = True, copies: bool = False) -> None:
        calculate_once()
        self.copies = copies
        self.protocols = pyworkflow.Config.getDomain().getProtocols()
        manager = Manager()
        self.project = manager.createProject(name) if new else manager.loadProject(name)
        os.chdir(self.project.path)
        self.inputs = Path(self.project.path) / "inputs"
        self._launched: set[str] = set()
        self._started: dict[str, int] = {}  # copies that nobody waits for, by folder

    # ---- making protocols
    def new(self, name: str, label: str = "", **values):
        """Make a protocol; a tuple (protocol, output name) makes a pointer."""
        pointers = {k: v for k, v in values.items() if isinstance(v, tuple)}
        plain = {k: v for k, v in values.items() if not isinstance(v, tuple)}
        if name.startswith("Occupy"):
            # Steps one after another: side by side, Scipion looks only every three seconds.
            plain.setdefault("numberOfThreads", 1)
        protocol = self.project.newProtocol(self.protocols[name], **plain)
        protocol.setObjLabel(label or name)
        for key, (producer, output) in pointers.items():
            getattr(protocol, key).set(producer)
            getattr(protocol, key).setExtended(output)
        return protocol

    def run(self, name: str, label: str = "", **values):
        """Make a protocol and run it to its end."""
        return self.launch(self.new(name, label, **values))

    # ---- running protocols
    def launch(self, protocol, *, check: bool = True):
        """Run a protocol to its end."""
        name = protocol.getClassName()
        ours_and_first = name.startswith("Occupy") and name not in self._launched
        run = _run_in_new_process if ours_and_first and not self.copies else run_in_copy
        self._launched.add(name)
        with mock.patch.object(_LAUNCH, "_run", run):
            self.project.launchProtocol(protocol, wait=True)
        if check:
            log = self.stderr(protocol)
            assert "Traceback" not in log, log
            assert protocol.isFinished(), f"{protocol.getErrorMessage()}\n{log}"
        return protocol

    def resume(self, protocol, *, check: bool = True, **changes):
        """Continue a protocol with changed values; return the names of the steps that ran."""
        before = {s.getObjId(): str(s.endTime) for s in protocol.loadSteps()}
        for key, value in changes.items():
            getattr(protocol, key).set(value)
        protocol.runMode.set(MODE_RESUME)
        self.launch(protocol, check=check)
        return [
            s.funcName.get()
            for s in protocol.loadSteps()
            if before.get(s.getObjId()) != str(s.endTime)
        ]

    def start(self, protocol) -> None:
        """Launch or continue a protocol in a copy of this process; do not wait for its end.

        Its steps must come one after another: no copy can be made beside other threads.
        """
        folder = protocol.getWorkingDir()

        def run(command: str, wait: bool, *streams) -> int:
            self._started[folder] = start_copy_of_run(command)
            return self._started[folder]

        protocol.runMode.set(MODE_RESUME)
        with mock.patch.object(_LAUNCH, "_run", run):
            self.project.launchProtocol(protocol, wait=False)

    def stderr(self, protocol) -> str:
        path = Path(protocol.getStderrLog())
        return path.read_text() if path.exists() else ""

    def stdout(self, protocol) -> str:
        return Path(protocol.getStdoutLog()).read_text()

    def processes(self, protocol) -> list[psutil.Process]:
        """The processes that work for a protocol."""
        folder = protocol.getWorkingDir()
        found = []
        if number := self._started.get(folder):
            if os.waitpid(number, os.WNOHANG)[0]:
                del self._started[folder]
            else:
                process = psutil.Process(number)
                found += [process, *process.children(recursive=True)]
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if any(folder in argument for argument in process.cmdline()):
                    found.append(process)
        return found

    def calculations(self, protocol) -> list[psutil.Process]:
        """Those of them that calculate: the program, not Scipion nor a shell."""
        found = []
        for process in self.processes(protocol):
            with contextlib.suppress(psutil.Error):  # it has ended meanwhile
                if process.cmdline()[1:3] == ["-m", "occupy_core"]:
                    found.append(process)
        return found

    def wait_until(self, condition, protocol, seconds: float = 60) -> None:
        """Wait until a condition of a running protocol is met."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.stderr(protocol)
            time.sleep(0.02)

    # ---- inputs
    def volume(self, path: Path, voxel: float = VOXEL, halves=(), label: str = "import", **values):
        """Import a map; return the pointer to it."""
        if halves:
            values.update(setHalfMaps=True, half1map=str(halves[0]), half2map=str(halves[1]))
        protocol = self.run(
            "ProtImportVolumes", label, filesPath=str(path), samplingRate=voxel, **values
        )
        return protocol, "outputVolume"

    def volumes(self, folder: Path, pattern: str = "*.mrc", voxel: float = VOXEL):
        """Import the maps of a folder; return the pointer to the set."""
        protocol = self.run(
            "ProtImportVolumes",
            "import set",
            filesPath=str(folder) + "/",
            filesPattern=pattern,
            samplingRate=voxel,
        )
        return protocol, "outputVolumes"

    def mask(self, path: Path, voxel: float = VOXEL):
        """Import a mask; return the pointer to it."""
        protocol = self.run("ProtImportMask", "import mask", maskPath=str(path), samplingRate=voxel)
        return protocol, "outputMask"

    def classes(self, folder: Path, maps):
        """Import maps as classes of RELION, which are written; return the pointer to them."""
        protocol = self.run(
            "ProtImportParticles",
            "import classes",
            importFrom=self.protocols["ProtImportParticles"].IMPORT_FROM_RELION,
            starFile=str(relion_classes.write_classification(folder, maps)),
            samplingRate=relion_classes.VOXEL,
            voltage=300,
            sphericalAberration=2.7,
            amplitudeContrast=0.1,
        )
        return protocol, "outputClasses"

    def bodies(self, folder: Path, n: int):
        """Import a mask in each of the `two_bodies` of such classes; return the pointers."""
        z, y, x = np.mgrid[:n, :n, :n] - (n - 1) / 2
        made = []
        for name, centre in (("full", -5.4), ("part", 5.4)):
            inside = (x - centre) ** 2 + y**2 + z**2 < 20
            path = write_mrc(folder / f"{name}.mrc", inside, relion_classes.VOXEL)
            made.append(self.mask(path, relion_classes.VOXEL))
        return made


def read(volume) -> np.ndarray:
    """Data of a volume of Scipion."""
    with mrcfile.open(volume.getFileName().replace(":mrc", ""), permissive=True) as mrc:
        return mrc.data.copy()


def header(volume) -> tuple[float, tuple[float, float, float]]:
    """Voxel size and origin in the header of the file of a volume."""
    with mrcfile.open(volume.getFileName().replace(":mrc", ""), header_only=True) as mrc:
        return float(mrc.voxel_size.x), tuple(float(v) for v in mrc.header.origin.tolist())


def viewer_of(runner: Runner, protocol):
    """The viewer that the button Analyze Results opens."""
    found = pyworkflow.Config.getDomain().findViewers(protocol, "tkinter")
    viewer = found[0](project=runner.project, protocol=protocol)
    viewer.setProtocol(protocol)
    return viewer


def shown(viewer, name: str):
    """What an eye of the form of a viewer shows."""
    (view,) = viewer._getVisualizeDict()[name](name)
    return view


def opened(runner: Runner, protocol) -> dict:
    """What a double click on each output of a run opens, by the name of the output."""
    views = {}
    for name, output in protocol.iterOutputAttributes():
        obj = runner.project.getObject(output.getObjId())
        cls = pyworkflow.Config.getDomain().findViewers(obj, "tkinter")[0]
        (views[name],) = cls(project=runner.project)._visualize(obj)
    return views
