# SPDX-License-Identifier: GPL-3.0-or-later
"""What the protocols share: checks, the run of `occupy_core`, outputs."""

import itertools
import json
import os
import subprocess
from dataclasses import asdict

from pwem.objects import Volume, VolumeMask
from pwem.protocols import ProtAnalysis3D
from pyworkflow import BETA
from pyworkflow.exceptions import PyworkflowException
from pyworkflow.object import PointerList

from occupy_core import OccupyError
from occupy_core.maps.grid import GRID_TOLERANCE
from occupy_scipion.convert.files import locatedMap
from occupy_scipion.convert.volumes import (
    VolumeSource,
    gridProblem,
    isSetOfVolumes,
    iterVolumes,
    volumeProblem,
)
from occupy_scipion.protocols.pending import missingInputs, pendingInputs
from occupy_scipion.records.record import Record, formWords

_ERROR = "occupy-core: error: "
_MOST_WARNINGS = 8  # in the summary


class OccupyFailed(PyworkflowException):
    """Something that the user can mend: a sentence, and no traceback."""


class OccupyProtBase(ProtAnalysis3D):
    """Base of the protocols; not to be used itself.

    Each volume is a step. With Continue a finished step is run again only when its arguments
    changed or a file that it returned is gone, so all that decides a result is an argument, and
    what a step needs comes from its arguments and from files, never from attributes set by another
    step.
    """

    _devStatus = BETA

    # --------------------------- INSERT steps functions ------------------------------------------
    def _insertOutputStep(self):
        self._insertFunctionStep(self.createOutputStep, self._outputArguments(), needsGPU=False)

    def makePathsAndClean(self):
        """Before a run: forget outputs of an earlier one (Continue) that will be made anew.

        Here, because the project, which calls this, brings back what only the run forgets.
        """
        super().makePathsAndClean()
        steps = self.loadSteps()
        if steps and self._isChanged(steps[-1]):
            for _, output in list(self.iterOutputAttributes()):
                self.deleteOutput(output)

    def _isChanged(self, outputStep):
        """Whether the outputs of an earlier run, whose last step is given, are out of date."""
        if pendingInputs(self):
            return True  # what is made anew is another input
        if not self._inputsAreReady() or self._validate():
            return False  # the run will say so, and make nothing
        return outputStep.argsStr.get() != json.dumps([self._outputArguments()])

    # --------------------------- STEPS functions -------------------------------------------------
    def _runOccupy(self, command, job, record):
        """Run a command of `occupy_core` on a job, in its own process.

        The parameters go through a file, so that no name of a map can upset a shell, and so that
        the run can be repeated from the command line.

        Parameters
        ----------
        command : str
            Name of the command.
        job
            Its job, with the folder for the outputs.
        record : str
            Name of the record that it writes there.

        Returns
        -------
        list of str
            Names of all files that were written, for a step to return.
        """
        os.makedirs(job.outdir, exist_ok=True)
        parameters = os.path.join(job.outdir, "params.json")
        with open(parameters, "w") as stream:
            json.dump(job.to_dict(), stream, indent=2)
        plugin = self.getClassPackage().Plugin
        arguments = [command, "--params", parameters, "--threads", self.numberOfThreads.get()]
        try:
            self.runJob(plugin.getProgram(), [*arguments, "--force"], env=plugin.getEnviron())
        except subprocess.CalledProcessError as error:
            raise OccupyFailed(self._errorSentences() or str(error)) from None
        written = Record(os.path.join(job.outdir, record)).allFiles()
        self._removeOtherFiles(job.outdir, {parameters, *written})
        return written

    @staticmethod
    def _removeOtherFiles(folder, kept):
        """Remove the outputs of an earlier run with other parameters, which had other names."""
        kept = {os.path.abspath(file) for file in kept}
        for entry in os.scandir(folder):
            if entry.is_file() and os.path.abspath(entry.path) not in kept:
                os.remove(entry.path)

    def _errorSentences(self):
        """The sentences with which `occupy_core` ended, from the end of the log."""
        try:
            with open(self.getStderrLog()) as log:
                lines = [line.strip() for line in log if line.strip()]
        except OSError:
            return ""
        ended = itertools.takewhile(lambda line: line.startswith(_ERROR), reversed(lines))
        return " ".join(formWords(line.removeprefix(_ERROR)) for line in reversed(list(ended)))

    def _located(self, role, file, source, folder, index=0, *, name=None):
        """Name of a file with a true header, for one of the inputs of a job."""
        try:
            return locatedMap(file, source, os.path.join(folder, "input", role), index, name)
        except OccupyError as error:
            raise OccupyFailed(str(error)) from None

    def _replaceOutputs(self, outputs):
        """Define the outputs; those of an earlier run (Continue) go, with their relations."""
        self.mapper.deleteRelations(self)
        for _, old in list(self.iterOutputAttributes()):
            self.deleteOutput(old)
        self._defineOutputs(**outputs)

    def _givenMaps(self, *names):
        """The volumes of optional pointers, as arguments of a step."""
        given = {name: getattr(self, name).get() for name in names}
        return {
            name: asdict(VolumeSource.of(next(iterVolumes(volume))))
            for name, volume in given.items()
            if volume is not None
        }

    @staticmethod
    def _newVolume(source, file, cls=Volume):
        """A volume at the place of another one (as `iterVolumes` yields it)."""
        volume = cls()
        volume.setFileName(str(file))
        volume.setSamplingRate(source.getSamplingRate())
        volume.setOrigin(source.getOrigin().clone())
        return volume

    def _newMask(self, source, file):
        return self._newVolume(source, file, VolumeMask)

    # --------------------------- INFO functions --------------------------------------------------
    def validate(self):
        """Sentences that stop a run; while an input is still to be made, only about that.

        The scheduler asks again and again, and starts the run as soon as it is told nothing. So it
        is told what waiting can mend and nothing else: the rest the run itself says when it starts.
        """
        pending = pendingInputs(self)
        if pending or self.isScheduled():
            return pending
        return missingInputs(self) or super().validate()

    def _warnings(self):
        return self._inputWarnings() if self._inputsAreReady() else []

    def _inputWarnings(self):
        """Sentences about inputs that can be used, but perhaps should not."""
        raise NotImplementedError

    def _inputsAreReady(self):
        """Whether all inputs are there."""
        needed = (
            getattr(self, name)
            for name, param in self.getDefinition().iterPointerParams()
            if not param.allowsNull and self.evalParamCondition(name)
        )
        isGiven = all(len(v) if isinstance(v, PointerList) else v.hasValue() for v in needed)
        return isGiven and not pendingInputs(self) and not missingInputs(self)

    @staticmethod
    def _inputProblems(*inputs):
        """Sentences about inputs of which one is no volume, or holds none, or one not usable."""
        for obj in inputs:
            if not (isinstance(obj, Volume) or isSetOfVolumes(obj)):
                return [
                    f"The input is a {type(obj).__name__}, but must be a volume, a set of volumes "
                    "or 3D classes."
                ]
            if next(iterVolumes(obj), None) is None:
                return ["The input set is empty; give one with volumes."]
        return [p for obj in inputs for volume in iterVolumes(obj) for p in volumeProblem(volume)]

    @staticmethod
    def _originWarning(volumes):
        """A sentence when volumes that are compared voxel by voxel have different origins."""
        first, *others = (volume.getShiftsFromOrigin() for volume in volumes)
        limit = GRID_TOLERANCE * volumes[0].getSamplingRate()
        number = sum(
            any(abs(a - b) > limit for a, b in zip(first, other, strict=True)) for other in others
        )
        if not number:
            return []
        return [
            f"{number} of {len(volumes)} volumes have another origin than the first one; all are "
            "compared voxel by voxel, so make sure that they are aligned."
        ]

    def _checkMask(self, name, volume):
        """Sentences about a mask, or another volume, that does not lie on the grid of `volume`."""
        other = getattr(self, name).get()
        if other is None:
            return []
        label = self.getParam(name).label.get()
        if not isinstance(other, Volume):
            return [f"The {label.lower()} is a {other.getClassName()}, but must be a volume."]
        other = next(iterVolumes(other))
        return volumeProblem(other) or gridProblem(volume, other, label.lower())

    @staticmethod
    def _warningLines(records):
        """The warnings of the runs, each once, and not hundreds of them."""
        lines = list(dict.fromkeys(f"*Warning*: {text}" for r in records for text in r.warnings))
        if len(lines) > _MOST_WARNINGS:
            more = len(lines) - _MOST_WARNINGS
            lines[_MOST_WARNINGS:] = [f"... and {more} more warnings: see *Analyze results*."]
        return lines
