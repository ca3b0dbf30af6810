"""Which voxels come and go together: exact tests on all pairs of bit-packed voxels.

Of N volumes voxel i is occupied in t_i and voxel j in t_j. If the two are independent, the number
of volumes in which both are occupied is hypergeometric (Fisher 1935, doi 10.2307/2342435):

    P(X = x) = C(t_i, x) C(N - t_i, t_j - x) / C(N, t_j)                                      (1)

and the pair is co-occupied when P(X >= both on) is small. Both off are N - t_i - t_j + both on:
given the totals the two counts rise and fall together and have the same tail, so the stricter of
the two levels decides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from occupy_core.blocks import _loops as kernels
from occupy_core.blocks._loops import Bits, SmallIntegers
from occupy_core.blocks.bits import VoxelBits
from occupy_core.maps.threads import for_slabs

_ROWS = 256  # [machine] rows of a slab


def log_tail(
    both: ArrayLike, total_i: ArrayLike, total_j: ArrayLike, n_volumes: int
) -> NDArray[np.float64]:
    """Return the natural logarithm of P(X >= both) of eq. (1).

    Parameters
    ----------
    both : int or ndarray of int
        Volumes in which both are on.
    total_i, total_j : int or ndarray of int
        Volumes in which each is on.
    n_volumes : int
        Number of volumes, N.

    Returns
    -------
    ndarray of float64
        Of the broadcast shape; 0 where the tail is everything, -inf where it is empty.

    Notes
    -----
    Exclusion is the tail of i with the complement of j:
    ``log_tail(total_i - both, total_i, n_volumes - total_j, n_volumes)``.
    """
    arrays = np.broadcast_arrays(*(np.asarray(a, dtype=np.int64) for a in (both, total_i, total_j)))
    x, t_i, t_j = (np.ascontiguousarray(a).ravel() for a in arrays)
    out = np.empty(x.size)
    kernels.log_tails(x, t_i, t_j, n_volumes, out)
    return out.reshape(arrays[0].shape)


def cutoff_table(totals: NDArray[Any], n_volumes: int, log_limit: float) -> SmallIntegers:
    """Return in how many volumes both must be on, for each pair of totals.

    Parameters
    ----------
    totals : ndarray of int
        The totals that occur; they may repeat.
    n_volumes : int
        Number of volumes, N.
    log_limit : float
        Natural logarithm of the largest tail accepted.

    Returns
    -------
    ndarray of int32, shape (N + 1, N + 1)
        The smallest x with P(X >= x) <= limit; one more than the smaller total where not even
        complete agreement is enough, and N + 1 for totals that do not occur.
    """
    table = np.full((n_volumes + 1, n_volumes + 1), n_volumes + 1, np.int32)
    unique = np.unique(totals).astype(np.int64)

    def fill(start: int, stop: int) -> None:
        kernels.cutoffs(unique, n_volumes, log_limit, (start, stop), table)

    for_slabs(fill, len(unique), 8)
    lower = np.minimum(table, table.T)  # the other triangle still has N + 1
    return lower


@dataclass(frozen=True, eq=False, kw_only=True)
class PairTest:
    """When two voxels are co-occupied.

    Parameters
    ----------
    log_limit_on, log_limit_off : float
        Natural logarithm of the largest tail of a pair, for both on and for both off.
    min_distance : float
        Nearer pairs (Å) do not count.
    voxel_size, box : tuple of float
        Edges of a voxel and of the box (z, y, x), Å.
    distance_factor : bool
        Raise the cut-off for both on by `kernels.siren_factor`.
    """

    log_limit_on: float
    log_limit_off: float
    min_distance: float
    voxel_size: tuple[float, float, float]
    box: tuple[float, float, float]
    distance_factor: bool = False

    def partners(self, voxels: VoxelBits, k: int) -> tuple[SmallIntegers, SmallIntegers]:
        """Find the co-occupied partners of each voxel among all.

        Parameters
        ----------
        voxels : VoxelBits
        k : int
            How many to keep.

        Returns
        -------
        degree : ndarray of int32, shape (V,)
            Number of partners.
        index : ndarray of int32, shape (V, k)
            Those that agree best, the best first; -1 where there are fewer.
        """
        degree = np.zeros(len(voxels), np.int32)
        index = np.full((len(voxels), k), -1, np.int32)
        on = cutoff_table(voxels.totals, voxels.n_volumes, self.log_limit_on)
        off = cutoff_table(voxels.totals, voxels.n_volumes, self.log_limit_off)
        limits = kernels.PairLimits(
            np.maximum(on, off), on, float(self.min_distance), self.distance_factor
        )
        packed = voxels.packed(self.voxel_size, self.box)

        def find(start: int, stop: int) -> None:
            kernels.nearest_partners(packed, limits, (start, stop), degree, index)

        for_slabs(find, len(voxels), _ROWS)
        return degree, index


def corrected_limits(
    voxels: VoxelBits, test: PairTest, posp: float, negp: float, *, correction: str
) -> PairTest:
    """Return the test with the limits of one pair that keep the level over all pairs.

    Parameters
    ----------
    voxels : VoxelBits
    test : PairTest
        Its limits are replaced.
    posp, negp : float
        Levels for both on and for both off.
    correction : {"bonferroni", "bh"}
        Bonferroni: the level divided by the number m of pairs. Benjamini-Hochberg (1995, doi
        10.1111/j.2517-6161.1995.tb02031.x): the largest limit a with a <= level R(a)/m, where R(a)
        pairs are below it. As R never falls with a, replacing a by level R(a)/m, from a = level on,
        comes down to it.
    """
    m = max(len(voxels) * (len(voxels) - 1) / 2, 1.0)
    if correction == "bonferroni":
        return _with_limits(test, posp / m, negp / m)
    share = 1.0
    while share > 0:
        degree, _ = _with_limits(test, posp * share, negp * share).partners(voxels, 1)
        reached = float(degree.sum(dtype=np.int64)) / 2 / m
        if reached >= share:
            break
        share = reached
    return _with_limits(test, posp * share, negp * share)


def bonferroni_attainable(n_volumes: int, n_voxels: int, level: float) -> bool:
    """Tell whether two voxels that are on in the same half of the volumes are co-occupied."""
    m = max(n_voxels * (n_voxels - 1) / 2, 1.0)
    half = n_volumes // 2
    return bool(log_tail(half, half, half, n_volumes) <= math.log(level / m))


def common_volumes(a: Bits, b: Bits) -> SmallIntegers:
    """Return the number of volumes in which both are on, shape (columns of a, columns of b)."""
    out = np.zeros((a.shape[1], b.shape[1]), np.int32)
    for_slabs(lambda start, stop: kernels.common_volumes(a, b, (start, stop), out), len(out), _ROWS)
    return out


def _with_limits(test: PairTest, on: float, off: float) -> PairTest:
    log_on, log_off = (math.log(p) if p > 0 else -math.inf for p in (on, off))
    return PairTest(
        log_limit_on=log_on,
        log_limit_off=log_off,
        min_distance=test.min_distance,
        voxel_size=test.voxel_size,
        box=test.box,
        distance_factor=test.distance_factor,
    )
