"""The models that ship: the file, its card, and the sum of trees."""

import hashlib
import json

import numpy as np
import pytest

from occupy_core.errors import EstimationError
from occupy_core.maps.threads import threads
from occupy_core.resolution.learned.trees import (
    CARD_FILE,
    MODEL_FILE,
    Trees,
    load_models,
    model_card,
    read_trees,
)


def slow_sum(trees, row):
    total = 0.0
    for node in trees.start:
        while trees.feature[node] >= 0:
            above = row[trees.feature[node]] > trees.threshold[node]
            node = trees.right[node] if above else node + 1
        total += float(trees.value[node])
    return trees.offset + total


def make_stump(**changes):
    fields = {
        "feature": np.array([1, -1, -1], np.int32),
        "right": np.array([2, 0, 0], np.int32),
        "threshold": np.array([0.5, 0, 0], np.float32),
        "value": np.array([0, -1, 4], np.float32),
        "start": np.array([0], np.int32),
        "offset": 10.0,
        "names": ("first", "second"),
    }
    return Trees(**{**fields, **changes})


def test_a_tree_of_one_question_answers_it():
    stump = make_stump()
    assert stump.predict(np.array([[9, 0.5], [0, 0.6]], np.float32)).tolist() == [9, 14]


@pytest.mark.parametrize("name", ["resolution", "lower", "upper", "mask"])
def test_compiled_sum_equals_a_plain_one(name):
    trees = getattr(load_models(), name)
    rows = np.random.default_rng(2).normal(size=(40, len(trees.names))).astype(np.float32)
    expected = [slow_sum(trees, row) for row in rows]
    with threads(2):
        assert np.allclose(trees.predict(rows), expected, atol=1e-4)


@pytest.mark.parametrize("shape", [(3, 1), (3, 3), (3,)])
def test_a_matrix_of_another_width_is_refused(shape):
    with pytest.raises(EstimationError, match="needs 2 columns"):
        make_stump().predict(np.zeros(shape, np.float32))


def test_the_models_that_ship_refuse_a_matrix_of_another_width():
    models = load_models()
    for trees in (models.resolution, models.lower, models.upper, models.mask):
        with pytest.raises(EstimationError, match=f"needs {len(trees.names)} columns"):
            trees.predict(np.zeros((3, 5), np.float32))


def test_a_column_without_a_name_is_refused():
    with pytest.raises(EstimationError, match="asks for column 1 but names 1"):
        make_stump(names=("only",))


@pytest.mark.parametrize(
    ("learned", "sentence"),
    [
        (("second", "first"), "taught 'second' in the place of 'first'"),
        (("first",), "taught 1 columns"),
        (None, "taught 0 columns"),
    ],
)
def test_trees_learned_on_other_columns_are_refused(learned, sentence):
    stored = make_stump().arrays("stump") | {"stump/names": np.array(learned)}
    if learned is None:  # a file of a version that had no names
        del stored["stump/names"]
    with pytest.raises(EstimationError, match=sentence):
        read_trees(stored, "stump", ("first", "second"))


def test_trees_survive_the_model_file(tmp_path):
    stump = make_stump()
    np.savez(tmp_path / "m.npz", **stump.arrays("stump"))
    with np.load(tmp_path / "m.npz") as stored:
        found = read_trees(stored, "stump", stump.names)
    assert found.names == stump.names
    assert found.predict(np.array([[0, 1]], np.float32)).tolist() == [14]


def test_the_card_names_the_columns_of_the_file():
    models, listed = load_models(), model_card()["features"]
    assert tuple(listed["resolution"]) == models.resolution.names == models.upper.names
    assert tuple(listed["mask"]) == models.mask.names
    assert len(set(models.resolution.names)) == len(models.resolution.names) == 73


def test_the_card_belongs_to_the_file():
    card = model_card()
    assert card["sha256"] == hashlib.sha256(MODEL_FILE.read_bytes()).hexdigest()
    assert card["sha256"] == load_models().checksum
    assert not set(card["training"]["models"]) & set(card["held_out"]["models"])
    assert {"seed", "sources"} <= set(card["training"])
    assert json.loads(CARD_FILE.read_text()) == card


def test_the_file_stays_small():
    assert MODEL_FILE.stat().st_size < 5 * 2**20


def test_intervals_were_widened_by_the_errors_on_complexes_left_out():
    left_out = model_card()["metrics"]["left_out"]
    assert left_out["coverage_68"] == pytest.approx(0.68, abs=0.01)
    # The trees know the complexes they were taught better than others.
    assert left_out["log_rmse"] > 1.5 * model_card()["metrics"]["train"]["log_rmse"]
    assert min(load_models().spread) > 1


def test_the_factors_of_the_intervals_are_in_the_order_of_the_file():
    with np.load(MODEL_FILE) as stored:
        assert load_models().spread == tuple(float(value) for value in stored["spread"])
