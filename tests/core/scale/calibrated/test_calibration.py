"""What is said about a calibrated scale, and when."""

import re

import numpy as np
import pytest

from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.scale.calibrated.calibration import Calibration, remarks
from occupy_core.solvent.blank import find_blank

GRID = Grid.cubic(30, 1.5)
NOISE = np.random.default_rng(0).standard_normal(GRID.shape).astype(np.float32)
DENSITY = DensityMap(NOISE, GRID, "m.mrc")


def made(origin="solvent", full_fraction=0.5):
    return Calibration(
        occupancy=(0.0, 1.0),
        density=(0.0, 1.0),
        sigma=(0.1, 0.1),
        solvent_mean=0.0,
        noise_sigma=1.0,
        noise_origin=origin,
        spread=0.1,
        full_fraction=full_fraction,
    )


def said(calibration=None, *, density=DENSITY, hidden=False, correlation=1.0):
    blank = find_blank(density)
    return remarks(
        density.name, calibration or made(), blank, hidden=hidden, correlation=correlation
    )


def test_of_a_usual_map_nothing_is_said():
    assert said() == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"correlation": 0.19}, "do not show what m.mrc shows (correlation 0.19"),
        ({"calibration": made("unknown")}, "not corrected for noise"),
        ({"hidden": True}, "hides the surface"),
        ({"calibration": made(full_fraction=0.09)}, "Only 9% of the content"),
    ],
)
def test_one_sentence_for_one_doubt(options, words):
    (sentence,) = said(**options)
    assert words in sentence
    assert re.search(r"; (give|use|compare) .+\.$", sentence), "it says what can be done"


@pytest.mark.parametrize(
    "options",
    [
        {"correlation": 0.21},
        {"correlation": 0.1, "hidden": True, "calibration": made("half maps")},
        {"calibration": made(full_fraction=0.11)},
    ],
)
def test_at_its_limit_nothing_is_said_of_it(options):
    assert not any("do not show" in s or "Only" in s for s in said(**options))


@pytest.mark.parametrize(("share", "number"), [(0.03, 0), (0.2, 1)])
def test_noise_that_was_cut_off_is_told_where_it_was_measured(share, number):
    data = np.maximum(NOISE, np.quantile(NOISE, share))
    density = DensityMap(data.astype(np.float32), GRID, "m.mrc")
    found = said(density=density)
    assert len(found) == number
    assert all(re.match(r"(19|20|21)% of the voxels .* lowest value", s) for s in found)
    assert said(made("half maps"), density=density) == []
