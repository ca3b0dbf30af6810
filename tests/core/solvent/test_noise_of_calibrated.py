"""What the calibrated scale takes for noise, and what it says of maps that cannot tell."""

import numpy as np
import pytest
from calibrated_maps import bodies, medians, scale_of_voxels
from scipy import ndimage

from occupy_core.errors import EstimationError, GridMismatchError, OccupyWarning
from occupy_core.maps.fourier import coloured_noise
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.mrc import read_map
from occupy_core.scale.estimate import estimate_confidence, estimate_scale
from occupy_core.scale.params import ScaleParams
from occupy_core.solvent.cells import Cells
from occupy_core.solvent.noise import least_correlation, noise_of_halves, on_one_scale


@pytest.fixture(scope="module")
def density():
    return bodies()[0]


@pytest.fixture(scope="module")
def regions():
    return bodies()[1]


# ---- standard error ---------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["res", "occ"])
def test_the_standard_error_is_the_scatter_over_maps(regions, mode):
    made = [
        estimate_scale(bodies(seed=s)[0], ScaleParams(mode=mode, granularity=0.0))
        for s in range(12)
    ]
    values = np.array([r.scale.data[regions[1]] for r in made])
    scatter = np.sqrt(values.var(axis=0, ddof=1).mean())
    stated = np.sqrt(np.mean([np.mean(r.sigma.data[regions[1]] ** 2) for r in made]))
    assert stated == pytest.approx(scatter, rel=0.2)


def halves_of(noise=0.05, occupancy=0.5):
    pair = [bodies(occupancy, noise * 2**0.5, seed=s)[0] for s in (1, 2)]
    return pair, pair[0].with_data(0.5 * (pair[0].data + pair[1].data))


@pytest.fixture(scope="module")
def by_halves():
    """What is estimated from the mean of two half maps, with them."""
    pair, mean = halves_of()
    return estimate_scale(mean, half_maps=tuple(pair))


def test_half_maps_tell_the_noise(regions, by_halves):
    solvent = estimate_scale(halves_of()[1])
    result = by_halves
    assert result.calibration.noise_origin == "half maps"
    assert result.calibration.noise_sigma == pytest.approx(
        solvent.calibration.noise_sigma, rel=0.15
    )
    np.testing.assert_allclose(
        medians(result.scale, regions), medians(solvent.scale, regions), atol=0.02
    )


def test_half_maps_tell_the_noise_of_a_filtered_map_too(by_halves):
    pair, mean = halves_of()
    reference = by_halves.calibration.noise_sigma
    scaled = estimate_scale(mean.with_data(7 * mean.data), half_maps=tuple(pair))
    assert scaled.calibration.noise_sigma == pytest.approx(7 * reference, rel=1e-3)


def test_half_maps_of_different_grey_scales_tell_the_noise_too(by_halves):
    pair, mean = halves_of()
    larger = pair[1].with_data(np.float32(3.2) * pair[1].data)
    for halves in ((pair[0], larger), (larger, pair[0])):
        result = estimate_scale(mean, half_maps=halves)
        assert result.warnings == ()
        assert result.calibration.noise_sigma == pytest.approx(
            by_halves.calibration.noise_sigma, rel=0.05
        )


@pytest.mark.parametrize("factor", [1e-9, 0.97, 1.0, 40.0])
def test_half_maps_are_brought_to_one_scale_whatever_it_was(factor):
    first, second = halves_of()[0]
    other = second.with_data(np.float32(factor) * second.data + np.float32(3 * factor))
    made = on_one_scale(first, other)
    assert made.data.std(dtype=float) == pytest.approx(first.data.std(dtype=float), rel=1e-5)
    assert made.name == second.name


def test_a_half_map_of_one_value_is_refused_by_its_name():
    first, second = halves_of()[0]
    with pytest.raises(EstimationError, match="half map flat has the value 2 everywhere"):
        on_one_scale(first, second.with_data(np.full_like(second.data, 2), "flat"))


def test_noise_of_halves_has_the_deviation_of_the_noise():
    grid = Grid.cubic(64, 1.5)
    frequency = np.linspace(0, 0.6, 50)
    power = np.exp(-30 * frequency**2)
    signal = coloured_noise(grid, frequency, power, seed=9)
    pair = tuple(signal + 0.2 * coloured_noise(grid, frequency, power, seed=s) for s in (1, 2))
    cells = Cells.of(grid)
    everywhere = np.ones(cells.shape, np.bool_)
    mean = (pair[0] + pair[1]) / 2
    found = noise_of_halves(mean, pair, [0.01] * 3, cells, everywhere)
    assert found.sigma == pytest.approx(np.std((pair[0] - pair[1]) / 2), rel=0.05)


def turned(pair):
    return [half.with_data(half.data.transpose(2, 1, 0).copy()) for half in pair]


def negative(half):
    return half.with_data(-half.data)


