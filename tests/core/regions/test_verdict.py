"""A word for an occupancy: none that its error does not carry."""

import math

import pytest

from occupy_core.regions.verdict import detection_limit, verdict


@pytest.mark.parametrize(
    ("occupancy", "sigma", "word"),
    [
        (0.03, 0.02, "absent"),
        (-0.05, 0.02, "absent"),
        (0.0, 0.2, "uncertain"),
        (0.48, 0.03, "partial"),
        (0.48, 0.4, "uncertain"),
        (1.0, 0.01, "full"),
        (0.95, 0.02, "full"),
        (0.85, 0.01, "partial"),
        (0.8, 0.2, "uncertain"),
        (1.05, 0.02, "full"),
        (1.6, 0.05, "dense"),
        (math.nan, math.nan, "not measured"),
    ],
)
def test_a_verdict_holds_for_the_whole_interval(occupancy, sigma, word):
    assert verdict(occupancy, sigma) == word


@pytest.mark.parametrize("occupancy", [0.0, 0.5, 1.0])
def test_a_larger_error_never_makes_a_verdict_surer(occupancy):
    words = [verdict(occupancy, 0.01 * i) for i in range(100)]
    changes = [word for word, before in zip(words, ["", *words], strict=False) if word != before]
    assert changes[1:] == ["uncertain"]


def test_what_lies_at_the_detection_limit_is_told_from_nothing():
    for sigma in (0.03, 0.1, 0.2):
        limit = detection_limit(sigma)
        assert verdict(limit, sigma) != "absent"
        assert limit == pytest.approx(3.29 * sigma)
