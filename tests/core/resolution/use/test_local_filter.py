"""The local filter has the gain that its bands make, at every frequency and place."""

import numpy as np
import pytest
from scipy import fft

from occupy_core.maps import DensityMap, Grid
from occupy_core.resolution.measure.bands import STEP
from occupy_core.resolution.use.local_filter import filter_locally

GRIDS = [Grid.cubic(32, 1.5), Grid((31, 36, 29), (1.4, 1.6, 1.5))]


def gain_of_filter(grid, resolution):
    """Frequencies (1/Å) and gains of the filter, from what it makes of one bright voxel."""
    data = np.zeros(grid.shape, np.float32)
    data[0, 0, 0] = 1
    filtered = filter_locally(DensityMap(data, grid), resolution).data
    nz, ny, nx = grid.shape
    vz, vy, vx = grid.voxel_size_zyx
    fz, fy, fx = fft.fftfreq(nz, vz), fft.fftfreq(ny, vy), fft.rfftfreq(nx, vx)
    radius = np.sqrt(fz[:, None, None] ** 2 + fy[:, None] ** 2 + fx**2)
    return radius.ravel(), fft.rfftn(filtered).real.ravel()


def expected_gain(f, cut):
    """Bands of squared cosines at multiples of a step, the last one in part."""
    total = np.zeros_like(f)
    for centre in STEP * np.arange(200):
        band = np.where(np.abs(f - centre) < STEP, np.cos(np.pi / 2 * (f - centre) / STEP) ** 2, 0)
        total += band * np.clip((cut - centre) / STEP + 0.5, 0, 1)
    return total


@pytest.mark.parametrize("grid", GRIDS, ids=["cubic", "odd"])
@pytest.mark.parametrize("resolution", [5.0, 7.7])
def test_with_one_resolution_it_is_the_filter_of_its_bands(grid, resolution):
    f, gain = gain_of_filter(grid, np.full((5, 6, 7), resolution, np.float32))
    assert gain == pytest.approx(expected_gain(f, 1 / resolution), abs=3e-3)


@pytest.mark.parametrize("resolution", [4.5, 6.0, 9.0])
def test_half_of_the_amplitude_is_left_at_the_resolution_itself(resolution):
    f, gain = gain_of_filter(GRIDS[0], np.full((4, 4, 4), resolution, np.float32))
    near = np.abs(f - 1 / resolution) < 0.3 * STEP
    assert gain[near].mean() == pytest.approx(0.5, abs=0.05)
    assert gain[f < 1 / resolution - 1.6 * STEP] == pytest.approx(1, abs=1e-3)
    assert gain[f > 1 / resolution + 1.6 * STEP] == pytest.approx(0, abs=1e-3)


def test_each_half_of_a_box_is_filtered_at_its_own_resolution():
    grid = Grid.cubic(48, 1.5)
    data = np.random.default_rng(0).standard_normal(grid.shape).astype(np.float32)
    resolution = np.full(grid.shape, 4.0, np.float32)
    resolution[..., 24:] = 9.0
    filtered = filter_locally(DensityMap(data, grid), resolution).data
    for part, value in ((np.s_[..., 8:16], 4.0), (np.s_[..., 32:40], 9.0)):
        alone = filter_locally(DensityMap(data, grid), np.full_like(resolution, value)).data
        assert filtered[part] == pytest.approx(alone[part], abs=1e-5)


def test_the_level_and_the_grey_scale_stay():
    data = np.random.default_rng(1).standard_normal(GRIDS[1].shape).astype(np.float32)
    resolution = np.full((6, 6, 6), 6.0, np.float32)
    plain = filter_locally(DensityMap(data, GRIDS[1]), resolution).data
    other = filter_locally(DensityMap(7 * data + 3, GRIDS[1]), resolution).data
    assert other == pytest.approx(7 * plain + 3, abs=1e-4)
