"""How detail goes with density: of the signal alone, whatever the noise."""

import numpy as np
import pytest
from resolution_maps import lowpassed, two_resolutions

from occupy_core.maps import DensityMap, Grid
from occupy_core.resolution.measure.analysis import analyse_map, onto
from occupy_core.resolution.measure.bands import local_energies
from occupy_core.resolution.measure.coupling import detail_coupling, holds_density
from occupy_core.resolution.measure.mask_edge import filled_part
from occupy_core.resolution.measure.spectrum import analyse
from occupy_core.solvent.blank import find_blank

GRID = Grid((60, 66, 63), (1.5, 1.4, 1.6))


def measured(density):
    spectrum = analyse(density)
    (energies,) = local_energies((spectrum,), 5.0)
    return spectrum, energies


def of_molecule(density, mask):
    """Frequencies, and mean coupling of each band over a mask."""
    spectrum, energies = measured(density)
    where = onto(mask, energies.grid.shape)
    return energies.bands.frequency, detail_coupling(spectrum, energies)[:, where].mean(axis=1)


@pytest.fixture(scope="module")
def known():
    return two_resolutions(GRID, noise=2)


def test_noise_alone_has_none(known):
    _, coupling = of_molecule(DensityMap(known.density.data - known.signal, GRID), known.mask)
    assert np.abs(coupling).max() < 0.03


def test_noise_takes_from_it_what_its_share_of_the_energy_is():
    # All sharp, so that the share of signal is the same over the molecule.
    grid = Grid.cubic(72, 1.4)
    clean = two_resolutions(grid, noise=0, seed=3)
    mask = clean.sharp
    noise = np.random.default_rng(8).standard_normal(grid.shape, dtype=np.float32)
    noise *= 3 * clean.signal.std()
    f, alone = of_molecule(DensityMap(clean.signal, grid), mask)
    _, noisy = of_molecule(DensityMap(clean.signal + noise, grid), mask)
    shares = []
    for part in (clean.signal, clean.signal + noise):
        bands = [lowpassed(part, grid, 1 / (k + 0.014)) - lowpassed(part, grid, 1 / (k - 0.014))
                 for k in f[5:11]]  # fmt: skip
        shares.append([np.mean(band[mask] ** 2) for band in bands])
    expected = np.array(shares[0]) / shares[1]
    found = (noisy / alone)[5:11]
    assert expected.min() < 0.3
    assert expected.max() > 0.65
    # The density that detail is compared with is noisier too, by the same in all bands.
    ratio = found / expected
    assert ratio.std() < 0.15 * ratio.mean()


def test_it_changes_its_sign_with_the_contrast_and_nothing_with_the_scale(known):
    _, plain = of_molecule(known.density, known.mask)
    _, other = of_molecule(known.density.with_data(11 - 37 * known.density.data), known.mask)
    np.testing.assert_allclose(other, -plain, atol=1e-4)


@pytest.mark.parametrize(("of_atoms", "held"), [(True, True), (False, False)])
def test_a_molecule_cut_out_along_its_surface_is_told_from_noise_cut_out_the_same(of_atoms, held):
    known = two_resolutions(Grid.cubic(64, 1.5), noise=0.5)
    data = known.density.data if of_atoms else known.density.data - known.signal
    density = known.density.with_data(data * known.mask)
    spectrum, energies = measured(density)
    assert (
        holds_density(spectrum, energies, filled_part(density, find_blank(density), energies))
        == held
    )
    assert analyse_map(density).noise.featureless != held
