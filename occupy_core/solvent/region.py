"""Where solvent may be: inside the ellipsoid that touches the faces, away from all else."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from occupy_core.maps.grid import Mask
from occupy_core.maps.kept import is_keeping, kept
from occupy_core.maps.threads import for_slabs

# [taste: python -m benchmarks.sensitivity scale] Å; solvent keeps away from content and from where
# the map was masked
MARGIN = 6.0
_ROUNDING = 1e-9  # [guard] relative: a point at that very distance is near
_PLANES = 16  # [machine] of a slab


def inscribed_ellipsoid(shape: tuple[int, int, int]) -> Mask:
    """Return the ellipsoid that touches the faces of a box: in a cube, the inscribed sphere.

    Its middle is that of the box, half way between the first and the last voxel of each axis.

    Parameters
    ----------
    shape : tuple of int
        Number of voxels (z, y, x).

    Returns
    -------
    ndarray of bool, shape (z, y, x)
    """
    inside = kept(("inscribed ellipsoid", shape), lambda: _ellipsoid(shape))
    return inside.copy() if is_keeping() else inside


def _ellipsoid(shape: tuple[int, int, int]) -> Mask:
    # Squared distances in half edges of the first axis: in a cube integers and quarters, so exact.
    radii = [max(n // 2, 0.5) for n in shape]
    z, y, x = (
        (np.arange(n) - (n - 1) / 2) ** 2 * (radii[0] / r) ** 2
        for n, r in zip(shape, radii, strict=True)
    )
    plane = y[:, None] + x[None, :]
    inside = np.empty(shape, dtype=np.bool_)

    def fill(first: int, last: int) -> None:
        for k in range(first, last):  # plane by plane: no temporary of the size of the map
            np.less_equal(plane, radii[0] ** 2 - z[k], out=inside[k])

    for_slabs(fill, shape[0], _PLANES)
    return inside


def away_from(
    chosen: Mask, spacing: tuple[float, float, float], distance: float | None = None
) -> Mask:
    """Return the points that are farther from all chosen ones than a distance.

    Parameters
    ----------
    chosen : ndarray of bool, shape (z, y, x)
    spacing : tuple of float
        Edges (z, y, x) between the points, Å.
    distance : float, optional
        Å, `MARGIN` by default; the next neighbours along each axis count as near, however far
        apart points are.

    Returns
    -------
    ndarray of bool, shape (z, y, x)
        True everywhere when none is chosen.
    """
    distance = MARGIN if distance is None else distance
    if not chosen.any():
        return np.ones(chosen.shape, np.bool_)
    apart = ndimage.distance_transform_edt(~chosen, sampling=spacing)
    far: Mask = apart > max(distance, *spacing) * (1 + _ROUNDING)
    return far
