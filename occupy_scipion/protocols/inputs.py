# SPDX-License-Identifier: GPL-3.0-or-later
"""The maps that a protocol takes: one way for all that a reconstruction or classification gives."""

import pyworkflow.protocol.params as params
from pyworkflow.object import PointerList

from occupy_core.maps.grid import GRID_TOLERANCE
from occupy_scipion.convert.half_maps import halfMapProblem, halfMapWarning
from occupy_scipion.convert.volumes import (
    VOLUMES,
    gridOf,
    holdsVolumes,
    isSetOfVolumes,
    volumeName,
    volumeProblem,
    volumesOf,
)
from occupy_scipion.protocols.pending import isOpen

_CHANGED = ("postprocess", "sharp", "deblur", "deepemhancer", "locscale", "bfactor", "modifymap")
"""Parts of the class names of protocols whose maps are no raw reconstructions."""


class VolumeInputs:
    """The part of the base of the protocols that knows their input maps.

    Attributes
    ----------
    _inputName : str
        Name of the parameter: a pointer, or a list of them.
    _withoutHalfMaps : str
        What a run does without the half maps of a volume, in words; nothing when it takes none.
    """

    _inputName = "inputVolumes"
    _withoutHalfMaps = ""

    # --------------------------- DEFINE param functions ------------------------------------------
    def _defineInputVolumes(self, form, text):
        form.addParam(
            self._inputName,
            params.PointerParam,
            pointerClass=VOLUMES,
            important=True,
            label="Volume(s)",
            help=text,
        )
        form.addParam(
            "moreVolumes",
            params.MultiPointerParam,
            pointerClass=VOLUMES,
            allowsNull=True,
            minNumObjects=1,
            expertLevel=params.LEVEL_ADVANCED,
            label="More volumes",
            help="Further maps, sets or classes, such as those of another classification, to be "
            "treated together with the first. The volumes are numbered anew then.",
        )

    def _defineAlikeParams(self, form):
        """Fields of a protocol that compares several maps, as `_alikeValues` gives them."""
        self._defineAlignMaps(form)
        form.addParam(
            "matchFalloff",
            params.BooleanParam,
            default=False,
            expertLevel=params.LEVEL_ADVANCED,
            label="Match their falloff?",
            help="Weaken the fine detail of each volume to the amplitude of the one that has least "
            "of it. Different filters and B-factors read as differences of occupancy.",
        )

    def _defineAlignMaps(self, form, condition="True"):
        """The field that moves several maps onto the first."""
        form.addParam(
            "alignMaps",
            params.BooleanParam,
            default=False,
            condition=condition,
            expertLevel=params.LEVEL_ADVANCED,
            label="Align the volumes?",
            help="Move each volume to where it agrees best with the first, to a fraction of a "
            "voxel, before they are compared. A shift of a voxel reads as lost occupancy. Nothing "
            "is turned; the summary says how far they were moved.",
        )

    # --------------------------- INPUT functions -------------------------------------------------
    def inputPointers(self):
        """The pointers to the maps."""
        first, more = getattr(self, self._inputName), getattr(self, "moreVolumes", [])
        pointers = [*(first if isinstance(first, PointerList) else [first]), *more]
        return [pointer for pointer in pointers if pointer.get() is not None]

    def volumes(self, without=()):
        """The maps, as `volumesOf` completes them, but for those with some ids."""
        return volumesOf(self.inputPointers(), without)

    def follows(self, pointer):
        """Whether a run can begin while the set that a pointer goes to, or into, is growing."""
        return False

    def _alikeValues(self):
        """Values of a job about how its maps are made alike."""
        return {"align_maps": self.alignMaps.get(), "match_falloff": self.matchFalloff.get()}

    def givesSets(self):
        """Whether there may be several maps: then the outputs are sets, too."""
        pointers = self.inputPointers()
        return len(pointers) > 1 or any(isSetOfVolumes(pointer.get()) for pointer in pointers)

    # --------------------------- INFO functions --------------------------------------------------
    def _volumeProblems(self):
        """Sentences about inputs of which one is no volume, or holds none, or one not usable."""
        pointers = self.inputPointers()
        for pointer in pointers:
            if not holdsVolumes(pointer.get()):
                return [
                    f"The input is a {type(pointer.get()).__name__}, but must be a volume, a set "
                    "of volumes or 3D classes."
                ]
            if not (isOpen(pointer) or volumesOf([pointer])):
                return ["The input set is empty; give one with volumes."]
        volumes = self.volumes()
        found = [problem for volume in volumes for problem in volumeProblem(volume)]
        if found or not self._takesHalfMaps():
            return found
        return [
            problem
            for volume in volumes
            for problem in halfMapProblem(volume, volumeName(volume), gridOf(volume).shape)
        ]

    def _takesHalfMaps(self):
        """Whether half maps decide anything, as the form is filled in."""
        return bool(self._withoutHalfMaps)

    def _halfMapWarnings(self):
        """Sentences about half maps that are not used, though the volumes claim to have them."""
        if not self._takesHalfMaps():
            return []
        return [
            sentence
            for volume in self.volumes()
            for sentence in halfMapWarning(volume, volumeName(volume), self._withoutHalfMaps)
        ]

    def _sharpeningWarnings(self):
        """Sentences about maps that come from a protocol that changes the local scale."""
        producers = [p.getObjValue() for p in self.inputPointers() if p.hasExtended()]
        return [
            f"The input comes from _{producer.getObjLabel() or type(producer).__name__}_, which "
            "changes the local scale or masks the solvent away. Use the map as it was "
            "reconstructed, without sharpening and masking, if you can."
            for producer in producers
            if any(word in type(producer).__name__.lower() for word in _CHANGED)
        ]

    def _originWarning(self):
        """A sentence when maps that are compared voxel by voxel have different origins."""
        volumes = self.volumes()
        first, *others = (volume.getShiftsFromOrigin() for volume in volumes)
        limit = GRID_TOLERANCE * volumes[0].getSamplingRate()
        number = sum(
            any(abs(a - b) > limit for a, b in zip(first, other, strict=True)) for other in others
        )
        if not number:
            return []
        return [
            f"{number} of {len(volumes)} volumes have another origin than the first one; all are "
            "compared voxel by voxel, so make sure that they are aligned."
        ]
