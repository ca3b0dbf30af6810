"""Shares of particles between conditions, with replicates."""

import math

import numpy as np
import pytest

from occupy_core.errors import ParameterError
from occupy_core.maps.grid import Grid
from occupy_core.regions.data_sets import condition_differences, shares_of_conditions
from occupy_core.regions.share import share_of_particles
from occupy_core.regions.table import RegionTable, make_row


def table(values, sigma=0.02):
    rows = [
        make_row(f"m{i}", region, value, sigma, n_voxels=9, resolution=3.0)
        for i, row in enumerate(values)
        for region, value in zip("AB", row, strict=True)
    ]
    return RegionTable(
        rows=tuple(rows),
        maps=tuple(f"m{i}" for i in range(len(values))),
        regions=("A", "B"),
        reference=("A",),
        grid=Grid.cubic(8, 1.0),
    )


def share_of(occupancies):
    """The shares of particles that these densities tell."""
    return share_of_particles(np.array(occupancies), np.zeros(len(occupancies)))[0]


def test_the_share_of_a_data_set_is_weighted_with_the_sizes_of_its_classes():
    found = shares_of_conditions(table([(1, 1), (1, 0), (1, 1)]), ("x", "x", "y"), (3, 1, 5))
    shares = {(s.condition, s.region): s.share for s in found}
    assert shares[("x", "B")] == pytest.approx(0.75)
    assert shares[("y", "B")] == pytest.approx(1)


def test_replicates_that_scatter_widen_the_error():
    values = [(1, 0.2), (1, 0.6), (1, 1.0)]
    alone = shares_of_conditions(table(values), ("apo/1", "apo/1", "lig"))
    twice = shares_of_conditions(table(values), ("apo/1", "apo/2", "lig"))
    of = {s.region: s for s in twice if s.condition == "apo"}
    assert of["B"].replicates == 2
    assert of["B"].share == pytest.approx(share_of([0.2, 0.6]).mean())
    assert of["B"].sigma >= 0.2
    assert of["A"].sigma < 0.05
    assert of["B"].sigma > next(s for s in alone if s.region == "B").sigma


def test_the_most_significant_difference_comes_first():
    found = condition_differences(
        shares_of_conditions(table([(1, 0.0), (1, 0.9)]), ("apo", "ligand"))
    )
    assert (found[0].region, found[0].first, found[0].second) == ("B", "apo", "ligand")
    assert found[0].difference == pytest.approx(share_of([0.9])[0])
    assert found[0].q_value < 1e-6
    assert found[1].q_value > 0.5


def test_a_region_that_a_map_cannot_tell_is_left_out():
    found = condition_differences(
        shares_of_conditions(table([(1, math.nan), (1, 0.9)]), ("apo", "ligand"))
    )
    assert [d.region for d in found] == ["A"]


def test_one_data_set_for_each_map():
    with pytest.raises(ParameterError, match="number of data sets is 1"):
        shares_of_conditions(table([(1, 1), (1, 1)]), ("apo",))
