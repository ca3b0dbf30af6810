# SPDX-License-Identifier: GPL-3.0-or-later
"""The only mapping between Scipion's objects and what `occupy_core` takes.

Volumes and files: the sampling rate and the origin of Scipion's object are the truth, the header of
its file may say something else. Forms and parameters: a form parameter is the camelCase of the
field, and an empty field is None, "derive it from the map".
"""

import dataclasses
import os
import warnings
from pathlib import Path

import mrcfile
import numpy as np
import pyworkflow.protocol.params as params
from pwem.emlib.image import ImageHandler
from pwem.objects import Volume

from occupy_core.errors import MapFormatError
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.mrc import map_name, read_map, write_map

SETS_OF_VOLUMES = ("SetOfVolumes", "SetOfVolumesFlex", "SetOfClasses3D", "SetOfClassesFlex")
# By name: the Flex sets are no subclasses of the plain ones.

_VOLUME_STACK = 401  # space groups from here on say so, in MRC2014
_PLACE_TOLERANCE = 1e-3  # voxels: less than any program rounds to
_DRIFT_TOLERANCE = 0.25  # voxels over the box, as in occupy_core.require_same_grid


# --------------------------- Volumes and files ----------------------------------------------------
def isSetOfVolumes(obj):
    """Whether an object is a set, or classes, of volumes."""
    return any(cls.__name__ in SETS_OF_VOLUMES for cls in type(obj).__mro__)


def iterVolumes(obj):
    """Yield a complete volume for a volume, or for each item of a set of volumes or classes.

    Each is a clone (sets re-use the item they yield) with the id and the label of its item, its
    sampling rate (which representatives of classes lack) and an origin. The attribute `particles`
    is the size of the class, which is lost on cloning, or None.
    """
    if not isSetOfVolumes(obj):
        volume = _complete(obj.clone(), obj.getSamplingRate())
        volume.particles = None
        yield volume
        return
    for item in obj:
        isClass = hasattr(item, "getRepresentative")
        representative = item.getRepresentative() if isClass else item
        # A class may lack one, e.g. of a subset; volumeProblem says so.
        volume = Volume() if representative is None else representative.clone()
        volume.setObjId(item.getObjId())
        volume.setObjLabel(item.getObjLabel())
        _complete(volume, item.getSamplingRate() or obj.getSamplingRate())
        volume.particles = item.getSize() if isClass else item.getAttributeValue("particles")
        yield volume


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


@dataclasses.dataclass(frozen=True)
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
        halves = tuple(volume.getHalfMaps(asList=True)) if withHalfMaps else ()
        if len(halves) != 2 or missingHalfMaps(volume):
            halves = ()  # the form has warned of missing ones
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
    return volume.getObjLabel() or _mapName(volume.getFileName() or "", volume.getIndex() or 0)


def _mapName(file, index):
    """Name of a map: that of its file without the suffixes of any format."""
    name = ImageHandler.removeFileType(os.path.basename(file))
    stem = map_name(name)
    stem = os.path.splitext(name)[0] if stem == name else stem
    return f"{stem}_{index}" if index > 1 else stem


def missingHalfMaps(volume):
    """Names of half maps that a volume claims to have, but whose files are gone."""
    halves = volume.getHalfMaps(asList=True)
    return [half for half in halves if not os.path.exists(ImageHandler.removeFileType(half))]


def fileState(file):
    """Size and time of change of a file, None when it is gone: a changed file is another input."""
    try:
        info = os.stat(ImageHandler.removeFileType(file))
    except OSError:
        return None
    return info.st_size, info.st_mtime_ns


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
            f"The {what} has {_by(b.shape)} voxels, but {first} has {_by(a.shape)}; resample it "
            f"onto {first}."
        ]
    drift = max(a.shape) * abs(a.voxel_size[0] / b.voxel_size[0] - 1)
    if drift > _DRIFT_TOLERANCE:
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


def _by(shape):
    return " x ".join(str(n) for n in reversed(shape))


def locatedMap(file, source, folder, index=0, name=None):
    """Name of an MRC file of a map whose header says where the map lies.

    Parameters
    ----------
    file : str
        The map: the file of `source` itself, or one that belongs to it voxel by voxel.
    source : VolumeSource
        Has the voxel size and the origin that are true.
    folder : str
        Where to write a corrected copy, when the header of the file says something else or the
        format is another one. Nothing is ever written into `file`.
    index : int
        Position of the map in a stack of volumes.
    name : str, optional
        What the map is to be called; by default as its file.

    Returns
    -------
    str
        `file`, a link to it of that name, or the copy.
    """
    plain = ImageHandler.removeFileType(file)
    copy = Path(folder, (name or _mapName(file, index)).replace(os.sep, "_") + ".mrc")
    if index <= 1 and _headerAgrees(file, source):
        if name in (None, map_name(plain)):
            return plain
        os.makedirs(folder, exist_ok=True)
        ending = os.path.basename(plain).removeprefix(map_name(plain))
        link = copy.with_name(copy.name.removesuffix(".mrc") + ending)
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.abspath(plain))
        return str(link)
    data = _readAnything(file, index)
    grid = Grid(data.shape, (source.voxelSize,) * 3, source.origin)
    os.makedirs(folder, exist_ok=True)
    return str(write_map(copy, DensityMap(data, grid, copy.stem)))


