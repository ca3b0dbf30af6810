"""A wrong pixel size and another hand are found by the model, and told with the number."""

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from small_jobs import run_cli
from small_models import density_of, noisy, three_chains

import occupy_core as occ
from occupy_core.maps import DensityMap, Grid, write_map
from occupy_core.regions.by_model.atoms import read_model
from occupy_core.regions.by_model.size_and_hand import size_and_hand_doubts

GRIDS = [Grid.cubic(48, 1.5), Grid((44, 52, 40), (1.9, 1.4, 1.7), origin=(0.0, 3.0, 2.0))]
OCCUPANCY = {"A": 1.0, "B": 1.0, "C": 0.5}


@pytest.fixture(scope="module", params=GRIDS, ids=["cubic", "oblong"])
def fitted(request, tmp_path_factory):
    """A model and its map, with noise."""
    model = read_model(three_chains(tmp_path_factory.mktemp("model") / "m.pdb"))
    data = density_of(model, OCCUPANCY, grid=request.param)
    return noisy(data, 0.1, seed=3, grid=request.param), model


def with_pixels(density, factor):
    """The same voxels under a header that is wrong by a factor, also in the origin."""
    grid = density.grid
    return replace(
        density,
        grid=replace(
            grid,
            voxel_size=tuple(v * factor for v in grid.voxel_size),
            origin=tuple(o * factor for o in grid.origin),
        ),
    )


def test_a_right_pair_is_taken_without_a_word(fitted):
    assert size_and_hand_doubts(*fitted) == []
    density, model = fitted
    for sigma in (0.7, 1.5):
        blurred = density.with_data(ndimage.gaussian_filter(density.data, sigma))
        assert size_and_hand_doubts(blurred, model) == []
    assert size_and_hand_doubts(with_pixels(density, 1.008), model) == []


@pytest.mark.parametrize("factor", [0.94, 0.97, 1.03, 1.06])
def test_a_pixel_size_that_is_off_is_told_with_the_right_one(fitted, factor):
    density, model = fitted
    (sentence,) = size_and_hand_doubts(with_pixels(density, factor), model)
    off = float(re.search(r"\(([+-][\d.]+)%\)", sentence)[1])
    assert off == pytest.approx(100 * (1 / factor - 1), abs=0.8)
    assert "--voxel-size" in sentence


@pytest.mark.parametrize("axes", [0, 1, 2, (0, 1, 2)])
def test_a_map_of_the_other_hand_is_told(fitted, axes):
    density, model = fitted
    flipped = density.with_data(np.ascontiguousarray(np.flip(density.data, axes)))
    (sentence,) = size_and_hand_doubts(flipped, model)
    assert "fits the mirror image of map" in sentence


def test_another_molecule_and_noise_tell_nothing(fitted, tmp_path):
    density, _ = fitted
    other = read_model(three_chains(tmp_path / "other.pdb", n_residues=31))
    rng = np.random.default_rng(0)
    noise = density.with_data(ndimage.gaussian_filter(rng.normal(size=density.grid.shape), 1.5))
    assert size_and_hand_doubts(noise, other) == []


def test_a_model_on_the_edge_or_outside_is_no_matter(fitted):
    density, model = fitted
    assert size_and_hand_doubts(density, model.moved(np.array([500.0, 0, 0]))) == []
    tiny = DensityMap(np.ascontiguousarray(density.data[:6, :6, :6]), Grid.cubic(6, 1.5), "tiny")
    assert size_and_hand_doubts(tiny, model) == []


def test_command_line_and_function_tell_it(tmp_path, capsys):
    path = three_chains(tmp_path / "m.pdb")
    density = noisy(density_of(read_model(path), OCCUPANCY), 0.1, seed=3)
    wrong = with_pixels(density, 0.95)
    table = occ.chain_occupancy([wrong], path)
    assert any("pixel size of map does not fit the model" in note for note in table.notes)
    assert not any("pixel size" in note for note in occ.chain_occupancy([density], path).notes)
    file = write_map(tmp_path / "map.mrc", wrong)
    status, _, said = run_cli(
        capsys, "regions", file, "--model", path, "--outdir", tmp_path / "out", "--quiet"
    )
    assert status == 0
    assert "Warning: The pixel size of map does not fit the model" in said
