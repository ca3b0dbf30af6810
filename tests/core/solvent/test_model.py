"""The solvent model: what it finds, from which voxels, and what it warns of."""

import numpy as np
import pytest
from scipy import ndimage

from occupy_core.errors import EstimationError, GridMismatchError
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.synthetic import two_bodies
from occupy_core.maps.threads import threads
from occupy_core.solvent.blank import find_blank
from occupy_core.solvent.model import fit_solvent
from occupy_core.solvent.region import inscribed_ellipsoid

GRID = Grid.cubic(48, 2.0)


def noisy_bodies(grid=GRID, noise=0.05, **more):
    density, bodies = two_bodies(grid, noise=noise, noise_b_factor=60.0, resolution=8.0, **more)
    return density, bodies[0] | bodies[1]


def noise_of(density, noise=0.05):
    """Return the same noise without the bodies."""
    clean, _ = two_bodies(density.grid, noise=0.0, resolution=8.0)
    return density.data - clean.data


@pytest.fixture(scope="module")
def bodies():
    return noisy_bodies()


@pytest.fixture(scope="module")
def model(bodies):
    return fit_solvent(bodies[0])


def test_model_has_the_mean_and_width_of_the_noise(bodies, model):
    noise = noise_of(bodies[0])
    assert model.sigma == pytest.approx(noise.std(), rel=0.08)
    assert abs(model.mean - noise.mean()) < 0.2 * noise.std()
    assert not model.suspect
    assert model.warnings == ()
    assert model.region == "inscribed sphere"


def test_curve_and_histogram_agree_at_the_peak(model):
    centres = 0.5 * (model.edges[1:] + model.edges[:-1])
    near = np.abs(centres - model.mean) < model.sigma
    np.testing.assert_allclose(
        model.density[near].mean(), model.curve(centres[near]).mean(), rtol=0.05
    )


def test_confidence_is_low_in_solvent_and_high_in_content(bodies, model):
    density, content = bodies
    confidence = model.confidence(density.data)
    far = inscribed_ellipsoid(GRID.shape) & ~content & (density.data < model.mean + model.sigma)
    assert confidence[far].max() < 0.1
    assert confidence[density.data > 0.6 * density.data.max()].min() > 0.95
    order = np.argsort(density.data, axis=None)
    assert np.all(np.diff(confidence.ravel()[order]) >= 0)


def test_value_at_half_confidence_parts_the_two(bodies, model):
    confidence = model.confidence(bodies[0].data)
    level = (model.hi - model.lo) / 1000
    above = bodies[0].data > model.value_at_half_confidence + 2 * level
    below = bodies[0].data < model.value_at_half_confidence - 2 * level
    assert confidence[above].min() > 0.5
    assert confidence[below].max() <= 0.5


def test_limits_are_ordered(model):
    assert model.lo < model.mean < model.content_at_one_percent < model.edge < model.hi


def test_hedging_is_a_power_of_the_confidence(bodies, model):
    hedged = fit_solvent(bodies[0], hedge_confidence=3.0)
    np.testing.assert_allclose(hedged.confidence_table, model.confidence_table**3, rtol=1e-5)
    assert hedged.value_at_half_confidence > model.value_at_half_confidence


@pytest.mark.parametrize("inverted", [False, True])
def test_definition_may_cover_solvent_or_content(bodies, inverted):
    density, content = bodies
    grown = ndimage.binary_dilation(content, iterations=3)
    mask = density.with_data((grown ^ inverted).astype(np.float32), "mask")
    model = fit_solvent(density, definition=mask)
    assert model.region == "solvent definition"
    noise = noise_of(density)[inscribed_ellipsoid(GRID.shape) & ~content]
    assert model.sigma == pytest.approx(noise.std(), rel=0.1)
    assert model.edges[-1] < density.data.max() / 2  # no content in the histogram


def test_soft_definition_counts_above_nine_tenths(bodies):
    density, content = bodies
    hard = fit_solvent(density, definition=density.with_data(content.astype(np.float32)))
    soft = fit_solvent(density, definition=density.with_data(0.85 + 0.1 * content))
    assert (soft.mean, soft.sigma) == (hard.mean, hard.sigma)


@pytest.mark.parametrize(("value", "relation"), [(0.0, "above"), (1.0, "below")])
def test_definition_with_an_empty_side_is_refused(bodies, value, relation):
    mask = bodies[0].with_data(np.full(GRID.shape, value), "mask")
    with pytest.raises(EstimationError, match=f"mask has no voxel {relation} 0.9 .* values 0 and"):
        fit_solvent(bodies[0], definition=mask)


def test_definition_on_another_grid_is_refused(bodies):
    other = DensityMap(np.ones((40, 40, 40)), Grid.cubic(40, 2.4), "mask")
    with pytest.raises(GridMismatchError, match="solvent definition mask"):
        fit_solvent(bodies[0], definition=other)


