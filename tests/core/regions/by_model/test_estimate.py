"""Chains read their true occupancy, whatever was done to the map."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from small_models import GRID, density_of, noisy, three_chains, write_pdb

from occupy_core.errors import EstimationError, GridMismatchError, ParameterError
from occupy_core.maps.fourier import lowpass
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.mrc import read_map
from occupy_core.regions.by_model.atoms import AtomicModel, read_model
from occupy_core.regions.by_model.estimate import ChainParams, chain_masks, chain_occupancy
from occupy_core.regions.significance import differences

pytest.importorskip("gemmi")

TRUTH = {"A": 1.0, "B": 0.5, "C": 1.0}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return read_model(three_chains(tmp_path_factory.mktemp("model") / "m.pdb"))


@pytest.fixture(scope="module")
def clean(model):
    return density_of(model, TRUTH)


def reading(density, model, **params):
    table = chain_occupancy([density], model, ChainParams(**params))
    return {row.region: row.occupancy for row in table.rows}, table


def assert_true(found, tolerance=0.02, truth=TRUTH):
    for name, value in truth.items():
        assert found[name] == pytest.approx(value, abs=tolerance), name


@pytest.mark.parametrize("occupancy", [0.0, 0.1, 0.5, 0.9])
def test_a_partial_chain_reads_its_occupancy(model, occupancy):
    truth = {**TRUTH, "B": occupancy}
    found, table = reading(noisy(density_of(model, truth), 0.03, 1), model)
    assert_true(found, truth=truth)
    assert table.reference == ("A", "C")


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("grey scale", lambda x: 7.0 * x + 3.0),
        ("low-pass", lambda x: lowpass(DensityMap(x, GRID), 5.0).data),
        ("Gaussian filter", lambda x: ndimage.gaussian_filter(x, 1.2)),
        ("sharpening", lambda x: x - 1.5 * ndimage.laplace(x)),
        ("mask", lambda x: x * (ndimage.gaussian_filter(x, 4) > 0.003 * x.max())),
    ],
)
def test_what_is_done_to_the_whole_map_does_not_matter(model, clean, what, change):
    found, _ = reading(DensityMap(change(noisy(clean, 0.03, 2).data), GRID), model)
    assert_true(found, 0.03)


@pytest.mark.parametrize("extra", [100.0, 200.0])
def test_a_mobile_chain_is_not_taken_for_an_empty_one(model, extra):
    data = density_of(model, {}, extra_b={"B": extra})
    found, table = reading(noisy(data, 0.03, 3), model)
    assert found["B"] == pytest.approx(1.0, abs=0.05)
    row = table.row("map", "B")
    assert row.blur == pytest.approx(extra, rel=0.2)
    assert any("blurred" in flag for flag in row.flags)


@pytest.mark.parametrize("blurred", ["B", "C"])
def test_fine_detail_that_was_taken_from_one_chain_only_does_not_count(model, blurred):
    parts = {
        n: density_of(AtomicModel(n, (r,)), {}) for n, r in zip("ABC", model.regions, strict=True)
    }
    parts[blurred] = lowpass(DensityMap(parts[blurred], GRID), 7.0).data
    data = sum(TRUTH[name] * part for name, part in parts.items())
    found, table = reading(noisy(data, 0.01, 3), model)
    assert_true(found, 0.04)
    assert any("detail finer than 8 Å is not the same" in note for note in table.notes)
    assert min(row.resolution_used for row in table.rows) > 7


def test_detail_common_to_all_chains_is_used(model, clean):
    _, table = reading(noisy(clean, 0.01, 3), model)
    assert not any("detail finer" in note for note in table.notes)
    assert max(row.resolution_used for row in table.rows) < 4


def test_copies_in_one_place_cannot_be_told_apart(model, clean):
    copy = AtomicModel("m", (*model.regions, replace(model.regions[1], name="Z")))
    found, table = reading(noisy(clean, 0.03, 1), copy)
    assert found["B"] + found["Z"] == pytest.approx(0.5, abs=0.03)
    for one, other in (("B", "Z"), ("Z", "B")):
        row = table.row("map", one)
        assert row.sigma > 0.5
        assert f"cannot be told from {other}" in row.flags
    assert table.reference == ("A", "C")
    assert table.row("map", "A").sigma < 0.1


def test_a_model_shifted_a_little_is_followed(model, clean):
    found, _ = reading(noisy(clean, 0.03, 4), model.moved(np.array([0.6, -0.5, 0.6])))
    assert_true(found)


SHIFTS = [(40.0, -55.0, 12.0), (-36.0, -36.0, -36.0), (2.4, 2.3, -1.6), (7.0, 0.0, 3.0)]


@pytest.mark.parametrize("shift", SHIFTS)
def test_a_model_on_another_origin_is_found_and_it_is_said(model, clean, shift):
    found, table = reading(noisy(clean, 0.03, 5), model.moved(np.array(shift)))
    assert_true(found)
    assert any("was moved by" in note for note in table.notes)


def test_without_alignment_a_model_elsewhere_is_refused(model, clean):
    far = model.moved(np.array([500.0, 0.0, 0.0]))
    with pytest.raises(EstimationError, match="outside"):
        chain_occupancy([noisy(clean, 0.03, 5)], far, ChainParams(align=False))


def test_a_chain_outside_the_map_gets_no_number_but_a_flag(model, clean):
    small = Grid((48, 48, 28), (1.5, 1.5, 1.5))
    density = DensityMap(noisy(clean, 0.03, 6).data[:, :, :28], small)
    table = chain_occupancy([density], model, ChainParams(align=False, reference="A"))
    row = table.row("map", "B")
    assert np.isnan(row.occupancy)
    assert "outside the map" in row.flags[0]
    assert table.row("map", "A").occupancy == pytest.approx(1.0)


def test_a_missing_chain_is_told_and_the_others_stay_within_reach(model):
    without_c = AtomicModel("m", model.regions[:2])
    found, table = reading(noisy(density_of(model, TRUTH), 0.03, 7), without_c)
    assert found["B"] == pytest.approx(0.5, abs=0.05)
    assert any("density without atoms" in note for note in table.notes)


def test_classes_share_one_reference_and_differ_significantly(model):
    states = [{}, {"B": 0.0}, {"C": 0.4}]
    maps = [noisy(density_of(model, s), 0.05, i, name=f"m{i}") for i, s in enumerate(states)]
    maps[1] = lowpass(maps[1], 5.0)  # a class of lower resolution and another grey scale
    maps[2] = maps[2].with_data(3.0 * maps[2].data)
    table = chain_occupancy(maps, model)
    assert table.reference == ("A",)
    assert np.allclose(table.occupancy, [[1, 1, 1], [1, 0, 1], [1, 1, 0.4]], atol=0.04)
    found = {(d.region, d.first, d.second): d for d in differences(table)}
    assert found["B", "m0", "m1"].q_value < 1e-6
    assert found["C", "m0", "m1"].q_value > 0.01
    rows = table.averaged([2, 1, 1])
    assert rows[1].occupancy == pytest.approx(0.75, abs=0.04)


def test_a_generator_of_maps_gives_the_same_table(model, clean):
    maps = [noisy(clean, 0.05, i, name=f"m{i}") for i in range(2)]
    first, second = (chain_occupancy(m, model).record() for m in (maps, iter(maps)))
    assert first == second


def test_intervals_cover_the_truth_about_as_often_as_they_say(model, clean):
    maps = (noisy(clean, 0.1, seed, name=f"m{seed}") for seed in range(40))
    table = chain_occupancy(maps, model)
    error = table.occupancy - [TRUTH[name] for name in table.regions]
    inside = np.abs(error) <= table.sigma
    assert 0.55 < inside.mean() < 0.82


@pytest.mark.parametrize(("radius", "soft"), [(4.0, 4.0), (8.0, 3.0)])
def test_a_mask_on_the_map_does_not_make_the_errors_small(model, clean, radius, soft):
    near = np.minimum(sum(m.data for m in chain_masks(model, GRID, radius=radius, soft=soft)), 1)
    raw = [noisy(clean, 0.1, seed, name=f"m{seed}") for seed in range(4)]
    masked = [density.with_data(density.data * near) for density in raw]
    before, after = (chain_occupancy(maps, model) for maps in (raw, masked))
    assert np.abs(after.occupancy - before.occupancy).max() < 0.01
    assert (after.sigma.mean(axis=0) > 0.9 * before.sigma.mean(axis=0)).all()
    assert all("solvent masked" in row.flags for row in after.rows)


def test_without_a_full_region_in_all_maps_errors_are_wide_and_it_is_said(model):
    states = [{"A": 1.0, "B": 0.6, "C": 0.7}, {"A": 0.5, "B": 1.0, "C": 0.7}]
    maps = [noisy(density_of(model, s), 0.03, i, name=f"m{i}") for i, s in enumerate(states)]
    for row in chain_occupancy(maps, model).rows:
        assert "no full reference" in row.flags
        truth = states[int(row.map[1])][row.region]
        assert abs(row.occupancy - truth) < 2 * row.sigma


def test_windows_of_residues_read_what_is_missing_in_a_chain(model, tmp_path):
    lines = three_chains(tmp_path / "m.pdb").read_text().splitlines()
    gone = [line for line in lines if line[21:22] == "B" and int(line[22:26] or 0) > 12]
    part = read_model(write_pdb(tmp_path / "p.pdb", [x for x in lines[:-1] if x not in gone]))
    density = noisy(density_of(part, {}), 0.02, 1)
    windows = read_model(tmp_path / "m.pdb", by="residues", window=12)
    found, _ = reading(density, windows)
    assert found["B:13-24"] < 0.15
    assert found["B:1-12"] > 0.8
    assert found["A:1-12"] == pytest.approx(1.0, abs=0.1)


def test_one_region_alone_has_a_wide_interval(model, clean):
    alone = AtomicModel("m", model.regions[:1])
    (row,) = chain_occupancy([noisy(clean, 0.03, 1)], alone).rows
    assert row.sigma == 1.0
    assert "nothing to compare with" in row.flags


def test_a_chain_that_a_mask_cuts_off_is_flagged_and_uncertain(model, clean):
    data = noisy(clean, 0.03, 1).data.copy()
    data[:, :, 30:] = 0
    row = chain_occupancy([DensityMap(data, GRID)], model).row("map", "B")
    assert any("cut off by a mask" in flag for flag in row.flags)
    assert row.sigma > 0.1


def test_a_model_of_something_else_is_told(model):
    noise = DensityMap(np.random.default_rng(0).normal(size=GRID.shape), GRID)
    try:
        table = chain_occupancy([noise], model)
    except EstimationError:
        return  # no region has density at all
    assert all("the model does not explain the map" in row.flags for row in table.rows)
    assert all(row.sigma >= 1 for row in table.rows if np.isfinite(row.occupancy))
    assert any("the numbers mean nothing" in note for note in table.notes)


def test_the_mean_of_a_scale_map_is_reported(model, clean):
    scale = DensityMap(np.full(GRID.shape, 0.25), GRID)
    table = chain_occupancy([noisy(clean, 0.03, 1)], model, scale_of=lambda density: scale)
    assert [row.mean_scale for row in table.rows] == pytest.approx([0.25] * 3)


def test_masks_of_chains_lie_on_the_map(model):
    masks = list(chain_masks(model, GRID))
    assert [m.name for m in masks] == ["A", "B", "C"]
    assert all(m.grid == GRID and m.data.max() == 1 and m.data.min() == 0 for m in masks)


@pytest.mark.parametrize(("align", "shift"), [(False, 0.0), (True, 0.0), (True, 40.0)])
def test_dark_molecules_are_refused(model, clean, align, shift):
    moved = model.moved(np.full(3, shift))
    with pytest.raises(EstimationError, match="invert its contrast"):
        chain_occupancy([DensityMap(-clean, GRID)], moved, ChainParams(align=align))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"window": 1}, "window is 1 residues"),
        ({"resolution": 1.5}, "allow 3.00 Å"),
        ({"resolution": 99.0}, "between 1 and 20"),
        ({"reference": "A,Z"}, "'Z'; the regions are A, B, C"),
        ({"by": "atom"}, "chain or residues"),
    ],
)
def test_wrong_parameters_are_told(model, clean, params, message):
    with pytest.raises(ParameterError, match=message):
        chain_occupancy([DensityMap(clean, GRID)], model, ChainParams(**params))


def test_maps_of_different_grids_are_refused(model, clean):
    other = DensityMap(np.zeros((40, 40, 40)), Grid.cubic(40, 1.5), "other")
    with pytest.raises(GridMismatchError, match="other"):
        chain_occupancy([DensityMap(clean, GRID), other], model)


def test_no_map_is_refused(model):
    with pytest.raises(ParameterError, match="No map"):
        chain_occupancy([], model)


@pytest.mark.filterwarnings("ignore::occupy_core.errors.OccupyWarning")
def test_real_classes_read_their_true_occupancies(shared):
    folder = shared / "data" / "classification"
    names = ["consensus", *(f"relion_it016_class00{i}" for i in (1, 2, 3))]
    maps = [read_map(folder / f"{name}.mrc") for name in names]
    table = chain_occupancy(maps, shared / "data" / "models" / "1wcm.pdb.gz")
    full = np.ones((4, 12))
    columns = {name: table.regions.index(name) for name in "DGCJKL"}
    for name, j in columns.items():
        full[0, j] = 0.70 if name in "DG" else 0.75
        full[1 if name in "DG" else 2, j] = 0.0
    assert np.abs(table.occupancy - full).max() < 0.05
