# SPDX-License-Identifier: GPL-3.0-or-later
"""What the protocols share: checks, the run of `occupy_core`, outputs."""

import json
import os
from dataclasses import asdict

from pwem.objects import Volume, VolumeMask
from pwem.protocols import ProtAnalysis3D
from pyworkflow import BETA
from pyworkflow.object import PointerList

from occupy_core import OccupyError
from occupy_scipion.convert.files import locatedMap
from occupy_scipion.convert.volumes import VolumeSource, gridProblem, iterVolumes, volumeProblem
from occupy_scipion.protocols.inputs import VolumeInputs
from occupy_scipion.protocols.pending import missingInputs, pendingInputs
from occupy_scipion.protocols.program import OccupyFailed, RunsProgram

_MOST_WARNINGS = 8  # in the summary


class OccupyProtBase(VolumeInputs, RunsProgram, ProtAnalysis3D):
    """Base of the protocols; not to be used itself.

    Each volume is a step. With Continue a finished step is run again only when its arguments
    changed or a file that it returned is gone, so all that decides a result is an argument, and
    what a step needs comes from its arguments and from files, never from attributes set by another
    step.
    """

    _devStatus = BETA

    @classmethod
    def getClassPackageName(cls):
        """What stands in the form before the threads of the calculation."""
        return "occupy"

    # --------------------------- INSERT steps functions ------------------------------------------
    def _insertOutputStep(self, prerequisites=None, *, wait=False):
        """Insert the last step, which waits for the one before it, or for those given.

        With `wait`, also until it is replaced by one without: when all volumes are there.
        """
        for sentence in [] if wait else self._halfMapWarnings():
            self.warning(sentence)
        self._insertFunctionStep(
            self.createOutputStep,
            self._outputArguments(),
            prerequisites=prerequisites,
            wait=wait,
            needsGPU=False,
        )

    def makePathsAndClean(self):
        """Before a run: forget outputs of an earlier one (Continue) that will be made anew.

        Here, because the project, which calls this, brings back what only the run forgets.
        """
        super().makePathsAndClean()
        self._forgetOutdated()

    def _forgetOutdated(self):
        """Remove outputs of an earlier run that are out of date; return the steps of that run."""
        steps = self.loadSteps()
        if steps and self._isChanged(steps[-1]):
            self._forgetOutputs()
        return steps

    def _isChanged(self, outputStep):
        """Whether the outputs of an earlier run, whose last step is given, are out of date."""
        if pendingInputs(self):
            return True  # what is made anew is another input
        if not self._inputsAreReady() or self._validate():
            return False  # the run will say so, and make nothing
        return self._isOutOfDate(outputStep.argsStr.get())

    def _isOutOfDate(self, before):
        """Whether the outputs would be others than those of a step with the arguments of before."""
        return before != json.dumps([self._outputArguments()])

    def _forgetOutputs(self):
        """Remove the outputs, with their relations."""
        self.mapper.deleteRelations(self)
        for _, output in list(self.iterOutputAttributes()):
            self.deleteOutput(output)

    # --------------------------- STEPS functions -------------------------------------------------
    def _located(self, role, file, source, folder, index=0, *, name=None):
        """Name of a file with a true header, for one of the inputs of a job."""
        try:
            return locatedMap(file, source, os.path.join(folder, "input", role), index, name)
        except OccupyError as error:
            raise OccupyFailed(str(error)) from None

    def _locatedInputs(self, maps, regions, folder):
        """Values of a job that name its maps, half maps and regions, all with true headers."""
        sources = [VolumeSource(**source) for source in maps["sources"]]
        located = [
            self._located(f"map_{i}", source.file, source, folder, source.index)
            for i, source in enumerate(sources, start=1)
        ]
        halves = [[], []]
        if all(source.halfMaps for source in sources):
            halves = [
                [
                    self._located(f"half{n + 1}_{i}", source.halfMaps[n], source, folder)
                    for i, source in enumerate(sources, start=1)
                ]
                for n in range(2)
            ]
        masks = [
            self._located(f"mask_{i}", mask["file"], sources[0], folder, mask["index"], name=name)
            for i, (mask, name) in enumerate(
                zip(regions.get("masks", ()), regions.get("names", ()), strict=True), start=1
            )
        ]
        return {
            "maps": located,
            "half1": halves[0],
            "half2": halves[1],
            "masks": masks,
            "model": regions.get("model"),
            "names": maps["names"],
            "weights": maps["weights"],
        }

    def _replaceOutputs(self, outputs):
        """Define the outputs; those of an earlier run (Continue) go, with their relations."""
        self._forgetOutputs()
        self._defineOutputs(**outputs)
        # Now, and not at the end of the run: a Stop in between would leave a step that is finished,
        # which Continue does not repeat, without its outputs.
        self._store()

    def _givenMaps(self, *names):
        """The volumes of optional pointers, as arguments of a step."""
        given = {name: getattr(self, name) for name in names}
        return {
            name: asdict(VolumeSource.of(next(iterVolumes(pointer))))
            for name, pointer in given.items()
            if pointer.get() is not None
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
        if not self._inputsAreReady():
            return []
        return [*self._halfMapWarnings(), *self._inputWarnings()]

    def _inputWarnings(self):
        """Sentences about inputs that can be used, but perhaps should not."""
        return []

    def _inputsAreReady(self):
        """Whether all inputs are there."""
        needed = (
            getattr(self, name)
            for name, param in self.getDefinition().iterPointerParams()
            if not param.allowsNull and self.evalParamCondition(name)
        )
        isGiven = all(len(v) if isinstance(v, PointerList) else v.hasValue() for v in needed)
        return isGiven and not pendingInputs(self) and not missingInputs(self)

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

    def _warningLines(self, records):
        """The warnings of the form and the runs, each once, and not hundreds of them."""
        texts = [*self._halfMapWarnings(), *(text for r in records for text in r.warnings)]
        lines = [f"*Warning*: {text}" for text in dict.fromkeys(texts)]
        if len(lines) > _MOST_WARNINGS:
            more = len(lines) - _MOST_WARNINGS
            lines[_MOST_WARNINGS:] = [f"... and {more} more warnings: see *Analyze results*."]
        return lines
