"""How the densities of communities go over the volumes: what is one block, and what only moves.

The bits of voxels say little about density near its contour. Where the background of the volumes
rises and falls, or a part is there by half, bits at the two ends of a block flip in the same
volumes, as they do when something slides; and where noise is strong, one block may fall into two
communities. Their densities tell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from occupy_core.blocks.contour.binarize import OccupiedVoxels
from occupy_core.blocks.expand.shapes import calibrated_rows, separability
from occupy_core.blocks.sketch.communities import Communities
from occupy_core.blocks.sketch.patterns import linked_profiles, silhouettes, two_classes
from occupy_core.maps.ensemble import Ensemble
from occupy_core.maps.grid import Mask

_SEEDS = 150  # [machine] of a community, evenly spread
_MOST_SEEDS = 400  # [machine] of several communities
_NO_NOISE = 0.05  # [taste: nothing moved] correlation; where it is less, noise ends
# [taste: nothing moved] of the first component; what slides has 0.2 and more, two blocks even more
_SECOND = 0.06
# [taste: nothing moved] correlation; what moves a little comes here as it goes there
_OPPOSITE = -0.9
# [taste: nothing moved] correlation, and part of all seeds beside each other that have it
_ALONG, _BULK = 0.5, 0.5
# Two courses are alike when they differ by less than half of the full density where their profiles
# do. In noise one block falls into two that differ by 0.6 there, though in few of the volumes, and
# by not much less elsewhere.
_ALIKE, _ALIKE_IN_NOISE, _FEW, _NOISE = 0.5, 0.8, 0.2, 3.0  # [taste: nothing moved]
# [taste: nothing moved] of the variance; two classes explain 3/4 of that of all values alike
_TWO_VALUES = 0.85
_PARTIAL = 4.0  # [taste: nothing moved] times the variance of the noise
_FULL = (0.05, 0.95)  # [taste: nothing moved] quantiles

Courses = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Candidates:
    """Communities that may be blocks.

    Parameters
    ----------
    communities : Communities
        Those that are one block are one.
    discrete : ndarray of int64, shape (D,)
        Which of them come and go as wholes.
    weights : ndarray of float64, shape (D, N)
        How much of each is in which volume, 0 to 1: its profile, or its density when that takes
        values between.
    doubtful : ndarray of bool, shape (D,)
        Whether only its densities speak for it. Then it is a block only where it is thick.
    """

    communities: Communities
    discrete: Integers
    weights: Courses
    doubtful: Mask


def find_candidates(
    ensemble: Ensemble, occupied: OccupiedVoxels, communities: Communities
) -> Candidates:
    """Ask the densities of the seeds which communities are one, and which come and go as wholes.

    All voxels of a block follow one course, each by its own factor, whether the block is there or
    not, by half, or on a background that varies. So the covariance of their densities has one
    component, beside noise. What slides has two or more; what moves so little that it has one comes
    in one place as it goes in another. A group of communities with one component is one block, and
    so are two that differ only in volumes where neither is clearly there or not.

    Parameters
    ----------
    ensemble : Ensemble
        The one that was binarized.
    occupied : OccupiedVoxels
    communities : Communities

    Returns
    -------
    Candidates
    """
    graded = communities.graded
    beside = communities.touching & ~np.eye(len(communities), dtype=np.bool_)
    if not beside.any() and not graded.any():
        everything = np.arange(len(communities))
        return Candidates(
            communities, everything, communities.profiles.astype(np.float64), graded.copy()
        )
    seeds = _Seeds(ensemble, occupied, communities)
    groups = _wholes(seeds, communities, graded)
    groups += [Group(np.array([k]), graded=False) for k in np.flatnonzero(~graded)]
    groups = _joined(seeds, communities, groups)
    return _candidates(seeds, communities, groups)


@dataclass(frozen=True, eq=False)
class Group:
    """Communities that are one.

    Parameters
    ----------
    members : ndarray of int64
        Their numbers, ascending.
    graded : bool
        Whether most of their seeds were parts of what moves or swells gradually.
    """

    members: Integers
    graded: bool


class _Seeds:
    """Densities of some of the seeds of all communities in all volumes."""

    def __init__(
        self, ensemble: Ensemble, occupied: OccupiedVoxels, communities: Communities
    ) -> None:
        chosen = []
        for k in range(len(communities)):
            members = np.flatnonzero(communities.labels == k)
            some = np.unique(np.linspace(0, len(members) - 1, _SEEDS).astype(int))
            chosen.append(members[some])
        members = np.concatenate(chosen)
        seeds = communities.seeds[members]
        self._owners = communities.labels[members]
        self._sizes = np.bincount(communities.labels, minlength=len(communities))
        self._cells = occupied.bits.cells[seeds]
        above = np.flatnonzero(occupied.noise > _NO_NOISE)
        self._noise = np.where(np.arange(len(occupied.noise)) <= above[-1], occupied.noise, 0.0)
        rows = calibrated_rows(ensemble, occupied, occupied.indices, occupied.voxels[seeds])
        self._rows = rows.astype(np.float64)

    def size(self, group: Integers) -> int:
        """Number of seeds of some communities."""
        return int(self._sizes[group].sum())

    def course(self, group: Integers) -> Courses:
        """Mean density of some communities in each volume, shape (N,)."""
        means = [self._rows[:, self._owners == k].mean(axis=1) for k in group]
        return np.average(means, axis=0, weights=self._sizes[group])

    def correlations(self, group: Integers) -> Courses:
        """Correlation of the course of some communities with that of each, shape (K,)."""
        others = np.array([self.course(np.array([k])) for k in range(len(self._sizes))])
        others -= others.mean(axis=1, keepdims=True)
        own = self.course(group)
        own = own - own.mean()
        scale = np.sqrt((others**2).sum(axis=1) * (own**2).sum())
        return np.asarray((others * own).sum(axis=1) / np.maximum(scale, 1e-12))

    def components(self, group: Integers) -> tuple[float, float]:
        """Return the second component of the seeds as part of the first, and what noise adds.

        Noise that is correlated by rho_ij makes a component of its own: the largest of the matrix
        rho, widened as there are only N volumes (Marchenko & Pastur 1967, doi
        10.1070/SM1967v001n04ABEH001994). How strong it is follows from all components but two.

        Returns
        -------
        second : float
            Both less the noise.
        variance : float
            Of the mean density of the seeds in a volume, by noise.
        """
        chosen = np.flatnonzero(np.isin(self._owners, group))
        chosen = chosen[np.unique(np.linspace(0, len(chosen) - 1, _MOST_SEEDS).astype(int))]
        rows, cells = self._rows[:, chosen], self._cells[chosen]
        rows = rows - rows.mean(axis=0)
        n, size = rows.shape
        gram = (
            np.einsum("ni,mi->nm", rows, rows) if n < size else np.einsum("ni,nj->ij", rows, rows)
        )
        values = np.linalg.eigvalsh(gram)[::-1]
        distance = np.sqrt(((cells[:, None] - cells[None]) ** 2).sum(axis=2))
        places = np.arange(len(self._noise) + 1)
        noise = np.interp(distance, places, np.append(self._noise, 0.0))
        largest = float(np.linalg.eigvalsh(noise)[-1])
        rest = max(float(values[2:].sum()), 0.0) / (n * max(size - 2 * largest, 1.0))
        limit = rest * n * largest * (1 + np.sqrt(size / largest / n)) ** 2
        second = max(float(values[1]) - limit, 0.0) / max(float(values[0]) - limit, 1e-12)
        return second, rest * float(noise.mean())


def _wholes(seeds: _Seeds, communities: Communities, graded: Mask) -> list[Group]:
    """Return the groups of graded communities that come and go as wholes all the same."""
    among = np.flatnonzero(graded)
    if not len(among):
        return []
    from scipy.sparse.csgraph import connected_components  # loads much

    linked = communities.touching & linked_profiles(communities.profiles)
    n, group_of = connected_components(linked[np.ix_(among, among)], directed=False)
    found: list[Group] = []
    for g in range(n):
        members = among[group_of == g]
        largest = members[:1]  # communities are in the order of their sizes
        for part in (members, largest):
            if seeds.components(part)[0] < _SECOND:
                if _stands_alone(seeds, communities, graded, part):
                    found.append(Group(part, graded=True))
                break
    return found


def _stands_alone(seeds: _Seeds, communities: Communities, graded: Mask, part: Integers) -> bool:
    """Tell whether a group is no stage of what moves: by what comes with it, or as it goes."""
    correlations = seeds.correlations(part)
    beside = communities.touching[part].any(axis=0) & graded & (correlations > _ALONG)
    beside[part] = True
    bulk = seeds.size(part) >= _BULK * seeds.size(np.flatnonzero(beside))
    return bulk and bool((correlations > _OPPOSITE).all())


def _joined(seeds: _Seeds, communities: Communities, groups: list[Group]) -> list[Group]:
    """Join groups to larger ones that they differ from only where neither is clearly there or not.

    Each goes to the one that it differs from least, so none is a bridge between two larger ones.
    """
    largest_first = sorted(groups, key=lambda g: (-seeds.size(g.members), int(g.members[0])))
    leaders: list[list[Group]] = []
    courses: list[Courses] = []
    for group in largest_first:
        course = seeds.course(group.members)
        differences = [
            _difference(course, other)
            if communities.touching[np.ix_(group.members, joined[0].members)].any()
            else np.inf
            for other, joined in zip(courses, leaders, strict=True)
        ]
        nearest = int(np.argmin(differences)) if leaders else -1
        if leaders and differences[nearest] < 1:
            leaders[nearest].append(group)
        else:
            leaders.append([group])
            courses.append(course)
    found: list[Group] = []
    for joined in leaders:
        together = np.sort(np.concatenate([group.members for group in joined]))
        sure = sum(seeds.size(group.members) for group in joined if not group.graded)
        found.append(Group(together, graded=sure < _BULK * seeds.size(together)))
    return sorted(found, key=lambda group: int(group.members[0]))


def _difference(course_a: Courses, course_b: Courses) -> float:
    """Return by how much two courses differ where their profiles do; 1 is too much to be alike."""
    profiles = [two_classes(course) for course in (course_a, course_b)]
    if any(profile.all() or not profile.any() for profile in profiles):
        return float(np.inf)
    scaled = []
    for course, profile in zip((course_a, course_b), profiles, strict=True):
        low, high = course[~profile].mean(), course[profile].mean()
        scaled.append((course - low) / max(float(high - low), 1e-12))
    differ = profiles[0] != profiles[1]
    if not differ.any():
        return 0.0
    there, elsewhere = (np.abs(scaled[0] - scaled[1])[where] for where in (differ, ~differ))
    noise = float(np.sqrt(np.mean(elsewhere**2))) if len(elsewhere) else 0.0
    noisy = differ.mean() <= _FEW and there.mean() < _NOISE * noise
    return float(there.mean()) / (_ALIKE_IN_NOISE if noisy else _ALIKE)


def _candidates(seeds: _Seeds, communities: Communities, groups: list[Group]) -> Candidates:
    """Number the communities anew, those of a group as one, and weight them."""
    n = len(communities)
    first = np.arange(n)
    for group in groups:
        first[group.members] = group.members[0]
    kept = np.unique(first)
    labels = np.searchsorted(kept, first)[communities.labels]
    profiles = communities.profiles[kept]
    discrete = np.searchsorted(kept, [group.members[0] for group in groups]).astype(np.int64)
    weights = np.zeros((len(groups), profiles.shape[1]))
    for place, group in enumerate(groups):
        if len(group.members) > 1:
            profiles[discrete[place]] = two_classes(seeds.course(group.members))
        weights[place] = _weights(seeds, group.members, profiles[discrete[place]])
    members = [np.flatnonzero(first == k) for k in kept]
    touching = np.array(
        [[communities.touching[np.ix_(a, b)].any() for b in members] for a in members], np.bool_
    )
    # With a small part that differs a little a community is no less distinct than it was.
    before = np.array([communities.silhouettes[own].max() for own in members])
    merged = replace(
        communities,
        labels=labels.astype(np.int32),
        profiles=profiles,
        silhouettes=np.maximum(silhouettes(communities.patterns, labels, profiles), before),
        gradations=communities.gradations[kept],
        touching=touching.reshape(len(kept), len(kept)),
    )
    doubtful = np.array([group.graded for group in groups], np.bool_)
    return Candidates(merged, discrete, weights, doubtful)


def _weights(seeds: _Seeds, group: Integers, profile: Mask) -> Courses:
    """Return how much of a group is in each volume: its profile where that explains its course."""
    course = seeds.course(group)
    within = np.mean([course[there].var() for there in (profile, ~profile) if there.any()])
    if separability(course) > _TWO_VALUES or within <= _PARTIAL * seeds.components(group)[1]:
        return profile.astype(np.float64)
    low, high = np.quantile(course, _FULL)
    return np.asarray(np.clip((course - low) / max(float(high - low), 1e-12), 0.0, 1.0))
