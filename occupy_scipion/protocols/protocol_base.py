# SPDX-License-Identifier: GPL-3.0-or-later
"""What the protocols share: form sections, checks, the run of `occupy_core`, outputs."""

import itertools
import json
import os
import subprocess
from dataclasses import asdict

import pyworkflow.protocol.params as params
from pwem.objects import Volume, VolumeMask
from pwem.protocols import ProtAnalysis3D
from pyworkflow import BETA
from pyworkflow.exceptions import PyworkflowException

from occupy_core import OccupyError
from occupy_core.jobs.scale_job import output_names
from occupy_core.occupancy import METHODS, MODES, ScaleParams
from occupy_scipion.constants import FORSBERG_2023
from occupy_scipion.convert import VolumeSource, gridProblem, iterVolumes, locatedMap
from occupy_scipion.record import Record

SCALE = ScaleParams()
_ERROR = "occupy-core: error: "
_CHANGED = ("postprocess", "sharp", "deblur", "deepemhancer", "locscale", "bfactor", "modifymap")
"""Parts of the class names of protocols whose maps are no raw reconstructions."""


class OccupyFailed(PyworkflowException):
    """Something that the user can mend: a sentence, and no traceback."""


class OccupyProtBase(ProtAnalysis3D):
    """Base of the protocols; not to be used itself.

    Each volume is a step. With Continue a finished step is run again only when its arguments
    changed or a file that it returned is gone, so all that decides a result is an argument, and
    what a step needs comes from its arguments and from files, never from attributes set by another
    step.
    """

    _devStatus = BETA

    # --------------------------- DEFINE param functions ------------------------------------------
    def _defineScaleParams(self, form, mode):
        form.addParam(
            "mode",
            params.EnumParam,
            choices=list(MODES),
            default=MODES.index(mode),
            display=params.EnumParam.DISPLAY_HLIST,
            label="Mode",
            help="*res*: the map as it is; the scale falls with occupancy and with resolution.\n"
            "*occ*: the low-passed map; differences of resolution finer than the low-pass do not "
            "count, so that the scale follows occupancy. Maps are best modified by this one.",
        )
        form.addParam(
            "resolution",
            params.FloatParam,
            allowsNull=True,
            label="Resolution (Å)",
            help="The worst resolution among the parts to compare: the low-pass will not be finer. "
            "Empty: not considered.",
        )
        form.addParam(
            "lowpass",
            params.FloatParam,
            allowsNull=True,
            label="Low-pass (Å)",
            help="Cut-off of the low-pass of the map from which the solvent model and, in _occ_, "
            "the scale are made; it also sets the size of the kernel. Empty: 8 Å, or 3 voxels when "
            "that is more.",
        )
        line = form.addLine(
            "Kernel",
            expertLevel=params.LEVEL_ADVANCED,
            help="The scale of a voxel is the largest density in a ball around it. A larger ball "
            "is more certain and less local.\n*Edge*: voxels, odd; empty: what fits into the "
            "low-pass, 3 to 9.\n*Radius*: voxels; empty: half of the low-pass.",
        )
        line.addParam("kernelSize", params.IntParam, allowsNull=True, label="edge (voxels)")
        line.addParam("kernelRadius", params.FloatParam, allowsNull=True, label="radius (voxels)")
        line = form.addLine(
            "Full density",
            expertLevel=params.LEVEL_ADVANCED,
            help="Full density, scale 1, is the largest quantile *tau* of the density in small "
            "tiles.\n*Tau*: empty: from the voxels in the kernel; a lower value makes everything "
            "fuller.\n*Tile*: voxels along an edge; empty: 12. Take smaller tiles when large "
            "regions are over-full, larger ones when single atoms (metals) set the scale.",
        )
        line.addParam("tau", params.FloatParam, allowsNull=True, label="tau")
        line.addParam("tileSize", params.IntParam, allowsNull=True, label="tile (voxels)")
        form.addParam(
            "s0",
            params.BooleanParam,
            default=SCALE.s0,
            expertLevel=params.LEVEL_ADVANCED,
            label="Full density from the maximum?",
            help="Take tau times the maximum of the map as full density, instead of searching for "
            "the fullest tile: for maps in which no region as large as a tile is full.",
        )
        form.addParam(
            "maxBox",
            params.IntParam,
            default=SCALE.max_box,
            expertLevel=params.LEVEL_ADVANCED,
            label="Largest box (voxels)",
            help="Larger boxes are reduced to this size for the estimate; the scale comes back at "
            "the sampling of the map. More is slower.",
        )
        form.addParam(
            "nlrc",
            params.BooleanParam,
            default=SCALE.nlrc,
            expertLevel=params.LEVEL_ADVANCED,
            label="Scale 0 at the edge of the noise?",
            help="Noise-level recalibration: the scale of the value that has a confidence of one "
            "half becomes 0.",
        )
        form.addParam(
            "method",
            params.EnumParam,
            choices=list(METHODS),
            default=METHODS.index(SCALE.method),
            expertLevel=params.LEVEL_ADVANCED,
            label="Method",
            help="*occupy*: the method of OccuPy, the maximum over a ball relative to the fullest "
            "region.",
        )

    def _defineSolventParams(self, form):
        form.addParam(
            "solventDefinition",
            params.PointerParam,
            pointerClass="VolumeMask",
            allowsNull=True,
            label="Solvent definition",
            help="A mask that covers the molecule, or the solvent, roughly. It only tells the "
            "solvent model which part of the map is solvent; nothing is masked by it. Give one "
            "when the solvent model is bad, e.g. because the molecule fills the box.",
        )
        form.addParam(
            "solventDefScale",
            params.FloatParam,
            allowsNull=True,
            expertLevel=params.LEVEL_ADVANCED,
            label="Solvent definition from scale",
            help="Take the scale itself, above this value (0 to 1), as the solvent definition. "
            "Empty: no.",
        )
        form.addParam(
            "hedgeConfidence",
            params.FloatParam,
            allowsNull=True,
            expertLevel=params.LEVEL_ADVANCED,
            label="Hedge confidence",
            help="Power (1 or more) of the confidence that a voxel is no solvent. Raise it, e.g. "
            "to 10, when a shell of noise around the molecule is taken for density. Empty: 1.",
        )

    # --------------------------- INSERT steps functions ------------------------------------------
    def makePathsAndClean(self):
        """Before a run: forget outputs of an earlier one (Continue) that the form makes no more.

        Here, because the project, which calls this, brings back what only the run forgets.
        """
        super().makePathsAndClean()
        wanted = self._getWantedOutputs()
        for name, output in list(self.iterOutputAttributes()):
            if name not in wanted:
                self.deleteOutput(output)

    # --------------------------- STEPS functions -------------------------------------------------
    def _runOccupy(self, job):
        """Run `occupy_core` on a job, in its own process, and return what it has recorded.

        The parameters go through a file, so that no name of a map can upset a shell, and so that
        the run can be repeated from the command line.
        """
        os.makedirs(job.outdir, exist_ok=True)
        parameters = os.path.join(job.outdir, "params.json")
        with open(parameters, "w") as stream:
            json.dump(job.to_dict(), stream, indent=2)
        plugin = self.getClassPackage().Plugin
        arguments = ["scale", "--params", parameters, "--threads", self.numberOfThreads.get()]
        try:
            self.runJob(plugin.getProgram(), [*arguments, "--force"], env=plugin.getEnviron())
        except subprocess.CalledProcessError as error:
            raise OccupyFailed(self._errorSentences() or str(error)) from None
        record = Record(os.path.join(job.outdir, output_names(job)["result"]))
        self._removeOtherFiles(job.outdir, {parameters, record.path, *record.files.values()})
        return record

    @staticmethod
    def _removeOtherFiles(folder, kept):
        """Remove the outputs of an earlier run with other parameters, which had other names."""
        kept = {os.path.abspath(file) for file in kept}
        for entry in os.scandir(folder):
            if entry.is_file() and os.path.abspath(entry.path) not in kept:
                os.remove(entry.path)

    def _errorSentences(self):
        """The sentences with which `occupy_core` ended, from the end of the log."""
        try:
            with open(self.getStderrLog()) as log:
                lines = [line.strip() for line in log if line.strip()]
        except OSError:
            return ""
        ended = itertools.takewhile(lambda line: line.startswith(_ERROR), reversed(lines))
        return " ".join(line.removeprefix(_ERROR) for line in reversed(list(ended)))

    def _located(self, role, file, source, folder, index=0):
        """Name of a file with a true header, for one of the inputs of a job."""
        try:
            return locatedMap(file, source, os.path.join(folder, "input", role), index)
        except OccupyError as error:
            raise OccupyFailed(str(error)) from None

    def _replaceOutputs(self, outputs):
        """Define the outputs; those of an earlier run (Continue) go, with their relations."""
        self.mapper.deleteRelations(self)
        for _, old in list(self.iterOutputAttributes()):
            self.deleteOutput(old)
        self._defineOutputs(**outputs)

    def _givenMaps(self, *names):
        """The volumes of optional pointers, as arguments of a step."""
        given = {name: getattr(self, name).get() for name in names}
        return {
            name: asdict(VolumeSource.of(next(iterVolumes(volume))))
            for name, volume in given.items()
            if volume is not None
        }

    @staticmethod
    def _newVolume(source, file, cls=Volume):
        """A volume at the place of another one (as `iterVolumes` yields it)."""
        volume = cls()
        volume.setFileName(str(file))
        volume.setSamplingRate(source.getSamplingRate())
        volume.setOrigin(source.getOrigin().clone())
        return volume

    def _newMask(self, source, file):
        return self._newVolume(source, file, VolumeMask)

    # --------------------------- INFO functions --------------------------------------------------
    def _checkMask(self, name, volume):
        """Sentences about a mask, or another volume, that does not lie on the grid of `volume`."""
        other = getattr(self, name).get()
        if other is None:
            return []
        label = self.getParam(name).label.get()
        if not isinstance(other, Volume):
            return [f"The {label.lower()} is a {other.getClassName()}, but must be a volume."]
        return gridProblem(volume, next(iterVolumes(other)), label.lower())

    def _sharpeningWarning(self, pointer):
        """A sentence when the map comes from a protocol that changes the local scale."""
        producer = pointer.getObjValue() if pointer.hasExtended() else None
        name = type(producer).__name__.lower()
        if producer is None or not any(word in name for word in _CHANGED):
            return []
        return [
            f"The input comes from _{producer.getObjLabel() or type(producer).__name__}_, which "
            "changes the local scale or masks the solvent away. Use the map as it was "
            "reconstructed, without sharpening and masking, if you can."
        ]

    @staticmethod
    def _warningLines(records):
        """The warnings of the runs, each once."""
        return list(dict.fromkeys(f"*Warning*: {text}" for r in records for text in r.warnings))

    def _citations(self):
        return [FORSBERG_2023]
