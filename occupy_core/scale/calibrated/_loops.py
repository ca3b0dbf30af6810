"""Compiled loops over the cells of a map, for what is said of places rather than of voxels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps.compiled import compiled
from occupy_core.maps.grid import Array, Mask

Integers = NDArray[np.int64]
Steps = NDArray[np.int8]
_STAY = 13  # [physics] of the 27 steps from -1 to 1 along each axis: none
_OUTSIDE = -1  # [machine]


@compiled
def grow(allowed: Mask, seeds: Mask, out: Mask) -> None:
    """Set `out` where allowed cells are joined to a seed by allowed cells that share faces."""
    nz, ny, nx = allowed.shape
    stack = np.empty(allowed.size, np.int64)
    n = 0
    for i in range(allowed.size):
        if seeds.flat[i] and allowed.flat[i]:
            out.flat[i] = True
            stack[n] = i
            n += 1
    while n > 0:
        n -= 1
        z, rest = divmod(stack[n], ny * nx)
        y, x = divmod(rest, nx)
        for axis in range(6):
            c = z + (axis == 0) - (axis == 1)
            b = y + (axis == 2) - (axis == 3)
            a = x + (axis == 4) - (axis == 5)
            if not (0 <= c < nz and 0 <= b < ny and 0 <= a < nx):
                continue
            if allowed[c, b, a] and not out[c, b, a]:
                out[c, b, a] = True
                stack[n] = (c * ny + b) * nx + a
                n += 1


@compiled
def quantiles_around(
    values: Array, weights: Array, planes: tuple[int, int], ball: Integers, q: float, out: Array
) -> None:
    """Write the weighted quantile of the cells in a ball around each cell that has a weight."""
    nz, ny, nx = values.shape
    found, weight = np.empty(len(ball), np.float32), np.empty(len(ball), np.float32)
    for z in range(planes[0], planes[1]):
        for y in range(ny):
            for x in range(nx):
                if weights[z, y, x] <= 0:
                    continue
                n, total = 0, 0.0
                for k in range(len(ball)):
                    c, b, a = z + ball[k, 0], y + ball[k, 1], x + ball[k, 2]
                    if not (0 <= c < nz and 0 <= b < ny and 0 <= a < nx) or weights[c, b, a] <= 0:
                        continue
                    value, w = values[c, b, a], weights[c, b, a]
                    total += w
                    i = n
                    while i > 0 and found[i - 1] > value:  # few values: kept in order
                        found[i], weight[i] = found[i - 1], weight[i - 1]
                        i -= 1
                    found[i], weight[i] = value, w
                    n += 1
                reached, i = weight[0], 0
                while reached < q * total and i < n - 1:
                    i += 1
                    reached += weight[i]
                out[z, y, x] = found[i]


@compiled
def shift_to_mode(
    cells: tuple[Array, Array, Array],
    planes: tuple[int, int],
    ball: Integers,
    near: Array,
    band: tuple[float, float],
    out: tuple[Array, Array],
) -> None:
    """Average values over the cells around each cell that have about the level of this one.

    `cells` are the values, their weights and the level of each cell; `near` is the weight of each
    place of the ball. A cell counts less the farther its level is off, and nothing when it is off
    by band[0] times the level (at least band[1]). Written are the mean, and its standard error if
    cells were independent.
    """
    values, weights, level = cells
    mean, error = out
    nz, ny, nx = values.shape
    for z in range(planes[0], planes[1]):
        for y in range(ny):
            for x in range(nx):
                if weights[z, y, x] <= 0:
                    continue
                here = level[z, y, x]
                inverse = 1 / (band[0] * max(here, band[1]))
                s, t, u, v = 0.0, 0.0, 0.0, 0.0
                for k in range(len(ball)):
                    c, b, a = z + ball[k, 0], y + ball[k, 1], x + ball[k, 2]
                    if not (0 <= c < nz and 0 <= b < ny and 0 <= a < nx):
                        continue
                    w = weights[c, b, a]
                    if w <= 0:
                        continue
                    off = (level[c, b, a] - here) * inverse
                    if off * off >= 1:
                        continue
                    w *= near[k] * (1 - off * off) ** 2
                    value = values[c, b, a]
                    s += w
                    t += w * value
                    u += w * value * value
                    v += w * w
                m = t / s
                mean[z, y, x] = m
                error[z, y, x] = (max(u / s - m * m, 0.0) * v) ** 0.5 / s


@compiled
def fill_next(values: Array, errors: Array, known: Mask, wanted: Mask, out: Mask) -> int:
    """Give wanted cells next to known ones the mean of these; return how many were filled.

    `out` gets what is known afterwards. Cells beside a face count three times a corner.
    """
    nz, ny, nx = values.shape
    filled = 0
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                out[z, y, x] = known[z, y, x]
                if known[z, y, x] or not wanted[z, y, x]:
                    continue
                s, t, u = 0.0, 0.0, 0.0
                for c in range(max(z - 1, 0), min(z + 2, nz)):
                    for b in range(max(y - 1, 0), min(y + 2, ny)):
                        for a in range(max(x - 1, 0), min(x + 2, nx)):
                            if known[c, b, a]:
                                w = 4.0 - (abs(c - z) + abs(b - y) + abs(a - x))
                                s += w
                                t += w * values[c, b, a]
                                u += w * errors[c, b, a]
                if s > 0:
                    values[z, y, x], errors[z, y, x] = t / s, u / s
                    out[z, y, x] = True
                    filled += 1
    return filled


@compiled
def distances(chosen: Mask, spacing: tuple[float, float, float], most: float) -> Array:
    """Return the distance (Å) of each cell to the nearest chosen one, at most `most`."""
    limit = np.float32(most * most)
    squares = np.where(chosen, np.float32(0), limit)
    for axis in range(3):
        n = squares.shape[axis]
        reach = int(most / spacing[axis])
        before = squares.copy()
        for i in range(n):
            for j in range(max(0, i - reach), min(n, i + reach + 1)):
                step = np.float32((spacing[axis] * (i - j)) ** 2)
                if axis == 0:
                    np.minimum(squares[i], before[j] + step, squares[i])
                elif axis == 1:
                    squares[:, i] = np.minimum(squares[:, i], before[:, j] + step)
                else:
                    squares[:, :, i] = np.minimum(squares[:, :, i], before[:, :, j] + step)
    return np.sqrt(squares)


@compiled
def spread_plane(cells: Array, edge: int, z: int, step: tuple[float, float], out: Array) -> None:
    """Write a plane of voxels, linear between the middles of cells.

    With a step (slope, place) of a slope above 1, the step from the smallest to the largest of the
    eight cells around a voxel is that much steeper, with its middle where the linear one has risen
    to that place, from 0 to 1.
    """
    slope, place = np.float32(step[0]), np.float32(step[1])
    ncz, ncy, ncx = cells.shape
    ny, nx = out.shape
    pz = min(max((z + 0.5) / edge - 0.5, 0.0), ncz - 1.0)
    z0 = min(int(pz), max(ncz - 2, 0))
    z1, wz = min(z0 + 1, ncz - 1), np.float32(pz - z0)
    row, low, high = np.empty(ncx, np.float32), np.empty(ncx, np.float32), np.empty(ncx, np.float32)
    # Voxels starts[c] to starts[c + 1] lie between the middles of cells c and c + 1.
    weights, starts = np.empty(nx, np.float32), np.full(max(ncx, 2), nx)
    starts[0] = 0
    for x in range(nx - 1, -1, -1):
        px = min(max((x + 0.5) / edge - 0.5, 0.0), ncx - 1.0)
        x0 = min(int(px), max(ncx - 2, 0))
        weights[x] = px - x0
        starts[x0] = x
    for y in range(ny):
        py = min(max((y + 0.5) / edge - 0.5, 0.0), ncy - 1.0)
        y0 = min(int(py), max(ncy - 2, 0))
        y1, wy = min(y0 + 1, ncy - 1), np.float32(py - y0)
        for c in range(ncx):
            p, q, r, s = cells[z0, y0, c], cells[z0, y1, c], cells[z1, y0, c], cells[z1, y1, c]
            near, far = p + wy * (q - p), r + wy * (s - r)
            row[c] = near + wz * (far - near)
            low[c], high[c] = min(p, q, r, s), max(p, q, r, s)
        if low.min() == high.max():  # most of a box is far from content
            out[y] = low[0]
            continue
        for c in range(max(ncx - 1, 1)):
            last = min(c + 1, ncx - 1)
            here, rise = row[c], row[last] - row[c]
            least, most = min(low[c], low[last]), max(high[c], high[last])
            middle, foot = (least + most) / 2, least + place * (most - least)
            for x in range(starts[c], starts[c + 1]):
                value = here + weights[x] * rise
                if slope > 1:
                    value = min(max(middle + slope * (value - foot), least), most)
                out[y, x] = value


@compiled
def climb_plane(data: Array, near: Mask, edge: int, z: int, out: Steps) -> None:
    """Write the step from each voxel of a plane to the neighbour that rises most for its distance.

    `near`, shape of the cells of `edge` voxels, tells where voxels are looked at.
    """
    nz, ny, nx = data.shape
    nearness = np.sqrt(np.array([0, 1, 1 / 2, 1 / 3])).astype(np.float32)
    for y in range(ny):
        for x in range(nx):
            if not near[z // edge, y // edge, x // edge]:
                out[y, x] = _OUTSIDE
                continue
            here, most, best = data[z, y, x], np.float32(0), _STAY
            for c in range(max(z - 1, 0), min(z + 2, nz)):
                for b in range(max(y - 1, 0), min(y + 2, ny)):
                    for a in range(max(x - 1, 0), min(x + 2, nx)):
                        rise = data[c, b, a] - here
                        if rise > most:  # per distance it may be less, but not more
                            rise *= nearness[abs(c - z) + abs(b - y) + abs(a - x)]
                            if rise > most:
                                most, best = rise, ((c - z + 1) * 3 + b - y + 1) * 3 + a - x + 1
            out[y, x] = best


@compiled
def follow_plane(steps: Steps, content: Mask, edge: int, z: int, given: Array, out: Array) -> None:
    """Write to the voxels of a plane what is given at the peak that their steps lead to.

    Voxels of 0, and those that lead away from content, keep what is given for them.
    """
    _, ny, nx = steps.shape
    for y in range(ny):
        for x in range(nx):
            c, b, a = z, y, x
            while given[z, y, x] > 0 and steps[c, b, a] >= 0 and steps[c, b, a] != _STAY:
                step = steps[c, b, a]
                c, b, a = c + step // 9 - 1, b + step // 3 % 3 - 1, a + step % 3 - 1
            if steps[c, b, a] != _STAY or not content[c // edge, b // edge, a // edge]:
                c, b, a = z, y, x
            out[y, x] = given[c, b, a]
