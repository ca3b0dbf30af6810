"""Masks read the occupancy of what they hold."""

import numpy as np
import pytest
from scipy import ndimage

from occupy_core.errors import EstimationError, GridMismatchError, OccupyWarning, ParameterError
from occupy_core.maps.fourier import coloured_noise
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.regions.by_masks.estimate import RegionParams, region_occupancy

GRIDS = [
    Grid.cubic(64, 1.5),
    Grid((60, 63, 66), (1.5, 1.5, 1.5), origin=(5.0, -3.0, 0.0)),
    Grid((64, 64, 80), (1.2, 1.5, 1.5)),
]
CENTRES = {"a": (0.35, 0.35, 0.5), "b": (0.65, 0.4, 0.5), "c": (0.5, 0.65, 0.5)}


def balls(grid, radius):
    """One ball a region; their density touches but does not overlap."""
    z, y, x = (np.arange(n) * v for n, v in zip(grid.shape, grid.voxel_size_zyx, strict=True))
    box = grid.box
    result = {}
    for name, (cx, cy, cz) in CENTRES.items():
        d2 = (
            (z[:, None, None] - cz * box[2]) ** 2
            + (y[:, None] - cy * box[1]) ** 2
            + (x - cx * box[0]) ** 2
        )
        result[name] = np.sqrt(d2) < radius
    return result


def make_map(grid, occupancy, noise=0.1, seed=0, name="map"):
    texture = np.random.default_rng(99).normal(1, 0.3, grid.shape)
    data = sum(
        occupancy.get(n, 1.0) * ball * ndimage.gaussian_filter(texture, 1)
        for n, ball in balls(grid, 12.0).items()
    )
    data = ndimage.gaussian_filter(data, 1)
    frequency = np.linspace(0, 0.5, 50)
    coloured = coloured_noise(grid, frequency, np.exp(-5 * frequency), seed=seed)
    return DensityMap(0.7 + 3 * (data + noise * coloured / coloured.std()), grid, name)


def make_masks(grid, radius=12.0, soft=0.0):
    for name, ball in balls(grid, radius).items():
        away = ndimage.distance_transform_edt(~ball, sampling=grid.voxel_size_zyx)
        weight = np.clip(1 - away / soft, 0, 1) if soft else ball
        yield DensityMap(weight, grid, name)


@pytest.mark.parametrize("grid", GRIDS, ids=["cubic", "odd", "anisotropic"])
@pytest.mark.parametrize("occupancy", [0.0, 0.25, 0.7, 1.0])
def test_masks_read_the_occupancy_on_every_grid(grid, occupancy):
    table = region_occupancy([make_map(grid, {"b": occupancy})], make_masks(grid))
    assert table.occupancy[0] == pytest.approx([1, occupancy, 1], abs=0.04)


@pytest.mark.parametrize(("radius", "soft"), [(11.0, 0.0), (14.0, 0.0), (14.0, 6.0), (16.0, 3.0)])
def test_tight_generous_and_soft_masks_read_alike(radius, soft):
    density = make_map(GRIDS[0], {"b": 0.4})
    table = region_occupancy([density], make_masks(GRIDS[0], radius, soft))
    assert table.occupancy[0] == pytest.approx([1, 0.4, 1], abs=0.05)


def test_overlapping_masks_share_their_voxels():
    masks = list(make_masks(GRIDS[0], 20.0))
    assert (masks[0].data * masks[1].data).any()
    table = region_occupancy([make_map(GRIDS[0], {"b": 0.3})], masks)
    assert table.occupancy[0, 1] == pytest.approx(0.3, abs=0.08)


def test_the_whole_mask_gives_the_mean_density_relative_to_the_reference():
    density = make_map(GRIDS[0], {"b": 0.5})
    masks = list(make_masks(GRIDS[0], 15.0, 4.0))
    table = region_occupancy([density], masks, RegionParams(reference="a", whole=True))
    mean = [np.average(density.data, weights=m.data) - 0.7 for m in masks]
    assert table.occupancy[0] == pytest.approx(np.array(mean) / mean[0], abs=0.01)


def test_maps_share_one_reference_and_keep_their_names():
    maps = [
        make_map(GRIDS[0], {}, seed=1, name="full"),
        make_map(GRIDS[0], {"a": 0.0}, seed=2, name="without a"),
        make_map(GRIDS[0], {"b": 0.0}, seed=3, name="without b"),
    ]
    table = region_occupancy(iter(maps), make_masks(GRIDS[0]))
    assert table.maps == ("full", "without a", "without b")
    assert table.reference == ("c",)
    assert np.allclose(table.occupancy, [[1, 1, 1], [0, 1, 1], [1, 0, 1]], atol=0.06)
    assert "not seen" in table.row("without a", "a").flags


