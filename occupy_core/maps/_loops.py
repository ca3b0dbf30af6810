"""Compiled loops of the filters.

Plain loops over rows: numba and LLVM make vector instructions of them. No array expressions, for
they take longest to compile and to load.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps.compiled import compiled
from occupy_core.maps.grid import Array, Mask

Integers = NDArray[np.int64]
Labels = NDArray[np.int32]


@compiled
def maximum_of_strip(
    data: Array, out: Array, strip: tuple[int, int], rows: Integers, ends: Integers
) -> None:
    """Local maximum of all planes for the rows strip[0]..strip[1]-1.

    `rows` and `ends` describe the footprint (see `occupy_core.maps.filters`). A plane makes its
    discs, from the smallest to the largest, and hands each to the planes that it belongs to.
    """
    nz, ny, nx = data.shape
    hz = len(ends) - 2
    hy, hx = 0, 0
    for k in range(len(rows)):
        hy, hx = max(hy, rows[k, 0]), max(hx, rows[k, 1])
    start = strip[0] - hy
    lines = np.empty((strip[1] + hy - start, hx + 1, nx + 2 * hx), np.float32)
    disc = np.empty(nx, np.float32)
    for z in range(-hz, nz + hz):
        plane = data[_mirrored(z, nz)]
        for r in range(len(lines)):
            _widen_row(plane[_mirrored(start + r, ny)], lines[r], hx)
        for y in range(strip[0], strip[1]):
            for dz in range(hz, -1, -1):
                for k in range(ends[dz + 1], ends[dz]):
                    dy, w = rows[k]
                    above = lines[y - dy - start, w, hx : hx + nx]
                    below = lines[y + dy - start, w, hx : hx + nx]
                    _raise_to(disc, above, below, k == 0)
                if z + dz >= 0 and z + dz < nz:  # dz = hz is the first to reach a plane
                    _raise_to(out[z + dz, y], disc, disc, dz == hz)
                if dz > 0 and z - dz >= 0 and z - dz < nz:
                    _raise_to(out[z - dz, y], disc, disc, False)


@compiled
def _mirrored(i: int, n: int) -> int:
    """Index inside 0..n-1 that a mirrored border shows at i; tiny boxes are mirrored repeatedly."""
    while i < 0 or i >= n:
        i = -i - 1 if i < 0 else 2 * n - 1 - i
    return i


@compiled
def _widen_row(row: Array, lines: Array, hx: int) -> None:
    """Put the maxima of a mirrored row over -w..w into lines[w], for w = 0..hx."""
    nx = len(row)
    n = nx + 2 * hx
    line = lines[0]
    for i in range(nx):
        line[hx + i] = row[i]
    for i in range(hx):
        line[i] = row[_mirrored(i - hx, nx)]
        line[hx + nx + i] = row[_mirrored(nx + i, nx)]
    for w in range(1, hx + 1):
        narrow, wide = lines[w - 1], lines[w]
        for i in range(w, n - w):
            wide[i] = narrow[i - 1] if narrow[i - 1] > narrow[i + 1] else narrow[i + 1]
        if w == 1:  # from then on the two neighbours overlap
            _raise_to(wide[1 : n - 1], line[1 : n - 1], line[1 : n - 1], False)


@compiled
def _raise_to(values: Array, a: Array, b: Array, fresh: bool) -> None:
    """Set values to the largest of values, a and b, or of a and b where they are fresh."""
    if fresh:
        for i in range(len(values)):
            values[i] = a[i] if a[i] > b[i] else b[i]
    else:
        for i in range(len(values)):
            v = a[i] if a[i] > values[i] else values[i]
            values[i] = b[i] if b[i] > v else v


@compiled
def count_values(values: Array, mask: Mask, edges: Array, counts: Integers) -> None:
    """Add the counts of a slab; the edges decide, the quotient only says where to look."""
    bins = len(counts)
    lo, hi = edges[0], edges[-1]
    scale = bins / (np.float64(hi) - np.float64(lo)) if hi > lo else 0.0
    for i in range(len(values)):
        v = values[i]
        if v < lo or v > hi or (len(mask) and not mask[i]):
            continue
        b = min(int((np.float64(v) - lo) * scale), bins - 1)
        while v < edges[b]:
            b -= 1
        while b < bins - 1 and v >= edges[b + 1]:
            b += 1
        counts[b] += 1


@compiled
def select_in_boxes(
    data: Array, corners: Integers, size: Integers, rank: int, result: Array
) -> None:
    """Put the value of a rank in each box into `result`."""
    values = np.empty(size[0] * size[1] * size[2], np.float32)
    for n in range(len(corners)):
        z0, y0, x0 = corners[n]
        filled = 0
        for z in range(z0, z0 + size[0]):
            for y in range(y0, y0 + size[1]):
                for x in range(x0, x0 + size[2]):
                    values[filled] = data[z, y, x]
                    filled += 1
        result[n] = _select(values, rank)


@compiled
def count_in_boxes(
    data: Array, corners: Integers, size: Integers, limits: Array, counts: Integers
) -> None:
    """Count the values of each box that are at most limits[0] and at least limits[1]."""
    lo, hi = limits[0], limits[1]
    for n in range(len(corners)):
        z0, y0, x0 = corners[n]
        below, above = 0, 0
        for z in range(z0, z0 + size[0]):
            for y in range(y0, y0 + size[1]):
                row = data[z, y, x0 : x0 + size[2]]
                for x in range(len(row)):
                    below += row[x] <= lo
                    above += row[x] >= hi
        counts[n, 0], counts[n, 1] = below, above


@compiled
def _select(values: Array, rank: int) -> Any:
    """Value of a rank by Hoare's quickselect (Commun. ACM 4 (1961) 321); reorders the values."""
    low, high = 0, len(values) - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if rank <= j:
            high = j
        elif rank >= i:
            low = i
        else:
            break
    return values[rank]


