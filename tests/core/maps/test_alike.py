"""Maps that are made alike: moved onto the first, and of one falloff."""

import re

import numpy as np
import pytest
from ensembles import ellipsoids
from handed_particle import SHAPES, halves_of, particle
from scipy import fft
from small_jobs import run_cli

import occupy_core as occ
from occupy_core.commands.blocks.job import BlocksJob
from occupy_core.commands.blocks.run import run_blocks
from occupy_core.maps import DensityMap, Grid, read_map, write_map
from occupy_core.maps.alike import Alike, AlikeMaps
from occupy_core.maps.ensemble import Ensemble
from occupy_core.maps.fourier import radial_power

MOVES = [(0.7, -1.2, 2.1), (3.0, 0.0, -1.5), (0.1, 0.3, -0.2)]


def moved(density, vector):
    """A map moved by a vector (x, y, z) in Å, by its transform."""
    spectrum = fft.fftn(density.data.astype(np.float64))
    for axis, step in enumerate(reversed(vector)):
        n, voxel = density.grid.shape[axis], density.grid.voxel_size_zyx[axis]
        phase = np.exp(-2j * np.pi * fft.fftfreq(n, voxel) * step)
        spectrum *= phase.reshape([-1 if a == axis else 1 for a in range(3)])
    return density.with_data(fft.ifftn(spectrum).real)


def blurred(density, b):
    """A map with a B-factor in Å²."""
    axes = [
        fft.fftfreq(n, v)
        for n, v in zip(density.grid.shape, density.grid.voxel_size_zyx, strict=True)
    ]
    s2 = sum(f**2 for f in np.meshgrid(*axes, indexing="ij"))
    return density.with_data(fft.ifftn(fft.fftn(density.data) * np.exp(-b * s2 / 4)).real)


def noisy(density, name, seed, level=0.1):
    return density.with_data(halves_of(density, level, seed=seed)[0].data, name)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("move", MOVES)
def test_a_moved_map_is_moved_back_to_a_fraction_of_a_voxel(shape, move):
    density = particle(shape)
    maps = [noisy(density, "first", 1), noisy(moved(density, move), "second", 2)]
    alike = AlikeMaps(maps, align_maps=True, match_falloff=False)
    first, second = alike
    assert first is maps[0]
    np.testing.assert_allclose(second.data, moved(maps[1], [-m for m in move]).data, atol=0.02)
    (note,) = alike.notes
    told = [float(n) for n in re.search(r"by \((.*)\) Å", note)[1].split(",")]
    np.testing.assert_allclose(told, [-m for m in move], atol=0.1)
    assert "1 of 2 maps were moved onto first, most second" in note


def test_what_belongs_to_a_map_is_changed_alike():
    density = particle(SHAPES[1])
    maps = [density, moved(density, (2.0, 0.0, 0.0))]
    alike = AlikeMaps(maps, align_maps=True, match_falloff=True)
    np.testing.assert_allclose(alike.like(1, maps[1]).data, density.data, atol=0.01)
    mask = moved(density, (2.0, 0.0, 0.0)).with_data((maps[1].data > 0.1).astype(np.float32))
    back = alike.like(1, mask, filtered=False)
    assert np.corrcoef(back.data.ravel(), (density.data > 0.1).ravel())[0, 1] > 0.85


def test_without_a_difference_nothing_changes():
    density = particle(SHAPES[0])
    maps = [noisy(density, f"map {i}", i) for i in range(3)]
    alike = AlikeMaps(maps, align_maps=True, match_falloff=True)
    assert alike.notes == ()
    for before, after in zip(maps, alike, strict=True):
        np.testing.assert_allclose(after.data, before.data, atol=0.05 * before.data.max())
    same = AlikeMaps(maps, align_maps=False, match_falloff=False)
    assert all(a is b for a, b in zip(same, maps, strict=True))
    assert list(AlikeMaps(maps[:1], align_maps=True, match_falloff=True)) == maps[:1]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("b", [100.0, 250.0])
