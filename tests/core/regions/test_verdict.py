"""A word for an occupancy: none that its error does not carry."""

import math

import pytest

from occupy_core.regions.table import make_row
from occupy_core.regions.verdict import detection_limit, judge, verdict


@pytest.mark.parametrize(
    ("occupancy", "sigma", "word"),
    [
        (0.03, 0.02, "absent"),
        (-0.05, 0.02, "absent"),
        (0.1, 0.01, "partial"),
        (0.05, 0.08, "undecided"),
        (0.0, 0.2, "undecided"),
        (0.48, 0.03, "partial"),
        (0.48, 0.4, "undecided"),
        (1.0, 0.01, "full"),
        (0.95, 0.02, "full"),
        (0.85, 0.01, "partial"),
        (0.9, 0.08, "undecided"),
        (0.8, 0.2, "undecided"),
        (1.05, 0.02, "full"),
        (1.6, 0.05, "undecided"),
        (math.nan, math.nan, "undecided"),
    ],
)
def test_a_verdict_holds_for_the_whole_interval(occupancy, sigma, word):
    assert verdict(occupancy, sigma) == word


@pytest.mark.parametrize("occupancy", [0.0, 0.5, 1.0])
def test_a_larger_error_never_makes_a_verdict_surer(occupancy):
    words = [verdict(occupancy, 0.01 * i) for i in range(100)]
    changes = [word for word, before in zip(words, ["", *words], strict=False) if word != before]
    assert changes[1:] == ["undecided"]


@pytest.mark.parametrize(
    ("occupancy", "seen", "word"),
    [
        (0.98, {"coarser": 3.0}, "flexible"),
        (0.98, {"coarser": 1.0}, "full"),
        (0.85, {"coarser": 3.0}, "flexible"),
        (0.5, {"coarser": 3.0}, "partial"),
        (0.02, {"coarser": 3.0}, "absent"),
        (0.98, {"blur": 120.0, "blur_sigma": 10.0}, "flexible"),
        (0.98, {"blur": 120.0, "blur_sigma": 90.0}, "full"),
        (0.98, {"blur": 120.0, "blur_sigma": 10.0, "detail": 4.0}, "flexible"),
        (0.98, {"blur": 120.0, "blur_sigma": 10.0, "detail": 12.0}, "full"),
        (0.6, {"blur": 350.0, "blur_sigma": 10.0, "detail": 12.0}, "partial"),
        (0.6, {"blur": 150.0, "blur_sigma": 10.0}, "partial"),
        (0.6, {"blur": 350.0, "blur_sigma": 10.0}, "undecided"),
        (0.0, {"blur": 350.0, "blur_sigma": 10.0}, "absent"),
        (0.98, {"blur": 20.0, "blur_sigma": 1.0}, "full"),
        (1.5, {"coarser": 3.0}, "undecided"),
    ],
)
def test_what_is_all_there_but_badly_resolved_is_flexible(occupancy, seen, word):
    assert verdict(occupancy, 0.02, **seen) == word


@pytest.mark.parametrize(
    ("occupancy", "word"), [(0.0, "undecided"), (0.5, "undecided"), (1.0, "full")]
)
def test_what_has_density_without_atoms_beside_it_may_have_moved_there(occupancy, word):
    assert verdict(occupancy, 0.02, beside=0.6) == word


@pytest.mark.parametrize(
    ("region", "word"),
    [
        ("A", "full"),
        ("A/ATP 401", "full"),
        ("A/LMT 401", "not judged"),
        ("A/CLR 7", "not judged"),
        ("micelle", "not judged"),
        ("Membrane_1", "not judged"),
    ],
)
def test_detergent_and_membrane_get_no_verdict(region, word):
    assert judge(make_row("map", region, 1.0, 0.02, n_voxels=9, resolution=3.0)) == word


def test_what_lies_at_the_detection_limit_is_told_from_nothing():
    for sigma in (0.03, 0.1, 0.2):
        limit = detection_limit(sigma)
        assert verdict(limit, sigma) != "absent"
        assert limit == pytest.approx(3.29 * sigma)
