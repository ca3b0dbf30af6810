"""Verdicts on simulated chains of which the truth is known: benchmarks/verdict.py, made small."""

import numpy as np
import pytest
from small_models import density_of, noisy, three_chains

from occupy_core.regions.by_model.atoms import read_model
from occupy_core.regions.by_model.estimate import ChainParams, chain_occupancy
from occupy_core.regions.verdict import judge

AWAY = np.array([4.0, -4.0, 3.0])  # of chain B, away from the others: 6.4 Å


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return read_model(three_chains(tmp_path_factory.mktemp("model") / "m.pdb"))


def moved(model, chain):
    """The density of one chain in another place."""
    return density_of(model.moved(AWAY), {name: float(name == chain) for name in model.names})


KINDS = {
    "full": (lambda m: density_of(m, {}), {"full"}),
    "half": (lambda m: density_of(m, {"B": 0.5}), {"partial"}),
    "absent": (lambda m: density_of(m, {"B": 0.0}), {"absent"}),
    "mobile": (lambda m: density_of(m, {}, extra_b={"B": 200.0}), {"flexible"}),
    "half and mobile": (
        lambda m: density_of(m, {"B": 0.5}, extra_b={"B": 150.0}),
        {"partial"},
    ),
    "moved": (lambda m: density_of(m, {"B": 0.0}) + moved(m, "B"), {"flexible", "undecided"}),
    "half of it moved": (
        lambda m: density_of(m, {"B": 0.5}) + 0.5 * moved(m, "B"),
        {"flexible", "undecided"},
    ),
}


@pytest.mark.parametrize("noise", [0.03, 0.1])
@pytest.mark.parametrize("kind", KINDS)
def test_a_chain_is_called_what_it_is_and_the_others_are_full(model, kind, noise):
    make, right = KINDS[kind]
    density = noisy(make(model), noise, seed=1)
    table = chain_occupancy([density], model, ChainParams(reference="A,C"))
    assert judge(table.row("map", "B")) in right
    assert {judge(table.row("map", chain)) for chain in "AC"} == {"full"}
