# SPDX-License-Identifier: GPL-3.0-or-later
import json
from dataclasses import asdict

import pyworkflow.protocol.params as params
from pwem.objects import AtomStruct, SetOfAtomStructs, VolumeMask
from pyworkflow.object import String

from occupy_core.commands.regions.job import RegionsJob
from occupy_core.errors import ParameterError
from occupy_core.regions.by_masks.estimate import RegionParams
from occupy_core.regions.by_model.atoms import read_model
from occupy_core.regions.by_model.estimate import ChainParams
from occupy_scipion.constants import BENJAMINI_1995, WOJDYR_2022
from occupy_scipion.convert.files import fileState
from occupy_scipion.convert.forms import formValue, paramsFromForm
from occupy_scipion.convert.volumes import (
    VolumeSource,
    distinctNames,
    gridOf,
    gridProblem,
    gridProblems,
    iterVolumes,
    readVolume,
    volumeProblem,
)
from occupy_scipion.objects import RegionOccupancy, SetOfRegionOccupancies, SetOfVolumeMasks
from occupy_scipion.protocols.form_regions import MODEL, OF_MASKS, OF_MODEL, defineModelParams
from occupy_scipion.protocols.parts import OneResult
from occupy_scipion.protocols.protocol_base import OccupyProtBase
from occupy_scipion.records.regions import RegionsRecord

REGIONS = RegionParams()


