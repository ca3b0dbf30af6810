# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers become pixels: the colour scales of the core, and grey."""

import dataclasses

import numpy as np

from occupy_core.commands.shared.colors import NO_VALUE, ColorScale

_STEPS = 256


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Palette:
    """How numbers become pixels.

    Parameters
    ----------
    table : ndarray of uint8, shape (n, 3)
        Colours at equal steps from `low` to `high`.
    low, high : float
        Values at the ends of the colours.
    label : str
        What the numbers are.
    names : tuple of str
        Names of the numbers 1, 2 …, which then have a colour each.
    """

    table: np.ndarray
    low: float
    high: float
    label: str = ""
    names: tuple = ()

    @classmethod
    def of(cls, scale: ColorScale):
        """The colours of a scale."""
        steps = scale.low + (scale.high - scale.low) * (np.arange(_STEPS) + 0.5) / _STEPS
        table = (255 * scale.rgb(steps)).round().astype(np.uint8)
        return cls(table=table, low=scale.low, high=scale.high, label=scale.title)

    @classmethod
    def named(cls, names, colors):
        """A colour for each of the numbers 1, 2 …, which have names."""
        table = np.array([_pixel(color) for color in colors], np.uint8)
        return cls(table=table, low=0.5, high=len(names) + 0.5, names=tuple(names))

    @property
    def ends(self):
        """The values at the ends of the colours."""
        return self.low, self.high

    def between(self, low, high):
        """The same colours for another range of values."""
        return dataclasses.replace(self, low=low, high=high if high > low else low + 1e-6)

    def paint(self, values):
        """Pixels of values, and where there is one.

        Returns
        -------
        ndarray of uint8, the shape of `values` and 3; ndarray of bool
        """
        known = np.isfinite(values)
        count = len(self.table)
        place = (np.where(known, values, self.low) - self.low) * (count / (self.high - self.low))
        pixels = self.table[place.clip(0, count - 1).astype(np.intp)]
        pixels[~known] = _pixel(NO_VALUE)
        return pixels, known


def _pixel(color):
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]


GREY = Palette(
    table=np.repeat(np.arange(255, -1, -1, dtype=np.uint8)[:, None], 3, axis=1), low=0.0, high=1.0
)
"""What is dense is black."""
