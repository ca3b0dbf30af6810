# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes of Scipion: what they are called, where they lie, what is wrong with them.

The sampling rate and the origin of Scipion's object are the truth, the header of its file may say
something else.
"""

import dataclasses
import os

from pwem.emlib.image import ImageHandler
from pwem.objects import Volume
from pyworkflow.object import Set

from occupy_core.maps.grid import GRID_TOLERANCE, DensityMap, Grid
from occupy_scipion.convert.files import by, fileState, mapName, readAnything
from occupy_scipion.convert.half_maps import usableHalfMaps

SETS_OF_VOLUMES = ("SetOfVolumes", "SetOfVolumesFlex", "SetOfClasses3D", "SetOfClassesFlex")
_GROWING = ("SetOfVolumes", "SetOfVolumesFlex")
_CLASSES = ("Class3D", "ClassFlex", "ClassVol")
VOLUMES = ", ".join(("Volume", *SETS_OF_VOLUMES, *_CLASSES))
"""Classes of all that holds maps. By name: the Flex sets are no subclasses of the plain ones."""


def isSetOfVolumes(obj):
    """Whether an object is a set, or classes, of volumes."""
    return _isOneOf(SETS_OF_VOLUMES, obj)


def isGrowingSet(obj):
    """Whether an object is a set whose volumes are complete when they come, other than classes."""
    return isinstance(obj, Set) and _isOneOf(_GROWING, obj)


def holdsVolumes(obj):
    """Whether an object is a volume, or a set, a class or classes of volumes."""
    return isinstance(obj, Volume) or isSetOfVolumes(obj) or _isOneOf(_CLASSES, obj)


def _isOneOf(names, obj):
    return any(cls.__name__ in names for cls in type(obj).__mro__)


def volumesOf(pointers, without=()):
    """Return the volumes of all inputs of a run as `iterVolumes` yields them, with distinct ids.

    The ids of a single set, or classes, are kept; those of several inputs are numbers from 1.
    Those whose ids are in `without` are left out, and their files are not looked at.
    """
    if len(pointers) == 1:
        return list(iterVolumes(pointers[0], without))
    volumes = [volume for pointer in pointers for volume in iterVolumes(pointer)]
    for number, volume in enumerate(volumes, start=1):
        volume.setObjId(number)
    return [volume for volume in volumes if volume.getObjId() not in without]


def iterVolumes(source, without=()):
    """Yield a complete volume for a volume or a class, or for each item of a set or of classes.

    Each is a clone (sets re-use the item they yield) with the id and the label of its item, its
    sampling rate and an origin. The attribute `particles` is the size of the class, which is lost
    on cloning, or None.

    Parameters
    ----------
    source : Pointer or EMObject
        A pointer knows more: the sampling rate and the size of what is one of a set, such as the
        representative of a class, stand in the set.
    without : container of int
        Ids of items of a set that are left out.
    """
    obj, above = (source.get(), _above(source)) if source.isPointer() else (source, [])
    if isSetOfVolumes(obj):
        for item in obj:
            if item.getObjId() not in without:
                yield _volumeOf([item, obj])
    else:
        yield _volumeOf([obj, *above])


def _above(pointer):
    """What the object of a pointer is a part of, from the inside out: class, classes."""
    found, value = [], pointer.getObjValue()
    for part in pointer.getExtendedParts():
        value = value[int(part)] if part.isdigit() else getattr(value, part)
        found.insert(0, value)
    return found[1:]


def _volumeOf(chain):
    """The volume of an object, completed by what it is a part of, from the inside out."""
    item = chain[0]
    # A class may lack one, e.g. of a subset; volumeProblem says so.
    volume = item.getRepresentative() if _isOneOf(_CLASSES, item) else item
    volume = Volume() if volume is None else volume.clone()
    group = next((obj for obj in chain if _isOneOf(_CLASSES, obj)), None)
    volume.setObjId((group or item).getObjId())
    volume.setObjLabel(item.getObjLabel() or (group or item).getObjLabel())
    _complete(volume, next(filter(None, map(_samplingRate, chain)), None))
    volume.particles = item.getAttributeValue("particles") if group is None else group.getSize()
    return volume


def _samplingRate(obj):
    try:
        return obj.getSamplingRate()
    except AttributeError:  # classes ask their particles, which may be gone
        return None


def _complete(volume, samplingRate):
    volume.setSamplingRate(samplingRate)
    if samplingRate and _box(volume):  # volumeProblem says what is missing
        # Cloned: one Transform in two outputs breaks their storage.
        volume.setOrigin(volume.getOrigin(force=True).clone())
    return volume


def _box(volume):
    """Number of voxels (x, y, z) of a volume, or None when its file cannot be read."""
    try:
        return volume.getDim()
    except Exception:  # whatever Scipion's readers of the many formats raise
        return None


def volumeProblem(volume):
    """Sentences about a volume, as `iterVolumes` yields it, that cannot be used."""
    file = volume.getFileName()
    if not file:
        name = volume.getObjLabel() or volume.getObjId()
        return [f"The class {name} of the input has no volume; take a subset without it."]
    if not os.path.exists(ImageHandler.removeFileType(file)):
        return [f"The file {file} of the input is not there; make it again."]
    if not _box(volume):
        return [f"The file {file} of the input cannot be read as a map; make it again."]
    if not volume.getSamplingRate():
        return [f"The volume {file} has no sampling rate; import it with one."]
    return []


@dataclasses.dataclass(frozen=True, kw_only=True)
class VolumeSource:
    """What of a volume decides the result of a step, as plain values that a step can store.

    Parameters
    ----------
    file : str
        File name as Scipion has it.
    index : int
        Position in a stack of volumes; 0 when the file holds one.
    voxelSize : float
        Sampling rate, Å.
    origin : tuple of float
        Position (x, y, z) of the first voxel, Å.
    halfMaps : tuple of str
        File names of the two half maps, or nothing.
    state : tuple
        Size and time of change of the files, so that a map made anew is used anew.
    """

    file: str
    index: int
    voxelSize: float
    origin: tuple
    halfMaps: tuple = ()
    state: tuple = ()

    @classmethod
    def of(cls, volume, withHalfMaps=False):
        """Return the source of a volume as `iterVolumes` yields it."""
        halves = usableHalfMaps(volume) if withHalfMaps else ()
        file = volume.getFileName()
        return cls(
            file=file,
            index=volume.getIndex() or 0,
            voxelSize=volume.getSamplingRate(),
            origin=tuple(volume.getShiftsFromOrigin()),
            halfMaps=halves,
            state=tuple(fileState(name) for name in (file, *halves)),
        )


def volumeName(volume):
    """What a volume is called: its label, or the name of its file, which need not be there."""
    return volume.getObjLabel() or mapName(volume.getFileName() or "", volume.getIndex() or 0)


def gridOf(volume):
    """Grid of a volume as `iterVolumes` yields it."""
    x, y, z = volume.getDim()
    size = volume.getSamplingRate()
    return Grid((z, y, x), (size,) * 3, tuple(volume.getShiftsFromOrigin()))


def gridProblem(volume, other, what, first="the volume"):
    """Sentences about another volume that does not lie voxel by voxel on a volume.

    Both as `iterVolumes` yields them; `first` says what the volume is called.
    """
    a, b = gridOf(volume), gridOf(other)
    if a.shape != b.shape:
        return [
            f"The {what} has {by(b.shape)} voxels, but {first} has {by(a.shape)}; resample it "
            f"onto {first}."
        ]
    drift = max(a.shape) * abs(a.voxel_size[0] / b.voxel_size[0] - 1)
    if drift > GRID_TOLERANCE:
        return [
            f"The {what} has a sampling rate of {b.voxel_size[0]:g} Å, but {first} has "
            f"{a.voxel_size[0]:g} Å; correct the one that is wrong."
        ]
    return []


def gridProblems(volumes):
    """Sentences about volumes, as `iterVolumes` yields them, that do not lie on one grid."""
    (_, first), *others = zip(distinctNames(volumes), volumes, strict=True)
    found = []
    for name, volume in others:
        found += gridProblem(first, volume, f"volume {name}", "the first one")
    most = 3
    if len(found) > most:
        found[most:] = [f"{len(found) - most} more volumes do not lie on the grid of the first."]
    return found


def distinctNames(volumes):
    """A name for each volume, of which no two are the same."""
    names = []
    for volume in volumes:
        name = volumeName(volume)
        names.append(name if name not in names else f"{name} ({len(names) + 1})")
    return names


def readVolume(volume):
    """The map of a volume as `iterVolumes` yields it, at its place."""
    data = readAnything(volume.getFileName(), volume.getIndex() or 0)
    return DensityMap(data, gridOf(volume), volumeName(volume))
