"""Spectrum, cut-off, whitening and local band energies."""

import numpy as np
import pytest
from resolution_maps import lowpassed, radius, two_resolutions
from scipy import fft, ndimage

from occupy_core.errors import EstimationError
from occupy_core.maps import DensityMap, Grid
from occupy_core.resolution.measure.bands import (
    BandEnergies,
    band_map,
    energy_grid,
    local_energies,
    make_bands,
    windowed,
)
from occupy_core.resolution.measure.spectrum import (
    analyse,
    find_cutoff,
    nyquist,
    shell_power,
    transform,
)

GRIDS = [Grid.cubic(48, 1.5), Grid((45, 52, 49), (1.3, 1.5, 1.4))]


def white(grid, seed=0):
    return np.random.default_rng(seed).standard_normal(grid.shape, dtype=np.float32)


@pytest.mark.parametrize("grid", GRIDS)
def test_shell_power_equals_the_mean_over_the_full_transform(grid):
    data = white(grid)
    data -= data.mean()
    data /= data.std()
    frequency, power = shell_power(transform(DensityMap(data, grid)), grid)
    full = np.abs(fft.fftn(data, norm="ortho")) ** 2
    axes = [np.fft.fftfreq(n, v) for n, v in zip(grid.shape, grid.voxel_size_zyx, strict=True)]
    shell = np.sqrt(axes[0][:, None, None] ** 2 + axes[1][:, None] ** 2 + axes[2] ** 2)
    shell = np.floor(shell * max(grid.box) + 0.5).astype(int)
    expected = ndimage.mean(full, shell, np.arange(len(frequency)))
    middle = slice(1, len(power) - 1)  # Nyquist planes count differently
    assert np.allclose(power[middle], expected[middle], rtol=0.03)


@pytest.mark.parametrize("grid", GRIDS)
def test_a_low_pass_filter_is_found_where_it_is(grid):
    data = DensityMap(lowpassed(white(grid), grid, 5.0), grid)
    spectrum = analyse(data)
    assert spectrum.cut
    assert 1 / spectrum.cutoff_frequency == pytest.approx(5.0, rel=0.08)


def test_an_unfiltered_map_is_believed_up_to_nyquist():
    spectrum = analyse(two_resolutions(GRIDS[0], noise=2).density)
    assert not spectrum.cut
    assert spectrum.cutoff_frequency == nyquist(GRIDS[0])


def test_a_steep_but_natural_decay_is_no_cutoff():
    frequency = np.arange(60) / 150
    assert find_cutoff(frequency, np.exp(-100 * frequency**2 / 2) + 1e-4) is None


def test_squared_gains_of_the_bands_add_up_to_one():
    bands = make_bands(0.3)
    f = np.linspace(bands.edges[0, 1], bands.edges[-2, 1], 50)
    gains = np.cos(np.pi / 2 * np.clip((f[:, None] - bands.edges[:, 1]) / 0.028, -1, 1)) ** 2
    assert np.allclose(gains.sum(axis=1), 1)


def test_frequencies_of_bands_rise_and_end_below_the_limit():
    for limit in np.linspace(0.09, 0.5, 40):
        f = make_bands(limit).frequency
        assert (np.diff(f) > 0).all()
        assert f[-1] < limit


def test_too_coarse_a_map_is_refused_in_one_sentence():
    with pytest.raises(EstimationError, match="nothing finer than"):
        make_bands(0.05)


@pytest.mark.parametrize("grid", GRIDS)
def test_a_band_on_its_own_grid_is_the_band_on_the_full_grid(grid):
    spectrum = analyse(DensityMap(white(grid), grid))
    edges = make_bands(spectrum.cutoff_frequency).edges[2]
    band = band_map(spectrum.transform, spectrum, edges)
    assert band.size < grid.size
    # Parseval: the energy of the band is that of its coefficients, whitened.
    assert float(np.mean(band**2)) == pytest.approx(1.0, rel=0.15)
    f = radius(grid.resampled(band.shape))
    outside = np.abs(fft.rfftn(band))[(f < edges[0]) | (f > edges[2])]
    assert outside.max() < 1e-3 * np.abs(fft.rfftn(band)).max()


@pytest.mark.parametrize("grid", GRIDS)
def test_window_average_equals_a_gaussian_filter(grid):
    data = white(grid) ** 2
    coarse = energy_grid(grid, 5.0)
    found = windowed(data, grid, coarse, 5.0)
    sigma = [5.0 / v for v in grid.voxel_size_zyx]
    filtered = ndimage.gaussian_filter(data, sigma, mode="wrap", truncate=5)
    points = [np.arange(m) * n / m for m, n in zip(coarse.shape, grid.shape, strict=True)]
    expected = ndimage.map_coordinates(
        filtered, np.meshgrid(*points, indexing="ij"), order=3, mode="grid-wrap"
    )
    assert np.allclose(found, expected, atol=5e-3)


def test_energies_ignore_isotropic_filters_grey_scale_and_offset():
    known = two_resolutions(GRIDS[0], noise=3)
    density = known.density
    gain = np.exp(25.0 * radius(known.grid) ** 2)
    sharpened = density.with_data(fft.irfftn(fft.rfftn(density.data) * gain, known.grid.shape))
    scaled = density.with_data(1000 * density.data - 3)
    reference, *others = (energies_of(m).energy for m in (density, sharpened, scaled))
    for other, tolerance in zip(others, (5e-3, 1e-4), strict=True):
        ratio = np.log(other / reference)
        ratio -= np.median(ratio, axis=(1, 2, 3), keepdims=True)  # a constant of the band is free
        assert np.median(np.abs(ratio)) < tolerance


def test_white_noise_has_the_degrees_of_freedom_that_are_claimed():
    energies = energies_of(DensityMap(white(Grid.cubic(80, 1.5)), Grid.cubic(80, 1.5)))
    for band in range(1, len(energies.energy) - 1):
        relative = energies.energy[band].var() / energies.energy[band].mean() ** 2
        assert 2 / relative == pytest.approx(energies.freedom[band], rel=0.25)


def test_two_maps_share_the_whitening_of_the_first():
    known = two_resolutions(GRIDS[0])
    spectrum = analyse(known.density)
    first, second = local_energies((spectrum, spectrum), 5.0)
    assert isinstance(first, BandEnergies)
    assert np.array_equal(first.energy, second.energy)


def energies_of(density):
    return local_energies((analyse(density),), 5.0)[0]
