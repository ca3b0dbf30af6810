"""Rules that choose volumes by their blocks or regions: ``B3 > 0.7 and B1 < 0.2``.

    rule       = term { "or" term }
    term       = factor { "and" factor }
    factor     = "not" factor | "(" rule ")" | comparison
    comparison = operand operator operand { operator operand }
    operand    = name | number
    operator   = "<" | "<=" | ">" | ">=" | "==" | "!="

A name with other signs than letters, digits and underscores stands between quotation marks:
``"A:1-20" > 0.8``. Nothing is ever evaluated as Python.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occupy_core.errors import ParameterError

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?P<word>[A-Za-z_]\w*)"
    r"|\"(?P<name>[^\"]+)\"|(?P<sign><=|>=|==|!=|<|>|\(|\)))"
)
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_EXAMPLE = "for example B3 > 0.7 and B1 < 0.2"
_MOST_DEPTH = 50  # [guard] levels of brackets; Python would stop at 1000 calls


def apply_rule(
    rule: str, columns: Mapping[str, NDArray[np.float64]], kind: str = "blocks"
) -> NDArray[np.bool_]:
    """Return for which rows a rule holds.

    Parameters
    ----------
    rule : str
        See the head of this module; "and", "or" and "not" in any case.
    columns : mapping of str to ndarray of float64, shape (N,)
        What the names in the rule stand for.
    kind : str
        What these names are, for messages.

    Returns
    -------
    ndarray of bool, shape (N,)

    Raises
    ------
    ParameterError
        When the rule cannot be read or names an unknown column.
    """
    return _Parser(rule, columns, kind).parse()


def rule_names(rule: str) -> tuple[str, ...]:
    """Return the names in a rule, in their order.

    Raises
    ------
    ParameterError
        When it is no rule.
    """
    anything = _Anything()
    _Parser(rule, anything).parse()
    return tuple(anything)


class _Anything(dict[str, NDArray[np.float64]]):
    """Columns of which every name is one."""

    def __contains__(self, name: object) -> bool:
        pattern = r'(?!(and|or|not)$)[A-Za-z_]\w*|"[^"]+"'
        return re.fullmatch(pattern, str(name), re.IGNORECASE) is not None

    def __missing__(self, name: str) -> NDArray[np.float64]:
        self[name] = np.zeros(0)
        return self[name]


class _Parser:
    """Recursive descent over the tokens of one rule."""

    def __init__(
        self, rule: str, columns: Mapping[str, NDArray[np.float64]], kind: str = "blocks"
    ) -> None:
        self._kind = kind
        self._rule = rule
        self._columns = columns
        self._tokens = self._split(rule)
        self._place = 0
        self._depth = 0

    def parse(self) -> NDArray[np.bool_]:
        if not self._tokens:
            raise ParameterError(f"The rule is empty; give one, {_EXAMPLE}.")
        result = self._rule_of_terms()
        if self._place < len(self._tokens):
            raise self._error(f"has '{self._tokens[self._place]}' where it should end")
        return result

    def _split(self, rule: str) -> list[str]:
        tokens, place, text = [], 0, rule.rstrip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                raise self._error(f"has '{text[place:].lstrip()[0]}', which is no part of a rule")
            tokens.append(match.group(0).strip())
            place = match.end()
        return tokens

    def _error(self, what: str) -> ParameterError:
        return ParameterError(f"The rule '{self._rule}' {what}; write it as {_EXAMPLE[12:]}.")

    def _next(self, *words: str) -> bool:
        """Take the next token when it is one of some words."""
        if self._place < len(self._tokens) and self._tokens[self._place].lower() in words:
            self._place += 1
            return True
        return False

    def _rule_of_terms(self) -> NDArray[np.bool_]:
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise self._error(f"has more than {_MOST_DEPTH} levels of brackets")
        result = self._term()
        while self._next("or"):
            result = result | self._term()
        self._depth -= 1
        return result

    def _term(self) -> NDArray[np.bool_]:
        result = self._factor()
        while self._next("and"):
            result = result & self._factor()
        return result

    def _factor(self) -> NDArray[np.bool_]:
        negated = False
        while self._next("not"):
            negated = not negated
        if self._next("("):
            result = self._rule_of_terms()
            if not self._next(")"):
                raise self._error("has a bracket that is not closed")
        else:
            result = self._comparison()
        return ~result if negated else result

    def _comparison(self) -> NDArray[np.bool_]:
        left = self._operand()
        result: NDArray[np.bool_] | None = None
        while self._place < len(self._tokens) and self._tokens[self._place] in _OPERATORS:
            compare = _OPERATORS[self._tokens[self._place]]
            self._place += 1
            right = self._operand()
            step = np.asarray(compare(left, right), np.bool_)
            result = step if result is None else result & step
            left = right
        if result is None:
            raise self._error("lacks a comparison such as > 0.5")
        return result

    def _operand(self) -> NDArray[np.float64]:
        if self._place >= len(self._tokens):
            raise self._error("ends where a name or a number should follow")
        written = self._tokens[self._place]
        token = written.strip('"')
        self._place += 1
        if token in self._columns or written in self._columns:
            return self._columns[token]
        if token != written or token[0].isalpha() or token[0] in "_<>=!()":
            known = ", ".join(self._columns) or "none"
            raise self._error(f"names '{token}', but the {self._kind} are {known}")
        n = len(next(iter(self._columns.values()))) if self._columns else 0
        return np.full(n, float(token))
