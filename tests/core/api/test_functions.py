"""The front door: the same answers as behind it, from arrays, maps and files; clear refusals."""

import numpy as np
import pytest
from ensembles import ellipsoids
from small_models import GRID as MODEL_GRID
from small_models import density_of, noisy, three_chains

import occupy_core as occ
from occupy_core.scale.estimate import estimate_confidence, estimate_scale
from occupy_core.scale.modify import iter_modified, modification_factor
from occupy_core.scale.outputs import Output

GRID = occ.Grid((40, 45, 42), (1.5, 1.4, 1.6), origin=(3.0, -4.0, 5.5))
EDGES = GRID.voxel_size


@pytest.fixture(scope="module")
def bodies():
    """A map of two bodies, and the masks of both."""
    density, masks = occ.two_bodies(GRID, occupancy=0.5)
    return density, masks


@pytest.fixture(scope="module")
def file(bodies, tmp_path_factory):
    return occ.write_map(tmp_path_factory.mktemp("maps") / "two_bodies.mrc", bodies[0])


@pytest.fixture(scope="module")
def scaled(bodies):
    """The answer to an array and the same from behind the door."""
    density, _ = bodies
    answer = occ.local_scale(density.data, voxel_size=EDGES, mode="occ")
    return answer, estimate_scale(density, occ.ScaleParams(mode="occ"))


# ---- the local scale --------------------------------------------------------------------------


def test_an_array_goes_in_and_arrays_come_out(scaled):
    answer, expected = scaled
    for name in ("scale", "confidence", "sigma"):
        found = getattr(answer, name)
        assert isinstance(found, np.ndarray)
        assert np.array_equal(found, getattr(expected, name).data)
    assert answer.full_scale == expected.full_scale
    assert answer.warnings == expected.warnings
    assert isinstance(answer.estimate.scale, occ.DensityMap)


@pytest.mark.parametrize("kind", ["map", "file", "float64", "Fortran order"])
def test_other_kinds_of_volumes_give_the_same_values(bodies, file, scaled, kind):
    density, _ = bodies
    volume = {
        "map": density,
        "file": file,
        "float64": density.data.astype(np.float64),
        "Fortran order": np.asfortranarray(density.data),
    }[kind]
    arrays = isinstance(volume, np.ndarray)
    found = occ.local_scale(volume, voxel_size=EDGES if arrays else None, mode="occ")
    assert isinstance(found.scale, np.ndarray) == arrays
    data = found.scale if arrays else found.scale.data
    assert np.array_equal(data, scaled[0].scale)
    if not arrays:
        assert found.scale.grid == GRID


def test_parameters_are_keywords_or_one_object_or_both(bodies):
    density, _ = bodies
    params = occ.ScaleParams(mode="occ", lowpass=9.0)
    one = occ.local_scale(density, params=params)
    assert occ.local_scale(density, params=params, mode="res").params.lowpass == one.params.lowpass
    assert np.array_equal(
        occ.local_scale(density, mode="occ", lowpass=np.float32(9)).scale.data, one.scale.data
    )


def test_half_maps_and_masks_of_an_array_lie_where_it_lies(bodies):
    density, (full, _) = bodies
    halves = [occ.two_bodies(GRID, noise=0.04, seed=seed)[0] for seed in (1, 2)]
    from_arrays = occ.local_scale(
        density.data,
        voxel_size=EDGES,
        mode="occ",
        half_maps=tuple(half.data for half in halves),
        target_mask=full,
    )
    expected = estimate_scale(
        density,
        occ.ScaleParams(mode="occ"),
        half_maps=tuple(halves),
        target_mask=density.with_data(full),
    )
    assert from_arrays.target_occupancy == expected.target_occupancy
    assert np.array_equal(from_arrays.scale, expected.scale.data)


def test_the_confidence_alone_is_that_of_the_estimate(bodies):
    density, _ = bodies
    _, expected = estimate_confidence(density)
    found = occ.confidence(density.data, voxel_size=EDGES)
    assert np.array_equal(found, expected.data)
    found[:] = 0  # it is the caller's


# ---- modifications ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "power", "field"),
    [("attenuate", 3, "attenuate"), ("amplify", 4, "amplify"), ("sigmoid", 3, "sigmoid")],
)
def test_a_modification_is_that_of_the_command(bodies, scaled, method, power, field):
    density, _ = bodies
    answer, expected = scaled
    params = occ.ModifyParams(**{field: power})
    (made,) = iter_modified(
        density,
        expected.scale,
        expected.confidence,
        expected.solvent,
        params,
        sigma=None if expected.place is None else expected.sigma,
        place=expected.place,
    )
    found = getattr(answer, method)(power)
    assert np.array_equal(found, made.map.data)
    assert np.array_equal(occ.modify(density.data, answer, **{field: power}), found)
    assert np.array_equal(occ.modify(density, expected, params=params).data, found)
    found += 1  # it is the caller's


