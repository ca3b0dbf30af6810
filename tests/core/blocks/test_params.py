"""Limits of the parameters of blocks that depend on the box."""

import pytest

from occupy_core.blocks.params import BlocksParams
from occupy_core.maps import Grid

GRID = Grid((20, 32, 27), (1.5, 1.0, 1.2))


@pytest.mark.parametrize(
    ("field", "most", "part"),
    [("min_distance", 1 / 2, "half the"), ("smoothing", 1 / 10, "a tenth of the")],
)
def test_a_length_reaches_over_no_more_than_a_part_of_the_shortest_edge(field, most, part):
    limit = most * min(GRID.box)
    assert BlocksParams(**{field: limit}).problems(GRID) == []
    end = f"but must be at most {limit:g} Å, {part} shortest edge of the box."
    for value in (1.01 * limit, 1e9):
        (problem,) = BlocksParams(**{field: value}).problems(GRID)
        assert problem == f"{field} is {value:g} Å {end}"
    assert BlocksParams(**{field: 1e9}).problems() == []  # the box is not known yet
