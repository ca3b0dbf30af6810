"""The dendrogram of classes that may be one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from occupy_core.commands.shared.colors import SOLVENT_COLOR, several_colors
from occupy_core.commands.shared.figure_style import drawn_in_own_style
from occupy_core.commands.shared.quoting import figure_text
from occupy_core.regions.regroup import Regrouping, dendrogram

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HIGHEST = 10.0  # [layout] inches
_LEAST_P = 1e-6  # [layout] smaller p-values are drawn here: all of them are certain
_MOST_P_VALUES = 30  # [layout] joints that have their p-value beside them


def dendrogram_size(regrouping: Regrouping) -> tuple[float, float]:
    """Width and height in inches in which the names of the classes can be read."""
    return 6.5, min(1.4 + 0.32 * len(regrouping.maps), _HIGHEST)


@drawn_in_own_style
def draw_dendrogram(figure: Figure, regrouping: Regrouping) -> None:
    """Draw which classes join at which p-value; the proposed groups are coloured.

    Parameters
    ----------
    figure : Figure
        Where to draw.
    regrouping : Regrouping
    """
    axes = figure.add_subplot()
    order, joints = dendrogram(regrouping)
    several = [group for group in regrouping.groups if len(group) > 1]
    palette = dict(zip(several, several_colors(len(several)), strict=True))
    color = {name: palette[group] for group in several for name in group}
    for joint in joints:
        x = max(joint.p_value, _LEAST_P)
        (a, xa), (b, xb) = joint.first, joint.second
        ink = color.get(joint.maps[0]) if joint.p_value >= regrouping.level else None
        axes.plot(
            [max(xa, _LEAST_P), x, x, max(xb, _LEAST_P)], [a, a, b, b],
            color=ink or "#444444", linewidth=1.5 if ink else 1.0,
        )  # fmt: skip
        if len(joints) <= _MOST_P_VALUES:
            text = f"{joint.p_value:.2g}" if joint.p_value >= _LEAST_P else f"< {_LEAST_P:g}"
            axes.annotate(
                text, (x, (a + b) / 2), (-3, 0), textcoords="offset points",
                ha="right", va="center", fontsize=7,
            )  # fmt: skip
    axes.axvline(regrouping.level, color=SOLVENT_COLOR, linewidth=1, linestyle=":")
    axes.set(
        xscale="log",
        xlim=(1.6, _LEAST_P / 8),
        ylim=(len(order) - 0.5, -0.5),
        xlabel="p-value of the largest difference in a group,\ncorrected for the pairs "
        f"(dotted: {regrouping.level:g})",
    )
    axes.set_yticks(range(len(order)), [figure_text(name) for name in order], fontsize=9)
    for name, label in zip(order, axes.get_yticklabels(), strict=True):
        label.set_color(color.get(name, "#000000"))
