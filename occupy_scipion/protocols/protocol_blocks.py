# SPDX-License-Identifier: GPL-3.0-or-later
import json
from dataclasses import asdict

import pyworkflow.protocol.params as params
from pwem.objects import SetOfVolumes
from pyworkflow.object import Boolean, Float, Integer, String

from occupy_core.blocks.params import EXPAND_FIELDS, LEAST_VOLUMES, BlocksParams
from occupy_core.blocks.track.rules import rule_names
from occupy_core.commands.blocks.job import BlocksJob
from occupy_core.errors import ParameterError
from occupy_core.maps.soft_edge import edge_problems
from occupy_scipion.constants import BENJAMINI_1995, CHAZAL_2013, FISHER_1935, KINMAN_2023
from occupy_scipion.convert.files import fileState
from occupy_scipion.convert.forms import formValue, paramsFromForm
from occupy_scipion.convert.volumes import (
    VOLUMES,
    VolumeSource,
    distinctNames,
    gridProblems,
)
from occupy_scipion.objects import SetOfVolumeMasks
from occupy_scipion.protocols.form_blocks import (
    defineBlockParams,
    defineSearchParams,
    defineThresholdParams,
)
from occupy_scipion.protocols.parts import OneResult
from occupy_scipion.protocols.protocol_base import OccupyProtBase
from occupy_scipion.records.blocks import BlocksRecord

_SKETCH = "sketch"


