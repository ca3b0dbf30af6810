"""Maps of two bodies, the second at a known occupancy, for the tests of the calibrated scale."""

import functools

import numpy as np

from occupy_core.maps.grid import Grid
from occupy_core.maps.synthetic import two_bodies
from occupy_core.scale.estimate import estimate_scale
from occupy_core.scale.params import ScaleParams

GRID = Grid.cubic(56, 2.0)
FINE = Grid.cubic(64, 1.6)
OCC = ScaleParams(mode="occ", granularity=0.0)
B_FACTOR = 60.0


@functools.lru_cache(maxsize=32)
def bodies(occupancy=0.5, noise=0.05, grid=GRID, seed=0):
    """Map of a full body and of one of a given occupancy, and where they are (read-only)."""
    density, regions = two_bodies(
        grid,
        occupancy=occupancy,
        noise=noise,
        noise_b_factor=B_FACTOR,
        resolution=5.0 if grid is not FINE else 3.5,
        seed=seed,
    )
    for region in regions:
        region.flags.writeable = False
    return density, regions


@functools.lru_cache(maxsize=8)
def scale_of_voxels(mode, occupancy=0.5, noise=0.05):
    """What is estimated for such a map, without granularity."""
    return estimate_scale(bodies(occupancy, noise)[0], ScaleParams(mode=mode, granularity=0.0))


def medians(scale, regions):
    return [float(np.median(scale.data[region])) for region in regions]
