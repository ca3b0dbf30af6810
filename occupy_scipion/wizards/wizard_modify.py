# SPDX-License-Identifier: GPL-3.0-or-later
"""Preview of a modification: the slice and the curve follow the powers and the pivot."""

import tempfile
from dataclasses import replace

from occupy_core.commands.scale.estimate import make_estimate, read_input, take_scale
from occupy_core.commands.shared.half_maps import read_half_maps
from occupy_core.commands.shared.plots import draw_modification
from occupy_core.errors import ParameterError
from occupy_core.scale.modify import iter_modified, modification_curves
from occupy_scipion.protocols import OccupyProtModifyMap
from occupy_scipion.protocols.form_modify import POWER
from occupy_scipion.protocols.program import OccupyFailed
from occupy_scipion.records.scale import TITLES
from occupy_scipion.viewers import scenes
from occupy_scipion.viewers.planes import Planes
from occupy_scipion.viewers.scene import Item
from occupy_scipion.wizards.preview import Control, Preview, PreviewWizard, checked, inputsOf

_MOST = 30.0  # a power that leaves only what is full


class ModifyPreview(Preview):
    """The map and what the powers make of it, with the curve of the modification."""

    title = "Modification"
    hasFigure = True

    def __init__(self, protocol):
        super().__init__(protocol)
        inputsOf(protocol)
        powers = {"low": 1.0, "high": _MOST, "start": POWER, "optional": True}
        self.controls = (
            Control(name="amplify", label="Amplify, power", **powers),
            Control(name="attenuate", label="Attenuate, power", **powers),
            Control(name="sigmoid", label="Sigmoid, power", **powers),
            Control(name="pivot", label="Sigmoid, pivot", low=0.01, high=0.99, step=0.01),
        )
        try:
            with tempfile.TemporaryDirectory() as folder:
                self._job = protocol.getPreviewJob(folder)
                self._density = read_input(self._job, "map")
                self._estimate = self._estimated()
        except OccupyFailed as error:
            raise ParameterError(str(error)) from None
        layers = self._layers()
        self._shown = {
            kind: Item(name=title, density=Planes.of(self._density), layers=layers)
            for kind, title in (("input", "Input"), *TITLES.items())
        }
        self._modify = self._job.modify

    def _estimated(self):
        job = self._job
        if job.scale_map is not None:
            return take_scale(job, self._density)
        halves = None
        if job.half1 is not None and job.scale.method == "calibrated":
            halves = read_half_maps(job.half1, job.half2, job.voxel_size)
        return make_estimate(job, self._density, halves, None)

    def _layers(self):
        made = self._estimate
        error = None if made.sigma is None else Planes.of(made.sigma)
        return (scenes.scaleLayer(Planes.of(made.scale), error, Planes.of(made.confidence)),)

    def compute(self, values):
        modify = checked(replace(self._modify, **values), self._density.grid)
        made, estimate = {}, self._estimate
        for modified in iter_modified(
            self._density,
            estimate.scale,
            estimate.confidence,
            estimate.solvent,
            modify,
            sigma=None if estimate.place is None else estimate.sigma,
            place=estimate.place,
        ):
            made[modified.kind] = modified.map
        return modify, made

    def show(self, made):
        self._modify, maps = made
        for kind, item in self._shown.items():
            density = maps.get(kind, self._density)
            self._shown[kind] = replace(item, density=Planes.of(density))
        isNew = self.scene is None
        self._put(list(self._shown.values()))
        if isNew:
            made = [kind for kind in self._shown if kind in maps]
            self.scene.item = list(self._shown).index(made[0]) if made else 0

    def words(self):
        powers = [o for o in self._modify.kinds() if o.gamma and o.kind in TITLES]
        made = [f"{TITLES[o.kind]}: power {o.gamma:g}" for o in powers]
        lines = made or ["No power is given: nothing is changed."]
        if self.protocol.givesSets():
            lines.append("The first of the maps, with its own scale.")
        return lines

    def draw(self, figure):
        scale, curves = modification_curves(self._modify)
        named = {TITLES[kind].lower(): curve for kind, curve in curves.items()}
        draw_modification(figure, scale, named)


class OccupyModifyWizard(PreviewWizard):
    """Shows the modified maps, while the sliders for powers and pivot move."""

    _targets = [(OccupyProtModifyMap, ["amplify", "attenuate", "sigmoid", "pivot"])]
    previewClass = ModifyPreview
