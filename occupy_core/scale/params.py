"""What the local scale is estimated with and how a map is modified by it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np

from occupy_core.maps.grid import Grid
from occupy_core.params import Params
from occupy_core.scale.full_scale import kernel_footprint, recommended_tau
from occupy_core.scale.outputs import MASKS, MODIFICATIONS, OCCUPY_MASKS, Output

Method = Literal["calibrated", "occupy"]
Mode = Literal["res", "occ"]
METHODS: tuple[str, ...] = get_args(Method)
MODES: tuple[str, ...] = get_args(Mode)

_DEFAULT_LOWPASS = 8.0  # [OccuPy] Å
_LARGEST_DEFAULT_KERNEL = 9  # [OccuPy] voxels
_TILE_SIZE = 12  # [OccuPy] voxels
# [fit: python -m benchmarks.modification --set developed] 10, 12 and 16 Å tried
GRANULARITY = 12.0  # Å; a few secondary structure elements
_FINEST = 5.0  # [physics] Å; two cells, below which nothing can be averaged
# [guard] of lengths, Å or voxels, so that single precision holds their ratios
_LEAST, _MOST = 1e-3, 1e6
# Low-pass over kernel radius. A wide kernel carries full density into its neighbours; that a narrow
# one sees fewer of the peaks of density does not matter where it is calibrated.
_KERNELS_ACROSS = {"occupy": 2.0, "calibrated": 3.0}  # [taste: not swept]


@dataclass(frozen=True, kw_only=True)
class ScaleParams(Params):
    """What the local scale is estimated with; None means: derived from the map.

    Parameters
    ----------
    method : {"calibrated", "occupy"}
        "calibrated": the scale is an occupancy, corrected for noise and for the spread of full
        density, and has a standard error; "occupy": as OccuPy 0.1.13.
    mode : {"res", "occ"}
        "res": from the map as it is, so that loss of resolution lowers the scale too; "occ": from
        the low-passed map, so that occupancy counts. Modify maps by the "occ" scale.
    resolution : float, optional
        Worst resolution of interest, Å: the low-pass is not finer.
    lowpass : float, optional
        Cut-off of the low-pass, Å; the larger of 8 Å and 3 voxels.
    kernel_size : int, optional
        Edge of the kernel, voxels, odd; what fits into the low-pass, 3 to 9.
    kernel_radius : float, optional
        Radius of the ball inside the kernel, voxels; half the low-pass ("occupy") or a third.
    tau : float, optional
        Quantile of a tile that counts as its density; from the voxels in the kernel.
    tile_size : int, optional
        Edge of the tiles that are searched for full density, voxels; 12.
    s0 : bool
        Take tau times the maximum of the map as full density instead of searching tiles.
    granularity : float
        Size (Å) of what has one occupancy with the method "calibrated" in the mode "occ"; 0: each
        voxel has its own.
    max_box : int
        Boxes with more voxels along an edge are Fourier-cropped for the estimate.
    nlrc : bool
        Noise-level recalibration: scale 0 is the value with a confidence of one half.
    hedge_confidence : float, optional
        Power (>= 1) of the confidence; larger is more careful.
    solvent_def_scale : float, optional
        Use the scale above this value as the solvent definition.
    """

    method: Method = "calibrated"
    mode: Mode = "res"
    resolution: float | None = None
    lowpass: float | None = None
    kernel_size: int | None = None
    kernel_radius: float | None = None
    tau: float | None = None
    tile_size: int | None = None
    s0: bool = False
    granularity: float = GRANULARITY
    max_box: int = 256
    nlrc: bool = False
    hedge_confidence: float | None = None
    solvent_def_scale: float | None = None

    def problems(self, grid: Grid | None = None) -> list[str]:
        """Return one sentence for each parameter outside its limits.

        Parameters
        ----------
        grid : Grid, optional
            Grid of the map; without it the limits that depend on the map are not checked.
        """
        found = []
        if self.method not in METHODS:
            found.append(f"The method is {self.method!r} but must be one of {', '.join(METHODS)}.")
        if self.mode not in MODES:
            found.append(f"The mode is {self.mode!r} but must be one of {', '.join(MODES)}.")
        for name, value in (
            ("resolution", self.resolution),
            ("low-pass", self.lowpass),
            ("kernel radius", self.kernel_radius),
        ):
            if value is not None and not _LEAST <= value <= _MOST:
                limits = "" if value <= 0 else f", from {_LEAST:g} to {_MOST:g}"
                found.append(f"The {name} is {value} but must be a positive number{limits}.")
        if self.kernel_size is not None and (self.kernel_size < 3 or self.kernel_size % 2 == 0):
            found.append(
                f"The kernel size is {self.kernel_size} voxels but must be an odd number of at "
                f"least 3; give {max(3, self.kernel_size // 2 * 2 + 1)}."
            )
        if self.tau is not None and not 0 < self.tau <= 1:
            found.append(f"Tau is {self.tau} but must be above 0 and at most 1.")
        if self.tile_size is not None and self.tile_size < 1:
            found.append(f"The tile size is {self.tile_size} voxels but must be at least 1.")
        if not (self.granularity == 0 or _FINEST <= self.granularity <= _MOST):
            found.append(
                f"The granularity is {self.granularity} Å but must be 0 (each voxel by itself) or "
                f"a number of at least {_FINEST:g}; the default is {GRANULARITY:g}."
            )
        if self.max_box < 8:
            found.append(f"The largest box is {self.max_box} voxels but must be at least 8.")
        if self.hedge_confidence is not None and not self.hedge_confidence >= 1:
            found.append(
                f"The power that hedges the confidence is {self.hedge_confidence} but must be at "
                "least 1 (no hedging)."
            )
        if self.solvent_def_scale is not None and not 0 < self.solvent_def_scale < 1:
            found.append(
                f"The scale that defines solvent is {self.solvent_def_scale} but must lie between "
                "0 and 1."
            )
        if grid is not None and not found:
            found += self._problems_on(grid)
        return found

    def _problems_on(self, grid: Grid) -> list[str]:
        """Return the sentences about limits that the map sets."""
        found = []
        shape = processing_shape(grid, self.max_box)
        if min(shape) < 3:
            found.append(
                f"The shortest edge of the box has {min(shape)} voxels but the local scale needs "
                "3; give a larger box."
            )
        for name, size in (("kernel size", self.kernel_size), ("tile size", self.tile_size)):
            if size is not None and size > min(shape):
                found.append(
                    f"The {name} is {size} voxels but the shortest edge of the box has "
                    f"{min(shape)}; give a smaller one or a larger box."
                )
        for name, value in (("resolution", self.resolution), ("low-pass", self.lowpass)):
            if value is not None and value > min(grid.box):
                found.append(
                    f"The {name} is {value:g} Å but must not be larger than the shortest edge of "
                    f"the box, {min(grid.box):.1f} Å."
                )
        return found

    def resolve(self, grid: Grid) -> ResolvedScale:
        """Return the numbers used for a map.

        Raises
        ------
        ParameterError
            When a parameter is outside its limits.
        """
        super().resolve(grid)
        work = grid.resampled(processing_shape(grid, self.max_box))
        voxel = float(np.float32(work.mean_voxel_size))  # single precision as in OccuPy
        lowpass = self.lowpass
        if lowpass is None:
            # In a tiny box 8 Å would leave nothing; boxes of 16 Å and 6 voxels are not affected.
            lowpass = min(max(_DEFAULT_LOWPASS, 3 * voxel), min(work.box) / 2)
        lowpass = float(np.float32(max(lowpass, self.resolution or 0.0)))
        size = self.kernel_size
        if size is None:
            fitting = int(np.float32(lowpass) / np.float32(voxel)) // 2 * 2 + 1
            largest = min(_LARGEST_DEFAULT_KERNEL, (min(work.shape) - 1) // 2 * 2 + 1)
            size = min(max(fitting, 3), largest)
        radius = self.kernel_radius or lowpass / (_KERNELS_ACROSS[self.method] * voxel)
        n_voxels = int(kernel_footprint(work, size, radius).sum())
        recommended = round(recommended_tau(n_voxels), 4)  # OccuPy's table; may move the rank by 1
        return ResolvedScale(
            method=self.method,
            mode=self.mode,
            lowpass=lowpass,
            kernel_size=size,
            kernel_radius=radius,
            n_voxels_in_kernel=n_voxels,
            tau=recommended if self.tau is None else self.tau,
            recommended_tau=recommended,
            tile_size=self.tile_size or min(_TILE_SIZE, min(work.shape)),
            s0=self.s0,
            granularity=self.granularity,
            max_box=self.max_box,
            processing_shape=work.shape,
            processing_voxel_size=work.voxel_size,
            nlrc=self.nlrc,
            hedge_confidence=self.hedge_confidence or 1.0,
            solvent_def_scale=self.solvent_def_scale,
        )


@dataclass(frozen=True, kw_only=True)
class ResolvedScale:
    """The numbers that a scale was estimated with; units as in `ScaleParams`.

    Parameters
    ----------
    n_voxels_in_kernel : int
        Voxels of the ball.
    recommended_tau : float
        Tau for that number of voxels.
    processing_shape : tuple of int
        Voxels (z, y, x) of the map that the scale was estimated from.
    processing_voxel_size : tuple of float
        Its voxel edges (x, y, z), Å; `kernel_size`, `kernel_radius` and `tile_size` count these.
    """

    method: str
    mode: str
    lowpass: float
    kernel_size: int
    kernel_radius: float
    n_voxels_in_kernel: int
    tau: float
    recommended_tau: float
    tile_size: int
    s0: bool
    granularity: float
    max_box: int
    processing_shape: tuple[int, int, int]
    processing_voxel_size: tuple[float, float, float]
    nlrc: bool
    hedge_confidence: float
    solvent_def_scale: float | None


class ScaleKind(Protocol):
    """What tells one kind of scale from another; as in `ScaleParams`."""

    @property
    def method(self) -> str: ...  # noqa: D102
    @property
    def mode(self) -> str: ...  # noqa: D102
    @property
    def granularity(self) -> float: ...  # noqa: D102


def is_regional(values: ScaleKind) -> bool:
    """Whether a scale is that of places, and not of single voxels."""
    return values.method == "calibrated" and values.mode == "occ" and values.granularity > 0


@dataclass(frozen=True, kw_only=True)
class ModifyParams(Params):
    """How a map is modified by its local scale.

    Parameters
    ----------
    amplify, attenuate, sigmoid : float, optional
        Power (gamma) of each modification; 1 or None means: not made.
    pivot : float
        Scale between 0 and 1 that the sigmoid leaves as it is; below it is attenuated.
    exclude_solvent : bool
        Set what is not confidently content to zero instead of leaving it as it is.
    scale_limit : float
        Nothing is modified where the scale is not above this.
    omit_confidence : bool
        Modify everything, solvent too.
    lowpass_output : float, optional
        Cut-off of a low-pass of the modified maps, Å.
    hist_match : bool
        Give the modified map (not its halves) the histogram of the input; otherwise it is clipped
        to its range.
    subtraction_mask : bool
        Make masks for signal subtraction of the attenuation and the sigmoid, too: one of what is
        kept and one of what is subtracted; with the method "occupy" their factors, as OccuPy does.
    seed : int
        Of the solvent noise that replaces what is attenuated.
    """

    amplify: float | None = None
    attenuate: float | None = None
    sigmoid: float | None = None
    pivot: float = 0.5
    exclude_solvent: bool = False
    scale_limit: float = 0.05
    omit_confidence: bool = False
    lowpass_output: float | None = None
    hist_match: bool = False
    subtraction_mask: bool = False
    seed: int = 0

    def problems(self, grid: Grid | None = None) -> list[str]:
        """Return one sentence for each parameter outside its limits.

        Parameters
        ----------
        grid : Grid, optional
            Grid of the map; without it the limits that depend on the map are not checked.
        """
        found = []
        for name, gamma in (
            ("amplification", self.amplify),
            ("attenuation", self.attenuate),
            ("sigmoid", self.sigmoid),
        ):
            if gamma is not None and not (math.isfinite(gamma) and gamma >= 1):
                found.append(
                    f"The power (gamma) of the {name} is {gamma} but must be a number of at least "
                    "1; 2 to 5 are useful."
                )
        if not 0 < self.pivot < 1:
            found.append(
                f"The pivot of the sigmoid is {self.pivot} but must be above 0 and below 1."
            )
        if not 0 <= self.scale_limit < 1:
            found.append(
                f"The scale limit is {self.scale_limit} but must be at least 0 and below 1; the "
                "default is 0.05."
            )
        if self.lowpass_output is not None:
            longest = math.inf if grid is None else min(grid.box)
            if not (math.isfinite(self.lowpass_output) and 0 < self.lowpass_output <= longest):
                limit = "" if grid is None else f" and at most the box, {longest:.1f} Å"
                found.append(
                    f"The low-pass of the output is {self.lowpass_output} Å but must be a positive "
                    f"number{limit}."
                )
        if self.seed < 0:
            found.append(f"The seed is {self.seed} but must not be negative.")
        return found + self._contradictions()

    def _contradictions(self) -> list[str]:
        """Return the sentences about parameters that exclude each other."""
        found = []
        made = {output.kind for output in self._modifications()}
        if self.subtraction_mask and not made & {"attenuated", "sigmoid"}:
            found.append(
                "A subtraction mask is made of an attenuation or a sigmoid, but neither is given; "
                "give a power above 1 for one of them."
            )
        if self.exclude_solvent and self.omit_confidence:
            found.append(
                "Solvent is excluded by the confidence, but the confidence is to be omitted; give "
                "only one of the two."
            )
        return found

    @property
    def active(self) -> bool:
        """Whether there is anything to make."""
        return bool(self.kinds())

    def kinds(self, method: str = "calibrated") -> tuple[Output, ...]:
        """Return the maps to be made by a scale of some method, in their order."""
        made = self._modifications()
        masks = tuple(
            Output(kind, output.gamma, output.pivot)
            for output in made
            if self.subtraction_mask and output.kind != "amplified"
            for kind in (OCCUPY_MASKS if method == "occupy" else MASKS)
        )
        if self.exclude_solvent and not made:
            made = (Output("solvent_excluded"),)
        return made + masks

    def _modifications(self) -> tuple[Output, ...]:
        gammas = (self.amplify, self.attenuate, self.sigmoid)
        return tuple(
            Output(kind, gamma, self.pivot if kind == "sigmoid" else None)
            for kind, gamma in zip(MODIFICATIONS, gammas, strict=True)
            if gamma is not None and gamma > 1
        )


def processing_shape(grid: Grid, max_box: int) -> tuple[int, int, int]:
    """Return the number of voxels (z, y, x) that a map is estimated with."""
    factor = min(1.0, max_box / max(grid.shape))
    nz, ny, nx = (max(1, round(n * factor)) for n in grid.shape)
    return nz, ny, nx
