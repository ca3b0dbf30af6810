# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import asdict

import pyworkflow.protocol.params as params
from pwem.objects import Float, SetOfVolumes, Volume, VolumeMask

from occupy_core.commands.resolution.job import ResolutionJob
from occupy_core.resolution.result import ResolutionParams
from occupy_scipion.constants import CARDONE_2013, FRANK_1975, VILAS_2018
from occupy_scipion.convert.forms import paramsFromForm
from occupy_scipion.convert.volumes import VolumeSource, gridOf
from occupy_scipion.objects import SetOfVolumeMasks
from occupy_scipion.protocols.parts import StepPerVolume
from occupy_scipion.protocols.protocol_base import OccupyProtBase
from occupy_scipion.records.resolution import ResolutionRecord

RESOLUTION = ResolutionParams()


class OccupyProtLocalResolution(StepPerVolume, OccupyProtBase):
    """Estimates the local resolution of cryo-EM maps, the mask of the molecule and its global
    resolution.

    It needs a map and no parameter. Half maps that come with it decide, when there are any;
    otherwise the resolution is read from the signal over the noise of the solvent, and where the
    solvent is gone, by a model learned on simulated maps.

    *Inputs*: a map, a set of maps, or 3D classes, best as they were reconstructed; a mask, when the
    resolution is wanted in one part only.

    *Outputs*: resolution_Volume (FSC 0.143) and resolution05_Volume (FSC 0.5) in A, 0 outside the
    molecule; resolutionMask; globalResolution; with _Filter the map_ filteredVolume. Sets of them
    (resolution_Volumes ...) for a set or classes, with the global resolution as a column.

    *When to use it*: to see where a map is well resolved, to filter it locally, and to tell whether
    a part is weak because it moves: then it is also less resolved than its neighbours.

    *What to check*: the summary says how the map was seen (raw, masked, sharpened) and by what the
    resolution was found. Differences smaller than the uncertainty mean nothing.
    """

    _label = "local resolution"
    _inputName = "inputVolume"
    _singleFolder = "resolution"
    _withoutHalfMaps = "the resolution is estimated from the map alone"
    _recordClass = ResolutionRecord
    _possibleOutputs = {
        "resolution_Volume": Volume,
        "resolution05_Volume": Volume,
        "resolutionMask": VolumeMask,
        "filteredVolume": Volume,
        "globalResolution": Float,
        "resolution_Volumes": SetOfVolumes,
        "resolution05_Volumes": SetOfVolumes,
        "resolutionMasks": SetOfVolumeMasks,
        "filteredVolumes": SetOfVolumes,
    }

    # --------------------------- DEFINE param functions ------------------------------------------
    def _defineParams(self, form):
        form.addSection(label="Input")
        self._defineInputVolumes(
            form,
            "A map, a set of maps or 3D classes. Best as it was reconstructed; a sharpened or "
            "masked one works too, and the "
            "summary says how the map was seen. If it has half maps, the local resolution is "
            "their local FSC.",
        )
        form.addParam(
            "inputMask",
            params.PointerParam,
            pointerClass="VolumeMask",
            allowsNull=True,
            label="Mask",
            help="Where the resolution is wanted: all above 0.5. Empty: the molecule is found.",
        )
        form.addParam(
            "filter",
            params.BooleanParam,
            default=RESOLUTION.filter,
            label="Filter the map?",
            help="Make the map low-passed to its local resolution too, and so its half maps.",
        )
        form.addParam(
            "window",
            params.FloatParam,
            allowsNull=True,
            expertLevel=params.LEVEL_ADVANCED,
            label="Window (Å)",
            help="Standard deviation of the Gaussian window in which the resolution is local. A "
            "larger one is less noisy and blurs more. Empty: 5 Å, more for maps that hold nothing "
            "finer than 7 Å.",
        )
        form.addParam(
            "secondOpinion",
            params.BooleanParam,
            default=RESOLUTION.second_opinion,
            expertLevel=params.LEVEL_ADVANCED,
            label="Second opinion?",
            help="Compare with an estimate from the monogenic amplitude, where solvent noise is "
            "visible; a warning says so when the two disagree.",
        )
        form.addParam(
            "background",
            params.FloatParam,
            default=RESOLUTION.background,
            expertLevel=params.LEVEL_ADVANCED,
            label="Background (Å)",
            help="Value of the local resolution outside the mask.",
        )
        self._defineThreads(form)

    # --------------------------- INSERT steps functions ------------------------------------------
    def _stepArguments(self):
        # All that changes a result is an argument, see OccupyProtBase.
        items = [
            {
                "folder": self._folder(volume),
                "source": asdict(VolumeSource.of(volume, withHalfMaps=True)),
            }
            for volume in self.volumes()
        ]
        return items, self._givenMaps("inputMask"), asdict(paramsFromForm(self, ResolutionParams))

    def _insertItem(self, item, *shared, prerequisites):
        self._insertVolumeStep(
            self.resolutionStep, *item.values(), *shared, prerequisites=prerequisites
        )

    # --------------------------- STEPS functions -------------------------------------------------
    def resolutionStep(self, folder, source, given, resolution):
        source = VolumeSource(**source)
        halves = [
            self._located(f"half{i}", half, source, folder)
            for i, half in enumerate(source.halfMaps, start=1)
        ]
        masks = [
            self._located(name, mask["file"], source, folder, mask["index"])
            for name, mask in given.items()
        ]
        job = ResolutionJob(
            map=self._located("map", source.file, source, folder, source.index),
            outdir=folder,
            half1=halves[0] if halves else None,
            half2=halves[1] if halves else None,
            mask=masks[0] if masks else None,
            resolution=ResolutionParams(**resolution),
            # Pictures take longer than a small map; of a set, the viewer draws them.
            plot=not self.givesSets(),
            report=not self.givesSets(),
        )
        return self._runOccupy("resolution", job)

    def _relate(self, name, output):
        for pointer in self.inputPointers():
            if name.startswith("filtered"):
                self._defineTransformRelation(pointer, output)
            else:
                self._defineSourceRelation(pointer, output)

    def _madeOf(self, volume):
        """What was made of a volume; of a set, the number is a column."""
        record = ResolutionRecord.of(self._folder(volume))
        outputs = {"resolution_Volume": self._newVolume(volume, record.files["resolution"])}
        if "resolution05" in record.files:
            outputs["resolution05_Volume"] = self._newVolume(volume, record.files["resolution05"])
        if record.known:
            outputs["resolutionMask"] = self._newMask(volume, record.files["mask"])
        if "filtered" in record.files:
            filtered = self._newVolume(volume, record.files["filtered"])
            filtered.setHalfMaps(record.filteredHalfMaps())
            outputs["filteredVolume"] = filtered
        found = Float(record.globalResolution)
        if found.hasValue():
            outputs["globalResolution"] = found
        return volume, outputs, {"globalResolution": found}

    # --------------------------- INFO functions --------------------------------------------------
    def _validate(self):
        errors = self._volumeProblems()
        if errors:
            return errors
        resolution = paramsFromForm(self, ResolutionParams)
        for volume in self.volumes():  # each may have another box; the first problem is enough
            errors = [*resolution.problems(gridOf(volume)), *self._checkMask("inputMask", volume)]
            if errors:
                return errors
        return []

    def _summary(self):
        records = self._records()
        if not records:
            return ["The local resolution is not ready yet."]
        lines = self._answerLines(records) if self.givesSets() else records[0].lines()
        return [*lines, *self._warningLines(records)]

    def _methods(self):
        records = self._records()
        if not records:
            return []
        several = [f"This was done for each of {len(records)} maps."] * (len(records) > 1)
        return [*records[0].methodSentences(), *several]

    def getResultFolder(self):
        """The folder of the result of a single volume."""
        return self._getExtraPath(self._singleFolder)

    def _citations(self):
        text = " ".join(s for record in self._records() for s in record.methodSentences())
        keys = (CARDONE_2013, FRANK_1975, VILAS_2018)
        return [key for key in keys if not text or f"[{key}]" in text]
