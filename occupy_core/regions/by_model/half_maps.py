"""What two half maps say of the errors of a fit.

The fit takes what the model leaves over for noise of the same strength in all directions. Half maps
are two independent samples of all that differs from particle to particle: noise, and also which
particles have a region. Both are fitted like the map, and their amplitudes are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from occupy_core.errors import EstimationError
from occupy_core.maps.grid import DensityMap
from occupy_core.maps.register import require_halves_of
from occupy_core.regions.by_model.fit import MapFit, ModelInMaps

Values = NDArray[np.float64]

# [taste: nothing moved] regions' worth of the errors of the fit against what the half maps say,
# for all
# regions together and for one region: a few differences tell a variance badly
_TRUST, _TRUST_OF_ONE = 10.0, 4.0
_MEDIAN_OF_SQUARE = 0.4549  # [physics] of a normal distribution with a variance of 1
_TOLD = 1.15  # [words] times; a widening of the errors that is worth a note
_ROUNDS = 5  # [machine] of the common factor; it has settled after two


@dataclass(frozen=True, eq=False)
class Widened:
    """A fit whose errors may have grown.

    Parameters
    ----------
    fit : MapFit
    note : str, optional
        When they grew by much.
    """

    fit: MapFit
    note: str | None = None


class HalfMaps:
    """Half maps of the maps that are fitted, in the order of these.

    Parameters
    ----------
    fitter : ModelInMaps
    pairs : iterable of (DensityMap, DensityMap), optional
        None when there are no half maps.
    follow : bool
        See `ModelInMaps.fit`.
    """

    def __init__(
        self,
        fitter: ModelInMaps,
        pairs: Iterable[tuple[DensityMap, DensityMap]] | None,
        *,
        follow: bool,
    ) -> None:
        self._fitter, self._follow = fitter, follow
        self._pairs: Iterator[tuple[DensityMap, DensityMap]] | None = (
            None if pairs is None else iter(pairs)
        )

    def widen(self, density: DensityMap, fit: MapFit) -> Widened:
        """Compare the next pair, and widen the errors of its map where the halves differ by more.

        Raises
        ------
        GridMismatchError
            When a half map lies on another grid.
        EstimationError
            When both halves hold the same density, one holds none where the model is, or they are
            mirror images of the map or lie elsewhere (see `require_halves_of`).
        """
        if self._pairs is None:
            return Widened(fit)
        halves = next(self._pairs)
        if np.array_equal(halves[0].data, halves[1].data):
            raise EstimationError(
                f"Both half maps of {density.name} hold the same density; give the two halves of a "
                "reconstruction."
            )
        require_halves_of(density, halves)
        first, second = (self._fitter.fit(half, follow=self._follow) for half in halves)
        factor = excess(first.amplitude, second.amplitude, (first.covariance, second.covariance))
        spread = np.sqrt(factor)
        note = None
        if spread.max() > _TOLD:
            note = (
                f"The half maps of {density.name} differ by more than the noise explains: errors "
                f"are wider, by up to {spread.max():.1f} times."
            )
        return Widened(replace(fit, covariance=fit.covariance * np.outer(spread, spread)), note)


def excess(first: Values, second: Values, covariances: tuple[Values, Values]) -> Values:
    """By how much the variances of regions are larger than was estimated, at least 1.

    Parameters
    ----------
    first, second : ndarray, shape (n,)
        Amplitudes in two half maps, on any scales.
    covariances : pair of ndarray, shape (n, n)
        As they were estimated.

    Returns
    -------
    ndarray, shape (n,)

    Notes
    -----
    The second half is brought to the scale of the first by least squares. The mean square of the
    differences in units of their errors has one degree of freedom less than there are regions. It
    is averaged with the expectation 1, which has the weight of `_TRUST` regions, and the square of
    one region with that mean, which has the weight of `_TRUST_OF_ONE`.
    """
    n = len(first)
    if n < 2:
        return np.ones(n)
    variances = [np.maximum(np.diag(covariance), 1e-300) for covariance in covariances]
    scale = float(first.sum() / max(float(second.sum()), 1e-300))
    for _ in range(_ROUNDS):
        weight = 1 / (variances[0] + scale**2 * variances[1])
        scale = float((weight * first * second).sum() / max((weight * second**2).sum(), 1e-300))
    square = (first - scale * second) ** 2 / (variances[0] + scale**2 * variances[1])
    # The median tells most regions from one that differs for a reason of its own.
    typical = min(float(square.sum()) / (n - 1), float(np.median(square)) / _MEDIAN_OF_SQUARE)
    common = (_TRUST + (n - 1) * typical) / (_TRUST + n - 1)
    own = (_TRUST_OF_ONE * common + square) / (_TRUST_OF_ONE + 1)
    return np.asarray(np.maximum(1.0, np.maximum(common, own)))
