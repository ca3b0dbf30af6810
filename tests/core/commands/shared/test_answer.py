"""The answer first: sentences that say what the numbers say, and warnings by importance."""

import json
import unicodedata

import numpy as np
import pytest
from hostile import TEXTS

from occupy_core.commands.blocks.answer import answer as blocks_answer
from occupy_core.commands.regions.answer import answer as regions_answer
from occupy_core.commands.resolution.answer import answer as resolution_answer
from occupy_core.commands.scale.answer import answer as scale_answer
from occupy_core.commands.shared.answer import (
    DOUBT,
    NOTE,
    WRONG,
    Answer,
    Number,
    answer_of,
    grouped_warnings,
    listing,
    percent,
)
from occupy_core.maps.grid import Grid
from occupy_core.regions.table import RegionTable, make_row


def regions_record(values, regions, *, sigma=0.02, maps=None, by="chain", reference=("A",)):
    maps = maps or [f"class {i + 1}" for i in range(len(values))]
    rows = [
        make_row(name, region, value, sigma, n_voxels=10, resolution=3.0)
        for name, row in zip(maps, values, strict=True)
        for region, value in zip(regions, row, strict=True)
    ]
    table = RegionTable(
        rows=tuple(rows),
        maps=tuple(maps),
        regions=tuple(regions),
        reference=tuple(reference),
        grid=Grid.cubic(8, 1.5),
    )
    return {"parameters": {"by": by}, **table.record()}


@pytest.mark.parametrize(
    ("values", "regions", "sentence"),
    [
        ([[1.0, 1.0, 0.99]], "ABC", "All 3 chains are full."),
        (
            [[1.0, 0.03, 1.0, 1.0]],
            "ABCD",
            "Chain B is absent (0.03 ± 0.02); all 3 other chains are full.",
        ),
        (
            [[1.0, 0.03, -0.01, 0.48]],
            "ABCD",
            "Chains B and C are absent (0.03 ± 0.02, -0.01 ± 0.02) and D is at 0.48 ± 0.02; the "
            "other chain is full.",
        ),
        (
            [[1, 1, 1, 1.0], [1, 1, 1, 0.03], [1, 1, 1, 0.48]],
            "ABCD",
            "Chain D is absent in class 2 (0.03 ± 0.02) and at 0.48 ± 0.02 in class 3; all 3 other "
            "chains are full in every map.",
        ),
        ([[1, 1.0], [1, 1.0]], "AB", "Both chains are full in every map."),
        (
            [[0.5, 0.5]],
            "AB",
            "Chains A and B are at 0.50 ± 0.02 and 0.50 ± 0.02; no chain is full.",
        ),
        (
            [[1, np.nan, 1.6]],
            "ABC",
            "Chains B and C are undecided (not measured, 1.60 ± 0.02); the other chain is full.",
        ),
        (
            [[1, 0.0]] * 4 + [[1, 0.5]] * 2,
            "AB",
            "Chain B is absent in 4 and partial in 2 of 6 maps (0.00 to 0.50); the other chain is "
            "full in every map.",
        ),
    ],
)
def test_the_sentence_tells_of_what_is_not_full(values, regions, sentence):
    assert regions_answer(regions_record(values, regions)).sentence == sentence


def test_of_many_regions_those_that_differ_most_are_told():
    values = np.ones((2, 9))
    values[1, 3:8] = (0.9, 0.1, 0.8, 0.3, 0.2)
    found = regions_answer(regions_record(values.tolist(), "ABCDEFGHI"))
    assert found.sentence == (
        "Chain E is absent in class 2 (0.10 ± 0.02), H is at 0.20 ± 0.02 in class 2, G is at 0.30 "
        "± 0.02 in class 2 and 2 more vary or are not full; all 4 other chains are full in every "
        "map."
    ).replace("absent in class 2 (0.10 ± 0.02)", "at 0.10 ± 0.02 in class 2")


def test_what_would_not_be_seen_of_the_absent_is_said():
    record = regions_record([[1.0, 0.01], [1.0, 0.02]], "AB", sigma=0.04)
    limits = regions_answer(record).limits
    assert limits[0] == "Occupancies are relative to A, taken as full."
    assert limits[1] == "Less than 0.13 of B would not be seen in class 2."


def test_windows_and_masks_are_no_chains():
    record = regions_record([[1.0, 0.01]], ["A:1-20", "A:21-40"], by="residues")
    assert regions_answer(record).sentence.startswith("Region A:21-40 is absent")


def scale_record(**changes):
    part = {"position": (1.0, 2.0, 3.4), "index": (3, 2, 1), "volume": 3200.0}
    record = {
        "job": {"name": None, "map": "/x/emd.map", "modify": {}},
        "parameters": {"mode": "occ", "lowpass": 8.0},
        "limits": {"confidence_limit": 0.12},
        "calibration": None,
        "files": {"scale": "s"},
        "parts": {
            "content": 1e5,
            "full": 0.714,
            "weak": 0.12,
            "n_weak": 1,
            "weak_parts": [{**part, "scale": 0.31, "sigma": 0.05}],
        },
    }
    return {**record, **changes}


