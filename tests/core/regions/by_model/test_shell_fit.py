"""Amplitudes of fine and coarse detail are compared fairly."""

import numpy as np
import pytest

from occupy_core.regions.by_model.shell_fit import ShellFit, scale_if_inconsistent

ALL = np.ones(3, bool)


def fit(amplitude, sigma):
    n = len(amplitude)
    nothing = np.zeros(n)
    covariance = np.diag([sigma**2] * 2 * n)
    return ShellFit(
        amplitude=np.array(amplitude),
        blur=nothing,
        transfer=nothing,
        variance=nothing,
        explained=nothing,
        covariance=covariance,
    )


@pytest.mark.parametrize("scale", [0.2, 1.0, 30.0])
def test_amplitudes_that_differ_by_a_factor_agree(scale):
    fine, coarse = fit([1.0, 0.5, 1.0], 0.002), fit([scale, 0.5 * scale, scale], 0.01 * scale)
    assert scale_if_inconsistent(fine, coarse, ALL) is None


def test_a_difference_within_the_errors_is_none():
    fine = fit([1.0, 0.5, 1.0], 0.003)
    assert scale_if_inconsistent(fine, fit([1.02, 0.49, 0.99], 0.01), ALL) is None
    assert scale_if_inconsistent(fine, fit([1.2, 0.49, 0.99], 0.01), ALL) == pytest.approx(
        1.1, abs=0.05
    )


def test_a_region_that_does_not_tell_is_not_asked():
    fine, coarse = fit([1.0, 0.5, 1.0], 0.003), fit([1.0, 0.9, 1.0], 0.01)
    assert scale_if_inconsistent(fine, coarse, ALL) is not None
    assert scale_if_inconsistent(fine, coarse, np.array([True, False, True])) is None


def test_one_region_alone_cannot_disagree():
    assert scale_if_inconsistent(fit([1.0], 0.001), fit([3.0], 0.001), np.array([True])) is None
