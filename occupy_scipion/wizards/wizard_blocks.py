# SPDX-License-Identifier: GPL-3.0-or-later
"""Preview of the thresholds of an ensemble, beside contours that were chosen by hand."""

from pathlib import Path

import numpy as np

from occupy_core.blocks.contour.binarize import binarize
from occupy_core.blocks.params import THRESHOLD_RULES, BlocksParams
from occupy_core.commands.blocks.thresholds import read_thresholds
from occupy_core.maps.ensemble import Ensemble
from occupy_scipion.convert.forms import formValue, paramsFromForm
from occupy_scipion.convert.volumes import distinctNames, readVolume
from occupy_scipion.protocols import OccupyProtBlocks
from occupy_scipion.viewers.planes import Planes
from occupy_scipion.viewers.scene import ALL, Item
from occupy_scipion.wizards.preview import Control, Preview, PreviewWizard, inputsOf

_WITHIN = 0.2  # of the height over the solvent: contours that agree


class ThresholdPreview(Preview):
    """All volumes with the contour at their thresholds; predicted against given ones."""

    title = "Thresholds"
    hasFigure = True

    def __init__(self, protocol):
        super().__init__(protocol)
        volumes = inputsOf(protocol)
        self._names = distinctNames(volumes)
        sources = [_source(volume) for volume in volumes]
        self._ensemble = Ensemble(sources, names=self._names, bin=protocol.bin.get() or 1)
        self._planes = [Planes.of(source) for source in sources]
        self._params = paramsFromForm(protocol, BlocksParams)
        self._given = self._readGiven(formValue(protocol, "thresholds"))
        low, high = self._planes[0].range
        self.controls = (
            Control(
                name="threshold",
                label="Threshold of all volumes",
                low=low,
                high=high,
                start=(low + high) / 2,
                step=(high - low) / 400,
                optional=True,
            ),
            Control(
                name="thresholdRule",
                label="Rule without one",
                choices=tuple(THRESHOLD_RULES),
                start=self._params.threshold_rule,
            ),
        )
        self.found = None

    def _readGiven(self, table):
        """Contours that were chosen by hand, by the name of the volume: SIREN's table or ours."""
        if not table or not Path(table).exists():
            return {}
        found, _ = read_thresholds(Path(table), self._names)
        return {name: value for name, value in found.items() if name in self._names}

    def compute(self, values):
        params = BlocksParams(
            threshold=values["threshold"],
            threshold_rule=values["thresholdRule"],
            smoothing=self._params.smoothing,
        )
        return binarize(self._ensemble, params).thresholds

    def show(self, made):
        self.found = made
        items = [
            Item(name=name, density=planes, facts={"threshold": f"{value:.4g}"})
            for name, planes, value in zip(self._names, self._planes, made.values, strict=True)
        ]
        isNew = self.scene is None
        self._put(items)
        if isNew:
            self.scene.mode = ALL
        self.scene.levels = dict(zip(self._names, map(float, made.values), strict=True))

    def words(self):
        found, outlying = self.found, int(self.found.outlying.sum())
        lines = [
            f"{len(self._names)} volumes, thresholds {found.values.min():.4g} to "
            f"{found.values.max():.4g}",
            f"{found.on_fraction.min():.2%} to {found.on_fraction.max():.2%} of the box is on",
            f"{outlying} outside mean ± 2 standard deviations",
        ]
        if self._given:
            near = int((np.abs(self._distances()) <= _WITHIN).sum())
            lines.append(
                f"{near} of {len(self._given)} given contours are met within {_WITHIN:.0%} of "
                "their height over the solvent"
            )
        return lines

    def _distances(self):
        """Predicted less given, in heights over the solvent."""
        rows = [self._names.index(name) for name in self._given]
        given = np.array(list(self._given.values()))
        solvent = self.found.solvent[rows]
        return (self.found.values[rows] - given) / np.maximum(given - solvent, 1e-12)

    def draw(self, figure):
        axes = figure.add_subplot()
        if not self._given:
            axes.plot(np.arange(1, len(self._names) + 1), self.found.values, ".")
            axes.set(xlabel="volume", ylabel="threshold")
            return
        rows = [self._names.index(name) for name in self._given]
        given, predicted = list(self._given.values()), self.found.values[rows]
        ends = min(*given, *predicted), max(*given, *predicted)
        axes.plot(ends, ends, color="0.6", linewidth=1)
        axes.plot(given, predicted, ".")
        axes.set(xlabel="given contour", ylabel="predicted contour")


class OccupyThresholdWizard(PreviewWizard):
    """Shows the contours of all volumes, while the slider moves."""

    _targets = [(OccupyProtBlocks, ["threshold", "thresholdRule", "thresholds"])]
    previewClass = ThresholdPreview


def _source(volume):
    """File of a volume; the volume itself where only Scipion can read it."""
    file = volume.getFileName().removesuffix(":mrc")
    isPlain = file.endswith((".mrc", ".map")) and not volume.getIndex()
    return file if isPlain else readVolume(volume)
