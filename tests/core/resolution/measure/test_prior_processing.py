"""State of a map, noise of the solvent and the molecular mask."""

from dataclasses import replace

import numpy as np
import pytest
from resolution_maps import lowpassed, two_resolutions
from scipy import ndimage

from occupy_core.maps import DensityMap, Grid
from occupy_core.maps.filters import linear_interpolate
from occupy_core.resolution.estimate import estimate_resolution
from occupy_core.resolution.measure.analysis import analyse_map
from occupy_core.resolution.measure.bands import local_energies
from occupy_core.resolution.measure.mask_edge import filled_part, kept_as_measured
from occupy_core.resolution.measure.prior_processing import detect_state
from occupy_core.resolution.measure.solvent_shells import _squared_distance, fine_energy
from occupy_core.resolution.measure.spectrum import analyse
from occupy_core.resolution.read.global_resolution import core_of
from occupy_core.solvent.blank import find_blank

GRID = Grid.cubic(72, 1.5)
ODD = Grid((71, 80, 75), (1.5, 1.4, 1.6))


def soft(mask, grid, grown=3.0, edge=5.0):
    distance = ndimage.distance_transform_edt(~mask, sampling=grid.voxel_size_zyx)
    ramp = np.clip((distance - grown) / edge, 0, 1)
    return (0.5 + 0.5 * np.cos(np.pi * ramp)).astype(np.float32)


def sphere(grid, part=0.45):
    sizes = zip(grid.shape, grid.voxel_size_zyx, strict=True)
    z, y, x = np.meshgrid(*[(np.arange(n) - n / 2) * v for n, v in sizes], indexing="ij")
    ramp = np.clip((np.sqrt(z**2 + y**2 + x**2) - part * min(grid.box)) / 6, 0, 1)
    return (0.5 + 0.5 * np.cos(np.pi * ramp)).astype(np.float32)


@pytest.mark.parametrize("grid", [GRID, ODD])
def test_an_untouched_map_shows_its_solvent(grid):
    state = analyse_map(two_resolutions(grid, noise=4).density).state
    assert state.solvent == "visible"
    assert state.measured
    assert state.words()[0] == "solvent noise visible"


def test_noise_of_the_solvent_is_measured_within_a_few_per_cent():
    known = two_resolutions(GRID, noise=6)
    analysis = analyse_map(known.density)
    noise = DensityMap((known.halves[0] + known.halves[1]) / 2 - known.signal, GRID)
    # White noise: its share of the power of the whole map, band by band, is one over the mean.
    share = (
        float(np.var(noise.data))
        / np.interp(
            analysis.energies.bands.frequency, analysis.spectrum.frequency, analysis.spectrum.power
        )
        / float(np.var(known.density.data))
    )
    assert np.allclose(analysis.noise.power[4:-1], share[4:-1], rtol=0.15)


def test_a_map_masked_to_its_molecule_is_recognised():
    known = two_resolutions(GRID, noise=4)
    masked = known.density.with_data(known.density.data * soft(known.mask, GRID))
    state = analyse_map(masked).state
    assert state.solvent == "masked"
    assert not state.measured


def test_behind_a_spherical_mask_the_solvent_still_counts():
    grid = Grid.cubic(96, 1.5)
    known = two_resolutions(grid, noise=4)
    state = analyse_map(known.density.with_data(known.density.data * sphere(grid))).state
    assert state.measured
    assert state.spherical


def test_a_map_filtered_more_in_the_solvent_is_recognised():
    known = two_resolutions(GRID, noise=4)
    smooth = lowpassed(known.density.data, GRID, 9.0)
    weight = ndimage.gaussian_filter(known.mask.astype(np.float32), 2)
    mixed = known.density.with_data(weight * known.density.data + (1 - weight) * smooth)
    assert not analyse_map(mixed).state.measured


def test_a_cut_map_is_said_to_be_cut():
    known = two_resolutions(GRID, noise=4)
    state = analyse_map(known.density.with_data(lowpassed(known.density.data, GRID, 4.5))).state
    assert state.cut
    assert "low-passed before Nyquist" in state.words()


@pytest.mark.parametrize("seed", range(3))
def test_pure_noise_has_no_molecule(seed):
    noise = np.random.default_rng(seed).standard_normal(GRID.shape, dtype=np.float32)
    analysis = analyse_map(DensityMap(noise, GRID))
    assert analysis.state.solvent == "none"
    assert not analysis.mask.any()