def readVolume(volume):
    """The map of a volume as `iterVolumes` yields it, at its place."""
    data = _readAnything(volume.getFileName(), volume.getIndex() or 0)
    return DensityMap(data, gridOf(volume), volumeName(volume))


def _header(file):
    """The MRC header of a file, or None when it has none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is odd in a header shows when the map is read
            name = ImageHandler.removeFileType(file)
            with mrcfile.open(name, permissive=True, header_only=True) as mrc:
                return mrc.header
    except (OSError, ValueError):
        return None


def _numbers(header, *names):
    return tuple(int(header[name]) for name in names)


def _headerAgrees(file, source):
    """Whether the file is MRC, in standard axis order, with this voxel size and origin."""
    header = _header(file)
    if header is None or _numbers(header, "mapc", "mapr", "maps") != (1, 2, 3):
        return False
    shape = _numbers(header, "nz", "ny", "nx")
    if _numbers(header, "mz", "my", "mx") != shape:
        return False
    voxel = [float(c) / n for c, n in zip(header.cella.tolist(), reversed(shape), strict=True)]
    start = _numbers(header, "nxstart", "nystart", "nzstart")
    try:
        grid = Grid(shape, tuple(voxel), tuple(header.origin.tolist()), start)
    except MapFormatError:
        return False
    # A drift of the voxel size counts over the whole box.
    drift = max(
        n * abs(v / source.voxelSize - 1) for n, v in zip(reversed(shape), voxel, strict=True)
    )
    shift = max(
        abs(a - b) / source.voxelSize
        for a, b in zip(grid.position((0, 0, 0)), source.origin, strict=True)
    )
    return max(drift, shift) <= _PLACE_TOLERANCE


def _readAnything(file, index):
    """Read the data of a map in any format that Scipion reads, as (z, y, x)."""
    if index <= 1:
        try:
            return read_map(file, voxel_size=1.0).data
        except MapFormatError:
            if _isMrc(file) and not _isMarkedAsStack(file, index):
                raise
    if _isMrc(file) and not file.endswith(":mrc"):
        file += ":mrc"  # a volume, whatever its header says: Scipion knows
    try:
        data = ImageHandler().read((index, file) if index else file).getData()
    except Exception as error:  # xmippLib raises bare exceptions
        raise MapFormatError(f"The map {file} cannot be read: {error}.") from error
    return np.asarray(data, dtype=np.float32).reshape(data.shape[-3:])


def _isMarkedAsStack(file, index):
    """Whether the header of a volume says that it is a stack of images, or of volumes.

    Scipion knows better than the former; of the latter it must say which one is meant.
    """
    header = _header(file)
    if header is None:
        return False
    spaceGroup, depth = _numbers(header, "ispg", "mz")
    return (spaceGroup, depth) == (0, 1) or (index == 1 and spaceGroup >= _VOLUME_STACK)


def _isMrc(file):
    """Whether the name of a file says that it is MRC: then the core's sentence is the best."""
    name = ImageHandler.removeFileType(os.path.basename(file))
    return map_name(name) != name


# --------------------------- Forms and parameters -------------------------------------------------
FORM_NAMES = {"subtraction_mask": "subtractionMaskOf"}
"""Fields whose form parameter is not their camelCase: `subtractionMask` is the output."""


def formName(field):
    """Name of the form parameter of a field."""
    first, *rest = field.split("_")
    return FORM_NAMES.get(field, first + "".join(word.capitalize() for word in rest))


def formValue(protocol, name):
    """Value of a form parameter: the text of a choice, None for an empty field."""
    if isinstance(protocol.getParam(name), params.EnumParam):
        return protocol.getEnumText(name)
    value = protocol.getAttributeValue(name)
    return value.strip() or None if isinstance(value, str) else value


def paramsFromForm(protocol, cls, **others):
    """Make a parameter dataclass from the form; `others` are fields that the form has not.

    A field that is empty, but must not be (which Scipion tells), has its default.
    """
    values = {
        field.name: formValue(protocol, formName(field.name))
        for field in dataclasses.fields(cls)
        if protocol.getParam(formName(field.name)) is not None
    }
    given = {name: value for name, value in values.items() if value is not None}
    return cls(**{**given, **others})
