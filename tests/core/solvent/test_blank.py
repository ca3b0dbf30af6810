"""What masks, padding and cuts leave in a map, and that noise is none of them."""

import numpy as np
import pytest
from scipy import ndimage

from occupy_core.maps.fourier import lowpass
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.synthetic import two_bodies
from occupy_core.solvent.blank import find_blank
from occupy_core.solvent.cells import Cells
from occupy_core.solvent.region import inscribed_ellipsoid

GRIDS = [Grid.cubic(56, 2.0), Grid((50, 61, 57), (2.0, 1.8, 2.2))]


def body(grid):
    """Map with noise and the voxels within some Å of its content."""
    density, regions = two_bodies(grid, occupancy=0.5, noise=0.05, resolution=5.0, seed=3)
    content = np.logical_or.reduce(list(regions))
    away = ndimage.distance_transform_edt(~content, sampling=grid.voxel_size_zyx)
    return density, np.clip((12 - away) / 6, 0, 1).astype(np.float32)


@pytest.fixture(scope="module", params=GRIDS, ids=["cubic", "odd"])
def known(request):
    return body(request.param)


def of(density, data):
    nz, ny, nx = data.shape
    grid = Grid((nz, ny, nx), density.grid.voxel_size)
    return DensityMap(np.asarray(data, np.float32), grid, density.name)


def test_a_map_with_noise_all_over_is_not_blank(known):
    blank = find_blank(known[0])
    assert not blank.masked
    assert not blank.clipped
    assert not blank.voxels(known[0].data).any()


@pytest.mark.parametrize("level", [-7.0, 0.0, 2.5])
def test_a_mask_is_found_with_its_value(known, level):
    density, weight = known
    masked = of(density, level + density.data * weight)
    blank = find_blank(masked)
    assert blank.value == pytest.approx(level, abs=1e-6)
    assert not blank.clipped
    missed = (weight == 0) != blank.voxels(masked.data)
    assert missed.mean() < 0.01


def test_a_mask_that_sets_the_lowest_value_is_no_cut(known):
    density, weight = known
    blank = find_blank(of(density, (density.data - density.data.min() + 0.1) * weight))
    assert blank.masked
    assert not blank.clipped


def test_a_mask_stays_one_after_a_gaussian_filter(known):
    density, weight = known
    masked = of(density, ndimage.gaussian_filter(density.data * (weight > 0), 1.5))
    assert find_blank(masked).masked


def test_a_sphere_is_a_mask(known):
    density, _ = known
    sphere = inscribed_ellipsoid(density.grid.shape)
    blank = find_blank(of(density, density.data * sphere))
    assert blank.masked
    assert blank.share_of(~sphere) > 0.8
    assert blank.share_of(sphere) < 0.01


@pytest.mark.parametrize("value", [0.0, 0.3])
@pytest.mark.parametrize(
    "width", [((3, 3),) * 3, ((0, 8), (0, 0), (0, 0))], ids=["all", "one side"]
)
def test_padding_is_blank(known, width, value):
    density, _ = known
    blank = find_blank(of(density, np.pad(density.data, width, constant_values=value)))
    assert blank.value == pytest.approx(value, abs=1e-6)
    assert not blank.clipped


@pytest.mark.parametrize("part", [0.08, 0.5, 0.8])
def test_density_cut_off_at_a_level_is_told_from_a_mask(known, part):
    density, _ = known
    cut_at = float(np.quantile(density.data, part))
    blank = find_blank(of(density, np.maximum(density.data, np.float32(cut_at))))
    assert blank.lowest == pytest.approx(cut_at)
    assert not blank.masked
    assert blank.share == pytest.approx(np.mean(density.data <= cut_at), abs=1e-6)


def test_smooth_noise_that_was_cut_off_is_no_mask(known):
    density, _ = known
    smooth = lowpass(density, 10.0)
    blank = find_blank(of(density, np.maximum(smooth.data, 0)))
    assert blank.clipped
    assert not blank.masked


def test_a_sphere_around_cut_noise_is_both(known):
    density, _ = known
    sphere = inscribed_ellipsoid(density.grid.shape)
    blank = find_blank(of(density, np.maximum(density.data, 0) * sphere))
    assert blank.masked
    assert blank.clipped


def test_few_grey_levels_are_no_mask(known):
    density, _ = known
    levels = np.round(density.data / density.data.std() * 20)
    assert np.unique(levels).size < 256
    blank = find_blank(of(density, levels))
    assert not blank.masked
    assert not blank.clipped


@pytest.mark.parametrize("factor", [1e-20, 1e15])
def test_the_grey_scale_does_not_matter(known, factor):
    density, weight = known
    one, other = (
        find_blank(of(density, np.float32(unit) * (density.data * weight))) for unit in (1, factor)
    )
    assert np.array_equal(one.regions, other.regions)


def test_blank_cells_are_found_on_another_grid_of_the_box(known):
    density, weight = known
    blank = find_blank(of(density, density.data * weight))
    half = density.grid.resampled(tuple(n // 2 for n in density.grid.shape))
    coarse = blank.cells(Cells.of(half))
    assert coarse.mean() == pytest.approx(blank.regions.mean(), abs=0.05)
    assert blank.far(half).mean() < 1 - coarse.mean()
