"""What a choice of particles is: its files, its rule and the names of what it writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from occupy_core.blocks.track.rules import rule_names
from occupy_core.commands.particles.occupancies import record_at
from occupy_core.commands.shared.job import JobBase, run_problems
from occupy_core.errors import ParameterError


@dataclass(frozen=True, kw_only=True)
class ParticlesJob(JobBase):
    """Which particles of which maps are wanted, and what is written.

    Parameters
    ----------
    occupancies : Path
        Record of a region job or of a search for blocks, or the folder that holds it.
    particles : Path
        Particles: RELION STAR, cryoSPARC .cs, cryoDRGN .pkl, or CSV.
    outdir : Path
        Folder for everything that is written; made if missing.
    name : str, optional
        Base name X of the outputs; by default that of the file of particles.
    where : str, optional
        Rule such as ``D > 0.8 and E < 0.2``; None takes all particles of all maps.
    labels : Path, optional
        Number of the class or volume of each particle, instead of what the file of particles says.
    latent, centers : Path, optional
        Latent coordinates of the particles and of the maps: each particle belongs to the nearest
        map. `latent` may be left out when the file of particles holds them.
    classes : tuple of int
        Number by which the particles name each map; by default it is read from the names of the
        maps, or follows their order.
    covariates : bool
        Write the occupancy of each region for all particles as a pickled array, for the dashboard
        of cryoDRGN.
    threads : int, optional
        Has no effect; every job has it.
    force : bool
        Replace outputs that exist.
    """

    FILES = ("occupancies", "particles", "labels", "latent", "centers")

    occupancies: Path
    particles: Path
    outdir: Path = Path()
    name: str | None = None
    where: str | None = None
    labels: Path | None = None
    latent: Path | None = None
    centers: Path | None = None
    classes: tuple[int, ...] = ()
    covariates: bool = False
    threads: int | None = None
    force: bool = False

    @property
    def base_name(self) -> str:
        """X in the names of the outputs."""
        return self.name or self.particles.stem

    @property
    def inputs(self) -> dict[str, Path]:
        """The files that are read, by the field that names them; of a folder its record."""
        return super().inputs | {"occupancies": record_at(self.occupancies)}

    def problems(self) -> list[str]:
        """Return one sentence for each parameter outside its limits."""
        found = run_problems(None, self.threads, self.base_name)
        if self.labels is not None and self.centers is not None:
            found.append("Both labels and centers are given; leave out one of them.")
        if self.latent is not None and self.centers is None:
            found.append("Latent coordinates need those of the maps too; give --centers FILE.")
        if len(set(self.classes)) < len(self.classes):
            found.append("A class number stands for two maps; give each map a number of its own.")
        if self.where is not None:
            try:
                rule_names(self.where)
            except ParameterError as error:
                found += error.problems
        return found

    def output_names(self) -> dict[str, str]:
        """Return the names of the files that may be written, by what they are, in their order."""
        x = self.base_name
        return {
            "particles": f"particles_{x}{self.particles.suffix.lower()}",
            "groups": f"groups_{x}.csv",
            "result": f"particles_{x}.json",
        }
