# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts that some of the protocols have in common; each stands before the base of the protocols."""

import os

from pyworkflow.protocol import STEPS_PARALLEL

from occupy_scipion.convert.half_maps import usableHalfMaps
from occupy_scipion.convert.volumes import distinctNames
from occupy_scipion.protocols.streaming import FollowsSets

_SIDE_BY_SIDE, _THREADS = 2, 4  # volumes at a time and threads for each, unless the form says other
_MOST_SENTENCES = 10  # of volumes of a set, in the summary


class StepPerVolume(FollowsSets):
    """Of a protocol that treats each volume by itself: a step, a process and a folder for each.

    The steps run side by side. The outputs mirror the input: a set for a set, open as long as it.

    Attributes
    ----------
    _singleFolder : str
        Name of the folder when there is one volume only.
    _recordClass : type
        Reads the record of a volume.
    """

    stepsExecutionMode = STEPS_PARALLEL
    _singleFolder = ""

    @staticmethod
    def _defineThreads(form):
        form.addParallelSection(
            threads=_SIDE_BY_SIDE + 1,
            mpi=0,
            binThreads=_THREADS,
            binThreadsHelp="Threads of the program, for one volume. The volumes of a set are done "
            "side by side, as many as there are Scipion threads, less one. So all threads are "
            f"(Scipion threads - 1) x threads, {_SIDE_BY_SIDE} x {_THREADS} unless changed. Each "
            "volume that is done at the same time needs its memory.",
        )

    # --------------------------- INFO functions --------------------------------------------------
    def _numberLines(self, records):
        """How many volumes there are, for the summary; nothing of a single one."""
        if len(records) < 2:
            return []
        number, threads = max(1, self.getScipionThreads() - 1), self.getBinThreads()
        return [
            f"{len(records)} volumes, up to {number} side by side with {threads} threads each "
            f"({number * threads} in all)."
        ]

    def _answerLines(self, records):
        """What was found, for the summary: of a single volume with what limits it."""
        if len(records) == 1:
            return records[0].answerLines()
        lines = [*self._numberLines(records)]
        for record in records[:_MOST_SENTENCES]:
            lines += record.answerLines()[:1]
        if len(records) > _MOST_SENTENCES:
            lines.append(f"... and {len(records) - _MOST_SENTENCES} more.")
        return lines

    # --------------------------- UTILS functions -------------------------------------------------
    def _folder(self, volume):
        """Folder for all that is made of a volume.

        One for each: maps of the same name from different folders do not collide.
        """
        if not self.givesSets():
            return self._getExtraPath(self._singleFolder)
        return self._getExtraPath(f"volume_{volume.getObjId():03d}")

    def _resultFolder(self, volume):
        """Folder of the result of a volume."""
        return self._folder(volume)

    def _records(self):
        """The records that are there."""
        records = (self._recordClass.of(self._resultFolder(volume)) for volume in self.volumes())
        return [record for record in records if record is not None]

    def getResultFolders(self):
        """The folders that hold a result, with the name of their volume: for the viewer."""
        volumes = self.volumes()
        folders = {
            self._resultFolder(volume): name
            for volume, name in zip(volumes, distinctNames(volumes), strict=True)
        }
        return {folder: name for folder, name in folders.items() if os.path.isdir(folder)}


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

    def _halfMapWarnings(self):
        """Also a sentence when some of the maps lack half maps, so that none are used."""
        found = super()._halfMapWarnings()
        if found or not self._takesHalfMaps():
            return found
        volumes = self.volumes()
        number = sum(bool(usableHalfMaps(volume)) for volume in volumes)
        if number in (0, len(volumes)):
            return []
        return [
            f"{number} of {len(volumes)} volumes have half maps; they are used only when all have "
            f"them, so {self._withoutHalfMaps}."
        ]

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
