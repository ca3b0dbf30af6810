# SPDX-License-Identifier: GPL-3.0-or-later
import json
from dataclasses import asdict, replace

import pyworkflow.protocol.params as params
from pwem.objects import Volume, VolumeMask

from occupy_core.commands.scale.job import ScaleJob
from occupy_core.scale import ModifyParams, ScaleParams
from occupy_scipion.convert.forms import paramsFromForm
from occupy_scipion.convert.volumes import VolumeSource, gridOf
from occupy_scipion.protocols.parts import OneVolume
from occupy_scipion.protocols.protocol_scale_base import OccupyProtScaleBase
from occupy_scipion.records.scale import ScaleRecord

MODIFY = ModifyParams()
MASKS = {"no": None, "attenuation": "attenuated", "sigmoid": "sigmoid"}
"""Choices of the form, and which modification the one output `subtractionMask` is made of."""

SCALE_FOLDER, MODIFIED_FOLDER = "scale", "modified"

OUTPUTS = {
    "amplified": "amplifiedVolume",
    "attenuated": "attenuatedVolume",
    "sigmoid": "sigmoidVolume",
    "solvent_excluded": "solventExcludedVolume",
}
"""Names of the outputs by what was done to the map."""


class OccupyProtModifyMap(OneVolume, OccupyProtScaleBase):
    """Modifies a map by its local scale: partial occupancy is amplified, attenuated or separated by
    a sigmoid, and the solvent is kept as it is or suppressed.

    The scale is estimated here, or taken from a local scale made before. Half maps of the input get
    exactly the same factors as the map, so that FSC and post-processing can follow.
    """

    _label = "modify map"
    _possibleOutputs = {
        **dict.fromkeys(OUTPUTS.values(), Volume),
        "subtractionMask": VolumeMask,
    }

    # --------------------------- DEFINE param functions ------------------------------------------
    def _defineParams(self, form):
        form.addSection(label="Input")
        self._defineInputVolume(
            form,
            "A map as it comes from a reconstruction: not sharpened, and not masked. Its half "
            "maps, if it has them, are modified too.",
        )
        form.addParam(
            "inputScale",
            params.PointerParam,
            pointerClass="Volume",
            allowsNull=True,
            label="Local scale",
            help="A local scale of this map, or one to be imposed on it, on the same grid. Empty: "
            "it is estimated with the parameters of the tab _Local scale_.",
        )
        self._defineModifyParams(form)
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
        form.addParallelSection(threads=4, mpi=0)

    def _defineModifyParams(self, form):
        form.addParam(
            "amplify",
            params.FloatParam,
            allowsNull=True,
            label="Amplify, power",
            help="Raise partial occupancy: 2 to 5 is typical, 30 makes everything that is told "
            "from solvent full. 1 changes nothing. Empty: no amplified map.",
        )
        form.addParam(
            "attenuate",
            params.FloatParam,
            allowsNull=True,
            label="Attenuate, power",
            help="Lower partial occupancy: 2 to 5 is typical, 30 leaves only what is full. Solvent "
            "noise is put where density goes, unless the solvent is excluded. Empty: no attenuated "
            "map.",
        )
        line = form.addLine(
            "Sigmoid",
            help="Lower what is less than the pivot (0 to 1), raise what is more. Empty power: no "
            "map of this kind.",
        )
        line.addParam("sigmoid", params.FloatParam, allowsNull=True, label="power")
        line.addParam("pivot", params.FloatParam, default=MODIFY.pivot, label="pivot")
        form.addParam(
            "excludeSolvent",
            params.BooleanParam,
            default=MODIFY.exclude_solvent,
            label="Exclude solvent?",
            help="Set to zero what is taken for solvent: an automatic soft mask. Without a "
            "modification, the map itself with its solvent excluded is made.",
        )
        form.addParam(
            "subtractionMaskOf",
            params.EnumParam,
            choices=list(MASKS),
            default=0,
            display=params.EnumParam.DISPLAY_HLIST,
            label="Subtraction mask of",
            help="A mask for particle subtraction: 1 where the modification leaves the map as it "
            "is, lower where it weakens it, never above 1. It is made of the attenuation or of the "
            "sigmoid, whose power must be given.",
        )
        self._defineFurtherModifyParams(form)

    def _defineFurtherModifyParams(self, form):
        """Parameters that hardly a map needs."""
        form.addParam(
            "lowpassOutput",
            params.FloatParam,
            allowsNull=True,
            expertLevel=params.LEVEL_ADVANCED,
            label="Low-pass of the outputs (Å)",
            help="Cut-off of a low-pass of the modified maps. Empty: none.",
        )
        form.addParam(
            "histMatch",
            params.BooleanParam,
            default=MODIFY.hist_match,
            expertLevel=params.LEVEL_ADVANCED,
            label="Match grey values?",
            help="Give the modified map the distribution of grey values of the input, so that the "
            "same contour level can be used. Half maps are left out of this: their factors stay "
            "those of the map.",
        )
        form.addParam(
            "scaleLimit",
            params.FloatParam,
            default=MODIFY.scale_limit,
            expertLevel=params.LEVEL_ADVANCED,
            label="Lowest scale to modify",
            help="Where the scale is at or under this limit the map is left alone.",
        )
        form.addParam(
            "omitConfidence",
            params.BooleanParam,
            default=MODIFY.omit_confidence,
            expertLevel=params.LEVEL_ADVANCED,
            label="Omit confidence?",
            help="Modify everything, also what is probably solvent.",
        )
        form.addParam(
            "seed",
            params.IntParam,
            default=MODIFY.seed,
            expertLevel=params.LEVEL_ADVANCED,
            label="Seed",
            help="Of the solvent noise that attenuation puts in: the same seed gives the same map.",
        )

    # --------------------------- INSERT steps functions ------------------------------------------
    def _insertAllSteps(self):
        # All that changes a result is an argument, see OccupyProtBase.
        source, given, scale, modify = self._modifyArguments()
        if "inputScale" not in given:
            # Apart from the modification, for another power or pivot needs no new estimate.
            plain = source  # its half maps tell the calibrated method the noise
            if scale["method"] == "occupy":
                plain = asdict(VolumeSource.of(self._inputVolume()))
            self._insertFunctionStep(self.scaleStep, plain, given, scale, needsGPU=False)
        self._insertFunctionStep(self.modifyStep, source, given, scale, modify, needsGPU=False)
        self._insertOutputStep()

    def _outputArguments(self):
        return json.dumps([*self._modifyArguments(), self._maskChoice()])

    def _modifyArguments(self):
        source = asdict(VolumeSource.of(self._inputVolume(), withHalfMaps=True))
        given = self._givenMaps("inputScale", "solventDefinition")
        scale = asdict(paramsFromForm(self, ScaleParams))
        return source, given, scale, asdict(self._modifyParams())

    # --------------------------- STEPS functions -------------------------------------------------
    def scaleStep(self, source, given, scale):
        job = self._newJob(SCALE_FOLDER, source, given, scale=ScaleParams(**scale))
        return self._runScale(job)

    def modifyStep(self, source, given, scale, modify):
        job = self._newJob(
            MODIFIED_FOLDER,
            source,
            given,
            scale=ScaleParams(**scale),
            modify=ModifyParams(**modify),
        )
        if job.scale_map is None:
            made = self._record(SCALE_FOLDER).files["scale"]
            job = replace(job, scale_map=made)
        return self._runScale(job)

    def createOutputStep(self, arguments):
        volume, record, outputs = self._inputVolume(), self._record(MODIFIED_FOLDER), {}
        for kind in record.modifiedKinds():
            output = self._newVolume(volume, record.files[kind])
            output.setHalfMaps(record.halfMaps(kind))
            outputs[OUTPUTS[kind]] = output
        mask = f"subtraction_mask_{MASKS[self._maskChoice()]}"
        if mask in record.files:
            outputs["subtractionMask"] = self._newMask(volume, record.files[mask])
        self._replaceOutputs(outputs)
        for output in outputs.values():
            self._defineTransformRelation(self.inputVolume, output)
            if self.inputScale.get() is not None:
                self._defineSourceRelation(self.inputScale, output)

    def _newJob(self, folder, source, given, **parameters):
        folder, source = self._getExtraPath(folder), VolumeSource(**source)
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
            solvent_def=located.get("solventDefinition"),
            plot=True,
            **parameters,
        )

    # --------------------------- INFO functions --------------------------------------------------
    def _validate(self):
        if self.inputVolume.get() is None:
            return []  # the form says it already
        errors = self._volumeProblems()
        if errors:
            return errors
        volume = self._inputVolume()
        grid, modify = gridOf(volume), self._modifyParams()
        modify = replace(modify, subtraction_mask=False)  # the form has a choice, see _maskProblems
        errors = modify.problems(grid) + paramsFromForm(self, ScaleParams).problems(grid)
        errors += self._maskProblems(modify)
        if not errors and not modify.active:
            errors.append(
                "Nothing is to be made; give a power above 1 to amplify, attenuate or for the "
                "sigmoid, or exclude the solvent."
            )
        for name in ("inputScale", "solventDefinition"):
            errors += self._checkMask(name, volume)
        return errors

    def _maskProblems(self, modify):
        choice = self._maskChoice()
        power = {"attenuation": modify.attenuate, "sigmoid": modify.sigmoid}.get(choice)
        if choice == "no" or (power is not None and power > 1):
            return []
        given = "not given" if power is None else f"{power:g}"
        return [
            f"The subtraction mask is to be made of the {choice}, but its power is {given}; give "
            "one above 1."
        ]

    def _inputWarnings(self):
        return [
            *self._sharpeningWarning(self.inputVolume),
            *self._missingHalfMaps("the modified maps will have none"),
        ]

    def _summary(self):
        record = self._record(MODIFIED_FOLDER)
        if record is None:
            return ["The modified maps are not ready yet."]
        lines = [*record.modificationLines(), self._scaleRecord().scaleSentence()]
        if "half1" not in record.inputs:
            lines.append("The input has no half maps, so the modified maps have none.")
        return lines + self._warningLines([self._scaleRecord(), record])

    def _methods(self):
        record = self._record(MODIFIED_FOLDER)
        if record is None:
            return []
        return [self._scaleRecord().methodSentence("the map"), record.modificationSentence()]

    # --------------------------- UTILS functions -------------------------------------------------
    def _modifyParams(self):
        """Parameters of the modification; what has no effect stands at its default.

        Then Continue redoes nothing when only such a value was changed.
        """
        modify = paramsFromForm(self, ModifyParams, subtraction_mask=self._maskChoice() != "no")
        if modify.sigmoid is None:
            modify = replace(modify, pivot=MODIFY.pivot)
        if modify.attenuate is None or modify.exclude_solvent:
            modify = replace(modify, seed=MODIFY.seed)
        return modify

    def _maskChoice(self):
        return self.getEnumText("subtractionMaskOf")

    def _record(self, folder):
        return ScaleRecord.of(self._getExtraPath(folder))

    def _scaleRecord(self):
        """The record of the estimate, or of the modification when the scale was given."""
        record = self._record(SCALE_FOLDER) if self.inputScale.get() is None else None
        return record or self._record(MODIFIED_FOLDER)

    def getResultFolders(self):
        """The folder that holds the result, with the name of the map: for the viewer."""
        record = self._record(MODIFIED_FOLDER)
        return {} if record is None else {self._getExtraPath(MODIFIED_FOLDER): record.name}