def test_noise_errors_agree_with_the_scatter_of_many_maps():
    masks = list(make_masks(GRIDS[0]))
    maps = [make_map(GRIDS[0], {"b": 0.0}, 1.0, seed=s, name=f"m{s}") for s in range(12)]
    table = region_occupancy(maps, masks, RegionParams(reference="a"))
    scatter = table.occupancy[:, 1].std(ddof=1)
    assert 0.5 < np.median(table.sigma[:, 1]) / scatter < 2


def test_half_maps_give_the_noise_when_the_solvent_is_masked():
    full = make_map(GRIDS[0], {"b": 0.5}, 0.0)
    inside = sum(m.data for m in make_masks(GRIDS[0], 14.0)) > 0
    density = full.with_data((full.data - 0.7) * inside)
    alone = region_occupancy([density], make_masks(GRIDS[0]))
    assert "solvent masked: noise unknown" in alone.rows[0].flags
    noise = make_map(GRIDS[0], dict.fromkeys(CENTRES, 0.0), 2.0, seed=5).data - 0.7
    halves = (density.with_data(density.data + noise), density.with_data(density.data - noise))
    with_halves = region_occupancy([density], make_masks(GRIDS[0]), half_maps=[halves])
    assert "solvent masked" in with_halves.rows[0].flags
    assert (with_halves.sigma > alone.sigma).all()
    assert np.allclose(with_halves.occupancy, alone.occupancy, atol=1e-3)


def halves_of_map(factor=1.0):
    """Map with much noise and its halves, the second on another grey scale."""
    first, second = (make_map(GRIDS[0], {"b": 0.5}, 1.0, seed, f"half{seed}") for seed in (1, 2))
    mean = first.with_data((first.data + second.data) / 2, "map")
    return mean, (first, second.with_data(np.float32(factor) * second.data))


def test_half_maps_and_solvent_tell_the_same_noise():
    density, halves = halves_of_map()
    solvent = region_occupancy([density], make_masks(GRIDS[0]))
    with_halves = region_occupancy([density], make_masks(GRIDS[0]), half_maps=[halves])
    assert with_halves.sigma[0] == pytest.approx(solvent.sigma[0], rel=0.2)


@pytest.mark.parametrize("factor", [0.95, 7.0, 1e-4])
def test_half_maps_of_another_grey_scale_tell_the_same_noise(factor):
    density, halves = halves_of_map(factor)
    of_one = region_occupancy([density], make_masks(GRIDS[0]), half_maps=[halves_of_map()[1]])
    of_two = region_occupancy([density], make_masks(GRIDS[0]), half_maps=[halves])
    assert of_two.sigma[0] == pytest.approx(of_one.sigma[0], rel=0.02)


def test_errors_are_wide_when_the_solvent_cannot_be_seen():
    grid = GRIDS[0]
    seen = make_map(grid, {"b": 0.5})
    inside = sum(m.data for m in make_masks(grid, 14.0))
    hidden = seen.with_data((seen.data - 0.7) * np.minimum(inside, 1))
    rows = [region_occupancy([m], make_masks(grid)).row("map", "b") for m in (seen, hidden)]
    assert rows[0].flags == ()
    assert rows[1].flags == ("solvent masked: noise unknown",)
    assert rows[1].sigma > max(0.04, 1.5 * rows[0].sigma)
    assert abs(rows[1].occupancy - 0.5) < rows[1].sigma


def test_a_small_full_region_is_the_reference_when_the_large_one_cannot_be_full():
    grid = GRIDS[0]
    z, y, x = np.indices(grid.shape) * 1.5
    small = (z - 48) ** 2 + (y - 48) ** 2 + (x - 24) ** 2 < 9**2
    large = (z - 48) ** 2 + (y - 48) ** 2 + (x - 54) ** 2 < 15**2
    noise = np.random.default_rng(0).normal(0, 0.1, grid.shape)
    density = DensityMap(ndimage.gaussian_filter(small + 0.3 * large, 1) + noise, grid)
    masks = [DensityMap(small, grid, "small"), DensityMap(large, grid, "large")]
    table = region_occupancy([density], masks)
    assert table.reference == ("small",)
    assert table.occupancy[0] == pytest.approx([1.0, 0.3], abs=0.05)