@compiled
def nearest_label(labels: Labels, places: Integers, steps: Integers, out: Labels) -> None:
    """Write to places of a flat array the label that is the fewest `steps` away, if there is one.

    The steps are those of a ball, the shortest first.
    """
    for place in places:
        for step in steps:
            if labels[place + step] > 0:
                out[place] = labels[place + step]
                break


@compiled
def look_up(values: Array, lo: np.float32, scale: np.float32, table: Array, out: Array) -> None:
    """Replace values by those of a table; from `lo` on, 1/scale apart, beginning at the second."""
    last = np.float32(len(table) - 1)
    for i in range(len(values)):
        index = (values[i] - lo) * scale - np.float32(1)
        out[i] = table[int(min(max(index, np.float32(0)), last))]


@compiled
def interpolate_planes(
    data: Array,
    planes: tuple[Integers, Array],
    rows: tuple[Integers, Array],
    columns: tuple[Integers, Array],
    out: Array,
) -> None:
    """Interpolate the planes that lie the fraction wz of the way from z to z + 1; y and x alike."""
    (z, wz), (y, wy), (x, wx) = planes, rows, columns
    nz, ny, nx = data.shape
    row = np.empty(nx, np.float32)
    for k in range(len(z)):
        near, far = data[z[k]], data[min(z[k] + 1, nz - 1)]
        for j in range(len(y)):
            a, b = near[y[j]], near[min(y[j] + 1, ny - 1)]
            c, d = far[y[j]], far[min(y[j] + 1, ny - 1)]
            for i in range(nx):
                p = a[i] + wy[j] * (b[i] - a[i])
                q = c[i] + wy[j] * (d[i] - c[i])
                row[i] = p + wz[k] * (q - p)
            for i in range(len(x)):
                left, right = row[x[i]], row[min(x[i] + 1, nx - 1)]
                out[k, j, i] = left + wx[i] * (right - left)


@compiled
def smooth_planes(
    data: Array, planes: tuple[int, int], wz: Array, wy: Array, wx: Array, out: Array
) -> None:
    """Convolve the planes planes[0]..planes[1]-1 with symmetric weights along z, y and x.

    The weights start at the centre; pairs at equal distance are added first, so that mirrored data
    give mirrored bytes.
    """
    nz, ny, nx = data.shape
    hx = len(wx) - 1
    along_z = np.empty((ny, nx), np.float32)
    row = np.empty(nx + 2 * hx, np.float32)
    middle = row[hx : hx + nx]
    for z in range(planes[0], planes[1]):
        _weigh(along_z.reshape(-1), data[z].reshape(-1), wz[0])
        for k in range(1, len(wz)):
            below, above = data[_mirrored(z - k, nz)], data[_mirrored(z + k, nz)]
            _add_pair(along_z.reshape(-1), below.reshape(-1), above.reshape(-1), wz[k])
        for y in range(ny):
            _weigh(middle, along_z[y], wy[0])
            for k in range(1, len(wy)):
                _add_pair(
                    middle, along_z[_mirrored(y - k, ny)], along_z[_mirrored(y + k, ny)], wy[k]
                )
            for i in range(hx):
                row[hx - 1 - i] = middle[_mirrored(-1 - i, nx)]
                row[hx + nx + i] = middle[_mirrored(nx + i, nx)]
            _weigh(out[z, y], middle, wx[0])
            for k in range(1, hx + 1):
                _add_pair(out[z, y], row[hx - k :], row[hx + k :], wx[k])


@compiled
def _weigh(out: Array, values: Array, weight: np.float32) -> None:
    """Set `out` to the weighted values."""
    for i in range(len(out)):
        out[i] = weight * values[i]


@compiled
def _add_pair(out: Array, a: Array, b: Array, weight: np.float32) -> None:
    """Add the weighted sum of a pair, whose arrays may be longer."""
    for i in range(len(out)):
        out[i] += weight * (a[i] + b[i])


@compiled
def interpolate_table(
    values: Array, lo: np.float32, scale: np.float32, table: Array, out: Array
) -> None:
    """Replace values by those of a table whose entries lie 1/scale apart from `lo` on."""
    last = len(table) - 1
    for i in range(len(values)):
        if values[i] <= lo:  # most of a map
            out[i] = table[0]
            continue
        place = min(max((values[i] - lo) * scale, np.float32(0)), np.float32(last))
        below = min(int(place), last - 1)
        w = place - np.float32(below)
        out[i] = table[below] + w * (table[below + 1] - table[below])
