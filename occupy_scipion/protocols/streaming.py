# SPDX-License-Identifier: GPL-3.0-or-later
"""How a protocol follows a set that is still growing: its volumes become steps as they come."""

import json

from pwem.objects import Integer, Scalar, SetOfVolumes, VolumeMask
from pyworkflow.object import Set

from occupy_scipion.convert.volumes import isGrowingSet
from occupy_scipion.objects import SetOfVolumeMasks
from occupy_scipion.protocols.program import OccupyFailed

_LOOK = 2  # [layout] s between two looks at the input, at least; Scipion itself wakes each 3 s


class FollowsSets:
    """Of a protocol that treats each volume by itself: it works on a set that is still open.

    Scipion calls `_stepsCheck` now and then. It inserts the steps of the volumes that have come,
    and the last step waits until the input is closed. Outputs that are sets get each volume when
    its step has ended, and are open until then.

    Nothing is remembered but the steps and the outputs, which Scipion stores. So a run that was
    stopped goes on where it was: the steps stand in the order of the run before, and each volume
    comes into the outputs once.
    """

    _stepsCheckSecs = _LOOK

    # --------------------------- INPUT functions -------------------------------------------------
    def followedPointers(self):
        """The pointers to sets that may grow while this run works: when there is one input."""
        pointers = self.inputPointers()
        isOne = len(pointers) == 1 and isGrowingSet(pointers[0].get())
        return pointers if isOne else []

    def follows(self, pointer):
        """Whether the set of a pointer may grow; one volume of a set is there, or it is not."""
        obj = pointer.get()
        if not isGrowingSet(obj):
            return obj is not None and not isinstance(obj, Set)
        return any(pointer is each for each in self.followedPointers())

    def _look(self):
        """Read the followed sets anew; return whether they are complete, and their sizes.

        What is read of them after that is at least what they held when they were.
        """
        sets = [pointer.get() for pointer in self.followedPointers()]
        for each in sets:
            each.close()
            each.loadAllProperties()
            each.close()  # let the producer write
        return not any(each.isStreamOpen() for each in sets), [each.getSize() for each in sets]

    # --------------------------- INSERT steps functions ------------------------------------------
    def _insertAllSteps(self):
        steps = self._forgetOutdated()
        isComplete, self._sizes = self._look()
        if not isComplete:
            self._openOutputs()
        self._insertArrived(isComplete, [_folderOf(step) for step in steps])

    def _stepsCheck(self):
        """Insert the steps of the volumes that have come; Scipion calls it every few seconds."""
        if not (self.isRunning() and self._steps[-1].isWaiting()):
            return
        isComplete, sizes = self._look()
        if not isComplete and sizes == self._sizes:
            return
        self._sizes = sizes  # only saves work: another process looks anew
        last, problems = self._steps.pop(), self._validate()
        if problems:
            self._insertVolumeStep(self.refuseStep, " ".join(problems), prerequisites=[])
            self._steps.append(last)
            last.setIndex(len(self._steps))
        else:
            self._insertArrived(isComplete)
        self.updateSteps()

    def _insertArrived(self, isComplete, before=()):
        """Insert the steps of the volumes that have none, and the last, which waits for more.

        Parameters
        ----------
        isComplete : bool
            Whether nothing more can come.
        before : list of str
            Folders of the steps of an earlier run, whose order is kept: Continue compares a step
            with the one that had its number.
        """
        items, *shared = self._stepArguments()
        rank = {folder: number for number, folder in reversed(list(enumerate(before)))}
        inserted = {_folderOf(step) for step in self._steps}
        new = [item for item in items if item["folder"] not in inserted]
        new.sort(key=lambda item: rank.get(item["folder"], len(before)))
        ready = self._insertShared(*shared)
        for item in new:
            self._insertItem(item, *shared, prerequisites=ready)
        if not isComplete:
            self.info(f"{len(items)} volumes so far; the input is still open.")
        everything = list(range(1, len(self._steps) + 1))
        self._insertOutputStep(everything, wait=not isComplete)

    def _insertVolumeStep(self, function, *arguments, prerequisites):
        return self._insertFunctionStep(
            function, *arguments, prerequisites=prerequisites, needsGPU=False
        )

    def _insertShared(self, *shared):
        """Insert steps that all volumes wait for; return their numbers."""
        return []

    def _outputArguments(self):
        return json.dumps(self._stepArguments())

    def _isOutOfDate(self, before):
        """Whether a volume of an earlier run is another one now, or gone; more are no matter."""
        if not self.givesSets():
            return super()._isOutOfDate(before)
        try:
            (old,) = json.loads(before)
            items, *shared = json.loads(old)
        except (ValueError, TypeError):  # of a version of before
            return True
        newItems, *newShared = json.loads(self._outputArguments())
        return shared != newShared or any(item not in newItems for item in items)

    # --------------------------- STEPS functions -------------------------------------------------
    def refuseStep(self, sentence):
        """End the run, for a volume that has come cannot be used."""
        raise OccupyFailed(sentence)

    # --------------------------- OUTPUT functions ------------------------------------------------
    def _stepFinished(self, step):
        goesOn = super()._stepFinished(step)
        if step.isFinished() and self.givesSets():
            self._addMade()
        return goesOn

    def createOutputStep(self, arguments):
        if self.givesSets():
            self._addMade()
            self._closeOutputSet()
            return
        ((_, outputs, _),) = [self._madeOf(volume) for volume in self.volumes()]
        self._replaceOutputs(outputs)
        for name, output in outputs.items():
            self._relate(name, output)

    def _addMade(self):
        """Add to the sets what was made of each volume, once."""
        with self._lock:  # the last step has a thread of its own
            sets = dict(self.iterOutputAttributes(Set))
            held = {name: output.getIdSet() for name, output in sets.items()}
            complete = set.intersection(*held.values()) if held else set()
            done = {_folderOf(step) for step in self._steps if step.isFinished()}
            found = {}
            for volume in self.volumes(without=complete):
                if self._resultFolder(volume) in done:
                    for name, item in self._itemsOf(*self._madeOf(volume)).items():
                        if item.getObjId() not in held.get(name, ()):
                            found.setdefault(name, []).append(item)
            for name, items in found.items():
                self._extend(name, items)

    @staticmethod
    def _itemsOf(volume, outputs, columns):
        """What of a volume comes into which set: its maps, with all numbers as columns."""
        columns = columns | {k: v for k, v in outputs.items() if isinstance(v, Scalar)}
        if volume.particles is not None:
            columns["particles"] = Integer(volume.particles)
        found = {}
        for name, item in outputs.items():
            if isinstance(item, Scalar):
                continue
            item.copyObjId(volume)
            item.setObjLabel(volume.getObjLabel())
            for column, value in columns.items():
                setattr(item, column, value.clone())
            found[f"{name}s"] = item
        return found

    def _openOutputs(self):
        """Let the sets that a run which was stopped has made, and Scipion closed, grow again."""
        for name, output in list(self.iterOutputAttributes(Set)):
            self._updateOutputSet(name, output, Set.STREAM_OPEN)

    def _extend(self, name, items):
        """Append items to a set of the outputs, which is made when there is none."""
        output = getattr(self, name, None)
        isNew = output is None
        if isNew:
            output = self._newSet(name, items[0])
        else:
            output.close()
            output.enableAppend()
        for item in items:
            output.append(item)
        self._updateOutputSet(name, output, Set.STREAM_OPEN)
        if isNew:
            self._relate(name, output)

    def _newSet(self, name, item):
        cls = SetOfVolumeMasks if isinstance(item, VolumeMask) else SetOfVolumes
        made = cls.create(self._getPath(), suffix=name.removesuffix("s"))
        made.setSamplingRate(item.getSamplingRate())
        return made


def _folderOf(step):
    """The folder that a step writes into: its first argument."""
    arguments = json.loads(step.argsStr.get())
    return str(arguments[0]) if arguments else ""