@pytest.mark.parametrize("grid", [GRID, ODD])
@pytest.mark.parametrize("noise", [1.0, 10.0])
def test_mask_by_significance_overlaps_the_molecule(grid, noise):
    known = two_resolutions(grid, noise=noise)
    analysis = analyse_map(known.density)
    found = linear_interpolate(analysis.mask.astype(np.float32), grid.shape) > 0.5
    assert (found & known.mask).sum() / (found | known.mask).sum() > 0.8


@pytest.mark.parametrize("shift", [(0, 0, 0), (20, -7, 33)])
def test_distance_from_the_molecule_follows_it_around_the_periodic_box(shift):
    molecule = np.zeros(ODD.shape, bool)
    molecule[30:41, 35:46, 30:41] = True
    moved = np.roll(molecule, shift, axis=(0, 1, 2))
    z, y, x = ((s + m) % n for s, m, n in zip(shift, (35, 40, 35), ODD.shape, strict=True))
    square, inner = _squared_distance(moved, ODD)
    assert square[z, y, x] == pytest.approx(0, abs=1e-6)
    further, limit = (z + 10) % ODD.shape[0], int(0.8 * ODD.shape[0] / 2)
    assert square[further, y, x] == pytest.approx((10 * 1.6) ** 2)
    # Four fifths of each axis about the molecule count as away from the faces.
    assert inner[(z + limit) % ODD.shape[0], y, x]
    assert not inner[(z + limit + 1) % ODD.shape[0], y, x]


def test_padding_by_zeros_leaves_the_noise_as_it_was():
    known = two_resolutions(GRID, noise=6)
    wide = DensityMap(np.pad(known.density.data, 9), Grid.cubic(GRID.shape[0] + 18, 1.5))
    plain, padded = (analyse_map(m) for m in (known.density, wide))
    assert padded.state.measured
    # In units of the energy of the molecule, whose share of the whole the zeros change.
    contrast = [
        np.array([np.median(e[a.noise.molecule]) for e in a.energies.energy]) / a.noise.power
        for a in (plain, padded)
    ]
    assert np.allclose(contrast[1][3:-1], contrast[0][3:-1], rtol=0.2)


def test_the_core_of_a_mask_lies_two_angstrom_within_it():
    known = two_resolutions(GRID, noise=6)
    energies = analyse_map(known.density).energies
    half = np.zeros(GRID.shape, bool)
    half[:, :, 18:54] = True
    core = core_of(half, energies)
    x = np.arange(core.shape[2]) * energies.grid.voxel_size[0]
    inside = core.any(axis=(0, 1))
    assert np.array_equal(inside, (x > 17.5 * 1.5 + 2.0) & (x < 53.5 * 1.5 - 2.0))
    thin = np.zeros(GRID.shape, bool)
    thin[:, :, 35:38] = True
    assert core_of(thin, energies).any()


def contrast_of(analysis):
    """Energy of the molecule over the noise, by band: no padding changes it."""
    inside = [
        np.median((e / analysis.noise.trend)[analysis.noise.molecule])
        for e in analysis.energies.energy
    ]
    return np.array(inside) / analysis.noise.power


def from_middle(grid):
    """Distance of each voxel from the middle of the box, Å."""
    sizes = zip(grid.shape, grid.voxel_size_zyx, strict=True)
    z, y, x = np.meshgrid(*[(np.arange(n) - n / 2) * v for n, v in sizes], indexing="ij")
    return np.sqrt(z**2 + y**2 + x**2)


def test_padding_with_noise_leaves_the_rise_of_the_noise_as_it_was():
    grid, n, more = Grid.cubic(84, 1.5), 84, 20
    known = two_resolutions(grid, noise=8)
    noise = known.density.data - known.signal
    noise = noise * np.exp(0.3 * (from_middle(grid) / 63) ** 2).astype(np.float32)
    wide = np.pad(noise, [(0, more)] * 3, mode="wrap")
    wide[:n, :n, :n] += known.signal
    plain, padded = (
        analyse_map(DensityMap(data, Grid.cubic(len(data), 1.5)))
        for data in (known.signal + noise, wide)
    )
    change = np.log(contrast_of(padded) / contrast_of(plain))[3:-1]
    assert np.abs(np.median(change)) < 0.12


