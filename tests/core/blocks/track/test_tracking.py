import json

import numpy as np
import pytest
import scipy.stats
from ensembles import ellipsoids, matched_jaccards

from occupy_core.blocks.find import find_blocks
from occupy_core.blocks.params import BlocksParams
from occupy_core.blocks.track.rules import apply_rule, rule_names
from occupy_core.blocks.track.tracking import _kind, _parents, _relations, tree
from occupy_core.errors import ParameterError
from occupy_core.maps import DensityMap, Grid
from occupy_core.maps.ensemble import Ensemble


@pytest.fixture(scope="module")
def known():
    # 0 and 1 agree, 2 and 3 exclude each other, 5 needs 4
    return ellipsoids((27, 28, 29), 160, seed=8, noise=0.15, implied=True, size=(0.1, 0.13))


@pytest.fixture(scope="module")
def result(known):
    grid = Grid(known.core.shape, (known.voxel_size,) * 3)
    maps = [DensityMap(known.volume(i), grid, f"vol_{i}") for i in range(len(known))]
    return find_blocks(Ensemble(maps))


@pytest.fixture(scope="module")
def order(known, result):
    """The number of the block found for each true one."""
    found = np.array([result.mask(i).data > 0 for i in range(len(result.blocks))])
    best = [int(matched_jaccards(found, t[None]).argmax()) for t in known.truth]
    assert sorted(best) == list(range(6))
    return best


# ---- occupancies


def test_occupancies_are_one_with_the_block_and_zero_without(known, result, order):
    occupancy = result.tracking.occupancy[:, order]
    assert np.abs(occupancy - known.presence).max() < 0.2
    assert np.abs(occupancy - known.presence).mean() < 0.03
    np.testing.assert_array_equal(result.tracking.present[:, order], known.presence)


def test_density_that_is_always_there_counts_for_no_block():
    # The block lies on a body that every volume has: it adds as much as there is without it.
    shape, n_volumes = (24, 26, 25), 60
    rng = np.random.default_rng(5)
    z, y, x = np.mgrid[:24, :26, :25]
    body = ((z - 12) ** 2 + (y - 13) ** 2 + (x - 12) ** 2 < 49).astype(np.float32)
    block = body * (x > 14)
    present = rng.random(n_volumes) < 0.5
    maps = [
        DensityMap(
            (0.5 * body + there * block + 0.1 * rng.standard_normal(shape)).astype(np.float32),
            Grid(shape, (4.0, 4.0, 4.0)),
            f"vol_{i}",
        )
        for i, there in enumerate(present)
    ]
    result = find_blocks(Ensemble(maps), BlocksParams(threshold=1.0))
    assert len(result.blocks) == 1
    occupancy = result.tracking.occupancy[:, 0]
    assert occupancy[present] == pytest.approx(1, abs=0.1)
    assert occupancy[~present] == pytest.approx(0, abs=0.1)


def test_half_a_block_reads_one_half(known, result, order):
    grid = Grid(known.core.shape, (known.voxel_size,) * 3)
    maps = [DensityMap(known.volume(i), grid, f"vol_{i}") for i in range(len(known))]
    half = known.volume(0) - 0.5 * known.presence[0, 4] * known.bodies[4]
    half = half + 0.5 * (1 - known.presence[0, 4]) * known.bodies[4]
    maps[0] = DensityMap(half, grid, "vol_0")
    tracking = find_blocks(Ensemble(maps)).tracking
    assert tracking.occupancy[0, order[4]] == pytest.approx(0.5, abs=0.08)
    others = [k for k in range(6) if k != 4]
    occupancy = tracking.occupancy[0, np.array(order)[others]]
    assert np.abs(occupancy - known.presence[0, others]).max() < 0.15


def test_fractions_on_follow_the_occupancies(known, result, order):
    fraction = result.tracking.on_fraction[:, order]
    assert fraction[known.presence].mean() > 0.9
    assert fraction[~known.presence].mean() < 0.05


def test_blocks_of_many_occupancies_are_found_and_called_gradual(known, result):
    assert result.gradual == ()
    rng = np.random.default_rng(2)
    levels = known.presence * rng.uniform(0.3, 1, known.presence.shape)
    grid = Grid(known.core.shape, (known.voxel_size,) * 3)
    maps = [
        DensityMap(
            known.core
            + np.tensordot(row, known.bodies, 1)
            + 0.05 * rng.normal(size=known.core.shape),
            grid,
            f"v{i}",
        )
        for i, row in enumerate(levels)
    ]
    partial = find_blocks(Ensemble(maps))
    assert len(partial.blocks) == 6
    assert len(partial.gradual) >= 5
    found = np.array([partial.mask(i).data > 0 for i in range(6)])
    assert matched_jaccards(known.truth, found).min() > 0.7
    best = [int(matched_jaccards(found, t[None]).argmax()) for t in known.truth]
    for k, b in enumerate(best):
        assert np.corrcoef(partial.tracking.occupancy[:, b], levels[:, k])[0, 1] > 0.95
    assert any("Occupancies of all sizes" in w for w in partial.warnings)


