# SPDX-License-Identifier: GPL-3.0-or-later
import json
from dataclasses import asdict

import pyworkflow.protocol.params as params
from pwem.objects import Float, Volume, VolumeMask

from occupy_core.commands.resolution.job import ResolutionJob
from occupy_core.resolution.result import ResolutionParams
from occupy_scipion.constants import CARDONE_2013, FRANK_1975, VILAS_2018
from occupy_scipion.convert.forms import paramsFromForm
from occupy_scipion.convert.volumes import VolumeSource, gridOf
from occupy_scipion.protocols.parts import OneResult, OneVolume
from occupy_scipion.protocols.protocol_base import OccupyProtBase
from occupy_scipion.records.resolution import ResolutionRecord

RESOLUTION = ResolutionParams()


class OccupyProtLocalResolution(OneVolume, OneResult, OccupyProtBase):
    """Estimates the local resolution of a cryo-EM map, its molecular mask and its global
    resolution.

    It needs one map and no parameter. Half maps that come with the volume decide, when there are
    any; otherwise the resolution is read from the signal over the noise of the solvent, and where
    the solvent is gone, by a model learned on simulated maps.
    """

    _label = "local resolution"
    _resultFolder = "resolution"
    _recordClass = ResolutionRecord
    _result = "The local resolution is"
    _possibleOutputs = {
        "resolution_Volume": Volume,
        "resolution05_Volume": Volume,
        "resolutionMask": VolumeMask,
        "filteredVolume": Volume,
        "globalResolution": Float,
    }

    # --------------------------- DEFINE param functions ------------------------------------------
    def _defineParams(self, form):
        form.addSection(label="Input")
        self._defineInputVolume(
            form,
            "A map. Best as it was reconstructed; a sharpened or masked one works too, and the "
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
        form.addParallelSection(threads=4, mpi=0)

    # --------------------------- INSERT steps functions ------------------------------------------
    def _insertAllSteps(self):
        # All that changes a result is an argument, see OccupyProtBase.
        arguments = self._resolutionArguments()
        self._insertFunctionStep(self.resolutionStep, *arguments, needsGPU=False)
        self._insertOutputStep()

    def _outputArguments(self):
        return json.dumps(self._resolutionArguments())

    def _resolutionArguments(self):
        source = asdict(VolumeSource.of(self._inputVolume(), withHalfMaps=True))
        resolution = asdict(paramsFromForm(self, ResolutionParams))
        return source, self._givenMaps("inputMask"), resolution

    # --------------------------- STEPS functions -------------------------------------------------
    def resolutionStep(self, source, given, resolution):
        folder, source = self.getResultFolder(), VolumeSource(**source)
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
            plot=True,
        )
        return self._runOccupy("resolution", job, job.output_names()["result"])

    def createOutputStep(self, arguments):
        volume, record = self._inputVolume(), self._record()
        outputs = {"resolution_Volume": self._newVolume(volume, record.files["resolution"])}
        if "resolution05" in record.files:
            outputs["resolution05_Volume"] = self._newVolume(volume, record.files["resolution05"])
        if record.known:
            outputs["resolutionMask"] = self._newMask(volume, record.files["mask"])
        if "filtered" in record.files:
            filtered = self._newVolume(volume, record.files["filtered"])
            filtered.setHalfMaps(record.filteredHalfMaps())
            outputs["filteredVolume"] = filtered
        if record.globalResolution is not None:
            outputs["globalResolution"] = Float(record.globalResolution)
        self._replaceOutputs(outputs)
        for name, output in outputs.items():
            if name == "filteredVolume":
                self._defineTransformRelation(self.inputVolume, output)
            else:
                self._defineSourceRelation(self.inputVolume, output)

    # --------------------------- INFO functions --------------------------------------------------
    def _validate(self):
        if self.inputVolume.get() is None:
            return []  # the form says it already
        errors = self._volumeProblems()
        if errors:
            return errors
        volume = self._inputVolume()
        return [
            *paramsFromForm(self, ResolutionParams).problems(gridOf(volume)),
            *self._checkMask("inputMask", volume),
        ]

    def _inputWarnings(self):
        return self._missingHalfMaps("the resolution will be estimated from the map alone")

    def _citations(self):
        record = self._record()
        if record is None:
            return [CARDONE_2013, FRANK_1975, VILAS_2018]
        text = " ".join(record.methodSentences())
        return [key for key in (CARDONE_2013, FRANK_1975, VILAS_2018) if f"[{key}]" in text]
