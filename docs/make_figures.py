"""Make the figures of the documentation: python docs/make_figures.py [SCREENSHOTS].

That of the README is made from the bundled sample map; the others are screenshots, from the folder
in which tests/gui has left them.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from occupy_core.commands.shared.colors import local_scale
from occupy_core.commands.shared.plots import new_figure, save_figure
from occupy_core.maps.mrc import read_map
from occupy_core.scale.estimate import ScaleParams, estimate_scale
from occupy_core.scale.modify import ModifyParams, iter_modified

HERE = Path(__file__).parent
SAMPLE = HERE.parent / "examples" / "emd_11007_120.map.gz"
SCREENS = (
    "project_modify_map",
    "window_form_local_scale",
    "window_wizard_local_scale",
    "window_form_modify_map",
    "window_viewer_modify_map",
    "window_modify_map_showModifiedSlices",
    "window_modify_map_showModification",
    "window_local_scale_showSolvent",
    "window_form_region_occupancy",
    "window_region_occupancy_showBars",
    "window_form_structural_blocks",
    "window_structural_blocks_showSlices",
    "window_structural_blocks_showHeatmap",
    "window_local_resolution_showSlices",
    "window_local_resolution_showHistogram",
)


def draw_modified() -> None:
    """Draw one slice of the map, its scale, and the map modified by it."""
    density = read_map(SAMPLE)
    result = estimate_scale(density, ScaleParams(mode="occ"))
    modify = ModifyParams(amplify=4, attenuate=4)
    modified = {
        made.kind: made.map.data
        for made in iter_modified(density, result.scale, result.confidence, result.solvent, modify)
    }
    fullest = int(np.argmax((result.scale.data * result.confidence.data).sum(axis=(1, 2))))
    low, high = np.percentile(density.data[fullest], (0.1, 99.9))
    panels = [
        ("map", density.data),
        ("local scale", result.scale.data),
        ("amplified", modified["amplified"]),
        ("attenuated", modified["attenuated"]),
    ]
    figure = new_figure(10, 2.9)
    for axes, (title, data) in zip(figure.subplots(1, 4), panels, strict=True):
        if title == "local scale":
            colours = {"cmap": local_scale().colormap(), "vmin": 0.0, "vmax": 1.0}
        else:
            colours = {"cmap": "gray_r", "vmin": low, "vmax": high}
        image = axes.imshow(data[fullest], origin="lower", interpolation="bicubic", **colours)
        axes.set(title=title, xticks=(), yticks=())
        if title == "local scale":
            figure.colorbar(image, ax=axes, location="bottom", shrink=0.8, pad=0.03)
    save_figure(figure, HERE / "figures" / "emd_11007.png")


def copy_screenshots(folder: Path) -> None:
    """Copy the screenshots that are shown, with fewer colours: much smaller, and none is missed."""
    for name in SCREENS:
        picture = Image.open(folder / f"{name}.png").convert("RGB").quantize(128)
        target = HERE / "figures" / f"scipion_{name.removeprefix('window_')}.png"
        picture.save(target, optimize=True)


if __name__ == "__main__":
    draw_modified()
    if len(sys.argv) > 1:
        copy_screenshots(Path(sys.argv[1]))
