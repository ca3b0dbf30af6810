"""What a region job is: its files, its parameters and the names of what it writes."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from occupy_core.commands.shared.run import JobBase, run_problems
from occupy_core.maps.mrc import map_name
from occupy_core.regions.by_masks.estimate import RegionParams
from occupy_core.regions.by_model.atoms import Division
from occupy_core.regions.by_model.estimate import ChainParams

_ONE_EACH = {
    "half1": "half maps (--half1)",
    "half2": "half maps (--half2)",
    "scales": "scale maps",
    "weights": "class sizes",
    "names": "names",
}
_WIDEST = 50.0  # Å, of the masks made from a model


@dataclass(frozen=True)
class RegionsJob(JobBase):
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
        Half maps of each map, for the noise; with masks only.
    scales : tuple of Path
        Local scale of each map for the column `mean_scale`; by default it is estimated.
    weights : tuple of float
        Size of the class that each map stands for.
    names : tuple of str
        Names of the maps; by default those of the files.
    by : {"chain", "residues"}
        One number for each chain, or for each window of residues.
    window : int
        Residues of a window.
    ligands : bool
        Make each ligand a region of its own.
    assembly : str, optional
        Biological assembly to be built first.
    reference : str, optional
        Regions that are full, comma-separated; None chooses them.
    resolution : float, optional
        Highest resolution used in Å; None means 3 Å or the Nyquist frequency.
    align : bool
        Move the model to where it fits.
    whole : bool
        Count all of a mask.
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
    voxel_size : float, optional
        Voxel size in Å, instead of what the headers say.
    threads : int, optional
        Number of threads; all cores by default.
    force : bool
        Replace outputs that exist.
    """

    FILES = ("model",)
    SEVERAL = ("maps", "masks", "half1", "half2", "scales")

    maps: tuple[Path, ...]
    outdir: Path = Path()
    name: str | None = None
    masks: tuple[Path, ...] = ()
    model: Path | None = None
    half1: tuple[Path, ...] = ()
    half2: tuple[Path, ...] = ()
    scales: tuple[Path, ...] = ()
    weights: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    by: Division = "chain"
    window: int = 20
    ligands: bool = False
    assembly: str | None = None
    reference: str | None = None
    resolution: float | None = None
    align: bool = True
    whole: bool = False
    chains: tuple[str, ...] = ()
    write_masks: bool = False
    mask_radius: float = 3.0
    mask_soft: float = 6.0
    plot: bool = True
    chimerax: bool = True
    voxel_size: float | None = None
    threads: int | None = None
    force: bool = False

    @property
    def map_names(self) -> tuple[str, ...]:
        """What the maps are called in the table."""
        return self.names or tuple(map_name(path) for path in self.maps)

    @property
    def chain_params(self) -> ChainParams:
        """How a model is fitted."""
        return ChainParams(
            by=self.by,
            window=self.window,
            ligands=self.ligands,
            assembly=self.assembly,
            reference=self.reference,
            resolution=self.resolution,
            align=self.align,
        )

    @property
    def region_params(self) -> RegionParams:
        """How masks are measured."""
        return RegionParams(reference=self.reference, whole=self.whole)

    def problems(self) -> list[str]:
        """Return one sentence for each parameter outside its limits, as far as no map is needed."""
        found = [*self._about_files(), *self.chain_params.problems(), *self._out_of_place()]
        for what in ("radius", "soft"):
            value = getattr(self, f"mask_{what}")
            if not 0 <= value <= _WIDEST:
                found.append(
                    f"The {what if what == 'radius' else 'soft edge'} of the masks is {value:g} Å "
                    f"but must be between 0 and {_WIDEST:g} Å."
                )
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
        for field, what in _ONE_EACH.items():
            given = len(getattr(self, field))
            if given not in (0, len(self.maps)):
                found.append(
                    f"The number of {what} is {given} but that of the maps is {len(self.maps)}; "
                    "give one for each map, in the same order."
                )
        if bool(self.half1) != bool(self.half2):
            found.append(
                "Half maps are given on one side only; give --half1 and --half2, both for each map."
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
            return ["--whole is about masks, but a model is given; leave it out."] * self.whole
        asked = {
            "--by residues": self.by != "chain",
            "--ligands": self.ligands,
            "--assembly": self.assembly is not None,
            "--resolution": self.resolution is not None,
            "--write-masks": self.write_masks,
        }
        return [
            f"{option} needs a model, but none is given; leave it out or give --model."
            for option, given in asked.items()
            if given
        ]


def output_names(job: RegionsJob) -> dict[str, str]:
    """Return the names of the files that a job writes, by what they are, in their order.

    Masks are not among them: which there are follows from the model, see `mask_names`.
    """
    several = len(job.maps) > 1
    names = {"table": _file(job, "regions", "csv")}
    if several:
        names["differences"] = _file(job, "differences", "csv")
    if job.plot:
        names["bars"] = _file(job, "regions", "png")
        if several:
            names["heatmap"] = _file(job, "regions_heatmap", "png")
    if job.chimerax:
        if job.model is not None:
            labels = _file_names(job.map_names)
            for i, label in enumerate(labels, start=1):
                of_map = f"_{label}" if several else ""
                number = f"_{i}" if several else ""
                names[f"attributes{number}"] = _file(job, f"occupancy{of_map}", "defattr")
                names[f"model{number}"] = _file(job, f"occupancy{of_map}", "cif")
        names["chimerax"] = _file(job, "regions", "cxc")
    # The record comes last: when it is there, everything is.
    return {**names, "result": _file(job, "result", "json")}


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
