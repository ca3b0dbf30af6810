"""From energies to resolution: crossings, censoring, uncertainty, global resolution."""

import numpy as np
import pytest

from occupy_core.resolution.measure.bands import make_bands
from occupy_core.resolution.read.crossing import first_crossing, fsc_from_energy, smooth_bands
from occupy_core.resolution.read.global_resolution import from_energies

BANDS = make_bands(0.4)
F = BANDS.frequency


def curve(b_factor, level=300.0):
    """Energy over noise of exp(-B f² / 2) signal in unit noise, shape (bands, 1)."""
    return (1 + level * np.exp(-b_factor / 2 * F**2))[:, None].astype(np.float32)


def true_crossing(b_factor, threshold, level=300.0):
    ssnr = 2 * threshold / (1 - threshold)
    return float(np.sqrt(2 * np.log(level / ssnr) / b_factor))


def test_fsc_follows_from_the_ssnr_of_half_maps():
    fsc = fsc_from_energy(np.full((3, 1), 1 + 1 / 3, np.float32), np.ones(3))
    assert np.allclose(fsc, (1 / 6) / (1 + 1 / 6))


@pytest.mark.parametrize("threshold", [0.143, 0.5])
@pytest.mark.parametrize("b_factor", [150, 250, 500])
def test_crossing_of_a_gaussian_decay_is_found(b_factor, threshold):
    fsc = fsc_from_energy(curve(b_factor), np.ones(len(F)))
    found = first_crossing(fsc, BANDS, threshold, 0.4)
    assert not found.censored[0]
    # Bands have a width: a steep decay is smeared by as much.
    assert found.frequency[0] == pytest.approx(true_crossing(b_factor, threshold), rel=0.08)


def test_a_curve_that_does_not_cross_is_censored_and_follows_its_decay():
    b_factor = 70.0
    found = first_crossing(fsc_from_energy(curve(b_factor), np.ones(len(F))), BANDS, 0.143, 0.4)
    assert found.censored[0]
    assert found.frequency[0] == pytest.approx(true_crossing(b_factor, 0.143), rel=0.1)


def test_extrapolation_stops_a_quarter_past_the_limit():
    found = first_crossing(np.full((len(F), 1), 0.999, np.float32), BANDS, 0.143, 0.4)
    assert found.censored[0]
    assert found.frequency[0] <= 1.25 * 0.4 + 1e-6


def test_no_signal_at_all_is_the_coarsest_resolution():
    found = first_crossing(np.zeros((len(F), 1), np.float32), BANDS, 0.143, 0.4)
    assert found.resolution[0] == pytest.approx(25)
    assert not found.censored[0]


def test_crossing_only_in_the_last_band_must_be_clear():
    fsc = np.full((len(F), 2), 0.9, np.float32)
    fsc[-1] = 0.12, 0.0
    censored = first_crossing(fsc, BANDS, 0.143, 0.4).censored
    assert censored.tolist() == [True, False]


def test_smoothing_keeps_a_straight_line_inside():
    line = np.linspace(1, 0, 9, dtype=np.float32)[:, None]
    assert np.allclose(smooth_bands(line)[:-1], line[:-1], atol=1e-6)


def test_global_resolution_is_that_of_the_mean_signal():
    energy = np.stack([curve(150)[:, 0], curve(350)[:, 0]], axis=1).reshape(len(F), 1, 1, 2)
    mask = np.ones((1, 1, 2), bool)
    found = from_energies(energy.astype(np.float32), np.ones(len(F), np.float32), mask, BANDS, 0.4)
    assert 1 / true_crossing(150, 0.143) < found.at_0143 < 1 / true_crossing(350, 0.143)
    assert found.at_05 > found.at_0143
    assert not found.censored
