"""Make the pictures of docs/gallery.md: python docs/make_gallery.py [--help].

Figures of many chains are drawn from made-up numbers. Reports are made by `occupy-core` and
photographed: of the sample map, of simulated volumes, and of a classification with its model where
these are given. It needs Chromium, its driver, Selenium and Pillow.
"""

import argparse
import io
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from occupy_core.commands.main import main
from occupy_core.commands.regions.figures import draw_bars, draw_heatmap
from occupy_core.commands.shared.plots import new_figure
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.mrc import write_map
from occupy_core.regions.table import RegionTable, make_row

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "tests" / "support"))
SAMPLE = HERE.parent / "examples" / "emd_11007_120.map.gz"
WIDTH = 1100  # pixels
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
    picture.save(HERE / "figures" / f"gallery_{name}", optimize=True, quality=90)


def draw_many() -> None:
    """Draw both figures of many regions as they stand on a screen of 1600 x 1000."""
    for name, draw in (("chains_heatmap", draw_heatmap), ("chains_dots", draw_bars)):
        figure = new_figure(*SCREEN)
        draw(figure, many_regions())
        stream = io.BytesIO()
        figure.savefig(stream, dpi=100, format="png")
        save(Image.open(stream).convert("RGB"), f"{name}.png")


def run(*words: object) -> None:
    """Run a command of occupy-core."""
    if main([str(word) for word in (*words, "--quiet")]):
        raise SystemExit(f"occupy-core {words} failed")


def make_reports(folder: Path, classification: Path | None, model: Path | None) -> None:
    """Write all reports that can be made, by the names of their pictures."""
    from ensembles import ellipsoids

    (folder / "volumes").mkdir()
    run("scale", SAMPLE, "--outdir", folder / "s", "--mode", "occ")
    run("report", folder / "s", "-o", folder / "scale.html")
    run("scale", SAMPLE, "--outdir", folder / "m", "--mode", "occ", "--amplify", 4)
    run("report", folder / "m", "-o", folder / "modify.html")
    run("resolution", SAMPLE, "--outdir", folder / "l")
    run("report", folder / "l", "-o", folder / "resolution.html")
    known = ellipsoids(40, 60, n_blocks=5, seed=2, noise=0.2)
    for i in range(len(known)):
        volume = DensityMap(known.volume(i), Grid.cubic(40, 4.0))
        write_map(folder / "volumes" / f"vol_{i:03d}.mrc", volume)
    run("blocks", *sorted((folder / "volumes").iterdir()), "--outdir", folder / "b")
    run("report", folder / "b", "-o", folder / "blocks.html")
    if classification is None or model is None:
        return
    maps = sorted(classification.glob("relion_it*_class*.mrc"))
    run("regions", *maps, "--model", model, "--outdir", folder / "r")
    run("report", folder / "r", "-o", folder / "regions.html")
    for path in maps:
        run("scale", path, "--outdir", folder / path.stem, "--mode", "occ")
    run("report", *(folder / path.stem for path in maps), "-o", folder / "comparison.html")


# The plane with most that is in one map only.
_DIFFERENT = """
const box = document.querySelector('.controls select');
box.value = 'two';
box.dispatchEvent(new Event('change'));
const { difference, grid } = page.more, { bytes } = difference.colored;
const counts = new Array(grid.shape[0]).fill(0);
bytes.forEach((byte, i) => {
  if (Math.abs(byte - 128) > 60 && byte) counts[Math.floor(i / (grid.shape[1] * grid.shape[2]))]++;
});
page.more.go([counts.indexOf(Math.max(...counts)), ...page.more.cursor.slice(1)]);
"""
_VIEWER = "document.querySelector('.viewer').scrollIntoView();"
# What is done on a page before its picture is taken.
BEFORE = {"comparison": _DIFFERENT, "modify": _VIEWER, "resolution": _VIEWER}


def photograph(folder: Path) -> None:
    """Photograph each report in a folder."""
    from browser import Report, start_browser

    driver = start_browser(1400, 1150)
    for path in sorted(folder.glob("*.html")):
        report = Report(driver, path)
        report.run(BEFORE.get(path.stem, ""))
        report.wait_for("document.querySelector('.busy:not([hidden])') === null")
        driver.execute_async_script(
            "requestAnimationFrame(() => requestAnimationFrame(arguments[0]))"
        )
        picture = Image.open(io.BytesIO(driver.get_screenshot_as_png()))
        height = round(picture.height * WIDTH / picture.width)
        picture = picture.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
        save(picture, f"report_{path.stem}.jpg")
    driver.quit()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the pictures of docs/gallery.md.")
    parser.add_argument("--classification", type=Path, help="folder with maps of classes")
    parser.add_argument("--model", type=Path, help="what is in these classes")
    options = parser.parse_args()
    draw_many()
    with tempfile.TemporaryDirectory() as name:
        make_reports(Path(name), options.classification, options.model)
        photograph(Path(name))
