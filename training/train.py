"""Learn the models that ship with the package from simulated maps.

    python -m training.train --models FOLDER --store FOLDER [--processes 2]

Needs scikit-learn and gemmi. Maps that are not in the store are simulated first (about 40 minutes
on two cores); learning takes about ten more. The same models, seeds and versions give the same
file. The card beside the model file says what was used and how well the held-out complexes do.
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
from occupy_core.resolution.analysis import Analysis, analyse_map, onto
from occupy_core.resolution.features import mask_features, near_surface, resolution_features
from occupy_core.resolution.learned import CARD_FILE, MODEL_FILE, Trees
from training.labels import Simulated
from training.processing import (
    filtered,
    locally_filtered,
    sharpened,
    soft_mask,
    spherical_mask,
    weakened_contrast,
)
from training.sets import Sample, fill, samples, stored

SEED = 5
# Complexes of the training split that are not learned from: they set the width of the intervals.
CALIBRATION = ("1lnl", "4gxy", "5ara", "6rn2", "8tze", "9mqm")
_POINTS = 300  # of a map for the resolution
_SURFACE_POINTS = 250  # of a map for the mask


def variants(sample: Simulated, seed: int) -> Iterator[tuple[str, Array]]:
    """Yield a simulated map as it may have been deposited, by name of what was done to it."""
    rng = np.random.default_rng([seed, *sample.name.encode()])
    post, raw = sharpened(sample, rng), sample.average
    mask = soft_mask(sample, rng)
    threshold = 0.143 if rng.random() < 0.7 else 0.5
    smooth = ndimage.gaussian_filter(sample.reference[threshold], 1.0)
    if rng.random() < 0.5:
        raw = weakened_contrast(raw, sample.grid, rng)
    if rng.random() < 0.5:
        post = weakened_contrast(post, sample.grid, rng)
    local_post = locally_filtered(post, sample.grid, smooth)
    yield "raw", raw
    yield "sharpened", post
    yield "masked", post * mask
    yield "raw masked", raw * mask
    yield (
        "cut and masked",
        filtered(post, sample.grid, cut=sample.overall[0.143] * rng.uniform(1, 1.5)) * mask,
    )
    yield "locally filtered", locally_filtered(raw, sample.grid, smooth)
    yield "sharpened, locally filtered", local_post
    yield "sharpened, locally filtered, masked", local_post * mask
    yield (
        "tight sphere",
        post * spherical_mask(sample.grid, sample.grid.box[0] * rng.uniform(0.33, 0.5)),
    )


def resolution_target(analysis: Analysis, sample: Simulated, threshold: float = 0.143) -> Array:
    """True resolution on the grid of the energies, Å."""
    return linear_interpolate(sample.reference[threshold], analysis.energies.grid.shape)


def table_of(args: tuple[Sample, Path, Path]) -> dict[str, list[Any]]:
    """Features and targets of all variants of one sample."""
    wanted, models, store = args
    sample = stored(wanted, models, store)
    tables: dict[str, list[Any]] = {"x": [], "y": [], "mx": [], "my": []}
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
        y = np.log(resolution_target(analysis, sample)[where] * analysis.spectrum.limit)
        chosen = rng.choice(len(y), min(_POINTS, len(y)), replace=False)
        tables["x"].append(x[chosen])
        tables["y"].append(y[chosen])
    return tables


def tables(chosen: list[Sample], models: Path, store: Path, processes: int) -> dict[str, Array]:
    """Features and targets of samples."""
    wanted = [(s, models, store) for s in chosen]
    with ProcessPoolExecutor(processes) as pool:
        parts = list(pool.map(table_of, wanted))
    return {
        k: np.concatenate([a for part in parts for a in part[k]]) for k in ("x", "y", "mx", "my")
    }


def flat(model: Any) -> Trees:
    """Turn a fitted scikit-learn model into flat arrays, the left child after its parent."""
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
        np.array(feature, np.int32),
        np.array(right, np.int32),
        np.array(threshold, np.float32),
        np.array(value, np.float32),
        np.array(start, np.int32),
        float(np.ravel(model._baseline_prediction)[0]),
    )


def learn(data: dict[str, Array]) -> dict[str, Trees]:
    """Fit the four models."""
    common = {
        "random_state": SEED,
        "l2_regularization": 5.0,
        "early_stopping": False,
        "max_features": 0.2,
    }
    middle = {**common, "learning_rate": 0.05, "max_iter": 300, "max_leaf_nodes": 24}
    side = {**common, "learning_rate": 0.07, "max_iter": 120, "max_leaf_nodes": 16}
    x, y = data["x"], data["y"]
    fitted = {
        "resolution": HistGradientBoostingRegressor(min_samples_leaf=150, **middle).fit(x, y),
        "mask": HistGradientBoostingClassifier(**side).fit(data["mx"], data["my"]),
    }
    for name, quantile in (("lower", 0.16), ("upper", 0.84)):
        model = HistGradientBoostingRegressor(
            loss="quantile", quantile=quantile, min_samples_leaf=200, **side
        )
        fitted[name] = model.fit(x, y)
    return {name: flat(model) for name, model in fitted.items()}


def spread_of(trees: dict[str, Trees], data: dict[str, Array]) -> float:
    """Factor of the half distance of the quantiles that covers 68 % of a table."""
    error = np.abs(trees["resolution"].predict(data["x"]) - data["y"])
    half = (trees["upper"].predict(data["x"]) - trees["lower"].predict(data["x"])) / 2
    return float(np.quantile(error / np.maximum(half, 0.01), 0.68))


def quality(trees: dict[str, Trees], data: dict[str, Array], spread: float) -> dict[str, float]:
    """How well the models do on a table, points of all maps together."""
    error = trees["resolution"].predict(data["x"]) - data["y"]
    half = (trees["upper"].predict(data["x"]) - trees["lower"].predict(data["x"])) / 2
    molecule, truth = trees["mask"].predict(data["mx"]) > 0, data["my"].astype(bool)
    overlap = (molecule & truth).sum() / (molecule | truth).sum()
    return {
        "log_rmse": round(float(np.sqrt(np.mean(error**2))), 4),
        "coverage_68": round(float(np.mean(np.abs(error) < np.maximum(half, 0.01) * spread)), 4),
        "mask_iou_near_surface": round(float(overlap), 4),
        "points": len(data["y"]),
    }


def save(trees: dict[str, Trees], spread: float, metrics: dict[str, Any]) -> None:
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
            "models": sorted({s.model for s in samples("train")} - set(CALIBRATION)),
            "calibration": list(CALIBRATION),
            "simulators": ["direct", "reconstruction"],
            "maps": len(samples("train")),
            "seed": SEED,
        },
        "held_out": {
            "models": sorted({s.model for s in samples("test")}),
            "maps": len(samples("test")),
        },
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
    groups = {
        "train": [s for s in samples("train") if s.model not in CALIBRATION],
        "calibration": [s for s in samples("train") if s.model in CALIBRATION],
        "held_out": samples("test"),
    }
    data = {}
    for name, chosen in groups.items():
        store = given.store / ("test" if name == "held_out" else "train")
        data[name] = tables(chosen, given.models, store, given.processes)
    trees = learn(data["train"])
    spread = spread_of(trees, data["calibration"])
    metrics = {name: quality(trees, table, spread) for name, table in data.items()}
    save(trees, spread, metrics)
    print(json.dumps(metrics, indent=2))


if __name__ == "__main__":
    main()