def test_a_power_of_one_leaves_the_map_as_it_is(bodies, scaled):
    assert np.array_equal(scaled[0].attenuate(1), bodies[0].data)


@pytest.mark.parametrize("power", [0.25, 0.5, 2.0, 3.0])
def test_a_displacement_is_what_the_factors_add_above_the_solvent(bodies, scaled, power):
    density, _ = bodies
    answer, expected = scaled
    kind, gamma = ("attenuated", power) if power > 1 else ("amplified", 1 / power)
    factor = modification_factor(expected.scale.data, Output(kind, gamma), 0.05)
    above = density.data - np.float32(expected.solvent.mean)
    step = answer.displacement(power)
    assert step == pytest.approx(expected.confidence.data * (factor - 1) * above, abs=1e-6)
    assert step[expected.scale.data <= 0.05] == pytest.approx(0)


def test_a_displacement_changes_sign_with_the_power_and_is_zero_at_one(scaled):
    answer, _ = scaled
    assert not answer.displacement(1).any()
    shrinks, grows = answer.displacement(2), answer.displacement(0.5)
    assert np.all(shrinks * grows <= 0)
    assert np.abs(answer.displacement(1.001)).max() < 0.01 * np.abs(shrinks).max()


def test_steps_of_displacement_empty_the_partly_occupied_body_and_spare_the_full(bodies, scaled):
    density, (full, half) = bodies
    answer, _ = scaled
    moved = density.data + answer.displacement(2)
    kept = [moved[m].sum() / density.data[m].sum() for m in (full, half)]
    assert kept[0] > 0.9
    assert kept[1] < 0.7


def test_weights_are_high_where_the_map_is_full_and_zero_in_solvent(bodies, scaled):
    _, (full, half) = bodies
    weights = scaled[0].weights()
    assert 0 <= weights.min() <= weights.max() <= 1
    assert weights[full].mean() > 1.4 * weights[half].mean()
    assert weights[~(full | half)].mean() < 0.15


# ---- regions, blocks, resolution --------------------------------------------------------------


@pytest.fixture(scope="module")
def complexes(tmp_path_factory):
    """A model and a map in which chain B is half occupied."""
    path = three_chains(tmp_path_factory.mktemp("model") / "m.pdb")
    model = occ.read_model(path)
    return path, model, noisy(density_of(model, {"B": 0.5}), 0.03, 1)


def test_chains_of_an_array_or_of_named_maps(complexes):
    path, model, density = complexes
    one = occ.chain_occupancy(density.data, path, voxel_size=1.5, align=False)
    assert one.maps == ("map",)
    assert one.row("map", "B").occupancy == pytest.approx(0.5, abs=0.03)
    several = occ.chain_occupancy({"a": density, "b": density}, model, align=False)
    assert several.maps == ("a", "b")
    assert several.occupancy[1] == pytest.approx(one.occupancy[0], abs=0.01)


def test_masks_and_scales_of_regions_may_be_arrays_or_maps(complexes):
    _, model, density = complexes
    masks = {m.name: m.data for m in occ.chain_masks(model, MODEL_GRID, soft=3.0)}
    scale = np.full(MODEL_GRID.shape, 0.25)
    table = occ.region_occupancy(density, masks, scales=scale, reference="A", half_maps=None)
    assert table.regions == ("A", "B", "C")
    assert table.row("map", "B").occupancy == pytest.approx(0.5, abs=0.2)
    assert [row.mean_scale for row in table.rows] == pytest.approx([0.25] * 3)
    pair = tuple(noisy(density.data, 0.02, seed).data for seed in (5, 6))
    with_halves = occ.region_occupancy(density, masks, half_maps=[pair], reference="A")
    assert with_halves.occupancy == pytest.approx(table.occupancy, abs=0.1)


def test_blocks_of_arrays_and_of_a_folder_are_the_same(tmp_path):
    known = ellipsoids(
        (20, 22, 25), 30, n_blocks=2, seed=4, noise=0.1, size=(0.12, 0.16), agreeing=None
    )
    known.write(tmp_path / "v")
    volumes = [known.volume(i) for i in range(30)]
    one = occ.find_blocks(volumes, voxel_size=known.voxel_size, correction="bh")
    two = occ.find_blocks(tmp_path / "v", correction="bh")
    assert len(one.blocks) == len(two.blocks) > 0
    assert np.array_equal(one.tracking.occupancy, two.tracking.occupancy)


