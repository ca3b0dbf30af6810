"""Compiled loops over the basins of density of a map, and over graphs of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps.compiled import compiled
from occupy_core.maps.grid import Array, Mask

Integers = NDArray[np.int64]
Labels = NDArray[np.int32]
Steps = NDArray[np.int8]
Floats = NDArray[np.float64]
_STAY = 13  # [physics] of the 27 steps from -1 to 1 along each axis: none
_OUTSIDE = -1  # [machine]


@compiled
def climb_plane(
    maps: tuple[Array, Array],
    weights: tuple[float, float],
    near: Mask,
    edge: int,
    z: int,
    out: Steps,
) -> None:
    """Write the step from each voxel of a plane near content to the neighbour that rises most.

    `maps` are added with `weights`; `near` is told by cells of `edge` voxels.
    """
    data, other = maps
    nz, ny, nx = data.shape
    for y in range(ny):
        for x in range(nx):
            if not near[z // edge, y // edge, x // edge]:
                out[y, x] = _OUTSIDE
                continue
            here = weights[0] * data[z, y, x] + weights[1] * other[z, y, x]
            most, best = 0.0, _STAY
            for c in range(max(z - 1, 0), min(z + 2, nz)):
                for b in range(max(y - 1, 0), min(y + 2, ny)):
                    for a in range(max(x - 1, 0), min(x + 2, nx)):
                        far = abs(c - z) + abs(b - y) + abs(a - x)
                        if far == 0:
                            continue
                        rise = weights[0] * data[c, b, a] + weights[1] * other[c, b, a] - here
                        rise /= far**0.5
                        if rise > most:
                            most, best = rise, ((c - z + 1) * 3 + b - y + 1) * 3 + a - x + 1
            out[y, x] = best


@compiled
def follow_plane(steps: Steps, z: int, labels: Labels) -> None:
    """Give the voxels of a plane the label of the peak to which their steps lead."""
    _, ny, nx = steps.shape
    for y in range(ny):
        for x in range(nx):
            if steps[z, y, x] < 0 or steps[z, y, x] == _STAY:
                continue
            c, b, a = z, y, x
            while steps[c, b, a] >= 0 and steps[c, b, a] != _STAY:
                step = steps[c, b, a]
                c, b, a = c + step // 9 - 1, b + step // 3 % 3 - 1, a + step % 3 - 1
            if steps[c, b, a] == _STAY:  # else it leads away from the content
                labels[z, y, x] = labels[c, b, a]


@compiled
def pairs_of_plane(labels: Labels, z: int, n: int, out: Integers, write: bool) -> int:
    """Return how many faces of a plane's voxels lie between basins; write a n + b of each if told.

    a < b are the labels on both sides; a face belongs to the voxel with the lower index.
    """
    nz, ny, nx = labels.shape
    found = 0
    for y in range(ny):
        for x in range(nx):
            a = labels[z, y, x]
            if a < 0:
                continue
            for axis in range(3):
                k, j, i = z + (axis == 0), y + (axis == 1), x + (axis == 2)
                if k >= nz or j >= ny or i >= nx:
                    continue
                b = labels[k, j, i]
                if b >= 0 and b != a:
                    if write:
                        out[found] = np.int64(min(a, b)) * n + max(a, b)
                    found += 1
    return found


@compiled
def weighted_sums(
    data: Array, values: Array, levels: tuple[float, float], labels: Labels, out: Floats
) -> None:
    """Add, for each label, the weights and the weighted values of its voxels.

    A weight is the square of what is above levels[0] in units of levels[1].
    """
    nz, ny, nx = labels.shape
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                a = labels[z, y, x]
                if a >= 0:
                    above = max((data[z, y, x] - levels[0]) / levels[1], 1e-6)
                    out[0, a] += above * above
                    out[1, a] += above * above * values[z, y, x]


@compiled
def pair_up(first: Integers, second: Integers, cost: Floats, most: float, into: Integers) -> int:
    """Join each two regions that cost each other least, up to a cost; return how many were joined.

    `into` starts as the regions' own numbers and gets those that they became part of.
    """
    n = len(into)
    least = np.full(n, np.inf)
    for k in range(len(first)):
        least[first[k]] = min(least[first[k]], cost[k])
        least[second[k]] = min(least[second[k]], cost[k])
    taken = np.zeros(n, np.bool_)
    joined = 0
    for k in range(len(first)):
        a, b = first[k], second[k]
        best = cost[k] <= most and cost[k] == least[a] and cost[k] == least[b]
        if best and not (taken[a] or taken[b]):
            taken[a] = taken[b] = True
            into[b] = a
            joined += 1
    return joined


@compiled
def paint_plane(
    data: Array,
    level: float,
    labels: Labels,
    region: Integers,
    values: tuple[Array, Array],
    ball: Integers,
    near: Array,
    z: int,
    out: tuple[Array, Array],
) -> None:
    """Write scale and error of the regions to the voxels of a plane; what has none is left alone.

    At a boundary a voxel belongs to the region that has the most density around it (weights `near`
    in `ball`), each as if it were full: so the fuller one gets no more than its half.
    """
    scale, error = values
    nz, ny, nx = labels.shape
    found, claims = np.empty(len(ball), np.int64), np.empty(len(ball), np.float64)
    for y in range(ny):
        for x in range(nx):
            if labels[z, y, x] < 0:
                continue
            mine = region[labels[z, y, x]]
            alone = True
            for axis in range(6):
                c = min(max(z + (axis == 0) - (axis == 1), 0), nz - 1)
                b = min(max(y + (axis == 2) - (axis == 3), 0), ny - 1)
                a = min(max(x + (axis == 4) - (axis == 5), 0), nx - 1)
                other = labels[c, b, a]
                if other >= 0 and other != labels[z, y, x] and region[other] != mine:
                    alone = False
            if not alone:
                n = 0
                for k in range(len(ball)):
                    c, b, a = z + ball[k, 0], y + ball[k, 1], x + ball[k, 2]
                    if not (0 <= c < nz and 0 <= b < ny and 0 <= a < nx) or labels[c, b, a] < 0:
                        continue
                    r = region[labels[c, b, a]]
                    i = 0
                    while i < n and found[i] != r:
                        i += 1
                    if i == n:
                        found[i], claims[i] = r, 0.0
                        n += 1
                    claims[i] += near[k] * max(data[c, b, a] - level, 0.0) / scale[r]
                most = 0.0
                for i in range(n):
                    if claims[i] > most:
                        most, mine = claims[i], found[i]
            out[0][y, x], out[1][y, x] = scale[mine], error[mine]


@compiled
def average_cells(
    labels: Labels,
    region: Integers,
    values: tuple[Array, Array],
    edge: int,
    cell: int,
    out: tuple[Array, Array, Mask],
) -> None:
    """Write the mean of the regions of a layer of cells, and which cells have any."""
    nz, ny, nx = labels.shape
    for cy in range(out[0].shape[0]):
        for cx in range(out[0].shape[1]):
            s, t, n = 0.0, 0.0, 0
            for z in range(cell * edge, min((cell + 1) * edge, nz)):
                for y in range(cy * edge, min((cy + 1) * edge, ny)):
                    for x in range(cx * edge, min((cx + 1) * edge, nx)):
                        if labels[z, y, x] >= 0:
                            r = region[labels[z, y, x]]
                            s, t, n = s + values[0][r], t + values[1][r], n + 1
            if n > 0:
                out[0][cy, cx], out[1][cy, cx], out[2][cy, cx] = s / n, t / n, True
