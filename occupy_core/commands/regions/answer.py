"""What the occupancies of regions say, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from occupy_core.commands.shared.answer import Answer, Number, counted, listing, with_error
from occupy_core.regions.table import RegionRow, RegionTable
from occupy_core.regions.verdict import Verdict, detection_limit, judge

_MOST_REGIONS = 3  # [layout] that the sentence tells of one by one
_MOST_MAPS = 3  # [layout] of one region
_ORDER: tuple[Verdict, ...] = ("absent", "partial", "flexible", "undecided", "not judged")


def answer(record: Mapping[str, Any]) -> Answer:
    """Say what is absent, what is partial and what is full.

    Parameters
    ----------
    record : mapping
        Of a regions job.

    Returns
    -------
    Answer
    """
    table = RegionTable.from_record(record)
    noun = "chain" if record["parameters"].get("by") == "chain" else "region"
    rows = {name: [table.row(m, name) for m in table.maps] for name in table.regions}
    judged = {name: [judge(row) for row in rows[name]] for name in table.regions}
    return Answer(
        sentence=_sentence(rows, judged, noun),
        limits=(*_limits(table, judged), *_of_classes(record, judged)),
        numbers=_numbers(table, judged),
    )


def _sentence(
    rows: Mapping[str, Sequence[RegionRow]], judged: Mapping[str, Sequence[Verdict]], noun: str
) -> str:
    """Say first what is not full, the lowest and most different first, and then the rest."""
    not_full = [name for name, found in judged.items() if set(found) != {"full"}]
    where = "" if len(next(iter(rows.values()))) == 1 else " in every map"
    n_full = len(judged) - len(not_full)
    if not not_full:
        every = {1: f"The {noun} {next(iter(rows))} is", 2: f"Both {noun}s are"}
        return f"{every.get(n_full, f'All {n_full} {noun}s are')} full{where}."
    clauses = (
        _one_map(rows, judged, not_full)
        if not where
        else [_of_region(name, rows[name], judged[name]) for name in _first(rows, not_full)]
    )
    hidden = len(not_full) - _MOST_REGIONS
    if where and hidden > 0:
        clauses.append(f"{hidden} more vary or are not full")
    text = " and ".join([", ".join(clauses[:-1]), clauses[-1]]) if len(clauses) > 1 else clauses[0]
    if n_full == 0:
        # What is undecided may be full: the reference is, by definition.
        surely = "surely " * any("undecided" in words for words in judged.values())
        rest = f"no {noun} is {surely}full{where}" if len(judged) > 1 else ""
    else:
        others = {1: f"the other {noun} is", 2: f"both other {noun}s are"}
        rest = f"{others.get(n_full, f'all {n_full} other {noun}s are')} full{where}"
    lead = f"{noun.capitalize()}{'' if _starts_with_one(clauses[0]) else 's'} "
    return lead + text + (f"; {rest}." if rest else ".")


def _starts_with_one(clause: str) -> bool:
    return " is " in clause.partition("(")[0]


def _first(rows: Mapping[str, Sequence[RegionRow]], names: Sequence[str]) -> list[str]:
    """The regions to be told of one by one: those that differ most between maps, or are lowest."""

    def told(name: str) -> float:
        values = np.array([row.occupancy for row in rows[name]])
        known = values[np.isfinite(values)]
        return 0.0 if known.size == 0 else float(max(np.ptp(known), 1 - known.min()))

    return sorted(names, key=lambda name: (-told(name), names.index(name)))[:_MOST_REGIONS]


def _one_map(
    rows: Mapping[str, Sequence[RegionRow]],
    judged: Mapping[str, Sequence[Verdict]],
    names: Sequence[str],
) -> list[str]:
    """A clause for each verdict, in one map."""
    clauses = []
    for word in _ORDER:
        found = [name for name in names if judged[name][0] == word]
        if not found:
            continue
        values = [_value(rows[name][0]) for name in found]
        is_are = "is" if len(found) == 1 else "are"
        if word == "partial":
            clauses.append(f"{listing(found)} {is_are} at {listing(values)}")
        else:
            clauses.append(f"{listing(found)} {is_are} {word} ({', '.join(values[:3])})")
    return clauses


def _of_region(name: str, rows: Sequence[RegionRow], judged: Sequence[Verdict]) -> str:
    """What is said of a region that is not full in all of several maps."""
    special = [i for i, word in enumerate(judged) if word != "full"]
    if len(special) <= _MOST_MAPS:
        parts = []
        for word in _ORDER:
            those = [i for i in special if judged[i] == word]
            for i in those:
                value = _value(rows[i])
                where = rows[i].map
                partial = word == "partial"
                parts.append(
                    f"at {value} in {where}" if partial else f"{word} in {where} ({value})"
                )
        return f"{name} is {' and '.join(parts)}"
    values = np.array([row.occupancy for row in rows])
    known = values[np.isfinite(values)]
    counts = [f"{word} in {judged.count(word)}" for word in (*_ORDER, "full") if word in judged]
    span = "" if known.size == 0 else f" ({with_error(known.min(), None)} to {known.max():.2f})"
    return f"{name} is {listing(counts, 6)} of {len(rows)} maps{span}"


def _value(row: RegionRow) -> str:
    if not np.isfinite(row.occupancy):
        return "not measured"
    return with_error(row.occupancy, row.sigma)


def _of_classes(
    record: Mapping[str, Any], judged: Mapping[str, Sequence[Verdict]]
) -> tuple[str, ...]:
    """Which number is meant, where maps are classes and a region is in part of a class."""
    if not record.get("average") or not any("partial" in words for words in judged.values()):
        return ()
    return (
        "Occupancies are densities of the maps; of a mixed class the share of the particles lies "
        "up to 0.03 above (occupy-core particles tells it).",
    )


def _limits(table: RegionTable, judged: Mapping[str, Sequence[Verdict]]) -> list[str]:
    found = [f"Occupancies are relative to {listing(table.reference, 6)}, taken as full."]
    absent = [
        (detection_limit(table.sigma[i, j]), name, table.maps[i])
        for j, name in enumerate(table.regions)
        for i, word in enumerate(judged[name])
        if word == "absent"
    ]
    if absent:
        limit, name, of_map = max(absent)
        place = f" in {of_map}" if len(table.maps) > 1 else " here"
        found.append(f"Less than {limit:.2f} of {name} would not be seen{place}.")
    flagged = [row for row in table.rows if row.flags]
    if flagged:
        kinds = list(dict.fromkeys(flag for row in flagged for flag in row.flags))
        found.append(
            f"{counted(len(flagged), 'number')} of {len(table.rows)} carr"
            f"{'ies' if len(flagged) == 1 else 'y'} a flag: {listing(kinds)}."
        )
    return found


def _numbers(table: RegionTable, judged: Mapping[str, Sequence[Verdict]]) -> tuple[Number, ...]:
    words = [word for found in judged.values() for word in found]
    of = f"of {len(words)}"
    known = table.sigma[np.isfinite(table.sigma)]
    numbers = [
        Number(f"{words.count('full')} {of}", "full"),
        Number(f"{words.count('partial')} {of}", "partial"),
        Number(f"{words.count('absent')} {of}", "absent"),
    ]
    if known.size:
        numbers.append(Number(f"± {np.median(known):.2f}", "typical error"))
    return tuple(numbers)
