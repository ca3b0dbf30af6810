# SPDX-License-Identifier: GPL-3.0-or-later
"""Preview of the regions of a model or of masks: which there are, where, and their masks."""

import dataclasses
import functools

import numpy as np

from occupy_core.regions.by_model.atoms import read_model
from occupy_core.regions.by_model.estimate import ChainParams, chain_masks
from occupy_core.regions.by_model.placement import find_placement
from occupy_scipion.convert.forms import paramsFromForm
from occupy_scipion.protocols import OccupyProtRegionOccupancy
from occupy_scipion.viewers import scenes
from occupy_scipion.viewers.planes import Planes
from occupy_scipion.viewers.scene import Item
from occupy_scipion.wizards.preview import Control, MissingInput, Preview, PreviewWizard, firstMap

_LARGEST_RADIUS, _LARGEST_EDGE = 20.0, 30.0  # Å
_KEPT = 3  # masks last looked at


class RegionsPreview(Preview):
    """The map with each region: chains to report, the reference, and masks to be made."""

    title = "Regions"

    def __init__(self, protocol):
        super().__init__(protocol)
        names = protocol.getRegionNames()
        if not names:
            raise MissingInput("Choose the model or the masks first.")
        self._density = firstMap(protocol)
        self._model = self._readModel() if protocol.isFromModel() else None
        self.names = names
        several = {"choices": tuple(names), "several": True, "optional": True, "start": None}
        self.controls = (
            Control(name="reference", label="Reference (none: found)", **several),
            Control(name="chains", label="Report only (none: all)", **several),
        )
        if self._model is not None:
            edge = {"low": 0.0, "step": 0.5}
            self.controls += (
                Control(name="maskRadius", label="Mask, radius (Å)", high=_LARGEST_RADIUS, **edge),
                Control(name="maskSoft", label="Mask, soft edge (Å)", high=_LARGEST_EDGE, **edge),
            )

    def _readModel(self):
        """The model as the run puts it into the map."""
        params = paramsFromForm(self.protocol, ChainParams)
        model = read_model(
            self.protocol.inputModel.get().getFileName(),
            by=params.by,
            window=params.window,
            ligands=params.ligands,
            assembly=params.assembly,
        )
        if params.align:
            return model.moved(np.array(find_placement(self._density, model).shift))
        return model

    def compute(self, values):
        return values

    def show(self, made):
        if self._model is None:
            masks = self.protocol.getRegionMasks()
        else:
            masks = self._masksOf(made["maskRadius"], made["maskSoft"])
        density = Planes.of(self._density)
        self._put(
            [
                Item(name=name, density=density, layers=(scenes.maskLayer(scenes.MASK, mask),))
                for name, mask in masks.items()
            ]
        )

    def _masksOf(self, radius, soft):
        """The masks that the run would write; each is made when it is looked at."""
        grid = self._density.grid

        @functools.lru_cache(_KEPT)
        def mask(number):
            one = dataclasses.replace(self._model, regions=(self._model.regions[number],))
            (made,) = chain_masks(one, grid, radius=radius, soft=soft)
            return made.data

        def planesOf(number):
            return Planes(grid, lambda axis, index: mask(number).take(index, axis=axis))

        return {name: planesOf(number) for number, name in enumerate(self._model.names)}

    def words(self):
        if self._model is None:
            return [f"{len(self.names)} masks"]
        atoms = int(self._model.n_atoms.sum())
        return [
            f"{len(self.names)} regions, {atoms} atoms",
            "Choose a region under Map; the run writes its mask as it is seen.",
            *self._model.doubts,
        ]


class OccupyRegionsWizard(PreviewWizard):
    """Lists the regions that the model or the masks of the form give, and shows them."""

    _targets = [(OccupyProtRegionOccupancy, ["chains", "reference", "maskRadius", "maskSoft"])]
    previewClass = RegionsPreview
