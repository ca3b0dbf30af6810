"""The patterns on which voxels agree, and how they are clustered.

On a graph of co-occupied voxels two blocks that agree in 90 % of the volumes are one community:
nearly all edges between them are significant. What tells them apart are the other 10 % of the
volumes, in which all voxels of the one are on and all of the other off, while the noise of single
voxels is scattered. So each voxel is replaced by the consensus of its best partners, beyond the
reach of correlated noise. The patterns of one block collapse to the same pattern, those of two
blocks to two, and what moves continuously stays spread. The collapsed patterns are clustered by
their density in the space of patterns, as in Chazal et al. 2013, doi 10.1145/2535927 (ToMATo): a
peak is a block of its own unless a ridge of patterns leads from it to a higher one.
"""

from __future__ import annotations

import numpy as np

from occupy_core.blocks import _loops as kernels
from occupy_core.blocks._loops import Bits, Floats, Integers, SmallIntegers
from occupy_core.blocks.bits import VoxelBits
from occupy_core.blocks.sketch.cooccupancy import PairTest, common_volumes
from occupy_core.maps.grid import Mask
from occupy_core.maps.threads import for_slabs

PARTNERS = 25  # [taste: python -m benchmarks.sensitivity blocks] whose consensus is taken
FEWEST_PARTNERS = 8  # [taste: nothing moved] of a seed
_ROUNDS = 6  # [taste: nothing moved]
_MOST_PATTERNS = 4000  # [machine]
# [taste: nothing moved] of the lower peak: two peaks with a higher ridge between them are one block
_RIDGE = 0.5
# [taste: python -m benchmarks.sensitivity blocks] silhouette; above this a community is a block
# whatever else speaks against it
CLEAR = 0.95
_NEAR = 2  # [taste: nothing moved] voxels
# [taste: python -m benchmarks.sensitivity blocks] above this it is no part of what moves, though
# it may come gradually
_MOSTLY_CLEAR = 0.9
ALONE, _PAIR, _SERIES = 0.7, 0.4, 0.8  # [taste: nothing moved] silhouettes; below them it is graded
# [taste: nothing moved] gradation; surely below the one or surely above the other
_STEADY, _GRADUAL = 0.05, 0.06
# [taste: python -m benchmarks.sensitivity blocks] of the volumes; neighbouring parts of a
# continuum differ in less
_LINKED = 0.25
_ROWS = 512  # [machine]


def partners_consensus(words: Bits, index: SmallIntegers, n_volumes: int) -> Bits:
    """Return what the partners of each voxel do."""
    out = np.zeros_like(words)
    for_slabs(
        lambda start, stop: kernels.consensus(words, index, n_volumes, (start, stop), out),
        words.shape[1],
        _ROWS,
    )
    return out


def collapse(voxels: VoxelBits, test: PairTest) -> Bits:
    """Take the consensus of the consensus, once, and on until the patterns are few."""
    for _ in range(_ROUNDS):
        if len(voxels) == 0:
            break
        _, index = test.partners(voxels, PARTNERS)
        voxels = voxels.with_words(partners_consensus(voxels.words, index, voxels.n_volumes))
        if len(np.unique(voxels.words, axis=1)[0]) <= _MOST_PATTERNS:
            break
    return voxels.words


