# SPDX-License-Identifier: GPL-3.0-or-later
"""What the window for slices shows: maps, what colours them, and the place that is looked at.

Nothing here knows of a screen.
"""

import dataclasses

import numpy as np
from contourpy import contour_generator

from occupy_core.commands.shared.colors import difference_scale
from occupy_scipion.viewers.palette import GREY, Palette
from occupy_scipion.viewers.planes import Planes

AXES = ("x", "y", "z")
ONE, TWO, DIFFERENCE, ALL = "three axes", "two side by side", "difference", "all maps"
MODES = (ONE, TWO, DIFFERENCE, ALL)
PER_PAGE = 24  # maps shown at once, of a set
_ACROSS_AND_UP = {"z": ("x", "y"), "y": ("x", "z"), "x": ("y", "z")}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """Values that colour a map.

    Parameters
    ----------
    title : str
    values : Planes
    palette : Palette
    error : Planes or None
        Standard error of the values.
    within : Planes or None
        There is no colour where this is below `least`.
    least : float
    unit : str
    """

    title: str
    values: Planes
    palette: Palette
    error: Planes | None = None
    within: Planes | None = None
    least: float = 0.5
    unit: str = ""

    @property
    def isRegion(self):
        """Whether it says where something is: a mask, or things with names."""
        return bool(self.palette.names) or self.within is self.values

    def plane(self, axis, index):
        """The values of a plane, NaN where there is no colour."""
        values = self.values.plane(axis, index)
        if self.within is None:
            return values
        return np.where(self.within.plane(axis, index) >= self.least, values, np.float32(np.nan))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Item:
    """A map with what colours it.

    Parameters
    ----------
    name : str
    density : Planes
    layers : tuple of Layer
    facts : dict
        What is known of it: the columns of its set.
    """

    name: str
    density: Planes
    layers: tuple = ()
    facts: dict = dataclasses.field(default_factory=dict)

    def layer(self, title):
        """The layer of a title, or None."""
        return next((layer for layer in self.layers if layer.title == title), None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Panel:
    """A picture in the window.

    Parameters
    ----------
    title : str
    axis : str
        Across which it lies: "x", "y" or "z".
    item : int
        Number of the map.
    minus : int or None
        Number of the map that is taken from it.
    """

    title: str
    axis: str
    item: int
    minus: int | None = None


class Scene:
    """The state of the window. Its attributes may be set; the window then shows it.

    Parameters
    ----------
    items : sequence of Item
        The maps, all on one grid.
    layer : str or None
        Title of the layer to begin with; None: the first one.
    axis : str
        Of what shows one plane of each map.
    item : int
        The map to begin with.

    Attributes
    ----------
    mode : str
        One of `MODES`.
    place : list of int
        Voxel under the cursor: z, y, x.
    opacity : float
        Of the layer over the map, 0 to 1.
    level : float or None
        Grey value of a contour line; None: no line.
    grey : tuple of float
        Values shown as white and black.
    levels : dict
        Levels of single maps, by their names, where they have one of their own.
    ball : float or None
        Radius in Å of a ball that is drawn around the cursor, to scale.
    limits : dict
        By title of a layer, the values at the ends of its colours, where they were changed.
    page : int
        Which of the pages with maps of a set.
    """

    def __init__(self, items, *, layer=None, axis="z", item=0):
        self.items = list(items)
        self.axis, self.item, self.other = axis, item, (1 if item == 0 else 0)
        titles = self.titles()
        self.layer = layer if layer in titles else (titles[0] if titles else None)
        self.mode, self.page = ONE, 0
        self.opacity, self.level, self.levels = 0.75, None, {}
        self.ball = None
        self.limits = {}
        self.grey = self.items[item].density.range
        self.place = self._start()

    def _start(self):
        """The middle; of regions, where there is most of them."""
        shape = self.grid.shape
        layer = self.chosen()
        if layer is None or not layer.isRegion:
            return [n // 2 for n in shape]
        planes = np.unique(np.linspace(0, shape[0] - 1, min(shape[0], 64)).astype(int))
        counts = [np.isfinite(layer.plane(0, int(i))) for i in planes]
        best = int(np.argmax([count.sum() for count in counts]))
        rows = counts[best].sum(axis=1), counts[best].sum(axis=0)
        return [int(planes[best]), int(np.argmax(rows[0])), int(np.argmax(rows[1]))]

    def renew(self, items, *, grey=False):
        """Show other maps in the place of these: as many, of the same names.

        Parameters
        ----------
        items : sequence of Item
        grey : bool
            Whether to choose the grey values anew.
        """
        before = self.grid.shape
        self.items = list(items)
        shape = self.grid.shape
        self.place = [p * n // b for p, n, b in zip(self.place, shape, before, strict=True)]
        if grey:
            self.grey = self.items[self.item].density.range

    # --------------------------- What there is ---------------------------------------------------
    @property
    def grid(self):
        """Where the voxels lie."""
        return self.items[0].density.grid

    def titles(self):
        """Titles of the layers of the chosen map."""
        return [layer.title for layer in self.items[self.item].layers]

    def modes(self):
        """The ways to show the maps, of so many."""
        return MODES if len(self.items) > 1 else MODES[:1]

    def pages(self):
        """Number of the pages with maps of a set."""
        return -(-len(self.items) // PER_PAGE)

    def chosen(self):
        """The layer that is shown over the chosen map, or None."""
        return None if self.layer is None else self.items[self.item].layer(self.layer)

    def palette(self):
        """The colours that are shown: of the layer, of a difference, or None."""
        if self.mode == DIFFERENCE:
            return Palette.of(difference_scale(self._largestDifference()))
        layer = self.chosen()
        if layer is None:
            return None
        return layer.palette.between(*self.limits.get(layer.title, layer.palette.ends))

    def _largestDifference(self):
        low, high = self.grey
        return (high - low) / 2

    def panels(self):
        """The pictures that are shown."""
        one, two = self.items[self.item], self.items[self.other % len(self.items)]
        if self.mode == TWO:
            return [
                Panel(title=f"{name.name}, across {axis}", axis=axis, item=number)
                for number, name in ((self.item, one), (self.other, two))
                for axis in reversed(AXES)
            ]
        if self.mode == DIFFERENCE:
            return [
                Panel(
                    title=f"{one.name} less {two.name}, across {axis}",
                    axis=axis,
                    item=self.item,
                    minus=self.other,
                )
                for axis in reversed(AXES)
            ]
        if self.mode == ALL:
            first = self.page * PER_PAGE
            return [
                Panel(title=item.name, axis=self.axis, item=number)
                for number, item in enumerate(self.items)
                if first <= number < first + PER_PAGE
            ]
        return [Panel(title=f"across {axis}", axis=axis, item=self.item) for axis in reversed(AXES)]

    # --------------------------- Pictures --------------------------------------------------------
    def values(self, panel):
        """The density in a panel: float32, rows upwards."""
        number = "zyx".index(panel.axis)
        plane = self.items[panel.item].density.plane(number, self.place[number])
        if panel.minus is None:
            return plane
        return plane - self.items[panel.minus].density.plane(number, self.place[number])

    def picture(self, panel):
        """The pixels of a panel: uint8, rows upwards, red, green and blue."""
        values = self.values(panel)
        if panel.minus is not None:
            return self.palette().paint(values)[0]
        rgb, _ = GREY.between(*self.grey).paint(values)
        item = self.items[panel.item]
        layer = None if self.layer is None else item.layer(self.layer)
        if layer is None or self.opacity == 0:
            return rgb
        number = "zyx".index(panel.axis)
        ends = self.limits.get(layer.title, layer.palette.ends)
        colors, known = layer.palette.between(*ends).paint(layer.plane(number, self.place[number]))
        weight = np.where(known, self.opacity, 0.0)[..., None]
        return (rgb + weight * (colors.astype(np.float64) - rgb)).round().astype(np.uint8)

    def contour(self, panel):
        """Lines of the contour level in a panel: arrays of (column, row) in voxels."""
        level = self.levels.get(self.items[panel.item].name, self.level)
        if level is None or panel.minus is not None:
            return []
        return contour_generator(z=self.values(panel)).lines(level)

    def size(self, panel):
        """Width and height of a panel in Å."""
        lengths = dict(zip(AXES, self.grid.box, strict=True))
        across, up = _ACROSS_AND_UP[panel.axis]
        return lengths[across], lengths[up]

    def cursor(self, panel):
        """Column and row of the cursor in a panel, in voxels."""
        place = dict(zip("zyx", self.place, strict=True))
        across, up = _ACROSS_AND_UP[panel.axis]
        return place[across], place[up]

    # --------------------------- The place -------------------------------------------------------
    def go(self, axis, index):
        """Go to a plane across an axis; one outside the map becomes the nearest."""
        number = "zyx".index(axis)
        self.place[number] = int(np.clip(index, 0, self.grid.shape[number] - 1))

    def step(self, axis, planes):
        """Go on by some planes."""
        self.go(axis, self.place["zyx".index(axis)] + planes)

    def point(self, panel, column, row):
        """Put the cursor on a voxel of a panel."""
        across, up = _ACROSS_AND_UP[panel.axis]
        self.go(across, column)
        self.go(up, row)

    # --------------------------- Words -----------------------------------------------------------
    def words(self):
        """What is under the cursor: lines of text."""
        z, y, x = self.place
        edges = self.grid.voxel_size_zyx
        at = ", ".join(f"{i * v:.1f}" for i, v in zip((x, y, z), reversed(edges), strict=True))
        lines = [f"voxel {x + 1}, {y + 1}, {z + 1}", f"at {at} Å (x, y, z)"]
        item = self.items[self.item]
        lines.append(f"density {item.density.value(self.place):.4g}")
        if self.mode in (TWO, DIFFERENCE):
            other = self.items[self.other]
            value = other.density.value(self.place)
            lines.append(f"{other.name}: {value:.4g}")
            lines.append(f"difference {item.density.value(self.place) - value:.4g}")
        return lines + [self._layerWords(layer) for layer in item.layers]

    def _layerWords(self, layer):
        value = float(layer.plane(0, self.place[0])[self.place[1], self.place[2]])
        if layer.palette.names:
            named = "nothing" if np.isnan(value) else layer.palette.names[int(value) - 1]
            return f"{layer.title}: {named}"
        if np.isnan(value):
            return f"{layer.title}: no value"
        unit = f" {layer.unit}" if layer.unit else ""
        error = "" if layer.error is None else f" ± {layer.error.value(self.place):.2f}"
        return f"{layer.title} {value:.2f}{error}{unit}"
