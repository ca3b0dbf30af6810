"""Compiled loops over packed voxels.

Word w of voxel v is ``words[w, v]``: neighbours in memory are voxels, so that vector instructions
count the common volumes of several pairs at once. Each kernel works on a slab (start, stop) of its
output; slabs run on as many threads as `occupy_core.maps.threads` allows.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from occupy_core.maps.compiled import compiled
from occupy_core.maps.grid import Mask

Bits = NDArray[np.uint64]
Singles = NDArray[np.float32]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
SmallIntegers = NDArray[np.int32]
Octets = NDArray[np.uint8]
Slab = tuple[int, int]

# [machine] columns counted at once: with their words they stay in the second-level cache
_TILE = 512
_ROWS = 16  # [machine] rows that share a tile
_RESCALE = 1e250  # [guard] sums of ratios are brought back from here, far from overflow


class PackedVoxels(NamedTuple):
    """Voxels to be compared: words (W, V), totals (V,), positions (V, 3) and the box, Å."""

    words: Bits
    totals: Integers
    positions: Singles
    box: Singles


class PairLimits(NamedTuple):
    """What a pair needs.

    `least` and `least_on`, shape (N + 1, N + 1), are the least numbers of volumes with both on, by
    both tests and by that for both on, for each pair of totals. Pairs at most `near` Å apart do not
    count; `factor` raises `least_on` with the distance.
    """

    least: SmallIntegers
    least_on: SmallIntegers
    near: float
    factor: bool


class Neighbours(NamedTuple):
    """Where neighbours are: cells (V, 3), offsets (n, 3) and the number of each voxel, or -1."""

    cells: SmallIntegers
    offsets: Integers
    lookup: SmallIntegers


def _codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
    return builder.ctpop(arguments[0])


# Counts the ones of a 64-bit word by one machine instruction, which numba has no function for.
_popcount: Any = intrinsic(lambda _context, _word: (types.uint64(types.uint64), _codegen))


# --- hypergeometric tails -------------------------------------------------------------------------


@compiled
def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1.0) - math.lgamma(k + 1.0) - math.lgamma(n - k + 1.0)


@compiled
def _log_pmf(x: int, total_i: int, total_j: int, n: int) -> float:
    chosen = _log_choose(total_i, x) + _log_choose(n - total_i, total_j - x)
    return chosen - _log_choose(n, total_j)


@compiled
def _log_tail(x: int, total_i: int, total_j: int, n: int) -> float:
    """Return log P(X >= x): the shorter side, summed by the ratio of neighbouring terms."""
    low, high = max(0, total_i + total_j - n), min(total_i, total_j)
    if x <= low:
        return 0.0
    if x > high:
        return -math.inf
    rest = n - total_i - total_j
    term, total = 1.0, 1.0
    if x > total_i * total_j / n:  # beyond the mean the terms fall
        for y in range(x, high):
            term *= (total_i - y) * (total_j - y) / ((y + 1.0) * (rest + y + 1.0))
            total += term
        return _log_pmf(x, total_i, total_j, n) + math.log(total)
    for y in range(x - 1, low, -1):
        term *= y * (rest + y) / ((total_i - y + 1.0) * (total_j - y + 1.0))
        total += term
    below = math.exp(_log_pmf(x - 1, total_i, total_j, n) + math.log(total))
    return math.log1p(-min(below, 1.0)) if below < 1.0 else -math.inf


@compiled
def log_tails(both: Integers, total_i: Integers, total_j: Integers, n: int, out: Floats) -> None:
    """Fill `out` with the log tails of the pairs of three flat arrays."""
    for k in range(both.size):
        out[k] = _log_tail(both[k], total_i[k], total_j[k], n)


@compiled
def _cutoff(total_i: int, total_j: int, n: int, log_limit: float) -> int:
    """Return the smallest x with log P(X >= x) <= log_limit, or one more than the largest x.

    The tail is summed from its thin end, each term once.
    """
    low, x = max(0, total_i + total_j - n), min(total_i, total_j)
    rest = n - total_i - total_j
    unit = _log_pmf(x, total_i, total_j, n)
    term, total = 1.0, 1.0
    while unit + math.log(total) <= log_limit:
        if x == low:
            return low
        term *= x * (rest + x) / ((total_i - x + 1.0) * (total_j - x + 1.0))
        total += term
        x -= 1
        if total > _RESCALE:
            term, total, unit = term / _RESCALE, total / _RESCALE, unit + math.log(_RESCALE)
    return x + 1


@compiled
def cutoffs(totals: Integers, n: int, log_limit: float, slab: Slab, table: SmallIntegers) -> None:
    """Fill table[t_i, t_j] for the i of a slab and j <= i (not its mirror image)."""
    for i in range(slab[0], slab[1]):
        for j in range(i + 1):
            table[totals[i], totals[j]] = _cutoff(totals[i], totals[j], n, log_limit)


# --- pairs ----------------------------------------------------------------------------------------


@compiled
def _count_common(words: Bits, i: int, columns: Bits, tile: Slab, both: Bits) -> None:
    """Count the volumes common to voxel i and to each column of a tile.

    Slices, not offsets, and four words at a time: so LLVM makes vector instructions of it.
    """
    start, stop = tile
    counts = both[: stop - start]
    counts[:] = 0
    n = words.shape[0]
    for w in range(0, n - n % 4, 4):
        a0, a1, a2, a3 = words[w, i], words[w + 1, i], words[w + 2, i], words[w + 3, i]
        c0, c1 = columns[w, start:stop], columns[w + 1, start:stop]
        c2, c3 = columns[w + 2, start:stop], columns[w + 3, start:stop]
        for j in range(counts.size):
            low: Any = _popcount(a0 & c0[j]) + _popcount(a1 & c1[j])
            counts[j] += low + (_popcount(a2 & c2[j]) + _popcount(a3 & c3[j]))
    for w in range(n - n % 4, n):
        a0 = words[w, i]
        c0 = columns[w, start:stop]
        for j in range(counts.size):
            counts[j] += _popcount(a0 & c0[j])


@compiled
def common_volumes(words: Bits, columns: Bits, slab: Slab, out: SmallIntegers) -> None:
    """Fill out[i, j] with the volumes common to voxel i of a slab and column j."""
    both = np.empty(_TILE, np.uint64)
    for first in range(0, columns.shape[1], _TILE):
        last = min(first + _TILE, columns.shape[1])
        for i in range(slab[0], slab[1]):
            _count_common(words, i, columns, (first, last), both)
            for j in range(first, last):
                out[i, j] = both[j - first]


@compiled
def _squared_distance(a: Singles, b: Singles, box: Singles) -> float:
    """Squared distance to the nearest image, Å2: filters in Fourier space wrap at the border."""
    total = 0.0
    for axis in range(3):
        d = abs(a[axis] - b[axis])
        d = min(d, box[axis] - d)
        total += d * d
    return total


@compiled
def siren_factor(distance: float) -> float:
    """Return what SIREN multiplies its cut-off for both on by, for a distance in Å.

    0.02 d + 0.95, but at least 1.25, below 40 Å and 1.75 beyond: a rule set by hand that asks for
    more agreement of far voxels; it is not a probability.
    """
    return max(0.02 * distance + 0.95, 1.25) if distance < 40.0 else 1.75


@compiled
def _keep_best(order: float, j: int, orders: Floats, index: SmallIntegers) -> None:
    """Insert partner j into the list of the best, which falls in `orders`."""
    place = orders.size - 1
    if order <= orders[place]:
        return
    while place > 0 and orders[place - 1] < order:
        orders[place] = orders[place - 1]
        index[place] = index[place - 1]
        place -= 1
    orders[place] = order
    index[place] = j


@compiled
def nearest_partners(
    voxels: PackedVoxels,
    limits: PairLimits,
    slab: Slab,
    degree: SmallIntegers,
    index: SmallIntegers,
) -> None:
    """Count the co-occupied partners of the voxels of a slab and keep those that agree best.

    The best by the correlation (N x - t_i t_j)/sqrt(t_i (N - t_i) t_j (N - t_j)) come first.
    """
    n = limits.least.shape[0] - 1
    v = voxels.totals.size
    both = np.empty(_TILE, np.uint64)
    orders = np.empty((_ROWS, index.shape[1]))
    for block in range(slab[0], slab[1], _ROWS):
        orders[:] = -2.0
        for first in range(0, v, _TILE):
            last = min(first + _TILE, v)
            totals = voxels.totals[first:last]
            for i in range(block, min(block + _ROWS, slab[1])):
                _count_common(voxels.words, i, voxels.words, (first, last), both)
                t_i = voxels.totals[i]
                needed = limits.least[t_i]
                for j in range(totals.size):
                    t_j, x = totals[j], np.int64(both[j])
                    if x < needed[t_j] or first + j == i:
                        continue
                    d2 = _squared_distance(
                        voxels.positions[i], voxels.positions[first + j], voxels.box
                    )
                    if d2 <= limits.near * limits.near:
                        continue
                    if limits.factor:
                        raised = math.ceil(limits.least_on[t_i, t_j] * siren_factor(math.sqrt(d2)))
                        if x < min(raised, t_i, t_j):  # never above what the totals allow
                            continue
                    degree[i] += 1
                    order = (n * x - t_i * t_j) / math.sqrt(float(t_j) * (n - t_j))
                    _keep_best(order, first + j, orders[i - block], index[i])


@compiled
def local_partners(
    voxels: PackedVoxels, around: Neighbours, least: SmallIntegers, slab: Slab, found: Mask
) -> None:
    """Tell which voxels of a slab have a co-occupied partner among their neighbours."""
    nz, ny, nx = around.lookup.shape
    words, totals = voxels.words, voxels.totals
    for i in range(slab[0], slab[1]):
        for k in range(around.offsets.shape[0]):
            z = around.cells[i, 0] + around.offsets[k, 0]
            y = around.cells[i, 1] + around.offsets[k, 1]
            x = around.cells[i, 2] + around.offsets[k, 2]
            if z < 0 or y < 0 or x < 0 or z >= nz or y >= ny or x >= nx:
                continue
            j = around.lookup[z, y, x]
            if j < 0:
                continue
            common = np.uint64(0)
            for w in range(words.shape[0]):
                common += _popcount(words[w, i] & words[w, j])
            if np.int64(common) >= least[totals[i], totals[j]]:
                found[i] = True
                break


@compiled
def _two_classes(histogram: Integers) -> int:
    """Return the first value of the upper class of a histogram of counts (Otsu 1979)."""
    n, total = 0, 0
    for value in range(histogram.size):
        n += histogram[value]
        total += value * histogram[value]
    below, sum_below = 0, 0
    best, split, until = -1.0, 1, 1
    for value in range(1, histogram.size):
        below += histogram[value - 1]
        sum_below += (value - 1) * histogram[value - 1]
        if below == 0 or below == n:
            continue
        difference = sum_below / below - (total - sum_below) / (n - below)
        spread = float(below) * (n - below) * difference * difference
        if spread > best:
            best, split, until = spread, value, value
        elif spread == best:  # a gap: the middle of it
            until = value
    return (split + until + 1) // 2


@compiled
def consensus(words: Bits, index: SmallIntegers, n: int, slab: Slab, out: Bits) -> None:
    """Set the volumes of voxel i of a slab to those in which many of the voxels index[i] are on.

    How many is found for each voxel: the counts of the n volumes fall into two classes, and where
    the division lies depends on how often a voxel is on when its block is there, and when not.
    """
    counts = np.empty(64 * words.shape[0], np.int64)
    for i in range(slab[0], slab[1]):
        m = 0
        while m < index.shape[1] and index[i, m] >= 0:
            m += 1
        counts[:] = 0
        for k in range(m):
            for w in range(words.shape[0]):
                word = words[w, index[i, k]]
                for b in range(64):
                    counts[64 * w + b] += np.int64((word >> np.uint64(b)) & np.uint64(1))
        histogram = np.zeros(m + 1, np.int64)
        for volume in range(n):
            histogram[counts[volume]] += 1
        split = _two_classes(histogram)
        for w in range(words.shape[0]):
            value = np.uint64(0)
            for b in range(64):
                if counts[64 * w + b] >= split:
                    value |= np.uint64(1) << np.uint64(b)
            out[w, i] = value


# --- volumes --------------------------------------------------------------------------------------


@compiled
def count_on(packed: Octets, rows: Integers, slab: Slab, totals: SmallIntegers) -> None:
    """Count, for the voxels of a slab of octets, the volumes (rows) in which each is on."""
    for row in rows:
        for octet in range(slab[0], slab[1]):
            value = packed[row, octet]
            if value:
                for b in range(8):
                    totals[8 * octet + b] += (value >> b) & 1


@compiled
def gather_words(packed: Octets, rows: Integers, voxels: Integers, slab: Slab, words: Bits) -> None:
    """Turn volumes of packed voxels into voxels, those of a slab, of packed volumes."""
    for n in range(rows.size):
        row = packed[rows[n]]
        w, shift = n // 64, np.uint64(n % 64)
        for v in range(slab[0], slab[1]):
            bit = (row[voxels[v] >> 3] >> (voxels[v] & 7)) & 1
            words[w, v] |= np.uint64(bit) << shift
