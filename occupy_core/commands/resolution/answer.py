"""What a local resolution says, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from occupy_core.commands.shared.answer import Answer, Number, percent

TOO_COARSE = "too little detail"
SOURCES = {
    "half maps": "from the half maps",
    "solvent noise": "from the noise of the solvent",
    "learned": "from the learned model",
}


def answer(record: Mapping[str, Any]) -> Answer:
    """Say how finely the map is resolved, as a whole and from place to place.

    Parameters
    ----------
    record : mapping
        Of a resolution job.

    Returns
    -------
    Answer
    """
    quantiles = record["quantiles"]
    if quantiles is None:
        coarse = record["state"] == TOO_COARSE
        why = "it holds too little detail" if coarse else "no more than noise was found"
        nothing = f"Nothing is resolved in this map: {why}."
        return Answer(sentence=nothing, limits=(f"State of the map: {record['state']}.",))
    sigma = record["sigma_median"]
    local = (
        f"locally it is at {quantiles['50%']:.2f} ± {sigma:.2f} Å (median), 90 % of it between "
        f"{quantiles['5%']:.2f} and {quantiles['95%']:.2f} Å"
    )
    overall = record["global_0143"]
    if overall is None:
        sentence = f"The resolution of the whole is not known; {local}."
    else:
        better = " or better" if record["global_censored"] else ""
        half = record["global_05"]
        at_half = "" if half is None else f", {half:.2f} Å at 0.5"
        sentence = (
            f"The map is resolved to {overall:.2f} Å{better} (FSC 0.143{at_half}; "
            f"{SOURCES[record['source']]}); {local}."
        )
    return Answer(sentence=sentence, limits=tuple(_limits(record)), numbers=_numbers(record))


def _limits(record: Mapping[str, Any]) -> list[str]:
    found = [f"State of the map: {record['state']}."]
    if record["censored_fraction"] > 0:
        found.append(
            f"{percent(record['censored_fraction'])} of the molecule is resolved to the limit of "
            f"the map ({record['limit']:.2f} Å) or better: finer values are guesses."
        )
    if record["source"] == "learned":
        found.append(
            "The noise of the solvent is gone or was filtered, so the numbers come from a model "
            "that was trained on simulated maps."
        )
    single = record.get("single_map")
    if single is not None and single["log_rmse"] is not None:
        found.append(
            f"The map alone would have given numbers {percent(single['log_rmse'])} apart (rms)."
        )
    return found


def _numbers(record: Mapping[str, Any]) -> tuple[Number, ...]:
    quantiles = record["quantiles"]
    numbers = []
    if record["global_0143"] is not None:
        numbers.append(Number(f"{record['global_0143']:.2f} Å", "whole map, FSC 0.143"))
    return (
        *numbers,
        Number(f"{quantiles['50%']:.2f} Å", "median of the local resolution"),
        Number(f"{quantiles['5%']:.2f} to {quantiles['95%']:.2f} Å", "90 % of the molecule"),
        Number(f"± {record['sigma_median']:.2f} Å", "typical error"),
    )
