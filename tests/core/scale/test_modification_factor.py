"""The factor of each modification at each scale."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occupy_core.scale.modify import (
    ModifyParams,
    Output,
    modification_curves,
    modification_factor,
)

AMPLIFY, ATTENUATE = Output("amplified", 4.0), Output("attenuated", 3.0)
SIGMOID = Output("sigmoid", 4.0, 0.3)


@pytest.mark.parametrize("gamma", [1.5, 4.0, 30.0])
def test_factors_are_the_powers_of_the_scale(gamma):
    s = np.linspace(0.06, 1, 200)
    scale = s.astype(np.float32)
    amplified = modification_factor(scale, Output("amplified", gamma), 0.05)
    np.testing.assert_allclose(s * amplified, s ** (1 / gamma), rtol=1e-5)
    attenuated = modification_factor(scale, Output("attenuated", gamma), 0.05)
    np.testing.assert_allclose(s * attenuated, s**gamma, rtol=1e-4, atol=1e-30)


@pytest.mark.parametrize("gamma", [1.01, 2.0, 4.0, 20.0])
@pytest.mark.parametrize("pivot", [0.05, 0.3, 0.5, 0.9])
def test_sigmoid_is_that_of_occupy_and_keeps_its_pivot(gamma, pivot):
    s = np.linspace(0.01, 0.99, 99)
    mu = 1 / (1 + (1 / pivot - 1) ** (-1 / gamma) * (1 - pivot) / pivot)
    expected = 1 / (1 + ((s * (1 - mu)) / (mu * (1 - s))) ** -gamma)
    output = Output("sigmoid", gamma, pivot)
    factor = modification_factor(s.astype(np.float32), output, 0.0)
    np.testing.assert_allclose(s * factor, expected, rtol=2e-4, atol=1e-12)
    assert modification_factor(np.array([pivot], np.float32), output, 0.0) == pytest.approx(
        1, abs=1e-5
    )


def test_sigmoid_has_its_limits_at_the_ends():
    scale = np.array([0.0, 1e-6, 1 - 1e-7, 1.0], np.float32)
    factor = modification_factor(scale, SIGMOID, -1.0)
    np.testing.assert_allclose(factor, [0, 0, 1, 1], atol=1e-6)


@settings(max_examples=200, deadline=None)
@given(
    st.floats(0, 1, width=32),
    st.sampled_from(["amplified", "attenuated", "sigmoid"]),
    st.floats(1, 1e6),
    st.floats(0.001, 0.999),
)
def test_no_scale_and_no_power_gives_an_infinite_factor(scale, kind, gamma, pivot):
    output = Output(kind, gamma, pivot if kind == "sigmoid" else None)
    factor = modification_factor(np.array([scale], np.float32), output, 0.0)
    assert np.isfinite(factor).all()
    assert factor >= 0


@pytest.mark.parametrize("output", [AMPLIFY, ATTENUATE, SIGMOID])
def test_nothing_is_modified_up_to_the_scale_limit(output):
    scale = np.array([0.0, 0.1, 0.2, 0.20001, 0.5], np.float32)
    changed = modification_factor(scale, output, 0.2) != 1
    assert changed.tolist() == [False, False, False, True, True]


@pytest.mark.parametrize("output", [AMPLIFY, ATTENUATE, SIGMOID])
def test_modified_scale_keeps_its_order(output):
    scale = np.linspace(0.06, 1, 500, dtype=np.float32)
    assert np.all(np.diff(scale * modification_factor(scale, output, 0.05)) >= -1e-6)


def test_curves_are_scale_times_factor():
    params = ModifyParams(amplify=4.0, sigmoid=4.0, pivot=0.3, exclude_solvent=True)
    scale, curves = modification_curves(params, 101)
    assert scale[0] == 0
    assert scale[-1] == 1
    assert list(curves) == ["amplified", "sigmoid"]
    np.testing.assert_allclose(curves["amplified"][6:], scale[6:] ** 0.25, rtol=1e-5)
    np.testing.assert_array_equal(curves["amplified"][:6], scale[:6])  # below the scale limit
    assert curves["sigmoid"][30] == pytest.approx(0.3, rel=1e-5)
