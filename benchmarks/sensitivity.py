"""How much the results of a method move when one of its constants is 30 % larger or smaller.

    python -m benchmarks.sensitivity scale --models DIR [--names NAME ...] [--by 0.3]
    python -m benchmarks.sensitivity regions --models DIR
    python -m benchmarks.sensitivity blocks
    python -m benchmarks.sensitivity resolution --pairs DIR

Each command runs a small benchmark of its method as the constants are, then with one constant after
the other changed, and prints the headline figures as a Markdown table. Without `--names` (a name,
or a file and a name as in `solvent/noise.py:_DARK`) it takes all constants of the method that
`scripts/constants.py` lists as chosen by taste or on a benchmark.

scale: mean absolute error of the occupancy of a chain of 3BEP (noise 0.1), in both modes, and of
the same map within a tight mask. regions: the same error, and the mean standard error, by the model
and by masks. blocks: Jaccard of known blocks with their masks, in noise and with soft edges.
resolution: RMSE of the logarithm of the local resolution, and overlap of the mask, of a
reconstruction of known answer as it is and soft-masked.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from scipy import ndimage

from benchmarks.blocks import in_memory, masks
from benchmarks.ensembles import ellipsoids, matched_jaccards
from benchmarks.occupancy import COMPLEXES, Case, by_masks, by_model, cases
from benchmarks.resolution import on_grid, overlap, read_pair, run, score
from occupy_core.blocks.find import find_blocks
from occupy_core.maps import DensityMap
from occupy_core.maps.filters import linear_interpolate
from occupy_core.regions.by_model.estimate import chain_masks
from occupy_core.scale.estimate import estimate_scale
from occupy_core.scale.params import ScaleParams

Figures = dict[str, float]
ROOT = Path(__file__).resolve().parents[1]
_OCCUPANCIES = (0.25, 0.75)
_NOISE = 0.1
# What a method is tuned by: folders of the core whose constants are varied.
FOLDERS = {
    "scale": ("scale/calibrated", "solvent"),
    "regions": ("regions",),
    "blocks": ("blocks",),
    "resolution": ("resolution",),
}


def listed_constants() -> ModuleType:
    """Return `scripts/constants.py` as a module."""
    path = ROOT / "scripts" / "constants.py"
    spec = importlib.util.spec_from_file_location("constants", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"{path} is missing; it lists the constants.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def changed(value: Any, factor: float) -> Any:
    """Return a constant times a factor; whole numbers change by one at least."""
    if isinstance(value, dict):
        return {key: changed(one, factor) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(changed(one, factor) for one in value)
    if isinstance(value, int):
        step = max(1, round(abs(value) * abs(factor - 1)))
        return value + step if factor > 1 else value - step
    return value * factor


@contextmanager
def constant_of(path: str, name: str, factor: float) -> Iterator[Any]:
    """Change a constant, also where other modules of the core have imported it by name."""
    home = importlib.import_module("occupy_core." + path.removesuffix(".py").replace("/", "."))
    old = getattr(home, name)
    new = changed(old, factor)
    holders = [
        module
        for key, module in sys.modules.items()
        if key.startswith("occupy_core") and getattr(module, name, None) is old
    ]
    holders = [m for m in holders if m is home or not name.startswith("_")]
    for module in holders:
        setattr(module, name, new)
    try:
        yield new
    finally:
        for module in holders:
            setattr(module, name, old)


def cases_of_scale(models: Path) -> list[Case]:
    """One chain of the first complex at two occupancies."""
    made = cases(models, COMPLEXES[:1], [_NOISE], 0)
    first = next(made)
    return [c for c in (first, *made) if c.chain == first.chain and c.occupancy in _OCCUPANCIES]


def scale_benchmark(models: Path) -> Callable[[], Figures]:
    """Errors of the local scale of one chain; also of a map within a mask."""
    chosen = cases_of_scale(models)
    near = {}
    for mask in chain_masks(chosen[0].model, chosen[0].density.grid, radius=2.0, soft=0.0):
        near[mask.name] = mask.data > 0.5
    spacing = chosen[0].density.grid.voxel_size_zyx
    away = ndimage.distance_transform_edt(
        ~np.logical_or.reduce(list(near.values())), sampling=spacing
    )
    tight = np.clip((12 - away) / 6, 0, 1).astype(np.float32)

    def measure() -> Figures:
        errors: dict[str, list[float]] = {"res": [], "occ": [], "masked": []}
        for case in chosen:
            masked = case.density.with_data(case.density.data * tight)
            for kind, density, mode in (
                ("res", case.density, "res"),
                ("occ", case.density, "occ"),
                ("masked", masked, "occ"),
            ):
                scale = estimate_scale(density, ScaleParams(mode=mode)).scale.data
                for name, inside in near.items():
                    errors[kind].append(abs(float(np.median(scale[inside])) - case.truth[name]))
        return {f"MAE, {kind}": float(np.mean(e)) for kind, e in errors.items()}

    return measure


def regions_benchmark(models: Path) -> Callable[[], Figures]:
    """Errors of the occupancies of regions, and how large they are said to be."""
    chosen = cases_of_scale(models)

    def measure() -> Figures:
        figures = {}
        for what, method in (("model", by_model), ("masks", by_masks)):
            rows = [(case, row) for case in chosen for row in method(case).rows]
            errors = [abs(row.occupancy - case.truth[row.region]) for case, row in rows]
            figures[f"MAE, {what}"] = float(np.mean(errors))
            figures[f"sigma, {what}"] = float(np.mean([row.sigma for _, row in rows]))
        return figures

    return measure


def blocks_benchmark() -> Callable[[], Figures]:
    """Overlap of the masks of known blocks with what is found."""
    known = {
        "noise": ellipsoids(32, 100, seed=1, noise=0.3),
        "soft": ellipsoids(32, 100, seed=2, noise=0.2, softness=1.2),
        "moving": ellipsoids(32, 100, seed=3, noise=0.2, motion=True),
    }

    def measure() -> Figures:
        figures = {}
        for name, ensemble in known.items():
            result = find_blocks(in_memory(ensemble))
            jaccards = matched_jaccards(ensemble.truth, masks(result))
            figures[f"Jaccard, {name}"] = float(jaccards.mean())
        figures["blocks, moving"] = float(len(result.blocks))
        return figures

    return measure


def resolution_benchmark(pairs: Path) -> Callable[[], Figures]:
    """Errors of the local resolution and of the mask of a reconstruction."""
    sample, made = read_pair(sorted(pairs.glob("*.npz"))[0])
    maps = {kind: DensityMap(made[kind], sample.grid, kind) for kind in ("post", "masked")}
    reference = sample.reference[0.143]
    truth = on_grid(sample.surface, sample, maps["post"]).data > 0.5

    def measure() -> Figures:
        figures = {}
        for kind, density in maps.items():
            result = run(density)
            found = linear_interpolate(result.resolution.data, reference.shape)
            held = sample.mask[::2, ::2, ::2]
            held = held & (linear_interpolate(result.mask.data, reference.shape) > 0.5)
            figures[f"log RMSE, {kind}"] = (
                score(found, reference, held)["log RMSE"] if held.any() else np.nan
            )
            figures[f"IoU, {kind}"] = overlap(result.mask.data > 0.5, truth)
        return figures

    return measure


def sweep(
    measure: Callable[[], Figures], chosen: list[tuple[str, str]], by: float
) -> Iterator[str]:
    """Yield the rows of the table: figures as they are, then with each constant changed."""
    plain = measure()
    yield f"| constant | value | {' | '.join(plain)} |"
    yield "|" + "---|" * (2 + len(plain))
    yield _row("as it is", "", plain)
    for path, name in chosen:
        for factor in (1 - by, 1 + by):
            with constant_of(path, name, factor) as value:
                try:
                    yield _row(f"{path} `{name}`", _written(value), measure())
                except Exception as error:  # a value at which the method breaks is an answer
                    yield f"| {path} `{name}` | {_written(value)} | {type(error).__name__} |"


def _row(name: str, value: str, figures: Figures) -> str:
    return f"| {name} | {value} | {' | '.join(f'{f:.4f}' for f in figures.values())} |"


def _written(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{v:.3g}" for v in value.values())
    return ", ".join(f"{v:.3g}" for v in np.atleast_1d(np.asarray(value, float)))


def chosen_constants(method: str, names: list[str] | None) -> list[tuple[str, str]]:
    """Return file and name of the constants to vary."""
    found = [
        (c.path, c.name, c.tag)
        for c in listed_constants().constants(ROOT / "occupy_core")
        if c.path.startswith(FOLDERS[method])
    ]
    if names is None:
        return [(path, name) for path, name, tag in found if tag in ("taste", "fit")]
    return [(path, name) for path, name, _ in found if name in names or f"{path}:{name}" in names]


def main() -> None:
    """Print the table that is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("method", choices=tuple(FOLDERS))
    parser.add_argument("--models", type=Path, help="folder of atomic models")
    parser.add_argument("--pairs", type=Path, help="folder of half-map pairs, see resolution.py")
    parser.add_argument("--names", nargs="+", help="constants to vary")
    parser.add_argument("--by", type=float, default=0.3, help="part by which they change")
    given = parser.parse_args()
    needed = {"scale": given.models, "regions": given.models, "resolution": given.pairs}
    if given.method in needed and needed[given.method] is None:
        option = "--pairs" if given.method == "resolution" else "--models"
        parser.error(f"{given.method} needs {option}")
    benchmarks: dict[str, Callable[[], Callable[[], Figures]]] = {
        "scale": lambda: scale_benchmark(given.models),
        "regions": lambda: regions_benchmark(given.models),
        "blocks": blocks_benchmark,
        "resolution": lambda: resolution_benchmark(given.pairs),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        measure = benchmarks[given.method]()
        for line in sweep(measure, chosen_constants(given.method, given.names), given.by):
            print(line, flush=True)


if __name__ == "__main__":
    main()
