"""What a search for blocks says, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from occupy_core.blocks.track.tracking import RelationKind
from occupy_core.commands.shared.answer import Answer, Number, counted, listing

RELATIONS: dict[RelationKind, str] = {
    "same": "{first} and {second} are there together or not at all",
    "together": "{first} and {second} are there together more often than by chance",
    "first only with second": "{first} is there only with {second}",
    "second only with first": "{second} is there only with {first}",
    "apart": "{first} and {second} are there together less often than by chance",
    "exclusive": "{first} and {second} exclude each other",
}
_MOST_BLOCKS = 3  # [layout]
_MOST_RELATIONS = 3  # [layout]


def answer(record: Mapping[str, Any]) -> Answer:
    """Say how many blocks come and go, how large they are and how they depend on each other.

    Parameters
    ----------
    record : mapping
        Of a blocks job; one that stopped after the sketch has groups only.

    Returns
    -------
    Answer
    """
    volumes = record["volumes"]
    used = counted(volumes["used"], "volume")
    limits = _limits(record)
    if "communities" in record:
        groups = counted(len(record["communities"]), "group")
        return Answer(sentence=f"{groups} of voxels come and go in {used}.", limits=limits)
    blocks = record["blocks"]
    if not blocks:
        return Answer(
            sentence=f"No block comes and goes in {used}: what differs is no more than noise or "
            "motion.",
            limits=limits,
        )
    told = [
        f"{b['name']} ({b['volume'] / 1000:.3g} nm³) is in {b['present_in']}, mean occupancy "
        f"{b['mean_occupancy']:.2f}"
        for b in blocks[:_MOST_BLOCKS]
    ]
    verb = "comes and goes" if len(blocks) == 1 else "come and go"
    sentence = f"{counted(len(blocks), 'block')} {verb} in {used}: {'; '.join(told)}"
    if len(blocks) > _MOST_BLOCKS:
        sentence += f"; {len(blocks) - _MOST_BLOCKS} more are smaller"
    depend = relation_texts(record)
    if depend:
        sentence += f". {listing(depend[:_MOST_RELATIONS])}"
        if len(depend) > _MOST_RELATIONS:
            sentence += f"; {counted(len(depend) - _MOST_RELATIONS, 'more dependence')} below"
    states = record.get("states", [])
    numbers = [
        Number(str(len(blocks)), "block" if len(blocks) == 1 else "blocks"),
        Number(f"{volumes['used']} of {volumes['given']}", "volumes used"),
        Number(str(len(states)), "combinations seen"),
        Number(str(len(depend)), "significant dependences"),
    ]
    return Answer(sentence=f"{sentence}.", limits=limits, numbers=tuple(numbers))


def relation_texts(record: Mapping[str, Any]) -> list[str]:
    """Say how the blocks depend on each other; nothing of those that do not."""
    return [
        RELATIONS[relation["kind"]].format_map(relation)
        for relation in record["relations"]
        if relation["kind"] in RELATIONS
    ]


def _limits(record: Mapping[str, Any]) -> tuple[str, ...]:
    volumes, found = record["volumes"], []
    if volumes["left_out"]:
        found.append(
            f"Left out, for their thresholds lie outside mean ± 2 standard deviations: "
            f"{listing(volumes['left_out'])}."
        )
    elif volumes["outlying_thresholds"]:
        found.append(
            "Their thresholds lie outside mean ± 2 standard deviations, but they were used: "
            f"{listing(volumes['outlying_thresholds'])}."
        )
    gradual = [block["name"] for block in record.get("blocks", ()) if block["gradual"]]
    if gradual:
        found.append(f"Partly occupied, or moving: {listing(gradual)}.")
    return tuple(found)
