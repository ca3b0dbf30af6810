"""OccuPy's low-pass: the band as it is defined, for any box, and to the last bit in even cubes."""

import numpy as np
import pytest
import scipy.fft

from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.threads import threads
from occupy_core.scale.lowpass import occupy_lowpass

GRIDS = [
    Grid.cubic(24, 1.5),
    Grid.cubic(25, 1.5),
    Grid((18, 27, 22), (1.4, 1.4, 1.4)),
    Grid((20, 24, 30), (1.1, 1.6, 2.1)),
]


def noise(grid, seed=0):
    data = np.random.default_rng(seed).standard_normal(grid.shape, dtype=np.float32)
    return DensityMap(data, grid)


def band(grid, resolution):
    """Mask of the half-transform, from the definition."""
    axes = []
    for n, v, last in zip(grid.shape, grid.voxel_size_zyx, (False, False, True), strict=True):
        k = np.arange(n // 2 + 1) if last else np.rint(scipy.fft.fftfreq(n, 1 / n))
        c = int(np.floor(n * float(np.float32(v)) / resolution))
        kept = (k <= c) if last else (k >= -c) & (k < c)
        axes.append(np.where(kept, ((k - 0.5 if last else k + 0.5) / (c + 1)) ** 2, np.inf))
    return axes[0][:, None, None] + axes[1][:, None] + axes[2] <= 1


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("resolution", [5.0, 8.0])
def test_low_pass_keeps_the_band_and_nothing_else(grid, resolution):
    density = noise(grid)
    expected = scipy.fft.irfftn(
        scipy.fft.rfftn(density.data.astype(np.float64)) * band(grid, resolution), grid.shape
    )
    result = occupy_lowpass(density, resolution)
    np.testing.assert_allclose(result.data, expected, atol=2e-6)
    assert result.grid == grid


@pytest.mark.parametrize("n", [16, 20, 30])
def test_low_pass_of_an_even_cube_has_the_bytes_of_the_full_transforms(n):
    density = noise(Grid.cubic(n, 1.5))
    spectrum = scipy.fft.rfftn(density.data) * band(density.grid, 8.0)
    expected = scipy.fft.irfftn(spectrum, density.grid.shape)
    assert np.array_equal(occupy_lowpass(density, 8.0).data, expected)


def test_low_pass_is_the_same_for_any_number_of_threads():
    density = noise(Grid((18, 27, 22), (1.4, 1.4, 1.4)))
    with threads(1):
        one = occupy_lowpass(density, 7.0).data.copy()
    with threads(3):
        assert np.array_equal(occupy_lowpass(density, 7.0).data, one)


def test_low_pass_is_linear_and_keeps_the_mean():
    a, b = noise(GRIDS[0], 1), noise(GRIDS[0], 2)
    together = occupy_lowpass(a.with_data(2 * a.data - b.data + 5), 6.0).data
    apart = 2 * occupy_lowpass(a, 6.0).data - occupy_lowpass(b, 6.0).data + 5
    np.testing.assert_allclose(together, apart, atol=1e-5)


def test_low_pass_beyond_nyquist_returns_the_map_itself():
    density = noise(GRIDS[3])
    assert occupy_lowpass(density, 2.2) is density


@pytest.mark.parametrize(("resolution", "kept"), [(10.0, True), (16.0, False)])
def test_a_wave_of_twelve_angstrom_passes_or_not(resolution, kept):
    wave = np.cos(2 * np.pi * np.arange(24) * 1.5 / 12)
    density = DensityMap(np.broadcast_to(wave, (24, 24, 24)), Grid.cubic(24, 1.5))
    expected = density.data if kept else 0 * density.data
    np.testing.assert_allclose(occupy_lowpass(density, resolution).data, expected, atol=1e-6)


def test_a_box_thinner_than_the_resolution_keeps_one_shell():
    result = occupy_lowpass(noise(Grid((4, 20, 20), (1.0, 1.0, 1.0))), 5.0)
    assert result.data.std() > 0
