"""Voxels of an ensemble as bits: in which volumes each is on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occupy_core.blocks import _loops as kernels
from occupy_core.blocks._loops import Bits, Integers, SmallIntegers
from occupy_core.maps.grid import Mask


def pack(on: Mask) -> Bits:
    """Pack booleans of shape (V, N) into words of shape (W, V), W = ceil(N/64)."""
    n_voxels, n_volumes = on.shape
    padded = np.zeros((n_voxels, -(-n_volumes // 64) * 64), np.bool_)
    padded[:, :n_volumes] = on
    octets = np.packbits(padded, axis=1, bitorder="little")
    return np.ascontiguousarray(octets.view("<u8").astype(np.uint64, copy=False).T)


def unpack(words: Bits, n_volumes: int) -> Mask:
    """Return the booleans of shape (V, N) that `pack` packed."""
    octets = np.ascontiguousarray(words.T).astype("<u8", copy=False).view(np.uint8)
    return np.unpackbits(octets, axis=1, count=n_volumes, bitorder="little").view(np.bool_)


@dataclass(frozen=True, eq=False)
class VoxelBits:
    """Some voxels, each as one bit a volume.

    Parameters
    ----------
    words : ndarray of uint64, shape (W, V)
        See `pack`.
    totals : ndarray of int64, shape (V,)
        Number of volumes in which each is on.
    cells : ndarray of int32, shape (V, 3)
        Their indices (z, y, x).
    n_volumes : int
        N.
    """

    words: Bits
    totals: Integers
    cells: SmallIntegers
    n_volumes: int

    def __len__(self) -> int:
        return len(self.totals)

    def take(self, index: NDArray[Any]) -> VoxelBits:
        """Return some of the voxels."""
        words = np.ascontiguousarray(self.words[:, index])
        return VoxelBits(words, self.totals[index], self.cells[index], self.n_volumes)

    def packed(
        self, voxel_size: tuple[float, float, float], box: tuple[float, float, float]
    ) -> kernels.PackedVoxels:
        """Return what the kernels take; edges of a voxel and of the box (z, y, x), Å."""
        positions = (self.cells * np.array(voxel_size)).astype(np.float32)
        return kernels.PackedVoxels(
            self.words, self.totals, positions, np.array(box, dtype=np.float32)
        )

    def with_words(self, words: Bits) -> VoxelBits:
        """Return the same voxels with other bits."""
        totals = np.zeros(words.shape[1], np.int64)
        for word in words:
            totals += _ones(word)
        return VoxelBits(words, totals, self.cells, self.n_volumes)


def _ones(words: NDArray[np.uint64]) -> Integers:
    """Count the ones of each word."""
    octets = np.ascontiguousarray(words).view(np.uint8).reshape(-1, 8)
    return np.asarray(_ONES_OF_OCTET[octets].sum(axis=1, dtype=np.int64))


_ONES_OF_OCTET = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(
    axis=1, dtype=np.uint8
)
