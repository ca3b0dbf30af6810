"""Parameter dataclasses from and to plain values, as they stand in a JSON file."""

from __future__ import annotations

import dataclasses
import math
import os
import types
import typing
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

from occupy_core.errors import ParameterError

T = TypeVar("T")

_MOST_SHOWN = 80  # [layout] characters of a value in a sentence
_NAMES = {
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    str: "a text",
    Path: "a file name",
}


@dataclasses.dataclass(frozen=True)
class ValueType:
    """What a parameter holds.

    Parameters
    ----------
    kind : type
        bool, int, float, str, Path or a parameter dataclass.
    optional : bool
        Whether None stands for "derived" or "absent".
    choices : tuple of str
        The values allowed, when they can be listed.
    many : bool
        Whether it holds several: a tuple of any length.
    """

    kind: type
    optional: bool
    choices: tuple[str, ...] = ()
    many: bool = False


def value_types(cls: type[Any]) -> dict[str, ValueType]:
    """Return what each field of a parameter dataclass holds, by the name of the field."""
    hints = typing.get_type_hints(cls)
    return {field.name: _value_type(hints[field.name]) for field in dataclasses.fields(cls)}


def _value_type(hint: Any) -> ValueType:
    parts = (hint,)
    if typing.get_origin(hint) in (Union, types.UnionType):
        parts = typing.get_args(hint)
    optional = type(None) in parts
    (kind,) = (part for part in parts if part is not type(None))
    if typing.get_origin(kind) is Literal:
        return ValueType(str, optional, typing.get_args(kind))
    if typing.get_origin(kind) is tuple:
        return ValueType(typing.get_args(kind)[0], optional, many=True)
    return ValueType(kind, optional)


def from_dict(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """Make a parameter dataclass from plain values.

    Parameters
    ----------
    cls : type
        The dataclass.
    values : mapping
        Values by the name of the field; a field left out has its default.
    where : str
        Where the values come from, for the messages.

    Raises
    ------
    ParameterError
        When a name is unknown, a needed one is missing or a value is of another type.
    """
    expected = value_types(cls)
    unknown = [name for name in values if name not in expected]
    problems = [f"The parameter '{name}' of {where} is unknown; remove it." for name in unknown]
    converted: dict[str, Any] = {}
    for name, value in values.items():
        if name in expected:
            try:
                converted[name] = _converted(value, expected[name], name, where)
            except ParameterError as error:
                problems.extend(error.problems)
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        needed = field.default is dataclasses.MISSING and (
            field.default_factory is dataclasses.MISSING
        )
        if needed and field.name not in values:
            problems.append(f"The parameter '{field.name}' of {where} is missing; add it.")
    if problems:
        raise ParameterError(*problems)
    return cls(**converted)


def _converted(value: Any, expected: ValueType, name: str, where: str) -> Any:
    kind = expected.kind
    what = f"The parameter '{name}' of {where} is {_shown(value)} but must be"
    if value is None and expected.optional:
        return None
    if expected.many:
        if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
            raise ParameterError(f"{what} a list.")
        single = dataclasses.replace(expected, many=False, optional=False)
        return tuple(_converted(each, single, name, where) for each in value)
    if dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        return from_dict(kind, value, where)
    if expected.choices and value in expected.choices:
        return value
    if expected.choices:
        allowed = " or ".join(expected.choices)
        raise ParameterError(f"{what} {allowed}.")
    if kind is bool and isinstance(value, bool):
        return value
    if kind is float and isinstance(value, Real) and not isinstance(value, bool):
        if _is_finite(value):
            return float(value)
    elif kind is int and isinstance(value, Integral | float) and not isinstance(value, bool):
        if _is_finite(value) and value == int(value):
            return int(value)
    elif kind in (str, Path) and isinstance(value, str | Path) and _is_text(str(value)):
        return kind(value)
    raise ParameterError(f"{what} {_NAMES.get(kind, 'a group of parameters')}.")


def _is_finite(value: Real | float) -> bool:
    """Whether a number is one that a float can hold."""
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of 400 digits
        return False


def _is_text(value: str) -> bool:
    """Whether a text can be the name of a file, or a part of it."""
    try:
        return b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:  # half of a pair of UTF-16
        return False


def _shown(value: Any) -> str:
    """What stands for a value in a sentence: not a thousand digits, and one line."""
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]} …"


def to_dict(parameters: Any) -> dict[str, Any]:
    """Return a parameter dataclass as plain values: numbers, texts, None and dictionaries."""
    kinds = value_types(type(parameters))
    plain: dict[str, Any] = {}
    for field in dataclasses.fields(parameters):
        value = getattr(parameters, field.name)
        if kinds[field.name].many and value is not None:
            plain[field.name] = [str(each) if isinstance(each, Path) else each for each in value]
        elif dataclasses.is_dataclass(value):
            plain[field.name] = to_dict(value)
        elif isinstance(value, Path):
            plain[field.name] = str(value)
        elif isinstance(value, int) and kinds[field.name].kind is float:
            plain[field.name] = float(value)  # 4 and 4.0 are one record
        else:
            plain[field.name] = value
    return plain
