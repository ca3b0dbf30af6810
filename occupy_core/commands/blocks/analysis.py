"""Look at the blocks of a finished run and pick volumes: what the notebook of a run is made of."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from occupy_core.commands.blocks.figures import draw_block_graph, draw_heatmap
from occupy_core.commands.blocks.tables import choose
from occupy_core.commands.shared.colors import several_colors
from occupy_core.commands.shared.figure_style import drawn_in_own_style
from occupy_core.commands.shared.notebook import Cell, beside_notebook
from occupy_core.commands.shared.plots import new_figure, save_figure
from occupy_core.commands.shared.quoting import figure_text
from occupy_core.commands.shared.record import read_record
from occupy_core.errors import ParameterError
from occupy_core.maps.grid import DensityMap
from occupy_core.maps.mrc import read_map

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 90  # [layout]
_BINS = np.linspace(0, 1.2, 25)  # [layout] of the histograms of occupancies
_COLUMNS = 3  # [layout] histograms beside each other


class Picture:
    """A picture that a notebook shows.

    Parameters
    ----------
    png : bytes
    """

    def __init__(self, png: bytes) -> None:
        self._png = png

    def _repr_png_(self) -> bytes:
        return self._png

    def __repr__(self) -> str:
        """Return a few words, for where pictures cannot be shown."""
        width, height = struct.unpack(">II", self._png[16:24])  # of the first chunk, IHDR
        return f"<picture of {width} x {height}>"


class BlockAnalysis:
    """The blocks of a run of ``occupy-core blocks`` and their occupancy in each volume.

    Parameters
    ----------
    record : str or Path
        ``blocks.json`` of the run; its other files are looked for beside it.

    Attributes
    ----------
    blocks, volumes : tuple of str
        Names.
    occupancy : ndarray of float64, shape (n_volumes, n_blocks)

    Raises
    ------
    ParameterError
        When it is no record of a search for blocks.
    """

    def __init__(self, record: str | Path) -> None:
        path = beside_notebook(record)
        self._folder, self._record = path.parent, read_record(path)
        try:
            self._rows: list[dict[str, Any]] = self._record["table"]
            self.blocks = tuple(str(block["name"]) for block in self._record["blocks"])
            self.volumes = tuple(str(row["volume"]) for row in self._rows)
            self.occupancy: NDArray[np.float64] = np.array(
                [[row[name] for name in self.blocks] for row in self._rows], np.float64
            ).reshape(len(self.volumes), len(self.blocks))
        except (KeyError, TypeError) as error:
            raise ParameterError(
                f"{path} is not the record of a search for blocks; give blocks.json of a run."
            ) from error

    @property
    def answer(self) -> str:
        """What was found, in a sentence."""
        return str(self._record["answer"]["sentence"])

    def mask(self, block: str) -> DensityMap:
        """Mask of a block: 1 in its voxels."""
        self._require(block)
        return read_map(self._folder / self._record["blocks"][self.blocks.index(block)]["mask"])

    def voxels(self, block: str) -> NDArray[np.int64]:
        """Voxels (z, y, x) of a block in the volumes, shape (n, 3)."""
        return np.argwhere(self.mask(block).data > 0.5)

    def choose(self, rule: str) -> list[str]:
        """Names of the volumes that fit a rule, such as ``B1 > 0.7 and not B2 > 0.2``."""
        return [str(row["volume"]) for row in choose(rule, self._rows, self.blocks)]

    def heatmap(self) -> Picture:
        """Occupancy of each block in each volume, both in the order of their trees."""
        drawn = (self.occupancy, self.volumes, self.blocks)
        return self._saved("heatmap") or _picture((8, 6), draw_heatmap, *drawn)

    def relations(self) -> Picture:
        """How the blocks depend on each other."""
        drawn = (self._record["blocks"], self._record["relations"])
        return self._saved("graph") or _picture((5.5, 5.5), draw_block_graph, *drawn)

    def histograms(self) -> Picture:
        """How often each block has which occupancy."""
        height = 0.4 + 2.0 * max(1, -(-len(self.blocks) // _COLUMNS))
        return _picture((9, height), _draw_histograms, self.occupancy, self.blocks)

    def pair(self, first: str, second: str) -> Picture:
        """Occupancies of two blocks against each other, a point for each volume."""
        names = (first, second)
        for name in names:
            self._require(name)
        x, y = (self.occupancy[:, self.blocks.index(name)] for name in names)
        return _picture((4.5, 4.2), _draw_pair, x, y, names)

    def _saved(self, key: str) -> Picture | None:
        """Return the picture of the run itself, which need not be drawn again."""
        name = self._record["files"].get(key)
        if name is None or not (self._folder / name).is_file():
            return None
        return Picture((self._folder / name).read_bytes())

    def _require(self, block: str) -> None:
        if block not in self.blocks:
            raise ParameterError(
                f"There is no block '{block}'; the blocks are {', '.join(self.blocks) or 'none'}."
            )


def analysis_cells(record_name: str, blocks: Sequence[str]) -> list[Cell]:
    """Cells of the notebook of a run: occupancies as figures, and subsets by rules.

    Parameters
    ----------
    record_name : str
        Name of the record, which lies beside the notebook.
    blocks : sequence of str
        Names of the blocks, the largest first.
    """
    cells = [
        Cell(
            "markdown", "# Blocks and their occupancies\n\nThe cells can be changed and run again."
        ),
        Cell(
            "code",
            "from occupy_core.commands.blocks.analysis import BlockAnalysis\n\n"
            f"found = BlockAnalysis({record_name!r})\n"
            "print(found.answer)",
        ),
    ]
    if not blocks:
        return cells
    rule = f"{blocks[0]} > 0.7"
    if len(blocks) > 1:
        rule += f" and {blocks[1]} < 0.3"
    cells += [
        Cell("markdown", "Occupancy of each block in each volume."),
        Cell("code", "found.heatmap()"),
        Cell("markdown", "A block that is there or not has two peaks."),
        Cell("code", "found.histograms()"),
    ]
    if len(blocks) > 1:
        cells += [
            Cell("markdown", "How the blocks depend on each other."),
            Cell("code", "found.relations()"),
            Cell("code", f"found.pair({blocks[0]!r}, {blocks[1]!r})"),
        ]
    return [
        *cells,
        Cell(
            "markdown",
            "## A subset\n\nA rule on the occupancies chooses volumes. `occupy-core blocks subset` "
            "copies the volumes of the same rule, and `occupy-core particles` writes their "
            "particles.",
        ),
        Cell(
            "code",
            f"chosen = found.choose({rule!r})\n"
            'print(len(chosen), "of", len(found.volumes), "volumes")\n'
            'print("\\n".join(chosen[:10]))',
        ),
        Cell("markdown", "The voxels (z, y, x) of a block."),
        Cell(
            "code",
            f"voxels = found.voxels({blocks[0]!r})\n"
            'print(len(voxels), "voxels, the first:", voxels[0])',
        ),
    ]


def _picture(size: tuple[float, float], draw: Callable[..., Any], *values: Any) -> Picture:
    figure, stream = new_figure(*size), io.BytesIO()
    draw(figure, *values)
    save_figure(figure, stream, dpi=_DPI)
    return Picture(stream.getvalue())


@drawn_in_own_style
def _draw_histograms(figure: Figure, occupancy: NDArray[np.float64], blocks: Sequence[str]) -> None:
    rows = max(1, -(-len(blocks) // _COLUMNS))
    # All labels are short and known, so the layout need not be found, which takes most of the time.
    figure.set_layout_engine("none")
    _, height = figure.get_size_inches()
    grid = {"left": 0.075, "right": 0.985, "bottom": 0.6 / height, "top": 1 - 0.3 / height}
    grid |= {"wspace": 0.3, "hspace": 0.3}
    places = figure.subplots(rows, _COLUMNS, squeeze=False, sharex=True, gridspec_kw=grid).ravel()
    for axes in places[len(blocks) :]:
        axes.set_axis_off()
    for k, color in enumerate(several_colors(len(blocks))):
        axes = places[k]
        axes.hist(np.clip(occupancy[:, k], _BINS[0], _BINS[-1]), _BINS, color=color)
        axes.set_title(figure_text(blocks[k]), fontsize=9)
        axes.set_ylabel("volumes")
    figure.supxlabel("occupancy", fontsize=9, y=0.1 / height, va="bottom")


@drawn_in_own_style
def _draw_pair(
    figure: Figure, x: NDArray[np.float64], y: NDArray[np.float64], names: tuple[str, str]
) -> None:
    axes = figure.add_subplot()
    axes.scatter(x, y, s=12, color="#1f5fa8", alpha=0.6, linewidths=0)
    axes.set_xlabel(f"occupancy of {figure_text(names[0])}")
    axes.set_ylabel(f"occupancy of {figure_text(names[1])}")
    axes.set(xlim=(-0.1, 1.3), ylim=(-0.1, 1.3), aspect="equal")
