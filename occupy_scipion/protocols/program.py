# SPDX-License-Identifier: GPL-3.0-or-later
"""How a step runs `occupy_core`, on this machine or as a job of a queue, and what it ended with."""

import contextlib
import glob
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from pyworkflow.constants import QUEUE_FOR_JOBS
from pyworkflow.exceptions import PyworkflowException

from occupy_core import OccupyError
from occupy_scipion.records.record import Record, formWords

_ERROR = "occupy-core: error: "
_PATIENCE = 10.0  # [guard] s until a file that another machine wrote is seen in a shared folder
_KILLED = 128  # a shell adds it to the number of the signal that ended a program
_TELLING = ("error", "kill", "cancel", "no such", "not found", "no module")
_MOST_WORDS = 3  # lines of the output of a job


class OccupyFailed(PyworkflowException):
    """Something that the user can mend: a sentence, and no traceback."""


def _withoutTraceback(entry):
    """Let the executor of parallel steps, which logs a traceback of everything, log a sentence."""
    if entry.exc_info and isinstance(entry.exc_info[1], OccupyFailed):
        entry.msg, entry.args, entry.exc_info = str(entry.exc_info[1]), (), None
    return True


logging.getLogger("pyworkflow.protocol.executor").addFilter(_withoutTraceback)


class RunsProgram:
    """The part of the base of the protocols that runs `occupy_core`."""

    def _runOccupy(self, command, job):
        """Run a command of `occupy_core` on a job, in its own process.

        The parameters go through a file, so that no name of a map can upset a shell, and so that
        the run can be repeated from the command line.

        A queue says of a job only that it is gone, whatever it ended with. So the record tells
        whether it is done: that of an earlier run is removed before, and the new one must be of
        this very job. An id would do as well, but then the files would differ from those that the
        command line writes.

        Parameters
        ----------
        command : str
            Name of the command.
        job : JobBase
            Its job, with the folder for the outputs.

        Returns
        -------
        list of str
            Names of all files that were written, for a step to return.

        Raises
        ------
        OccupyFailed
            When the command fails, or ends without a result.
        """
        os.makedirs(job.outdir, exist_ok=True)
        parameters = os.path.join(job.outdir, "params.json")
        with open(parameters, "w") as stream:
            json.dump(job.to_dict(), stream, indent=2)
        record = os.path.join(job.outdir, job.output_names()["result"])
        with contextlib.suppress(FileNotFoundError):
            os.remove(record)
        plugin = self.getClassPackage().Plugin
        arguments = [command, "--params", parameters, "--threads", self.getBinThreads(), "--force"]
        said = _JobOutput(self) if self.useQueueForSteps() else _OwnOutput()
        try:
            self.runJob(plugin.getProgram(), arguments, env=plugin.getEnviron())
        except subprocess.CalledProcessError as error:
            raise OccupyFailed(said.errors() or _ending(error.returncode, said)) from None
        except PyworkflowException:
            raise
        except Exception as error:
            if not self.useQueueForSteps():
                raise
            raise OccupyFailed(f"The queue did not take the job of this step: {error}") from None
        if not said.waitFor(record):
            raise OccupyFailed(said.errors() or said.withoutResult())
        written = self._recordOf(job, record).allFiles()
        self._removeOtherFiles(job.outdir, {parameters, *written})
        return written

    @staticmethod
    def _recordOf(job, path):
        """The record that a job has left, which must be one of this job."""
        try:
            done = type(job).load(Path(path)).to_dict()
        except OccupyError as error:
            raise OccupyFailed(str(error)) from None
        record, asked = Record(path), job.to_dict()
        for key in asked.keys() & record.values["job"].keys():  # not how it was run
            if done[key] != asked[key]:
                raise OccupyFailed(
                    f"The result in {path} is that of another run, with another {key}, which wrote "
                    "into the same folder; wait until it has ended, and continue this one."
                )
        return record

    @staticmethod
    def _removeOtherFiles(folder, kept):
        """Remove the outputs of an earlier run with other parameters, which had other names."""
        kept = {os.path.abspath(file) for file in kept}
        for entry in os.scandir(folder):
            if entry.is_file() and os.path.abspath(entry.path) not in kept:
                os.remove(entry.path)

    def getSubmitDict(self):
        """Values for the script of a job: it needs as many cores as the program has threads.

        Scipion would take the number of steps side by side for it.
        """
        values = super().getSubmitDict()
        threads = self.getBinThreads()
        if self.modeParallel() and values[QUEUE_FOR_JOBS] != "Y":
            threads *= max(1, self.getScipionThreads() - 1)  # all steps are in one job
        _, given = self.getQueueParams()
        return values | {k: threads for k in ("JOB_THREADS", "JOB_CORES") if k not in given}


