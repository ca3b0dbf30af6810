"""The second opinion: where the monogenic amplitude of a band stands out of the noise."""

import numpy as np
import pytest
from resolution_maps import two_resolutions

from occupy_core.maps import DensityMap, Grid
from occupy_core.resolution.measure.analysis import analyse_map
from occupy_core.resolution.read.monogenic import _amplitude, disagreement, monogenic_resolution

GRID = Grid.cubic(48, 1.5)


@pytest.fixture(scope="module")
def known():
    return two_resolutions(GRID, noise=4.0)


@pytest.fixture(scope="module")
def analysis(known):
    return analyse_map(known.density)


@pytest.fixture(scope="module")
def opinion(analysis):
    return monogenic_resolution(analysis)


def at_voxels(values, mask):
    """Values on the coarse grid where a mask of the map holds."""
    index = (np.argwhere(mask) * (np.array(values.shape) / mask.shape)).astype(int)
    return values[tuple(index.T)]


def test_sharp_density_is_seen_to_be_sharper_than_blurred(known, opinion):
    sharp, blurred = (at_voxels(opinion, part) for part in (known.sharp, known.blurred))
    assert np.median(blurred) > 1.4 * np.median(sharp)


def test_one_twentieth_of_the_solvent_stands_out_in_the_coarsest_band(analysis, opinion):
    finer = opinion[analysis.noise.zone] < opinion.max()
    assert finer.mean() == pytest.approx(0.05, abs=0.002)


def test_it_needs_no_grey_scale(known, opinion):
    density = known.density
    other = analyse_map(DensityMap(200 * density.data + 7, GRID))
    assert monogenic_resolution(other) == pytest.approx(opinion)


def test_it_turns_with_the_map(known, opinion):
    turned = DensityMap(np.ascontiguousarray(known.density.data.transpose(1, 2, 0)), GRID)
    again = monogenic_resolution(analyse_map(turned)).transpose(2, 0, 1)
    assert np.mean(np.abs(np.log(again / opinion)) < 1e-3) > 0.98


def test_a_plane_wave_has_the_same_amplitude_everywhere():
    # The Riesz transforms are the quadrature of the wave: cos² + sin² = 1 at every phase.
    z, y, x = np.mgrid[:48, :48, :48]
    wave = np.cos(2 * np.pi * (6 * x + 4 * y - 5 * z) / 48).astype(np.float32)
    analysis = analyse_map(two_resolutions(GRID, noise=4.0).density)
    band = np.fft.rfftn(wave, norm="ortho").astype(np.complex64)
    assert _amplitude(band, GRID.shape, analysis) == pytest.approx(1, abs=1e-3)


def test_opinions_that_differ_by_a_factor_do_not_disagree():
    resolution = np.random.default_rng(0).uniform(3, 9, (5, 6, 7)).astype(np.float32)
    everywhere = np.ones(resolution.shape, bool)
    assert disagreement(resolution, 1.7 * resolution, everywhere) == pytest.approx(0, abs=1e-6)
    second = resolution.copy()
    second[0, 0, 0] /= 2
    found = disagreement(resolution, second, everywhere)
    assert found[0, 0, 0] == pytest.approx(np.log(2), abs=1e-6)
    assert np.count_nonzero(found > 1e-6) == 1
    assert disagreement(resolution, second, ~everywhere)[0, 0, 0] == pytest.approx(np.log(2))
