"""Maps that are not what they are given for: other hand, moved, another particle."""

import warnings

import numpy as np
import pytest
from handed_particle import SHAPES, halves_of, particle
from scipy import ndimage

from occupy_core.errors import EstimationError, OccupyWarning
from occupy_core.maps import read_map
from occupy_core.maps.register import SmallMap, require_halves_of


def changed(halves, change):
    return tuple(half.with_data(change(half.data)) for half in halves)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("level", [0.1, 1.0])
def test_right_halves_are_taken_without_a_word(shape, level):
    density = particle(shape)
    halves = halves_of(density, level)
    mean = density.with_data((halves[0].data + halves[1].data) / 2)
    blurred = density.with_data(ndimage.gaussian_filter(mean.data, 1.0))
    sharpened = density.with_data(3 * mean.data - 2 * blurred.data)
    near = ndimage.binary_dilation(density.data > density.data.max() / 20, iterations=3)
    masked = density.with_data(mean.data * ndimage.gaussian_filter(near.astype("f4"), 1.5))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for whole in (mean, blurred, sharpened, masked, density):
            require_halves_of(whole, halves)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("axis", [0, 1, 2, (0, 1, 2)])
def test_halves_of_the_other_hand_are_refused(shape, axis):
    density = particle(shape)
    halves = changed(halves_of(density), lambda data: np.flip(data, axis))
    with pytest.raises(EstimationError, match="half1 is a mirror image of whole: flipped"):
        require_halves_of(density, halves)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("shift", [(1, 0, 0), (0, -1, 0), (0, 0, 3), (2, -5, 1)])
def test_moved_halves_are_refused_with_the_vector(shape, shift):
    density = particle(shape)
    halves = changed(halves_of(density), lambda data: np.roll(data, shift, (0, 1, 2)))
    x, y, z = (1.5 * s for s in reversed(shift))
    with pytest.raises(EstimationError, match="moved by") as caught:
        require_halves_of(density, halves)
    told = str(caught.value).split("(")[1].split(")")[0]
    np.testing.assert_allclose([float(part) for part in told.split(",")], [x, y, z], atol=0.2)


def test_one_half_of_the_other_hand_is_refused_also_against_the_mean_of_both():
    density = particle((40, 40, 40))
    first, second = halves_of(density)
    second = second.with_data(second.data[::-1])
    mean = density.with_data((first.data + second.data) / 2)
    with pytest.raises(EstimationError, match="half2 is a mirror image of half1"):
        require_halves_of(mean, (first, second))


@pytest.mark.parametrize("seed", [3, 4])
def test_halves_of_another_particle_are_told(seed):
    density = particle((40, 40, 40))
    with pytest.warns(OccupyWarning, match="half1 is no half of whole: their correlation is"):
        require_halves_of(density, halves_of(particle((40, 40, 40), seed), 0.3))


@pytest.mark.parametrize("voxel", [(1.5, 1.5, 1.5), (1.0, 1.5, 2.0)])
def test_shift_is_found_to_a_fraction_of_a_voxel(voxel):
    density = particle((40, 44, 48), voxel=voxel)
    moved = ndimage.shift(density.data, (0.4, -1.3, 2.7), order=3)
    found = SmallMap.of(density).match(SmallMap.of(density.with_data(moved)))
    x, y, z = voxel
    np.testing.assert_allclose(found.shift, [-2.7 * x, 1.3 * y, -0.4 * z], atol=0.3)


@pytest.mark.parametrize("decay", [-60.0, 0.0, 90.0])
def test_difference_of_falloff_is_the_b_factor(decay):
    density = particle((48, 48, 48))
    k2 = sum(f**2 for f in np.meshgrid(*[np.fft.fftfreq(48, 1.5)] * 3, indexing="ij"))
    data = np.fft.ifftn(np.fft.fftn(density.data) * np.exp(-decay * k2 / 4)).real
    other = SmallMap.of(density.with_data(data))
    found = SmallMap.of(density).compare(other)
    assert found.decay == pytest.approx(decay, abs=2)


def test_the_halves_of_the_faults_of_the_other_hand(shared):
    chi, *halves = (
        read_map(shared / "data" / "faults" / f"{name}.mrc")
        for name in ("chi", "c1", "c2", "c1f", "c2f")
    )
    require_halves_of(chi, tuple(halves[:2]))
    with pytest.raises(EstimationError, match="mirror image of chi"):
        require_halves_of(chi, tuple(halves[2:]))


def test_real_halves_are_taken_without_a_word(shared):
    for folder, whole, pair in (
        ("classification", "consensus", ("half1_unfil", "half2_unfil")),
        ("real_halves", "warp_map", ("ribo10499_half1", "ribo10499_half2")),
    ):
        maps = [read_map(shared / "data" / folder / f"{name}.mrc") for name in (whole, *pair)]
        require_halves_of(maps[0], tuple(maps[1:]))
