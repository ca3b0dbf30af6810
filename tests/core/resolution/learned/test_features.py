"""What the learned models see depends on the map, not on its grey scale, place or axes."""

import numpy as np
import pytest
from resolution_maps import two_resolutions
from scipy import ndimage

from occupy_core.maps import DensityMap, Grid
from occupy_core.resolution.learned.feature_names import MASK, RESOLUTION
from occupy_core.resolution.learned.features import (
    _at_parts,
    is_altered,
    mask_features,
    near_surface,
    resolution_features,
)
from occupy_core.resolution.learned.trees import load_models
from occupy_core.resolution.measure.analysis import analyse_map, onto

GRID = Grid.cubic(48, 1.5)


@pytest.fixture(scope="module")
def known():
    return two_resolutions(GRID, noise=6.0)


@pytest.fixture(scope="module")
def analysis(known):
    return analyse_map(known.density)


@pytest.fixture(scope="module")
def where(known, analysis):
    return onto(known.mask, analysis.energies.grid.shape)


def test_there_are_as_many_columns_as_the_trees_ask_for(analysis, where):
    models = load_models()
    features = resolution_features(analysis, where)
    assert features.shape == (where.sum(), len(RESOLUTION))
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    assert models.resolution.names == models.lower.names == models.upper.names == RESOLUTION
    near = near_surface(analysis)
    of_mask = mask_features(analysis, near)
    assert of_mask.shape == (near.sum(), len(MASK))
    assert np.isfinite(of_mask).all()
    assert models.mask.names == MASK


@pytest.mark.parametrize(("factor", "level"), [(200.0, 0.0), (0.01, 3.0)])
def test_the_grey_scale_does_not_matter(known, analysis, where, factor, level):
    data = np.float32(factor) * known.density.data + np.float32(level)
    other = analyse_map(DensityMap(data, GRID))
    one, two = (resolution_features(a, where) for a in (analysis, other))
    assert two == pytest.approx(one, abs=0.02)
    near = near_surface(analysis)
    one, two = (mask_features(a, near) for a in (analysis, other))
    assert np.mean(np.abs(two - one) < 0.02) > 0.999


def test_axes_that_change_places_take_the_features_along(known, analysis, where):
    turned = analyse_map(DensityMap(known.density.data.transpose(1, 2, 0).copy(), GRID))
    order = np.zeros(where.shape, np.int64)
    order[where] = np.arange(where.sum())
    one = resolution_features(analysis, where)[order.transpose(1, 2, 0)[where.transpose(1, 2, 0)]]
    two = resolution_features(turned, where.transpose(1, 2, 0).copy())
    # Where a curve just touches a threshold, rounding decides whether it crosses.
    assert np.mean(np.abs(two - one) < 0.02) > 0.9999


def test_sharp_and_blurred_points_are_told_apart_by_the_features(known, analysis):
    shape = analysis.energies.grid.shape
    sharp, blurred = (
        resolution_features(analysis, onto(part, shape)) for part in (known.sharp, known.blurred)
    )
    trees = load_models().resolution
    assert np.median(trees.predict(blurred)) > np.median(trees.predict(sharp)) + 0.1


@pytest.mark.parametrize("clipped", [False, True])
def test_a_map_that_was_clipped_counts_as_altered(known, where, clipped):
    data = known.density.data
    made = analyse_map(DensityMap(np.maximum(data, 0) if clipped else data, GRID))
    assert is_altered(resolution_features(made, where)).all() == clipped


def test_curves_are_read_at_parts_of_the_limit():
    f = np.linspace(0.02, 0.4, 20)
    curves = np.stack([3 * f, 1 - f], axis=1).astype(np.float32)
    found = _at_parts(curves, f, 0.3)
    wanted = 0.3 * np.array([0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.775, 0.85, 0.925, 1.0])
    assert found == pytest.approx(np.stack([3 * wanted, 1 - wanted], axis=1), abs=1e-5)


def test_points_near_the_surface_lie_within_reach_of_the_mask(analysis):
    apart = ndimage.distance_transform_edt(
        ~analysis.mask, sampling=analysis.surface_grid.voxel_size_zyx
    )
    near = near_surface(analysis, reach=6.0)
    assert near[analysis.mask].all()
    assert not near[apart > 6.0].any()
    assert near[(apart > 0) & (apart < 5.9)].all()
