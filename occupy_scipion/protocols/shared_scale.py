# SPDX-License-Identifier: GPL-3.0-or-later
"""One local scale for all maps of a set: that of their mean."""

import os

import pyworkflow.protocol.params as params
from pwem.objects import Volume

from occupy_core.errors import OccupyError
from occupy_scipion.convert.means import meanNotes, onMap, writeMeans
from occupy_scipion.convert.volumes import VolumeSource, distinctNames
from occupy_scipion.protocols.program import OccupyFailed

MEAN_FOLDER = "mean"


class SharedScale:
    """Of a protocol that may estimate one scale for all its maps; before the base."""

    # --------------------------- DEFINE param functions ------------------------------------------
    def _defineOneScale(self, form):
        form.addParam(
            "oneScale",
            params.BooleanParam,
            default=False,
            label="One scale for all maps?",
            help="When no local scale is given: estimate it once, from the mean of the maps "
            "weighted with the sizes of the classes, instead of from each map. All maps lie on one "
            "grid then.",
        )
        self._defineAlignMaps(form, condition="oneScale")

    # --------------------------- INSERT steps functions ------------------------------------------
    def _meanArguments(self, volumes, sources):
        """What a mean of all maps is made of, and the source that it is then."""
        folder, sizes = self._getExtraPath(MEAN_FOLDER), [v.particles for v in volumes]
        weights = sizes if all(sizes) else [1] * len(sizes)
        hasHalves = all(source["halfMaps"] for source in sources)
        files = [os.path.join(folder, f"{name}.mrc") for name in ("mean", "half1", "half2")]
        source = {
            **sources[0],
            "file": files[0],
            "index": 0,
            "halfMaps": files[1:] if hasHalves else [],
            "state": [[source["state"] for source in sources], weights, self.alignMaps.get()],
        }
        return {
            "folder": folder,
            "of": [sources, weights, distinctNames(volumes), self.alignMaps.get()],
            "source": source,
            "scale": self._scaleFolder(volumes[0]),
        }

    # --------------------------- STEPS functions -------------------------------------------------
    def meanStep(self, folder, sources, weights, names, align):
        sources = [VolumeSource(**source) for source in sources]
        try:
            return writeMeans(folder, sources, weights, names, align=align)
        except OccupyError as error:
            raise OccupyFailed(str(error)) from None

    def _sharedScale(self, folder, number, record):
        """What all maps have of one scale, where it lies on one of them.

        With its confidence: then all get the same factors, at the edge of solvent, too.
        """
        return {
            f"{name}_map": onMap(
                self._getExtraPath(MEAN_FOLDER),
                number,
                record.files[name],
                os.path.join(folder, "input", f"{name}.mrc"),
            )
            for name in ("scale", "confidence")
        }

    # --------------------------- INFO functions --------------------------------------------------
    def _sharingLines(self):
        """Whether the maps have one scale, and what was found of them then, for the summary."""
        isOne = self._isShared() or isinstance(self.inputScale.get(), Volume)
        lines = [f"Scale: {'one for all maps' if isOne else 'that of each map'}."]
        if not self._isShared():
            return lines
        notes = meanNotes(self._getExtraPath(MEAN_FOLDER))
        return lines + [n if self.alignMaps.get() else f"*Warning*: {n}" for n in notes]

    # --------------------------- UTILS functions -------------------------------------------------
    def _isShared(self):
        """Whether one scale is to be estimated for all maps."""
        return self.oneScale.get() and self.inputScale.get() is None and self.givesSets()
