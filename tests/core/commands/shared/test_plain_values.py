"""Parameters go to JSON and come back, and what does not fit is named."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occupy_core import ParameterError
from occupy_core.commands.blocks.job import BlocksJob
from occupy_core.commands.regions.job import RegionsJob
from occupy_core.commands.resolution.job import ResolutionJob
from occupy_core.commands.scale.job import ScaleJob
from occupy_core.commands.shared.record import changed_inputs
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
        text=st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("power", 10**400),
        ("power", -(10**4000)),
        ("count", 10**400),
        ("count", 1e308 * 10),
        ("file", "a\0b"),
        ("text", "\ud800"),
        ("text", "a\0"),
        ("file", [["x"] * 500]),
    ],
)
def test_what_no_number_and_no_name_can_be_is_told_in_a_short_sentence(name, value):
    values = {"file": "f", "inner": {}, name: value}
    if name == "power":
        values = {"file": "f", "inner": {"power": value}}
    with pytest.raises(ParameterError, match=f"parameter '{name}' of p.json is ") as caught:
        from_dict(Outer, values, "p.json")
    assert len(str(caught.value)) < 200


ODD = [10**400, -1, True, None, "", "\0", [], [[]], ["\0"], {}, {"a": 1}, "\ud800", [10**400]]
JOBS = [
    (ScaleJob, {"map": "a.mrc"}),
    (ResolutionJob, {"map": "a.mrc"}),
    (RegionsJob, {"maps": ["a.mrc"], "masks": ["b.mrc"]}),
    (BlocksJob, {"volumes": ["a.mrc"]}),
]


def nested(values, path=()):
    for key, value in values.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from nested(value, (*path, key))


@pytest.mark.parametrize(("job", "start"), JOBS)
def test_any_value_in_any_place_of_a_job_is_taken_or_told(job, start, tmp_path):
    base = job.from_dict(start).to_dict()
    for path in nested(base):
        for odd in ODD:
            values = json.loads(json.dumps(base))
            above = values
            for key in path[:-1]:
                above = above[key]
            above[path[-1]] = odd
            (tmp_path / "p.json").write_text(json.dumps(values), encoding="utf-8")
            with suppress(ParameterError):
                problems = job.load(tmp_path / "p.json").problems()
                assert all(isinstance(text, str) for text in problems)


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""])
def test_a_byte_order_mark_before_a_file_of_parameters_is_no_matter(tmp_path, mark):
    (tmp_path / "p.json").write_bytes(mark + b'{"map": "a.mrc", "scale": {"tau": 0.9}}')
    assert ScaleJob.load(tmp_path / "p.json").scale.tau == 0.9


@pytest.mark.parametrize("text", ["[" * 10**5, '{"a":' * 10**5, "1" * 10**5, "\0", "\ud800", ""])
def test_a_file_that_is_no_json_is_told(tmp_path, text):
    (tmp_path / "p.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ParameterError, match=r"p\.json is not a JSON file"):
        ScaleJob.load(tmp_path / "p.json")


@pytest.mark.parametrize(
    "inputs", [3, [], {"map": 3}, {"map": {}}, {"map": {"file": [1], "sha256": None}}, {"": None}]
)
def test_odd_inputs_of_an_earlier_record_cost_no_result(tmp_path, inputs):
    (tmp_path / "p.json").write_text(json.dumps({"job": {}, "inputs": inputs}))
    new = {"inputs": {"map": {"file": "/a.mrc", "sha256": "0"}}}
    assert changed_inputs(tmp_path / "p.json", new) == []
