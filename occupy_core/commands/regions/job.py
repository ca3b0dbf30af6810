"""What a region job is: its files, its parameters and the names of what it writes."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field, fields
from pathlib import Path
from typing import Any

from occupy_core.commands.shared.job import JobBase, run_problems
from occupy_core.commands.shared.job_maps import SeveralMaps
from occupy_core.maps.soft_edge import edge_problems
from occupy_core.regions.by_masks.estimate import RegionParams
from occupy_core.regions.by_model.estimate import ChainParams

_ONE_EACH = {
    "half1": "half maps (--half1)",
    "half2": "half maps (--half2)",
    "scales": "scale maps",
    "resolutions": "maps of the local resolution",
    "resolution_sigmas": "maps of the error of the local resolution",
    "weights": "class sizes",
    "names": "names",
}


@dataclass(frozen=True)
class RegionsJob(SeveralMaps, JobBase):
    """Which regions are measured in which maps, and what is written.

    Parameters
    ----------
    maps : tuple of Path
        Maps of one grid, such as the classes of a classification.
    outdir : Path
        Folder for everything that is written; made if missing.
    name : str, optional
        Added to the names of the outputs, as in result_X.json.
    masks : tuple of Path
        One mask a region; instead of a model.
    model : Path, optional
        PDB or mmCIF model; instead of masks.
    half1, half2 : tuple of Path
        Half maps of each map, for the errors.
    scales : tuple of Path
        Local scale of each map for the column `mean_scale`; by default it is estimated.
    resolutions, resolution_sigmas : tuple of Path
        Local resolution of each map in Å, and its standard deviation, for the columns
        `resolution` and `coarser` and the verdict *flexible*.
    weights : tuple of float
        Size of the class that each map stands for.
    names : tuple of str
        Names of the maps; by default those of the files.
    by_model : ChainParams
        How a model is cut into regions and fitted.
    by_masks : RegionParams
        How density in masks becomes occupancy.
    chains : tuple of str
        Chains (or regions) to report; none means all. All are fitted.
    write_masks : bool
        Write a soft mask of each region of the model that is reported.
    mask_radius, mask_soft : float
        These masks are 1 up to `mask_radius` Å from the atoms and fall to 0 over `mask_soft` Å.
    plot : bool
        Draw figures.
    chimerax : bool
        Write a ChimeraX script, and for a model what it opens: mmCIF and attribute file.
    report : bool
        Write a report: one HTML file with slices, surface and tables.
    align_maps : bool
        Move each map onto the first, to a fraction of a voxel.
    match_falloff : bool
        Weaken each shell of frequencies to the amplitude of the weakest map.
    voxel_size : float, optional
        Voxel size in Å, instead of what the headers say.
    threads : int, optional
        Number of threads; all cores by default.
    force : bool
        Replace outputs that exist.
    """

    FILES = ("model",)
    SEVERAL = ("maps", "masks", "half1", "half2", "scales", "resolutions", "resolution_sigmas")

    maps: tuple[Path, ...]
    outdir: Path = Path()
    _: KW_ONLY
    name: str | None = None
    masks: tuple[Path, ...] = ()
    model: Path | None = None
    half1: tuple[Path, ...] = ()
    half2: tuple[Path, ...] = ()
    scales: tuple[Path, ...] = ()
    resolutions: tuple[Path, ...] = ()
    resolution_sigmas: tuple[Path, ...] = ()
    weights: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    by_model: ChainParams = field(default_factory=ChainParams)
    by_masks: RegionParams = field(default_factory=RegionParams)
    chains: tuple[str, ...] = ()
    write_masks: bool = False
    mask_radius: float = 3.0
    mask_soft: float = 6.0
    plot: bool = False
    chimerax: bool = True
    report: bool = False
    align_maps: bool = False
    match_falloff: bool = False
    voxel_size: float | None = None
    threads: int | None = None
    force: bool = False

    @property
    def params(self) -> ChainParams | RegionParams:
        """The parameters that count: those of a model, or of masks."""
        return self.by_masks if self.model is None else self.by_model

    @classmethod
    def upgraded(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return plain values with their groups; version 0.1 had them in one row.

        Its one `reference` was that of the model, or of the masks.
        """
        values = dict(values)
        group = "by_masks" if values.get("model") is None else "by_model"
        places = {f.name: "by_masks" for f in fields(RegionParams)}
        places |= {f.name: "by_model" for f in fields(ChainParams)} | {"reference": group}
        for name in places.keys() & values.keys():
            nested = values.setdefault(places[name], {})
            values[places[name]] = {**nested, name: values.pop(name)}
        return values

    def problems(self) -> list[str]:
        """Return one sentence for each parameter outside its limits, as far as no map is needed."""
        found = [*self._about_files(), *self.params.problems(), *self._out_of_place()]
        found += edge_problems(("radius", self.mask_radius), self.mask_soft)
        return found + run_problems(self.voxel_size, self.threads, self.name)

    def _about_files(self) -> list[str]:
        """What is wrong with the lists of files and what belongs to each map."""
        found = []
        if not self.maps:
            found.append("No map is given; name at least one.")
        if not self.masks and self.model is None:
            found.append("No region is given; give --masks or a --model.")
        if self.masks and self.model is not None:
            found.append(
                f"Both masks and the model {self.model} are given; give one of them. A model can "
                "write masks with --write-masks."
            )
        for name, what in _ONE_EACH.items():
            given = len(getattr(self, name))
            if given not in (0, len(self.maps)):
                found.append(
                    f"The number of {what} is {given} but that of the maps is {len(self.maps)}; "
                    "give one for each map, in the same order."
                )
        if bool(self.half1) != bool(self.half2):
            found.append(
                "Half maps are given on one side only; give --half1 and --half2, both for each map."
            )
        if self.resolution_sigmas and not self.resolutions:
            found.append(
                "Errors of the local resolution are given without the local resolution; give "
                "--resolutions too."
            )
        name, count = Counter(self.map_names).most_common(1)[0] if self.maps else ("", 0)
        if count > 1:
            found.append(f"{count} maps are named '{name}'; give --names, a name for each map.")
        if self.weights and not (
            all(math.isfinite(w) and w >= 0 for w in self.weights) and sum(self.weights) > 0
        ):
            found.append("The class sizes must be numbers of at least 0, not all of them 0.")
        return found

    def _out_of_place(self) -> list[str]:
        """What is asked for but would have no effect."""
        if self.model is not None:
            return [
                "--whole is about masks, but a model is given; leave it out."
            ] * self.by_masks.whole
        asked = {
            "--by residues": self.by_model.by != "chain",
            "--ligands": self.by_model.ligands,
            "--assembly": self.by_model.assembly is not None,
            "--resolution": self.by_model.resolution is not None,
            "--write-masks": self.write_masks,
        }
        return [
            f"{option} needs a model, but none is given; leave it out or give --model."
            for option, given in asked.items()
            if given
        ]

    def output_names(self) -> dict[str, str]:
        """Return the names of the files that a job writes, by what they are, in their order.

        Masks are not among them: which there are follows from the model, see `mask_names`.
        """
        several = len(self.maps) > 1
        names = {"table": _file(self, "regions", "csv")}
        if several:
            names["differences"] = _file(self, "differences", "csv")
        if self.plot:
            names["bars"] = _file(self, "regions", "png")
            if several:
                names["heatmap"] = _file(self, "regions_heatmap", "png")
        if self.chimerax:
            if self.model is not None:
                labels = _file_names(self.map_names)
                for i, label in enumerate(labels, start=1):
                    of_map = f"_{label}" if several else ""
                    number = f"_{i}" if several else ""
                    names[f"attributes{number}"] = _file(self, f"occupancy{of_map}", "defattr")
                    names[f"model{number}"] = _file(self, f"occupancy{of_map}", "cif")
            names["chimerax"] = _file(self, "regions", "cxc")
        if self.report:
            names["report"] = _file(self, "regions", "html")
        # The record comes last: when it is there, everything is.
        return {**names, "result": _file(self, "result", "json")}

    def writes(self, name: str) -> bool:
        """Whether a file of this name may be an output of this job, masks included."""
        x = "" if self.name is None else f"_{self.name}"
        mask = re.fullmatch(rf"mask_[\w.+-]+{re.escape(x)}\.mrc", name)
        return super().writes(name) or mask is not None


def mask_names(job: RegionsJob, regions: Iterable[str]) -> dict[str, str]:
    """Return the names of the masks of regions, by "mask_" and the region."""
    regions = tuple(regions)
    files = zip(regions, _file_names(regions), strict=True)
    return {f"mask_{region}": _file(job, f"mask_{file}", "mrc") for region, file in files}


def _file(job: RegionsJob, stem: str, suffix: str) -> str:
    return f"{stem}.{suffix}" if job.name is None else f"{stem}_{job.name}.{suffix}"


def _file_names(labels: Iterable[str]) -> list[str]:
    """Turn labels into distinct parts of file names: "A/HEM 201" becomes "A_HEM_201"."""
    seen: Counter[str] = Counter()
    files = []
    for label in labels:
        file = re.sub(r"[^\w.+-]+", "_", label) or "_"
        seen[file] += 1
        files.append(file if seen[file] == 1 else f"{file}_{seen[file]}")
    return files
