"""What a search for blocks is: its files, its parameters and the names of what it writes."""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

from occupy_core.blocks.params import BlocksParams
from occupy_core.blocks.track.rules import rule_names
from occupy_core.commands.shared.job import JobBase, absolute, run_problems
from occupy_core.errors import ParameterError
from occupy_core.maps.soft_edge import edge_problems


@dataclass(frozen=True)
class BlocksJob(JobBase):
    """What to search and to write.

    Parameters
    ----------
    volumes : tuple of Path
        The volumes, in their order.
    outdir : Path
        Folder for everything that is written; made if missing.
    name : str, optional
        Added to the names of the outputs.
    names : tuple of str
        What the volumes are called; by default as their files.
    thresholds : Path, optional
        Table (csv) with a threshold for each volume, see `occupy_core.commands.blocks.tables`.
    occupied, communities : Path, optional
        State of the first and of the second step, saved by an earlier job on the same volumes: that
        step is not done again.
    voxel_size : float, optional
        Edge of the cubic voxels in Å, instead of what the headers say.
    bin : int
        Volumes are averaged over cubes of so many voxels along each edge; the masks are on the grid
        of the volumes nevertheless.
    align_maps : bool
        Move each volume onto the first, to a fraction of a voxel.
    match_falloff : bool
        Weaken each shell of frequencies to the amplitude of the weakest volume.
    blocks : BlocksParams
        How blocks are found.
    mask_extend, mask_soft : float
        The masks reach `mask_extend` Å further than the blocks, and fall to 0 over `mask_soft` Å.
        With 0 they are binary.
    where : str, optional
        Rule on the blocks by which volumes are chosen, such as ``B3 > 0.7 and B1 < 0.2``.
    plot : bool
        Draw figures, and execute the notebook.
    chimerax : bool
        Write the ChimeraX script.
    report : bool
        Write a report: one HTML file with slices, surface and tables.
    pickle : bool
        Write the blocks as a dictionary of voxels too, as autoseg does.
    notebook : bool
        Write a Jupyter notebook that shows the occupancies and picks volumes.
    resume : Path, optional
        Folder with the state that an earlier job saved: a step that it did on the same volumes with
        the same parameters is not done again. The results are the same.
    sketch_only : bool
        Stop when the communities are found, and write only the state.
    threads : int, optional
        Number of threads; all cores by default.
    force : bool
        Replace outputs that exist.
    """

    FILES = ("thresholds", "occupied", "communities")
    SEVERAL = ("volumes",)

    volumes: tuple[Path, ...]
    outdir: Path = Path()
    _: KW_ONLY
    name: str | None = None
    names: tuple[str, ...] = ()
    thresholds: Path | None = None
    occupied: Path | None = None
    communities: Path | None = None
    voxel_size: float | None = None
    bin: int = 1
    align_maps: bool = False
    match_falloff: bool = False
    blocks: BlocksParams = field(default_factory=BlocksParams)
    mask_extend: float = 0.0
    mask_soft: float = 0.0
    where: str | None = None
    plot: bool = False
    chimerax: bool = True
    report: bool = False
    pickle: bool = False
    notebook: bool = True
    resume: Path | None = None
    sketch_only: bool = False
    threads: int | None = None
    force: bool = False

    def __post_init__(self) -> None:
        """Make the paths absolute."""
        super().__post_init__()
        if self.resume is not None:
            object.__setattr__(self, "resume", absolute(self.resume))

    def problems(self) -> list[str]:
        """Return one sentence for each parameter outside its limits, as far as no map is needed."""
        found = self.blocks.problems()
        if not self.volumes:
            found.append("No volume is given; give the volumes or their folder.")
        if self.names and len(self.names) != len(self.volumes):
            found.append(
                f"{len(self.names)} names are given for {len(self.volumes)} volumes; give one for "
                "each, or none."
            )
        if self.thresholds is not None and self.blocks.threshold is not None:
            found.append(
                f"Both the threshold {self.blocks.threshold:g} and the table {self.thresholds} are "
                "given; leave out one of them."
            )
        if self.communities is not None and self.occupied is None:
            found.append(
                "Saved communities are given without the occupied voxels that they were found in; "
                "give both."
            )
        if self.resume is not None and self.occupied is not None:
            found.append(
                f"Both the folder {self.resume} to resume from and the saved state {self.occupied} "
                "are given; leave out one of them."
            )
        if self.bin < 1:
            found.append(f"bin is {self.bin} but must be at least 1.")
        found += edge_problems(("extension", self.mask_extend), self.mask_soft)
        found += run_problems(self.voxel_size, self.threads, self.name)
        return [*found, *_rule_problems(self.where)]

    def output_names(self) -> dict[str, str]:
        """Return the names of the files that a job writes besides the masks, by what they are."""
        x = "" if self.name is None else f"_{self.name}"
        state = {
            "state_occupied": f"state_occupied{x}.npz",
            "state_communities": f"state_communities{x}.npz",
        }
        if self.sketch_only:
            return {**state, "result": f"sketch{x}.json"}
        names = {
            "occupancy": f"occupancy{x}.csv",
            "thresholds": f"thresholds{x}.csv",
            "relations": f"relations{x}.csv",
            **state,
        }
        if self.where is not None:
            names["subset"] = f"subset{x}.csv"
        if self.plot:
            names |= {
                "heatmap": f"heatmap{x}.png",
                "map": f"map{x}.png",
                "graph": f"graph{x}.png",
                "thresholds_plot": f"thresholds{x}.png",
            }
        if self.chimerax:
            names["chimerax"] = f"blocks{x}.cxc"
        if self.pickle:
            names["pickle"] = f"blocks{x}.pkl"
        if self.notebook:
            names["notebook"] = f"analysis{x}.ipynb"
        if self.report:
            names["report"] = f"blocks{x}.html"
        # The record comes last: when it is there, everything is.
        return {**names, "result": f"blocks{x}.json"}

    def writes(self, name: str) -> bool:
        """Whether a file of this name may be an output of this job, masks included."""
        x = "" if self.name is None else f"_{self.name}"
        mask = re.fullmatch(rf"block_[0-9]{{3,}}{re.escape(x)}\.mrc", name)
        return super().writes(name) or mask is not None


def block_names(job: BlocksJob, n: int) -> dict[str, str]:
    """Return the names of the masks of `n` blocks."""
    x = "" if job.name is None else f"_{job.name}"
    return {f"block_{i:03d}": f"block_{i:03d}{x}.mrc" for i in range(1, n + 1)}


def _rule_problems(rule: str | None) -> list[str]:
    """Return what is wrong with a rule as far as the blocks need not be known."""
    if rule is None:
        return []
    try:
        rule_names(rule)
    except ParameterError as error:
        return list(error.problems)
    return []
