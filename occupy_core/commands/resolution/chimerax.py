"""A ChimeraX script that shows a map coloured by its local resolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from occupy_core.commands.shared.chimerax import (
    LOOK,
    key_commands,
    palette_text,
    warning_commands,
)
from occupy_core.commands.shared.colors import NO_VALUE, resolution_scale
from occupy_core.commands.shared.quoting import chimerax_path

_DUST = 10.0  # [layout] Å; smaller pieces of the surface are noise
_EDGE = 0.02  # [layout] Å past the extremes, within which colour turns to the grey of no value


@dataclass(frozen=True, kw_only=True)
class ResolutionScene:
    """What to show.

    Parameters
    ----------
    density : Path
        The map: model #1.
    resolution : Path
        Its local resolution: model #2.
    limits : tuple of float
        Finest and coarsest resolution that have a colour of their own, Å.
    extremes : tuple of float
        Finest and coarsest resolution within the mask, Å.
    level : float
        Contour level of the map, grey units.
    filtered : Path, optional
        The map low-passed to its local resolution: model #3.
    background : float
        Value of the resolution outside the mask.
    warnings : sequence of str
        Sentences to show in the window.
    """

    density: Path
    resolution: Path
    limits: tuple[float, float]
    extremes: tuple[float, float]
    level: float
    filtered: Path | None = None
    background: float = 0.0
    warnings: Sequence[str] = ()


def write_resolution_chimerax(path: Path, scene: ResolutionScene) -> None:
    """Write the script; file names in it become absolute.

    Raises
    ------
    ParameterError
        When ChimeraX has no way to write the name of a file.
    OSError
        When the script cannot be written.
    """
    maps = [scene.density, scene.resolution, *([scene.filtered] if scene.filtered else [])]
    shown = "#1,3" if scene.filtered else "#1"
    colors = resolution_scale(*scene.limits)
    lines = [
        "# Local resolution by occupy_core; open this file in ChimeraX (File > Open).",
        *(f"open {chimerax_path(file)}" for file in maps),
        # Large maps open as one plane and a coarse step; both are set here for all of them.
        f"volume {shown} style surface region all step 1 level {scene.level:.6g}",
        "volume #2 region all step 1",
        "hide #2 models",
        "set bgColor white",
        f"alias resolution_color color sample $1 map $2 palette {_palette(colors.pairs(), scene)}",
        f"alias resolution_level volume {shown} level $1",
        "resolution_color #1 #2",
        f"surface dust #1 size {_DUST:g}",
        *(["resolution_color #3 #2", "hide #3 models"] if scene.filtered else []),
        *key_commands(colors),
        *warning_commands(scene.warnings),
        *LOOK,
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _palette(pairs: list[tuple[float, str]], scene: ResolutionScene) -> str:
    """Colours of the resolution, and grey from past its extremes to the background."""
    finest = min(scene.extremes[0], pairs[0][0])
    coarsest = max(scene.extremes[1], pairs[-1][0])
    below = [(scene.background, NO_VALUE), (finest - 2 * _EDGE, NO_VALUE)]
    above = [(coarsest + 2 * _EDGE, NO_VALUE), (scene.background, NO_VALUE)]
    return palette_text(
        [
            *(below if scene.background < finest - 2 * _EDGE else ()),
            *([(finest - _EDGE, pairs[0][1])] if finest < pairs[0][0] else ()),
            *pairs,
            *([(coarsest + _EDGE, pairs[-1][1])] if coarsest > pairs[-1][0] else ()),
            *(above if scene.background > coarsest + 2 * _EDGE else ()),
        ]
    )