@pytest.mark.parametrize(
    "grid",
    [Grid.cubic(41, 2.0), Grid((40, 36, 52), (2.0, 2.0, 2.0)), Grid((32, 40, 48), (1.6, 2.0, 2.4))],
    ids=str,
)
def test_model_of_any_box(grid):
    density, _ = noisy_bodies(grid)
    model = fit_solvent(density)
    assert model.sigma == pytest.approx(noise_of(density).std(), rel=0.2)
    assert not model.suspect


def test_model_is_the_same_for_any_number_of_threads(bodies):
    models = []
    for n in (1, 3):
        with threads(n):
            models.append(fit_solvent(bodies[0]))
    assert np.array_equal(models[0].confidence_table, models[1].confidence_table)
    assert models[0].sigma == models[1].sigma


def test_masked_solvent_is_told_and_the_model_stays_usable(bodies):
    density, content = bodies
    mask = ndimage.binary_dilation(content, iterations=2)
    masked = density.with_data(density.data * mask, "masked")
    model = fit_solvent(masked, blank=find_blank(masked))
    assert model.suspect
    (warning,) = model.warnings
    share = 1 - mask[inscribed_ellipsoid(GRID.shape)].mean()
    assert f"{share:.0%} of the voxels where masked may have solvent have exactly one" in warning
    assert warning.endswith("use the map before masking.")
    assert np.isfinite(model.confidence_table).all()
    assert model.confidence(masked.data)[masked.data > 0.5 * masked.data.max()].min() > 0.9


def test_corners_that_were_masked_away_do_not_matter(bodies, model):
    density, _ = bodies
    masked = density.with_data(density.data * inscribed_ellipsoid(GRID.shape), "masked")
    found = fit_solvent(masked, blank=find_blank(masked))
    assert found.warnings == ()
    assert found.sigma == pytest.approx(model.sigma, rel=1e-3)


def test_voxels_left_out_count_nowhere(bodies, model):
    density, _ = bodies
    inside = inscribed_ellipsoid(GRID.shape)
    inside[:15] = False
    strange = np.where(inside, density.data, -0.5 * density.data.max())
    found = fit_solvent(density.with_data(strange), left_out=~inside)
    assert found.sigma == pytest.approx(model.sigma, rel=0.05)
    assert found.mean == pytest.approx(model.mean, abs=0.1 * model.sigma)
    assert found.warnings == ()


def test_flat_solvent_gives_a_narrow_model(bodies):
    density, content = bodies
    flat = density.with_data(np.where(content, density.data, 0), "flat")
    mask = density.with_data(content.astype(np.float32))
    for definition in (None, mask):
        model = fit_solvent(flat, definition=definition)
        assert 0 < model.sigma < 0.01 * (model.hi - model.lo)
        assert (
            model.confidence(flat.data)[content & (flat.data > 0.2 * flat.data.max())].min() > 0.9
        )


def test_map_of_noise_alone_is_suspect():
    noise = np.random.default_rng(0).standard_normal((40, 40, 40), dtype=np.float32)
    model = fit_solvent(DensityMap(noise, Grid.cubic(40, 2.0), "noise"))
    assert model.suspect
    assert "The solvent model of noise is probably bad" in model.warnings[0]


def test_few_voxels_of_solvent_are_told():
    density, _ = noisy_bodies(Grid.cubic(10, 9.6))
    model = fit_solvent(density)
    assert len(model.density) < 100
    assert (
        "Only 552 voxels" in model.warnings[0] or "voxels of two_bodies define" in model.warnings[0]
    )
    assert model.sigma > 0


def test_dark_content_is_told(bodies):
    density, _ = bodies
    model = fit_solvent(density.with_data(-density.data, "negative"))
    assert model.dark
    (warning,) = model.warnings  # what else is odd follows from that
    assert "seems to be darker than its solvent" in warning


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_a_number_is_refused(bodies, value):
    data = bodies[0].data.copy()
    data[3, 4, 5] = value
    with pytest.raises(EstimationError, match="contains NaN or Inf; replace them by numbers"):
        fit_solvent(bodies[0].with_data(data))


def test_constant_map_is_refused():
    with pytest.raises(EstimationError, match="has the value 2 everywhere"):
        fit_solvent(DensityMap(np.full((8, 8, 8), 2), Grid.cubic(8, 1.0)))


@pytest.mark.parametrize("offset", [0.0, 100.0, 1e6])
def test_grey_values_far_from_zero_do_not_break_the_histogram(bodies, offset):
    density, _ = bodies
    model = fit_solvent(density.with_data(density.data + np.float32(offset)))
    assert np.isfinite(model.density).all()
    assert np.isfinite(model.confidence_table).all()
    assert abs(model.mean - offset) < max(density.data.max() / 2, 1e-7 * offset)
