"""The maps that a modification makes, and what they are called."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal[
    "amplified",
    "attenuated",
    "sigmoid",
    "solvent_excluded",
    "keep_mask",
    "subtract_mask",
    "subtraction_mask",
]
MODIFICATIONS: tuple[Kind, ...] = ("amplified", "attenuated", "sigmoid")

MASKS: tuple[Kind, ...] = ("keep_mask", "subtract_mask")
OCCUPY_MASKS: tuple[Kind, ...] = ("subtraction_mask",)


class Output(NamedTuple):
    """One map that a modification makes.

    Parameters
    ----------
    kind : str
    gamma : float or None
        Power of the modification; None for "solvent_excluded".
    pivot : float or None
        Scale that a sigmoid leaves as it is; None for the other modifications.
    """

    kind: Kind
    gamma: float | None = None
    pivot: float | None = None

    @property
    def is_mask(self) -> bool:
        """Whether it is a mask, and no map of density."""
        return self.kind in (*MASKS, *OCCUPY_MASKS)
