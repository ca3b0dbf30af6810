"""Local resolution, mask and global resolution against known answers.

    python -m benchmarks.resolution --models FOLDER --store FOLDER [--pairs FOLDER] [--section NAME]

Maps of held-out complexes are simulated (and kept in the store) with `training`; `--pairs` adds
half-map pairs kept as NPZ files (half1, half2, post, masked, mask, ref143, ref5, voxel_size,
global143). Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from scipy import ndimage
from scipy.stats import spearmanr

from benchmarks.measure import Measurement, run_process
from occupy_core.errors import OccupyWarning
from occupy_core.maps import Array, DensityMap, Grid, Mask, read_map, resample, write_map
from occupy_core.maps.filters import linear_interpolate
from occupy_core.resolution.estimate import estimate_resolution
from occupy_core.resolution.result import ResolutionResult
from training.labels import Simulated
from training.processing import (
    clipped,
    coarser,
    contour_mask,
    filtered,
    locally_filtered,
    sharpened,
    soft_mask,
    spherical_mask,
)
from training.sets import samples, stored

Table = dict[str, list[dict[str, float]]]


def read_pair(path: Path) -> tuple[Simulated, dict[str, Array]]:
    """A half-map pair with its answer, and the maps made of it."""
    with np.load(path) as z:
        grid = Grid.cubic(len(z["half1"]), float(z["voxel_size"]))
        sample = Simulated(
            name=path.stem,
            grid=grid,
            halves=(z["half1"].astype(np.float32), z["half2"].astype(np.float32)),
            reference={0.143: z["ref143"].astype(np.float32), 0.5: z["ref5"].astype(np.float32)},
            mask=z["mask"],
            surface=z["mask"],  # of these, 3 Å about every voxel that holds part of an atom
            overall={0.143: float(z["global143"]), 0.5: float(z["global5"])},
        )
        return sample, {k: z[k].astype(np.float32) for k in ("post", "masked")}


def sets_of(
    sample: Simulated, made: dict[str, Array], seed: int = 77
) -> Iterator[tuple[str, DensityMap]]:
    """Yield the maps of one answer, by the name of the set."""
    rng = np.random.default_rng([seed, *sample.name.encode()])
    grid = sample.grid
    post = made.get("post", sharpened(sample, rng))
    smooth = ndimage.gaussian_filter(sample.reference[0.143], 1.0)
    overall = sample.overall[0.143]
    maps = {
        "raw": sample.average,
        "sharpened": post,
        "soft-masked": made.get("masked", post * soft_mask(sample, rng)),
        "locally filtered": locally_filtered(post, grid, smooth),
        "cut at the resolution": filtered(sample.average, grid, cut=overall),
        "cut before it": filtered(sample.average, grid, cut=1.4 * overall),
        "spherical mask": post * spherical_mask(grid, 0.45 * grid.box[0]),
        "masked by its contour": post * contour_mask(sample.average, grid, rng),
        "clipped": clipped(post, rng),
    }
    for name, data in maps.items():
        yield name, DensityMap(data, grid, f"{sample.name} {name}")
    yield (
        "Nyquist-limited",
        coarser(sample.average, grid, 1.15 * overall / (2 * grid.voxel_size[0])),
    )


def on_reference(density: DensityMap, mask: DensityMap, shape: tuple[int, ...]) -> Array:
    """A map of any number of voxels on the points of the reference; the mask has no edge in it."""
    outside = mask.data < 0.5
    nearest = ndimage.distance_transform_edt(outside, return_distances=False, return_indices=True)
    return linear_interpolate(density.data[tuple(nearest)], (shape[0], shape[1], shape[2]))


def score(found: Array, reference: Array, inside: Array) -> dict[str, float]:
    """Errors of a local resolution within the molecule, and skill against its own constant."""
    d, r = found[inside].astype(float), reference[inside].astype(float)
    error, constant = np.sqrt(np.mean((d - r) ** 2)), r.std()
    rank = spearmanr(d, r).statistic if d.std() > 0 else np.nan
    return {
        "RMSE": float(error),
        "log RMSE": float(np.sqrt(np.mean(np.log(d / r) ** 2))),
        "Spearman": float(rank),
        "skill": float(1 - error / constant),
    }


def run(density: DensityMap, **options: object) -> ResolutionResult:
    """Estimate with options that are not typed here."""
    return estimate_resolution(density, **options)  # type: ignore[arg-type]


def everywhere(sample: Simulated, density: DensityMap) -> DensityMap:
    """The mask of the answer on the grid of a map: so that errors are of the resolution alone."""
    return on_grid(sample.mask, sample, density)


def on_grid(mask: Mask, sample: Simulated, density: DensityMap) -> DensityMap:
    """A mask of the answer on the grid of a map."""
    data = linear_interpolate(mask.astype(np.float32), density.grid.shape)
    return density.with_data(data, "answer")


Rows = Iterator[tuple[str, dict[str, float]]]


def accuracy(answers: list[tuple[Simulated, dict[str, Array]]]) -> Table:
    """Scores of every set, of the half-map FSC on the same maps, of masks and global values."""
    table: Table = {}
    for sample, made in answers:
        for name, density in sets_of(sample, made):
            for key, row in rows_of_map(name, density, sample):
                table.setdefault(key, []).append(row)
        for key, row in rows_of_half_maps(sample):
            table.setdefault(key, []).append(row)
    return table


def rows_of_map(name: str, density: DensityMap, sample: Simulated) -> Rows:
    """Scores of one map: its local resolution, given the mask, and its own mask and global one."""
    inside = sample.mask[::2, ::2, ::2]
    result = run(density, mask=everywhere(sample, density))
    found, flag, sigma = (
        on_reference(part, result.mask, inside.shape)
        for part in (result.resolution, result.censored, result.sigma)
    )
    reference = sample.reference[0.143]
    held = inside & (found > 0)
    certain = held & (flag <= 0)
    row = score(found, reference, held)
    row["covered"] = row["past the limit"] = np.nan
    if certain.any():
        row["covered"] = float((np.abs(found - reference) < sigma)[certain].mean())
        row["past the limit"] = float((found[certain] < 0.995 * result.finest_detail).mean())
    row["sigma"] = float(np.median(sigma[held] / found[held]))
    row["censored"] = float((flag[held] > 0).mean())
    if certain.sum() > 100:
        row["log RMSE uncensored"] = score(found, reference, certain)["log RMSE"]
    row["measured"] = float(result.source == "solvent noise")
    yield f"{name}, 0.143", row
    if result.resolution05 is not None:
        half = on_reference(result.resolution05, result.mask, inside.shape)
        yield f"{name}, 0.5", score(half, sample.reference[0.5], held)
    own = run(density)
    yield f"{name}, mask", mask_row(own, density, sample)
    if own.overall.at_0143:
        error = 100 * abs(own.overall.at_0143 / sample.overall[0.143] - 1)
        yield f"{name}, global", {"error %": error, "censored": own.overall.censored}


def rows_of_half_maps(sample: Simulated) -> Rows:
    """Scores of the FSC of half maps."""
    inside = sample.mask[::2, ::2, ::2]
    first, second = (DensityMap(h, sample.grid, "half") for h in sample.halves)
    average = DensityMap(sample.average, sample.grid)
    result = run(average, half_maps=(first, second), mask=everywhere(sample, average))
    sigma = on_reference(result.sigma, result.mask, inside.shape)
    for threshold, found_map in ((0.143, result.resolution), (0.5, result.resolution05)):
        found = on_reference(found_map, result.mask, inside.shape)
        reference = sample.reference[threshold]
        row = score(found, reference, inside & (found > 0))
        row["covered"] = float((np.abs(found - reference) < sigma)[inside].mean())
        yield f"half maps, {threshold}", row
    error = 100 * abs(result.overall.at_0143 / sample.overall[0.143] - 1)
    yield "half maps, global", {"error %": error}


def mask_row(result: ResolutionResult, density: DensityMap, sample: Simulated) -> dict[str, float]:
    """Overlap of the mask, and of ResMap's rule, with 3 Å about the density of the atoms.

    For simulated maps, also with 3 Å about the centres of the atoms.
    """
    truth = on_grid(sample.surface, sample, density).data > 0.5
    centres = everywhere(sample, density).data > 0.5
    found = result.mask.data > 0.5
    blurred = ndimage.gaussian_filter(density.data, 0.02 * density.grid.shape[0])
    rule = blurred > 0.05 * blurred.max()
    row = {"IoU": overlap(found, truth), "ResMap's rule": overlap(rule, truth)}
    if not np.array_equal(truth, centres):
        row |= {"IoU, centres": overlap(found, centres), "rule, centres": overlap(rule, centres)}
    return row


def overlap(found: Mask, truth: Mask) -> float:
    """Intersection over union."""
    return float((found & truth).sum() / (found | truth).sum())


def invariances(answers: list[tuple[Simulated, dict[str, Array]]]) -> Table:
    """Median and largest relative change of the local resolution when a map is changed."""
    changes: dict[str, Callable[[DensityMap], DensityMap]] = {
        "grey scale x 37, offset + 11": lambda m: m.with_data(37 * m.data + 11),
        "B + 100": lambda m: m.with_data(filtered(m.data, m.grid, b_factor=100)),
        "B - 100": lambda m: m.with_data(filtered(m.data, m.grid, b_factor=-100)),
        "resampled by 1.3": lambda m: resample(
            m, tuple(2 * round(1.3 * n / 2) for n in m.grid.shape)
        ),
        "padded by a quarter": padded,
        "padded by zeros": lambda m: padded(m, mode="constant"),
        "turned by 90 degrees": lambda m: m.with_data(
            np.ascontiguousarray(np.rot90(m.data, axes=(0, 2)))
        ),
    }
    table: Table = {}
    for sample, _ in answers:
        density = DensityMap(sample.average, sample.grid)
        mask = everywhere(sample, density)
        before = run(density, mask=mask).resolution.data
        for name, change in changes.items():
            after = run(change(density), mask=change(mask)).resolution.data
            if name.startswith("turned"):
                after = np.rot90(after, -1, axes=(0, 2))
            if name.startswith("padded"):
                n = len(before)
                after = after[:n, :n, :n]
            changed_to = (
                density.with_data
                if after.shape == before.shape
                else resample(density, after.shape).with_data
            )
            after_map = changed_to(np.ascontiguousarray(after))
            after = on_reference(after_map, after_map.with_data(after_map.data > 0), before.shape)
            both = (before > 0) & ndimage.binary_erosion(sample.mask, iterations=2)
            change_of = np.abs(np.log(after[both] / before[both]))
            table.setdefault(name, []).append(
                {
                    "median %": 100 * float(np.median(change_of)),
                    "95 % quantile %": 100 * float(np.quantile(change_of, 0.95)),
                }
            )
    return table


def padded(density: DensityMap, mode: Literal["wrap", "constant"] = "wrap") -> DensityMap:
    """The map in a box larger by a quarter, filled with its own other side or with zeros."""
    n = density.grid.shape[0]
    more = 2 * (n // 8)
    filled = np.pad(density.data, [(0, more)] * 3, mode=mode)
    return DensityMap(filled, Grid.cubic(n + more, density.grid.voxel_size[0]), density.name)


def pure_noise() -> Table:
    """What is reported of white and of coloured noise."""
    rng = np.random.default_rng(3)
    table: Table = {}
    grid = Grid.cubic(128, 1.1)
    white = rng.standard_normal(grid.shape, dtype=np.float32)
    for name, data in {"white": white, "coloured": filtered(white, grid, b_factor=60)}.items():
        result = run(DensityMap(data, grid))
        reported = float(result.overall.at_0143 is not None)
        table[f"{name} noise"] = [
            {
                "mask %": 100 * float(result.mask.data.mean()),
                "reported": reported,
                "warnings": len(result.warnings),
            }
        ]
    return table


def real_maps(folder: Path) -> None:
    """What is said of deposited maps: global and local resolution, state, mask."""
    sizes = {"ngl_betaGal.mrc": 3.54}  # Å; the header of that map is wrong
    for path in sorted(p for p in folder.iterdir() if p.suffix in (".map", ".mrc")):
        if "localResolution" in path.name:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OccupyWarning)
            density = read_map(path, voxel_size=sizes.get(path.name))
        result = run(density)
        at = [f"{v:.2f}" if v else "-" for v in (result.overall.at_0143, result.overall.at_05)]
        local = " ".join(f"{v:.2f}" for v in result.quantiles.values())
        print(
            f"| {path.name} | limit {result.finest_detail:.2f} | global {at[0]}, {at[1]} | "
            f"local {local} | "
            f"censored {result.censored_fraction:.0%} | mask {result.mask.data.mean():.1%} | "
            f"{result.source}: {'; '.join(result.state.words())} |",
            flush=True,
        )


PROCESS = """
import sys, warnings
warnings.simplefilter("ignore")
from occupy_core.maps import read_map, threads, write_map
from occupy_core.resolution.estimate import estimate_resolution
with threads():
    density = read_map(sys.argv[1])
    result = estimate_resolution(density)
    for found in (result.resolution, result.resolution05, result.sigma, result.mask):
        if found is not None:
            write_map(f"{found.name}.mrc", found)
