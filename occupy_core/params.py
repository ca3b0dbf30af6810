"""The contract of all parameters.

An operation takes one frozen dataclass of keyword-only plain values, where None stands for "derived
from the map". It says what is wrong with them, with a grid or without, and what they are on a grid.
"""

from __future__ import annotations

from typing import Any

from occupy_core.errors import ParameterError
from occupy_core.maps.grid import Grid


class Params:
    """What an operation is told."""

    def problems(self, grid: Grid | None = None) -> list[str]:
        """Return one sentence for each parameter outside its limits.

        Parameters
        ----------
        grid : Grid, optional
            Grid of the maps; without it the limits that depend on the maps are not checked.
        """
        return []

    def resolve(self, grid: Grid) -> Any:
        """Return the parameters on a grid: what follows from it alone is filled in.

        Raises
        ------
        ParameterError
            When a parameter is outside its limits.
        """
        problems = self.problems(grid)
        if problems:
            raise ParameterError(*problems)
        return self
