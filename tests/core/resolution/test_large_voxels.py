"""Maps of large voxels are read in another unit; no value is past Nyquist."""

from dataclasses import replace

import numpy as np
import pytest
from resolution_maps import two_resolutions

from occupy_core.maps.grid import Grid
from occupy_core.maps.mrc import read_map
from occupy_core.resolution.estimate import estimate_resolution
from occupy_core.resolution.large_voxels import unit_of
from occupy_core.resolution.result import ResolutionParams

GRID = Grid.cubic(64, 1.5)


def scaled(density, factor):
    """The same voxels, larger by a factor."""
    x, y, z = (edge * factor for edge in density.grid.voxel_size)
    return replace(density, grid=replace(density.grid, voxel_size=(x, y, z)))


def coarse_map():
    """A map whose voxels are 3 Å, the usual size of the estimate."""
    density = two_resolutions(GRID).density
    return scaled(density, 3.0 / max(density.grid.voxel_size))


@pytest.mark.parametrize("factor", [2.0, 4.0])
def test_a_map_of_large_voxels_has_the_resolution_of_the_small_ones_times_their_ratio(factor):
    small = coarse_map()
    large = scaled(small, factor)
    assert unit_of(large.grid) == pytest.approx(factor)
    first, second = estimate_resolution(small), estimate_resolution(large)
    inside = first.mask.data > 0
    np.testing.assert_array_equal(second.mask.data > 0, inside)
    np.testing.assert_allclose(
        second.resolution.data[inside], factor * first.resolution.data[inside], rtol=1e-4
    )
    assert second.finest_detail == pytest.approx(factor * first.finest_detail)
    assert second.window == pytest.approx(factor * first.window)
    assert second.resolution.grid == large.grid
    assert second.mask.grid == large.grid
    if first.overall.at_0143 is not None:
        assert second.overall.at_0143 == pytest.approx(factor * first.overall.at_0143, rel=1e-4)
    assert any("The voxels are large" in text for text in second.warnings)
    assert not any("The voxels are large" in text for text in first.warnings)


def test_no_value_is_finer_than_nyquist_and_what_was_is_flagged():
    density = two_resolutions(GRID).density
    result = estimate_resolution(density)
    # The same map read as if its voxels were so large that its detail is at their limit.
    coarse = scaled(density, 0.9 * result.quantiles["5%"] / (2 * max(density.grid.voxel_size)))
    found = estimate_resolution(coarse)
    nyquist = np.float32(2 * max(coarse.grid.voxel_size))
    inside = found.mask.data > 0
    assert found.resolution.data[inside].min() >= nyquist * (1 - 1e-6)
    at_limit = inside & (found.resolution.data <= nyquist * (1 + 1e-6))
    assert found.censored.data[at_limit].mean() > 0.95
    # In double precision: the array above holds the limit rounded to single precision.
    assert found.overall.at_0143 is None or found.overall.at_0143 >= 2 * max(coarse.grid.voxel_size)


@pytest.mark.parametrize(("voxel", "window", "fits"), [(1.0, 60.0, False), (12.0, 60.0, True)])
def test_limits_of_the_window_grow_with_large_voxels(voxel, window, fits):
    density = two_resolutions(GRID).density
    grid = replace(density.grid, voxel_size=(voxel,) * 3)
    problems = [p for p in ResolutionParams(window=window).problems(grid) if "must lie" in p]
    assert (problems == []) is fits


def test_half_maps_of_averaged_subtomograms_give_the_resolution_of_random_halvings(shared):
    folder = shared / "data" / "real_halves"
    if not folder.is_dir():
        pytest.skip("no half maps of subtomograms beside the repository")
    halves = [read_map(next(folder.glob(f"*half{i}.mrc"))) for i in (1, 2)]
    mean = halves[0].with_data(np.float32(0.5) * (halves[0].data + halves[1].data))
    result = estimate_resolution(mean, half_maps=(halves[0], halves[1]))
    assert 25.0 < result.overall.at_0143 < 29.0  # 25.6 to 27.4 Å over random halvings
    assert result.resolution.data[result.mask.data > 0].min() >= 24.0
