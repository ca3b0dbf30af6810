# SPDX-License-Identifier: GPL-3.0-or-later
"""A local scale that is given to a protocol: what belongs to it, and what is wrong with it."""

from pathlib import Path

import pyworkflow.protocol.params as params
from pwem.objects import Volume

from occupy_core.commands.scale.given import origin_of, sigma_problems
from occupy_core.scale.params import is_regional
from occupy_scipion.convert.volumes import (
    gridProblem,
    isGrowingSet,
    isSetOfVolumes,
    iterVolumes,
    volumeName,
    volumeProblem,
)
from occupy_scipion.protocols.pending import isOpen


class GivenScale:
    """The part of a protocol that takes a local scale made before, with its standard error."""

    # --------------------------- DEFINE param functions ------------------------------------------
    @staticmethod
    def _defineGivenScale(form):
        form.addParam(
            "inputScale",
            params.PointerParam,
            pointerClass="Volume, SetOfVolumes",
            allowsNull=True,
            label="Local scale",
            help="A local scale on the same grid: that of this map, or one to be imposed on it. "
            "One for all maps, such as that of the consensus of classes, keeps them comparable; a "
            "set, such as _scaleVolumes_ of the same classes, gives each map the scale with its "
            "id. Empty: it is estimated with the parameters of the tab _Local scale_.",
        )
        form.addParam(
            "inputScaleSigma",
            params.PointerParam,
            pointerClass="Volume, SetOfVolumes",
            allowsNull=True,
            expertLevel=params.LEVEL_ADVANCED,
            label="Standard error of the scale",
            help="The _scaleSigmaVolume_ that was made with the local scale. Empty: that of the "
            "run which made it. With it the map is modified as if its scale were estimated here: "
            "what is full within its error is left alone, and places count, not single voxels. "
            "Without one, as for a scale from another program, the factors are used plainly.",
        )

    # --------------------------- STEPS functions -------------------------------------------------
    @staticmethod
    def _givenWith(made):
        """A scale that is given, and what was made with it: here, for a copy has no record."""
        found = {"inputScale": made["map"], "inputScaleSigma": made["sigma"]}
        origin = _originOf(made["map"]["file"])
        if origin is not None and is_regional(origin):
            beside = {
                "inputScaleSigma": origin.sigma,
                "regionalConfidence": origin.regional_confidence,
            }
            for name, path in beside.items():
                if found.get(name) is None and path is not None:
                    found[name] = {"file": str(path), "index": 0}
        return {name: value for name, value in found.items() if value is not None}

    # --------------------------- INFO functions --------------------------------------------------
    def _givenScaleProblems(self, volumes):
        """Sentences about local scales and standard errors that do not fit the maps."""
        if self.inputScale.get() is None:
            if self.inputScaleSigma.get() is None:
                return []
            return ["The standard error of a scale is given, but no local scale; give that, too."]
        errors = [
            *self._givenProblems(volumes, "inputScale", "local scale"),
            *self._givenProblems(volumes, "inputScaleSigma", "standard error"),
        ]
        if errors or self.inputScaleSigma.get() is None:
            return errors[:1]
        pairs = zip(self._givenScales(volumes), self._givenSigmas(volumes), strict=True)
        files = ([_pathOf(volume.getFileName()) for volume in pair] for pair in pairs)
        return [problem for pair in files for problem in sigma_problems(*pair)][:1]

    def _givenProblems(self, volumes, name, what):
        """Sentences about the volumes of a pointer, one for each map, that do not fit the maps."""
        pointer = getattr(self, name)
        obj = pointer.get()
        if obj is None:
            return []
        if not (isinstance(obj, Volume) or isSetOfVolumes(obj)):
            return [f"The {what} is a {obj.getClassName()}, but must be a volume."]
        for volume, other in zip(volumes, self._givenFor(pointer, volumes), strict=True):
            if other is None:
                return [
                    f"The set of {what}s has none with the id {volume.getObjId()}, which is "
                    f"that of {volumeName(volume)}; take those of these maps, or one for all."
                ]
            errors = volumeProblem(other) or gridProblem(volume, other, what)
            if errors:
                return errors
        return []

    def _modeWarning(self):
        """A sentence when a scale was given that falls with resolution, too."""
        given = self._givenScales(self.volumes())
        scales = [scale for scale in given if scale is not None]
        if not any(modeOf(scale.getFileName()) == "res" for scale in scales):
            return []
        return [
            "The local scale was estimated in the mode res, so it is also low where the map is "
            "full but less resolved, and a modification by it would change that, too. Estimate it "
            "in the mode occ."
        ]

    def _plainWarning(self):
        """A sentence when a scale was given of which the standard error is not known."""
        volumes = self.volumes()
        given = zip(self._givenScales(volumes), self._givenSigmas(volumes), strict=True)
        for scale, sigma in given:
            if scale is None or sigma is not None:
                continue
            origin = _originOf(scale.getFileName())
            if origin is None or (is_regional(origin) and origin.sigma is None):
                return [
                    f"The standard error of the local scale {volumeName(scale)} is not known, so "
                    "its factors will be used plainly, by the confidence of each voxel. Give the "
                    "standard error (expert level Advanced) that was made with it."
                ]
        return []

    # --------------------------- UTILS functions -------------------------------------------------
    def _withScales(self, pointers):
        """Pointers to sets that are followed, and those to the sets of scales that grow with them.

        Nothing when nothing is followed.
        """
        given = (self.inputScale, self.inputScaleSigma)
        return pointers and [*pointers, *(each for each in given if isGrowingSet(each.get()))]

    def _readyVolumes(self):
        """The maps that can be modified: of a set of scales that still grows, those that have one.

        Once the set is complete all maps are ready, and one without a scale is a problem.
        """
        volumes = self.volumes()
        for pointer in (self.inputScale, self.inputScaleSigma):
            if isOpen(pointer) and isGrowingSet(pointer.get()):
                given = self._givenFor(pointer, volumes)
                pairs = zip(volumes, given, strict=True)
                volumes = [volume for volume, scale in pairs if scale is not None]
        return volumes

    def _givenScales(self, volumes):
        """The local scale given for each map; None where there is none."""
        return self._givenFor(self.inputScale, volumes)

    def _givenSigmas(self, volumes):
        """The standard error given for each map; None where there is none."""
        return self._givenFor(self.inputScaleSigma, volumes)

    @staticmethod
    def _givenFor(pointer, volumes):
        """What a pointer gives for each map: the item with its id, or one volume for all."""
        if pointer.get() is None:
            return [None] * len(volumes)
        given = list(iterVolumes(pointer))
        if not isSetOfVolumes(pointer.get()):
            return given * len(volumes)
        known = {item.getObjId(): item for item in given}
        return [known.get(volume.getObjId()) for volume in volumes]


def _pathOf(file):
    return Path(file.removesuffix(":mrc"))


def _originOf(file):
    return origin_of(_pathOf(file))


def modeOf(file):
    """Mode in which a scale was estimated, as far as it is known."""
    origin = _originOf(file)
    return None if origin is None else origin.mode