# ---- relations


def relation(result, order, a, b):
    names = {f"B{order[a] + 1}", f"B{order[b] + 1}"}
    (found,) = (r for r in result.tracking.relations if {r.first, r.second} == names)
    return found, found.first == f"B{order[a] + 1}"


def test_what_depends_on_what_is_told_with_its_direction(known, result, order):
    assert relation(result, order, 0, 1)[0].kind == "together"
    assert relation(result, order, 2, 3)[0].kind == "exclusive"
    needs, in_order = relation(result, order, 5, 4)
    assert needs.kind == ("first only with second" if in_order else "second only with first")
    assert relation(result, order, 0, 2)[0].kind in ("independent", "together", "apart")
    assert result.tracking.parents[f"B{order[5] + 1}"] == (f"B{order[4] + 1}",)
    assert result.tracking.parents[f"B{order[4] + 1}"] == ()


def test_p_values_are_those_of_fishers_exact_test(known, result, order):
    for a, b in ((0, 1), (2, 3), (1, 4)):
        found, _ = relation(result, order, a, b)
        table = [[found.both, found.only_first], [found.only_second, found.neither]]
        assert np.sum(table) == len(known)
        for tail, value in (("greater", found.log_p_together), ("less", found.log_p_apart)):
            expected = scipy.stats.fisher_exact(table, alternative=tail)[1]
            assert np.exp(value) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("counts", "kind"),
    [
        ((50, 0, 0), "same"),
        ((50, 1, 30), "first only with second"),
        ((50, 30, 1), "second only with first"),
        ((50, 10, 10), "together"),
    ],
)
def test_kinds_of_togetherness(counts, kind):
    assert _kind(*counts, True, False) == kind
    assert _kind(*counts, False, False) == "independent"


def test_the_hierarchy_names_the_nearest_needs_only():
    rng = np.random.default_rng(0)
    c = rng.random(200) < 0.8
    b = c & (rng.random(200) < 0.7)
    a = b & (rng.random(200) < 0.6)
    names = ("A", "B", "C")
    relations = _relations(names, np.stack([a, b, c], axis=1))
    assert _parents(names, relations) == {"A": ("B",), "B": ("C",), "C": ()}


def test_independent_blocks_are_called_so():
    rng = np.random.default_rng(1)
    wrong = 0
    for _ in range(50):
        relations = _relations(tuple("ABCD"), rng.random((100, 4)) < 0.5)
        wrong += any(r.kind != "independent" for r in relations)
    assert wrong <= 2  # 1 % expected


# ---- volumes


def test_volumes_with_the_same_blocks_are_one_state(known, result, order):
    states = result.tracking.states()
    assert sum(len(volumes) for _, volumes in states) == len(known)
    combinations = np.unique(known.presence, axis=0)
    assert len(states) == len(combinations)
    names = [f"B{k + 1}" for k in order]
    blocks, volumes = states[0]
    index = int(volumes[0].removeprefix("vol_"))
    assert set(blocks) == {n for n, p in zip(names, known.presence[index], strict=True) if p}
    assert [len(v) for _, v in states] == sorted((len(v) for _, v in states), reverse=True)


def test_volumes_with_the_same_blocks_are_beside_each_other_in_the_tree(result):
    present = result.tracking.present
    links, order = tree(np.clip(result.tracking.occupancy, 0, 1))
    assert sorted(order) == list(range(len(present)))
    assert links.shape == (len(present) - 1, 4)
    changes = (present[order][1:] != present[order][:-1]).any(axis=1)
    assert changes.sum() == len(np.unique(present, axis=0)) - 1


def test_the_record_is_plain_and_complete(known, result):
    record = json.loads(json.dumps(result.record()))
    assert record["volumes"]["used"] == len(known)
    assert [b["name"] for b in record["blocks"]] == list(result.tracking.blocks)
    assert sum(b["present_in"] for b in record["blocks"]) == known.presence.sum()
    assert len(record["relations"]) == 15
    assert BlocksParams(**record["params"]) == result.params


