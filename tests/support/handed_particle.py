"""A random, handed molecule and noisy half maps of it."""

import numpy as np
from scipy import ndimage

from occupy_core.maps import DensityMap, Grid

SHAPES = [(40, 40, 40), (33, 40, 37), (64, 48, 50)]


def particle(shape, seed=0, voxel=(1.5, 1.5, 1.5)):
    """A random, handed molecule in the middle of a box."""
    rng = np.random.default_rng(seed)
    data = np.zeros(shape)
    middle, reach = np.array(shape) / 2, min(shape) / 5
    for _ in range(150):
        step = rng.normal(size=3) * reach / 1.7
        at = tuple(np.clip(np.rint(middle + step), 2, np.array(shape) - 3).astype(int))
        data[at] += 1
    return DensityMap(ndimage.gaussian_filter(data, 1.1), Grid(shape, voxel), "whole")


def halves_of(density, level=1.0, seed=5):
    """Two half maps with noise of their own."""
    rng = np.random.default_rng(seed)
    sigma = level * density.data.std()
    return tuple(
        density.with_data(density.data + rng.normal(0, sigma, density.grid.shape), f"half{i}")
        for i in (1, 2)
    )
