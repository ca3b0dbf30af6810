# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import asdict

import pyworkflow.protocol.params as params
from pwem.objects import Float, SetOfVolumes, Volume, VolumeMask

from occupy_core.commands.scale.job import ScaleJob
from occupy_core.scale.params import ScaleParams
from occupy_scipion.convert.forms import paramsFromForm
from occupy_scipion.convert.volumes import VolumeSource, gridOf
from occupy_scipion.objects import SetOfVolumeMasks
from occupy_scipion.protocols.parts import StepPerVolume
from occupy_scipion.protocols.protocol_scale_base import OccupyProtScaleBase
from occupy_scipion.records.scale import ScaleRecord

RESULTS = {"scale": "scale", "scaleSigma": "scale_sigma", "confidence": "confidence"}
"""Maps of a result in the record, by how the names of the outputs start."""


class OccupyProtLocalScale(StepPerVolume, OccupyProtScaleBase):
    """Estimates the local scale (occupancy) of cryo-EM maps, and the confidence that a voxel is
    not solvent.

    Where the map is full the scale is 1, in the solvent it is 0, and what is only partly there lies
    between. It needs one raw map and no parameter.

    *Inputs*: a map, a set of maps, or 3D classes, as they were reconstructed: not sharpened, not
    masked. Half maps that come with them tell the noise. A mask may say where the solvent is
    (solvent definition), another one may ask for the occupancy of one part (target mask).

    *Outputs*: scaleVolume, its standard error scaleSigmaVolume, and confidenceVolume; sets of them
    (scaleVolumes ...) for a set or classes, with the size of each class as a column.

    *When to use it*: to see which parts of a map are weak, and before _modify map_. For numbers of
    chains or regions with error bars, which compare between classes, take _region occupancy_.

    *What to check*: the solvent model in _Analyze Results_ must follow the main peak of the
    histogram; otherwise give a solvent definition. The summary tells all warnings.
    """

    _label = "local scale"
    _singleFolder = "volume_001"
    _withoutHalfMaps = "the noise is taken from the solvent"
    _recordClass = ScaleRecord
    # A dict, for members of an Enum that have equal values would be one and the same.
    _possibleOutputs = {
        "scaleVolume": Volume,
        "scaleSigmaVolume": Volume,
        "confidenceVolume": Volume,
        "scaleVolumes": SetOfVolumes,
        "scaleSigmaVolumes": SetOfVolumes,
        "confidenceVolumes": SetOfVolumes,
        "solventMask": VolumeMask,
        "solventMasks": SetOfVolumeMasks,
    }

    # --------------------------- DEFINE param functions ------------------------------------------
    def _defineParams(self, form):
        form.addSection(label="Input")
        self._defineInputVolumes(
            form,
            "A map, a set of maps or 3D classes, as they come from a reconstruction: not "
            "sharpened, and not masked.",
        )
        self._defineScaleParams(form, mode="occ")
        form.addSection(label="Solvent")
        self._defineSolventParams(form)
        form.addParam(
            "targetMask",
            params.PointerParam,
            pointerClass="VolumeMask",
            allowsNull=True,
            expertLevel=params.LEVEL_ADVANCED,
            label="Target mask",
            help="Covers one part of the molecule: the summary says its occupancy. It changes "
            "nothing else.",
        )
        self._defineThreads(form)

    # --------------------------- INSERT steps functions ------------------------------------------
    def _stepArguments(self):
        # All that changes a result is an argument, see OccupyProtBase.
        scale = paramsFromForm(self, ScaleParams)
        items = [
            {
                "folder": self._folder(volume),
                "source": asdict(VolumeSource.of(volume, withHalfMaps=self._takesHalfMaps())),
            }
            for volume in self.volumes()
        ]
        return items, self._givenMaps("solventDefinition", "targetMask"), asdict(scale)

    def _insertItem(self, item, *shared, prerequisites):
        self._insertVolumeStep(self.scaleStep, *item.values(), *shared, prerequisites=prerequisites)

    # --------------------------- STEPS functions -------------------------------------------------
    def scaleStep(self, folder, source, masks, scale):
        source = VolumeSource(**source)
        located = {
            name: self._located(name, mask["file"], source, folder, mask["index"])
            for name, mask in masks.items()
        }
        job = ScaleJob(
            map=self._located("map", source.file, source, folder, source.index),
            outdir=folder,
            **{
                f"half{i}": self._located(f"half{i}", half, source, folder, 0)
                for i, half in enumerate(source.halfMaps, start=1)
            },
            solvent_def=located.get("solventDefinition"),
            target_mask=located.get("targetMask"),
            scale=ScaleParams(**scale),
            # Pictures take longer than a small map; of a set, the viewer draws them.
            plot=not self.givesSets(),
            report=not self.givesSets(),
        )
        return self._runOccupy("scale", job)

    def _relate(self, name, output):
        for pointer in self.inputPointers():
            self._defineSourceRelation(pointer, output)
        if self.solventDefinition.get() is not None:
            self._defineSourceRelation(self.solventDefinition, output)

    def _madeOf(self, volume):
        """What was made of a volume, and columns of sets."""
        record, columns = ScaleRecord.of(self._folder(volume)), {}
        outputs = {
            f"{name}Volume": self._newVolume(volume, record.files[key])
            for name, key in RESULTS.items()
            if key in record.files
        }
        if "solvent_definition" in record.files:
            outputs["solventMask"] = self._newMask(volume, record.files["solvent_definition"])
        if self.targetMask.get() is not None:
            columns["targetOccupancy"] = Float(record.targetOccupancy)
        return volume, outputs, columns

    # --------------------------- INFO functions --------------------------------------------------
    def _takesHalfMaps(self):
        return paramsFromForm(self, ScaleParams).method == "calibrated"

    def _validate(self):
        errors = self._volumeProblems()
        if errors:
            return errors
        scale = paramsFromForm(self, ScaleParams)
        for volume in self.volumes():  # each may have another box; the first problem is enough
            errors = [
                *scale.problems(gridOf(volume)),
                *self._checkMask("solventDefinition", volume),
                *self._checkMask("targetMask", volume),
            ]
            if errors:
                return errors
        return []

    def _inputWarnings(self):
        return self._sharpeningWarnings()

    def _summary(self):
        records = self._records()
        if not records:
            return ["The local scale is not ready yet."]
        return [
            *self._answerLines(records),
            records[0].scaleSentence(),
            *self._warningLines(records),
        ]

    def _methods(self):
        records = self._records()
        if not records:
            return []
        maps = "the map" if len(records) == 1 else f"each of {len(records)} maps"
        return [records[0].methodSentence(maps)]
