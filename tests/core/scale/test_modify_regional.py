"""Modification by the regional scale: what is full stays, and classes stay comparable."""

import numpy as np
import pytest
from calibrated_maps import FINE, bodies
from scipy import ndimage

from occupy_core.scale.estimate import estimate_scale
from occupy_core.scale.modify import full_within_error, iter_modified
from occupy_core.scale.params import ModifyParams, ScaleParams

OCC = ScaleParams(mode="occ")
SHARES = (1.0, 0.4)  # of the second body in the two classes
APART = 8.0  # Å


@pytest.fixture(scope="module")
def classes():
    """Two maps with noise of their own, each attenuated by its own scale."""
    made = []
    for seed, share in enumerate(SHARES, start=1):
        density, regions = bodies(share, grid=FINE, seed=seed)
        scale = estimate_scale(density, OCC)
        (attenuated,) = iter_modified(
            *(density, scale.scale, scale.confidence, scale.solvent, ModifyParams(attenuate=30)),
            sigma=scale.sigma,
            place=scale.place,
        )
        made.append((density.data, attenuated.map.data))
    return made, regions


def test_classes_differ_by_noise_alone_where_they_are_the_same(classes):
    (first, second), (full, differing) = classes
    apart = ndimage.distance_transform_edt(~differing, sampling=FINE.voxel_size) > APART
    before, after = (second[i] - first[i] for i in (0, 1))
    clean = bodies(0.0, noise=0.0, grid=FINE)[0].data
    for where in (full & apart, ~full & apart):
        assert after[where].std() == pytest.approx(before[where].std(), rel=0.05)
    # Nothing of the molecule is left in the difference: less than noise leaves there by chance.
    signal = clean[full & apart]
    gain = [float(d[full & apart] @ signal / (signal @ signal)) for d in (before, after)]
    assert gain[1] == pytest.approx(gain[0], abs=0.01)


def test_what_differs_is_taken_away_from_the_class_that_lacks_it(classes):
    (first, second), (_, differing) = classes
    clean = bodies(1.0, noise=0.0, grid=FINE)[0].data[differing]
    gains = [float(c[1][differing] @ clean / (clean @ clean)) for c in (first, second)]
    assert gains[0] > 0.95
    assert gains[1] < 0.05


@pytest.mark.parametrize("values", [{"amplify": 30.0}, {"attenuate": 30.0}, {"sigmoid": 8.0}])
def test_full_density_and_solvent_keep_their_bytes(values):
    density, _ = bodies(0.4, grid=FINE, seed=2)
    scale = estimate_scale(density, OCC)
    given = (density, scale.scale, scale.confidence, scale.solvent, ModifyParams(**values))
    (made,) = iter_modified(*given, sigma=scale.sigma, place=scale.place)
    outside = scale.place.data == 0
    full = full_within_error(scale.scale.data, scale.sigma.data) == 1
    kept = outside | full
    if "amplify" in values:  # what may be nothing is not amplified
        kept |= scale.scale.data <= 2 * scale.sigma.data
    changed = ~kept
    assert min(outside.mean(), 10 * full.mean(), 10 * changed.mean()) > 0.1
    np.testing.assert_array_equal(made.map.data[kept], density.data[kept])
    assert (made.map.data[changed] != density.data[changed]).mean() > 0.9
