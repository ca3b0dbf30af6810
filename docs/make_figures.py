"""Make the figures of the documentation: python docs/make_figures.py [--help].

That of the README is made from the bundled sample map, that of a classification from a folder of
class maps with their truth. The others are screenshots, from the folder in which tests/gui has left
them.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

from occupy_core.commands.shared.colors import local_scale
from occupy_core.commands.shared.plots import new_figure, save_figure
from occupy_core.maps.mrc import read_map
from occupy_core.scale.estimate import ScaleParams, estimate_scale
from occupy_core.scale.modify import ModifyParams, iter_modified

HERE = Path(__file__).parent
SCALE = {"cmap": local_scale().colormap(), "vmin": 0.0, "vmax": 1.0}
SAMPLE = HERE.parent / "examples" / "emd_11007_120.map.gz"
SCREENS = (
    "project_modify_map",
    "window_form_local_scale",
    "window_wizard_local_scale_lowpass",
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
    "window_analyse_classes_showResolutions",
    "window_analyse_classes_showDendrogram",
    "window_local_resolution_showSlices",
    "window_local_resolution_showHistogram",
)


def draw_modified() -> None:
    """Draw one slice of the map, its granular and its regional scale, and what they make of it."""
    density = read_map(SAMPLE)
    granular = estimate_scale(density, ScaleParams(mode="occ", granularity=0.0))
    result = estimate_scale(density, ScaleParams(mode="occ"))
    modify = ModifyParams(amplify=4, attenuate=4)
    given = (density, result.scale, result.confidence, result.solvent, modify)
    made = iter_modified(*given, sigma=result.sigma, place=result.place)
    modified = {one.kind: one.map.data for one in made}
    fullest = int(np.argmax((result.scale.data * result.confidence.data).sum(axis=(1, 2))))
    low, high = np.percentile(density.data[fullest], (0.1, 99.9))
    panels = [
        ("map", density.data),
        ("scale, granular", granular.scale.data),
        ("scale, regional", result.scale.data),
        ("amplified", modified["amplified"]),
        ("attenuated", modified["attenuated"]),
    ]
    figure = new_figure(12.5, 2.9)
    for axes, (title, data) in zip(figure.subplots(1, 5), panels, strict=True):
        is_scale = title.startswith("scale")
        grey = {"cmap": "gray_r", "vmin": low, "vmax": high}
        look = {**SCALE, "interpolation": "nearest"} if is_scale else grey
        image = axes.imshow(data[fullest], origin="lower", **look)
        axes.set(title=title, xticks=(), yticks=())
        if is_scale:
            figure.colorbar(image, ax=axes, location="bottom", shrink=0.8, pad=0.03)
    save_figure(figure, HERE / "figures" / "emd_11007.png")


def draw_classification(folder: Path) -> None:
    """Draw both scales of a consensus and of its classes above the true occupancies.

    Parameters
    ----------
    folder : Path
        Maps of a RELION classification, of its states, and the truth: chains as labels.
    """
    truth = np.load(folder / "truth.npz")
    labels, chains = truth["lab"], [str(name) for name in truth["names"]]
    mixed = json.loads((folder / "truth.json").read_text())
    lacks = [set(missing) for missing, _ in mixed["states"]]
    states = [read_map(folder / f"state{i + 1}.mrc").data.ravel() for i in range(len(lacks))]
    partial = np.isin(labels, [i for i, c in enumerate(chains, 1) if mixed["occupancy"][c] < 1])
    plane = int(np.argmax(partial.sum(axis=(1, 2))))
    names = ["consensus", *sorted(p.stem for p in folder.glob("relion_it*_class*.mrc"))]
    figure = new_figure(10, 7.6)
    columns = figure.subplots(3, len(names)).T
    for column, name in zip(columns, names, strict=True):
        density = read_map(folder / f"{name}.mrc")
        occupancy = mixed["occupancy"]
        if name != "consensus":  # the state that it looks like, which nearly all its particles have
            likeness = [np.corrcoef(density.data.ravel(), state)[0, 1] for state in states]
            missing = lacks[int(np.argmax(likeness))]
            occupancy = {chain: float(chain not in missing) for chain in chains}
        result = estimate_scale(density, ScaleParams(mode="occ"))
        granular = estimate_scale(density, ScaleParams(mode="occ", granularity=0.0))
        inside = result.place.data > 0.5
        seen = [np.where(inside, r.scale.data, np.nan) for r in (granular, result)]
        true = np.full(labels.shape, np.nan)
        for i, chain in enumerate(chains, start=1):  # 0 is no chain
            true[labels == i] = occupancy[chain]
        for axes, data in zip(column, (*seen, true), strict=True):
            image = axes.imshow(data[plane], origin="lower", **SCALE)
            axes.set(xticks=(), yticks=())
        column[0].set_title(name.replace("relion_it016_", "").replace("class00", "class "))
    for axes, text in zip(columns[0], ("granular scale", "regional scale", "truth"), strict=True):
        axes.set_ylabel(text)
    figure.colorbar(image, ax=columns.ravel().tolist(), shrink=0.8, pad=0.02)
    save_figure(figure, HERE / "figures" / "classification.png")


def copy_screenshots(folder: Path) -> None:
    """Copy the screenshots that are shown, with fewer colours: much smaller, and none is missed."""
    for name in SCREENS:
        picture = Image.open(folder / f"{name}.png").convert("RGB").quantize(128)
        target = HERE / "figures" / f"scipion_{name.removeprefix('window_')}.png"
        picture.save(target, optimize=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the figures of the documentation.")
    parser.add_argument("--classification", type=Path, help="folder of class maps and their truth")
    parser.add_argument("--screenshots", type=Path, help="folder in which tests/gui has left them")
    options = parser.parse_args()
    draw_modified()
    if options.classification is not None:
        draw_classification(options.classification)
    if options.screenshots is not None:
        copy_screenshots(options.screenshots)