def test_noise_is_the_same_within_a_sharp_mask_and_a_soft_one():
    grid = Grid.cubic(96, 1.5)
    known = two_resolutions(grid, noise=8)
    plain, changes = contrast_of(analyse_map(known.density)), []
    for edge in (0.01, 5.0):
        ramp = np.clip((from_middle(grid) - (71 - edge)) / edge, 0, 1)
        mask = (0.5 + 0.5 * np.cos(np.pi * ramp)).astype(np.float32)
        masked = analyse_map(known.density.with_data(known.density.data * mask))
        assert masked.state.spherical
        assert masked.state.measured
        changes.append(np.median(np.log(contrast_of(masked) / plain)[3:-1]))
    assert np.abs(changes).max() < 0.1
    assert abs(changes[0] - changes[1]) < 0.06


@pytest.mark.parametrize("edge", [0.0, 6.0, 12.0])
def test_what_a_mask_kept_follows_the_edge_that_the_noise_shows(edge):
    grid = Grid((90, 84, 88), (1.5, 1.6, 1.45))
    x = (np.arange(88) * 1.45).astype(np.float32)
    depth = np.minimum(x - 15, 110 - x)  # Å inside a slab
    ramp = np.clip(depth / edge, 0, 1) if edge else (depth > 0).astype(float)
    white = np.random.default_rng(5).standard_normal(grid.shape, dtype=np.float32)
    data = white * (0.5 - 0.5 * np.cos(np.pi * ramp)).astype(np.float32)
    density = DensityMap(data, grid)
    (energies,) = local_energies((analyse(density),), 5.0)
    emptied, fine = filled_part(density, find_blank(density), energies) < 0.5, fine_energy(energies)
    far, first = np.full(fine.shape, 100.0), np.ones(fine.shape)
    kept = kept_as_measured(fine, first, emptied, far, energies)
    found, across = kept.mean(axis=(0, 1)), fine.mean(axis=(0, 1))
    across /= np.median(across[found > 0.97])
    shown = found > 0.55  # elsewhere some points are left out
    assert shown.sum() > 10
    assert np.abs(found - across)[shown].max() < 0.05


def test_noise_the_same_over_next_to_nothing_is_no_visible_solvent():
    known = two_resolutions(GRID, noise=4)
    analysis = analyse_map(known.density)
    few = replace(analysis.noise, shells=2)
    arguments = analysis.spectrum, analysis.energies
    assert detect_state(*arguments, analysis.noise, analysis.filled).measured
    uneven = detect_state(*arguments, few, analysis.filled)
    assert uneven.modified
    assert not uneven.measured
    # A box that has no room for more solvent shows no more of it.
    assert detect_state(*arguments, replace(few, room=2), analysis.filled).measured
    # Within a mask, solvent that thin is as good as masked away.
    bounded = analysis.filled.copy()
    bounded[:4] = 0
    assert detect_state(*arguments, few, bounded).solvent == "masked"


@pytest.mark.parametrize(("shells", "measured"), [(3, False), (4, True)])
def test_solvent_within_a_mask_is_believed_where_there_are_four_shells_of_it(shells, measured):
    analysis = analyse_map(two_resolutions(GRID, noise=4).density)
    bounded = analysis.filled.copy()
    bounded[:4] = 0
    noise = replace(analysis.noise, shells=shells)
    state = detect_state(analysis.spectrum, analysis.energies, noise, bounded)
    assert state.measured == measured


def test_an_inverted_map_has_the_resolution_and_mask_of_the_map_and_says_so():
    known = two_resolutions(GRID, noise=4)
    plain = estimate_resolution(known.density)
    inverted = estimate_resolution(known.density.with_data(5 - 2 * known.density.data))
    assert sum("contrast of the map is inverted" in text for text in inverted.warnings) == 1
    assert "contrast inverted" in inverted.state.words()
    assert not plain.state.inverted
    assert np.mean(inverted.mask.data != plain.mask.data) < 0.001
    both = (inverted.mask.data > 0) & (plain.mask.data > 0)
    np.testing.assert_allclose(
        inverted.resolution.data[both], plain.resolution.data[both], rtol=1e-3
    )


@pytest.mark.parametrize("level", [0.0, 0.1])
def test_where_low_density_was_cut_off_the_solvent_is_not_believed(level):
    known = two_resolutions(GRID, noise=4)
    data = known.density.data
    clipped = known.density.with_data(np.maximum(data, level * data.max()))
    state = analyse_map(clipped).state
    assert state.clipped
    assert not state.measured
    assert "low density cut off" in state.words()
    assert not analyse_map(known.density).state.clipped


def test_noise_within_a_sphere_is_still_nothing_but_noise():
    grid = Grid.cubic(64, 1.5)
    white = np.random.default_rng(4).standard_normal(grid.shape, dtype=np.float32)
    sphere = from_middle(grid) < 30
    assert analyse_map(DensityMap(white * sphere, grid)).noise.featureless
