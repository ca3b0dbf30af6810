"""Half maps tell the errors of a fit: right errors stay, and what differs between halves counts."""

import numpy as np
import pytest
from small_models import density_of, noisy, three_chains

from occupy_core import EstimationError, GridMismatchError
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.regions.by_model.atoms import read_model
from occupy_core.regions.by_model.estimate import ChainParams, chain_occupancy
from occupy_core.regions.by_model.half_maps import excess

PARAMS = ChainParams(reference="A,C")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return read_model(three_chains(tmp_path_factory.mktemp("model") / "m.pdb"))


def halves_of(model, first, second, seed=1):
    """Two halves in which B has these occupancies, and their mean."""
    pair = [
        noisy(density_of(model, {"B": b}), 0.05, seed + i) for i, b in enumerate((first, second))
    ]
    return pair[0].with_data((pair[0].data + pair[1].data) / 2), tuple(pair)


def test_halves_of_one_mixture_leave_the_errors_as_they_are(model):
    density, pair = halves_of(model, 0.5, 0.5)
    without = chain_occupancy([density], model, PARAMS)
    with_halves = chain_occupancy([density], model, PARAMS, half_maps=[pair])
    assert np.array_equal(with_halves.occupancy, without.occupancy)
    ratio = with_halves.sigma[0] / without.sigma[0]
    assert (ratio >= 1 - 1e-9).all()
    assert (ratio < 1.5).all()


def test_a_region_that_differs_between_the_halves_is_less_certain_and_told(model):
    density, pair = halves_of(model, 0.3, 0.7)
    without = chain_occupancy([density], model, PARAMS)
    with_halves = chain_occupancy([density], model, PARAMS, half_maps=[pair])
    b = without.regions.index("B")
    assert with_halves.sigma[0, b] > 0.06
    assert with_halves.sigma[0, b] > 4 * without.sigma[0, b]
    assert any("differ by more than the noise explains" in note for note in with_halves.notes)


def test_the_scale_of_a_half_map_does_not_count(model):
    density, (first, second) = halves_of(model, 0.5, 0.5)
    other = second.with_data(7 * second.data)
    tables = [
        chain_occupancy([density], model, PARAMS, half_maps=[(first, half)])
        for half in (second, other)
    ]
    assert tables[1].sigma == pytest.approx(tables[0].sigma, rel=1e-3)


def test_half_maps_that_cannot_be_used_are_told(model):
    density, (first, _) = halves_of(model, 0.5, 0.5)
    with pytest.raises(EstimationError, match="hold the same density"):
        chain_occupancy([density], model, PARAMS, half_maps=[(first, first)])
    small = DensityMap(first.data[:40, :40, :40].copy(), Grid.cubic(40, 1.5))
    with pytest.raises(GridMismatchError):
        chain_occupancy([density], model, PARAMS, half_maps=[(first, small)])


@pytest.mark.parametrize("n", [2, 5, 40])
@pytest.mark.parametrize("truth", [1.0, 3.0])
def test_the_excess_follows_errors_that_were_too_small(n, truth):
    """On many draws: errors that are right stay nearly so, and three times too small ones grow."""
    rng = np.random.default_rng(5)
    covariance = 0.01**2 * np.eye(n)
    found = []
    for _ in range(300):
        first, second = (1 + truth * 0.01 * rng.normal(size=n) for _ in range(2))
        found.append(np.sqrt(excess(first, 0.3 * second, (covariance, 0.09 * covariance))).mean())
    if truth == 1:
        assert 1 <= np.mean(found) < 1.25
    else:
        assert np.mean(found) > {2: 1.3, 5: 1.7, 40: 2.4}[n]


def test_one_region_alone_has_nothing_to_compare(model):
    assert excess(np.ones(1), np.ones(1), (np.eye(1), np.eye(1))).tolist() == [1.0]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda data: np.roll(data, 2, 1), "is moved by"),
        (lambda data: data[::-1], "is a mirror image of"),
        (lambda data: np.rot90(data, 2, (1, 2))[::-1], "is a mirror image of"),
    ],
)
def test_half_maps_that_lie_elsewhere_or_are_mirrored_are_refused(model, change, sentence):
    density, pair = halves_of(model, 0.5, 0.5)
    changed = tuple(half.with_data(np.ascontiguousarray(change(half.data))) for half in pair)
    with pytest.raises(EstimationError, match=sentence):
        chain_occupancy([density], model, PARAMS, half_maps=[changed])