def test_the_scale_tells_what_is_full_and_where_it_is_weak():
    found = scale_answer(scale_record())
    assert found.sentence == (
        "71 % of the content of emd is full (scale of 0.8 or more) and 12 % is in 1 weak part "
        "(below 0.5): the largest, 3.2 nm³ at (1, 2, 3) Å, has a scale of 0.31 ± 0.05."
    )
    assert "A scale below 0.12 is not told from solvent." in found.limits
    assert not any("mode res" in text for text in found.limits)
    found = scale_answer(scale_record(parameters={"mode": "res", "lowpass": 8.0}))
    assert any("falls with the resolution" in text for text in found.limits)


def test_a_modification_and_a_target_are_told_first():
    job = {"name": None, "map": "emd.map", "modify": {"amplify": 4.0, "exclude_solvent": True}}
    limits = {"target_occupancy": 0.482}
    sentence = scale_answer(scale_record(job=job, limits=limits)).sentence
    assert sentence.startswith(
        "emd was amplified with a power of 4 (a scale of 0.5 becomes 0.84); its solvent was "
        "excluded. The target mask has an occupancy of 0.48. 71 % of"
    )


def resolution_record(**changes):
    record = {
        "global_0143": 2.951,
        "global_05": 3.4,
        "global_censored": False,
        "source": "half maps",
        "state": "raw",
        "limit": 1.7,
        "quantiles": {"5%": 2.7, "50%": 3.1, "95%": 4.8},
        "sigma_median": 0.2,
        "censored_fraction": 0.0,
        "single_map": None,
    }
    return {**record, **changes}


def test_the_resolution_is_told_as_a_whole_and_from_place_to_place():
    assert resolution_answer(resolution_record()).sentence == (
        "The map is resolved to 2.95 Å (FSC 0.143, 3.40 Å at 0.5; from the half maps); locally it "
        "is at 3.10 ± 0.20 Å (median), 90 % of it between 2.70 and 4.80 Å."
    )
    nothing = resolution_answer(resolution_record(quantiles=None))
    assert nothing.sentence.startswith("Nothing is resolved")
    guessed = resolution_answer(resolution_record(censored_fraction=0.25))
    assert any(text.startswith("25 % of the molecule") for text in guessed.limits)


def blocks_record(n):
    blocks = [
        {
            "name": f"B{i + 1}",
            "volume": 1000.0 * (9 - i),
            "present_in": 12 - i,
            "mean_occupancy": 0.5,
            "gradual": i == 1,
        }
        for i in range(n)
    ]
    relations = [{"first": "B1", "second": "B2", "kind": "first only with second"}]
    return {
        "volumes": {"used": 20, "given": 21, "left_out": ["v3"], "outlying_thresholds": ["v3"]},
        "blocks": blocks,
        "relations": relations if n > 1 else [],
        "states": [],
    }


def test_blocks_are_told_with_their_sizes_and_dependences():
    found = blocks_answer(blocks_record(2))
    assert found.sentence == (
        "2 blocks come and go in 20 volumes: B1 (9 nm³) is in 12, mean occupancy 0.50; B2 (8 nm³) "
        "is in 11, mean occupancy 0.50. B1 is there only with B2."
    )
    assert any(text.endswith("v3.") for text in found.limits)
    assert "Partly occupied, or moving: B2." in found.limits
    assert blocks_answer(blocks_record(0)).sentence.startswith("No block comes and goes")


def test_an_answer_comes_back_from_a_record():
    found = Answer(sentence="a", limits=("b", "c"), numbers=(Number("1", "x"),))
    assert answer_of(json.loads(json.dumps({"answer": found.record()}))) == found
    assert answer_of({}) is None


@pytest.mark.parametrize("name", TEXTS)
def test_no_name_can_begin_a_line_or_command_a_terminal(name):
    text = regions_answer(regions_record([[1.0, 0.0]], ["A", name])).text()
    assert all(c == "\n" or unicodedata.category(c) != "Cc" for c in text)


# ---- warnings ---------------------------------------------------------------------------------


def test_warnings_stand_by_their_importance():
    sentences = [
        "The axes of /a/map.mrc are stored in the order [3, 2, 1]; they were put into x, y, z.",
        "m holds density without atoms, 20% of the volume of the model: regions beside it are less "
        "certain.",
        "The solvent model of m is probably bad: only values in the upper 5% are told.",
    ]
    assert grouped_warnings(sentences) == {
        WRONG: [sentences[2]],
        DOUBT: [sentences[1]],
        NOTE: [sentences[0]],
    }
    assert grouped_warnings([]) == {}


def test_what_is_said_of_several_things_is_said_once():
    sentences = [
        f"In map_{i}.mrc the model fits best moved by ({i}.0, 1.0, 2.0) Å: it was."
        for i in range(20)
    ]
    (said,) = grouped_warnings([*sentences, sentences[3]])[NOTE]
    assert said == f"{sentences[0]} (19 more like this.)"


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ("", ""),
        ("A", "A"),
        ("AB", "A and B"),
        ("ABCD", "A, B, C and D"),
        ("ABCDEF", "A, B, C and 3 more"),
    ],
)
def test_names_are_listed_as_in_a_sentence(names, text):
    assert listing(list(names)) == text


def test_little_is_not_nothing_and_nearly_all_is_not_all():
    assert [percent(v) for v in (0.0, 0.004, 0.5, 0.996, 1.0)] == [
        *("0 %", "less than 1 %", "50 %", "more than 99 %", "100 %")
    ]
