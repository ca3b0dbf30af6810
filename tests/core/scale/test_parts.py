"""What is full and what is weak: where it is, how large, and no rims."""

import numpy as np
import pytest
from scipy import ndimage

from occupy_core.maps import DensityMap, Grid
from occupy_core.scale.parts import scale_parts

GRID = Grid((30, 36, 44), (2.0, 1.5, 1.0), origin=(10.0, -20.0, 5.0))


def ball(centre, radius):
    """Mask of a ball around a point (x, y, z) in Å from the first voxel."""
    z, y, x = np.indices(GRID.shape)
    x0, y0, z0 = centre
    return (2 * x - x0) ** 2 + (1.5 * y - y0) ** 2 + (z - z0) ** 2 <= radius**2


def parts(*weak, error=0.05, thickness=4.0):
    """Of a box of content at full scale, with weak balls of a scale in it."""
    content = np.zeros(GRID.shape, bool)
    content[3:-3, 4:-4, 4:-4] = True
    scale = np.ones(GRID.shape, np.float32)
    for inside, value in weak:
        scale[inside] = value
    maps = [DensityMap(data.astype(np.float32), GRID) for data in (scale, content)]
    sigma = DensityMap(np.full(GRID.shape, error, np.float32), GRID)
    return content, scale_parts(*maps, thickness=thickness, sigma=sigma)


def test_weak_parts_are_found_where_they_are_the_largest_first():
    small, large = ball((24, 16, 10), 5), ball((60, 30, 18), 7)
    content, found = parts((small, 0.4), (large, 0.1))
    assert found.n_weak == 2
    first, second = found.weak_parts
    assert (first.scale, second.scale) == pytest.approx((0.1, 0.4))
    assert first.sigma == pytest.approx(0.05)
    assert first.position == pytest.approx((70, 10, 23), abs=2.01)
    assert second.position == pytest.approx((34, -4, 15), abs=2.01)
    assert GRID.position(first.index) == first.position
    assert large[first.index]
    assert first.volume == pytest.approx(3.0 * np.count_nonzero(large), rel=0.1)
    n = np.count_nonzero(content)
    assert found.weak == pytest.approx((small.sum() + large.sum()) / n, rel=0.1)
    assert found.full == pytest.approx(1 - (small.sum() + large.sum()) / n)
    assert found.content == pytest.approx(3.0 * n)


def test_a_rim_is_no_weak_part():
    rim = ball((44, 26, 15), 12) & ~ball((44, 26, 15), 10)
    _, found = parts((rim, 0.2), thickness=6.0)
    assert (found.n_weak, found.weak) == (0, 0.0)
    assert found.full < 1


def test_nothing_but_solvent_has_no_parts():
    empty = DensityMap(np.zeros(GRID.shape, np.float32), GRID)
    found = scale_parts(empty, empty, thickness=4.0)
    assert (found.content, found.full, found.weak, found.weak_parts) == (0.0, 0.0, 0.0, ())


def test_without_errors_there_are_none():
    scale = DensityMap(np.full(GRID.shape, 0.2, np.float32), GRID)
    found = scale_parts(scale, scale.with_data(np.ones(GRID.shape, np.float32)), thickness=4.0)
    (part,) = found.weak_parts
    assert part.sigma is None
    assert found.weak == 1.0


def test_of_voxels_that_are_as_deep_the_first_is_named():
    """So the position does not hang on how a library sorts equal numbers."""
    block = np.zeros(GRID.shape, bool)
    block[10:13, 10:20, 10:30] = True  # its middle plane is as deep everywhere
    _, found = parts((block, 0.2))
    (part,) = found.weak_parts
    assert part.index == (11, 11, 10)  # 2 Å from z = 9 and 13, which is as far as x = 9


@pytest.mark.parametrize("radius", [2.0, 3.7, 5.2])
def test_weak_parts_are_what_a_ball_reaches_within_what_is_weak(radius):
    noise = ndimage.gaussian_filter(np.random.default_rng(4).standard_normal(GRID.shape), (3, 2, 2))
    weak = noise > 0.02
    z, y, x = np.ogrid[-6:7, -6:7, -6:7]
    shape = z**2 + (1.5 * y) ** 2 + (2 * x) ** 2 < radius**2
    reached = ndimage.binary_opening(np.pad(weak, 6), shape)[6:-6, 6:-6, 6:-6]
    depth = ndimage.distance_transform_edt(np.pad(weak, 1), sampling=GRID.voxel_size_zyx)
    scale = DensityMap(np.where(weak, 0.2, 1).astype(np.float32), GRID)
    everywhere = DensityMap(np.ones(GRID.shape, np.float32), GRID)
    found = scale_parts(scale, everywhere, thickness=2 * radius)
    assert found.weak == pytest.approx(np.count_nonzero(reached) / reached.size)
    assert found.n_weak > 1
    deepest = [depth[tuple(i + 1 for i in part.index)] for part in found.weak_parts]
    assert max(deepest) == depth.max()
    assert min(deepest) >= radius
