"""State of a map, noise of the solvent and the molecular mask."""

import numpy as np
import pytest
from resolution_maps import lowpassed, two_resolutions
from scipy import ndimage

from occupy_core.maps import DensityMap, Grid
from occupy_core.maps.filters import linear_interpolate
from occupy_core.resolution.analysis import analyse_map
from occupy_core.resolution.global_resolution import core_of
from occupy_core.resolution.noise import _squared_distance

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
    known = two_resolutions(GRID, noise=4)
    state = analyse_map(known.density.with_data(known.density.data * sphere(GRID))).state
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
    z, y, x = (s + m for s, m in zip(shift, (35, 40, 35), strict=True))
    square = _squared_distance(moved, ODD)
    assert square[z % 75, y % 80, x % 71] == pytest.approx(0, abs=1e-6)
    assert square[(z + 10) % 75, y % 80, x % 71] == pytest.approx((10 * 1.6) ** 2)


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