def test_without_blocks_there_are_empty_tables():
    known = ellipsoids(20, 30, n_blocks=0, noise=0.2)
    grid = Grid.cubic(20, 4.0)
    maps = [DensityMap(known.volume(i), grid, f"v{i}") for i in range(30)]
    result = find_blocks(Ensemble(maps))
    assert result.tracking.occupancy.shape == (30, 0)
    assert tree(result.tracking.occupancy)[1] == list(range(30))
    assert result.tracking.states() == [((), result.tracking.volumes)]
    assert json.loads(json.dumps(result.record()))["blocks"] == []
    with pytest.raises(ParameterError, match="the blocks are none"):
        result.volumes_where("B1 > 0.5")


# ---- rules


COLUMNS = {
    "B1": np.array([0.0, 0.1, 0.5, 0.9, 1.0]),
    "B2": np.array([1.0, 0.8, 0.5, 0.2, -0.1]),
}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("B1 > 0.5", [0, 0, 0, 1, 1]),
        ("B1>=.5 and B2<0.5", [0, 0, 0, 1, 1]),
        ("B1 < 0.2 or B1 > 0.95", [1, 1, 0, 0, 1]),
        ("not B1 < 0.2 AND B2 > 0", [0, 0, 1, 1, 0]),
        ("not (B1 < 0.2 and B2 > 0.9)", [0, 1, 1, 1, 1]),
        ("B1 < 0.2 or B1 > 0.4 and B2 < 0.4", [1, 1, 0, 1, 1]),
        ("(B1 < 0.2 or B1 > 0.4) and B2 < 0.4", [0, 0, 0, 1, 1]),
        ("0.05 < B1 <= 5e-1", [0, 1, 1, 0, 0]),
        ("B1 > B2", [0, 0, 0, 1, 1]),
        ("B2 == -0.1", [0, 0, 0, 0, 1]),
        ("B2 != -1e-1", [1, 1, 1, 1, 0]),
        ("not not B1 > 0.95", [0, 0, 0, 0, 1]),
        ("1 > 2", [0, 0, 0, 0, 0]),
    ],
)
def test_rules_mean_what_they_say(rule, expected):
    np.testing.assert_array_equal(apply_rule(rule, COLUMNS), np.array(expected, bool))


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("B1", "lacks a comparison"),
        ("B1 >", "ends where a name or a number"),
        ("B1 > 0.5 and", "ends where a name or a number"),
        ("(B1 > 0.5", "not closed"),
        ("B1 > 0.5)", r"has '\)' where it should end"),
        ("B1 > 0.5 B2 < 1", "has 'B2' where it should end"),
        ("B9 > 0.5", "names 'B9', but the blocks are B1, B2"),
        ("nan < B1", "names 'nan'"),
        ("B1 ** 2 > 1", r"has '\*'"),
        ("B1 = 1", "has '='"),
        ("__import__('os')", "names '__import__'|has '''"),
        ("B1.real > 0", r"has '\.'"),
        ("and B1 > 1", "names 'and'"),
        ("(" * 80 + "B1 > 0" + ")" * 80, "more than 50 levels"),
    ],
)
def test_rules_that_cannot_be_read_are_told(rule, message):
    with pytest.raises(ParameterError, match=message):
        apply_rule(rule, COLUMNS)


def test_subsets_are_the_volumes_for_which_the_rule_holds(known, result, order):
    a, b = order[2], order[4]
    chosen = result.volumes_where(f"B{a + 1} > 0.7 and B{b + 1} < 0.2")
    expected = known.presence[:, 2] & ~known.presence[:, 4]
    assert chosen == tuple(f"vol_{i}" for i in np.flatnonzero(expected))
    assert 0 < len(chosen) < len(known)


def test_the_names_in_a_rule_are_known_without_the_blocks():
    assert rule_names("not (B3 > 0.7 or 0.2 < B1_on <= B3)") == ("B3", "B1_on")
    assert rule_names('"A:1-20" > 0.8 and "A/HEM 201" < "or"') == ("A:1-20", "A/HEM 201", "or")
    with pytest.raises(ParameterError, match="lacks a comparison"):
        rule_names("B3 and B1")
    with pytest.raises(ParameterError, match="names 'and'"):
        rule_names("and > 0.5")


def test_names_with_other_signs_stand_between_quotation_marks():
    columns = {"A:1-20": np.array([0.9, 0.1]), "B 2": np.array([0.5, 0.0])}
    chosen = apply_rule('"A:1-20" > 0.8 and "B 2" >= 0.5', columns, "regions")
    assert chosen.tolist() == [True, False]
    with pytest.raises(ParameterError, match="names 'A:1', but the regions are A:1-20, B 2"):
        apply_rule('"A:1" > 0.8', columns, "regions")
