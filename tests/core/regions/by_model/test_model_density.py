"""Templates are the transforms of the density of the atoms, on every kind of grid."""

import numpy as np
import pytest
from small_models import GRID, density_of, three_chains

from occupy_core.errors import ParameterError
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.regions.by_model.atoms import read_model
from occupy_core.regions.by_model.fit import put_into_maps
from occupy_core.regions.by_model.model_density import atom_weights, make_band
from occupy_core.regions.by_model.templates import templates

pytest.importorskip("gemmi")

GRIDS = [
    GRID,
    Grid.cubic(47, 1.5),
    Grid((50, 48, 45), (1.6, 1.5, 1.4)),
    Grid((48, 48, 48), (1.5, 1.5, 1.5), origin=(-3.0, 4.5, 1.0)),
    Grid((40, 48, 52), (1.5, 1.5, 1.5), nstart=(-2, 3, 5)),
]


@pytest.fixture
def model(tmp_path):
    return read_model(three_chains(tmp_path / "m.pdb"))


def band_of(model, grid, resolution=3.2):
    return make_band(grid, model.positions, resolution, n_templates=4, memory=1e8)


@pytest.mark.parametrize("grid", GRIDS, ids=["even", "odd", "anisotropic", "origin", "nstart"])
def test_templates_agree_with_a_sum_of_gaussian_atoms(model, grid):
    band = band_of(model, grid)
    for i, region in enumerate(model.regions):
        others = {r.name: 0.0 for r in model.regions if r is not region}
        expected = band.transform(density_of(model, others, grid=grid, sharpness=80.0)[band.slices])
        s2 = (band.frequencies**2).sum(axis=0)
        found = templates(model.regions, band)[i] * np.exp(-80.0 / 4 * s2)
        assert np.abs(found - expected).max() < 0.01 * np.abs(expected).max()


def test_moving_coefficients_moves_the_density(model):
    band = band_of(model, GRID)
    shift = np.array([0.7, -0.4, 1.1])
    moved = templates(model.moved(shift).regions, band)
    assert np.allclose(moved, band.moved(templates(model.regions, band), shift), atol=0.5)  # of 400


def test_density_of_coefficients_is_the_band_of_the_map(model):
    band = band_of(model, GRID, resolution=4.0)
    data = density_of(model, {}).astype(np.float32)[band.slices]
    shown, voxel = band.density(band.transform(data))
    again = band.density(band.transform(data))[0]
    assert np.array_equal(shown, again)
    assert np.allclose(np.array(shown.shape) * voxel, np.array(band.shape) * band.voxel_size)
    assert shown.std() == pytest.approx(data.std(), rel=0.2)


def test_atoms_outside_the_map_do_not_wrap_around(model):
    small = Grid((48, 48, 26), (1.5, 1.5, 1.5))  # chain B lies beyond x = 39 Å
    band = band_of(model, small)
    found = templates(model.regions, band)
    assert np.abs(found[1]).max() < 0.3 * np.abs(found[0]).max()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_atoms_in_the_first_and_the_last_voxel_are_inside(axis):
    grid = Grid((40, 44, 48), (1.5, 1.4, 1.3), origin=(5.0, -7.0, 2.0))
    for end in (0, grid.shape[axis] - 1):
        voxel = [20, 22, 24]
        voxel[axis] = end
        band = make_band(grid, np.array([grid.position(voxel)]), 4.0, n_templates=1, memory=1e8)
        inside = tuple(v - c for v, c in zip(voxel, band.corner, strict=True))
        assert band.weight[inside] == 1


def test_the_resolution_is_lowered_to_what_memory_allows(model):
    rich = make_band(GRID, model.positions, 3.0, n_templates=4, memory=1e8)
    poor = make_band(GRID, model.positions, 3.0, n_templates=4, memory=1e5)
    assert rich.resolution == 3.0
    assert poor.resolution > 4.0


def test_a_map_too_coarse_for_shells_is_refused(model):
    with pytest.raises(ParameterError, match="too few to fit"):
        band_of(model, Grid((6, 6, 6), (15.0, 15.0, 15.0)))


def test_sums_over_shells_count_every_coefficient_of_the_whole_transform(model):
    band = band_of(model, GRID)
    data = np.random.default_rng(0).normal(size=band.shape).astype(np.float32)
    power = band.sums(np.abs(band.transform(data)) ** 2) / band.counts
    expected = band.voxel_volume**2 * data.size  # white noise of variance 1
    assert np.allclose(np.average(power, weights=band.counts), expected, rtol=0.05)


def test_atom_masks_are_one_at_atoms_and_nothing_far_away(model):
    part, weight = atom_weights(model.regions[0].positions, GRID, radius=3.0, soft=4.0)
    full = np.zeros(GRID.shape, np.float32)
    full[part] = weight
    at = np.rint(model.regions[0].positions[:, ::-1] / 1.5).astype(int)
    assert (full[tuple(at.T)] == 1).all()
    assert full[0, 0, 0] == 0
    assert 0 <= full.min() <= full.max() <= 1


def test_the_density_without_atoms_is_found_and_the_neighbour_told(model):
    data = density_of(model, {})
    without_b = type(model)("m", (model.regions[0], model.regions[2]))
    fitted = put_into_maps(without_b, GRID, 3.2).fit(DensityMap(data, GRID))
    assert fitted.unexplained > 0.1
    assert fitted.beside.any()
    whole = put_into_maps(model, GRID, 3.2).fit(DensityMap(data, GRID))
    assert whole.unexplained == 0
