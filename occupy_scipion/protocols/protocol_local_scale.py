# SPDX-License-Identifier: GPL-3.0-or-later
import json
import os
from dataclasses import asdict

import pyworkflow.protocol.params as params
from pwem.objects import Float, Integer, SetOfVolumes, Volume, VolumeMask

from occupy_core.commands.scale.job import ScaleJob
from occupy_core.scale import ScaleParams
from occupy_scipion.convert.forms import paramsFromForm
from occupy_scipion.convert.volumes import (
    SETS_OF_VOLUMES,
    VolumeSource,
    distinctNames,
    gridOf,
    isSetOfVolumes,
    iterVolumes,
)
from occupy_scipion.protocols.protocol_scale_base import SCALE, OccupyProtScaleBase
from occupy_scipion.records.scale import ScaleRecord

RESULTS = {"scale": "scale", "scaleSigma": "scale_sigma", "confidence": "confidence"}
"""Maps of a result in the record, by how the names of the outputs start."""


class OccupyProtLocalScale(OccupyProtScaleBase):
    """Estimates the local scale (occupancy) of cryo-EM maps, and the confidence that a voxel is
    not solvent.

    Where the map is full the scale is 1, in the solvent it is 0, and what is only partly there
    lies between; a map of its standard error comes with it. It needs one raw map: no mask, no half
    maps (when it has some, they tell the noise), no parameter. A set of volumes or 3D classes gives
    the scale of each of them.
    """

    _label = "local scale"
    # A dict, for members of an Enum that have equal values would be one and the same.
    _possibleOutputs = {
        "scaleVolume": Volume,
        "scaleSigmaVolume": Volume,
        "confidenceVolume": Volume,
        "scaleVolumes": SetOfVolumes,
        "scaleSigmaVolumes": SetOfVolumes,
        "confidenceVolumes": SetOfVolumes,
        "solventMask": VolumeMask,
    }

    # --------------------------- DEFINE param functions ------------------------------------------
    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam(
            "inputVolumes",
            params.PointerParam,
            pointerClass=", ".join(("Volume", *SETS_OF_VOLUMES)),
            important=True,
            label="Volume(s)",
            help="A map, a set of maps or 3D classes, as they come from a reconstruction: not "
            "sharpened, and not masked.",
        )
        self._defineScaleParams(form, mode=SCALE.mode)
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
        form.addParallelSection(threads=4, mpi=0)

    # --------------------------- INSERT steps functions ------------------------------------------
    def _insertAllSteps(self):
        # All that changes a result is an argument, see OccupyProtBase.
        items, *others = self._scaleArguments()
        for item in items:
            self._insertFunctionStep(self.scaleStep, *item, *others, needsGPU=False)
        self._insertOutputStep()

    def _outputArguments(self):
        return json.dumps(self._scaleArguments())

    def _scaleArguments(self):
        scale = paramsFromForm(self, ScaleParams)
        withHalfMaps = scale.method == "calibrated"
        items = [
            [folder, asdict(VolumeSource.of(volume, withHalfMaps=withHalfMaps))]
            for folder, volume in self._iterInput()
        ]
        return items, self._givenMaps("solventDefinition", "targetMask"), asdict(scale)

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
            plot=not isSetOfVolumes(self.inputVolumes.get()),
        )
        return self._runScale(job)

    def createOutputStep(self, arguments):
        if isSetOfVolumes(self.inputVolumes.get()):
            outputs = self._outputSets()
        else:
            outputs = self._outputVolumes()
        self._replaceOutputs(outputs)
        for output in outputs.values():
            self._defineSourceRelation(self.inputVolumes, output)
            if self.solventDefinition.get() is not None:
                self._defineSourceRelation(self.solventDefinition, output)

    def _outputVolumes(self):
        ((folder, volume),) = self._iterInput()
        record = ScaleRecord.of(folder)
        outputs = {
            f"{name}Volume": self._newVolume(volume, record.files[key])
            for name, key in RESULTS.items()
            if key in record.files
        }
        if "solvent_definition" in record.files:
            outputs["solventMask"] = self._newMask(volume, record.files["solvent_definition"])
        return outputs

    def _outputSets(self):
        names = {
            f"{name}Volumes": key
            for name, key in RESULTS.items()
            if all(key in record.files for record in self._records())
        }
        sets = {
            name: SetOfVolumes.create(self._getPath(), suffix=key) for name, key in names.items()
        }
        for folder, volume in self._iterInput():
            record = ScaleRecord.of(folder)
            for output, key in zip(sets.values(), names.values(), strict=True):
                item = self._newVolume(volume, record.files[key])
                item.setObjId(volume.getObjId())
                item.setObjLabel(volume.getObjLabel())
                if volume.particles is not None:  # a column of the set
                    item.particles = Integer(volume.particles)
                if record.targetOccupancy is not None:
                    item.targetOccupancy = Float(record.targetOccupancy)
                output.setSamplingRate(volume.getSamplingRate())
                output.append(item)
        return sets

    # --------------------------- INFO functions --------------------------------------------------
    def _validate(self):
        obj = self.inputVolumes.get()
        if obj is None:
            return []  # the form says it already
        errors = self._inputProblems(obj)
        if errors:
            return errors
        scale = paramsFromForm(self, ScaleParams)
        for volume in iterVolumes(obj):  # each may have another box; the first problem is enough
            errors = [
                *scale.problems(gridOf(volume)),
                *self._checkMask("solventDefinition", volume),
                *self._checkMask("targetMask", volume),
            ]
            if errors:
                return errors
        return []

    def _inputWarnings(self):
        return self._sharpeningWarning(self.inputVolumes)

    def _summary(self):
        records = self._records()
        if not records:
            return ["The local scale is not ready yet."]
        lines = [records[0].scaleSentence()]
        if len(records) > 1:
            lines.insert(0, f"Local scale of {len(records)} volumes.")
        lines += [
            f"Occupancy of the target in {record.name}: {record.targetOccupancy:.2f}."
            for record in records
            if record.targetOccupancy is not None
        ]
        return lines + self._warningLines(records)

    def _methods(self):
        records = self._records()
        if not records:
            return []
        maps = "the map" if len(records) == 1 else f"each of {len(records)} maps"
        return [records[0].methodSentence(maps)]

    # --------------------------- UTILS functions -------------------------------------------------
    def _iterInput(self):
        """Yield the folder for the results and the volume, for each volume of the input.

        A folder for each: maps of the same name from different folders do not collide.
        """
        obj = self.inputVolumes.get()
        for volume in iterVolumes(obj) if obj is not None else ():
            item = volume.getObjId() if isSetOfVolumes(obj) else 1
            yield self._getExtraPath(f"volume_{item:03d}"), volume

    def _records(self):
        records = [ScaleRecord.of(folder) for folder, _ in self._iterInput()]
        return [record for record in records if record is not None]

    def getResultFolders(self):
        """The folders that hold a result, with the name of their volume: for the viewer."""
        items = list(self._iterInput())
        names = distinctNames([volume for _, volume in items])
        return {
            folder: name
            for (folder, _), name in zip(items, names, strict=True)
            if os.path.isdir(folder)
        }
