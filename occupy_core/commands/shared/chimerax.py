"""A ChimeraX script that shows maps coloured by their local scale.

The commands are those of the ChimeraX user guide
(https://www.cgl.ucsf.edu/chimerax/docs/user/index.html).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from occupy_core.commands.shared.colors import COLORS, ColorScale, local_scale
from occupy_core.commands.shared.quoting import chimerax_path, chimerax_text

if TYPE_CHECKING:
    from occupy_core.solvent.model import SolventModel

Vector = tuple[float, float, float]

_TILES_MODEL = 100  # [format] a model number that no map reaches
_FULL_TILE_COLOR = COLORS[-1] + "54"  # the last two digits are the opacity
_EMPTY_TILE_COLOR = COLORS[0] + "54"
_LABEL_WIDTH = 90  # [layout] characters of a warning in one line
LOOK = ("lighting soft", "graphics silhouettes true", "camera ortho", "view")
_PICTURES = 4  # [layout]
_PICTURE_PIXELS = 600  # [layout]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What to show.

    Parameters
    ----------
    density : Path
        The input map: model #1.
    scale : Path
        Its local scale: model #2.
    modified : sequence of Path
        Maps made from it: models #3, #4 …
    level : float
        Contour level of the maps, grey units.
    scale_level : float
        Contour level of the scale, 0 to 1.
    min_scale : float
        Lower scale is grey.
    tiles : tuple of (x, y, z), optional
        Centres of the tiles with the highest and the lowest density, in Å.
    tile_radius : float
        Half the edge of a tile, Å.
    warnings : sequence of str
        Sentences to show in the window.
    """

    density: Path
    scale: Path
    modified: Sequence[Path] = ()
    level: float = 0.0
    scale_level: float = 0.5
    min_scale: float = 0.0
    tiles: tuple[Vector, Vector] | None = None
    tile_radius: float = 0.0
    warnings: Sequence[str] = ()


def write_chimerax(path: Path, scene: Scene, *, pictures: Path | None = None) -> None:
    """Write the script.

    Parameters
    ----------
    path : Path
        Where to, usually with the suffix .cxc.
    scene : Scene
        What to show; file names become absolute.
    pictures : Path, optional
        Write a script for ``chimerax --offscreen`` instead, which saves four views under this name
        with _rot1.png … _rot4.png added, and exits.

    Raises
    ------
    ParameterError
        When ChimeraX has no way to write the name of a file.
    OSError
        When the script cannot be written.
    """
    lines = [
        "# Local scale by occupy_core; open this file in ChimeraX (File > Open).",
        *_open_commands(scene),
        *_color_commands(scene),
        *_alias_commands(scene),
        *_tile_commands(scene),
        *warning_commands(scene.warnings),
        *LOOK,
    ]
    if pictures is not None:
        lines += _picture_commands(scene, pictures)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def contour_level(solvent: SolventModel) -> float:
    """Return a level half way from where content begins to half of full density.

    Weak parts then show, and solvent does not. Full density is taken as 80 % of the maximum of the
    low-passed map, so that the level is the same whatever the scale was estimated from.
    """
    return 0.5 * (solvent.value_at_half_confidence + 0.4 * solvent.hi)


def palette_text(pairs: Iterable[tuple[float, str]]) -> str:
    """Write values, rising, and their colours as ChimeraX takes a palette."""
    return ":".join(f"{level:.4g},{color}" for level, color in pairs)


def key_commands(colors: ColorScale) -> list[str]:
    """Show the key of some colours, with a title."""
    labels = " ".join(f"{color}:{level:.3g}" for level, color in colors.pairs())
    title = colors.title[:1].upper() + colors.title[1:]
    return [
        f"key {labels} pos 0.25,0.08 size 0.5,0.04 fontSize 18 ticks true",
        f"2dlabels text {chimerax_text(title)} color black size 20 xpos 0.25 ypos 0.14",
    ]


def _models(scene: Scene) -> str:
    """Specify the input and the modified maps."""
    return ",".join(["#1", *(str(3 + i) for i in range(len(scene.modified)))])


def _open_commands(scene: Scene) -> list[str]:
    files = [scene.density, scene.scale, *scene.modified]
    commands = [f"open {chimerax_path(file)}" for file in files]
    # Large maps open as one plane and a coarse step; both are set here for all of them.
    commands.append(
        f"volume {_models(scene)} style surface region all step 1 level {scene.level:.6g}"
    )
    commands.append(
        f"volume #2 style mesh region all step 1 level {scene.scale_level:.4g} color #a7a7a780"
    )
    commands.append("hide #2 models")
    commands += [f"hide #{3 + i} models" for i in range(len(scene.modified))]
    return commands


def _color_commands(scene: Scene) -> list[str]:
    models = [1, *(3 + i for i in range(len(scene.modified)))]
    colors = local_scale(scene.min_scale)
    return [
        "set bgColor white",
        f"alias scale_color color sample $1 map $2 palette {palette_text(colors.pairs())}",
        *(f"scale_color #{model} #2" for model in models),
        *key_commands(colors),
    ]


def _alias_commands(scene: Scene) -> list[str]:
    return [f"alias occupy_level volume {_models(scene)} level $1"]


def _tile_commands(scene: Scene) -> list[str]:
    if scene.tiles is None:
        return []
    named = zip(
        ("full-scale tile", "lowest tile"),
        (_FULL_TILE_COLOR, _EMPTY_TILE_COLOR),
        scene.tiles,
        strict=True,
    )
    commands = [
        f"shape sphere center {x:.3f},{y:.3f},{z:.3f} radius {scene.tile_radius:.3f} color {color} "
        f'name "{name}" modelId #{_TILES_MODEL}.{i}'
        for i, (name, color, (x, y, z)) in enumerate(named, start=1)
    ]
    return [*commands, f"hide #{_TILES_MODEL} models"]


def warning_commands(warnings: Sequence[str]) -> list[str]:
    """Show sentences at the top of the window, in lines that fit."""
    lines = [line for text in warnings for line in textwrap.wrap(text, _LABEL_WIDTH)]
    places = [0.95 - 0.035 * i for i in range(len(lines))]
    return [
        f"2dlabels text {chimerax_text(line)} color black size 14 xpos 0.03 ypos {place:.3f}"
        for line, place in zip(lines, places, strict=True)
    ]


def _picture_commands(scene: Scene, pictures: Path) -> list[str]:
    commands = []
    if scene.modified:
        commands += ["hide #1 models", "show #3 models"]
    for i in range(1, _PICTURES + 1):
        if i > 1:
            commands += ["turn x 75", "turn y 35", "view"]
        file = chimerax_path(pictures.with_name(f"{pictures.name}_rot{i}.png"))
        commands.append(
            f"save {file} width {_PICTURE_PIXELS} height {_PICTURE_PIXELS} supersample 3"
        )
    return [*commands, "exit"]
