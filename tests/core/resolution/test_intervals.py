"""Learning the width of intervals: complexes are left out whole."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="training needs scikit-learn")
pytest.importorskip("gemmi", reason="the simulators read models with gemmi")

from occupy_core.resolution.learned.feature_names import RESOLUTION
from training import train
from training.molecules import TRAIN


@pytest.fixture
def quick(monkeypatch):
    for name in ("_MIDDLE", "_SIDE"):
        monkeypatch.setattr(train, name, {**getattr(train, name), "max_iter": 30})


def maps_of(models, seed, common):
    """Points of one map of each complex; what the features tell it by is no help on another."""
    rng = np.random.default_rng(seed)
    points = 200
    x = rng.normal(size=(len(models) * points, len(RESOLUTION))).astype(np.float32)
    x[:, 1] = np.repeat(rng.normal(size=len(models)), points)
    x[:, RESOLUTION.index("altered")] = np.repeat(np.arange(len(models)) % 2, points)
    level = np.repeat(common * rng.normal(size=len(models)), points)
    y = 0.3 * x[:, 0] + level + 0.02 * rng.normal(size=len(x))
    fold = np.repeat([train.fold_of(m) for m in models], points)
    return {"x": x, "y": y.astype(np.float32), "fold": fold}


@pytest.mark.slow
def test_an_error_common_to_a_map_widens_the_interval(quick):
    spread = {}
    for common in (0.0, 0.3):
        data = maps_of(TRAIN, 1, common)
        error, half = train.left_out(data)
        spread[common] = train.spreads(data, error, half)
        quality = train.interval_quality(data, error, half, spread[common])
        assert quality["coverage_68"] == pytest.approx(0.68, abs=0.01)
    assert min(spread[0.3]) > 1.5 * max(spread[0.0])


def test_all_maps_of_a_complex_share_a_fold_and_all_folds_hold_some():
    folds = [train.fold_of(model) for model in TRAIN]
    assert set(folds) == set(range(5))
    assert train.fold_of("1gyt") == -1
