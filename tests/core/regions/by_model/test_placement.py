"""Where a model lies in a map is found by correlation, and left where it stands well."""

import numpy as np
import pytest
from small_models import GRID, density_of, noisy, three_chains

from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.regions.by_model.atoms import read_model
from occupy_core.regions.by_model.placement import find_placement

pytest.importorskip("gemmi")

ODD = Grid((50, 47, 53), (1.5, 1.5, 1.5), origin=(-4.0, 2.0, 3.0))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return read_model(three_chains(tmp_path_factory.mktemp("model") / "m.pdb"))


@pytest.fixture(scope="module", params=[GRID, ODD], ids=["cubic", "odd"])
def density(request, model):
    return noisy(density_of(model, {}, grid=request.param), 0.02, 0, grid=request.param)


def test_a_model_that_stands_well_stays(model, density):
    found = find_placement(density, model)
    assert found.shift == (0, 0, 0)
    assert found.correlation == found.correlation_before > 0.5
    assert not found.dark


@pytest.mark.parametrize("shift", [(9.0, -6.0, 4.5), (-7.3, 11.1, 2.2), (300.0, -250.0, 120.0)])
def test_a_moved_model_is_brought_back_to_a_fraction_of_a_voxel_of_the_search(
    model, density, shift
):
    found = find_placement(density, model.moved(np.array(shift)))
    assert found.shift == pytest.approx(tuple(-s for s in shift), abs=1.0)
    assert found.correlation > 2 * max(found.correlation_before, 0.1)


def test_inverted_contrast_is_told(model, density):
    dark = density.with_data(-density.data)
    assert find_placement(dark, model).dark


def test_the_grey_scale_and_the_level_do_not_matter(model, density):
    moved = model.moved(np.array((9.0, -6.0, 4.5)))
    other = density.with_data(40 * density.data + 11)
    one, two = find_placement(density, moved), find_placement(other, moved)
    assert two.shift == pytest.approx(one.shift, abs=0.02)
    assert two.correlation == pytest.approx(one.correlation, abs=1e-3)


def test_in_a_map_of_noise_the_model_fits_nowhere(model):
    noise = np.random.default_rng(0).standard_normal(GRID.shape).astype(np.float32)
    assert find_placement(DensityMap(noise, GRID), model).correlation < 0.5
