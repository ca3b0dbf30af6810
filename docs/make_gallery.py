"""Make the pictures of docs/gallery.md: python docs/make_gallery.py FOLDER_OF_REPORTS.

The folder holds reports (`occupy-core … --report`) by their names in `REPORTS`. It needs Chromium,
its driver, Selenium and Pillow.
"""

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from occupy_core.commands.regions.figures import draw_bars, draw_heatmap
from occupy_core.commands.shared.plots import new_figure
from occupy_core.maps.grid import Grid
from occupy_core.regions.table import RegionTable, make_row

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "tests" / "support"))
REPORTS = ("scale", "modify", "resolution", "regions", "blocks")
MAPS, REGIONS = 20, 136
SCREEN = (16, 10)  # inches of 100 pixels


def many_regions() -> RegionTable:
    """Return occupancies of 136 chains in 20 maps, made up: full, half and absent, with errors."""
    rng = np.random.default_rng(0)
    values = rng.choice([1.0, 1.0, 1.0, 0.5, 0.0], (MAPS, REGIONS))
    values += rng.normal(0, 0.05, values.shape)
    errors = rng.gamma(2, 0.04, values.shape)
    maps = tuple(f"class_{i + 1:02d}" for i in range(MAPS))
    names = tuple(f"{chr(65 + j % 26)}{j // 26 or ''}" for j in range(REGIONS))
    rows = tuple(
        make_row(m, r, float(values[i, j]), float(errors[i, j]), n_voxels=9, resolution=3.0)
        for i, m in enumerate(maps)
        for j, r in enumerate(names)
    )
    return RegionTable(
        rows=rows, maps=maps, regions=names, reference=names[:2], grid=Grid.cubic(8, 1.0)
    )


def save(picture: Image.Image, name: str) -> None:
    """Save a picture with all its colours: they mean something."""
    picture.convert("RGB").save(HERE / "figures" / f"gallery_{name}.png", optimize=True)


def draw_many() -> None:
    """Draw both figures of many regions as they stand on a screen of 1600 x 1000."""
    for name, draw in (("chains_heatmap", draw_heatmap), ("chains_dots", draw_bars)):
        figure = new_figure(*SCREEN)
        draw(figure, many_regions())
        stream = io.BytesIO()
        figure.savefig(stream, dpi=100, format="png")
        save(Image.open(stream), name)


def photograph(folder: Path) -> None:
    """Photograph each report at its top."""
    from browser import Report, start_browser

    driver = start_browser(1400, 1150)
    for name in REPORTS:
        path = folder / f"{name}.html"
        if path.exists():
            Report(driver, path)
            save(Image.open(io.BytesIO(driver.get_screenshot_as_png())), f"report_{name}")
    driver.quit()


if __name__ == "__main__":
    draw_many()
    if len(sys.argv) > 1:
        photograph(Path(sys.argv[1]))
