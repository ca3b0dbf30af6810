"""How sure a local resolution is: intervals, the noise that all points share, false crossings."""

from dataclasses import replace

import numpy as np
import pytest

from occupy_core.maps import DensityMap, Grid
from occupy_core.resolution.measure.bands import BandEnergies, local_energies, make_bands
from occupy_core.resolution.measure.solvent_shells import BandNoise
from occupy_core.resolution.measure.spectrum import analyse
from occupy_core.resolution.read.crossing import Crossing, first_crossing, fsc_from_energy
from occupy_core.resolution.read.halfmaps import half_map_energies, local_fsc
from occupy_core.resolution.read.uncertainty import (
    clearly_crossed,
    deviation_from_fsc,
    deviation_from_ssnr,
    noise_error,
)

BANDS = make_bands(0.4)
F = BANDS.frequency
GRID = Grid((9, 11, 10), (3.3, 3.2, 3.4))
ENERGIES = BandEnergies(BANDS, np.ones((len(F), *GRID.shape), np.float32), GRID, 5.0)
EVERYWHERE = np.ones(GRID.shape, bool)


def solvent(shells):
    one = np.ones(GRID.shape, np.float32)
    return BandNoise(
        power=np.ones(len(F)),
        trend=one,
        molecule=EVERYWHERE,
        zone=EVERYWHERE,
        shells=shells,
        room=shells,
        featureless=False,
    )


def curves(crossed, depth):
    """FSC that stays at 0.5, but for a part of the points that ends `depth` below 0.143."""
    fsc = np.full((len(F), *GRID.shape), 0.5, np.float32)
    count = round(crossed * EVERYWHERE.size)
    fsc.reshape(len(F), -1)[-2:, :count] = 0.143 - depth
    return fsc


def believed(fsc, level=0.05):
    return clearly_crossed(fsc, ENERGIES, 0.143, level, EVERYWHERE).mean()


def test_a_crossing_that_is_doubtful_by_itself_is_believed_among_many_sure_ones():
    fsc = curves(0.9, 0.143)
    fsc.reshape(len(F), -1)[-2:, -20:] = 0.143 - 0.06
    assert believed(fsc) == pytest.approx(0.9 + 20 / EVERYWHERE.size)


def test_few_doubtful_crossings_of_a_map_past_its_limit_are_not_believed():
    assert believed(curves(0.02, 0.06)) == 0
    assert believed(curves(0.02, 0.143)) == pytest.approx(0.02, abs=1e-3)


def test_chance_alone_makes_no_crossings():
    rng = np.random.default_rng(0)
    for _ in range(5):
        shape = (len(F), *GRID.shape)
        fsc = (0.25 + 0.06 * rng.standard_normal(shape)).astype(np.float32)
        assert (fsc < 0.143).any(axis=0).mean() > 0.2
        assert believed(fsc) < 0.005


def test_an_uncertain_noise_makes_crossings_doubtful():
    fsc = curves(0.5, 0.07)
    assert believed(fsc, level=0.02) == pytest.approx(0.5, abs=1e-3)
    assert believed(fsc, level=0.3) == 0


def test_where_there_is_no_molecule_nothing_is_believed():
    nowhere = np.zeros(GRID.shape, bool)
    assert not clearly_crossed(curves(0.5, 0.143), ENERGIES, 0.143, 0.05, nowhere).any()


def test_less_solvent_within_a_mask_makes_the_noise_less_sure():
    open_box = noise_error(solvent(3), within_mask=False)
    assert noise_error(solvent(12), within_mask=False) == open_box
    within = [noise_error(solvent(n), within_mask=True) for n in (3, 5, 8)]
    assert within == sorted(within, reverse=True)
    assert within[-1] > open_box
    assert np.isfinite(noise_error(solvent(0), within_mask=True))


