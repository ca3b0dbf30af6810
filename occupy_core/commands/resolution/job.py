"""What a resolution job is: its files, its parameters and the names of what it writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any

from occupy_core.commands.shared.half_maps import half_map_problems
from occupy_core.commands.shared.job import JobBase, run_problems
from occupy_core.maps.mrc import map_name
from occupy_core.resolution.result import ResolutionParams


@dataclass(frozen=True)
class ResolutionJob(JobBase):
    """What to estimate and to write.

    Parameters
    ----------
    map : Path, optional
        The map; the mean of the half maps when left out.
    outdir : Path
        Folder for everything that is written; made if missing.
    name : str, optional
        Base name X of the outputs; by default that of the map (or of half map 1).
    half1, half2 : Path, optional
        Half maps: their local FSC is the answer then.
    mask : Path, optional
        Mask of the molecule (above 0.5), instead of the one found.
    voxel_size : float, optional
        Voxel size in Å, instead of what the headers of the maps say.
    resolution : ResolutionParams
        How the resolution is estimated.
    or_nothing : bool
        When the map holds too little detail for a local resolution, write maps that are zero, and
        say why, instead of ending with an error: as one of several maps it may not stop the rest.
    plot : bool
        Draw figures.
    chimerax : bool
        Write the ChimeraX script.
    report : bool
        Write a report: one HTML file with slices, surface and tables.
    threads : int, optional
        Number of threads; all cores by default.
    force : bool
        Replace outputs that exist.
    """

    FILES = ("map", "half1", "half2", "mask")

    map: Path | None = None
    outdir: Path = Path()
    _: KW_ONLY
    name: str | None = None
    half1: Path | None = None
    half2: Path | None = None
    mask: Path | None = None
    voxel_size: float | None = None
    resolution: ResolutionParams = field(default_factory=ResolutionParams)
    or_nothing: bool = False
    plot: bool = False
    chimerax: bool = True
    report: bool = False
    threads: int | None = None
    force: bool = False

    @classmethod
    def upgraded(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return plain values with `filter` in its group; version 0.1 had it beside the group."""
        values, group = dict(values), values.get("resolution", {})
        if "filter" in values and isinstance(group, Mapping):
            values["resolution"] = {**group, "filter": values.pop("filter")}
        return values

    @property
    def base_name(self) -> str:
        """X in the names of the outputs."""
        return self.name or map_name(self.map or self.half1 or self.half2 or "")

    @property
    def has_halves(self) -> bool:
        """Whether there are half maps."""
        return self.half1 is not None

    def problems(self) -> list[str]:
        """Return one sentence for each parameter outside its limits, as far as no map is needed."""
        found = self.resolution.problems()
        if self.map is None and self.half1 is None and self.half2 is None:
            found.append("No map is given; give a map, or two half maps.")
            return found
        found += half_map_problems(self.half1, self.half2)
        if self.map is not None and self.map in (self.half1, self.half2):
            found.append(
                f"{self.map} is given as the map and as a half map; leave it out as the map, and "
                "the mean of the half maps is used."
            )
        return found + run_problems(self.voxel_size, self.threads, self.base_name)

    def output_names(self) -> dict[str, str]:
        """Return the names of the files that a job may write, by what they are, in their order.

        Which of them are written depends on the map too: FSC 0.5 is not known when the noise of the
        solvent is gone, and nothing can be drawn of a map in which nothing is resolved.
        """
        x = self.base_name
        names = {
            "resolution": f"resolution_{x}.mrc",
            "resolution05": f"resolution05_{x}.mrc",
            "sigma": f"resolution_sigma_{x}.mrc",
            "mask": f"mask_{x}.mrc",
            "censored": f"resolution_censored_{x}.mrc",
        }
        if self.resolution.second_opinion:
            names["disagreement"] = f"resolution_disagreement_{x}.mrc"
        if self.has_halves:
            names["single_map"] = f"resolution_single_{x}.mrc"
        if self.resolution.filter:
            names["filtered"] = f"filtered_{x}.mrc"
            if self.has_halves:
                names |= {
                    f"filtered_{half}": f"filtered_{half}_{x}.mrc" for half in ("half1", "half2")
                }
        if self.plot:
            names |= {
                "slices_plot": f"resolutionSlices_{x}.png",
                "histogram_plot": f"resolutionHist_{x}.png",
                "global_plot": f"resolutionGlobal_{x}.png",
            }
        if self.chimerax:
            names["chimerax"] = f"chimX_resolution_{x}.cxc"
        if self.report:
            names["report"] = f"resolution_{x}.html"
        # The record comes last: when it is there, everything is.
        return {**names, "result": f"resolution_{x}.json"}