def test_the_resolution_of_half_maps_alone_is_that_of_their_mean(bodies):
    halves = tuple(occ.two_bodies(occ.Grid.cubic(48, 1.5), noise=0.1, seed=s)[0] for s in (1, 2))
    arrays = tuple(half.data for half in halves)
    one = occ.local_resolution(half_maps=arrays, voxel_size=1.5, filter=True)
    two = occ.local_resolution(halves[0].with_data((arrays[0] + arrays[1]) / 2), half_maps=halves)
    assert isinstance(one.resolution, np.ndarray)
    assert [type(each) for each in one.filtered] == [np.ndarray] * 3
    apart = np.abs(one.resolution - two.resolution.data) > 1e-3 * two.resolution.data
    assert apart.mean() < 1e-3  # but for the edge of the mask
    assert one.source == "half maps"


# ---- refusals ---------------------------------------------------------------------------------

DATA = np.zeros((16, 16, 16))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: occ.local_scale([[1.0]]), "volume is of type list but must be an array"),
        (lambda: occ.local_scale(None), "volume is of type NoneType"),
        (lambda: occ.local_scale(DATA), "no voxel size; give voxel_size"),
        (lambda: occ.local_scale(DATA[0], voxel_size=1), r"shape \(16, 16\) but must have three"),
        (lambda: occ.local_scale(DATA * 1j, voxel_size=1), "complex128 but must hold real"),
        (lambda: occ.local_scale(DATA.astype(object), voxel_size=1), "must hold real numbers"),
        (lambda: occ.local_scale(DATA, voxel_size="x"), "'x' but must be a positive number"),
        (lambda: occ.local_scale(DATA, voxel_size=(1, 2)), r"\(1, 2\) but must be a positive"),
        (lambda: occ.local_scale(DATA, voxel_size=0), "0 but must be a positive number"),
        (lambda: occ.local_scale(DATA, voxel_size=1, mod="occ"), "'mod' of local_scale is unknown"),
        (lambda: occ.local_scale(DATA, voxel_size=1, mode="x"), "'x' but must be res or occ"),
        (lambda: occ.local_scale(DATA, voxel_size=1, tau="x"), "'x' but must be a number"),
        (lambda: occ.local_scale(DATA, voxel_size=1, params={}), "must be ScaleParams"),
        (lambda: occ.modify(DATA, DATA, attenuate=2), "must be that of local_scale"),
        (lambda: occ.chain_occupancy(DATA, 7, voxel_size=1), "must be the path of a PDB"),
        (lambda: occ.chain_occupancy([], "m.pdb"), "No map is given"),
        (lambda: occ.chain_occupancy(3, "m.pdb"), "map is of type int"),
        (lambda: occ.chain_occupancy(["a.mrc", "x/a.mrc"], "m.pdb"), "2 maps are named 'a'"),
        (lambda: occ.region_occupancy(DATA, [], voxel_size=1), "No mask is given"),
        (lambda: occ.region_occupancy(DATA, DATA, voxel_size=1, scales=[DATA] * 2), "is 2 but"),
        (lambda: occ.region_occupancy(DATA, DATA, voxel_size=1, half_maps=[DATA]), "a pair"),
        (lambda: occ.find_blocks(3), "volumes are of type int but must be a folder"),
        (lambda: occ.find_blocks(occ.DensityMap(DATA, occ.Grid.cubic(16, 1))), "DensityMap but"),
        (lambda: occ.local_resolution(), "give a volume, or half_maps"),
        (lambda: occ.local_resolution(half_maps=DATA), "must be a pair"),
        (lambda: occ.read_map(3), "path is of type int"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_sentence(call, sentence):
    with pytest.raises(occ.ParameterError, match=sentence):
        call()


def test_values_that_are_no_numbers_are_told():
    bad = DATA.copy()
    bad[3, 3, 3] = np.nan
    for data in (bad, DATA + 1e300):
        with pytest.raises(occ.MapFormatError, match="NaN, infinite or too large"):
            occ.local_scale(data, voxel_size=1)


def test_a_mask_of_another_shape_is_told():
    density, _ = occ.two_bodies(occ.Grid.cubic(32, 2.0))
    with pytest.raises(occ.GridMismatchError, match="target mask given has 3 x 3 x 3 voxels"):
        occ.local_scale(density, target_mask=np.ones((3, 3, 3)))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda r, d: occ.modify(d, r), "No modified maps are asked for"),
        (lambda r, d: occ.modify(d, r, amplify=2, attenuate=2), "2 modified maps are asked for"),
        (lambda r, d: r.attenuate(0.5), "must be a number of at least 1"),
        (lambda r, d: r.displacement(0), "power is 0 but must be a number above 0"),
        (lambda r, d: r.displacement(2, scale_limit=1), "scale limit is 1"),
        (lambda r, d: r.attenuate("3"), "'3' but must be a number"),
    ],
)
def test_modifications_that_cannot_be_made_are_told(bodies, scaled, call, sentence):
    with pytest.raises(occ.ParameterError, match=sentence):
        call(scaled[0], bodies[0])
