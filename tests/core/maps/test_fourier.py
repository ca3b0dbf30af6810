"""Fourier filters against full double-precision transforms, on boxes of every kind."""

import tracemalloc

import numpy as np
import pytest
from scipy import fft, signal

from occupy_core import ParameterError
from occupy_core.maps import (
    DensityMap,
    Grid,
    coloured_noise,
    lowpass,
    radial_power,
    resample,
    threads,
)
from occupy_core.maps.fourier import keep_band
from occupy_core.maps.synthetic import blobs

GRIDS = [
    Grid.cubic(24, 1.2),
    Grid.cubic(25, 1.2),
    Grid((18, 24, 30), (1.0, 1.0, 1.0)),
    Grid((23, 30, 17), (0.9, 1.3, 1.7), (3.0, 4.0, 5.0), (7, -8, 9)),
    Grid((31, 6, 40), (2.0, 1.1, 0.8)),
]


@pytest.fixture(params=GRIDS, ids=lambda g: "x".join(map(str, g.shape)))
def density(request):
    return noise(request.param)


def noise(grid, seed=0):
    data = np.random.default_rng(seed).standard_normal(grid.shape, dtype=np.float32)
    return DensityMap(data + np.float32(0.7), grid, "noise")


def frequency(grid):
    """|k| of every coefficient of the full complex transform."""
    axes = [fft.fftfreq(n, v) for n, v in zip(grid.shape, grid.voxel_size_zyx, strict=True)]
    return np.sqrt(sum(k**2 for k in np.meshgrid(*axes, indexing="ij")))


def full_filter(density, kept):
    transform = fft.fftn(density.data.astype(np.float64)) * kept
    return fft.ifftn(transform).real


# ---- low-pass


@pytest.mark.parametrize("resolution", [2.3, 4.0, 8.0, 15.0])
def test_lowpass_is_the_sharp_cut_of_the_full_transform(density, resolution):
    grid = density.grid
    cutoff = 1 / resolution if resolution > 2 * min(grid.voxel_size) else np.inf
    result = lowpass(density, resolution)
    expected = full_filter(density, frequency(grid) <= cutoff)
    np.testing.assert_allclose(result.data, expected, atol=1e-6)
    assert result.data.dtype == np.float32
    assert (result.grid, result.name) == (grid, density.name)


def test_lowpass_twice_changes_nothing_more(density):
    once = lowpass(density, 6.0)
    np.testing.assert_allclose(lowpass(once, 6.0).data, once.data, atol=1e-6)


def test_lowpass_beyond_the_box_leaves_the_mean(density):
    result = lowpass(density, 1000.0)
    np.testing.assert_allclose(result.data, density.data.mean(dtype="f8"), atol=1e-6)


def test_lowpass_at_nyquist_gives_the_map_itself(density):
    assert lowpass(density, 2 * min(density.grid.voxel_size)) is density


@pytest.mark.parametrize("resolution", [0, -4.0, float("nan")])
def test_lowpass_refuses_a_resolution_that_is_none(density, resolution):
    with pytest.raises(ParameterError, match="must be positive"):
        lowpass(density, resolution)


