"""Parameters of the search for blocks."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

from occupy_core.maps.grid import Grid
from occupy_core.params import Params

ThresholdRule = Literal["density", "scale", "solvent", "otsu"]
Correction = Literal["auto", "bonferroni", "bh"]

THRESHOLD_RULES: tuple[str, ...] = get_args(ThresholdRule)
CORRECTIONS: tuple[str, ...] = get_args(Correction)

# The parameters that decide each step; those of a step decide the following ones, too.
CONTOUR_FIELDS = ("threshold", "threshold_rule", "smoothing", "filter_volumes", "union_fraction")
SKETCH_FIELDS = (
    "posp",
    "negp",
    "correction",
    "distance_factor",
    "min_distance",
    "max_agreement",
    "subsample",
    "max_voxels",
    "seed",
)
EXPAND_FIELDS = ("exp_frac", "min_volume")

# [guard] how much of the shortest edge of the box a length may be
_MOST_OF_BOX = {"smoothing": (0.1, "a tenth of the"), "min_distance": (0.5, "half the")}
FEWEST_VOXELS = 20  # [guard] of a block
LEAST_VOLUMES = 10  # [physics] with fewer, not even complete agreement of two voxels is significant


@dataclass(frozen=True, kw_only=True)
class BlocksParams(Params):
    """How to find blocks.

    Parameters
    ----------
    threshold : float or None
        Grey value above which a voxel of any volume is on; None: one for each volume by
        `threshold_rule`.
    threshold_rule : {"density", "scale", "solvent", "otsu"}
        Automatic threshold of each volume, see `occupy_core.blocks.contour.thresholds`.
    smoothing : float or None
        Sigma (Å) of a Gaussian that the volumes are smoothed by before they are contoured; None:
        one voxel where an automatic threshold does not stand out of the noise, else none. The masks
        come from the volumes as they are.
    filter_volumes : bool
        Leave out volumes whose threshold lies outside mean +- 2 standard deviations, and those in
        which nothing stands out of the noise.
    union_fraction : float
        Only voxels that are on in more than this fraction of the volumes are looked at.
    posp, negp : float
        Level of the tests for both on and for both off, before the correction for the number of
        pairs. With exact tails the two tests are one and the smaller level decides.
    correction : {"auto", "bonferroni", "bh"}
        Bonferroni (no false pair at the level), Benjamini-Hochberg (the fraction of false pairs is
        the level), or the first where any pair can reach it, else the second.
    distance_factor : bool
        Ask for more agreement of far voxels, as SIREN does.
    min_distance : float or None
        Distance in Å below which agreement is no evidence, for noise is correlated over it; None:
        measured in the solvent.
    exp_frac : float
        A voxel joins a block when it is co-occupied with at least this fraction of its seeds.
    max_agreement : float
        Groups of voxels that agree in more than this fraction of the volumes are one block.
    min_volume : float or None
        Smallest block in Å3; None: 20 voxels.
    subsample : int
        Only one voxel in so many, drawn at random, is compared with the others; the rest is asked
        when the blocks are expanded.
    max_voxels : int
        All pairs of up to this number of voxels are tested, else those of a random sample.
    seed : int
        Of the sample.
    """

    threshold: float | None = None
    threshold_rule: ThresholdRule = "density"
    smoothing: float | None = None
    filter_volumes: bool = False
    union_fraction: float = 0.01
    posp: float = 0.01
    negp: float = 0.05
    correction: Correction = "auto"
    distance_factor: bool = False
    min_distance: float | None = None
    exp_frac: float = 0.25
    max_agreement: float = 0.95
    min_volume: float | None = None
    subsample: int = 1
    max_voxels: int = 100_000
    seed: int = 0

    def problems(self, grid: Grid | None = None) -> list[str]:
        """Return one sentence for each parameter outside its limits; see `Params`."""
        found = []
        limits = {
            "union_fraction": (0.0, 0.5),
            "posp": (0.0, 0.5),
            "negp": (0.0, 0.5),
            "exp_frac": (0.0, 1.0),
            "max_agreement": (0.5, 1.0),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low < value <= high and not (name == "union_fraction" and value == 0):
                found.append(f"{name} is {value:g} but must be above {low:g} and up to {high:g}.")
        if self.threshold_rule not in THRESHOLD_RULES:
            found.append(
                f"threshold_rule is {self.threshold_rule!r} but must be one of "
                f"{', '.join(THRESHOLD_RULES)}."
            )
        if self.correction not in CORRECTIONS:
            found.append(
                f"correction is {self.correction!r} but must be one of {', '.join(CORRECTIONS)}."
            )
        for name, (part, words) in _MOST_OF_BOX.items():
            value = getattr(self, name)
            most = math.inf if grid is None else part * min(grid.box)
            if value is not None and not value >= 0:
                found.append(f"{name} is {value:g} Å but must not be negative.")
            if value is not None and value > most:
                found.append(
                    f"{name} is {value:g} Å but must be at most {most:g} Å, {words} shortest edge "
                    "of the box."
                )
        if self.min_volume is not None and not self.min_volume >= 0:
            found.append(f"min_volume is {self.min_volume:g} Å3 but must not be negative.")
        if self.subsample < 1:
            found.append(f"subsample is {self.subsample} but must be at least 1.")
        if self.max_voxels < 1000:
            found.append(f"max_voxels is {self.max_voxels} but must be at least 1000.")
        if self.seed < 0:
            found.append(f"seed is {self.seed} but must not be negative.")
        return found

    def resolve(self, grid: Grid) -> BlocksParams:
        """Return the parameters with the smallest volume of a block on a grid.

        What depends on the volumes themselves (thresholds, smoothing, correction, distance) stays
        None or "auto" until they are read.

        Raises
        ------
        ParameterError
            When a parameter is outside its limits.
        """
        super().resolve(grid)
        smallest = FEWEST_VOXELS * math.prod(grid.voxel_size)
        return replace(self, min_volume=smallest if self.min_volume is None else self.min_volume)
