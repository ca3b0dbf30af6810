"""Maps as a 3D classification leaves them: filtered to less than the voxels allow, then masked."""

import numpy as np
import pytest
from scipy import fft
from small_models import density_of, three_chains

from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.regions.by_model.atoms import read_model
from occupy_core.regions.by_model.estimate import chain_occupancy

BOX, VOXEL, FINEST = 36, 3.5, 20.0
GRID = Grid.cubic(BOX, VOXEL)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Three chains in the middle of the box, blurred enough for its voxels."""
    model = read_model(three_chains(tmp_path_factory.mktemp("model") / "m.pdb"))
    middle = np.mean([region.positions.mean(axis=0) for region in model.regions], axis=0)
    return model.moved(BOX * VOXEL / 2 - middle)


def class_map(model, occupancy, radius_of_mask, level=0.3, seed=3):
    """Low-passed as by RELION, with a solvent of `level` times the molecule, and masked."""
    data = density_of(model, occupancy, grid=GRID, sharpness=60.0)
    data += np.random.default_rng(seed).normal(0, 0.1 * np.percentile(data, 99.9), data.shape)
    k = fft.fftfreq(BOX, VOXEL)
    q = np.sqrt(k[:, None, None] ** 2 + k[:, None] ** 2 + k[: BOX // 2 + 1] ** 2)
    filtered = fft.irfftn(fft.rfftn(data) / (1 + (q * FINEST) ** 16), data.shape)
    x = (np.arange(BOX) - BOX / 2) * VOXEL
    radius = np.sqrt(x[:, None, None] ** 2 + x[:, None] ** 2 + x**2)
    mask = np.clip((radius_of_mask - radius) / (2 * VOXEL), 0, 1)
    return DensityMap(
        ((filtered + level * np.percentile(data, 99.9)) * mask).astype(np.float32), GRID
    )


@pytest.mark.parametrize("radius", [24.0, 30.0])
def test_what_leaks_from_the_edge_of_a_mask_is_not_taken_for_detail(model, radius):
    """Beyond the filter nothing else is left, in far more coefficients than hold the molecule."""
    table = chain_occupancy([class_map(model, {"B": 0.5}, radius)], model)
    b = table.regions.index("B")
    assert set(table.reference) == {"A", "C"}
    assert table.sigma[0, b] < 0.25
    assert abs(table.occupancy[0, b] - 0.5) < 2 * table.sigma[0, b]