class OccupyProtRegionOccupancy(OneResult, OccupyProtBase):
    """Measures the occupancy of chains, residue windows, ligands or masked regions in one or more
    maps, each with its error bar.

    The regions come from an atomic model, which is fitted to the density, or from masks. One
    reference, which is full, is shared by all maps, so that the classes of a classification can be
    compared.

    *Inputs*: a map, a set of maps, or 3D classes, all on one grid; a model of all that may be in
    them, or a mask for each region.

    *Outputs*: regionOccupancies, a table with occupancy, standard error and 68 % interval of each
    region in each map; occupancyModel (or occupancyModels) with 100 times the occupancy in the
    place of the B-factors; regionMasks, when asked for.

    *When to use it*: to say which subunit is in which class, and how much of it.

    *What to check*: the summary names the reference; name it yourself when you know what is full.
    Flags in the table say which numbers to distrust.
    """

    _label = "region occupancy"
    _resultFolder = "regions"
    _withoutHalfMaps = "the errors are estimated without them"
    _recordClass = RegionsRecord
    _result = "The occupancies are"
    _possibleOutputs = {
        "regionOccupancies": SetOfRegionOccupancies,
        "regionMasks": SetOfVolumeMasks,
        "occupancyModel": AtomStruct,
        "occupancyModels": SetOfAtomStructs,
    }

    # --------------------------- DEFINE param functions ------------------------------------------
    def _defineParams(self, form):
        form.addSection(label="Input")
        self._defineInputParams(form)
        form.addParam(
            "reference",
            params.StringParam,
            default="",
            label="Reference",
            help="Regions that are full, comma-separated: their mean is 1. Empty: those on the "
            "highest level that enough of the molecule shares in every map.",
        )
        form.addParam(
            "chains",
            params.StringParam,
            default="",
            label="Report only",
            help="Chains (or names of masks), comma-separated. All are measured, but only these "
            "are reported. Empty: all.",
        )
        defineModelParams(form)
        form.addParam(
            "whole",
            params.BooleanParam,
            default=REGIONS.whole,
            condition=OF_MASKS,
            expertLevel=params.LEVEL_ADVANCED,
            label="Use the whole of each mask?",
            help="By default a mask is cut to the surface of the molecule, and voxels that several "
            "masks share have a lower weight, so that tight and generous masks give one occupancy.",
        )
        self._defineAlikeParams(form)
        form.addParallelSection(threads=4, mpi=0)

    def _defineInputParams(self, form):
        self._defineInputVolumes(
            form,
            "A map, a set of maps or 3D classes, all on one grid. The sizes of classes are the "
            "weights of the mean over them. Half maps that come with every map are used for the "
            "errors.",
        )
        form.addParam(
            "regionsFrom",
            params.EnumParam,
            choices=["atomic model", "masks"],
            default=MODEL,
            display=params.EnumParam.DISPLAY_HLIST,
            label="Regions from",
            help="*Atomic model*: the density of each chain, with its own blur, is fitted to the "
            "map, all together; the most accurate way.\n*Masks*: the mean density above the "
            "solvent in each mask.",
        )
        form.addParam(
            "inputModel",
            params.PointerParam,
            pointerClass="AtomStruct",
            condition=OF_MODEL,
            allowsNull=True,
            label="Atomic model",
            help="A model of all that may be in the maps (PDB or mmCIF). It is shifted to where it "
            "fits, but not rotated. Hydrogens and waters do not count.",
        )
        form.addParam(
            "inputMasks",
            params.MultiPointerParam,
            pointerClass="VolumeMask, SetOfVolumeMasks",
            condition=OF_MASKS,
            allowsNull=True,
            minNumObjects=1,
            label="Masks",
            help="One mask for each region, on the grid of the maps; they may be soft and may "
            "overlap. A set of masks, as of the protocol _structural blocks_, is taken whole.",
        )

    # --------------------------- INSERT steps functions ------------------------------------------
    def _insertAllSteps(self):
        # All that changes a result is an argument, see OccupyProtBase.
        self._insertFunctionStep(self.regionsStep, *self._regionsArguments(), needsGPU=False)
        self._insertOutputStep()

    def _outputArguments(self):
        return json.dumps(self._regionsArguments())

    def _regionsArguments(self):
        volumes = self.volumes()
        maps = {
            "sources": [asdict(VolumeSource.of(v, withHalfMaps=True)) for v in volumes],
            "names": distinctNames(volumes),
            "weights": self._weights(volumes),
        }
        regions = self._modelArguments() if self.isFromModel() else self._maskArguments()
        return maps, regions, self._jobValues()

    def _modelArguments(self):
        file = self.inputModel.get().getFileName()
        return {"model": file, "state": fileState(file)}

    def _maskArguments(self):
        masks = self._masks()
        return {
            "masks": [asdict(VolumeSource.of(mask)) for mask in masks],
            "names": distinctNames(masks),
        }

    def _jobValues(self):
        """Values of the job that stand in the form."""
        if self.isFromModel():
            values = asdict(paramsFromForm(self, ChainParams))
            values["write_masks"] = self.writeMasks.get()
            if self.writeMasks.get():  # without masks they change nothing
                values |= {"mask_radius": self.maskRadius.get(), "mask_soft": self.maskSoft.get()}
        else:
            values = asdict(paramsFromForm(self, RegionParams))
        values |= self._alikeValues()
        chains = (formValue(self, "chains") or "").split(",")
        return {**values, "chains": [name.strip() for name in chains if name.strip()]}

    # --------------------------- STEPS functions -------------------------------------------------
    def regionsStep(self, maps, regions, values):
        folder = self.getResultFolder()
        located = self._locatedInputs(maps, regions, folder)
        job = RegionsJob.from_dict({**values, **located, "outdir": folder, "report": True})
        return self._runOccupy("regions", job)

    def createOutputStep(self, arguments):
        volumes, record = self.volumes(), self._record()
        outputs = {"regionOccupancies": self._newTable(record, volumes)}
        if self.isFromModel():
            outputs |= self._newModels(record, volumes)
            if self.writeMasks.get():
                outputs["regionMasks"] = self._newMasks(record, volumes[0])
        self._replaceOutputs(outputs)
        pointers = [self.inputModel] if self.isFromModel() else list(self.inputMasks)
        for output in outputs.values():
            for pointer in (*self.inputPointers(), *pointers):
                self._defineSourceRelation(pointer, output)

    def _newTable(self, record, volumes):
        table = SetOfRegionOccupancies.create(self._getPath(), suffix="regions")
        particles = dict(zip(record.table.maps, (v.particles for v in volumes), strict=True))
        for row in record.rows():
            item = RegionOccupancy.of(row)
            item.isReference.set(row["region"] in record.values["reference"])
            item.particles.set(particles.get(row["map"]))
            table.append(item)
        return table

    def _newMasks(self, record, volume):
        masks = SetOfVolumeMasks.create(self._getPath(), suffix="region_masks")
        masks.setSamplingRate(volume.getSamplingRate())
        for region in record.table.regions:
            mask = self._newMask(volume, record.mask(region))
            mask.setObjLabel(region)
            mask.region = String(region)  # a column of the set
            masks.append(mask)
        return masks

    def _newModels(self, record, volumes):
        """The model with the occupancies in its B column: one for each map."""
        models = [AtomStruct(file) for file in record.models()]
        if len(models) == 1:
            return {"occupancyModel": models[0]}
        several = SetOfAtomStructs.create(self._getPath(), suffix="models")
        for model, volume, name in zip(models, volumes, record.table.maps, strict=True):
            model.setObjId(volume.getObjId())
            model.setObjLabel(name)
            several.append(model)
        return {"occupancyModels": several}

    # --------------------------- INFO functions --------------------------------------------------
    def _validate(self):
        errors = self._volumeProblems()
        if errors or not self.inputPointers():
            return errors
        volumes = self.volumes()
        errors = gridProblems(volumes)
        if self.isFromModel():
            return errors + self._modelProblems(volumes[0])
        return errors + self._maskProblems(volumes[0])

    def _modelProblems(self, volume):
        model = self.inputModel.get()
        if model is None:
            return ["No atomic model is given; choose one, or take the regions from masks."]
        if not isinstance(model, AtomStruct):
            return [f"The atomic model is a {model.getClassName()}, but must be a structure."]
        values = {**self._jobValues(), "maps": ["map"], "model": "model"}
        try:
            errors = RegionsJob.from_dict(values, "the form").problems()
        except ParameterError as error:  # a field that must not be empty
            return list(error.problems)
        grid = gridOf(volume)
        return errors or paramsFromForm(self, ChainParams).problems(grid)

    def _maskProblems(self, volume):
        given = [pointer.get() for pointer in self.inputMasks]
        others = [obj for obj in given if not isinstance(obj, VolumeMask | SetOfVolumeMasks)]
        if others:
            return [
                f"One of the masks is a {type(others[0]).__name__}, but each must be a volume mask "
                "or a set of them."
            ]
        masks = self._masks()
        if not masks:
            return ["No mask is given; choose at least one, or take the regions from a model."]
        errors = [problem for mask in masks for problem in volumeProblem(mask)]
        for name, mask in zip(distinctNames(masks), masks, strict=True) if not errors else ():
            errors += gridProblem(volume, mask, f"mask {name}")
        return errors

    def _inputWarnings(self):
        return self._originWarning()

    def _citations(self):
        return [WOJDYR_2022, BENJAMINI_1995] if self.isFromModel() else [BENJAMINI_1995]

    # --------------------------- UTILS functions -------------------------------------------------
    def isFromModel(self):
        return self.regionsFrom.get() == MODEL

    @staticmethod
    def _weights(volumes):
        """Sizes of the classes, or nothing."""
        sizes = [volume.particles for volume in volumes]
        return sizes if len(sizes) > 1 and all(sizes) else []

    def _masks(self):
        return [mask for pointer in self.inputMasks for mask in iterVolumes(pointer)]

    def getRegionMasks(self):
        """The masks of the form by the names of their regions, for the wizard."""
        masks = self._masks()
        return dict(zip(distinctNames(masks), map(readVolume, masks), strict=True))

    def getRegionNames(self):
        """Names of the regions that the form gives, for the wizard; nothing without an input.

        Raises
        ------
        ParameterError
            When the model cannot be read.
        """
        if not self.isFromModel():
            return distinctNames(self._masks())
        model = self.inputModel.get()
        if model is None:
            return []
        fit = paramsFromForm(self, ChainParams)
        divided = {"by": fit.by, "window": fit.window, "ligands": fit.ligands}
        return list(read_model(model.getFileName(), **divided, assembly=fit.assembly).names)
