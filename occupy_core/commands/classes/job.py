"""What an analysis of classes is: its files, its parameters and the names of what it writes."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

from occupy_core.commands.regions.job import RegionsJob
from occupy_core.commands.shared.job import JobBase, run_problems
from occupy_core.commands.shared.job_maps import SeveralMaps
from occupy_core.regions.by_masks.estimate import RegionParams
from occupy_core.regions.by_model.estimate import ChainParams

LEAST_FOR_BLOCKS = 12  # [guard] volumes; with fewer, hardly any pattern of blocks is significant


@dataclass(frozen=True)
class ClassesJob(SeveralMaps, JobBase):
    """Which classes are analysed, and what is written.

    Parameters
    ----------
    maps : tuple of Path
        Maps of the classes, on one grid.
    outdir : Path
        Folder for everything that is written; made if missing.
    name : str, optional
        Added to the names of the outputs, as in result_X.json.
    model : Path, optional
        PDB or mmCIF model of all that may be in the maps.
    masks : tuple of Path
        One mask a region; instead of a model. With neither, the blocks are the regions.
    half1, half2 : tuple of Path
        Half maps of each map.
    weights : tuple of float
        Size of each class.
    names : tuple of str
        Names of the maps; by default those of the files.
    data_sets : tuple of str
        The data set of each map, such as apo and ligand; "apo/1" and "apo/2" are replicates.
    by_model : ChainParams
        How a model is cut into regions and fitted.
    by_masks : RegionParams
        How density in masks becomes occupancy.
    chains : tuple of str
        Chains (or regions) to report; none means all.
    align_maps : bool
        Move each map to where it agrees best with the first, before regions and blocks.
    match_falloff : bool
        Weaken the fine detail of each map to that of the map with least of it, before them.
    blocks : bool, optional
        Search for structural blocks; None: when there are 12 maps or more.
    plot : bool
        Draw figures.
    report : bool
        Write a report: one HTML file with all results.
    voxel_size : float, optional
        Voxel size in Å, instead of what the headers say.
    threads : int, optional
        Number of threads; all cores by default.
    force : bool
        Replace outputs that exist.
    """

    FILES = ("model",)
    SEVERAL = ("maps", "masks", "half1", "half2")

    maps: tuple[Path, ...]
    outdir: Path = Path()
    _: KW_ONLY
    name: str | None = None
    model: Path | None = None
    masks: tuple[Path, ...] = ()
    half1: tuple[Path, ...] = ()
    half2: tuple[Path, ...] = ()
    weights: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    data_sets: tuple[str, ...] = ()
    by_model: ChainParams = field(default_factory=ChainParams)
    by_masks: RegionParams = field(default_factory=RegionParams)
    chains: tuple[str, ...] = ()
    align_maps: bool = False
    match_falloff: bool = False
    blocks: bool | None = None
    plot: bool = False
    report: bool = True
    voxel_size: float | None = None
    threads: int | None = None
    force: bool = False

    @property
    def has_regions(self) -> bool:
        """Whether the regions are given, and need not be found."""
        return self.model is not None or bool(self.masks)

    @property
    def with_blocks(self) -> bool:
        """Whether blocks are searched for."""
        return len(self.maps) >= LEAST_FOR_BLOCKS if self.blocks is None else self.blocks

    @property
    def sizes(self) -> tuple[float, ...]:
        """Sizes of the classes, all alike when they are not known."""
        return self.weights or (1.0,) * len(self.maps)

    def problems(self) -> list[str]:
        """Return one sentence for each parameter outside its limits, as far as no map is needed."""
        found = self._of_regions().problems() if self.has_regions else self._of_maps()
        if self.data_sets and len(self.data_sets) != len(self.maps):
            found.append(
                f"The number of data sets is {len(self.data_sets)} but that of the maps is "
                f"{len(self.maps)}; give one for each map, in the same order."
            )
        if self.chains and not self.has_regions:
            found.append("--chains needs a model or masks; leave it out or give --model.")
        return found

    def _of_regions(self) -> RegionsJob:
        return RegionsJob(
            self.maps,
            name=self.name,
            model=self.model,
            masks=self.masks,
            half1=self.half1,
            half2=self.half2,
            weights=self.weights,
            names=self.names,
            by_model=self.by_model,
            by_masks=self.by_masks,
            chains=self.chains,
            voxel_size=self.voxel_size,
            threads=self.threads,
        )

    def _of_maps(self) -> list[str]:
        """What is wrong with the maps, when no region is given."""
        if not self.maps:
            return ["No map is given; name at least one."]
        found = [p for p in self._of_regions().problems() if not p.startswith("No region is given")]
        return found + run_problems(self.voxel_size, self.threads, self.name)

    def output_names(self) -> dict[str, str]:
        """Return the names of the files that a job writes, by what they are, in their order.

        The folders of the steps are not among them, see `occupy_core.commands.classes.steps`.
        """
        x = "" if self.name is None else f"_{self.name}"
        names = {"table": f"classes{x}.csv"}
        if len(self.maps) > 1:
            names["differences"] = f"differences{x}.csv"
            if self.plot or self.report:  # which shows it
                names["dendrogram"] = f"dendrogram{x}.png"
        if self.data_sets:
            names["data_sets"] = f"data_sets{x}.csv"
        if self.report:
            names["report"] = f"classes{x}.html"
        # The record comes last: when it is there, everything is.
        return {**names, "result": f"result{x}.json"}
