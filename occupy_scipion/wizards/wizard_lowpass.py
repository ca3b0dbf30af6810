# SPDX-License-Identifier: GPL-3.0-or-later
import dataclasses

from occupy_core.maps.grid import DensityMap
from occupy_core.scale.estimate import processing_map
from occupy_core.scale.lowpass import occupy_lowpass
from occupy_core.scale.params import ScaleParams
from occupy_scipion.convert.forms import paramsFromForm
from occupy_scipion.protocols import OccupyProtLocalScale, OccupyProtModifyMap
from occupy_scipion.viewers.planes import Planes
from occupy_scipion.viewers.scene import Item
from occupy_scipion.wizards.preview import Control, Preview, PreviewWizard, checked, firstMap

_COARSEST = 40.0  # Å
_LARGEST_EDGE = 21  # voxels
_FIELDS = ["lowpass", "kernelSize", "kernelRadius"]


class KernelPreview(Preview):
    """The map as the scale sees it, low-passed, with the kernel drawn to scale at the cursor."""

    title = "Low-pass and kernel"

    def __init__(self, protocol):
        super().__init__(protocol)
        self._density = firstMap(protocol)
        self._params = paramsFromForm(protocol, ScaleParams)
        grid = self._density.grid
        used = self._params.resolve(grid)
        finest = 2 * grid.mean_voxel_size
        coarsest = max(min(_COARSEST, min(grid.box) / 2), used.lowpass)
        self.controls = (
            Control(
                name="lowpass",
                label="Low-pass (Å)",
                low=finest,
                high=coarsest,
                start=used.lowpass,
                optional=True,
            ),
            Control(
                name="kernelSize",
                label="Kernel, edge (voxels)",
                low=3,
                high=_LARGEST_EDGE,
                step=2,
                start=used.kernel_size,
                optional=True,
            ),
            Control(
                name="kernelRadius",
                label="Kernel, radius (voxels)",
                low=1.0,
                high=_LARGEST_EDGE / 2,
                step=0.05,
                start=used.kernel_radius,
                optional=True,
            ),
        )
        self.used = used

    def compute(self, values):
        edge = values["kernelSize"]
        looked_at = dataclasses.replace(
            self._params,
            lowpass=values["lowpass"],
            kernel_size=None if edge is None else int(edge),
            kernel_radius=values["kernelRadius"],
        )
        used = checked(looked_at, self._density.grid).resolve(self._density.grid)
        work = processing_map(self._density, used)
        return used, work, occupy_lowpass(work, used.lowpass)

    def show(self, made):
        self.used, work, lowpassed = made
        items = [_item("Map", work), _item("Low-passed", lowpassed)]
        self._put(items, item=1, grey=True)
        self.scene.ball = self.used.kernel_radius * work.grid.mean_voxel_size

    def words(self):
        used = self.used
        voxel = " x ".join(f"{v:.3g}" for v in sorted(set(used.processing_voxel_size)))
        return [
            f"Low-pass {used.lowpass:.2f} Å",
            f"Kernel of {used.n_voxels_in_kernel} voxels: edge {used.kernel_size}, radius "
            f"{used.kernel_radius:.2f}",
            f"Voxels of {voxel} Å, box {' x '.join(map(str, used.processing_shape))}",
            f"Tau {used.tau:.3f}, tile {used.tile_size} (with the method occupy)",
        ]


class OccupyLowpassWizard(PreviewWizard):
    """Shows the low-passed map with the kernel, while the sliders move."""

    _targets = [(OccupyProtLocalScale, _FIELDS), (OccupyProtModifyMap, _FIELDS)]
    previewClass = KernelPreview


def _item(name, density: DensityMap):
    return Item(name=name, density=Planes.of(density))
