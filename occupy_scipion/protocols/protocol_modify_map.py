# SPDX-License-Identifier: GPL-3.0-or-later
import json
import os
from dataclasses import asdict, replace

import pyworkflow.protocol.params as params
from pwem.objects import SetOfVolumes, Volume, VolumeMask

from occupy_core.commands.scale.given import completed
from occupy_core.commands.scale.job import ScaleJob
from occupy_core.errors import OccupyError
from occupy_core.scale.params import ModifyParams, ScaleParams
from occupy_scipion.convert.forms import paramsFromForm
from occupy_scipion.convert.volumes import (
    VolumeSource,
    gridOf,
    gridProblems,
)
from occupy_scipion.objects import SetOfVolumeMasks
from occupy_scipion.protocols.form_modify import MASKS, MODIFY, POWER, defineModifyParams
from occupy_scipion.protocols.given_scale import GivenScale, modeOf
from occupy_scipion.protocols.parts import StepPerVolume
from occupy_scipion.protocols.program import OccupyFailed
from occupy_scipion.protocols.protocol_scale_base import OccupyProtScaleBase
from occupy_scipion.protocols.shared_scale import SharedScale
from occupy_scipion.records.scale import ScaleRecord

SCALE_FOLDER, MODIFIED_FOLDER = "scale", "modified"

OUTPUTS = {
    "amplified": "amplifiedVolume",
    "attenuated": "attenuatedVolume",
    "sigmoid": "sigmoidVolume",
    "solvent_excluded": "solventExcludedVolume",
}
"""Names of the outputs by what was done to the map."""

MASK_OUTPUTS = {
    "keep_mask": "keepMask",
    "subtract_mask": "subtractMask",
    "subtraction_mask": "subtractionMask",
}
"""Names of the masks for subtraction; the last is that of the method occupy."""