class _OwnOutput:
    """What the program says on the stderr of this process, where steps beside it write, too."""

    def __init__(self):
        self._file = getattr(sys.stderr, "name", "")
        self._start = os.path.getsize(self._file) if os.path.isfile(self._file) else 0

    def text(self):
        """All that was said since this step began."""
        try:
            with open(self._file, errors="replace") as log:
                log.seek(self._start)
                return log.read()
        except OSError:
            return ""

    def errors(self):
        """The sentences with which `occupy_core` ended."""
        lines = dict.fromkeys(line.strip() for line in self.text().splitlines())
        return " ".join(formWords(t.removeprefix(_ERROR)) for t in lines if t.startswith(_ERROR))

    def words(self):
        """Of what was said the last lines that may tell why the program ended."""
        lines = [line.strip() for line in self.text().splitlines() if line.strip()]
        telling = [line for line in lines if any(word in line.lower() for word in _TELLING)]
        return " ".join((telling or lines)[-_MOST_WORDS:])

    def waitFor(self, record):
        """Whether the record is there."""
        return os.path.exists(record)

    def withoutResult(self):
        """A sentence about a program that ended well, but wrote nothing."""
        return f"The calculation ended without a result. {self.words()}".strip()


class _JobOutput(_OwnOutput):
    """What the job of a queue has said: its files beside the script of the job."""

    def __init__(self, protocol):
        # Named by Scipion's executor after protocol, step and number of the job; the ending is that
        # of the template in hosts.conf.
        step = getattr(threading.current_thread(), "thId", "")
        self._pattern = glob.escape(protocol._getLogsPath(f"{protocol.strId()}-{step}-")) + "*"
        for file in self._files():
            os.remove(file)  # of an earlier run

    def _files(self):
        return [file for file in glob.glob(self._pattern) if not file.endswith(".job")]

    def text(self):
        texts = []
        for file in sorted(self._files()):
            with open(file, errors="replace") as stream:
                texts.append(stream.read())
        return "\n".join(texts)

    def waitFor(self, record):
        """Whether the record is there; a shared folder may show it late."""
        end = time.monotonic() + _PATIENCE
        while not (os.path.exists(record) or self.errors()) and time.monotonic() < end:
            os.listdir(os.path.dirname(record))  # a network file system looks anew
            time.sleep(0.5)
        return os.path.exists(record)

    def withoutResult(self):
        where = ", ".join(sorted(self._files())) or "no file"
        return (
            "The job of this step has left the queue without a result: it was killed, cancelled, "
            "or ran out of memory or time. Give it more of what it lacked, and continue. Its last "
            f"words: “{self.words()}” ({where})."
        )


def _ending(status, said):
    """A sentence about a program that ended without one."""
    number = -status if status < 0 else status - _KILLED
    if status in range(_KILLED) or number not in signal.valid_signals():
        return f"The calculation ended with the exit status {status}. {said.words()}".strip()
    name = signal.Signals(number).name
    if number == signal.SIGKILL:
        return (
            f"The calculation was killed ({name}): most likely the memory of this machine ran out. "
            "Free some, run fewer volumes side by side, or bin the maps, and continue."
        )
    return f"The calculation was ended from outside ({name}); continue to do it again."
