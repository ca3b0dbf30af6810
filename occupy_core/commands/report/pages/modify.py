"""The page of a modified map: before and after, with other powers tried on the spot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from occupy_core.commands.report.page import Page, Result, Scene, paragraph
from occupy_core.commands.report.pages import scale as scale_page
from occupy_core.commands.report.volumes import Shown
from occupy_core.commands.shared.colors import CONFIDENCE, local_scale
from occupy_core.maps.mrc import read_map
from occupy_core.scale.modify import full_within_error, nothing_within_error

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
    scene = _scene(result)
    return Page(
        kind=KIND,
        title=f"{scale_page.name_of(record)}, modified by its local scale",
        name=scale_page.name_of(record),
        sections=(
            ("Power and pivot", paragraph(_tried(record, scene))),
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
                "level": record["limits"]["solvent_mean"],
                "range": _grey_range(scene, modify),
            },
            "record": result.name,
        },
        scene=scene,
        methods=f"{scale_page.methods(record)} {_methods(record)}",
        command=f"scale --params {result.name} --outdir again",
    )


_TRIED = (
    "The slices show the map before (left of the broken line) and after the modification (right of "
    "it), computed here from the scale. The run also adds solvent noise to what it attenuates, "
    "which is left out here."
)
_BY_VOXEL = (
    " With the regional scale the run weighs each place by its neighbourhood, counts from the "
    "level of the solvent, and leaves alone what is full within its error. The regional confidence "
    "or the standard error is not with the result any more, so the slices here weigh each voxel by "
    "itself and show the run to within some percent only; its maps decide."
)


def _tried(record: Mapping[str, Any], scene: Scene | None) -> str:
    """What the slices show, and where the run differs from them."""
    used = record["parameters"]
    regional = (
        used["method"] == "calibrated" and used["mode"] == "occ" and used.get("granularity", 0) > 0
    )
    plainly = record.get("scale_usage") in record["warnings"]
    shown = scene is not None and any(volume.key == "place" for volume in scene.volumes)
    return _TRIED + (_BY_VOXEL if regional and not plainly and not shown else "")


def _scene(result: Result) -> Scene | None:
    """Return the scene of the scale, with what places are weighed by where that is known."""
    scene = scale_page.scene(result)
    place = result.file("regional_confidence") or result.input("regional_confidence")
    if scene is None or place is None:
        return scene
    found = {volume.key: volume.density for volume in scene.volumes}
    if "sigma" not in found:
        return scene
    weight = read_map(place, voxel_size=result.record["job"]["voxel_size"])
    used = full_within_error(found["scale"].data, found["sigma"].data)
    more = (
        Shown(
            key="used",
            title="Scale, full within its error",
            density=found["scale"].with_data(used),
            colors=local_scale(0.0),
            known=weight.data > 0,
        ),
        Shown(
            key="told",
            title="Scale, where it is more than nothing",
            density=found["scale"].with_data(used),
            colors=local_scale(0.0),
            known=(weight.data > 0)
            & ~nothing_within_error(found["scale"].data, found["sigma"].data),
        ),
        Shown(key="place", title="Regional confidence", density=weight, colors=CONFIDENCE),
    )
    return replace(scene, volumes=(*scene.volumes, *more))


def _grey_range(scene: Scene | None, modify: Mapping[str, Any]) -> list[float] | None:
    """Return the least and the largest grey value of the map, to which modified ones are clipped.

    None where they get its histogram, or are filtered first.
    """
    if scene is None or modify.get("hist_match") or modify.get("lowpass_output"):
        return None
    data = scene.volumes[0].density.data
    return [float(data.min()), float(data.max())]


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
