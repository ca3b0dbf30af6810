"""What a local scale, or a map modified by it, says in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from occupy_core.commands.shared.answer import Answer, Number, counted, percent, with_error
from occupy_core.maps.mrc import map_name
from occupy_core.scale.modify import modification_factor
from occupy_core.scale.params import ModifyParams
from occupy_core.scale.parts import FULL, WEAK

_VERBS = {
    "amplified": "amplified",
    "attenuated": "attenuated",
    "sigmoid": "modified by a sigmoid",
}
_EXAMPLE = 0.5  # [layout] a scale whose change is told


def answer(record: Mapping[str, Any]) -> Answer:
    """Say how much of the map is full, how much is weak and where; and what was made of it.

    Parameters
    ----------
    record : mapping
        Of a scale job.

    Returns
    -------
    Answer
    """
    job, parts = record["job"], record["parts"]
    name = job["name"] or map_name(job["map"])
    sentences = [*_modified(job, name), *_target(record), _content(parts, name)]
    return Answer(sentence=" ".join(sentences), limits=_limits(record), numbers=_numbers(record))


def _content(parts: Mapping[str, Any], name: str) -> str:
    if not parts["content"]:
        return f"Nothing in {name} is told from solvent."
    text = f"{percent(parts['full'])} of the content of {name} is full (scale of {FULL:g} or more)"
    if not parts["weak_parts"]:
        return f"{text}, and no part of it is weak (below {WEAK:g})."
    first = parts["weak_parts"][0]
    x, y, z = first["position"]
    return (
        f"{text} and {percent(parts['weak'])} is in {counted(parts['n_weak'], 'weak part')} (below "
        f"{WEAK:g}): the largest, {first['volume'] / 1000:.3g} nm³ at ({x:.0f}, {y:.0f}, {z:.0f}) "
        f"Å, has a scale of {with_error(first['scale'], first['sigma'])}."
    )


def _target(record: Mapping[str, Any]) -> list[str]:
    occupancy = record["limits"].get("target_occupancy")
    if occupancy is None:
        return []
    return [f"The target mask has an occupancy of {occupancy:.2f}."]


def _modified(job: Mapping[str, Any], name: str) -> list[str]:
    given = job["modify"]
    known = [field.name for field in fields(ModifyParams) if field.name in given]
    params = ModifyParams(**{name: given[name] for name in known})
    done = []
    for output in params.kinds():
        if output.kind not in _VERBS or output.gamma is None:
            continue
        example = np.full(1, _EXAMPLE, np.float32)
        after = _EXAMPLE * float(modification_factor(example, output, params.scale_limit)[0])
        pivot = "" if output.pivot is None else f", pivot {output.pivot:g}"
        done.append(
            f"{_VERBS[output.kind]} with a power of {output.gamma:g}{pivot} (a scale of "
            f"{_EXAMPLE:g} becomes {after:.2f})"
        )
    solvent = "; its solvent was excluded" if params.exclude_solvent else ""
    if done:
        return [f"{name} was {' and '.join(done)}{solvent}."]
    return [f"The solvent of {name} was excluded."] if params.exclude_solvent else []


def _limits(record: Mapping[str, Any]) -> tuple[str, ...]:
    found = []
    p, limits = record["parameters"], record["limits"]
    if "scale" in record["files"] and p["mode"] == "res":
        found.append(
            "In the mode res the scale falls with the resolution too: what is weak may be there, "
            "but less resolved."
        )
    seen = limits.get("confidence_limit")
    if seen is not None and 0 < seen < 1:
        found.append(f"A scale below {seen:.2f} is not told from solvent.")
    correlation = limits.get("resolution_correlation")
    if correlation is not None:
        found.append(
            f"The scale follows the local resolution with a rank correlation of {correlation:.2f}."
        )
    calibration = record["calibration"]
    if calibration is not None and calibration["noise_origin"] == "unknown":
        found.append("The noise of the map is not known: the scale is not corrected for it.")
    found.append(
        f"Detail below {p['lowpass']:.1f} Å does not count: parts thinner than that have no scale "
        "of their own."
    )
    return tuple(found)


def _numbers(record: Mapping[str, Any]) -> tuple[Number, ...]:
    parts, limits = record["parts"], record["limits"]
    numbers = []
    if limits.get("target_occupancy") is not None:
        numbers.append(Number(f"{limits['target_occupancy']:.2f}", "occupancy of the target"))
    numbers += [
        Number(percent(parts["full"]), f"full: scale of {FULL:g} or more"),
        Number(percent(parts["weak"]), f"in weak parts: below {WEAK:g}"),
    ]
    if parts["weak_parts"]:
        first = parts["weak_parts"][0]
        numbers.append(Number(with_error(first["scale"], first["sigma"]), "largest weak part"))
    return (*numbers, Number(f"{parts['content'] / 1000:.4g} nm³", "content"))
