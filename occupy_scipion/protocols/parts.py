# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts that some of the protocols have in common; each stands before the base of the protocols."""

import pyworkflow.protocol.params as params
from pwem.objects import Volume

from occupy_scipion.convert.volumes import iterVolumes, missingHalfMaps, volumeProblem


class OneVolume:
    """Of a protocol that takes one volume, with its half maps."""

    @staticmethod
    def _defineInputVolume(form, text):
        form.addParam(
            "inputVolume",
            params.PointerParam,
            pointerClass="Volume",
            important=True,
            label="Volume",
            help=text,
        )

    def _inputVolume(self):
        return next(iterVolumes(self.inputVolume.get()))

    def _volumeProblems(self):
        """Sentences about an input that is no volume, or one that cannot be used."""
        obj = self.inputVolume.get()
        if not isinstance(obj, Volume):
            return [f"The input is a {obj.getClassName()}, but must be a volume."]
        return volumeProblem(self._inputVolume())

    def _missingHalfMaps(self, consequence):
        """A sentence when the input has half maps whose files are gone."""
        missing = missingHalfMaps(self.inputVolume.get())
        if not missing:
            return []
        return [
            f"The half maps of the input are not there any more ({', '.join(missing)}); "
            f"{consequence}."
        ]


class OneResult:
    """Of a protocol that runs `occupy_core` once, into one folder, and tells what its record says.

    Attributes
    ----------
    _resultFolder : str
        Name of the folder.
    _recordClass : type
        Reads the record.
    _result : str
        What is made, for the summary of a run that is not ready.
    """

    def getResultFolder(self):
        """The folder of the result: for the viewer."""
        return self._getExtraPath(self._resultFolder)

    def _record(self):
        return self._recordClass.of(self.getResultFolder())

    def _summary(self):
        record = self._record()
        if record is None:
            return [f"{self._result} not ready yet."]
        return [*self._summaryLines(record), *self._warningLines([record])]

    def _summaryLines(self, record):
        return record.lines()

    def _methods(self):
        record = self._record()
        return [] if record is None else record.methodSentences()
