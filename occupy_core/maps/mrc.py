"""Read and write maps in the MRC2014 / CCP4 format.

Cheng A. et al., "MRC2014: extensions to the MRC format header", J. Struct. Biol. 192 (2015) 146,
doi 10.1016/j.jsb.2015.04.002. Files in the wild leave fields unset; what can be read without
doubt is read, and what would place the density wrongly is refused.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE
from numpy.typing import NDArray

import occupy_core
from occupy_core.errors import EstimationError, MapFormatError, OccupyWarning, OutputError
from occupy_core.maps.grid import Array, DensityMap
from occupy_core.maps.mrc_axes import in_standard_order
from occupy_core.maps.packed import DAMAGED, is_packed, open_unpacked, skip
from occupy_core.maps.threads import for_slabs

_MODES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
_COMPLEX_MODES = (3, 4)  # [format]
_LARGEST_EDGE = 32768  # [guard] voxels; bytes that are no header seldom stay below
_PLANES_AT_ONCE = 8  # [machine]
_LABELS, _LABEL_LENGTH = 10, 80  # [format]
# [guard] of the largest value: its square, summed over 10^8 voxels, is a number of float32
_SMALLEST_VALUE, _LARGEST_VALUE = 1e-15, 1e15
_BEYOND_EXTREMES = 0.1  # [guard] of the range in the header; rounding makes 0.01 and less
_MOST_PADDING = 2**16  # [guard] bytes after the data; blocks of files are smaller


def map_name(path: str | os.PathLike[str]) -> str:
    """Name of the map in a file: the file name without .gz, .bz2, .mrc, .map and .ccp4."""
    name = _clean(path).name
    for suffixes in ((".gz", ".bz2"), (".mrc", ".mrcs", ".map", ".ccp4")):
        if Path(name).suffix.lower() in suffixes:
            name = Path(name).stem
    return name


def read_map(
    path: str | os.PathLike[str], *, voxel_size: float | None = None, name: str | None = None
) -> DensityMap:
    """Read a map.

    Parameters
    ----------
    path : path
        An MRC or CCP4 file of mode 0, 1, 2, 6 or 12, of either byte order, also compressed by gzip
        or bzip2; known by its content, not its suffix. Scipion's ending ``:mrc`` is dropped.
    voxel_size : float, optional
        Edge of the cubic voxels in Å, instead of what the header says.
    name : str, optional
        Name of the map; by default that of the file (see `map_name`).

    Returns
    -------
    DensityMap
        With the axes in the order (z, y, x), whatever their order in the file.

    Raises
    ------
    MapFormatError
        When the file is missing, empty, truncated, longer than its header says, damaged, not MRC,
        an image, a stack or a transform, or has values that are not finite or past 1e15, a cell
        that is not orthogonal or no voxel size.

    Warns
    -----
    OccupyWarning
        When the axes had to be put in order, or the header leaves room for doubt.

    Notes
    -----
    ISPG 0 means "images" in MRC2014, but many programs write it for volumes. Such a file is taken
    for a stack only when MZ is 1 or its suffix is .mrcs, the two ways in which stacks are marked.
    """
    file = _clean(path)
    if not file.exists():
        raise MapFormatError(f"The map {file} does not exist; check the path.")
    if file.is_dir():
        raise MapFormatError(f"{file} is a folder, not a map; give the file in it.")
    try:
        with open_unpacked(file) as stream:
            header = _read_header(stream, file)
            _refuse_other_contents(header, file)
            data = _read_data(stream, header, file)
    except (*DAMAGED, MemoryError) as error:
        raise MapFormatError(f"The map {file} cannot be read: {_reason(error)}.") from error
    _doubt_other_type(data, header, file)
    ordered, grid = in_standard_order(data, header, file, voxel_size)
    del data
    _require_usable(ordered, file)
    return DensityMap(ordered, grid, map_name(file) if name is None else name)


def write_map(
    path: str | os.PathLike[str], density: DensityMap, *, labels: Sequence[str] = ()
) -> Path:
    """Write a map as float32 MRC2014, exactly where its grid lies.

    The bytes depend on the map and the labels only. The file appears whole or not at all.

    Parameters
    ----------
    path : path
        Where to; a file that is there is replaced.
    density : DensityMap
        What to write.
    labels : sequence of str
        Up to nine header labels of at most 80 characters; longer ones are cut.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    OutputError
        When the folder is missing, nothing can be written into it, or the disk is full.
    """
    file = Path(path)
    if not file.parent.is_dir():
        raise OutputError(f"The folder {file.parent} does not exist; create it first.")
    temporary = file.with_name(f"{file.name}.tmp{os.getpid()}")
    try:
        with temporary.open("wb", buffering=0) as stream:
            _write_all(stream, _header_bytes(density, labels))
            for plane in density.data.astype("<f4", copy=False):
                _write_all(stream, memoryview(plane).cast("B"))
        temporary.replace(file)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OutputError(f"The map {file} cannot be written: {_reason(error)}.") from error
        raise
    return file


def require_varying(density: DensityMap) -> None:
    """Raise unless the map has at least two different values.

    Raises
    ------
    EstimationError
        When all voxels have the same value.
    """
    low, high = float(density.data.min()), float(density.data.max())
    if low == high:
        raise EstimationError(
            f"The map {density.name} is {low:g} everywhere, so nothing can be estimated from it; "
            "give a map with density."
        )


def _clean(path: str | os.PathLike[str]) -> Path:
    """Path without Scipion's and Xmipp's format ending ``:mrc``."""
    return Path(os.fspath(path).removesuffix(":mrc").removesuffix(":mrcs"))


def _reason(error: BaseException) -> str:
    """Reason of a failure as the end of a sentence."""
    if isinstance(error, EOFError):
        return "it is truncated"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text.rstrip(".")


def _read_header(stream: IO[bytes], file: Path) -> Any:
    """Read the header, in the byte order in which it makes sense."""
    raw = stream.read(HEADER_DTYPE.itemsize)
    if not raw:
        raise MapFormatError(f"The map {file} is empty; copy it again.")
    if len(raw) < HEADER_DTYPE.itemsize:
        raise MapFormatError(
            f"{file} has {len(raw)} bytes, but the header of a map alone has "
            f"{HEADER_DTYPE.itemsize}; it is truncated or no MRC map."
        )
    # The machine stamp is often wrong or zero; the mode and the sizes settle the byte order.
    for order in "><" if raw[212:213] == b"\x11" else "<>":
        header = np.frombuffer(raw, HEADER_DTYPE.newbyteorder(order))[0]
        sizes = [int(header[n]) for n in ("nx", "ny", "nz")]
        known = int(header["mode"]) in (*_MODES, *_COMPLEX_MODES, 101)
        possible = min(sizes) > 0 and max(sizes) < _LARGEST_EDGE and header["nsymbt"] >= 0
        if known and possible:
            return header
    raise MapFormatError(f"{file} is not an MRC map: its first bytes are no MRC header.")


def _refuse_other_contents(header: Any, file: Path) -> None:
    """Raise when the file holds something else than one volume of real numbers."""
    nx, ny, nz, mz = (int(header[n]) for n in ("nx", "ny", "nz", "mz"))
    mode, ispg = int(header["mode"]), int(header["ispg"])
    if mode in _COMPLEX_MODES:
        raise MapFormatError(f"{file} is a transform (complex mode {mode}); give a real map.")
    if mode not in _MODES:
        raise MapFormatError(
            f"{file} has the mode {mode}, but only {', '.join(map(str, _MODES))} are read; "
            "convert it to mode 2."
        )
    if min(nx, ny, nz) == 1:
        raise MapFormatError(f"{file} is an image of {nx} x {ny} x {nz} voxels; give a volume.")
    if file.suffix.lower() == ".mrcs" or (ispg == 0 and mz == 1):
        raise MapFormatError(f"{file} is a stack of {nz} images; give a volume.")
    if ispg > 400 and mz > 0 and nz > mz:
        raise MapFormatError(f"{file} is a stack of {nz // mz} volumes; give one of them.")
    if ispg == 0 and nx == ny != nz:
        warnings.warn(
            f"{file} may be a stack of {nz} images, for its ISPG is 0; it is read as a volume.",
            OccupyWarning,
            stacklevel=3,
        )


def _read_data(stream: IO[bytes], header: Any, file: Path) -> NDArray[Any]:
    """Read the data block: shape (sections, rows, columns), type and byte order of the file."""
    shape = tuple(int(header[n]) for n in ("nz", "ny", "nx"))
    dtype = np.dtype(_MODES[int(header["mode"])]).newbyteorder(header.dtype["mode"].byteorder)
    expected = math.prod(shape) * dtype.itemsize
    extended = int(header["nsymbt"])
    size = file.stat().st_size - HEADER_DTYPE.itemsize
    if not is_packed(stream) and size < extended + expected:
        if size == expected:
            raise MapFormatError(
                f"The header of {file} says that {extended} bytes of an extended header follow it, "
                "but the file is too short for that; set NSYMBT to 0 if there are none."
            )
        raise MapFormatError(_truncated(file, max(size - extended, 0), expected))
    if skip(stream, extended) < extended:
        raise MapFormatError(_truncated(file, 0, expected))
    data = np.empty(shape, dtype)
    buffer = data.reshape(-1).view(np.uint8).data
    filled = 0
    while filled < expected:
        # cast: every stream that `open_unpacked` returns reads into a buffer, IO does not say so
        n = cast(Any, stream).readinto(buffer[filled:])
        if not n:
            raise MapFormatError(_truncated(file, filled, expected))
        filled += n
    _require_end(stream, data, file)
    return data


def _require_end(stream: IO[bytes], data: NDArray[Any], file: Path) -> None:
    """Read to the end of a file, where its checksum stands; only padding may follow the data.

    The number of symmetry bytes (NSYMBT) or the mode of a longer file is wrong, and then all values
    are. The standard knows nothing there, and mrcfile's validator calls it an error. A few zeros
    that pad a block are read with a warning where the data just before are not zero as well: they
    cannot be the end of data that start further on.
    """
    rest = stream.read(_MOST_PADDING + 1)
    if not rest:
        return
    flat = data.reshape(-1)
    before = flat[-math.ceil(len(rest) / data.itemsize) :]
    if len(rest) <= _MOST_PADDING and not any(rest) and before.any() and flat[:3].any():
        warnings.warn(
            f"The map {file} has {len(rest)} zeros after its data, which are not read.",
            OccupyWarning,
            stacklevel=4,
        )
        return
    more = "more than " if len(rest) > _MOST_PADDING else ""
    count = min(len(rest), _MOST_PADDING)
    raise MapFormatError(
        f"The map {file} is {more}{count} bytes longer than its header says, so it is unknown "
        "where its values are; correct the size, the mode or NSYMBT in the header."
    )


def _doubt_other_type(data: NDArray[Any], header: Any, file: Path) -> None:
    """Warn when short numbers are far from the extremes in the header: their mode may be wrong.

    Modes 1, 6 and 12 take as many bytes, and bytes (mode 0) were unsigned in older programs.
    """
    low, high = float(header["dmin"]), float(header["dmax"])
    if data.dtype.itemsize > 2 or not (low < high and math.isfinite(high - low)):
        return
    with np.errstate(invalid="ignore"):
        least, most = float(data.min()), float(data.max())
    if max(low - least, most - high) > _BEYOND_EXTREMES * (high - low):
        warnings.warn(
            f"The values of {file} read as mode {int(header['mode'])} go from {least:g} to "
            f"{most:g}, but its header says from {low:g} to {high:g}; check the mode.",
            OccupyWarning,
            stacklevel=3,
        )


def _truncated(file: Path, found: int, expected: int) -> str:
    return (
        f"The map {file} is truncated: it has {found} bytes of data, but its header says "
        f"{expected}; copy it again."
    )


def _require_usable(data: Array, file: Path) -> None:
    """Raise when a value is NaN, infinite, or so large or all so small that single precision fails.

    A map of zeros is left to those who cannot use it.
    """
    # The extremes tell, without a second array of the size of the map.
    extremes = np.empty((-(-len(data) // _PLANES_AT_ONCE), 2), np.float32)

    def look(first: int, last: int) -> None:
        with np.errstate(invalid="ignore"):
            slab = data[first:last]
            extremes[first // _PLANES_AT_ONCE] = slab.min(), slab.max()

    for_slabs(look, len(data), _PLANES_AT_ONCE)
    if not np.isfinite(extremes).all():
        count = sum(int(plane.size - np.count_nonzero(np.isfinite(plane))) for plane in data)
        raise MapFormatError(
            f"The map {file} has {count} values that are not numbers (NaN or infinite); "
            "make it again or set them to 0."
        )
    largest = float(np.abs(extremes).max())
    if largest > 0 and not _SMALLEST_VALUE <= largest <= _LARGEST_VALUE:
        raise MapFormatError(
            f"The largest value of the map {file} is {largest:.3g}, but only {_SMALLEST_VALUE:g} "
            f"to {_LARGEST_VALUE:g} can be computed with; multiply the map by a number, or check "
            "the mode and the byte order of its header."
        )


def _header_bytes(density: DensityMap, labels: Sequence[str]) -> bytes:
    """Make the 1024 bytes of a MRC2014 header, little-endian."""
    header = np.zeros((), HEADER_DTYPE.newbyteorder("<"))
    grid = density.grid
    for axis, n, size, origin, start in zip(
        "xyz", reversed(grid.shape), grid.voxel_size, grid.origin, grid.nstart, strict=True
    ):
        header[f"n{axis}"] = header[f"m{axis}"] = n
        header[f"n{axis}start"] = start
        header["cella"][axis] = n * size
        header["origin"][axis] = origin
    header["mode"], header["ispg"], header["nversion"] = 2, 1, 20141
    header["cellb"] = (90.0, 90.0, 90.0)
    header["mapc"], header["mapr"], header["maps"] = 1, 2, 3
    header["map"], header["machst"] = b"MAP ", (0x44, 0x44, 0, 0)
    for field, value in zip(
        ("dmin", "dmax", "dmean", "rms"), _statistics(density.data), strict=True
    ):
        header[field] = value
    texts = [*labels[: _LABELS - 1], f"Created by occupy_core {occupy_core.__version__}"]
    for i, text in enumerate(texts):
        header["label"][i] = text.encode("ascii", "replace")[:_LABEL_LENGTH]
    header["nlabl"] = len(texts)
    return header.tobytes()


def _statistics(data: Array) -> tuple[float, float, float, float]:
    """Return minimum, maximum, mean and standard deviation, from sums over fixed slabs."""
    slabs = -(-len(data) // _PLANES_AT_ONCE)
    low, high = np.empty(slabs), np.empty(slabs)
    sums, squares = np.empty(slabs), np.empty(slabs)

    def extremes(first: int, last: int) -> None:
        i = first // _PLANES_AT_ONCE
        low[i], high[i] = data[first:last].min(), data[first:last].max()
        sums[i] = data[first:last].sum(dtype=np.float64)

    def deviations(first: int, last: int) -> None:
        off = data[first:last] - centre
        with np.errstate(over="ignore"):  # the field is a float32 too
            squares[first // _PLANES_AT_ONCE] = np.multiply(off, off, out=off).sum()

    for_slabs(extremes, len(data), _PLANES_AT_ONCE)
    mean = float(sums.sum()) / data.size
    centre = np.float32(mean)
    for_slabs(deviations, len(data), _PLANES_AT_ONCE)
    return float(low.min()), float(high.max()), mean, math.sqrt(squares.sum() / data.size)


def _write_all(stream: IO[bytes], content: bytes | memoryview) -> None:
    """Write everything: a raw stream may take a part, as when the disk fills up."""
    rest = memoryview(content)
    while rest:
        rest = rest[stream.write(rest) :]
