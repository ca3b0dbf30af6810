"""One map, masked, padded, cut off or with half maps of two grey scales: what each method reads.

    python -m benchmarks.solvent --models DIR

One chain of 3BEP is at a half, in noise of 0.1. The map is then put into a sphere, masked, padded
on one side, cut off at zero or at a higher level, and shifted; or it comes with half maps of which
the second has another grey scale. The table has, for `regions` by masks and for `scale`, what the
chain reads with its standard error, the mean absolute error of the other chains, and what is said.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import ndimage

from benchmarks.occupancy import COMPLEXES, cases
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.regions.by_masks.estimate import region_occupancy
from occupy_core.regions.by_model.estimate import chain_masks
from occupy_core.scale.estimate import estimate_scale
from occupy_core.scale.params import ScaleParams

_NOISE, _HALF = 0.1, 0.5
_PADDING = 12  # voxels
Halves = tuple[DensityMap, DensityMap]


def variants(density: DensityMap, molecule: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield what was done to a map, and its data."""
    data, spacing = density.data, density.grid.voxel_size_zyx
    away = ndimage.distance_transform_edt(~molecule, sampling=spacing)
    index = [(np.arange(n) - (n - 1) / 2) * v for n, v in zip(data.shape, spacing, strict=True)]
    radius = np.sqrt(index[0][:, None, None] ** 2 + index[1][:, None] ** 2 + index[2] ** 2)
    reach = float(radius[molecule].max())
    noise = float(data[away > 10].std())
    yield "as it is", data
    yield "sphere, 20 Å around it", data * np.clip((reach + 20 - radius) / 4, 0, 1)
    yield "masked at 6 to 12 Å", data * np.clip((12 - away) / 6, 0, 1)
    yield "the same, shifted", data * np.clip((12 - away) / 6, 0, 1) + 20 * noise
    yield "padded on one side", np.pad(data, ((0, _PADDING), (0, 0), (0, 0)))
    yield "cut off at 0", np.maximum(data, 0)
    yield "cut off at one deviation", np.where(data > noise, data, 0)
    yield "shifted", data + 20 * noise


def on_grid(density: DensityMap, data: np.ndarray) -> DensityMap:
    """Return data of another shape, from the same first voxel on."""
    nz, ny, nx = data.shape
    grid = Grid((nz, ny, nx), density.grid.voxel_size, density.grid.origin)
    return DensityMap(data.astype(np.float32), grid, "map")


def table(models: Path) -> Iterator[str]:
    """Yield the rows."""
    case = next(c for c in cases(models, COMPLEXES[:1], [_NOISE], 0) if c.occupancy == _HALF)
    grid = case.density.grid
    masks = {m.name: m.data for m in chain_masks(case.model, grid, radius=3.0, soft=3.0)}
    near = {m.name: m.data > 0.5 for m in chain_masks(case.model, grid, radius=2.0, soft=0.0)}
    yield "| map | by masks | others, MAE | flags | scale, occ | others, MAE | warnings |"
    yield "|---|---|---|---|---|---|---|"
    for name, data in variants(case.density, np.logical_or.reduce(list(near.values()))):
        yield _row(name, on_grid(case.density, data), None, (case, masks, near))
    halves = _halves(case.density)
    mean = case.density.with_data((halves[0].data + halves[1].data) / 2)
    yield _row("half maps", mean, halves, (case, masks, near))
    for factor in (1.03, 3.0):
        other = halves[1].with_data(np.float32(factor) * halves[1].data)
        yield _row(f"half maps, second x {factor}", mean, (halves[0], other), (case, masks, near))


def _halves(density: DensityMap) -> Halves:
    rng = np.random.default_rng(5)
    noise = float(np.quantile(density.data, 0.999)) * 0.05
    extra = ndimage.gaussian_filter(rng.standard_normal(density.grid.shape, np.float32), 1)
    extra *= np.float32(noise / extra.std())
    return density.with_data(density.data + extra), density.with_data(density.data - extra)


def _row(name: str, density: DensityMap, halves: Halves | None, known: tuple) -> str:  # type: ignore[type-arg]
    case, masks, near = known
    shape = density.grid.shape

    def grown(data: np.ndarray) -> np.ndarray:
        return np.pad(data, [(0, m - n) for n, m in zip(data.shape, shape, strict=True)])

    found = region_occupancy(
        [density],
        [on_grid(density, grown(data)).with_data(grown(data), key) for key, data in masks.items()],
        half_maps=None if halves is None else [halves],
    )
    rows = {row.region: row for row in found.rows}
    result = estimate_scale(density, ScaleParams(mode="occ"), half_maps=halves)
    scale, sigma = result.scale.data, result.sigma
    reads = {key: float(np.median(scale[grown(inside)])) for key, inside in near.items()}
    mine = rows[case.chain]
    others = [abs(row.occupancy - 1) for key, row in rows.items() if key != case.chain]
    of_scale = [abs(value - 1) for key, value in reads.items() if key != case.chain]
    error = float(np.median(sigma.data[grown(near[case.chain])])) if sigma is not None else 0.0
    flags = {
        flag for row in rows.values() for flag in row.flags if "mask" in flag or "noise" in flag
    }
    flags = {flag for flag in flags if "other masks" not in flag}
    return (
        f"| {name} | {mine.occupancy:.3f} ± {mine.sigma:.3f} | {np.mean(others):.3f} | "
        f"{'; '.join(sorted(flags))} | {reads[case.chain]:.3f} ± {error:.3f} | "
        f"{np.mean(of_scale):.3f} | {len(result.warnings)} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=Path, required=True, help="folder of atomic models")
    given = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for line in table(given.models):
            print(line, flush=True)


if __name__ == "__main__":
    main()