@pytest.mark.parametrize("mode", ["res", "occ"])
@pytest.mark.parametrize(
    "changed",
    [
        lambda pair: [pair[0], negative(pair[1])],
        lambda pair: [pair[0], pair[1].with_data(np.ones_like(pair[1].data))],
    ],
    ids=["one negative", "one constant"],
)
def test_half_maps_of_something_else_do_not_tell_the_noise(regions, changed, mode):
    pair, mean = halves_of()
    params = ScaleParams(mode=mode, granularity=0.0)
    result = estimate_scale(mean, params, half_maps=tuple(changed(pair)))
    (warning,) = result.warnings
    assert "do not show what two_bodies shows" in warning
    assert np.array_equal(result.scale.data, estimate_scale(mean, params).scale.data)


def test_half_maps_that_agree_with_each_other_only_are_told_before_any_work(regions):
    pair, mean = halves_of()
    with pytest.warns(OccupyWarning, match="is no half of two_bodies"):
        result = estimate_scale(mean, half_maps=tuple(negative(half) for half in pair))
    assert any("do not show what two_bodies shows" in text for text in result.warnings)
    with pytest.raises(EstimationError, match="moved by"):
        estimate_scale(mean, half_maps=tuple(turned(pair)))


def test_the_order_of_the_half_maps_changes_nothing(by_halves):
    pair, mean = halves_of()
    other = estimate_scale(mean, half_maps=tuple(pair[::-1]))
    np.testing.assert_allclose(by_halves.scale.data, other.scale.data, atol=1e-5)
    np.testing.assert_allclose(by_halves.sigma.data, other.sigma.data, atol=1e-5)


@pytest.mark.parametrize("unit", [1e-15, 1.0, 1e15])
def test_least_correlation_is_that_of_two_of_the_maps(unit):
    grid = Grid.cubic(40, 1.5)
    frequency, power = np.array([0.0, 0.2]), np.array([1.0, 1.0])
    first, second, third = (
        np.float32(unit) * coloured_noise(grid, frequency, power, seed=s) for s in range(3)
    )
    cells = Cells.of(grid)
    everywhere = np.ones(cells.shape, np.bool_)
    half = (first + second, first + third)
    found = least_correlation((first, *half), 6.0, cells, everywhere)
    assert found == pytest.approx(0.5, abs=0.1)
    assert least_correlation((first, -first), 6.0, cells, everywhere) == pytest.approx(-1)
    assert least_correlation((first, 0 * first + 3), 6.0, cells, everywhere) == 0


def test_half_maps_on_another_grid_are_refused(density):
    other = DensityMap(density.data, Grid.cubic(56, 2.2), "half")
    with pytest.raises(GridMismatchError, match="The half map 2 half has a voxel"):
        estimate_scale(density, half_maps=(density, other))


# ---- maps that cannot tell --------------------------------------------------------------------


def test_a_masked_map_gives_a_warning_and_a_wide_error(density, regions):
    inside = ndimage.binary_dilation(regions[0] | regions[1], iterations=3)
    masked = estimate_scale(density.with_data(density.data * inside, "masked"))
    assert any("masked shows no solvent to take its noise from" in w for w in masked.warnings)
    assert masked.calibration.noise_origin == "unknown"
    assert masked.sigma.data.min() > 0.1
    full, partial = medians(masked.scale, regions)
    assert full == pytest.approx(1.0, abs=0.05)
    assert partial == pytest.approx(0.5, abs=0.05)


def test_a_masked_map_with_its_half_maps_is_as_good_as_any(regions):
    pair, mean = halves_of(0.1, 0.25)
    inside = ndimage.binary_dilation(regions[0] | regions[1], iterations=3)
    result = estimate_scale(mean.with_data(mean.data * inside), half_maps=tuple(pair))
    full, partial = medians(result.scale, regions)
    assert full == pytest.approx(1.0, abs=0.03)
    assert partial == pytest.approx(0.25, abs=0.03)
    assert not any("shows no solvent" in w for w in result.warnings)


def test_a_real_masked_map_gives_a_warning_and_a_wide_error(shared):
    result = estimate_scale(read_map(shared / "data" / "maps" / "emd_3488.mrc"))
    assert any("shows no solvent" in w for w in result.warnings)
    assert result.sigma.data.min() > 0.2
    assert np.median(result.scale.data[result.confidence.data > 0.9]) > 0.8


def around(n, radius, edge=0.0):
    """Sphere of a radius in half boxes, with a soft edge in voxels."""
    index = np.arange(n) - (n - 1) / 2
    r = np.sqrt(index[:, None, None] ** 2 + index[:, None] ** 2 + index**2)
    if edge == 0:
        return (r < radius * n / 2).astype(np.float32)
    ramp = np.clip((r - radius * n / 2) / edge + 0.5, 0, 1)
    return (0.5 * (1 + np.cos(np.pi * ramp))).astype(np.float32)


