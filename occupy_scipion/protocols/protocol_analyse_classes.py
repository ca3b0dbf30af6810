# SPDX-License-Identifier: GPL-3.0-or-later
import json
import os
from dataclasses import asdict
from pathlib import Path

import pyworkflow.protocol.params as params
from pwem.objects import (
    AtomStruct,
    Class3D,
    Float,
    Integer,
    SetOfClasses3D,
    SetOfVolumes,
    Volume,
    VolumeMask,
)
from pyworkflow.object import Boolean, String
from pyworkflow.protocol import STEPS_PARALLEL

from occupy_core.commands.classes import steps
from occupy_core.commands.classes.job import LEAST_FOR_BLOCKS, ClassesJob
from occupy_core.errors import OccupyError, ParameterError
from occupy_scipion.constants import BENJAMINI_1995, WOJDYR_2022
from occupy_scipion.convert.files import fileState
from occupy_scipion.convert.forms import formValue
from occupy_scipion.convert.means import writeMeans
from occupy_scipion.convert.volumes import (
    VolumeSource,
    distinctNames,
    gridProblem,
    gridProblems,
    iterVolumes,
    volumeProblem,
    volumesOf,
)
from occupy_scipion.objects import RegionOccupancy, SetOfRegionOccupancies, SetOfVolumeMasks
from occupy_scipion.protocols.form_classes import AUTO, BLOCKS, defineAnalysisParams
from occupy_scipion.protocols.parts import OneResult, StepPerVolume
from occupy_scipion.protocols.program import OccupyFailed
from occupy_scipion.protocols.protocol_base import OccupyProtBase
from occupy_scipion.records.blocks import BlocksRecord
from occupy_scipion.records.classes import ClassesRecord
from occupy_scipion.records.record import Record
from occupy_scipion.records.resolution import ResolutionRecord

_JOB = "job.json"


