# SPDX-License-Identifier: GPL-3.0-or-later
"""Previews of the solvent model and of the scale itself."""

import dataclasses

from occupy_core.commands.shared.colors import CONFIDENCE
from occupy_core.commands.shared.plots import draw_solvent_model
from occupy_core.scale.estimate import estimate_confidence, estimate_scale
from occupy_core.scale.params import ScaleParams
from occupy_scipion.convert.forms import paramsFromForm
from occupy_scipion.convert.volumes import iterVolumes, readVolume
from occupy_scipion.protocols import OccupyProtLocalScale, OccupyProtModifyMap
from occupy_scipion.viewers import scenes
from occupy_scipion.viewers.palette import Palette
from occupy_scipion.viewers.planes import Planes
from occupy_scipion.viewers.scene import Item, Layer
from occupy_scipion.wizards.preview import (
    Control,
    Preview,
    PreviewWizard,
    checked,
    firstMap,
    halfMapsOf,
    inputsOf,
)

_MOST_HEDGE = 20.0
_COARSEST_GRAIN = 60.0  # Å


class _OfScale(Preview):
    """What the previews of a scale have in common: the map, the parameters, the definition."""

    def __init__(self, protocol):
        super().__init__(protocol)
        self._density = firstMap(protocol)
        self._params = paramsFromForm(protocol, ScaleParams)
        given = protocol.solventDefinition.get()
        self._definition = None if given is None else readVolume(next(iterVolumes(given)))

    def _item(self, layers):
        return Item(name="Map", density=Planes.of(self._density), layers=layers)


class SolventPreview(_OfScale):
    """The confidence that there is content, and the solvent model behind it."""

    title = "Solvent model"
    hasFigure = True

    def __init__(self, protocol):
        super().__init__(protocol)
        start = self._params.resolve(self._density.grid)
        self.controls = (
            Control(
                name="hedgeConfidence",
                label="Hedge confidence (power)",
                low=1.0,
                high=_MOST_HEDGE,
                start=1.0,
                optional=True,
            ),
            Control(
                name="lowpass",
                label="Low-pass (Å)",
                low=2 * self._density.grid.mean_voxel_size,
                high=max(40.0, start.lowpass),
                start=start.lowpass,
                optional=True,
            ),
        )
        self.solvent = None

    def compute(self, values):
        params = dataclasses.replace(
            self._params, lowpass=values["lowpass"], hedge_confidence=values["hedgeConfidence"]
        )
        checked(params, self._density.grid)
        return estimate_confidence(self._density, params, solvent_definition=self._definition)

    def show(self, made):
        self.solvent, confidence = made
        layer = Layer(
            title=scenes.CONFIDENT,
            values=Planes.of(confidence),
            palette=Palette.of(CONFIDENCE),
        )
        self._put([self._item((layer,))])

    def words(self):
        solvent = self.solvent
        lines = [
            f"Solvent {solvent.mean:.3g} ± {solvent.sigma:.3g}",
            f"Confidence of one half at {solvent.value_at_half_confidence:.3g}",
        ]
        if self._definition is not None:
            lines.append(f"Solvent definition: {self._definition.name}")
        return lines + [f"Warning: {text}" for text in solvent.warnings]

    def draw(self, figure):
        draw_solvent_model(figure, self.solvent, name=self._density.name)


class ScalePreview(_OfScale):
    """The local scale itself, as a run would write it."""

    title = "Local scale"

    def __init__(self, protocol):
        super().__init__(protocol)
        self._halves = halfMapsOf(inputsOf(protocol)[0])
        self.controls = (
            Control(
                name="granularity",
                label="Granularity (Å)",
                low=0.0,
                high=_COARSEST_GRAIN,
                start=ScaleParams().granularity,
                step=1.0,
            ),
        )

    def compute(self, values):
        params = dataclasses.replace(self._params, granularity=values["granularity"])
        checked(params, self._density.grid)
        halves = self._halves if params.method == "calibrated" else None
        return estimate_scale(
            self._density, params, solvent_definition=self._definition, half_maps=halves
        )

    def show(self, made):
        error = None if made.sigma is None else Planes.of(made.sigma)
        layer = scenes.scaleLayer(Planes.of(made.scale), error, Planes.of(made.confidence))
        self._put([self._item((layer,))])

    def words(self):
        used = self._params.resolve(self._density.grid)
        note = (
            []
            if used.mode == "occ" and used.method == "calibrated"
            else ["The granularity counts with the method calibrated and the mode occ only."]
        )
        return [f"Mode {used.mode}, method {used.method}", *note]


class OccupySolventWizard(PreviewWizard):
    """Shows the solvent model, while the sliders move."""

    _targets = [
        (OccupyProtLocalScale, ["solventDefinition", "hedgeConfidence"]),
        (OccupyProtModifyMap, ["solventDefinition", "hedgeConfidence"]),
    ]
    previewClass = SolventPreview


class OccupyGranularityWizard(PreviewWizard):
    """Shows the local scale for granularities."""

    _targets = [(OccupyProtLocalScale, ["granularity"]), (OccupyProtModifyMap, ["granularity"])]
    previewClass = ScalePreview
