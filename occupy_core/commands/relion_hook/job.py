"""What is done to the maps of a classification, and in which iterations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from occupy_core.errors import ParameterError


@dataclass(frozen=True, kw_only=True)
class HookJob:
    """One call, with the options of the job of RELION.

    Parameters
    ----------
    star : Path
        What RELION wrote.
    program : str
        RELION's own program.
    skip_gridding : bool
        Given to it.
    power : float, optional
        Of the attenuation; 1 attenuates nothing. None focuses instead.
    decay : float
        Share of the attenuation that is left after each iteration.
    keep_solvent, by_voxel, per_class, renormalise : bool
        See the options.
    start_resolution : float
        Å; maps pass through while the classification is worse.
    start_iteration : int
        Maps pass through before it.
    stop_iteration : int, optional
        Maps pass through after it; those of the last iteration always do.
    threads : int
    """

    star: Path
    program: str = "relion_external_reconstruct"
    skip_gridding: bool = False
    power: float | None = None
    decay: float = 1.0
    keep_solvent: bool = False
    by_voxel: bool = False
    per_class: bool = False
    renormalise: bool = False
    start_resolution: float = 45.0
    start_iteration: int = 2
    stop_iteration: int | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        """Raise ParameterError when a number is outside its limits."""
        problems = []
        if self.power is not None and not self.power >= 1:
            problems.append(
                f"The power of the attenuation is {self.power} but must be at least 1: below it "
                "parts would be amplified, which RELION takes for resolution."
            )
        problems += self._for_attenuation()
        if not 0 <= self.decay <= 1:
            problems.append(f"The decay is {self.decay} but must lie between 0 and 1.")
        if not self.start_resolution > 0:
            problems.append(
                f"The resolution to start at is {self.start_resolution} Å but must be positive."
            )
        if self.start_iteration < 2:
            problems.append(
                f"The iteration to start at is {self.start_iteration} but must be at least 2: the "
                "first one has no maps before it."
            )
        if self.threads < 1:
            problems.append(f"The number of threads is {self.threads} but must be at least 1.")
        if problems:
            raise ParameterError(*problems)

    def _for_attenuation(self) -> list[str]:
        """Say which options do nothing because nothing is attenuated."""
        if self.power is not None:
            return []
        given = {
            "--decay": self.decay != 1,
            "--keep-solvent": self.keep_solvent,
            "--per-class": self.per_class,
            "--renormalise": self.renormalise,
        }
        return [
            f"{name} has no effect without an attenuation; give --attenuate too, or leave it out."
            for name, there in given.items()
            if there
        ]

    def power_at(self, iteration: int) -> float:
        """Return the power of the attenuation in an iteration; 1 when nothing is attenuated."""
        power = 1.0 if self.power is None else self.power
        return 1.0 + (power - 1.0) * self.decay ** max(0, iteration - self.start_iteration)
