"""The table of significant differences between maps, classes or data sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from occupy_core.commands.report.page import paragraph, table

_SIGNIFICANT = 0.05  # [words] false discovery rate up to which a difference is shown
_MOST = 500  # [layout]


def differences_text(every: Sequence[Mapping[str, Any]], between: str) -> str:
    """What of the differences of a record is significant, and a table of it.

    Parameters
    ----------
    every : sequence of mapping
        All differences.
    between : str
        What is compared, such as "maps", "classes" or "data sets".
    """
    real = [d for d in every if d["q_value"] is not None and d["q_value"] <= _SIGNIFICANT]
    intro = paragraph(
        f"{len(real)} of {len(every)} differences are significant (false discovery rate "
        f"{_SIGNIFICANT:g})."
    )
    if not real:
        return intro
    rows = [
        (
            d["region"],
            d["first"],
            d["second"],
            (f"{d['difference']:+.2f} ± {d['sigma']:.2f}", d["difference"]),
            (f"{d['q_value']:.2g}", d["q_value"]),
        )
        for d in real[:_MOST]
    ]
    head = ("region", "from", "to", "difference", "false discovery rate")
    return intro + table(
        head, rows, caption=f"Significant differences between {between}.", numeric=(3, 4)
    )
