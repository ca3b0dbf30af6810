"""The page of a local scale: what is full, what is weak and where, and the solvent model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from occupy_core.commands.report.page import Page, Result, Scene, paragraph, table
from occupy_core.commands.report.volumes import Shown, trusted
from occupy_core.commands.shared.answer import WRONG, grouped_warnings, with_error
from occupy_core.commands.shared.colors import CONFIDENCE, OCCUPANCY, error_scale, local_scale
from occupy_core.commands.shared.levels import surface_level
from occupy_core.commands.shared.trust import trust
from occupy_core.maps.mrc import map_name, read_map

KIND = "scale"
_BINS = 50  # [layout]
_CONTENT = 0.5  # [physics] confidence: more likely content than not


def matches(record: Mapping[str, Any]) -> bool:
    """Return whether a record is one of a local scale that modified nothing."""
    return _is_scale(record) and not any(
        key in record["files"] for key in ("amplified", "attenuated", "sigmoid")
    )


def _is_scale(record: Mapping[str, Any]) -> bool:
    return "parts" in record and "limits" in record


def page(result: Result) -> Page:
    """Make the page."""
    record = result.record
    return Page(
        kind=KIND,
        title=f"Local scale of {name_of(record)}",
        name=name_of(record),
        sections=(
            ("Weak parts", weak_parts(record)),
            ("Solvent model", solvent(record)),
        ),
        data={
            "weak": record["parts"]["weak_parts"],
            "histogram": histogram(result),
            "solvent": record.get("solvent"),
        },
        scene=scene(result),
        methods=methods(record),
        command=f"scale --params {result.name} --outdir again",
    )


def name_of(record: Mapping[str, Any]) -> str:
    """Return what the map of a record is called."""
    return str(record["job"]["name"] or map_name(record["job"]["map"]))


def scene(result: Result) -> Scene | None:
    """Return map, scale, error and confidence; None when a file is gone."""
    record = result.record
    source, confidence = result.input("map"), result.file("confidence")
    scale = result.file("scale") or result.input("scale_map")
    if source is None or confidence is None or scale is None:
        return None
    voxel_size = record["job"]["voxel_size"]
    density = read_map(source, voxel_size=voxel_size)
    seen = read_map(confidence, voxel_size=voxel_size)
    inside = seen.data >= _CONTENT
    sigma = result.file("scale_sigma") or result.input("scale_sigma")
    volumes = [
        Shown(key="map", title="Map", density=density),
        Shown(
            key="scale",
            title="Local scale",
            density=read_map(scale, voxel_size=voxel_size),
            colors=local_scale(record["job"].get("min_vis_scale", 0.0)),
            known=inside,
            error=None if sigma is None else "sigma",
        ),
    ]
    if sigma is not None:
        error = read_map(sigma, voxel_size=voxel_size)
        largest = float(np.percentile(error.data[inside], 99)) if inside.any() else 1.0
        colors = error_scale(max(largest, 1e-3), "standard error of the scale")
        volumes.append(
            Shown(
                key="sigma",
                title="Standard error",
                density=error,
                colors=colors,
                known=inside,
            )
        )
        volumes.append(trusted(density.with_data(trust(error.data, seen.data)), inside))
    volumes.append(Shown(key="confidence", title="Confidence", density=seen, colors=CONFIDENCE))
    return Scene(
        volumes=tuple(volumes),
        inside=inside,
        level=surface_level(density, seen),
        overlay="scale",
    )


def histogram(result: Result) -> dict[str, Any] | None:
    """Return how much of the content has which scale; None when a file is gone."""
    confidence = result.file("confidence")
    scale = result.file("scale") or result.input("scale_map")
    if confidence is None or scale is None:
        return None
    inside = read_map(confidence).data >= _CONTENT
    counts, edges = np.histogram(read_map(scale).data[inside], _BINS, (0.0, 1.0))
    centres = 0.5 * (edges[1:] + edges[:-1])
    return {
        "volume": "scale",
        "edges": edges.tolist(),
        "shares": (100 * counts / max(int(counts.sum()), 1)).tolist(),
        "colors": [OCCUPANCY.color(float(c)) for c in centres],
        "label": "local scale",
        "of": "share of the content (%)",
        "marks": _marks(result.record),
    }


def _marks(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    limit = record["limits"].get("confidence_limit")
    if limit is None or not 0 < limit < 1:
        return []
    return [{"at": limit, "label": f"told from solvent above {limit:.2f}"}]


def weak_parts(record: Mapping[str, Any]) -> str:
    """Return the list of weak parts; a click on one goes there."""
    parts = record["parts"]["weak_parts"]
    if not parts:
        return paragraph("No part of the map is weak: all content has a scale of 0.5 or more.")
    rows = []
    for i, part in enumerate(parts, start=1):
        x, y, z = part["position"]
        rows.append(
            (
                (f"Part {i}", i),
                (f"{part['volume'] / 1000:.3g}", part["volume"]),
                (with_error(part["scale"], part["sigma"]), part["scale"]),
                (f"{x:.1f}, {y:.1f}, {z:.1f}", x),
            )
        )
    left = record["parts"]["n_weak"] - len(parts)
    more = paragraph(f"{left} more parts are smaller.") if left else ""
    head = ("part", "volume (nm³)", "scale", "place x, y, z (Å)")
    caption = "Weak parts, the largest first. Choose one to go there."
    return table(head, rows, caption=caption, numeric=(1, 2, 3)) + more


def solvent(record: Mapping[str, Any]) -> str:
    """Return whether the solvent model is to be trusted."""
    bad = [
        text
        for text in grouped_warnings(record["warnings"]).get(WRONG, [])
        if "olvent" in text or "darker" in text
    ]
    if bad:
        return paragraph("The solvent model is probably bad:") + "".join(map(paragraph, bad))
    limits = record["limits"]
    return paragraph(
        "The solvent model is good: nothing speaks against it. A density of "
        f"{limits['value_at_half_confidence']:.3g} in the low-passed map is as likely content as "
        f"solvent; solvent ends at {limits['solvent_edge']:.3g}."
    )


def methods(record: Mapping[str, Any]) -> str:
    """Return how the scale was estimated, for a paper."""
    p, version = record["parameters"], record["versions"]["occupy_core"]
    program = f"scipion-em-occupy {version} [Forsberg2023]"
    if "scale" not in record["files"]:
        return (
            f"A local scale estimated before was used with {program}; the solvent was modelled on "
            f"the map low-passed to {p['lowpass']:.2f} Å."
        )
    density = "unfiltered" if p["mode"] == "res" else f"low-passed to {p['lowpass']:.2f} Å"
    full = (
        f"the largest {p['tau']:.3f}-quantile of the density in tiles of {p['tile_size']}³ voxels"
    )
    if p["method"] == "calibrated":
        density = "calibrated"
        full = "the density that most of its content shares and corrected for noise"
    if p["s0"]:
        full = f"{p['tau']:.3f} times the maximum of the density"
    return (
        f"The local scale of the map ({density}) was estimated with {program}, with a kernel of "
        f"{p['n_voxels_in_kernel']} voxels (edge {p['kernel_size']}, radius "
        f"{p['kernel_radius']:.2f}), relative to {full}; the solvent was modelled on the map "
        f"low-passed to {p['lowpass']:.2f} Å."
    )
