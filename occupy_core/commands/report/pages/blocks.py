"""The page of blocks: where they are, in which volumes, with which others; rules for subsets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from occupy_core.commands.report.page import Page, Result, Scene, paragraph, table
from occupy_core.commands.report.volumes import Shown, colors_record
from occupy_core.commands.shared.colors import OCCUPANCY, several_colors
from occupy_core.maps.mrc import read_map

KIND = "blocks"
_MOST_LABELS = 254  # [format] that a byte tells apart


def matches(record: Mapping[str, Any]) -> bool:
    """Return whether a record is one of blocks."""
    return "blocks" in record and "thresholds" in record and "relations" in record


def page(result: Result) -> Page:
    """Make the page."""
    record = result.record
    blocks, volumes = record["blocks"], record["volumes"]
    names = [block["name"] for block in blocks]
    return Page(
        kind=KIND,
        title=f"Blocks of {volumes['used']} volumes",
        sections=(
            ("Blocks", _blocks(blocks)),
            ("Occupancy of blocks in volumes", ""),
            ("Dependences", _relations(record)),
            ("Thresholds", ""),
            ("Subset", paragraph("Choose volumes by a rule on the occupancies of the blocks.")),
        ),
        data={
            "blocks": [
                {"name": block["name"], "volume": block["volume"], "color": color}
                for block, color in zip(blocks, several_colors(len(blocks)), strict=True)
            ],
            "matrix": {
                "rows": [row["volume"] for row in record["table"]],
                "columns": names,
                "reference": [],
                "values": [[row[name] for name in names] for row in record["table"]],
                "errors": None,
            },
            "on": [[row[f"{name}_on"] for name in names] for row in record["table"]],
            "relations": record["relations"],
            "thresholds": record["thresholds"],
            "where": record["job"].get("where"),
            "folder": ".",
            "palette": colors_record(OCCUPANCY),
        },
        scene=_scene(result),
        methods=_methods(record),
        command=f"blocks --params {result.name} --outdir again",
    )


def _scene(result: Result) -> Scene | None:
    """Return the fullest volume, and the blocks as numbers; None when a file is gone."""
    record = result.record
    blocks = record["blocks"][:_MOST_LABELS]
    used = [i for i, row in enumerate(record["thresholds"]) if row["used"]]
    if not used:
        return None
    fullest = max(used, key=lambda i: record["thresholds"][i]["on_fraction"])
    source = result.input(f"volumes_{fullest + 1}")
    masks = [result.file(f"block_{i:03d}") for i in range(1, len(blocks) + 1)]
    if source is None or None in masks:
        return None
    density = read_map(source, voxel_size=record["job"]["voxel_size"])
    level = float(record["thresholds"][fullest]["threshold"])
    labels = np.zeros(density.grid.shape, np.float32)
    for i, path in enumerate(masks):  # the largest first: small ones stay seen
        if path is not None:
            labels[read_map(path).data > 0.5] = i + 1
    names = [block["name"] for block in blocks]
    volumes = [Shown(key="map", title="Fullest volume", density=density)]
    if names:
        volumes.append(
            Shown(
                key="blocks",
                title="Blocks",
                density=density.with_data(labels),
                labels=list(zip(names, several_colors(len(names)), strict=True)),
            )
        )
    inside = (density.data > level) | (labels > 0)
    return Scene(
        volumes=tuple(volumes), inside=inside, level=level, overlay="blocks" if names else None
    )


def _blocks(blocks: list[Mapping[str, Any]]) -> str:
    if not blocks:
        return paragraph("No block was found.")
    rows = [
        (
            block["name"],
            (f"{block['volume'] / 1000:.3g}", block["volume"]),
            block["present_in"],
            (f"{block['mean_occupancy']:.2f}", block["mean_occupancy"]),
            ", ".join(block["needs"]) or "-",
            "yes" if block["gradual"] else "no",
        )
        for block in blocks
    ]
    head = (
        "block",
        "volume (nm³)",
        "in volumes",
        "mean occupancy",
        "only with",
        "moving",
    )
    caption = "Blocks, the largest first. The boxes show and hide them."
    return table(head, rows, caption=caption, numeric=(1, 2, 3))


def _relations(record: Mapping[str, Any]) -> str:
    kinds = {"none", "independent"}
    rows = [
        (r["first"], r["second"], r["kind"])
        for r in record["relations"]
        if r["kind"] not in kinds and r["kind"]
    ]
    if not rows:
        return paragraph("No two blocks depend on each other significantly.")
    return table(("first", "second", "how"), rows, caption="How blocks depend on each other.")


def _methods(record: Mapping[str, Any]) -> str:
    used = record["parameters"]
    correction = {
        "bonferroni": "Bonferroni's correction",
        "bh": "the false discovery rate [BenjaminiHochberg1995]",
    }[used["correction"]]
    text = (
        f"Structural blocks were searched for in {record['volumes']['used']} volumes with "
        f"scipion-em-occupy {record['versions']['occupy_core']}: pairs of voxels that are occupied "
        f"in the same volumes were found by exact hypergeometric tests [Fisher1935] with "
        f"{correction}, and grouped by the density of their patterns [Chazal2013]."
    )
    if record["blocks"]:
        text += (
            f" This gave {len(record['blocks'])} blocks; occupancies were fitted together in each "
            "volume and followed through the volumes [Kinman2023]."
        )
    return text
