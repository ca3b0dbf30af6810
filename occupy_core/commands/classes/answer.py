"""What an analysis of classes says: what is in which class, what differs, what may be one class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from occupy_core.commands.regions.answer import answer as regions_answer
from occupy_core.commands.shared.answer import Answer, Number, counted, listing

SIGNIFICANT = 0.05  # [words] false discovery rate up to which a difference is called significant


def answer(record: Mapping[str, Any]) -> Answer:
    """Say what is in which class.

    Parameters
    ----------
    record : mapping
        Of an analysis of classes.

    Returns
    -------
    Answer
    """
    first = [*record["checks"]]
    if "table" not in record:
        return Answer(
            sentence=_without_regions(record),
            limits=(*first, "Give a model or masks to learn what is in which class."),
            numbers=_resolutions(record),
        )
    found = regions_answer(record)
    limits = (*first, *_differences(record), *_regrouping(record), *found.limits)
    return replace(found, limits=limits, numbers=(*found.numbers, *_resolutions(record)))


def _without_regions(record: Mapping[str, Any]) -> str:
    n = len(record["classes"])
    classes = f"{n} classes" if n > 1 else "1 class"
    if record["n_blocks"] == 0:
        return f"No block comes or goes in {classes}: nothing differs that was looked for."
    known = [row["resolution"] for row in record["classes"] if row["resolution"] is not None]
    if not known:
        return f"Nothing is resolved in {classes}."
    if n == 1:
        return f"The class is resolved to {known[0]:.1f} Å."
    return f"The {classes} are resolved to {min(known):.1f} to {max(known):.1f} Å."


def _resolutions(record: Mapping[str, Any]) -> tuple[Number, ...]:
    known = [row["resolution"] for row in record["classes"] if row["resolution"] is not None]
    if not known:
        return ()
    low, high = f"{min(known):.1f}", f"{max(known):.1f}"
    return (Number(f"{low} Å" if low == high else f"{low} to {high} Å", "global resolution"),)


def _differences(record: Mapping[str, Any]) -> list[str]:
    """How many differences are significant: between classes, and between data sets."""
    found = []
    sets = (record["data_sets"] or {"differences": []})["differences"]
    for every, between in ((record["differences"], "classes"), (sets, "data sets")):
        if not every:
            continue
        real = [d for d in every if d["q_value"] is not None and d["q_value"] <= SIGNIFICANT]
        text = (
            f"{len(real)} of {counted(len(every), 'difference')} between {between} "
            f"{'is' if len(real) == 1 else 'are'} significant (false discovery rate "
            f"{SIGNIFICANT:g})"
        )
        if real:
            most = max(real, key=lambda d: abs(d["difference"]))
            text += (
                f"; the largest is that of {most['region']} from {most['first']} to "
                f"{most['second']}, {most['difference']:+.2f} ± {most['sigma']:.2f}"
            )
        found.append(f"{text}.")
    return found


def _regrouping(record: Mapping[str, Any]) -> list[str]:
    groups = [g for g in (record["regrouping"] or {"groups": []})["groups"] if len(g) > 1]
    return [
        f"{listing(group, 6)} agree in all regions within their errors: they may be one class."
        for group in groups
    ]
