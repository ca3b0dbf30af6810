"""One map, masked, padded, cut off or shifted: all methods say the same of its solvent."""

import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from resolution_maps import two_resolutions
from scipy import ndimage

from occupy_core.blocks.contour.thresholds import Threshold, find_threshold
from occupy_core.errors import OccupyWarning
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.regions.by_masks.estimate import read_regions
from occupy_core.regions.by_masks.noise import away_from_masks, doubts_about, solvent_of, with_noise
from occupy_core.regions.by_model.model_density import make_band
from occupy_core.resolution.measure.analysis import analyse_map
from occupy_core.resolution.measure.prior_processing import MapState
from occupy_core.scale.estimate import ScaleResult, estimate_scale
from occupy_core.solvent.blank import Blank, find_blank
from occupy_core.solvent.noise import Solvent

VOXEL = 1.5
EDGE = 96
PADDING = 8
SHIFT = 20.0  # deviations of the noise


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What all methods say of a map, and by how much its grey values were shifted."""

    zero: float
    blank: Blank
    scale: ScaleResult
    masks: Solvent
    model_sees_mask: bool
    blocks: Threshold
    resolution: MapState


@pytest.fixture(scope="module")
def known():
    return two_resolutions(Grid.cubic(EDGE, VOXEL), noise=4)


@pytest.fixture(scope="module")
def deviation(known):
    return float((known.density.data - known.signal).std())


def variants(known, deviation):
    """Each as data, padding and shift."""
    data = known.density.data
    away = ndimage.distance_transform_edt(~known.mask, sampling=VOXEL)
    tight = np.clip((9 - away) / 6, 0, 1)
    index = (np.arange(EDGE) - (EDGE - 1) / 2) * VOXEL
    radius = np.sqrt(index[:, None, None] ** 2 + index[:, None] ** 2 + index**2)
    sphere = np.clip((EDGE * VOXEL / 2 - radius) / 4, 0, 1)
    shift = SHIFT * deviation
    return {
        "as it is": (data, 0, 0.0),
        "shifted": (data + shift, 0, shift),
        "padded": (np.pad(data, PADDING), PADDING, 0.0),
        "within a sphere": (data * sphere, 0, 0.0),
        "masked": (data * tight, 0, 0.0),
        "masked and shifted": (data * tight + shift, 0, shift),
        "cut off": (np.maximum(data, 0), 0, 0.0),
    }


NAMES = {
    "visible": ["as it is", "shifted", "padded", "within a sphere"],
    "masked": ["masked", "masked and shifted"],
    "cut": ["cut off"],
}


@pytest.fixture(scope="module")
def answers(known, deviation):
    made = {}
    for name, (data, padding, zero) in variants(known, deviation).items():
        made[name] = answers_on(data, np.pad(known.mask, padding), zero)
    return made


def answers_on(data, molecule, zero):
    grid = Grid.cubic(len(data), VOXEL)
    density = DensityMap(data.astype(np.float32), grid, "map")
    blank = find_blank(density)
    regions, _ = read_regions([DensityMap(molecule.astype(np.float32), grid, "mask")], density)
    free = away_from_masks([(r.part, r.weight) for r in regions], grid)
    atoms = np.argwhere(molecule)[::50, ::-1] * VOXEL
    band = make_band(grid, atoms, 5.0, n_templates=1, memory=1e9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OccupyWarning)
        state = analyse_map(density).state
    return Answers(
        zero=zero,
        blank=blank,
        scale=estimate_scale(density),
        masks=with_noise(solvent_of(density, free), density, None),
        model_sees_mask=band.masked(density, blank),
        blocks=find_threshold(density, "density"),
        resolution=state,
    )


@pytest.mark.parametrize("name", NAMES["visible"])
def test_all_see_the_solvent(answers, name):
    found = answers[name]
    assert found.scale.calibration.noise_origin == "solvent"
    assert found.scale.warnings == ()
    assert not found.scale.solvent.suspect
    assert found.masks.known
    assert doubts_about(found.masks) == ()
    assert not found.model_sees_mask
    assert found.resolution.measured


@pytest.mark.parametrize("name", NAMES["masked"])
def test_all_see_that_the_solvent_was_masked_away(answers, name):
    found = answers[name]
    assert found.scale.calibration.noise_origin == "unknown"
    assert any("masked away" in text for text in found.scale.warnings)
    assert doubts_about(found.masks) == ("solvent masked: noise unknown",)
    assert found.model_sees_mask
    assert found.resolution.solvent == "masked"
    assert not found.resolution.clipped


@pytest.mark.parametrize("name", NAMES["cut"])
def test_all_see_that_the_noise_was_cut_off(answers, name):
    found = answers[name]
    assert any("its noise was cut off" in text for text in found.scale.warnings)
    assert doubts_about(found.masks) == ("noise cut off",)
    assert not found.model_sees_mask
    assert found.resolution.clipped
    assert not found.resolution.measured


@pytest.mark.parametrize("name", [name for names in NAMES.values() for name in names])
def test_all_put_the_solvent_at_one_level(answers, deviation, name):
    found = answers[name]
    levels = found.scale.calibration.solvent_mean, found.masks.mean, found.blocks.solvent
    # The mean of smoothed noise that was cut off lies 0.4 deviations above that of the noise.
    limit = 0.45 if name in NAMES["cut"] else 0.05
    assert np.abs(np.array(levels) - found.zero).max() < limit * deviation


@pytest.mark.parametrize("name", ["shifted", "padded", "within a sphere", "cut off"])
def test_the_noise_of_the_solvent_is_that_of_the_map_as_it_was(answers, name):
    found, plain = answers[name], answers["as it is"]
    assert found.masks.sigma == pytest.approx(plain.masks.sigma, rel=0.05)
    assert found.masks.noise.power[5:].mean() == pytest.approx(
        plain.masks.noise.power[5:].mean(), rel=0.1
    )
    if not found.blank.clipped:
        assert found.blocks.sigma == pytest.approx(plain.blocks.sigma, rel=0.1)
        assert found.scale.calibration.noise_sigma == pytest.approx(
            plain.scale.calibration.noise_sigma, rel=0.05
        )


@pytest.mark.parametrize("name", ["shifted", "padded", "within a sphere"])
def test_the_scale_stays_as_it_was(answers, known, name):
    found, plain = answers[name].scale.scale.data, answers["as it is"].scale.scale.data
    cut = (len(found) - EDGE) // 2
    inner = found[cut : cut + EDGE, cut : cut + EDGE, cut : cut + EDGE]
    np.testing.assert_allclose(inner[known.mask], plain[known.mask], atol=0.03)
