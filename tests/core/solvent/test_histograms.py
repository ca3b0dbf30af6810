"""The main peak of a histogram, its limits and the confidence table."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from occupy_core.solvent.histograms import (
    Gaussian,
    confidence_table,
    constants_unit,
    density_histogram,
    fit_main_peak,
    skewness,
    solvent_limits,
)


def sample(scale=1.0, content=0.1, seed=0, n=200_000):
    """Gaussian solvent (0.1, 0.5) with an exponential tail of content, times `scale`."""
    rng = np.random.default_rng(seed)
    solvent = rng.normal(0.1, 0.5, n)
    tail = rng.exponential(2.0, int(content * n)) + 0.5
    return (np.concatenate([solvent, tail]) * scale).astype(np.float32)


def histogram_of(values, levels=1000):
    return density_histogram(values, levels, (float(values.min()), float(values.max())), None)


def test_density_is_that_of_numpy_and_sums_to_one():
    values = sample()
    edges, density = histogram_of(values, 200)
    expected, expected_edges = np.histogram(values.astype(np.float64), edges, density=True)
    np.testing.assert_allclose(density, expected, rtol=1e-4)
    assert np.sum(density * np.diff(edges)) == pytest.approx(1, rel=1e-6)
    assert np.array_equal(edges, expected_edges)


@pytest.mark.parametrize("scale", [1e-9, 0.03, 1.0, 1e7])
def test_fit_finds_the_solvent_under_content_for_any_grey_scale(scale):
    peak = fit_main_peak(*histogram_of(sample(scale, content=0.03)))
    assert peak.mean / scale == pytest.approx(0.1, abs=0.02)
    assert peak.sigma / scale == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("content", [0.0, 0.05, 0.5])
@pytest.mark.parametrize("levels", [60, 1000])
def test_fit_is_the_least_squares_solution_of_scipy(content, levels):
    edges, density = histogram_of(sample(content=content), levels)
    mode = int(np.argmax(density))
    start = density[mode], edges[mode], 0.5

    def model(x, a, m, s):
        return a * np.exp(-((x - m) ** 2) / (2 * s**2))

    expected, _ = curve_fit(model, np.linspace(edges[0], edges[-1], levels), density, p0=start)
    np.testing.assert_allclose(fit_main_peak(edges, density), expected, rtol=1e-4)


@pytest.mark.parametrize(
    "density",
    [
        np.eye(1, 50, 20)[0],
        np.eye(1, 50, 49)[0],
        np.ones(50),
        np.linspace(1, 2, 50),
        np.linspace(2, 1, 50),
        np.r_[1.0, np.zeros(49)],
        np.tile([1.0, 0.0], 25),
    ],
)
def test_fit_of_a_histogram_without_a_gaussian_stays_usable(density):
    edges = np.linspace(-1, 1, 51)
    peak = fit_main_peak(edges, density)
    assert -1 <= peak.mean <= 1
    assert peak.sigma > 0
    assert peak.amplitude > 0
    assert np.all(np.isfinite(peak(edges)))


def test_gaussian_has_its_height_at_its_mean_and_falls_to_60_percent_at_sigma():
    peak = Gaussian(2.0, 1.0, 0.5)
    np.testing.assert_allclose(peak(np.array([1.0, 1.5])), [2.0, 2 * np.exp(-0.5)])


def occupy_table(density, model, constant):
    """The rule of OccuPy 0.1.13, value by value."""
    out = (density + constant - model) / (density + constant)
    slope = 0.0
    for i in range(len(out) - 2, -1, -1):
        out[i] = min(out[i], out[i + 1], out[i + 1] - slope)
        slope = out[i + 1] - out[i]
        if out[i - 1] <= 0:
            out[: i - 1] = 0
            break
    return np.clip(out, 0, 1)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 3))
def test_confidence_follows_the_rule_of_occupy(seed, height):
    rng = np.random.default_rng(seed)
    density = rng.exponential(1.0, 60)
    model = height * np.exp(-np.arange(60) / rng.uniform(2, 30))
    table = confidence_table(density, model, 1.0)
    assert np.array_equal(table, occupy_table(density, model, 0.01))
    assert np.all(np.diff(table) >= 0)
    assert table.min() >= 0
    assert table.max() <= 1


def test_confidence_separates_solvent_from_content():
    values = sample()
    edges, density = histogram_of(values)
    table = confidence_table(density, fit_main_peak(edges, density)(edges[:-1]), 1.0)
    assert np.all(table[edges[:-1] < 0.6] < 0.1)
    assert np.all(table[edges[:-1] > 3] > 0.9)


def test_constants_follow_low_peaks_only():
    assert constants_unit(np.array([0.0, 5.0])) == 1
    assert constants_unit(np.array([0.0, 0.02])) == pytest.approx(0.2)
    for height in (0.02, 40.0, 4e5):
        unit = constants_unit(np.array([0.0, height]), as_occupy=False)
        assert unit == pytest.approx(height / 40)


@pytest.mark.parametrize("scale", [1.0, 30.0, 3e5])
def test_confidence_does_not_depend_on_the_grey_unit_of_large_values(scale):
    values = sample(1e4)
    edges, density = histogram_of(values)
    table = confidence_table(
        density, fit_main_peak(edges, density)(edges[:-1]), constants_unit(density)
    )
    edges, density = histogram_of(values * np.float32(scale))
    other = confidence_table(
        density, fit_main_peak(edges, density)(edges[:-1]), constants_unit(density)
    )
    middle = np.searchsorted(table, 0.5), np.searchsorted(other, 0.5)
    assert abs(middle[0] - middle[1]) < 15  # of 1000 levels; float32 edges move single voxels


def test_limits_stand_above_the_solvent_in_order():
    edges, density = histogram_of(sample())
    peak = fit_main_peak(edges, density)
    edge, one_percent = solvent_limits(edges, density, peak, constants_unit(density))
    assert peak.mean < one_percent < edge < edges[-1]
    assert peak(np.array([edge])) == pytest.approx(1e-9, rel=0.5)


def test_limits_of_a_histogram_that_is_all_content_are_its_ends():
    edges = np.linspace(0, 1, 11)
    edge, one_percent = solvent_limits(edges, np.ones(10), Gaussian(1e-12, 0.5, 0.1), 1.0)
    assert (edge, one_percent) == (1, 0)


def test_skewness_has_the_sign_of_the_tail():
    values = sample()
    assert skewness(*histogram_of(values)) > 1
    assert skewness(*histogram_of(-values)) < -1
    assert abs(skewness(*histogram_of(sample(content=0)))) < 0.05
