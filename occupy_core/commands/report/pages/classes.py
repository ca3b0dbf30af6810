"""The page of an analysis of classes: verdicts, differences, which classes may be one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from occupy_core.commands.report.differences import differences_text
from occupy_core.commands.report.page import Page, Result, paragraph, picture, table
from occupy_core.commands.shared.answer import listing, with_error
from occupy_core.regions.table import RegionRow, RegionTable
from occupy_core.regions.verdict import judge

KIND = "classes"


def matches(record: Mapping[str, Any]) -> bool:
    """Return whether a record is one of an analysis of classes."""
    return "classes" in record and "steps" in record and "checks" in record


def page(result: Result) -> Page:
    """Make the page."""
    record = result.record
    n = len(record["classes"])
    sections = [("Checks", _checks(record)), ("Classes", _classes(record))]
    if "table" in record:
        found = RegionTable.from_record(record)
        sections += [
            ("Verdicts", _verdicts(found)),
            ("Differences between classes", differences_text(record["differences"], "classes")),
        ]
        if record["data_sets"] is not None:
            sections.append(("Differences between data sets", _data_sets(record["data_sets"])))
        if found.regrouping is not None:
            sections.append(("Which classes may be one", _regrouping(result, found)))
    return Page(
        kind=KIND,
        title=f"Analysis of {n} classes" if n > 1 else "Analysis of a class",
        sections=tuple(sections),
        methods=_methods(record),
        command=f"classes --params {result.name} --outdir again",
    )


def _checks(record: Mapping[str, Any]) -> str:
    if not record["checks"]:
        return paragraph("The maps are in register and of one falloff, and none is there twice.")
    return "".join(map(paragraph, record["checks"]))


def _classes(record: Mapping[str, Any]) -> str:
    rows = [
        (
            row["map"],
            row["data_set"] or "-",
            "-" if row["particles"] is None else (f"{row['particles']:g}", row["particles"]),
            "-" if row["resolution"] is None else (f"{row['resolution']:.1f}", row["resolution"]),
            row["source"],
            row["state"],
        )
        for row in record["classes"]
    ]
    head = ("class", "data set", "particles", "resolution (Å)", "read from", "state of the map")
    return table(head, rows, caption="Classes.", numeric=(2, 3))


def _verdicts(found: RegionTable) -> str:
    rows = [
        (name, *(_verdict(found.row(each, name)) for each in found.maps)) for name in found.regions
    ]
    caption = (
        "Verdict, occupancy and local resolution of each region in each class, with standard "
        f"errors; occupancies relative to {listing(found.reference, 12)}."
    )
    return table(("region", *found.maps), rows, caption=caption)


def _verdict(row: RegionRow) -> tuple[str, Any]:
    parts: list[str] = [judge(row)]
    if math.isfinite(row.occupancy):
        parts.append(with_error(row.occupancy, row.sigma))
    if math.isfinite(row.resolution):
        parts.append(f"{row.resolution:.1f} ± {row.resolution_sigma:.1f} Å")
    return "; ".join(parts), row.occupancy if math.isfinite(row.occupancy) else ""


def _data_sets(found: Mapping[str, Any]) -> str:
    rows = [
        (
            s["region"],
            s["condition"],
            (with_error(s["share"], s["sigma"]), s["share"]) if s["share"] is not None else "-",
            s["replicates"],
        )
        for s in found["shares"]
    ]
    head = ("region", "condition", "share of particles", "data sets")
    shares = table(head, rows, caption="Share of the particles with a region.", numeric=(2, 3))
    return differences_text(found["differences"], "data sets") + shares


def _regrouping(result: Result, found: RegionTable) -> str:
    groups = [] if found.regrouping is None else [g for g in found.regrouping.groups if len(g) > 1]
    text = "".join(
        paragraph(f"{listing(group, 12)} agree in all regions within their errors.")
        for group in groups
    ) or paragraph("Every two classes differ in some region by more than their errors.")
    file = result.file("dendrogram")
    if file is not None:
        text += picture(file, "Dendrogram of the classes with p-values")
    return text


def _methods(record: Mapping[str, Any]) -> str:
    n, program = len(record["classes"]), f"scipion-em-occupy {record['versions']['occupy_core']}"
    if "table" not in record:
        return f"The local resolution of {n} class maps was estimated with {program}."
    text = (
        f"The occupancy and the local resolution of {len({r['region'] for r in record['table']})} "
        f"regions in {n} class maps were measured with {program}, relative to "
        f"{', '.join(record['reference'])}; verdicts hold for 95 % intervals."
    )
    if record["differences"]:
        text += (
            " The significance of differences between maps was corrected for their number by the "
            "false discovery rate [BenjaminiHochberg1995]."
        )
    return text
