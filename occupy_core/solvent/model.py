"""The solvent of a map: a Gaussian fitted to the main peak of its histogram, and what follows.

What is told apart from solvent by its value alone gets a confidence between 0 and 1. The model and
its constants are those of OccuPy 0.1.13 (Forsberg, Shah & Burt, Nat. Commun. 14 (2023),
doi:10.1038/s41467-023-41478-1); `docs/method.md` lists where this module differs and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occupy_core.errors import EstimationError
from occupy_core.maps.filters import map_values
from occupy_core.maps.grid import Array, DensityMap, Mask, require_same_grid
from occupy_core.maps.threads import for_slabs
from occupy_core.solvent.blank import Blank
from occupy_core.solvent.histograms import (
    Float64Array,
    Gaussian,
    confidence_table,
    constants_unit,
    density_histogram,
    fit_main_peak,
    skewness,
    solvent_limits,
)
from occupy_core.solvent.region import inscribed_ellipsoid
from occupy_core.solvent.robust import variance

_LEVELS = 1000  # [OccuPy] bins of the histograms
_PLANES = 16  # [machine] of a slab
_HALF = 0.5  # [OccuPy] the confidence at which content begins
_DEFINITION_LEVEL = 0.9  # [physics] a definition is "inside" above this value
_VOXELS_PER_LEVEL = 10  # [guard] histograms of small regions get fewer levels
_FEW_VOXELS = 1000  # [words]
_SUSPECT_RANGE = 0.5  # [words] of the grey range; content that begins higher is a sign of a bad fit
_MASKED_FRACTION = 0.05  # [words] of the voxels that are fitted
_NEGATIVE_SKEWNESS = -0.5  # [words]


@dataclass(frozen=True, eq=False, kw_only=True)
class SolventModel:
    """Gaussian model of the solvent and the confidence of a value not to be solvent.

    Parameters
    ----------
    amplitude, mean, sigma : float
        Gaussian: height (1/grey unit), position and width (grey units of the low-passed map).
    edges : ndarray of float64, shape (levels + 1,)
        Edges of the bins of the histogram that the Gaussian was fitted to.
    density : ndarray of float64, shape (levels,)
        Density of that histogram, 1/grey unit.
    confidence_table : ndarray of float32, shape (levels,)
        Confidence (0 to 1) of equal steps of the value from `lo` to `hi`.
    lo, hi : float
        Range of the whole low-passed map.
    edge : float
        Value at which the Gaussian has dropped to nothing (1e-9).
    content_at_one_percent : float
        Value at which content makes 1 % of the histogram.
    value_at_half_confidence : float
        Smallest value with a confidence over one half.
    suspect : bool
        Whether the model is probably bad; `warnings` say why.
    dark : bool
        Whether content is darker than solvent, so that nothing can be said but that.
    region : str
        Where the histogram was taken.
    warnings : tuple of str
        Sentences: what, value, limit, remedy.
    """

    amplitude: float
    mean: float
    sigma: float
    edges: Float64Array
    density: Float64Array
    confidence_table: Array
    lo: float
    hi: float
    edge: float
    content_at_one_percent: float
    value_at_half_confidence: float
    suspect: bool
    dark: bool
    region: str
    warnings: tuple[str, ...] = ()

    def confidence(self, data: Array) -> Array:
        """Return the confidence (0 to 1) of each value of a low-passed map.

        Parameters
        ----------
        data : ndarray of float32, shape (z, y, x)
            Low-passed map.

        Returns
        -------
        ndarray of float32, shape (z, y, x)
        """
        return map_values(data, self.lo, self.hi, self.confidence_table)

    def curve(self, x: NDArray[Any]) -> Float64Array:
        """Return the Gaussian at the grey values `x`, 1/grey unit."""
        return Gaussian(self.amplitude, self.mean, self.sigma)(x)


def fit_solvent(
    lowpassed: DensityMap,
    *,
    definition: DensityMap | None = None,
    blank: Blank | None = None,
    left_out: Mask | None = None,
    hedge_confidence: float | None = None,
    as_occupy: bool = True,
    levels: int = _LEVELS,
) -> SolventModel:
    """Fit the solvent model to a low-passed map.

    Parameters
    ----------
    lowpassed : DensityMap
        Low-passed map.
    definition : DensityMap, optional
        Mask of solvent or of content, on the same grid; the side with the smaller variance inside
        the inscribed sphere is the solvent. Without it the whole sphere is used.
    blank : Blank, optional
        Where the map before the low-pass was masked away: the model warns when that is much of
        where solvent is looked for.
    left_out : ndarray of bool, shape (z, y, x), optional
        Voxels that count nowhere, such as those outside of a mask that leaves much solvent.
    hedge_confidence : float, optional
        Power (>= 1) of the confidence; larger is more careful.
    as_occupy : bool
        Whether constants are those of OccuPy, per grey unit; otherwise they follow the grey values.
    levels : int
        Bins of the histograms; regions of less than 10 voxels a bin get fewer.

    Returns
    -------
    SolventModel

    Raises
    ------
    EstimationError
        When the map is constant or not finite, or the definition has an empty side.
    GridMismatchError
        When the definition lies on another grid.
    """
    data = lowpassed.data
    limits = finite_range(lowpassed)
    region, where = solvent_region(lowpassed, definition)
    if left_out is not None:
        region &= ~left_out
    n_voxels = int(np.count_nonzero(region))
    levels = min(levels, useful_levels(limits, n_voxels))
    edges, density = _solvent_histogram(data, region, levels, limits)
    masked = 0.0 if blank is None else blank.share_of(region)
    del region
    peak = fit_main_peak(edges, density)
    unit = constants_unit(density, as_occupy=as_occupy)
    edge, one_percent = solvent_limits(edges, density, peak, unit)

    counted = None if left_out is None else ~left_out
    whole_edges, whole = density_histogram(data, levels, limits, counted)
    table = confidence_table(whole, peak(whole_edges[:-1]), unit)
    table **= hedge_confidence or 1.0
    first_content = levels - int(np.count_nonzero(table > _HALF))
    skewed = skewness(whole_edges, whole)
    warnings, suspect = _judge(
        lowpassed.name,
        n_voxels=n_voxels,
        solvent_range=first_content / levels,
        masked=masked,
        skewed=skewed,
    )
    return SolventModel(
        **peak._asdict(),
        edges=edges,
        density=density,
        confidence_table=table.astype(np.float32),
        lo=limits[0],
        hi=limits[1],
        edge=edge,
        content_at_one_percent=one_percent,
        value_at_half_confidence=float(whole_edges[first_content]),
        suspect=suspect,
        dark=skewed < _NEGATIVE_SKEWNESS,
        region=where,
        warnings=warnings,
    )


def useful_levels(limits: tuple[float, float], n_voxels: int) -> int:
    """Return how many levels the voxels fill and single precision tells apart."""
    finest = 2 * float(np.spacing(np.float32(max(map(abs, limits)))))
    return max(
        1, min(max(16, n_voxels // _VOXELS_PER_LEVEL), int((limits[1] - limits[0]) / finest))
    )


def _solvent_histogram(
    data: Array, region: Mask, levels: int, limits: tuple[float, float]
) -> tuple[Float64Array, Float64Array]:
    """Return edges and density of the histogram of a region over its own range."""
    lo, hi = _range_within(data, region)
    if lo == hi:  # exact zeros outside a mask, say: one level of the whole map
        half_level = (limits[1] - limits[0]) / levels / 2
        lo, hi = lo - half_level, hi + half_level
    return density_histogram(data, levels, (lo, hi), region)


def _judge(
    name: str, *, n_voxels: int, solvent_range: float, masked: float, skewed: float
) -> tuple[tuple[str, ...], bool]:
    """Return warnings about a solvent model, and whether it is probably bad."""
    if skewed < _NEGATIVE_SKEWNESS:
        sentence = (
            f"The content of {name} seems to be darker than its solvent (skewness {skewed:.1f}, "
            f"limit {_NEGATIVE_SKEWNESS}), but density must be positive; multiply the map by -1."
        )
        return (sentence,), True
    warnings = []
    if n_voxels < _FEW_VOXELS:
        warnings.append(
            f"Only {n_voxels} voxels of {name} define its solvent, but a good model needs "
            f"{_FEW_VOXELS}; use a larger box or another solvent definition."
        )
    if solvent_range > _SUSPECT_RANGE:
        warnings.append(
            f"The solvent model of {name} is probably bad: only values in the upper "
            f"{1 - solvent_range:.0%} of the grey range are told from solvent (at least "
            f"{1 - _SUSPECT_RANGE:.0%} are expected); give a solvent definition, or a larger "
            "kernel or low-pass."
        )
    if masked > _MASKED_FRACTION:
        warnings.append(
            f"{masked:.0%} of the voxels where {name} may have solvent have exactly one value "
            f"(limit {_MASKED_FRACTION:.0%}), so its solvent was masked away and the confidence "
            "only tells the mask from its outside; use the map before masking."
        )
    return tuple(warnings), solvent_range > _SUSPECT_RANGE or masked > _MASKED_FRACTION


def finite_range(density: DensityMap) -> tuple[float, float]:
    """Return the smallest and the largest value of a map that has two different ones."""
    lo, hi = float(density.data.min()), float(density.data.max())
    if not (np.isfinite(lo) and np.isfinite(hi)):
        raise EstimationError(f"{density.name} contains NaN or Inf; replace them by numbers.")
    if lo == hi:
        raise EstimationError(
            f"{density.name} has the value {lo:g} everywhere, so it has no solvent; give a map "
            "that varies."
        )
    return lo, hi


def solvent_region(lowpassed: DensityMap, definition: DensityMap | None) -> tuple[Mask, str]:
    """Return the voxels whose histogram is fitted, and what to call them."""
    sphere = inscribed_ellipsoid(lowpassed.grid.shape)
    if definition is None:
        box = lowpassed.grid.box
        cubic = max(box) - min(box) < 1e-3 * max(box)
        return sphere, "inscribed sphere" if cubic else "inscribed ellipsoid"
    require_same_grid(lowpassed, definition, "solvent definition")
    inside = definition.data > _DEFINITION_LEVEL
    inside &= sphere
    outside = sphere
    outside &= ~inside
    for side, relation in ((inside, "above"), (outside, "below")):
        if not side.any():
            raise EstimationError(
                f"The solvent definition {definition.name} has no voxel {relation} "
                f"{_DEFINITION_LEVEL} inside the inscribed sphere, so it does not tell solvent "
                "from content; give a mask with values 0 and 1."
            )
    solvent = min((inside, outside), key=lambda side: variance(lowpassed.data, side))
    return solvent, "solvent definition"


def _range_within(data: Array, region: Mask) -> tuple[float, float]:
    """Return the smallest and the largest value of a region."""
    found = np.tile(np.array([np.inf, -np.inf]), (len(data), 1))

    def look(first: int, last: int) -> None:
        for k in range(first, last):
            values = data[k][region[k]]
            if values.size:
                found[k] = values.min(), values.max()

    for_slabs(look, len(data), _PLANES)
    return float(found[:, 0].min()), float(found[:, 1].max())
