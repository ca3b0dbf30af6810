"""What is around the atoms of a model: how far they are, and density that they do not explain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from occupy_core.maps.grid import Array
from occupy_core.solvent.robust import mad_sigma

Values = NDArray[np.float64]
Labels = NDArray[np.int64]

# [taste: nothing moved] Density without atoms is above this fraction of the typical density of the
# model, ...
_BLOB_LEVEL = 0.35
# [taste: nothing moved] ... and this many standard deviations of the residual, ...
_BLOB_SIGMAS = 4.0
_BLOB_VOLUME = 300.0  # [taste: nothing moved] Å³, ... in pieces of at least this volume ...
# [taste: nothing moved] Å, ... this far from all atoms; what it hides from the fit reaches ...
_OFF_ATOMS = 2.5
_ON_ATOMS = 0.5  # [taste: nothing moved] Å, ... this near to them
# [taste: nothing moved] Å around such a piece that count with it, and of soft edge
_BLOB_REACH, _BLOB_EDGE = 4.0, 4.0
# [taste: nothing moved] Å; a region this near to such a piece is told, and noise is measured this
# far
_NEAR = 8.0
# [taste: nothing moved] Å from atoms: typical density, volume of the model
_CORE, _MODEL = 1.0, 2.0


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What the atoms are to each voxel of a box.

    Parameters
    ----------
    distance : ndarray of float32, shape (z, y, x)
        From the nearest atom, Å.
    nearest : ndarray of int64, shape (z, y, x)
        Index of the region of that atom.
    voxel : ndarray, shape (3,)
        Edges of the voxels (z, y, x), Å.
    n_regions : int
    """

    distance: Array
    nearest: Labels
    voxel: Values
    n_regions: int

    def unmodelled(self, left: Array, modelled: Array) -> NDArray[np.bool_]:
        """Where there is density without atoms.

        Parameters
        ----------
        left, modelled : ndarray, shape (z, y, x)
            What the model leaves of a map, and what it explains, both at the same resolution.
        """
        distance = self.distance
        typical = float(np.median(modelled[distance < _CORE]))
        near = (distance > _OFF_ATOMS) & (distance < _NEAR)
        noise = mad_sigma(left[near])
        high = left > max(_BLOB_LEVEL * typical, _BLOB_SIGMAS * noise)
        pieces, count = ndimage.label(high & (distance > _OFF_ATOMS))
        if typical <= 0 or count == 0:
            return np.zeros(distance.shape, bool)
        volume = np.bincount(pieces.ravel()) * self.voxel.prod()
        volume[0] = 0
        return np.asarray((volume >= _BLOB_VOLUME)[pieces])

    def soft_mask(self, pieces: NDArray[np.bool_]) -> Array:
        """Soft mask of such pieces, off the atoms."""
        away = ndimage.distance_transform_edt(~pieces, sampling=self.voxel)
        edge = 0.5 * (1 + np.cos(np.pi * np.clip((away - _BLOB_REACH) / _BLOB_EDGE, 0, 1)))
        off = np.clip((self.distance - _ON_ATOMS) / _ON_ATOMS / 2, 0, 1)
        return np.asarray(edge * off, np.float32)

    def volume_near(self, pieces: NDArray[np.bool_]) -> Values:
        """Volume of such pieces next to each region, relative to its own, shape (n_regions,)."""
        near = np.bincount(self.nearest[pieces & (self.distance < _NEAR)], minlength=self.n_regions)
        own = np.bincount(self.nearest[self.distance < _MODEL], minlength=self.n_regions)
        return np.asarray(near / np.maximum(own, 1), np.float64)

    def share_of_model(self, pieces: NDArray[np.bool_]) -> float:
        """Volume of such pieces relative to that of the model."""
        return float(pieces.sum() / max((self.distance < _MODEL).sum(), 1))


def surroundings(
    positions: Sequence[Values], shape: tuple[int, ...], voxel: Values
) -> Surroundings:
    """Measure the distances of a box from the atoms.

    Parameters
    ----------
    positions : sequence of ndarray, shape (n, 3)
        Of the atoms of each region, (x, y, z) in Å from the first voxel.
    shape : tuple of int
        (z, y, x).
    voxel : ndarray, shape (3,)
        Edges of the voxels (z, y, x), Å.
    """
    owner = np.full(shape, -1, np.int64)
    for i, atoms in enumerate(positions):
        index = np.rint(atoms[:, ::-1] / voxel).astype(np.int64)
        inside = np.all((index >= 0) & (index < shape), axis=1)
        owner[tuple(index[inside].T)] = i
    distance, nearest = ndimage.distance_transform_edt(
        owner < 0, sampling=voxel, return_indices=True
    )
    return Surroundings(distance.astype(np.float32), owner[tuple(nearest)], voxel, len(positions))
