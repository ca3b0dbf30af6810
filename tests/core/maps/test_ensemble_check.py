"""Several maps are told when one is there twice, out of register or filtered otherwise."""

import numpy as np
import pytest
from scipy import ndimage

from occupy_core.maps import DensityMap, Grid, read_map
from occupy_core.maps.ensemble import Ensemble, open_ensemble
from occupy_core.maps.ensemble_check import MapsCheck, ensemble_doubts
from occupy_core.maps.threads import threads

SHAPES = [(32, 32, 32), (40, 32, 45)]


def states(shape, n=6, seed=0):
    """Volumes of a molecule whose parts come and go, with noise of their own."""
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(4):
        data = np.zeros(shape)
        centre = np.array(shape) / 2 + rng.normal(size=3) * min(shape) / 9
        for _ in range(40):
            at = np.rint(centre + rng.normal(size=3) * min(shape) / 12)
            data[tuple(np.clip(at, 1, np.array(shape) - 2).astype(int))] += 1
        parts.append(ndimage.gaussian_filter(data, 1.1))
    volumes = []
    for i in range(n):
        data = sum(part for j, part in enumerate(parts) if j < 2 or rng.random() < 0.5)
        data = data + rng.normal(0, 0.2 * data.std(), shape)
        volumes.append(DensityMap(data, Grid(shape, (3.0, 3.0, 3.0)), f"vol_{i}"))
    return volumes


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_states_of_one_molecule_in_register_give_no_word(shape, seed):
    assert ensemble_doubts(Ensemble(states(shape, seed=seed))) == []


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("shift", [(1, 0, 0), (0, -2, 1)])
def test_volume_out_of_register_is_told_with_its_vector(shape, shift):
    volumes = states(shape)
    volumes[3] = volumes[3].with_data(np.roll(volumes[3].data, shift, (0, 1, 2)))
    (doubt,) = ensemble_doubts(Ensemble(volumes))
    assert doubt.startswith("vol_3 is not in register with vol_0: it is moved by (")
    told = [float(part) for part in doubt.split("(")[1].split(")")[0].split(",")]
    np.testing.assert_allclose(told, 3.0 * np.array(shift[::-1]), atol=0.6)


@pytest.mark.parametrize("shape", SHAPES)
def test_volume_that_is_filtered_otherwise_is_told_with_its_b_factor(shape):
    volumes = states(shape)
    fs = np.meshgrid(*[np.fft.fftfreq(n, 3.0) for n in shape], indexing="ij")
    decay = np.exp(-400 * sum(f**2 for f in fs) / 4)
    data = np.fft.ifftn(np.fft.fftn(volumes[2].data) * decay).real
    volumes[2] = volumes[2].with_data(data)
    (doubt,) = ensemble_doubts(Ensemble(volumes))
    assert doubt.startswith("The amplitudes of vol_2 at ")
    assert "times weaker than those of vol_0, as by a B-factor of +" in doubt
    assert float(doubt.split("B-factor of ")[1].split(" ")[0]) == pytest.approx(400, rel=0.3)


def test_volume_that_is_there_twice_is_told_whatever_its_name():
    volumes = states((32, 32, 32))
    again = DensityMap(volumes[1].data, volumes[1].grid, "other")
    third = DensityMap(volumes[1].data, volumes[1].grid, "another")
    (doubt,) = ensemble_doubts(Ensemble([*volumes, again, third]))
    assert doubt.startswith("other holds the same density as vol_1 (and 1 more);")


def test_the_words_do_not_depend_on_threads():
    volumes = states((32, 32, 32), n=12)
    for i in (4, 7, 9):
        volumes[i] = volumes[i].with_data(np.roll(volumes[i].data, i - 3, 1))
    volumes.append(DensityMap(volumes[2].data, volumes[2].grid, "copy"))
    found = []
    for n in (1, 4):
        with threads(n):
            found.append(ensemble_doubts(Ensemble(volumes)))
    assert found[0] == found[1]
    assert len(found[0]) == 2


def test_fits_that_follow_shifts_are_told_of_copies_only():
    volumes = states((32, 32, 32))
    check = MapsCheck(volumes[0], place=False)
    for i, volume in enumerate([*volumes, volumes[1].with_data(np.roll(volumes[1].data, 2, 0))]):
        check.see(i, volume)
    assert check.doubts() == []


def test_real_ensembles_give_no_word(shared):
    folder = shared / "data" / "ensembles" / "maven_50S" / "00_aligned"
    assert ensemble_doubts(open_ensemble(folder)) == []
    for stem in ("relion_it016_class00", "state"):
        paths = [shared / "data" / "classification" / f"{stem}{i}.mrc" for i in (1, 2, 3)]
        check = MapsCheck(read_map(paths[0]))
        for i, path in enumerate(paths):
            check.see(i, read_map(path))
        assert check.doubts() == []
