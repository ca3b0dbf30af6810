"""A ChimeraX script that shows the blocks of an ensemble, each in its own colour.

The commands are those of the ChimeraX user guide
(https://www.cgl.ucsf.edu/chimerax/docs/user/index.html).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from occupy_core.commands.shared.chimerax import LOOK
from occupy_core.commands.shared.colors import several_colors
from occupy_core.commands.shared.quoting import chimerax_path, chimerax_text

_LABEL_STEP = 0.035  # [layout]
_MOST_LABELS = 26  # [layout] one below the other


@dataclass(frozen=True)
class BlockScene:
    """What to show.

    Parameters
    ----------
    density : Path
        A volume of the ensemble: model #1, as a mesh.
    level : float
        Its threshold, grey units.
    blocks : sequence of (str, Path)
        Name and mask of each block: models #2, #3 …
    """

    density: Path
    level: float
    blocks: Sequence[tuple[str, Path]]


def write_block_scene(path: Path, scene: BlockScene) -> None:
    """Write the script.

    Parameters
    ----------
    path : Path
        Where to, usually with the suffix .cxc.
    scene : BlockScene
        What to show; file names become absolute.

    Raises
    ------
    ParameterError
        When ChimeraX has no way to write the name of a file.
    OSError
        When the script cannot be written.
    """
    colors = several_colors(len(scene.blocks))
    lines = [
        "# Blocks by occupy_core; open this file in ChimeraX (File > Open).",
        f"open {chimerax_path(scene.density)}",
        f"volume #1 style mesh region all step 1 level {scene.level:.6g} color #a7a7a760",
    ]
    for model, ((name, mask), color) in enumerate(zip(scene.blocks, colors, strict=True), start=2):
        lines += [
            f"open {chimerax_path(mask)}",
            f"rename #{model} {chimerax_text(name)}",
            f"volume #{model} style surface region all step 1 level 0.5 color {color}",
        ]
    for i, ((name, _), color) in enumerate(zip(scene.blocks, colors, strict=True)):
        if i < _MOST_LABELS:
            place = 0.94 - _LABEL_STEP * i
            label = f"2dlabels text {chimerax_text(name)} color {color} size 18"
            lines.append(f"{label} xpos 0.03 ypos {place:.3f}")
    lines += ["set bgColor white", *LOOK]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
