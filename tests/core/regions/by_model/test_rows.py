"""What the fit of a map says in the rows of the table."""

import math

import numpy as np
import pytest

from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.regions.by_model.fit import MapFit
from occupy_core.regions.by_model.rows import (
    Measured,
    ModelRegions,
    explained_resolution,
    map_notes,
)
from occupy_core.solvent.blank import Blank

GRID = Grid.cubic(10, 2.0)
NAMES = ("A", "B", "C", "D")


class Model:
    """As much of a model as the rows ask for."""

    names = NAMES
    n_atoms = np.array([100, 100, 100, 100])


def a_fit(**changes):
    n, shells = 3, 5
    values = {
        "amplitude": np.array([1.0, 0.5, 1.0]),
        "covariance": np.diag([1e-4, 1e-4, 1e-4]),
        "blur": np.array([0.0, 10.0, 30.0]),
        "blur_covariance": np.diag([1.0, 4.0, 9.0]),
        "explained": np.full(shells, 0.6),
        "s2": (1 / np.array([20.0, 10.0, 7.0, 5.0, 4.0])) ** 2,
        "shift": np.zeros(3),
        "beside": np.zeros(n, bool),
        "unexplained": 0.0,
        "masked": False,
    }
    return MapFit(**{**values, **changes})


def regions(outside=(0, 0, 0, 0)):
    part = (slice(2, 4), slice(3, 5), slice(4, 6))
    masks = [(part, np.ones((2, 2, 2), np.float32)) for _ in NAMES]
    masks[3] = (part, np.zeros((2, 2, 2), np.float32))
    seen = np.array([True, True, True, False])
    return ModelRegions(
        model=Model(), seen=seen, outside=np.array(outside, float), masks=masks, resolution=4.0
    )


def measured(fit, cut=(0, 0, 0, 0)):
    return Measured(name="m", fit=fit, mean_scale=np.full(4, 0.7), cut=np.array(cut, float))


def rows(fit=None, *, reference=(0,), seen=None, **options):
    made, fit = regions(**options), fit or a_fit()
    found = made.occupancies([fit], reference)
    return {row.region: row for row in made.rows(seen or measured(fit), found, 0)}


def test_occupancies_are_amplitudes_over_the_reference_and_unknown_ones_are_nan():
    found = rows()
    assert [found[n].occupancy for n in "ABC"] == pytest.approx([1.0, 0.5, 1.0])
    assert math.isnan(found["D"].occupancy)
    assert "reference" in found["A"].flags
    assert found["B"].n_voxels == 8
    assert found["B"].mean_scale == 0.7


@pytest.mark.parametrize(
    ("amplitude", "sigma", "flag", "there"),
    [
        (0.05, 0.03, "not seen", True),
        (0.05, 0.02, "not seen", False),
        (1.2, 0.01, "above the reference", True),
        (1.2, 0.09, "above the reference", False),
        (0.5, 0.12, "uncertain", True),
        (0.5, 0.08, "uncertain", False),
    ],
)
def test_a_flag_is_set_at_its_limit(amplitude, sigma, flag, there):
    fit = a_fit(
        amplitude=np.array([1.0, amplitude, 1.0]), covariance=np.diag([1e-8, sigma**2, 1e-8])
    )
    assert (flag in rows(fit)["B"].flags) is there


def test_blur_is_counted_from_the_typical_region_of_the_reference():
    made, fit = regions(), a_fit()
    blur, sigma = made.blur_above(fit, [0, 1, 2])
    assert blur[:3] == pytest.approx([-10, 0, 20])  # B is the middle one
    assert sigma[:3] == pytest.approx([math.sqrt(5), 0, math.sqrt(13)])
    assert math.isnan(blur[3])


@pytest.mark.parametrize(("blur", "there"), [(60.0, True), (45.0, False)])
def test_much_blur_beyond_the_model_is_told(blur, there):
    flags = rows(a_fit(blur=np.array([0.0, blur, 0.0])))["B"].flags
    assert any(flag.startswith(f"blurred by B +{blur:.0f}") for flag in flags) is there


def test_regions_that_cannot_be_told_apart_name_each_other():
    covariance = np.diag([1e-6, 0.04, 0.04])
    covariance[1, 2] = covariance[2, 1] = -0.036
    found = rows(a_fit(covariance=covariance))
    assert "cannot be told from C" in found["B"].flags
    assert "cannot be told from B" in found["C"].flags
    assert not any("told from" in flag for flag in found["A"].flags)
    covariance[1, 2] = covariance[2, 1] = -0.028
    assert not any("told from" in flag for flag in rows(a_fit(covariance=covariance))["B"].flags)


def test_what_a_mask_cut_off_widens_the_error():
    fit = a_fit()
    found = rows(fit, seen=measured(fit, cut=(0, 0.3, 0, 0)))
    assert found["B"].sigma == pytest.approx(math.hypot(rows(fit)["B"].sigma, 0.3), rel=1e-6)
    assert "30% of it cut off by a mask" in found["B"].flags


def test_the_share_that_is_cut_off_counts_what_a_mask_left_in_each_region():
    data = np.ones(GRID.shape, np.float32)
    data[2, 3:5, 4:6] = 0.25
    blank = Blank(value=0.25, lowest=None, share=0.0, tolerance=1e-3, regions=None)
    cut = regions().cut_off(DensityMap(data, GRID), blank)
    assert cut == pytest.approx([0.5, 0.5, 0.5, 0])
    scale = np.zeros(GRID.shape, np.float32)
    scale[2:4, 3:5, 4:6] = 0.25
    mean = regions().mean_scale(DensityMap(scale, GRID))
    assert mean[:3] == pytest.approx(0.25)
    assert math.isnan(mean[3])
    assert np.isnan(regions().mean_scale(None)).all()


def test_a_model_that_explains_nothing_makes_no_number_sure():
    fit = a_fit(explained=np.full(5, 0.1))
    found = rows(fit)
    assert "the model does not explain the map" in found["B"].flags
    assert found["B"].sigma >= 1
    assert any("explains at most 10% of m" in note for note in map_notes([measured(fit)]))


def test_the_resolution_is_of_the_finest_shell_that_is_explained():
    explained = np.array([0.9, 0.5, 0.3, 0.1, 0.05])
    assert explained_resolution(a_fit(explained=explained)) == pytest.approx(7.0)
    assert math.isnan(explained_resolution(a_fit(explained=np.zeros(5))))
    assert rows(a_fit(explained=explained))["B"].resolution_used == pytest.approx(7.0)
    assert rows(a_fit())["B"].resolution_used == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shift": np.array([0.0, 3.0, 4.0])}, "(0.0, 3.0, 4.0) Å"),
        ({"finest": 6.0}, "finer than 6 Å"),
        ({"unexplained": 0.2}, "20% of the volume"),
    ],
)
def test_a_note_on_the_whole_map_gives_its_number(changes, words):
    (note,) = map_notes([measured(a_fit(**changes))])
    assert words in note
    assert map_notes([measured(a_fit())]) == []


def test_what_lies_around_a_region_is_told():
    fit = a_fit(beside=np.array([False, True, False]), masked=True)
    found = rows(fit, outside=(0, 0.25, 0.001, 0))
    assert {"25% of its atoms outside the map", "density without atoms beside it"} <= set(
        found["B"].flags
    )
    assert not any("outside" in flag or "beside" in flag for flag in found["C"].flags)
    assert all("solvent masked" in row.flags for row in found.values())
