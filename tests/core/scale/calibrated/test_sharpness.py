"""Local maxima that B-factors lower are raised again, and those that occupancy lowers are not."""

import numpy as np
import pytest
from scipy import ndimage

from occupy_core.maps.filters import gaussian_filter, maximum_filter
from occupy_core.maps.grid import Grid
from occupy_core.scale.calibrated.sharpness import Sharpness
from occupy_core.scale.full_scale import kernel_footprint
from occupy_core.solvent.blank import Blank
from occupy_core.solvent.cells import Cells
from occupy_core.solvent.noise import Solvent

GRID = Grid((60, 62, 64), (1.5, 1.5, 1.5))
CELLS = Cells.of(GRID)
SMOOTHING = [1.2, 1.2, 1.2]  # voxels
EVERYWHERE = np.ones(CELLS.shape, bool)


def texture(seed=0):
    """Positive density with much detail everywhere."""
    rng = np.random.default_rng(seed)
    atoms = (rng.random(GRID.shape) < 0.04).astype(np.float32)
    return gaussian_filter(atoms, [0.8, 0.8, 0.8])


def blurred(data, b_factor):
    """Moved atoms: a Gaussian of B / (8 pi²) Å² in the right half."""
    width = np.sqrt(b_factor / (8 * np.pi**2)) / 1.5
    result = data.copy()
    result[..., 32:] = ndimage.gaussian_filter(data, width)[..., 32:]
    return result


def sharpness_of(data):
    nowhere = np.zeros(CELLS.shape, bool)
    blank = Blank(value=None, lowest=None, share=0.0, tolerance=0.0, regions=None)
    no_solvent = Solvent(blank=blank, where=nowhere, known=False, mean=0.0, sigma=0.0)
    return Sharpness(
        data=data,
        factor=1.0,
        deviations=SMOOTHING,
        footprint=kernel_footprint(GRID, 5, 2.3),
        cells=CELLS,
        solvent=no_solvent,
    )


def gains(data):
    """Mean gain in the left and the right half, away from the joint."""
    gain = sharpness_of(data).gain(gaussian_filter(data, SMOOTHING), EVERYWHERE, reach=6.0)
    n = CELLS.shape[2]
    return float(gain[..., : n // 2 - 4].mean()), float(gain[..., n // 2 + 4 :].mean())


def test_density_that_is_equally_sharp_everywhere_stays():
    assert gains(texture()) == pytest.approx((1, 1), abs=0.03)


@pytest.mark.parametrize("occupancy", [0.3, 0.6])
def test_less_density_is_not_taken_for_blurred_density(occupancy):
    data = texture()
    data[..., 32:] *= occupancy
    left, right = gains(data)
    assert right / left == pytest.approx(1, abs=0.06)


def maximum_ratio(data):
    smooth = gaussian_filter(data, SMOOTHING)
    maxima = maximum_filter(smooth, kernel_footprint(GRID, 5, 2.3))
    return float(np.median(maxima[..., 44:]) / np.median(maxima[..., :20]))


@pytest.mark.parametrize("b_factor", [40.0, 80.0])
def test_what_a_b_factor_takes_from_local_maxima_is_given_back(b_factor):
    data = blurred(texture(), b_factor)
    lowered = maximum_ratio(data) / maximum_ratio(texture())
    left, right = gains(data)
    assert lowered < 0.97
    assert right > left
    assert lowered * right / left == pytest.approx(1, abs=0.5 * (1 - lowered))


def test_the_grey_scale_does_not_matter():
    data = blurred(texture(), 60.0)
    assert gains(50 * data) == pytest.approx(gains(data), rel=1e-4)
