# SPDX-License-Identifier: GPL-3.0-or-later
"""The half maps of a volume of Scipion: which files they are, and what is wrong with them."""

import os

from pwem.emlib.image import ImageHandler

from occupy_scipion.convert.files import by

_PAIR = 2


def halfMapsOf(volume):
    """File names of the half maps of a volume, as many as it has.

    Scipion stores them as one text with commas between them and splits that at every comma. Names
    that have commas of their own are put together again: as the two files that are there, or as the
    only one.
    """
    parts = list(volume.getHalfMaps(asList=True))
    ways = [[",".join(parts[:i]), ",".join(parts[i:])] for i in range(1, len(parts))]
    ways.append([",".join(parts)])
    best = max(ways, key=lambda way: sum(map(_exists, way)))
    return best if any(map(_exists, best)) else parts


def usableHalfMaps(volume):
    """The names of the two half maps, or nothing: then `halfMapWarning` says why."""
    halves = halfMapsOf(volume)
    return tuple(halves) if len(halves) == _PAIR and all(map(_exists, halves)) else ()


def halfMapWarning(volume, name, consequence):
    """Sentences about half maps that a volume of a name claims to have, but that are of no use."""
    halves = halfMapsOf(volume)
    missing = [half for half in halves if not _exists(half)]
    if missing:
        return [
            f"The half maps of {name} are not there any more ({', '.join(missing)}); {consequence}."
        ]
    if len(halves) not in (0, _PAIR):
        return [
            f"The volume {name} has {len(halves)} half map{'s' * (len(halves) > 1)} "
            f"({', '.join(halves)}), but two are needed; {consequence}."
        ]
    return []


def halfMapProblem(volume, name, shape):
    """Sentences about half maps that do not have the voxels (z, y, x) of their volume."""
    for i, half in enumerate(usableHalfMaps(volume), start=1):
        try:
            x, y, z, n = ImageHandler().getDimensions(half)
        except Exception:  # whatever Scipion's readers of the many formats raise
            return [f"The file {half} of half map {i} cannot be read as a map; make it again."]
        found = (z if z > 1 else n, y, x)  # a volume may say that it is a stack of images
        if found != shape:
            return [
                f"The half map {i} has {by(found)} voxels, but {name} has {by(shape)}, as when one "
                f"of them is cropped; give the half maps on the grid of {name}."
            ]
    return []


def _exists(file):
    return os.path.exists(ImageHandler.removeFileType(file))
