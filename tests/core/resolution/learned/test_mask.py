"""The mask that the learned model draws about a molecule."""

from dataclasses import replace

import numpy as np
import pytest
from resolution_maps import two_resolutions
from scipy import ndimage

from occupy_core.maps import DensityMap, Grid
from occupy_core.resolution.learned import mask as module
from occupy_core.resolution.learned.mask import refine_mask
from occupy_core.resolution.learned.trees import load_models
from occupy_core.resolution.measure.analysis import analyse_map, onto

GRID = Grid((48, 52, 50), (1.5, 1.5, 1.5))


@pytest.fixture(scope="module")
def known():
    return two_resolutions(GRID, noise=6.0)


@pytest.fixture(scope="module")
def analysis(known):
    return analyse_map(known.density)


def overlap(one, two):
    return (one & two).sum() / (one | two).sum()


def test_it_is_nearer_to_the_molecule_than_to_anything_else(known, analysis):
    found = refine_mask(analysis)
    truth = onto(known.mask, found.shape)
    assert overlap(found, truth) > 0.7
    assert overlap(found, truth) > overlap(np.roll(found, 4, axis=0), truth) + 0.1


def test_it_is_in_one_piece_without_hollows(analysis):
    found = refine_mask(analysis)
    assert np.array_equal(found, ndimage.binary_fill_holes(found))
    sizes = np.bincount(ndimage.label(found)[0].ravel())[1:]
    assert (sizes >= 0.04 * sizes.max()).all()


def test_it_goes_with_the_axes(known, analysis):
    turned = DensityMap(
        known.density.data.transpose(2, 0, 1).copy(), Grid((50, 48, 52), GRID.voxel_size)
    )
    found = refine_mask(analyse_map(turned)).transpose(1, 2, 0)
    assert overlap(found, refine_mask(analysis)) > 0.98


def test_where_the_model_sees_no_molecule_the_mask_by_significance_stays(analysis, monkeypatch):
    models = load_models()
    blind = replace(models, mask=replace(models.mask, offset=-1e6))
    monkeypatch.setattr(module, "load_models", lambda: blind)
    assert refine_mask(analysis) is analysis.mask


def test_nothing_far_from_the_mask_by_significance_becomes_molecule(analysis, monkeypatch):
    models = load_models()
    eager = replace(models, mask=replace(models.mask, offset=1e6))
    monkeypatch.setattr(module, "load_models", lambda: eager)
    apart = ndimage.distance_transform_edt(
        ~analysis.mask, sampling=analysis.surface_grid.voxel_size_zyx
    )
    found = refine_mask(analysis)
    assert np.array_equal(found, ndimage.binary_fill_holes(apart <= 9.0))
