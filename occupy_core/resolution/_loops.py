"""Compiled loops of the resolution estimate: shells and bands of a transform, decision trees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps.compiled import compiled, compiled_sums
from occupy_core.maps.grid import Array

Values = NDArray[np.float64]
Transform = NDArray[np.complex64]
Integers = NDArray[np.int32]


@compiled
def shell_sums(
    planes: Transform, squares: tuple[Values, Values, Values], per_shell: float, out: Values
) -> None:
    """Add |F|² and its count to `out` (2, shells) for planes of a real transform.

    `squares` are the squared frequencies along z (of these planes), y and x; a shell is 1/per_shell
    wide. Planes with x > 0 count twice, for the half that a real transform leaves out.
    """
    fz, fy, fx = squares
    for i in range(len(fz)):
        for j in range(len(fy)):
            for k in range(len(fx)):
                shell = int(np.sqrt(fz[i] + fy[j] + fx[k]) * per_shell + 0.5)
                if shell >= out.shape[1]:
                    break  # the frequency only rises along x
                value = planes[i, j, k]
                weight = 1.0 if k == 0 else 2.0
                out[0, shell] += weight * (value.real * value.real + value.imag * value.imag)
                out[1, shell] += weight


@compiled
def band_planes(
    spectrum: Transform,
    out: Transform,
    span: tuple[int, int],
    squares: tuple[Values, Values, Values],
    table: tuple[Array, float],
) -> None:
    """Fill planes span[0]..span[1]-1 of the cropped transform `out` with one band of `spectrum`.

    `squares` are the squared frequencies of the cropped transform along z, y and x; `table` holds
    the gain at equal steps of frequency (linear between them, zero past its end) and the number
    of steps per unit.
    """
    gain, per_step = table
    fz, fy, fx = squares
    n = spectrum.shape
    last = len(gain) - 1
    for i in range(span[0], span[1]):
        source_z = i if 2 * i <= out.shape[0] else i + n[0] - out.shape[0]
        for j in range(out.shape[1]):
            source_y = j if 2 * j <= out.shape[1] else j + n[1] - out.shape[1]
            for k in range(out.shape[2]):
                position = np.sqrt(fz[i] + fy[j] + fx[k]) * per_step
                step = int(position)
                if step >= last:
                    out[i, j, k:] = 0
                    break
                weight = np.float32(position - step)
                g = gain[step] + weight * (gain[step + 1] - gain[step])
                out[i, j, k] = g * spectrum[source_z, source_y, k]


@compiled_sums
def window_rows(
    rows: Array, start: Integers, weights: Array, span: tuple[int, int], out: Array
) -> None:
    """Average rows span[0]..span[1]-1 of `rows` (r, n) in the windows of `out` (r, m).

    Window i has `weights[i]`, at most n of them, and begins at element `start[i]` (0 to n - 1) of
    the periodic row.
    """
    n = rows.shape[1]
    taps = weights.shape[1]
    ring = np.empty(n + taps, np.float32)
    for r in range(span[0], span[1]):
        ring[:n] = rows[r]
        ring[n:] = rows[r, :taps]
        for i in range(len(start)):
            total = np.float32(0)
            for t in range(taps):
                total += weights[i, t] * ring[start[i] + t]
            out[r, i] = total


@compiled
def window_planes(
    planes: Array, start: Integers, weights: Array, span: tuple[int, int], out: Array
) -> None:
    """Average `planes` (a, n, b) along n in windows span[0]..span[1]-1 of `out` (a, m, b)."""
    n = planes.shape[1]
    for a in range(planes.shape[0]):
        for i in range(span[0], span[1]):
            out[a, i] = 0
            for t in range(weights.shape[1]):
                weight = weights[i, t]
                source = planes[a, (start[i] + t) % n]
                for k in range(len(source)):
                    out[a, i, k] += weight * source[k]


@compiled
def sum_of_trees(
    features: Array, trees: tuple[Integers, Integers, Array, Array], start: Integers, out: Array
) -> None:
    """Add the leaves that each row of `features` reaches in every tree to `out`.

    `trees` holds, node by node, the feature that decides (-1: a leaf), the node to the right (the
    one to the left is the next), the threshold (left when not above) and the value of the leaf.
    """
    feature, right, threshold, value = trees
    for row in range(len(features)):
        total = np.float64(0)
        for tree in range(len(start)):
            node = start[tree]
            while feature[node] >= 0:
                above = features[row, feature[node]] > threshold[node]
                node = right[node] if above else node + 1
            total += value[node]
        out[row] += np.float32(total)
