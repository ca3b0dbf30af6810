"""Parameters go to JSON and come back, and what does not fit is named."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occupy_core import ParameterError
from occupy_core.plain_values import ValueType, from_dict, to_dict, value_types


@dataclass(frozen=True)
class Inner:
    power: float | None = None
    mode: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Outer:
    file: Path
    count: int = 3
    on: bool = False
    text: str | None = None
    inner: Inner = field(default_factory=Inner)


def test_types_are_read_from_the_annotations():
    assert value_types(Outer) == {
        "file": ValueType(Path, False),
        "count": ValueType(int, False),
        "on": ValueType(bool, False),
        "text": ValueType(str, True),
        "inner": ValueType(Inner, False),
    }
    assert value_types(Inner)["mode"] == ValueType(str, False, ("a", "b"))


@given(
    st.builds(
        Outer,
        file=st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1).map(Path),
        count=st.integers(-(2**31), 2**31),
        on=st.booleans(),
        text=st.none() | st.text(),
        inner=st.builds(
            Inner,
            power=st.none() | st.floats(allow_nan=False, allow_infinity=False),
            mode=st.sampled_from(["a", "b"]),
        ),
    )
)
def test_json_keeps_every_value(outer):
    assert from_dict(Outer, json.loads(json.dumps(to_dict(outer))), "the file") == outer


def test_what_is_left_out_has_its_default():
    assert from_dict(Outer, {"file": "x"}, "the file") == Outer(Path("x"))


def test_whole_floats_are_whole_numbers_and_integers_are_numbers():
    outer = from_dict(Outer, {"file": "x", "count": 4.0, "inner": {"power": 2}}, "the file")
    assert outer.count == 4
    assert isinstance(outer.inner.power, float)


def test_a_number_is_written_the_same_however_it_was_given():
    assert json.dumps(to_dict(Inner(power=4))) == json.dumps(to_dict(Inner(power=4.0)))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"count": "4"}, "'count' of the file is '4' but must be a whole number."),
        ({"count": 4.5}, "'count' of the file is 4.5 but must be a whole number."),
        ({"count": True}, "'count' of the file is True but must be a whole number."),
        ({"count": None}, "'count' of the file is None but must be a whole number."),
        ({"count": float("inf")}, "'count' of the file is inf but must be a whole number."),
        ({"on": 1}, "'on' of the file is 1 but must be true or false."),
        ({"text": 1}, "'text' of the file is 1 but must be a text."),
        ({"file": 1}, "'file' of the file is 1 but must be a file name."),
        ({"inner": {"power": "x"}}, "'power' of the file is 'x' but must be a number."),
        ({"inner": {"power": float("nan")}}, "'power' of the file is nan but must be a number."),
        ({"inner": {"mode": "c"}}, "'mode' of the file is 'c' but must be a or b."),
        ({"inner": 3}, "'inner' of the file is 3 but must be a group of parameters."),
        ({"colour": 1}, "'colour' of the file is unknown; remove it."),
    ],
)
def test_a_value_that_does_not_fit_is_named(values, sentence):
    with pytest.raises(ParameterError) as caught:
        from_dict(Outer, {"file": "x", **values}, "the file")
    assert str(caught.value) == f"The parameter {sentence}"


def test_all_problems_are_told_at_once():
    with pytest.raises(ParameterError) as caught:
        from_dict(Outer, {"count": "x", "on": 3}, "the file")
    assert caught.value.problems == (
        "The parameter 'count' of the file is 'x' but must be a whole number.",
        "The parameter 'on' of the file is 3 but must be true or false.",
        "The parameter 'file' of the file is missing; add it.",
    )


@dataclass(frozen=True)
class Several:
    files: tuple[Path, ...] = ()
    levels: tuple[float, ...] | None = None


def test_lists_become_tuples_and_come_back():
    made = from_dict(Several, {"files": ["a.mrc", "b.mrc"], "levels": [1, 2.5]}, "the job")
    assert made == Several((Path("a.mrc"), Path("b.mrc")), (1.0, 2.5))
    assert to_dict(made) == {"files": ["a.mrc", "b.mrc"], "levels": [1.0, 2.5]}
    assert to_dict(Several()) == {"files": [], "levels": None}


@pytest.mark.parametrize("value", ["a.mrc", 3, {"a": 1}, [1, None], ["a", 2]])
def test_what_is_no_list_of_the_type_is_refused(value):
    with pytest.raises(ParameterError, match="'files' of the job"):
        from_dict(Several, {"files": value}, "the job")
