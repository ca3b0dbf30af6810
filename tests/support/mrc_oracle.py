"""An independent reading of MRC files: numpy on the bytes, by the rules of MRC2014 alone.

It shares nothing with the reader of this package, nor with mrcfile. Where a file may be read in
two ways (a wrong machine stamp), both are given.
"""

import bz2
import gzip
import struct
import zlib

import numpy as np

TYPES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}


def readings(content):
    """Return the possible (data (z, y, x), voxel size (x, y, z)) of a file; none if damaged."""
    content = unpacked(content)
    if content is None or len(content) < 1024:
        return []
    found = [reading(content, order) for order in stamp_orders(content)]
    return [r for r in found if r is not None]


def unpacked(content):
    """Unpack what is packed; None where it is damaged."""
    if content[208:211] == b"MAP":
        return content
    try:
        if content[:2] == b"\x1f\x8b":
            return gzip.decompress(content)
        return bz2.decompress(content) if content[:3] == b"BZh" else content
    except (OSError, EOFError, zlib.error, ValueError):
        return None


def stamp_orders(content):
    """The byte orders: that of the machine stamp where it is one, else both."""
    stamps = {b"\x44\x44": "<", b"\x44\x41": "<", b"\x11\x11": ">"}
    stamped = stamps.get(content[212:214])
    first = stamped or "<"
    return (first, ">" if first == "<" else "<")


def reading(content, order):
    """Read in one byte order; None where that makes no sense."""
    word = struct.unpack_from(f"{order}24i", content)
    nx, ny, nz, mode = word[:4]
    mx, my, mz = word[7:10]
    cell = struct.unpack_from(f"{order}3f", content, 40)
    axes = struct.unpack_from(f"{order}3i", content, 64)
    (extra,) = struct.unpack_from(f"{order}i", content, 92)
    if mode not in TYPES or min(nx, ny, nz) < 1 or extra < 0:
        return None
    kind = np.dtype(TYPES[mode]).newbyteorder(order)
    count = nx * ny * nz
    if count * kind.itemsize > len(content) - 1024 - extra:
        return None
    raw = np.frombuffer(content, kind, count, 1024 + extra).reshape(nz, ny, nx)
    axes = axes if sorted(axes) == [1, 2, 3] else (1, 2, 3)
    # The section, row and column of the file run along these axes (0 = x, 1 = y, 2 = z).
    along = [axes[2] - 1, axes[1] - 1, axes[0] - 1]
    data = raw.transpose([along.index(axis) for axis in (2, 1, 0)]).astype(np.float64)
    size = [length / n if n else 0.0 for length, n in zip(cell, (mx, my, mz), strict=True)]
    return data, tuple(size)
