"""The page of a modified map: before and after, with other powers tried on the spot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from occupy_core.commands.report.page import Page, Result, paragraph
from occupy_core.commands.report.pages import scale as scale_page

KIND = "modify"
_DONE = {
    "amplified": ("amplify", "amplified"),
    "attenuated": ("attenuate", "attenuated"),
    "sigmoid": ("sigmoid", "modified by a sigmoid"),
}


def matches(record: Mapping[str, Any]) -> bool:
    """Return whether a record is one of a map that was modified by its scale."""
    return "parts" in record and any(kind in record["files"] for kind in _DONE)


def page(result: Result) -> Page:
    """Make the page."""
    record = result.record
    modify = record["job"]["modify"]
    kind = next(kind for kind in _DONE if kind in record["files"])
    return Page(
        kind=KIND,
        title=f"{scale_page.name_of(record)}, modified by its local scale",
        sections=(
            ("Power and pivot", paragraph(_tried(record))),
            ("Weak parts", scale_page.weak_parts(record)),
            ("Solvent model", scale_page.solvent(record)),
        ),
        data={
            "weak": record["parts"]["weak_parts"],
            "histogram": scale_page.histogram(result),
            "modify": {
                "kind": kind,
                "power": modify[_DONE[kind][0]],
                "pivot": modify.get("pivot", 0.5),
                "excludeSolvent": modify.get("exclude_solvent", False),
                "omitConfidence": modify.get("omit_confidence", False),
                "scaleLimit": modify.get("scale_limit", 0.05),
            },
            "record": result.name,
        },
        scene=scale_page.scene(result),
        methods=f"{scale_page.methods(record)} {_methods(record)}",
        command=f"scale --params {result.name} --outdir again",
    )


_TRIED = (
    "The slices show the map before (left of the broken line) and after the modification (right of "
    "it), computed here from the scale. The run also adds solvent noise to what it attenuates, "
    "which is left out here."
)
_BY_PLACE = (
    " With the regional scale the run weighs each place by its neighbourhood, counts from the "
    "level of the solvent, and leaves alone what is full within its error. The slices here weigh "
    "each voxel by itself, so they show the run to within some percent only; its maps decide."
)


def _tried(record: Mapping[str, Any]) -> str:
    """What the slices show, and where the run differs from them."""
    scale = record["job"]["scale"]
    regional = scale["method"] == "calibrated" and scale.get("granularity", 0) > 0
    # The mode follows from what is asked for: maps are modified by occupancy.
    return _TRIED + (_BY_PLACE if regional and record["parameters"]["mode"] == "occ" else "")


def _methods(record: Mapping[str, Any]) -> str:
    modify = record["job"]["modify"]
    done = []
    for kind, (field, text) in _DONE.items():
        if kind in record["files"]:
            pivot = f" and a pivot of {modify['pivot']:g}" if kind == "sigmoid" else ""
            done.append(f"{text} with a power of {modify[field]:g}{pivot}")
    solvent = "excluded" if modify.get("exclude_solvent") else "left as it was"
    halves = " The half maps got the same factors." if "half1" in record["inputs"] else ""
    return (
        f"The map was {', '.join(done)}, above a scale of {modify['scale_limit']:g}, with the "
        f"solvent {solvent}.{halves}"
    )