def test_three_low_regions_that_are_alike_do_not_outvote_a_full_one():
    grid = Grid.cubic(64, 1.5)
    texture = np.random.default_rng(99).normal(1, 0.3, grid.shape)
    data, masks = np.zeros(grid.shape), []
    for i, occupancy in enumerate((1.0, 0.25, 0.25, 0.25)):
        weight = np.zeros(grid.shape)
        y, x = 16 + 16 * (i // 2), 16 + 16 * (i % 2)
        weight[24:40, y : y + 16, x : x + 16] = 1
        masks.append(DensityMap(weight, grid, f"m{i}"))
        data += occupancy * weight * ndimage.gaussian_filter(texture, 1)
    noise = np.random.default_rng(1).normal(0, 0.02, grid.shape)
    table = region_occupancy([DensityMap(ndimage.gaussian_filter(data, 1) + noise, grid)], masks)
    assert table.reference == ("m0",)
    assert table.occupancy[0] == pytest.approx([1, 0.25, 0.25, 0.25], abs=0.04)


def test_a_region_denser_than_the_reference_is_told():
    masks = make_masks(GRIDS[0])
    table = region_occupancy([make_map(GRIDS[0], {"b": 1.4})], masks, RegionParams(reference="a,c"))
    assert "above the reference" in table.row("map", "b").flags


def test_a_region_above_the_reference_has_an_error_as_large_as_its_excess():
    density = make_map(GRIDS[0], {"b": 1.4})
    params = RegionParams(reference="a,c")
    row = region_occupancy([density], make_masks(GRIDS[0]), params).row("map", "b")
    assert row.low <= 1 < row.occupancy


def test_an_empty_region_has_at_least_the_error_of_what_leaks_into_it():
    density = make_map(GRIDS[0], {"b": 0.0}, noise=0.0)
    row = region_occupancy([density], make_masks(GRIDS[0])).row("map", "b")
    assert row.sigma > 0.005


@pytest.mark.parametrize(("radius", "told"), [(12.0, False), (26.0, True)])
def test_masks_that_share_voxels_are_told(radius, told):
    table = region_occupancy([make_map(GRIDS[0], {})], make_masks(GRIDS[0], radius))
    assert all(any("in other masks too" in f for f in row.flags) == told for row in table.rows)


def test_dark_molecules_are_refused():
    density = make_map(GRIDS[0], {})
    with pytest.raises(EstimationError, match="invert its contrast"):
        region_occupancy([density.with_data(-density.data)], make_masks(GRIDS[0]))


def test_one_mask_alone_has_nothing_to_compare_with():
    (mask, *_) = make_masks(GRIDS[0])
    (row,) = region_occupancy([make_map(GRIDS[0], {})], [mask]).rows
    assert "nothing to compare with" in row.flags
    assert row.sigma == 1.0


def test_masks_of_another_range_are_scaled_and_it_is_said():
    masks = [m.with_data(255 * m.data - 5 * (m.data == 0)) for m in make_masks(GRIDS[0])]
    table = region_occupancy([make_map(GRIDS[0], {"b": 0.5})], masks)
    assert table.occupancy[0, 1] == pytest.approx(0.5, abs=0.04)
    assert any("divided by its maximum" in note for note in table.notes)
    assert any("Negative weights" in note for note in table.notes)


def test_the_mean_scale_is_reported():
    scale = DensityMap(np.full(GRIDS[0].shape, 0.5), GRIDS[0])
    table = region_occupancy(
        [make_map(GRIDS[0], {})], make_masks(GRIDS[0]), scale_of=lambda density: scale
    )
    assert [r.mean_scale for r in table.rows] == pytest.approx([0.5] * 3)


@pytest.mark.parametrize(
    ("masks", "error", "message"),
    [
        ([], ParameterError, "No mask"),
        ([DensityMap(np.zeros(GRIDS[0].shape), GRIDS[0], "e")], ParameterError, "e is empty"),
        ([DensityMap(np.ones((8, 8, 8)), Grid.cubic(8, 1.5), "s")], GridMismatchError, "mask s"),
        (
            [DensityMap(np.ones(GRIDS[0].shape), GRIDS[0], "t")] * 2,
            ParameterError,
            "Two masks are named t",
        ),
    ],
)
def test_wrong_masks_are_refused(masks, error, message):
    with pytest.raises(error, match=message):
        region_occupancy([make_map(GRIDS[0], {})], masks)


def test_a_mask_with_twice_the_voxel_size_is_refused():
    mask = DensityMap(np.ones(GRIDS[0].shape), Grid.cubic(64, 3.0), "m")
    with pytest.raises(GridMismatchError, match="voxel size"):
        region_occupancy([make_map(GRIDS[0], {})], [mask])


def test_no_map_is_refused():
    with pytest.raises(ParameterError, match="No map"):
        region_occupancy([], make_masks(GRIDS[0]))


def test_masks_of_another_origin_are_compared_voxel_by_voxel():
    moved = Grid((64, 64, 64), (1.5, 1.5, 1.5), origin=(30.0, 0.0, 0.0))
    masks = [DensityMap(m.data, moved, m.name) for m in make_masks(GRIDS[0])]
    with pytest.warns(OccupyWarning, match="another origin"):
        region_occupancy([make_map(GRIDS[0], {})], masks)
