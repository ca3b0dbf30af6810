# SPDX-License-Identifier: GPL-3.0-or-later
import dataclasses

from matplotlib.widgets import Button, Slider
from pwem.viewers import EmPlotter
from pwem.wizards import EmWizard
from pyworkflow.gui import dialog

from occupy_core.errors import OccupyError
from occupy_core.maps.fourier import resample
from occupy_core.scale import ScaleParams, occupy_lowpass
from occupy_scipion.convert.forms import paramsFromForm
from occupy_scipion.convert.volumes import readVolume, volumeProblem
from occupy_scipion.protocols import OccupyProtLocalScale, OccupyProtModifyMap

_PREVIEW_BOX = 128  # voxels; a larger map is reduced, so that the slider stays swift
_COARSEST = 40.0  # Å


class OccupyLowpassWizard(EmWizard):
    """Shows a slice of the low-passed map, and the kernel that goes with the low-pass."""

    _targets = [(OccupyProtLocalScale, ["lowpass"]), (OccupyProtModifyMap, ["lowpass"])]

    def show(self, form, *params):
        protocol = form.protocol
        volume = next(iter(protocol.volumes()), None)
        if volume is None or volumeProblem(volume):
            dialog.showWarning("No input", "Choose the input volume first.", form.root)
            return None
        try:
            preview = LowpassPreview(
                readVolume(volume),
                paramsFromForm(protocol, ScaleParams),
                lambda value: form.setVar("lowpass", value),
            )
        except OccupyError as error:
            dialog.showError("Low-pass", str(error), form.root)
            return None
        preview.plotter.show()
        return preview


class LowpassPreview:
    """A map beside the map low-passed; keep it as long as its slider is to work.

    Parameters
    ----------
    density : DensityMap
    params : ScaleParams
        As in the form: the low-pass starts with the one that they would use.
    use : callable
        Takes the low-pass chosen, Å.
    """

    def __init__(self, density, params, use):
        self._grid, self._params, self._use = density.grid, params, use
        start = params.resolve(density.grid).lowpass
        shape = tuple(min(n, _PREVIEW_BOX) for n in density.grid.shape)
        self._density = density if shape == density.grid.shape else resample(density, shape)
        self.plotter = EmPlotter(figsize=(8, 5), windowTitle=f"Low-pass of {density.name}")
        self.plotter.tightLayoutOn = False
        figure = self.plotter.figure
        left, right = figure.subplots(1, 2)
        figure.subplots_adjust(left=0.04, right=0.98, top=0.92, bottom=0.2, wspace=0.08)
        for axes, title in ((left, density.name), (right, "")):
            axes.set_title(title, fontsize=10)
            axes.set_xticks([])
            axes.set_yticks([])
        place = {"origin": "lower", "cmap": "gray_r"}
        left.imshow(self._slice(self._density), **place)
        self._right, self._image = right, right.imshow(self._slice(self._density), **place)
        lowest = 2 * density.grid.mean_voxel_size
        highest = min(_COARSEST, min(density.grid.box) / 2)
        self.slider = Slider(
            figure.add_axes((0.2, 0.08, 0.45, 0.04)),
            "Low-pass (Å)",
            lowest,
            max(highest, start),
            valinit=start,
            valfmt="%.1f",
        )
        self.button = Button(figure.add_axes((0.8, 0.06, 0.14, 0.08)), "Use it")
        self.slider.on_changed(self.filter)
        self.button.on_clicked(self.finish)
        self.filter(start)

    @staticmethod
    def _slice(density):
        return density.data[density.grid.shape[0] // 2]

    def filter(self, value):
        """Show the map low-passed to a value in Å."""
        data = self._slice(occupy_lowpass(self._density, value))
        self._image.set_data(data)
        self._image.set_clim(data.min(), data.max())
        # The form's resolution must not raise the low-pass that is looked at.
        looked_at = dataclasses.replace(self._params, lowpass=value, resolution=None)
        used = looked_at.resolve(self._grid)
        self._right.set_title(
            f"{value:.1f} Å: kernel of {used.n_voxels_in_kernel} voxels (edge {used.kernel_size})",
            fontsize=10,
        )
        self._right.figure.canvas.draw_idle()

    def finish(self, event=None):
        """Give the low-pass back and close."""
        self._use(round(self.slider.val, 1))
        self.plotter.close()
