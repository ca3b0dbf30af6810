"""The local resolution of regions, beside what lies around them."""

import math

import numpy as np
import pytest

from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.regions.region_resolution import with_resolution
from occupy_core.regions.table import RegionTable, make_row

SHAPE = (30, 24, 26)
VOXEL = (2.0, 2.5, 3.0)
REGIONS = {"left": (0, 10), "middle": (10, 20), "right": (20, 30)}


def table(maps=("map",)):
    rows = [
        make_row(m, region, 1.0, 0.02, n_voxels=9, resolution=3.0)
        for m in maps
        for region in REGIONS
    ]
    return RegionTable(
        rows=tuple(rows),
        maps=tuple(maps),
        regions=tuple(REGIONS),
        reference=("left",),
        grid=Grid(SHAPE, VOXEL),
    )


def weights(share=1.0):
    return {
        name: (
            (slice(a, b), slice(0, 24), slice(0, 26)),
            np.full((b - a, 24, 26), share, np.float32),
        )
        for name, (a, b) in REGIONS.items()
    }


def resolution(values, noise=0.1):
    rng = np.random.default_rng(0)
    data = np.empty(SHAPE, np.float32)
    for (a, b), value in zip(REGIONS.values(), values, strict=True):
        data[a:b] = value + (noise * rng.standard_normal((b - a, 24, 26)) if value else 0.0)
    grid = Grid(SHAPE, VOXEL)
    return DensityMap(data, grid), DensityMap(np.full(SHAPE, 0.2, np.float32), grid)


def test_a_region_has_the_mean_of_its_places_whatever_its_weight():
    one = with_resolution(table(), "map", weights(), *resolution((4.0, 6.0, 5.0)))
    half = with_resolution(table(), "map", weights(0.5), *resolution((4.0, 6.0, 5.0)))
    assert [row.resolution for row in one.rows] == pytest.approx([4.0, 6.0, 5.0], abs=0.05)
    assert [row.resolution for row in half.rows] == pytest.approx([r.resolution for r in one.rows])


def test_the_error_of_a_region_is_less_than_that_of_a_place_but_not_that_of_its_voxels():
    row = with_resolution(table(), "map", weights(), *resolution((4.0, 4.0, 4.0))).rows[0]
    assert 0.2 / math.sqrt(10 * 24 * 26) < row.resolution_sigma < 0.2


def test_a_badly_resolved_region_is_coarser_than_its_neighbours_and_they_are_not():
    rows = with_resolution(table(), "map", weights(), *resolution((4.0, 7.0, 4.0))).rows
    assert rows[1].coarser > 2
    assert rows[0].coarser < 2
    assert rows[2].coarser < 2


def test_what_is_no_worse_than_the_usual_differences_nearby_is_not_coarser():
    rows = with_resolution(table(), "map", weights(), *resolution((3.0, 5.0, 6.0))).rows
    assert abs(rows[1].coarser) < 2


def test_a_region_in_the_solvent_has_no_resolution():
    rows = with_resolution(table(), "map", weights(), *resolution((4.0, 0.0, 4.0))).rows
    assert math.isnan(rows[1].resolution)
    assert math.isnan(rows[1].coarser)


def test_other_maps_keep_their_rows():
    before = table(("one", "two"))
    after = with_resolution(before, "two", weights(), *resolution((4.0, 5.0, 4.0)))
    assert after.rows[:3] == before.rows[:3]
    assert all(math.isfinite(row.resolution) for row in after.rows[3:])


def test_a_single_region_has_nothing_to_be_compared_with():
    only = table().only(["left"])
    row = with_resolution(only, "map", weights(), *resolution((4.0, 5.0, 4.0))).rows[0]
    assert math.isfinite(row.resolution)
    assert math.isnan(row.coarser)