class OccupyProtAnalyseClasses(OneResult, OccupyProtBase):
    """Says after a classification what is in which class, what is only half there or moving, what
    differs significantly, and which classes may be one.

    *Inputs*: 3D classes, a set of volumes, or several of these, all on one grid. Best with an
    atomic model of all that may be in them, or with a mask for each region. With neither, and 12
    volumes or more, structural blocks are searched for and are the regions.

    The maps are checked first: are they in register, of one falloff, and none there twice? Then
    come the local scale of the consensus, the local resolution of each map, blocks when there are
    enough maps, and the occupancy of each region in each map. These are the steps of the other
    protocols.

    *Outputs*: regionOccupancies, a table with a verdict (full, flexible, partial, absent or
    undecided), occupancy and local resolution of each region in each class, with errors;
    resolution_Volumes; scaleVolume, the local scale of the consensus; blockMasks; and
    mergedClasses, in which classes that agree in all regions are one, with their particles.

    *What to check*: the summary begins with the answer, and with what was wrong with the maps.

    *Next*: the table and the classes go into the protocol _select particles_, whose particles go
    into the next refinement.
    """

    _label = "analyse classes"
    _resultFolder = "analysis"
    _withoutHalfMaps = "errors and local resolution are estimated without them"
    _recordClass = ClassesRecord
    _result = "The analysis is"
    stepsExecutionMode = STEPS_PARALLEL
    _possibleOutputs = {
        "regionOccupancies": SetOfRegionOccupancies,
        "resolution_Volumes": SetOfVolumes,
        "scaleVolume": Volume,
        "blockMasks": SetOfVolumeMasks,
        "mergedClasses": SetOfClasses3D,
    }

    # --------------------------- DEFINE param functions ------------------------------------------
    def _defineParams(self, form):
        form.addSection(label="Input")
        self._defineInputVolumes(
            form,
            "3D classes or a set of volumes, all on one grid, in register, not sharpened and not "
            "masked. The sizes of classes are used.",
        )
        form.addParam(
            "inputModel",
            params.PointerParam,
            pointerClass="AtomStruct",
            allowsNull=True,
            label="Atomic model",
            help="A model of all that may be in the maps (PDB or mmCIF): its chains are the "
            "regions. It is shifted to where it fits, but not rotated.",
        )
        form.addParam(
            "inputMasks",
            params.MultiPointerParam,
            pointerClass="VolumeMask, SetOfVolumeMasks",
            allowsNull=True,
            minNumObjects=1,
            label="Masks",
            help="One mask for each region, on the grid of the maps, when there is no model.",
        )
        defineAnalysisParams(form)
        self._defineAlikeParams(form)
        StepPerVolume._defineThreads(form)

    # --------------------------- INSERT steps functions ------------------------------------------
    def _insertAllSteps(self):
        # All that changes a result is an argument, see OccupyProtBase.
        maps, regions, values = self._analysisArguments()
        first = self._insertFunctionStep(
            self.prepareStep, maps, regions, values, prerequisites=[], needsGPU=False
        )
        after = {"prerequisites": [first], "needsGPU": False}
        done = [self._insertFunctionStep(self.scaleStep, maps, **after)]
        for i, source in enumerate(maps["sources"]):
            name = maps["names"][i]
            done.append(self._insertFunctionStep(self.resolutionStep, i, name, source, **after))
        if self._searchesForBlocks():
            done.append(self._insertFunctionStep(self.blocksStep, maps, **after))
        measured = self._insertFunctionStep(
            self.regionsStep, maps, regions, values, prerequisites=done, needsGPU=False
        )
        analysed = self._insertFunctionStep(
            self.analyseStep, maps, regions, values, prerequisites=[measured], needsGPU=False
        )
        self._insertOutputStep([analysed])

    def _outputArguments(self):
        return json.dumps(self._analysisArguments())

    def _analysisArguments(self):
        volumes = self.volumes()
        sizes = [volume.particles for volume in volumes]
        maps = {
            "sources": [asdict(VolumeSource.of(v, withHalfMaps=True)) for v in volumes],
            "names": distinctNames(volumes),
            "weights": sizes if len(sizes) > 1 and all(sizes) else [],
        }
        return maps, self._regionArguments(), self._jobValues()

    def _regionArguments(self):
        model = self.inputModel.get()
        if model is not None:
            return {"model": model.getFileName(), "state": fileState(model.getFileName())}
        masks = self._masks()
        sources = [asdict(VolumeSource.of(mask)) for mask in masks]
        return {"masks": sources, "names": distinctNames(masks)} if masks else {}

    def _jobValues(self):
        """Values of the job that stand in the form."""
        group = "by_masks" if self.inputModel.get() is None else "by_model"
        chosen = {"reference": formValue(self, "reference")}
        if group == "by_model":
            chosen |= {"by": ("chain", "residues")[self.by.get()], "ligands": self.ligands.get()}
            chosen["window"] = self.window.get()
        chains = (formValue(self, "chains") or "").split(",")
        return {
            group: chosen,
            "chains": [name.strip() for name in chains if name.strip()],
            "data_sets": self._dataSets(),
            "blocks": self._searchesForBlocks(),
            **self._alikeValues(),
        }

    # --------------------------- STEPS functions -------------------------------------------------
    def prepareStep(self, maps, regions, values):
        """Give all inputs true headers, and write the job that the other steps read."""
        folder = self._getExtraPath()
        located = self._locatedInputs(maps, regions, folder)
        job = ClassesJob.from_dict({**values, **located, "outdir": self.getResultFolder()})
        path = self._getExtraPath(_JOB)
        with open(f"{path}.tmp", "w", encoding="utf-8") as stream:
            json.dump(job.to_dict(), stream, indent=2)
        os.replace(f"{path}.tmp", path)
        return [path]

    def scaleStep(self, maps):
        job = self._job()
        try:
            written = steps.write_consensus(job)
        except OccupyError as error:
            raise OccupyFailed(str(error)) from None
        return [*map(str, written), *self._runOccupy("scale", steps.scale_job(job))]

    def resolutionStep(self, index, name, source):
        return self._runOccupy("resolution", list(steps.resolution_jobs(self._job()))[index])

    def blocksStep(self, maps):
        return self._runOccupy("blocks", steps.blocks_job(self._job()))

    def regionsStep(self, maps, regions, values):
        job = steps.regions_job(self._job())
        return [] if job is None else self._runOccupy("regions", job)

    def analyseStep(self, maps, regions, values):
        """Say it all together; the other steps are done, so nothing is computed again."""
        return self._runOccupy("classes", self._job())

    def createOutputStep(self, arguments):
        volumes, record = self.volumes(), self._record()
        outputs = {
            "scaleVolume": self._newVolume(volumes[0], self._scaleFile()),
            "resolution_Volumes": self._newResolutions(volumes),
        }
        if record.hasRegions:
            outputs["regionOccupancies"] = self._newTable(record, volumes)
        masks = self._newBlockMasks(volumes[0]) if self._searchesForBlocks() else None
        if masks is not None:
            outputs["blockMasks"] = masks
        if self._mergeableClasses() is not None and record.hasRegions:
            outputs["mergedClasses"] = self._newMergedClasses(record, volumes)
        self._replaceOutputs(outputs)
        for output in outputs.values():
            for pointer in self.inputPointers():
                self._defineSourceRelation(pointer, output)

    # --------------------------- OUTPUT functions ------------------------------------------------
    def _scaleFile(self):
        job = steps.scale_job(self._job())
        return Record(self._inProject(job.outdir / job.output_names()["result"])).files["scale"]

    def _newResolutions(self, volumes):
        found = SetOfVolumes.create(self._getPath(), suffix="resolution")
        for volume, job in zip(volumes, steps.resolution_jobs(self._job()), strict=True):
            record = ResolutionRecord.of(self._inProject(job.outdir))
            item = self._newVolume(volume, record.files["resolution"])
            item.setObjId(volume.getObjId())
            item.setObjLabel(volume.getObjLabel())
            item.globalResolution = Float(record.globalResolution)
            item.particles = Integer(volume.particles)
            found.setSamplingRate(volume.getSamplingRate())
            found.append(item)
        return found

    def _newTable(self, record, volumes):
        table = SetOfRegionOccupancies.create(self._getPath(), suffix="regions")
        particles = dict(zip(record.table.maps, (v.particles for v in volumes), strict=True))
        for row in record.rows():
            item = RegionOccupancy.of(row)
            item.isReference.set(row["region"] in record.values["reference"])
            item.particles.set(particles.get(row["map"]))
            table.append(item)
        return table

    def _newBlockMasks(self, volume):
        record = BlocksRecord.of(self._inProject(steps.blocks_job(self._job()).outdir))
        if not record.blocks:
            return None
        masks = SetOfVolumeMasks.create(self._getPath(), suffix="block_masks")
        masks.setSamplingRate(volume.getSamplingRate())
        for i, block in enumerate(record.blocks):
            mask = self._newMask(volume, record.maskFile(i))
            mask.setObjLabel(block["name"])
            mask.block = String(block["name"])
            mask.meanOccupancy = Float(block["mean_occupancy"])
            mask.isGradual = Boolean(block["gradual"])
            masks.append(mask)
        return masks

    def _newMergedClasses(self, record, volumes):
        """Classes of which those that agree in all regions are one, with their particles."""
        classes = self._mergeableClasses()
        number = dict(zip(distinctNames(volumes), range(len(volumes)), strict=True))
        merged = SetOfClasses3D.create(self._getPath(), suffix="merged")
        merged.setImages(classes.getImagesPointer())
        originals = [group.getObjId() for group in classes.iterItems()]
        for i, names in enumerate(record.groups, start=1):
            members = [number[name] for name in names]
            group = Class3D(objId=i)
            # Before it is in the set, whose columns are those of the first.
            group.copyInfo(classes[originals[members[0]]])
            group.setAlignment(classes[originals[members[0]]].getAlignment())
            group.setObjLabel(" + ".join(names))
            group.setRepresentative(self._meanOf([volumes[m] for m in members], i))
            merged.append(group)
            for member in members:
                for particle in classes[originals[member]].iterItems():
                    particle = particle.clone()
                    particle.setClassId(i)
                    group.append(particle)
            merged.update(group)
        return merged

    def _meanOf(self, volumes, number):
        """The map of a merged class: the mean of its maps, weighted with their sizes."""
        first = volumes[0]
        if len(volumes) == 1:
            return self._newVolume(first, first.getFileName())
        sources = [VolumeSource.of(volume) for volume in volumes]
        folder = self._getExtraPath(f"merged_{number:03d}")
        sizes = [volume.particles or 1 for volume in volumes]
        align = self.alignMaps.get()
        file, *_ = writeMeans(folder, sources, sizes, distinctNames(volumes), align=align)
        return self._newVolume(first, file)

    # --------------------------- INFO functions --------------------------------------------------
    def _validate(self):
        errors = self._volumeProblems()
        if errors or not self.inputPointers():
            return errors
        volumes = self.volumes()
        errors = gridProblems(volumes) + self._modelProblems() + self._maskProblems(volumes[0])
        if errors:
            return errors
        try:
            values = {**self._jobValues(), "maps": [f"{i}" for i in range(len(volumes))]}
            regions = {"model": "model"} if self.inputModel.get() is not None else {}
            if self._masks():
                regions["masks"] = ["mask"]
            return ClassesJob.from_dict({**values, **regions}, "the form").problems()
        except ParameterError as error:  # a field that must not be empty
            return list(error.problems)

    def _modelProblems(self):
        model = self.inputModel.get()
        if model is not None and not isinstance(model, AtomStruct):
            return [f"The atomic model is a {model.getClassName()}, but must be a structure."]
        if model is not None and len(self.inputMasks):
            return ["Both an atomic model and masks are given; leave out one of them."]
        names, given = self._names(), len(self.inputPointers())
        if names and len(names) != given:
            return [
                f"The number of data sets is {len(names)}, but that of the inputs is {given}; give "
                "a name for each, in their order, or none."
            ]
        return []

    def _maskProblems(self, volume):
        given = [pointer.get() for pointer in self.inputMasks]
        others = [obj for obj in given if not isinstance(obj, VolumeMask | SetOfVolumeMasks)]
        if others:
            return [
                f"One of the masks is a {type(others[0]).__name__}, but each must be a volume mask "
                "or a set of them."
            ]
        masks = self._masks()
        errors = [problem for mask in masks for problem in volumeProblem(mask)]
        for name, mask in zip(distinctNames(masks), masks, strict=True) if not errors else ():
            errors += gridProblem(volume, mask, f"mask {name}")
        return errors

    def _inputWarnings(self):
        return [*self._sharpeningWarnings(), *self._originWarning()]

    def _citations(self):
        return [WOJDYR_2022, BENJAMINI_1995]

    # --------------------------- UTILS functions -------------------------------------------------
    def _job(self):
        return ClassesJob.load(Path(self._getExtraPath(_JOB)))

    @staticmethod
    def _inProject(path):
        """A path from the folder of the project, so that the project can be moved."""
        return os.path.relpath(path)

    def _masks(self):
        return [mask for pointer in self.inputMasks for mask in iterVolumes(pointer)]

    def _searchesForBlocks(self):
        choice = self.searchBlocks.get()
        return len(self.volumes()) >= LEAST_FOR_BLOCKS if choice == AUTO else choice == BLOCKS

    def _names(self):
        names = (formValue(self, "dataSets") or "").split(",")
        return [name.strip() for name in names if name.strip()]

    def _dataSets(self):
        """The data set of each map: the name that the form gives to its input."""
        return [
            name
            for name, pointer in zip(self._names(), self.inputPointers(), strict=False)
            for _ in volumesOf([pointer])
        ]

    def _mergeableClasses(self):
        """The 3D classes with particles that are the only input, or None."""
        pointers = self.inputPointers()
        classes = pointers[0].get() if len(pointers) == 1 else None
        isGiven = isinstance(classes, SetOfClasses3D) and classes.getImages() is not None
        return classes if isGiven else None