def test_band_may_be_off_the_centre(density):
    """Half of a coefficient without its conjugate stays where k_x is its own mirror image."""
    grid = density.grid
    nz, ny, nx = grid.shape
    kz, ky, kx = (fft.fftfreq(n, 1 / n) for n in grid.shape)
    depth, row, column = (kz + 0.5) ** 2, (ky - 1.5) ** 2, (np.abs(kx) - 0.5) ** 2
    plane = row[:, None] + column[: nx // 2 + 1]
    result = keep_band(density, depth, plane, 16.0)
    # the mirror images of the kept half of the transform make the other half
    half = depth[:, None, None] + plane <= 16.0
    spectrum = fft.rfftn(density.data.astype("f8")) * half
    np.testing.assert_allclose(result.data, fft.irfftn(spectrum, (nz, ny, nx)), atol=1e-6)


def test_band_without_frequencies_gives_zero(density):
    nz, ny, nx = density.grid.shape
    nothing = keep_band(density, np.ones(nz), np.ones((ny, nx // 2 + 1)), 1.0)
    assert not nothing.data.any()


def test_lowpass_needs_little_more_than_its_result():
    density = noise(Grid.cubic(128, 1.2))
    with threads(2):
        lowpass(density, 8.0)
        tracemalloc.start()
        lowpass(density, 8.0)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 2.0 * density.data.nbytes  # full transforms need at least three maps


# ---- resampling

SHAPES = [(12, 12, 12), (13, 12, 15), (25, 24, 31), (9, 30, 16), (48, 37, 33)]


@pytest.mark.parametrize("shape", SHAPES)
def test_resampling_agrees_with_scipy_axis_by_axis(density, shape):
    expected = density.data.astype("f8")
    for axis, n in enumerate(shape):
        expected = signal.resample(expected, n, axis=axis)
    result = resample(density, shape)
    np.testing.assert_allclose(result.data, expected, atol=3e-6)


@pytest.mark.parametrize("more", [(1, 1, 1), (2, 3, 4), (17, 0, 8), (24, 25, 1)])
def test_crop_undoes_pad(density, more):
    shape = density.grid.shape
    padded = resample(density, tuple(n + m for n, m in zip(shape, more, strict=True)))
    again = resample(padded, shape)
    np.testing.assert_allclose(again.data, density.data, atol=3e-6)
    np.testing.assert_allclose(again.grid.voxel_size, density.grid.voxel_size, rtol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_constant_stays_constant(shape):
    flat = DensityMap(np.full((20, 21, 22), 3.25, "f4"), Grid((20, 21, 22), (1, 1, 1)))
    np.testing.assert_allclose(resample(flat, shape).data, 3.25, rtol=1e-6)


@pytest.mark.parametrize("shape", [(30, 31, 33), (43, 30, 28), (64, 71, 50), (40, 40, 41)])
def test_density_keeps_its_place_and_its_height(shape):
    """A blob off the centre stays at the same position in Å."""
    grid = Grid((40, 41, 36), (1.3, 1.1, 1.5), origin=(10.0, -20.0, 5.0))
    position = np.array([19.3, 27.2, 31.9])  # (x, y, z) Å from voxel 0
    sigma = 3.5
    height = (2 * np.pi * sigma**2) ** 1.5
    blob = DensityMap(blobs(grid, position[None], np.array([height]), sigma), grid)
    small = resample(blob, shape)
    expected = blobs(small.grid, position[None], np.array([height]), sigma)
    np.testing.assert_allclose(small.data, expected, atol=2e-4)
    indices = np.indices(shape).reshape(3, -1)
    weights = small.data.ravel() / small.data.sum(dtype="f8")
    centre = tuple(float((axis * weights).sum()) for axis in indices)
    np.testing.assert_allclose(
        small.grid.position(centre), position + grid.position((0, 0, 0)), atol=0.01
    )


def test_same_shape_gives_the_map_itself(density):
    assert resample(density, density.grid.shape) is density


# ---- power and noise


def test_white_noise_has_the_power_of_its_variance_per_voxel_volume():
    grid = Grid((48, 45, 50), (1.1, 1.3, 0.9))
    data = np.float32(2.0) * np.random.default_rng(4).standard_normal(grid.shape, dtype="f4")
    k, power = radial_power(DensityMap(data + 5, grid))
    assert np.all(np.diff(k) > 0)
    inner = (k > 0.05) & (k < 0.4)
    np.testing.assert_allclose(power[inner].mean(), 4 * 1.1 * 1.3 * 0.9, rtol=0.02)
    np.testing.assert_allclose(power[inner], 4 * 1.1 * 1.3 * 0.9, rtol=0.35)


def test_power_is_the_shell_mean_of_the_full_transform(density):
    grid = density.grid
    data = density.data.astype("f8") - density.data.mean(dtype="f8")
    squares = np.abs(fft.fftn(data)) ** 2 / grid.size * np.prod(grid.voxel_size)
    shell = np.rint(frequency(grid) * max(grid.box)).astype(int)
    counts = np.bincount(shell.ravel())
    expected = np.bincount(shell.ravel(), squares.ravel())[counts > 0] / counts[counts > 0]
    k, power = radial_power(density)
    np.testing.assert_allclose(k, np.flatnonzero(counts) / max(grid.box))
    np.testing.assert_allclose(power, expected, rtol=1e-4, atol=1e-8)


def test_power_of_a_region_is_that_of_the_whole_for_stationary_noise():
    density = noise(Grid.cubic(48, 1.5))
    z, y, x = np.indices(density.grid.shape) - 24
    region = (x**2 + y**2 + z**2) > 20**2
    k, power = radial_power(density, region)
    np.testing.assert_array_equal(power, radial_power(density, region.astype("f4"))[1])
    assert power[(k > 0.1) & (k < 0.3)].mean() == pytest.approx(1.5**3, rel=0.03)


def test_power_does_not_depend_on_the_sampling():
    density = lowpass(noise(Grid.cubic(36, 1.0)), 3.0)
    k, power = radial_power(density)
    fine_k, fine_power = radial_power(resample(density, (50, 60, 45)))
    inside = (k > 0) & (k < 0.3)
    np.testing.assert_allclose(fine_k[: len(k)][inside], k[inside])
    np.testing.assert_allclose(fine_power[: len(k)][inside], power[inside], rtol=1e-3)


def test_power_of_no_region_is_refused(density):
    with pytest.raises(ParameterError, match="region without voxels"):
        radial_power(density, np.zeros(density.grid.shape, "f4"))


def test_noise_has_the_spectrum_that_is_asked_for():
    grid = Grid((60, 63, 56), (1.2, 1.0, 1.4))
    k = np.linspace(0, 1, 300)
    wanted = 7 * np.exp(-30 * k**2) + 0.2
    data = coloured_noise(grid, k, wanted, seed=5)
    assert data.dtype == np.float32
    assert abs(data.mean(dtype="f8")) < 1e-6
    shells, power = radial_power(DensityMap(data, grid))
    ratio = power / np.interp(shells, k, wanted)
    inner = (shells > 0.08) & (shells < 0.35)
    np.testing.assert_allclose(ratio[inner], 1, atol=0.2)
    assert ratio[inner].mean() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("shape", [(40, 40, 40), (41, 40, 39)])
def test_noise_is_as_strong_in_the_planes_that_mirror_themselves(shape):
    grid = Grid(shape, (1.0, 1.0, 1.0))
    planes = []
    for seed in range(6):
        data = coloured_noise(grid, np.array([0.0, 1.0]), np.ones(2), seed=seed)
        squares = np.abs(fft.fftn(data, norm="ortho")) ** 2
        planes.append([squares[0].mean(), squares[:, 0].mean(), squares[:, :, 0].mean()])
        planes[-1] += [squares[:, :, shape[2] // 2].mean(), squares.mean()]
    np.testing.assert_allclose(np.mean(planes, axis=0), 1, atol=0.04)


def test_noise_follows_the_spectrum_measured_on_a_map(density):
    k, power = radial_power(density)
    strengths = [coloured_noise(density.grid, k, power, seed=s).std() for s in range(5)]
    assert np.mean(strengths) == pytest.approx(density.data.std(), rel=0.05)


def test_seed_decides_the_noise():
    grid, k, power = Grid((9, 10, 11), (1, 1, 1)), np.array([0.0, 1.0]), np.ones(2)
    one, same, other = (coloured_noise(grid, k, power, seed=s) for s in (1, 1, 2))
    assert one.tobytes() == same.tobytes()
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.15