"""


def times(sample: Simulated, repeats: int) -> None:
    """Time whole processes, reading and writing included, on padded boxes of 256 and 400."""
    for n in (256, 400):
        before = n - sample.grid.shape[0]
        rng = np.random.default_rng(n)
        data = rng.normal(0, 1, (n, n, n)).astype(np.float32) * np.float32(sample.average[:4].std())
        middle = slice(before // 2, before // 2 + sample.grid.shape[0])
        data[middle, middle, middle] = sample.average
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "map.mrc"
            write_map(path, DensityMap(data, Grid.cubic(n, sample.grid.voxel_size[0])))
            command = [sys.executable, "-c", PROCESS, str(path)]
            os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
            runs = [run_process(command, Path(folder)) for _ in range(repeats)]
        measured = Measurement(tuple(wall for wall, _ in runs), max(peak for _, peak in runs))
        print(f"| {n} voxels | {measured} |", flush=True)


def show(title: str, table: Table) -> None:
    """Print the means of a table (medians of global errors) as Markdown."""
    print(f"\n## {title}")
    for name, rows in table.items():
        keys = list(dict.fromkeys(k for row in rows for k in row))
        middle = np.median if "global" in name else np.mean
        cells = []
        for key in keys:
            values = [row[key] for row in rows if not np.isnan(row.get(key, np.nan))]
            if values:  # coverage has none where all voxels are censored
                cells.append(f"{key} {middle(values):.3f} ({min(values):.3f} to {max(values):.3f})")
        print(f"| {name} | {len(rows)} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    """Run the sections asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--real", type=Path, help="folder of deposited maps")
    parser.add_argument("--kind", choices=("reconstruction", "direct"), default="reconstruction")
    parser.add_argument("--maps", type=int, default=12)
    parser.add_argument(
        "--section",
        choices=("accuracy", "invariance", "noise", "real", "time", "all"),
        default="all",
    )
    given = parser.parse_args()
    wanted = [s for s in samples("test") if s.kind == given.kind][: given.maps]
    found = [stored(s, given.models, given.store) for s in wanted]
    answers: list[tuple[Simulated, dict[str, Array]]] = [(s, {}) for s in found if s is not None]
    if given.pairs:
        answers += [read_pair(p) for p in sorted(given.pairs.glob("*.npz"))]
    if given.section in ("accuracy", "all"):
        show("Accuracy", accuracy(answers))
    if given.section in ("invariance", "all"):
        show("Invariance", invariances(answers[:4]))
    if given.section in ("noise", "all"):
        show("Pure noise", pure_noise())
    if given.real and given.section in ("real", "all"):
        print("\n## Deposited maps")
        real_maps(given.real)
    if given.section in ("time", "all"):
        print("\n## Whole process")
        times(answers[0][0], 3)


if __name__ == "__main__":
    main()