class OccupyProtModifyMap(SharedScale, GivenScale, StepPerVolume, OccupyProtScaleBase):
    """Modifies maps by their local scale: partial occupancy is amplified, attenuated or separated
    by a sigmoid, and the solvent is kept as it is or suppressed.

    *Inputs*: a map, a set of maps, or 3D classes, not sharpened and not masked; and their local
    scale, when it was estimated before. One scale for all classes, that of the consensus or of
    their mean, keeps them comparable. Half maps get exactly the factors of their map.

    *Outputs*: amplifiedVolume, attenuatedVolume, sigmoidVolume, solventExcludedVolume: those that
    were asked for, with half maps if the input has them; and masks for particle subtraction:
    keepMask (white is kept, as RELION has it) and subtractMask (white is subtracted, as cryoSPARC
    has it). Sets of them (amplifiedVolumes ...) for a set or classes.

    *When to use it*: amplify, to see and to model what is only partly there; attenuate, to take it
    away, as for a reference or for particle subtraction.

    *What to check*: compare the modified slices with the map. A part that is full must stay as it
    is. Use a scale of the mode _occ_: one of the mode _res_ is low where the map is only less
    resolved.
    """

    _label = "modify map"
    _withoutHalfMaps = "the modified maps have none"
    _inputName = "inputVolume"
    _recordClass = ScaleRecord
    _possibleOutputs = {
        **dict.fromkeys(OUTPUTS.values(), Volume),
        **dict.fromkeys(MASK_OUTPUTS.values(), VolumeMask),
        **dict.fromkeys((f"{name}s" for name in OUTPUTS.values()), SetOfVolumes),
        **dict.fromkeys((f"{name}s" for name in MASK_OUTPUTS.values()), SetOfVolumeMasks),
    }

    # --------------------------- DEFINE param functions ------------------------------------------
    def _defineParams(self, form):
        form.addSection(label="Input")
        self._defineInputVolumes(
            form,
            "A map, a set of maps or 3D classes, as they come from a reconstruction: not "
            "sharpened, and not masked. Half maps are modified too.",
        )
        self._defineGivenScale(form)
        self._defineOneScale(form)
        defineModifyParams(form)
        form.addSection(label="Local scale")
        form.addParam(
            "scaleNote",
            params.LabelParam,
            label="The solvent model always uses the low-pass and the largest box; the rest counts "
            "only when no local scale is given.",
        )
        self._defineScaleParams(form, mode="occ")
        form.addSection(label="Solvent")
        self._defineSolventParams(form)
        self._defineThreads(form)

    # --------------------------- INSERT steps functions ------------------------------------------
    # All that changes a result is an argument, see OccupyProtBase. The scale is a step of its own,
    # for another power or pivot needs no new estimate.
    def _insertShared(self, mean, given, scale, modify):
        if mean is None:
            return []
        first = self._insertVolumeStep(self.meanStep, mean["folder"], *mean["of"], prerequisites=[])
        return [self._insertScaleStep(mean["scale"], mean["source"], given, scale, [first])]

    def _insertItem(self, item, mean, given, scale, modify, prerequisites):
        if mean is None and item["scale"]["folder"]:
            folder = item["scale"]["folder"]
            prerequisites = [self._insertScaleStep(folder, item["source"], given, scale, [])]
        self._insertVolumeStep(
            self.modifyStep, *item.values(), given, scale, modify, prerequisites=prerequisites
        )

    def _insertScaleStep(self, folder, source, given, scale, prerequisites):
        if scale["method"] != "calibrated":  # half maps tell only that one the noise
            source = {**source, "halfMaps": ()}
        return self._insertVolumeStep(
            self.scaleStep, folder, source, given, scale, prerequisites=prerequisites
        )

    def _outputArguments(self):
        return json.dumps([*self._stepArguments(), self._maskChoice()])

    def _stepArguments(self):
        shared, volumes = self._isShared(), self._readyVolumes()
        sources = [asdict(VolumeSource.of(volume, withHalfMaps=True)) for volume in volumes]
        items = [
            {
                "folder": os.path.join(self._folder(volume), MODIFIED_FOLDER),
                "source": source,
                "scale": {
                    "map": None if made is None else asdict(VolumeSource.of(made)),
                    "sigma": None if sigma is None else asdict(VolumeSource.of(sigma)),
                    "folder": None if made is not None else self._scaleFolder(volume),
                    "of": {"number": number, "aligned": self.alignMaps.get()} if shared else None,
                },
            }
            for number, (volume, source, made, sigma) in enumerate(
                zip(
                    volumes,
                    sources,
                    self._givenScales(volumes),
                    self._givenSigmas(volumes),
                    strict=True,
                )
            )
        ]
        return (
            items,
            self._meanArguments(volumes, sources) if shared else None,
            self._givenMaps("solventDefinition"),
            asdict(paramsFromForm(self, ScaleParams)),
            asdict(self._modifyParams()),
        )

    # --------------------------- STEPS functions -------------------------------------------------
    def scaleStep(self, folder, source, given, scale):
        job = self._newJob(folder, source, given, scale=ScaleParams(**scale))
        return self._runOccupy("scale", job)

    def modifyStep(self, folder, source, made, given, scale, modify):
        try:
            job = self._modifyJob(folder, source, made, given, scale, modify)
            return self._runOccupy("scale", job)
        except OccupyError as error:
            raise OccupyFailed(str(error)) from None

    def getPreviewJob(self, folder):
        """What a run would do with the first map, for the wizard: its files lie in a folder.

        Where no scale is given, the job estimates it; a run does that in a step of its own.
        """
        items, _, given, scale, modify = self._stepArguments()
        item = items[0]
        if item["scale"]["map"] is None:
            others = {"scale": ScaleParams(**scale), "modify": ModifyParams(**modify)}
            return self._newJob(folder, item["source"], given, **others)
        return self._modifyJob(folder, item["source"], item["scale"], given, scale, modify)

    def _modifyJob(self, folder, source, made, given, scale, modify):
        others, scale = {**given}, ScaleParams(**scale)
        if made["map"] is not None:
            others |= self._givenWith(made)
            if modeOf(made["map"]["file"]) == "res":
                scale = replace(scale, mode="res")  # the form has asked
        modify = ModifyParams(**modify)
        job = self._newJob(folder, source, others, scale=scale, modify=modify)
        if made["map"] is None:
            record = ScaleRecord.of(made["folder"])
            job = replace(job, scale_map=record.files["scale"])
            if made["of"] is not None:
                number = made["of"]["number"]
                job = replace(job, **self._sharedScale(folder, number, record))
        return completed(job)

    def _newJob(self, folder, source, given, **parameters):
        source = VolumeSource(**source)
        located = {
            role: self._located(role, file, source, folder, index)
            for role, file, index in (
                ("map", source.file, source.index),
                *((f"half{i + 1}", half, 0) for i, half in enumerate(source.halfMaps)),
                *((name, other["file"], other["index"]) for name, other in given.items()),
            )
        }
        return ScaleJob(
            map=located["map"],
            outdir=folder,
            half1=located.get("half1"),
            half2=located.get("half2"),
            scale_map=located.get("inputScale"),
            scale_sigma=located.get("inputScaleSigma"),
            regional_confidence=located.get("regionalConfidence"),
            solvent_def=located.get("solventDefinition"),
            # Pictures take longer than a small map; of a set, the viewer draws them.
            plot=not self.givesSets(),
            report=not self.givesSets(),
            **parameters,
        )

    def _relate(self, name, output):
        for pointer in self.inputPointers():
            self._defineTransformRelation(pointer, output)
        for pointer in (self.inputScale, self.inputScaleSigma):
            if pointer.get() is not None:
                self._defineSourceRelation(pointer, output)

    def _madeOf(self, volume):
        """What was made of a volume; there are no further columns of sets."""
        record, outputs = ScaleRecord.of(self._resultFolder(volume)), {}
        for kind in record.modifiedKinds():
            output = self._newVolume(volume, record.files[kind])
            output.setHalfMaps(record.halfMaps(kind))
            outputs[OUTPUTS[kind]] = output
        for kind, name in MASK_OUTPUTS.items():
            mask = f"{kind}_{MASKS[self._maskChoice()]}"
            if mask in record.files:
                outputs[name] = self._newMask(volume, record.files[mask])
        return volume, outputs, {}

    # --------------------------- INFO functions --------------------------------------------------
    def _validate(self):
        errors = self._volumeProblems()
        if errors or not self.inputPointers():
            return errors
        volumes, modify = self._readyVolumes(), self._modifyParams()
        modify = replace(modify, subtraction_mask=False)  # the form has a choice, see _maskProblems
        scale = paramsFromForm(self, ScaleParams)
        for volume in volumes:  # each may have another box; the first problem is enough
            errors = [
                *modify.problems(gridOf(volume)),
                *scale.problems(gridOf(volume)),
                *self._checkMask("solventDefinition", volume),
            ]
            if errors:
                break
        errors += self._maskProblems(modify)
        if not errors and not modify.active:
            errors.append(
                "Nothing is to be made; give a power above 1 to amplify, attenuate or for the "
                "sigmoid, or exclude the solvent."
            )
        return errors + self._scaleProblems(volumes)

    def _scaleProblems(self, volumes):
        """Sentences about local scales that do not fit the maps."""
        if self._isShared():
            return gridProblems(volumes)
        return self._givenScaleProblems(volumes)

    def _maskProblems(self, modify):
        choice = self._maskChoice()
        power = {"attenuation": modify.attenuate, "sigmoid": modify.sigmoid}.get(choice)
        if choice == "no" or (power is not None and power > 1):
            return []
        given = "not given" if power is None else f"{power:g}"
        return [
            f"The masks for subtraction are to be made of the {choice}, but its power is {given}; "
            "give one above 1."
        ]

    def _inputWarnings(self):
        return [
            *self._sharpeningWarnings(),
            *self._modeWarning(),
            *self._plainWarning(),
        ]

    def _summary(self):
        records = self._records()
        if not records:
            return ["The modified maps are not ready yet."]
        scales = self._scaleRecords() or records
        lines = [
            *self._answerLines(records),
            *(self._sharingLines() if self.givesSets() else []),
            scales[0].scaleSentence(),
            *(f"*Warning*: {sentence}" for sentence in self._modeWarning()),
        ]
        if not all("half1" in record.inputs for record in records):
            lines.append("The input has no half maps, so the modified maps have none.")
        return lines + self._warningLines([*scales, *records])

    def _methods(self):
        records = self._records()
        if not records:
            return []
        scales = self._scaleRecords() or records
        maps = "the mean of the maps" if self._isShared() else "the map"
        if len(scales) > 1:
            maps = f"each of {len(scales)} maps"
        return [scales[0].methodSentence(maps), records[0].modificationSentence()]

    # --------------------------- UTILS functions -------------------------------------------------
    def followedPointers(self):
        """The pointers to sets that may grow: one scale for all maps needs all maps."""
        if self._isShared():
            return []
        return self._withScales(super().followedPointers())

    def _modifyParams(self):
        """Parameters of the modification; what has no effect stands at its default.

        Then Continue redoes nothing when only such a value was changed.
        """
        modify = paramsFromForm(self, ModifyParams, subtraction_mask=self._maskChoice() != "no")
        powers = (modify.amplify, modify.attenuate, modify.sigmoid)
        if set(powers) == {None} and not (modify.exclude_solvent or modify.subtraction_mask):
            modify = replace(modify, amplify=POWER)  # nothing was asked for
        if modify.sigmoid is None:
            modify = replace(modify, pivot=MODIFY.pivot)
        if modify.attenuate is None or modify.exclude_solvent:
            modify = replace(modify, seed=MODIFY.seed)
        return modify

    def _maskChoice(self):
        return self.getEnumText("subtractionMaskOf")

    def _resultFolder(self, volume):
        return os.path.join(self._folder(volume), MODIFIED_FOLDER)

    def _scaleFolder(self, volume):
        """Folder of the scale that is estimated for a map."""
        folder = self._getExtraPath() if self._isShared() else self._folder(volume)
        return os.path.join(folder, SCALE_FOLDER)

    def _scaleRecords(self):
        """The records of the scales that were estimated."""
        if self.inputScale.get() is not None:
            return []
        folders = dict.fromkeys(self._scaleFolder(volume) for volume in self.volumes())
        return [record for record in map(ScaleRecord.of, folders) if record is not None]