class OccupyProtBlocks(OneResult, OccupyProtBase):
    """Finds structural blocks in an ensemble of volumes: the parts of a complex that come and go
    together, and how much of each is in which volume.

    *Inputs*: volumes of 3D classification, cryoDRGN, RECOVAR, 3D variability or the like, aligned
    and on one grid; ten are the least, a hundred or more are usual.

    *Outputs*: blockMasks, a mask for each block; outputVolumes, the volumes with the occupancy of
    each block as a column; subsetVolumes, those for which a rule such as _B3 > 0.7_ holds.

    *When to use it*: when it is not known beforehand what differs between the volumes.

    *What to check*: the thresholds first, for they decide what is there. Then the heat map, and
    whether each block is one piece of the molecule.
    """

    _label = "structural blocks"
    _resultFolder = "blocks"
    _recordClass = BlocksRecord
    _result = "The blocks are"
    _possibleOutputs = {
        "blockMasks": SetOfVolumeMasks,
        "outputVolumes": SetOfVolumes,
        "subsetVolumes": SetOfVolumes,
    }

    # --------------------------- DEFINE param functions ------------------------------------------
    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam(
            "inputVolumes",
            params.MultiPointerParam,
            pointerClass=VOLUMES,
            important=True,
            minNumObjects=1,
            label="Volumes",
            help="A set of volumes, 3D classes, or several volumes, aligned and on one grid.",
        )
        form.addParam(
            "where",
            params.StringParam,
            default="",
            label="Subset of volumes",
            help="A rule on the occupancies of the blocks, such as _B3 > 0.7 and B1 < 0.2_: the "
            "volumes for which it holds become an output of their own. As the blocks are not known "
            "before, run without first, and then continue with a rule: nothing is computed again. "
            "Empty: no subset.",
        )
        self._defineAlikeParams(form)
        defineThresholdParams(form)
        defineBlockParams(form)
        defineSearchParams(form)
        form.addParallelSection(threads=4, mpi=0)

    # --------------------------- INSERT steps functions ------------------------------------------
    def _insertAllSteps(self):
        # All that changes a result is an argument, see OccupyProtBase: for another expansion the
        # sketch is not made again.
        maps, values, state = self._blocksArguments()
        self._insertFunctionStep(
            self.sketchStep, maps, self._withoutExpansion(values), state, needsGPU=False
        )
        self._insertFunctionStep(self.expandStep, maps, values, state, needsGPU=False)
        self._insertOutputStep()

    def _outputArguments(self):
        # The rule is not in the job: for another one nothing needs to be searched again.
        return json.dumps([*self._blocksArguments(), formValue(self, "where")])

    def _blocksArguments(self):
        volumes = self.volumes()
        maps = {
            "sources": [asdict(VolumeSource.of(volume)) for volume in volumes],
            "names": distinctNames(volumes),
        }
        table = formValue(self, "thresholds")
        values = {
            "thresholds": table,
            "bin": self.bin.get(),
            **self._alikeValues(),
            "mask_extend": self.maskExtend.get(),
            "mask_soft": self.maskSoft.get(),
            "blocks": asdict(paramsFromForm(self, BlocksParams)),
        }
        return maps, values, fileState(table) if table else None

    @staticmethod
    def _withoutExpansion(values):
        """What decides the sketch."""
        blocks = {k: v for k, v in values["blocks"].items() if k not in EXPAND_FIELDS}
        others = {k: v for k, v in values.items() if k not in ("mask_extend", "mask_soft")}
        return {**others, "blocks": blocks}

    # --------------------------- STEPS functions -------------------------------------------------
    def sketchStep(self, maps, values, state):
        """Contour the volumes and find what comes and goes together: a state in files."""
        # When only the tests changed, the contours of the last time are taken over.
        folder = self._getExtraPath(_SKETCH)
        job = self._newJob(maps, values, outdir=folder, resume=folder, sketch_only=True)
        return self._runOccupy("blocks", job)

    def expandStep(self, maps, values, state):
        """Make masks and tables, from that state."""
        folders = {"outdir": self.getResultFolder(), "resume": self._getExtraPath(_SKETCH)}
        job = self._newJob(maps, values, **folders, report=True)
        return self._runOccupy("blocks", job)

    def _newJob(self, maps, values, **run):
        sources = [VolumeSource(**source) for source in maps["sources"]]
        located = [
            self._located(f"volume_{i}", source.file, source, self._getExtraPath(), source.index)
            for i, source in enumerate(sources, start=1)
        ]
        return BlocksJob.from_dict({**values, "volumes": located, "names": maps["names"], **run})

    def createOutputStep(self, arguments):
        volumes, record = self.volumes(), self._record()
        used = dict(zip(distinctNames(volumes), volumes, strict=True))
        outputs = {}
        if record.blocks:
            outputs["blockMasks"] = self._newMasks(record, volumes[0])
            names = [row["volume"] for row in record.rows]
            outputs["outputVolumes"] = self._newSet(record, used, names, "tracked")
            chosen, _ = self._chosen(record)
            if chosen:
                outputs["subsetVolumes"] = self._newSet(record, used, chosen, "subset")
        self._replaceOutputs(outputs)
        for pointer in self.inputVolumes:
            for output in outputs.values():
                self._defineSourceRelation(pointer, output)

    def _newMasks(self, record, volume):
        masks = SetOfVolumeMasks.create(self._getPath(), suffix="block_masks")
        masks.setSamplingRate(volume.getSamplingRate())
        for i, block in enumerate(record.blocks):
            mask = self._newMask(volume, record.maskFile(i))
            mask.setObjLabel(block["name"])
            mask.block = String(block["name"])  # these are columns of the set
            mask.voxels = Integer(block["voxels"])
            mask.volume = Float(block["volume"])
            mask.meanOccupancy = Float(block["mean_occupancy"])
            mask.presentIn = Integer(block["present_in"])
            mask.isGradual = Boolean(block["gradual"])
            masks.append(mask)
        return masks

    def _newSet(self, record, used, names, suffix):
        """The volumes of some names, with the occupancies of their blocks as columns."""
        output = SetOfVolumes.create(self._getPath(), suffix=suffix)
        rows = {row["volume"]: row for row in record.rows}
        for name in names:
            volume = used[name]
            item = volume.clone()
            item.setOrigin(volume.getOrigin().clone())
            item.setObjId(volume.getObjId())
            item.setObjLabel(volume.getObjLabel())
            for block in record.names:
                setattr(item, block, Float(rows[name][block]))
            item.state = Integer(rows[name]["state"])
            item.threshold = Float(record.threshold(name))
            if volume.particles is not None:
                item.particles = Integer(volume.particles)
            output.setSamplingRate(volume.getSamplingRate())
            output.append(item)
        return output

    # --------------------------- INFO functions --------------------------------------------------
    def _validate(self):
        errors = self._volumeProblems()
        if errors or not self.inputPointers():
            return errors
        volumes = self.volumes()
        errors = gridProblems(volumes)
        if len(volumes) < LEAST_VOLUMES:
            errors.append(
                f"The number of volumes is {len(volumes)}, but blocks need at least "
                f"{LEAST_VOLUMES}; give more."
            )
        return errors + paramsFromForm(self, BlocksParams).problems() + self._ruleProblems()

    def _ruleProblems(self):
        errors = []
        if self.bin.get() is None or self.bin.get() < 1:
            errors.append(f"The binning is {self.bin.get()}, but must be at least 1.")
        widths = [self.maskExtend.get() or 0.0, self.maskSoft.get() or 0.0]  # empty is told, too
        errors += edge_problems(("extension", widths[0]), widths[1])
        table = formValue(self, "thresholds")
        if table and self.threshold.get() is not None:
            errors.append(
                f"Both the threshold {self.threshold.get():g} and the table {table} are given; "
                "leave out one of them."
            )
        if table and fileState(table) is None:
            errors.append(f"The table of thresholds {table} is not there; check the path.")
        rule = formValue(self, "where")
        try:
            if rule:
                rule_names(rule)
        except ParameterError as error:
            errors += error.problems
        return errors

    def _inputWarnings(self):
        return self._originWarning()

    def _summaryLines(self, record):
        return [*record.lines(), *self._chosen(record)[1]]

    def _citations(self):
        return [FISHER_1935, CHAZAL_2013, KINMAN_2023, BENJAMINI_1995]

    # --------------------------- UTILS functions -------------------------------------------------
    def _chosen(self, record):
        """Names of the volumes that the rule chooses, and sentences about that."""
        rule = formValue(self, "where")
        if not rule:
            return [], []
        try:
            chosen = record.chosen(rule)
        except ParameterError as error:
            return [], [f"*Warning*: {problem} There is no subset." for problem in error.problems]
        return chosen, [f"Subset _{rule}_: {len(chosen)} of {len(record.rows)} volumes."]
