"""Volumes in which noise is as dense as the molecule are contoured like the others."""

import numpy as np
from ensembles import ellipsoid

from occupy_core.blocks.contour.binarize import binarize
from occupy_core.blocks.find import find_blocks
from occupy_core.blocks.params import BlocksParams
from occupy_core.maps import DensityMap, Grid
from occupy_core.maps.ensemble import Ensemble

SHAPE = (34, 30, 36)
BODY = ellipsoid(SHAPE, np.array([17, 15, 18]), np.array([8, 7, 9]), 0.8)


def ensemble_of(volumes):
    grid = Grid(SHAPE, (4.0,) * 3)
    return Ensemble(
        [DensityMap(v.astype(np.float32), grid, f"v{i}") for i, v in enumerate(volumes)]
    )


def rigid(noises, rng):
    """One body with a different level of noise, grey scale and offset in each volume."""
    return [
        rng.uniform(0.3, 3) * (BODY + s * rng.standard_normal(SHAPE)) + rng.uniform(-1, 1)
        for s in noises
    ]


def test_a_body_in_noise_of_different_strength_is_no_block():
    rng = np.random.default_rng(2)
    noises = np.where(np.arange(80) % 8 == 0, 1.0, 0.05)
    ensemble = ensemble_of(rigid(noises, rng))
    found = find_blocks(ensemble)
    assert found.blocks == ()
    assert found.empty == ()
    # The noisy ones would be empty by themselves; what is on in them is the body, too.
    fractions = found.occupied.thresholds.on_fraction
    assert fractions[noises == 1].min() > 0.5 * (BODY > 0.5).mean()


def test_volumes_of_nothing_are_told_and_left_out_on_request():
    rng = np.random.default_rng(3)
    volumes = rigid(np.full(40, 0.2), rng)
    for i in (3, 17):
        volumes[i] = rng.standard_normal(SHAPE)
    volumes[21] = -volumes[21]
    ensemble = ensemble_of(volumes)
    kept = find_blocks(ensemble)
    assert kept.empty == ("v3", "v17", "v21")
    assert any("3 of 40 volumes nothing stands out" in text for text in kept.warnings)
    left = find_blocks(ensemble, BlocksParams(filter_volumes=True))
    assert not {"v3", "v17", "v21"} & set(left.occupied.names)
    assert left.empty == ()


def test_noise_alone_stays_empty():
    rng = np.random.default_rng(4)
    occupied = binarize(ensemble_of([rng.standard_normal(SHAPE) for _ in range(20)]))
    assert occupied.thresholds.empty.mean() > 0.8
    assert occupied.thresholds.used.all()