@pytest.mark.parametrize("mode", ["res", "occ"])
@pytest.mark.parametrize(("radius", "edge"), [(1.0, 0.0), (0.95, 3.0), (0.9, 4.0)])
def test_a_sphere_around_the_particle_is_no_mask(density, regions, radius, edge, mode):
    params = ScaleParams(mode=mode, granularity=0.0)
    plain = scale_of_voxels(mode)
    sphere = around(56, radius, edge)
    result = estimate_scale(density.with_data(density.data * sphere), params)
    assert result.warnings == ()
    assert result.calibration.noise_origin == "solvent"
    np.testing.assert_allclose(
        medians(result.scale, regions), medians(plain.scale, regions), atol=0.01
    )
    # The solvent model is that of the noise inside, not of the zeros outside.
    assert result.solvent.sigma == pytest.approx(plain.solvent.sigma, rel=0.1)
    solvent = (sphere == 1) & ~ndimage.binary_dilation(regions[0] | regions[1], iterations=4)
    assert np.mean(result.confidence.data[solvent] > 0.5) < 0.005
    assert np.mean(result.confidence.data[sphere == 0] > 0.5) < 0.005


def test_a_sphere_is_told_from_a_mask_on_fewer_voxels_too(density):
    sphere = around(56, 0.95)
    params = ScaleParams(max_box=46)
    result = estimate_scale(density.with_data(density.data * sphere), params)
    assert result.warnings == ()
    assert result.solvent.sigma == pytest.approx(
        estimate_scale(density, params).solvent.sigma, rel=0.1
    )


def test_confidence_alone_knows_a_sphere_as_the_estimate_does(density):
    inside = density.with_data(density.data * around(56, 0.9))
    _, confidence = estimate_confidence(inside)
    assert np.array_equal(confidence.data, estimate_scale(inside).confidence.data)


@pytest.mark.parametrize("mode", ["res", "occ"])
@pytest.mark.parametrize("height", [15.0, -15.0, 1e4, -1e4])
def test_hot_voxels_change_nothing_and_are_told(density, regions, height, mode):
    params = ScaleParams(mode=mode, granularity=0.0)
    hot = density.data.copy()
    hot[5, 6, 7] = height * density.data.max()
    hot[28, 28, 40] = 2 * height * density.data.max()
    plain, result = scale_of_voxels(mode), estimate_scale(density.with_data(hot), params)
    (warning,) = result.warnings
    assert warning.startswith("In two_bodies, 2 voxels (up to ")
    far = np.ones(density.grid.shape, np.bool_)
    far[:12, :13, :14] = far[20:36, 20:36, 30:50] = False
    np.testing.assert_allclose(result.scale.data[far], plain.scale.data[far], atol=0.02)
    assert np.mean(result.confidence.data[far & regions[0]] > 0.5) > 0.9
    by_occupy = estimate_scale(density.with_data(hot), ScaleParams(method="occupy"))
    assert not any("such voxels" in text for text in by_occupy.warnings)


@pytest.mark.parametrize("lowest", [0.0, -0.004])
def test_noise_that_was_cut_off_is_told(density, lowest):
    cut = np.maximum(density.data, np.float32(lowest))
    result = estimate_scale(density.with_data(cut, "cut"))
    (warning,) = result.warnings
    assert f"of the voxels of cut have its lowest value, {lowest:g} (limit 5%)" in warning
    pair, mean = halves_of()
    halved = estimate_scale(mean.with_data(np.maximum(mean.data, 0)), half_maps=tuple(pair))
    assert halved.warnings == ()


def test_noise_that_hides_the_content_is_told():
    result = estimate_scale(bodies(1.0, 2.0)[0])
    assert any("low occupancies cannot be told apart" in w for w in result.warnings)


def test_dark_content_is_told(density):
    (warning,) = estimate_scale(density.with_data(-density.data, "dark")).warnings
    assert "darker than its solvent" in warning


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_a_number_is_refused(density, value):
    data = density.data.copy()
    data[3, 4, 5] = value
    with pytest.raises(EstimationError, match="contains NaN or Inf"):
        estimate_scale(density.with_data(data))


@pytest.mark.parametrize("shape", [(3, 3, 3), (8, 8, 8), (5, 20, 20), (40, 3, 30)])
@pytest.mark.parametrize("voxel_size", [0.5, 2.0])
def test_tiny_boxes_give_finite_results(shape, voxel_size):
    data = np.random.default_rng(1).random(shape, dtype=np.float32)
    density = DensityMap(data, Grid(shape, (voxel_size,) * 3))
    for mode in ("res", "occ"):
        result = estimate_scale(density, ScaleParams(mode=mode, granularity=0.0))
        assert np.isfinite(result.scale.data).all()
        assert np.isfinite(result.sigma.data).all()
