"""The colours: one for each occupancy, steps that everyone sees, in CIELAB."""

import math

import numpy as np
import pytest

from occupy_core.commands.shared.colors import (
    COLORS,
    CONFIDENCE,
    NO_VALUE,
    OCCUPANCY,
    ColorScale,
    error_scale,
    ink,
    local_scale,
    resolution_scale,
)

# Colour-blindness of full severity on linear RGB (Machado, Oliveira & Fernandes 2009,
# doi:10.1109/TVCG.2009.113).
SIGHT = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}
# Linear sRGB to CIE XYZ, D65 (IEC 61966-2-1).
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
WHITE = np.array([0.95047, 1.0, 1.08883])
STEPS = np.linspace(0, 1, 65)


def lab(rgb, sight="normal"):
    """CIELAB of colours, shape (n, 3) in sRGB 0 to 1, as someone sees them."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ SIGHT[sight].T, 0, 1)
    ratio = seen @ TO_XYZ.T / WHITE
    bend = 6 / 29
    f = np.where(ratio > bend**3, np.cbrt(ratio), ratio / (3 * bend**2) + 4 / 29)
    return np.stack(
        [116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1
    )


def steps(rgb, sight):
    """Distances (CIE 1976) between neighbouring colours."""
    return np.linalg.norm(np.diff(lab(rgb, sight), axis=0), axis=1)


def viridis():
    from matplotlib import colormaps

    return np.asarray(colormaps["viridis"](STEPS))[:, :3]


def test_lab_is_right_where_it_is_known():
    known = lab(np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
    expected = [[100, 0, 0], [53.24, 80.09, 67.20], [32.30, 79.19, -107.86]]
    np.testing.assert_allclose(known, expected, atol=0.05)


@pytest.mark.parametrize(
    "scale", [OCCUPANCY, resolution_scale(2.3, 7.1), error_scale(0.4)], ids=lambda s: s.label
)
@pytest.mark.parametrize("sight", SIGHT)
def test_lightness_goes_one_way_and_neighbours_differ_at_least_as_in_viridis(scale, sight):
    rgb = scale.rgb(scale.low + STEPS * (scale.high - scale.low))
    lightness = np.diff(lab(rgb, sight)[:, 0])
    assert (lightness > 0).all() or (lightness < 0).all()
    assert steps(rgb, sight).min() >= steps(viridis(), sight).min()


def test_steps_are_as_even_as_those_of_viridis():
    own, other = (steps(rgb, "normal") for rgb in (OCCUPANCY.rgb(STEPS), viridis()))
    assert own.std() / own.mean() <= other.std() / other.mean()


@pytest.mark.parametrize("value", [0.0, 0.2, 0.4375, 1.0, -0.3, 1.7])
def test_one_occupancy_has_one_colour_everywhere(value):
    from matplotlib.colors import to_hex

    color = OCCUPANCY.color(value)
    assert local_scale().color(value) == CONFIDENCE.color(value) == color
    assert local_scale(0.1).color(value) == (color if value >= 0.1 else NO_VALUE)
    drawn = to_hex(OCCUPANCY.colormap()(float(np.clip(value, 0, 1 - 1e-9))))
    channels = ([int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in (drawn, color))
    np.testing.assert_allclose(*channels, atol=2)


def test_dark_is_full_and_fine_and_sure():
    assert OCCUPANCY.color(1.0) == resolution_scale(3, 6).color(3.0) == COLORS[-1]
    assert error_scale(0.2).color(0.0) == COLORS[-1]
    assert OCCUPANCY.color(math.nan) == resolution_scale(3, 6).color(math.nan) == NO_VALUE


def test_palettes_hold_the_colours_at_rising_values():
    pairs = ColorScale(label="x", low=2.0, high=4.0).pairs()
    assert pairs == list(zip(np.linspace(2, 4, len(COLORS)), COLORS, strict=True))
    hidden = local_scale(0.3).pairs()
    assert [color for value, color in hidden if value < 0.3] == [NO_VALUE, NO_VALUE]
    values = [value for value, _ in hidden]
    assert values == sorted(set(values))


@pytest.mark.parametrize("color", [*COLORS, NO_VALUE, "#000000", "#ffffff"])
def test_writing_on_a_colour_can_be_read(color):
    def luminance(text):
        rgb = np.array([int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted((luminance(color), luminance(ink(color))))
    assert (high + 0.05) / (low + 0.05) >= 4.5
