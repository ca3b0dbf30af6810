"""Particles of a rule, and how pure they are."""

import numpy as np
import pytest

from occupy_core import ParameterError
from occupy_core.particles.selection import (
    maps_that_fit,
    nearest_volume,
    per_particle,
    purities,
)

OCCUPANCY = np.array([[1.0, 0.02], [0.5, np.nan], [0.0, 0.9]])
SIGMA = np.array([[0.02, 0.02], [0.05, np.nan], [0.02, 0.05]])


def test_each_particle_belongs_to_the_nearest_volume():
    rng = np.random.default_rng(0)
    latent, centers = rng.normal(size=(200, 3)), rng.normal(size=(7, 3))
    distances = np.linalg.norm(latent[:, None] - centers, axis=2)
    np.testing.assert_array_equal(nearest_volume(latent, centers), distances.argmin(axis=1))


def test_latent_spaces_of_other_dimensions_are_told():
    with pytest.raises(ParameterError, match="3 latent coordinates but the volumes have 2"):
        nearest_volume(np.zeros((4, 3)), np.zeros((2, 2)))


def test_purity_is_the_mean_of_the_shares_and_its_error_follows_from_theirs():
    groups = np.repeat([0, 1, 2], [30, 10, 60])
    first, *rest = purities(groups < 2, groups, OCCUPANCY, SIGMA, ("D", "E"))
    assert first.region == "D"
    assert rest == []  # E is not known in a map that was chosen
    assert first.share == pytest.approx((30 * 1.0 + 10 * 0.5) / 40)
    spread = first.share * (1 - first.share) / 40
    errors = (30 * 0.02) ** 2 + (10 * 0.05) ** 2
    assert first.sigma == pytest.approx(np.sqrt(errors / 40**2 + spread))
    assert first.n_expected == pytest.approx(35)
    assert first.of_all == pytest.approx(1.0)


def test_predicted_purity_holds_for_drawn_particles():
    rng = np.random.default_rng(1)
    groups = rng.integers(0, 3, 3000)
    z = []
    for _ in range(300):
        shares = np.clip(OCCUPANCY[:, :1] + SIGMA[:, :1] * rng.normal(size=(3, 1)), 0, 1)
        has = rng.random(len(groups)) < shares[groups, 0]
        (found,) = purities(groups < 2, groups, OCCUPANCY[:, :1], SIGMA[:, :1], ("D",))
        z.append((has[groups < 2].mean() - found.share) / found.sigma)
    # Shares are cut off at 1, so the full map scatters less than its error says.
    assert 0.6 < np.std(z) < 1.1


def test_nothing_chosen_has_no_purity():
    groups = np.array([0, 1])
    assert purities(np.zeros(2, bool), groups, OCCUPANCY, SIGMA, ("D", "E")) == ()


def test_particles_take_the_values_of_their_map():
    found = per_particle(np.array([2, 0, 2]), {"D": OCCUPANCY[:, 0]})
    assert found["D"].tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        (None, [True, True, True]),
        ("", [True, True, True]),
        ("D > 0.4", [True, True, False]),
        ("D > 0.4 and E < 0.5", [True, False, False]),
        ("not E > 0.5", [True, False, False]),  # E of the last map is not known
    ],
)
def test_a_rule_does_not_hold_where_an_occupancy_is_not_known(rule, fits):
    columns = {"D": np.array([1.0, 0.5, 0.0]), "E": np.array([0.2, 0.8, np.nan])}
    assert maps_that_fit(rule, columns).tolist() == fits


def test_a_rule_of_an_unknown_region_is_refused():
    with pytest.raises(ParameterError, match="F"):
        maps_that_fit("F > 0.5", {"D": np.ones(2)})