def test_all_maps_get_the_falloff_of_the_weakest_whatever_their_grey_scale(shape, b):
    density = particle(shape)
    weak = blurred(density, b)
    maps = [
        noisy(density, "sharp", 1, 0.02),
        noisy(weak.with_data(7.0 * weak.data), "weak", 2, 0.02),
        noisy(blurred(density, b / 2), "between", 3, 0.02),
    ]
    before = [radial_power(m) for m in maps]
    alike = AlikeMaps(maps, align_maps=False, match_falloff=True)
    after = [radial_power(m)[1] for m in alike]
    frequency = before[0][0]
    seen = (frequency > 0.03) & (np.exp(-b * frequency**2 / 4) > 0.3)

    def decay(power, other):
        return 2 * np.polyfit(frequency[seen] ** 2, np.log(power / other)[seen], 1)[0]

    assert abs(decay(before[0][1], before[1][1])) == pytest.approx(b, rel=0.2)
    for i, j in ((0, 1), (0, 2), (2, 1)):
        assert abs(decay(after[i], after[j])) < 0.1 * b
    # The weakest is left as it is, also its grey values.
    np.testing.assert_allclose(list(alike)[1].data, maps[1].data, atol=0.03 * maps[1].data.max())
    (note,) = alike.notes
    assert "falloff of 3 maps was matched to the weakest, most that of sharp" in note
    assert note.endswith("times those of weak.")


def test_a_low_pass_of_one_map_is_given_to_the_others():
    density = particle((48, 48, 48))
    low = blurred(blurred(density, 0), 0)
    spectrum = fft.fftn(density.data)
    f = [fft.fftfreq(48, 1.5)] * 3
    s2 = sum(a**2 for a in np.meshgrid(*f, indexing="ij"))
    low = density.with_data(fft.ifftn(spectrum * (s2 < 1 / 8.0**2)).real, "low")
    alike = list(AlikeMaps([density, low], align_maps=False, match_falloff=True))
    frequency, power = radial_power(alike[0])
    beyond = power[frequency > 1 / 6.5].max() / radial_power(density)[1][frequency > 1 / 6.5].max()
    assert beyond < 1e-3


def test_the_change_of_a_map_is_the_same_in_one_thread_and_in_several():
    density = particle(SHAPES[2])
    change = Alike(((0.4, -2.2, 1.0),), np.array([0.0, 0.2]), np.array([[1.0, 0.3]]))
    with occ.threads(1):
        one = change.apply(0, density).data
    with occ.threads(4):
        assert np.array_equal(change.apply(0, density).data, one)


# ---- at the doors
def parts(occupancy, name, vector=(0.0, 0.0, 0.0), b=0.0, seed=0):
    """Two bodies, the second partly there, moved and blurred; and masks of both."""
    grid = Grid((40, 36, 44), (1.5, 1.5, 1.5))
    whole = particle(grid.shape, seed=4)
    x = np.arange(44)[None, None]
    one, two = ((x < 22), (x >= 22))
    data = whole.data * one + occupancy * whole.data * two
    density = noisy(moved(blurred(DensityMap(data, grid, name), b), vector), name, seed, 0.02)
    seen = whole.data > 0.1 * whole.data.max()
    masks = [DensityMap((seen & p).astype("f4"), grid, n) for p, n in ((one, "A"), (two, "B"))]
    return density, masks


def test_regions_of_moved_and_blurred_maps_read_as_those_of_maps_alike():
    first, masks = parts(1.0, "first")
    second, _ = parts(0.5, "second", (2.4, -1.6, 2.0), 120.0, seed=1)
    plain, _ = parts(0.5, "second", seed=1)
    asked = {"align_maps": True, "match_falloff": True}
    right = occ.region_occupancy([first, plain], masks, reference="A")
    wrong = occ.region_occupancy([first, second], masks, reference="A")
    mended = occ.region_occupancy([first, second], masks, reference="A", **asked)
    assert [n for n in wrong.notes if "not in register" in n]
    assert not [n for n in mended.notes if "not in register" in n or "amplitudes of" in n]
    assert len([n for n in mended.notes if "moved onto" in n or "matched to" in n]) == 2
    ends = [table.rows[-1].occupancy for table in (right, wrong, mended)]
    assert abs(ends[2] - ends[0]) < 0.3 * abs(ends[1] - ends[0]) + 0.02