@pytest.mark.parametrize("level", [0.05, 0.15])
def test_intervals_cover_what_they_claim_when_a_whole_map_shares_its_error(level):
    rng = np.random.default_rng(7)
    freedom, noise = ENERGIES.freedom[:, None], np.ones(len(F))
    energy = 1 + 300 * np.exp(-120 / 2 * F**2)[:, None]
    true = first_crossing(fsc_from_energy(energy.astype(np.float32), noise), BANDS, 0.143, 0.4)
    covered = []
    for _ in range(300):
        measured = energy * rng.gamma(freedom / 2, 2 / freedom, (len(F), 50))
        fsc = fsc_from_energy((measured / (1 + level * rng.standard_normal())).astype("f4"), noise)
        found = first_crossing(fsc, BANDS, 0.143, 0.4)
        found = replace(found, censored=np.zeros(50, bool))
        sigma = deviation_from_ssnr(found, ENERGIES, 0.143, level)
        covered.append(np.mean(np.abs(found.resolution - true.resolution) < sigma))
    assert 0.6 < np.mean(covered) < 0.8


# ---- against the scatter of white noise, of which every window is a sample of its own
WHITE = Grid((70, 64, 72), (1.5, 1.6, 1.5))
WINDOW = 5.0


def white(seed):
    values = np.random.default_rng(seed).standard_normal(WHITE.shape, dtype=np.float32)
    return DensityMap(values, WHITE)


def unit_crossing(energies, band):
    """A crossing of slope 1 at 1 Å: there the deviation in Å is that of the FSC."""
    one = np.ones(1)
    return Crossing(frequency=one, slope=one, band=np.array([band]), censored=np.zeros(1, bool))


def middle_bands(energies):
    return range(3, len(energies.bands.frequency) - 3, 3)


def test_the_error_of_energy_over_noise_is_the_scatter_of_white_noise():
    spectrum = analyse(white(0))
    (energies,) = local_energies((spectrum,), WINDOW)
    threshold = 0.143
    level = energies.energy.mean(axis=(1, 2, 3))
    # Signal that is white too: the FSC of all windows is the threshold, but for chance.
    noise = level * (1 - threshold) / (1 + threshold)
    fsc = fsc_from_energy(energies.energy, noise)
    ratios = [
        fsc[b].std() / deviation_from_ssnr(unit_crossing(energies, b), energies, threshold, 0.0)[0]
        for b in middle_bands(energies)
    ]
    assert np.mean(ratios) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("threshold", [0.143, 0.5])
def test_the_error_of_the_fsc_of_half_maps_is_the_scatter_of_white_noise(threshold):
    signal = white(3).data * np.float32((threshold / (1 - threshold)) ** 0.5)
    halves = [DensityMap(signal + white(seed).data, WHITE) for seed in (1, 2)]
    _, mean, difference = half_map_energies(*halves, WINDOW)
    fsc = local_fsc(mean, difference)
    assert fsc.mean() == pytest.approx(threshold, abs=0.02)
    ratios = [
        fsc[b].std() / deviation_from_fsc(unit_crossing(mean, b), mean, threshold)[0]
        for b in middle_bands(mean)
    ]
    assert np.mean(ratios) == pytest.approx(1, abs=0.2)


def test_what_has_not_crossed_by_the_limit_of_the_bands_is_less_sure_the_further_past_it():
    limit = BANDS.edges[-1, 2]
    crossing = Crossing(
        frequency=np.float32([limit, 1.2 * limit, 1.2 * limit]),
        slope=np.full(3, 1e6, np.float32),  # the curve itself leaves no doubt
        band=np.zeros(3, int),
        censored=np.array([True, True, False]),
    )
    energies = replace(ENERGIES, energy=np.ones((len(F), 3), np.float32))
    relative = deviation_from_fsc(crossing, energies, 0.143) * crossing.frequency
    assert relative[0] == pytest.approx(0.05, rel=1e-3)
    assert relative[1] == pytest.approx(0.05 + 0.5 * 0.2, rel=1e-3)
    assert relative[2] < 0.02
