"""Learn the models that ship with the package from simulated maps.

    python -m training.train --models FOLDER --store FOLDER [--processes 2]

Needs scikit-learn and gemmi. Maps that are not in the store are simulated first (about 30 minutes
on two cores); learning took 16 more on a busy machine. The same models, seeds and versions give
the same file. The card beside it says what was used and how well the held-out complexes do.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from occupy_core.maps import Array, DensityMap
from occupy_core.maps.filters import linear_interpolate
from occupy_core.resolution.learned.feature_names import MASK, RESOLUTION
from occupy_core.resolution.learned.features import (
    is_altered,
    mask_features,
    near_surface,
    resolution_features,
)
from occupy_core.resolution.learned.trees import CARD_FILE, LEAST_HALF, MODEL_FILE, Trees
from occupy_core.resolution.measure.analysis import Analysis, analyse_map, onto
from training.labels import Simulated
from training.molecules import TRAIN
from training.processing import (
    clipped,
    contour_mask,
    filtered,
    locally_filtered,
    sharpened,
    soft_mask,
    spherical_mask,
    weakened_contrast,
)
from training.sets import Sample, fill, samples, stored

SEED = 5
_FOLDS = 5  # groups of complexes, each left out once to set the width of the intervals
_POINTS = 300  # of a map for the resolution
_SURFACE_POINTS = 250  # of a map for the mask


def variants(sample: Simulated, seed: int) -> Iterator[tuple[str, Array]]:
    """Yield a simulated map as it may have been deposited, by name of what was done to it."""
    rng = np.random.default_rng([seed, *sample.name.encode()])
    grid, overall = sample.grid, sample.overall[0.143]
    post, raw = sharpened(sample, rng), sample.average
    masks = [soft_mask(sample, rng), contour_mask(raw, grid, rng)]
    rng.shuffle(masks)
    threshold = 0.143 if rng.random() < 0.7 else 0.5
    smooth = ndimage.gaussian_filter(sample.reference[threshold], 1.0)
    if rng.random() < 0.5:
        raw = weakened_contrast(raw, grid, rng)
    if rng.random() < 0.5:
        post = weakened_contrast(post, grid, rng)
    local_post = locally_filtered(post, grid, smooth)
    yield "raw", raw
    yield "sharpened", post
    yield "masked", post * masks[0]
    yield "raw masked", raw * masks[1]
    yield "cut and masked", filtered(post, grid, cut=overall * rng.uniform(1, 1.5)) * masks[0]
    yield (
        "masked and sharpened",
        filtered(
            raw * masks[1], grid, b_factor=-rng.uniform(0, 200), cut=overall * rng.uniform(0.85, 1)
        ),
    )
    yield "locally filtered", locally_filtered(raw, grid, smooth)
    yield "sharpened, locally filtered", local_post
    yield "sharpened, locally filtered, masked", local_post * masks[1]
    yield "clipped", clipped(post if rng.random() < 0.5 else raw, rng)
    yield "tight sphere", post * spherical_mask(grid, grid.box[0] * rng.uniform(0.33, 0.5))


def resolution_target(analysis: Analysis, sample: Simulated, threshold: float = 0.143) -> Array:
    """True resolution on the grid of the energies, Å."""
    return linear_interpolate(sample.reference[threshold], analysis.energies.grid.shape)


def table_of(args: tuple[Sample, Path, Path]) -> dict[str, list[Any]]:
    """Features and targets of all variants of one sample."""
    wanted, models, store = args
    sample = stored(wanted, models, store)
    tables: dict[str, list[Any]] = {"x": [], "y": [], "mx": [], "my": [], "fold": []}
    if sample is None:
        return tables
    rng = np.random.default_rng([SEED, wanted.seed, *wanted.model.encode()])
    for _, data in variants(sample, wanted.seed):
        analysis = analyse_map(DensityMap(data.astype(np.float32), sample.grid))
        if analysis.noise.featureless:
            continue
        near = near_surface(analysis)
        truth = onto(sample.surface, near.shape)
        x, y = mask_features(analysis, near), truth[near]
        chosen = rng.choice(len(y), min(_SURFACE_POINTS, len(y)), replace=False)
        tables["mx"].append(x[chosen])
        tables["my"].append(y[chosen])
        if analysis.state.measured:
            continue
        where = onto(sample.mask, analysis.energies.grid.shape)
        x = resolution_features(analysis, where)
        y = np.log(resolution_target(analysis, sample)[where] * analysis.spectrum.cutoff_frequency)
        chosen = rng.choice(len(y), min(_POINTS, len(y)), replace=False)
        tables["x"].append(x[chosen])
        tables["y"].append(y[chosen])
        tables["fold"].append(np.full(len(chosen), fold_of(wanted.model)))
    return tables


def fold_of(model: str) -> int:
    """Fold in which a complex is left out; all maps of a complex share it."""
    return TRAIN.index(model) % _FOLDS if model in TRAIN else -1


def tables(chosen: list[Sample], models: Path, store: Path, processes: int) -> dict[str, Array]:
    """Features and targets of samples."""
    wanted = [(s, models, store) for s in chosen]
    with ProcessPoolExecutor(processes) as pool:
        parts = list(pool.map(table_of, wanted))
    return {
        k: np.concatenate([a for part in parts for a in part[k]])
        for k in ("x", "y", "mx", "my", "fold")
    }


def flat(model: Any, names: tuple[str, ...]) -> Trees:
    """Turn a fitted scikit-learn model into flat arrays, the left child after its parent.

    `names` are those of its columns.
    """
    nodes: list[tuple[int, int, float, float]] = []
    start = []

    def visit(tree: Any, index: int) -> None:
        node = tree[index]
        here = len(nodes)
        if node["is_leaf"]:
            nodes.append((-1, 0, 0.0, float(node["value"])))
            return
        nodes.append((int(node["feature_idx"]), 0, float(node["num_threshold"]), 0.0))
        visit(tree, int(node["left"]))
        nodes[here] = (*nodes[here][:1], len(nodes), *nodes[here][2:])
        visit(tree, int(node["right"]))

    for (predictor,) in model._predictors:
        start.append(len(nodes))
        visit(predictor.nodes, 0)
    feature, right, threshold, value = zip(*nodes, strict=True)
    return Trees(
        feature=np.array(feature, np.int32),
        right=np.array(right, np.int32),
        threshold=np.array(threshold, np.float32),
        value=np.array(value, np.float32),
        start=np.array(start, np.int32),
        offset=float(np.ravel(model._baseline_prediction)[0]),
        names=names,
    )


_COMMON = {
    "random_state": SEED,
    "l2_regularization": 5.0,
    "early_stopping": False,
    "max_features": 0.2,
}
_MIDDLE = {**_COMMON, "learning_rate": 0.05, "max_iter": 300, "max_leaf_nodes": 24}
_SIDE = {**_COMMON, "learning_rate": 0.07, "max_iter": 120, "max_leaf_nodes": 16}


def learn_resolution(x: Array, y: Array) -> dict[str, Trees]:
    """Fit the resolution and its quantiles at 16 and 84 %, on every second point."""
    x, y = x[::2], y[::2]  # points of a map are much alike: it is maps that count
    middle = HistGradientBoostingRegressor(min_samples_leaf=150, **_MIDDLE).fit(x, y)
    fitted = {"resolution": flat(middle, RESOLUTION)}
    for name, quantile in (("lower", 0.16), ("upper", 0.84)):
        model = HistGradientBoostingRegressor(
            loss="quantile", quantile=quantile, min_samples_leaf=200, **_SIDE
        )
        fitted[name] = flat(model.fit(x, y), RESOLUTION)
    return fitted


def left_out(data: dict[str, Array]) -> tuple[Array, Array]:
    """Error of the resolution, and half distance of its quantiles, where a complex was left out.

    An error that all points of a map share is common behind masks. It shows only on complexes
    that the trees have not seen, so each fold of complexes is judged by trees of the others.
    """
    error, half = np.empty_like(data["y"]), np.empty_like(data["y"])
    for fold in range(_FOLDS):
        out = data["fold"] == fold
        trees = learn_resolution(data["x"][~out], data["y"][~out])
        error[out], half[out] = _error_and_half(trees, data["x"][out], data["y"][out])
    return error, half


def spreads(data: dict[str, Array], error: Array, half: Array) -> tuple[float, float]:
    """Factors of the half distance of the quantiles that cover 68 %: masked away, altered."""
    altered = is_altered(data["x"])
    ratio = np.abs(error) / half
    first, second = (float(np.quantile(ratio[m], 0.68)) for m in (~altered, altered))
    return first, second


def _error_and_half(trees: dict[str, Trees], x: Array, y: Array) -> tuple[Array, Array]:
    half = (trees["upper"].predict(x) - trees["lower"].predict(x)) / 2
    return trees["resolution"].predict(x) - y, np.maximum(half, LEAST_HALF)


def quality(
    trees: dict[str, Trees], data: dict[str, Array], spread: tuple[float, float]
) -> dict[str, float]:
    """How well the models do on a table, points of all maps together."""
    error, half = _error_and_half(trees, data["x"], data["y"])
    molecule, truth = trees["mask"].predict(data["mx"]) > 0, data["my"].astype(bool)
    overlap = (molecule & truth).sum() / (molecule | truth).sum()
    return {
        **interval_quality(data, error, half, spread),
        "mask_iou_near_surface": round(float(overlap), 4),
        "points": len(data["y"]),
    }


def interval_quality(
    data: dict[str, Array], error: Array, half: Array, spread: tuple[float, float]
) -> dict[str, float]:
    """Errors and the part of them that the widened intervals cover."""
    factor = np.where(is_altered(data["x"]), spread[1], spread[0])
    return {
        "log_rmse": round(float(np.sqrt(np.mean(error**2))), 4),
        "coverage_68": round(float(np.mean(np.abs(error) < half * factor)), 4),
    }


def save(trees: dict[str, Trees], spread: tuple[float, float], metrics: dict[str, Any]) -> None:
    """Write the model file and its card."""
    MODEL_FILE.parent.mkdir(exist_ok=True)
    arrays = {
        key: value for name, tree in trees.items() for key, value in tree.arrays(name).items()
    }
    np.savez(MODEL_FILE, spread=spread, **arrays)
    libraries = ("numpy", "scipy", "numba", "scikit-learn", "gemmi")
    card = {
        "file": MODEL_FILE.name,
        "sha256": hashlib.sha256(MODEL_FILE.read_bytes()).hexdigest(),
        "use": "local resolution (FSC 0.143) of maps without visible solvent noise; molecular mask",
        "training": {
            "sources": "Protein Data Bank entries (CC0 1.0), simulated by training/",
            "models": sorted({s.model for s in samples("train")}),
            "folds_for_intervals": _FOLDS,
            "simulators": ["direct", "reconstruction"],
            "maps": len(samples("train")),
            "seed": SEED,
        },
        "held_out": {
            "models": sorted({s.model for s in samples("test")}),
            "maps": len(samples("test")),
        },
        "features": {"resolution": list(RESOLUTION), "mask": list(MASK)},
        "metrics": metrics,
        "versions": {"python": platform.python_version(), **{k: version(k) for k in libraries}},
        "licence": "GPL-3.0-or-later",
    }
    CARD_FILE.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Simulate, learn, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    for split in ("train", "test"):
        fill(split, given.models, given.store / split, given.processes)
    data = {}
    for name, split in (("train", "train"), ("held_out", "test")):
        store = given.store / split
        data[name] = tables(samples(split), given.models, store, given.processes)
    error, half = left_out(data["train"])
    spread = spreads(data["train"], error, half)
    table = data["train"]
    trees = learn_resolution(table["x"], table["y"])
    surface = HistGradientBoostingClassifier(**_SIDE).fit(table["mx"], table["my"])
    trees["mask"] = flat(surface, MASK)
    metrics = {name: quality(trees, part, spread) for name, part in data.items()}
    metrics["left_out"] = interval_quality(table, error, half, spread)
    save(trees, spread, metrics)
    print(json.dumps(metrics, indent=2))


if __name__ == "__main__":
    main()
