"""What a result says, in one sentence first: the same on the terminal, in records and reports.

Each command has a function `answer` (`commands/COMMAND/answer.py`) that makes an `Answer` of its
record.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from occupy_core.commands.shared.quoting import one_line

_WIDTH = 92  # [layout]
_SMALL_ERROR = 0.005  # [layout] which two decimals would write as none

# What a warning is about, the most important first, and words by which it is known. What has none
# of them makes numbers less certain.
WRONG = "The numbers may be wrong"
DOUBT = "The numbers are less certain"
NOTE = "Good to know"
_WORDS = (
    (
        WRONG,
        r"probably bad|mean nothing|seems to be darker|masked away|another molecule|too high|"
        r"too low|is not full|must be positive|lies at .* takes it to be|multiply the map by",
    ),
    (
        NOTE,
        r"were put into|was built|were left out|was divided|were set to 0|is read as|were not "
        r"used|was not used|have another origin|another origin|has changed|averages no|it was\.$|"
        r"were sampled|are not used",
    ),
)


@dataclass(frozen=True)
class Number:
    """One of the few numbers that are shown large.

    Parameters
    ----------
    value : str
        With its unit and its error.
    label : str
        What it is, in a few words.
    """

    value: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a result says.

    Parameters
    ----------
    sentence : str
        The answer, with numbers and error bars.
    limits : tuple of str
        What limits it, a sentence each.
    numbers : tuple of Number
        Three or four for large print.
    """

    sentence: str
    limits: tuple[str, ...] = ()
    numbers: tuple[Number, ...] = ()

    def record(self) -> dict[str, Any]:
        """Return plain values, as `answer` of a record."""
        return asdict(self)

    def text(self) -> str:
        """Return it for the terminal."""
        first = textwrap.wrap(one_line(self.sentence), _WIDTH)
        limits = [
            line
            for limit in self.limits
            for line in textwrap.wrap(
                one_line(limit), _WIDTH, initial_indent="  - ", subsequent_indent="    "
            )
        ]
        return "\n".join([*first, *limits])


def answer_of(record: Mapping[str, Any]) -> Answer | None:
    """Return the answer that a record holds; None for one of an earlier version."""
    found = record.get("answer")
    if found is None:
        return None
    return Answer(
        sentence=found["sentence"],
        limits=tuple(found["limits"]),
        numbers=tuple(Number(**number) for number in found["numbers"]),
    )


def grouped_warnings(warnings: Iterable[str]) -> dict[str, list[str]]:
    """Sort warnings by what they mean, those that say the same of several things as one.

    Parameters
    ----------
    warnings : iterable of str
        Sentences, as a record has them.

    Returns
    -------
    dict of str to list of str
        Sentences by their headings, the most important heading first; without empty ones.
    """
    alike: dict[str, list[str]] = {}
    for sentence in dict.fromkeys(warnings):
        alike.setdefault(_pattern(sentence), []).append(sentence)
    groups: dict[str, list[str]] = {WRONG: [], DOUBT: [], NOTE: []}
    for first, *others in alike.values():
        more = f" ({len(others)} more like this.)" if others else ""
        groups[_heading(first)].append(first + more)
    return {heading: sentences for heading, sentences in groups.items() if sentences}


def _pattern(sentence: str) -> str:
    """Reduce a sentence to what it says, whatever it says that of: no names, no numbers."""
    words = (
        word for word in sentence.split() if not re.search(r"[\d/_]|\.\w", word.strip(".,;:()"))
    )
    return " ".join(words)


def _heading(sentence: str) -> str:
    for heading, words in _WORDS:
        if re.search(words, sentence):
            return heading
    return DOUBT


def listing(names: Sequence[str], most: int = 4) -> str:
    """Write names as in a sentence: "A, B and C"; the first of many."""
    if len(names) > most:
        return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def with_error(value: float, sigma: float | None) -> str:
    """Write a number with its standard error: two decimals, three of a small error; no -0.00."""
    digits = 3 if sigma is not None and 0 < sigma < _SMALL_ERROR else 2
    text = f"{round(value, digits) + 0.0:.{digits}f}"
    return text if sigma is None else f"{text} ± {sigma:.{digits}f}"


def counted(number: int, noun: str) -> str:
    """Write a number of things, which may be one."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def percent(share: float) -> str:
    """Write a share (0 to 1) in percent: no 0 % for what there is, no 100 % for what is not all."""
    if 0 < share < 0.01:
        return "less than 1 %"
    if 0.99 < share < 1:
        return "more than 99 %"
    return f"{100 * share:.0f} %"