def test_the_command_line_has_both_for_regions(tmp_path, capsys):
    first, masks = parts(1.0, "first")
    second, _ = parts(0.5, "second", (2.4, -1.6, 2.0), 120.0, seed=1)
    files = [write_map(tmp_path / f"{m.name}.mrc", m) for m in (first, second, *masks)]
    asked = ["regions", *files[:2], "--masks", *files[2:], "--align-maps", "--match-falloff"]
    status, _, said = run_cli(capsys, *asked, "--outdir", tmp_path / "out", "--quiet")
    assert status == 0
    assert "Warning: 1 of 2 maps were moved onto first, most second" in said
    assert "Warning: The falloff of 2 maps was matched to the weakest" in said
    assert "not in register" not in said


@pytest.fixture(scope="module")
def shifted(tmp_path_factory):
    """An ensemble of two blocks, two of whose volumes are moved and one blurred."""
    known = ellipsoids((24, 26, 28), 12, n_blocks=2, seed=4, noise=0.1, size=(0.2, 0.25))
    files = list(known.write(tmp_path_factory.mktemp("volumes")))
    for i in (3, 7):
        density = read_map(files[i])
        write_map(files[i], density.with_data(np.roll(density.data, (0, 2, -1), (0, 1, 2))))
    write_map(files[5], blurred(read_map(files[5]), 1500.0))
    return tuple(files)


def test_blocks_tells_what_is_not_alike_and_mends_it(shifted, tmp_path):
    def said(**asked):
        job = BlocksJob(shifted, tmp_path / str(len(asked)), plot=False, **asked)
        return run_blocks(job).warnings

    plain, mended = said(), said(align_maps=True, match_falloff=True)
    assert any("is not in register with" in sentence for sentence in plain)
    assert any(" of 12 maps were moved onto" in sentence for sentence in mended)
    assert any("falloff of 12 maps was matched" in sentence for sentence in mended)
    assert not any("not in register" in s or "amplitudes of" in s for s in mended)


def test_blocks_compares_the_falloff_of_volumes():
    seen = [parts(1.0, f"v{i}", seed=i)[0] for i in range(11)]
    seen.append(parts(1.0, "soft", b=400.0, seed=11)[0])
    result = occ.find_blocks(seen)
    assert any("amplitudes of soft" in sentence for sentence in result.warnings)


def test_a_state_of_volumes_that_were_not_made_alike_is_not_taken_over(shifted, tmp_path):
    first = run_blocks(BlocksJob(shifted, tmp_path / "a", plot=False))
    job = BlocksJob(shifted, tmp_path / "b", plot=False, resume=tmp_path / "a", align_maps=True)
    again = run_blocks(job)
    key = "state_occupied"
    assert again.files[key].read_bytes() != first.files[key].read_bytes()


def test_an_ensemble_is_made_alike_once():
    volumes = [parts(1.0, f"v{i}", (1.5 * (i == 2), 0.0, 0.0), seed=i)[0] for i in range(4)]
    ensemble = Ensemble(volumes)
    assert ensemble.made_alike() is ensemble
    alike = ensemble.made_alike(align_maps=True)
    assert alike.made_alike(align_maps=True) is alike
    assert ensemble.notes == ()
    assert "moved onto v0, most v2, by (-1.5, " in alike.notes[0].replace("-0.0", "0.0")
    np.testing.assert_allclose(alike.read(2).data, volumes[0].data, atol=0.1)
    assert np.array_equal(alike.read(0).data, volumes[0].data)


@pytest.mark.parametrize("shape", SHAPES)
def test_values_are_carried_along_by_whole_voxels_and_stay_what_they_are(shape):
    density = particle(shape)
    voxel = np.array(density.grid.voxel_size)
    move = tuple(float(v) for v in voxel * (2.2, -1.3, 0.4))
    maps = [noisy(density, "first", 1), noisy(moved(density, move), "second", 2)]
    alike = AlikeMaps(maps, align_maps=True, match_falloff=False)
    values = density.with_data(np.where(density.data > 1, 3.7, 0))
    assert alike.carry(0, values) is values
    found = alike.carry(1, values)
    expected = np.roll(values.data, (0, 1, -2), (0, 1, 2))  # back, along z, y and x
    np.testing.assert_array_equal(found.data, expected)