def cluster_patterns(words: Bits, n_volumes: int, max_agreement: float) -> Integers:
    """Cluster patterns by the peaks of their density; label of each voxel, or -1.

    The density of a pattern is the number of voxels within a quarter of the resolution, which is
    the number of volumes in which two blocks must at least differ. From high to low, a pattern
    joins the peak of its nearest denser neighbour within the resolution, and peaks that meet there
    at more than half the density of the lower one are one.
    """
    if words.shape[1] == 0:
        return np.zeros(0, np.int64)
    unique, inverse, counts = np.unique(words, axis=1, return_inverse=True, return_counts=True)
    inverse = inverse.ravel()
    most = np.sort(np.argsort(-counts, kind="stable")[:_MOST_PATTERNS])
    patterns, counts = np.ascontiguousarray(unique[:, most]), counts[most]
    distance = _hamming(patterns)
    resolution = _resolution(n_volumes, max_agreement)
    density = ((distance <= max(resolution // 4, 1)) * counts).sum(axis=1)
    roots = _peaks(distance, density, counts, resolution)
    place = np.full(unique.shape[1], -1)
    place[most] = roots
    return np.asarray(place[inverse], np.int64)


def _peaks(
    distance: SmallIntegers,
    density: Integers,
    counts: Integers,
    resolution: int,
) -> Integers:
    """Return the peak that each pattern belongs to."""
    parent = np.full(len(density), -1, np.int64)

    def root(i: int) -> int:
        while parent[i] != i:
            i = int(parent[i])
        return i

    for i in np.lexsort((-counts, -density)):
        neighbours = np.flatnonzero((distance[i] <= resolution) & (parent >= 0))
        parent[i] = i
        if len(neighbours) == 0:
            continue
        nearest = neighbours[np.lexsort((-density[neighbours], distance[i, neighbours]))[0]]
        parent[i] = peak = root(int(nearest))
        for other in sorted({root(int(j)) for j in neighbours} - {peak}):
            low, high = sorted((peak, other), key=lambda p: (density[p], -p))
            if density[i] >= _RIDGE * density[low]:
                parent[low] = high
                peak = root(peak)
    return np.array([root(i) for i in range(len(density))], np.int64)


def find_profiles(on: Mask, labels: Integers, max_agreement: float) -> tuple[Integers, Mask]:
    """Number the communities, the largest first, and take the majority of the voxels of each.

    Communities that are too small, that agree in more than `max_agreement` of the volumes, or that
    are where two others touch are dissolved: label -1.
    """
    n_volumes = on.shape[1]
    resolution = _resolution(n_volumes, max_agreement)
    members: list[Integers] = []
    profiles: list[Mask] = []
    names, counts = np.unique(labels[labels >= 0], return_counts=True)
    for name in names[np.argsort(-counts, kind="stable")]:
        voxels = np.flatnonzero(labels == name)
        if len(voxels) < FEWEST_PARTNERS:
            continue
        profile = two_classes(np.count_nonzero(on[voxels], axis=0) / len(voxels))
        same = [k for k, p in enumerate(profiles) if np.count_nonzero(p != profile) <= resolution]
        if same:
            members[same[0]] = np.concatenate([members[same[0]], voxels])
        elif not _is_interface(profile, profiles, resolution):
            members.append(voxels)
            profiles.append(profile)
    order = sorted(range(len(members)), key=lambda k: (-len(members[k]), k))
    renumbered = np.full(len(labels), -1, np.int64)
    for number, k in enumerate(order):
        renumbered[members[k]] = number
    matrix = np.array([profiles[k] for k in order], np.bool_).reshape(len(order), n_volumes)
    return renumbered, matrix


def two_classes(values: Floats) -> Mask:
    """Divide values into the two classes of least variance; True for the upper one."""
    order = np.sort(values)
    n = len(order)
    below = np.arange(1, n)
    sums = np.cumsum(order)
    difference = sums[:-1] / below - (sums[-1] - sums[:-1]) / (n - below)
    spread = np.where(order[1:] > order[:-1], below * (n - below) * difference**2, -1.0)
    split = int(np.argmax(spread))
    return np.asarray(values > (order[split] + order[split + 1]) / 2, np.bool_)


def _is_interface(profile: Mask, larger: list[Mask], resolution: int) -> bool:
    """Tell whether a profile is "either" or "both" of two larger communities: where they touch."""
    if len(larger) < 2:
        return False
    profiles = np.array(larger)
    for k in range(len(profiles) - 1):
        either, both = profiles[k] | profiles[k + 1 :], profiles[k] & profiles[k + 1 :]
        differ = [np.count_nonzero(p != profile, axis=1).min() for p in (either, both)]
        if min(differ) <= max(resolution // 2, 1):
            return True
    return False


def silhouettes(patterns: Mask, labels: Integers, profiles: Mask) -> Floats:
    """Return how distinct each community is, from the patterns before they were collapsed."""
    n = profiles.shape[1] if len(profiles) else 0
    own = np.count_nonzero(patterns != profiles[labels], axis=1) if len(labels) else labels
    values = np.zeros(len(profiles))
    for k, profile in enumerate(profiles):
        spread = float(own[labels == k].mean())
        others = np.count_nonzero(np.delete(profiles, k, axis=0) != profile, axis=1)
        total = int(profile.sum())
        gap = min(int(others.min(initial=n)), total, n - total)
        values[k] = (gap - spread) / max(gap, spread, 1e-12)
    return values


def gradation(on: Mask, cells: SmallIntegers, profile: Mask) -> tuple[float, float]:
    """Return how gradually a community comes and goes, and the standard error of that.

    When a block is there or not, what its two ends do besides is noise of their own. Of what moves,
    both ends are half there in the same volumes. So this is the covariance of the two ends within
    the volumes that have the block, and those that do not, over that of all volumes.

    Parameters
    ----------
    on : ndarray of bool, shape (S, N)
        Its seeds.
    cells : ndarray of int32, shape (S, 3)
        Where they are.
    profile : ndarray of bool, shape (N,)
    """
    centred = cells - cells.mean(axis=0)
    # No products of matrices, whose last digits depend on the number of threads.
    longest = np.linalg.eigh(np.einsum("si,sj->ij", centred, centred))[1][:, -1]
    order = np.argsort(np.einsum("si,i->s", centred, longest), kind="stable")
    n = max(len(order) // 3, 1)
    ends = np.stack([on[order[:n]].mean(axis=0), on[order[-n:]].mean(axis=0)])
    within = ends.copy()
    for there in (profile, ~profile):
        within[:, there] -= within[:, there].mean(axis=1, keepdims=True)
    ends -= ends.mean(axis=1, keepdims=True)
    whole = max(float(np.mean(ends[0] * ends[1])), 1e-12)
    error = np.sqrt(np.prod(np.mean(within**2, axis=1)) / len(profile))
    return float(np.mean(within[0] * within[1])) / whole, float(error) / whole


def touching(cells: SmallIntegers, labels: Integers, n: int) -> Mask:
    """Tell which communities have seeds at most two voxels apart, shape (n, n)."""
    found = np.eye(n, dtype=np.bool_)
    if len(cells) == 0:
        return found
    places = cells - cells.min(axis=0) + _NEAR
    box = np.full(places.max(axis=0) + 1 + _NEAR, -1)
    box[tuple(places.T)] = labels
    for offset in np.ndindex(*(2 * _NEAR + 1,) * 3):
        beside = box[tuple((places + offset - _NEAR).T)]
        found[labels[beside >= 0], beside[beside >= 0]] = True
    return found


def linked_profiles(profiles: Mask) -> Mask:
    """Tell which communities agree in most of the volumes, each with itself, shape (K, K)."""
    differ = np.count_nonzero(profiles[:, None] != profiles[None], axis=2)
    return np.asarray(differ < _LINKED * profiles.shape[1], np.bool_)


def part_of_continuum(
    distinct: Floats, gradations: Floats, sizes: Integers, beside: Mask, profiles: Mask
) -> Mask:
    """Tell which communities are parts of what moves or swells gradually.

    The voxels of such a part do not all change together, so its silhouette is low and its gradation
    high. Noise lowers the silhouette of two blocks that mostly agree, for little sets them apart. A
    continuum, though, is no pair: it falls into a series of communities, each of which mostly
    agrees with the next.

    Parameters
    ----------
    distinct : ndarray of float64, shape (K,)
        Silhouettes.
    gradations : ndarray of float64, shape (K, 2)
        See `gradation`.
    sizes : ndarray of int64, shape (K,)
        Numbers of seeds.
    beside : ndarray of bool, shape (K, K)
        Which touch each other: what moves goes from place to place.
    profiles : ndarray of bool, shape (K, N)

    Returns
    -------
    ndarray of bool, shape (K,)
    """
    linked = linked_profiles(profiles)
    partners = linked.sum(axis=1) - 1
    limit = np.select([partners == 0, partners == 1], [ALONE, _PAIR], _SERIES)
    value, error = gradations.T
    graded = (distinct < limit) & (value + error > _STEADY)
    follows = (linked & beside).sum(axis=1) > 1
    graded |= follows & (distinct < _MOSTLY_CLEAR) & (value - 2 * error > _GRADUAL)
    next_to = linked & (sizes[:, None] <= 2 * sizes) & (distinct[:, None] < CLEAR)
    for _ in range(len(graded)):
        graded = graded | (next_to & graded).any(axis=1)
    return np.asarray(graded, np.bool_)


def _resolution(n_volumes: int, max_agreement: float) -> int:
    """Return the most volumes in which the voxels of one block may differ."""
    return max(1, int((1 - max_agreement) * n_volumes + 1e-9))


def _hamming(words: Bits) -> SmallIntegers:
    """Return in how many volumes each two patterns differ."""
    common = common_volumes(words, words)
    totals = np.diag(common).copy()
    return np.asarray(totals[:, None] + totals[None, :] - 2 * common, np.int32)
