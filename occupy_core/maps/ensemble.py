"""An ensemble: many volumes of one molecule on one grid, read one at a time or held if small."""

from __future__ import annotations

import math
import os
import re
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path

from occupy_core.errors import MapFormatError, OccupyWarning, ParameterError
from occupy_core.maps.alike import Alike, AlikeSurvey
from occupy_core.maps.binning import bin_map, binned_grid
from occupy_core.maps.grid import DensityMap, Grid, require_same_grid
from occupy_core.maps.mrc import map_name, read_map, require_varying
from occupy_core.maps.threads import for_slabs, threads

_SUFFIXES = (".mrc", ".map", ".ccp4")
_COMPRESSED = (".gz", ".bz2")
_SMALLEST_BOX = 8  # [guard] voxels along an edge after binning
_HELD = 64e6  # [machine] bytes of all volumes; what is smaller is read from its files once


class Ensemble:
    """Volumes on one grid. Nothing is held in memory but what is read at the moment, or little.

    Parameters
    ----------
    sources : sequence of path or DensityMap
        The volumes in their order; `open_ensemble` makes one from a folder.
    voxel_size : float, optional
        Edge of the cubic voxels in Å of all files, instead of what their headers say.
    names : sequence of str, optional
        What the volumes are called, each different; by default as their files.
    bin : int
        Volumes are averaged over cubes of so many voxels along each edge.

    Raises
    ------
    ParameterError
        When there is none, one is given twice, or the names are not one for each.
    MapFormatError
        When a file is missing, or the first one cannot be read.
    """

    def __init__(
        self,
        sources: Sequence[str | os.PathLike[str] | DensityMap],
        *,
        voxel_size: float | None = None,
        names: Sequence[str] | None = None,
        bin: int = 1,  # noqa: A002 - as the option is called
    ) -> None:
        if not sources:
            raise ParameterError("The ensemble has no volume; give the volumes or their folder.")
        self._sources = tuple(
            s if isinstance(s, DensityMap) else Path(os.fspath(s).removesuffix(":mrc"))
            for s in sources
        )
        self._voxel_size = voxel_size
        self.bin = bin
        self._alike: Alike | None = None
        missing = [s for s in self._sources if isinstance(s, Path) and not s.exists()]
        if missing:
            more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
            raise MapFormatError(f"The volume {missing[0]} does not exist{more}; check the path.")
        self.names = _distinct_names(self._sources)
        if names is not None:
            self.names = _given_names(names, len(self._sources))
        self._first = self._load(0)
        if min(self.grid.shape) < _SMALLEST_BOX and bin > 1:
            raise ParameterError(
                f"bin is {bin}, but of a box of {' x '.join(map(str, self.full_grid.shape))} "
                f"voxels fewer than {_SMALLEST_BOX} are left along an edge; give a smaller bin."
            )
        size = 4.0 * len(self) * math.prod(self.grid.shape)
        self._held: dict[int, DensityMap] | None = {} if size <= _HELD else None

    def __len__(self) -> int:
        return len(self._sources)

    @property
    def grid(self) -> Grid:
        """The grid of the volumes as they are read: that of the first one, binned."""
        return binned_grid(self._first.grid, self.bin)

    @property
    def full_grid(self) -> Grid:
        """The grid of the volumes before they are binned."""
        return self._first.grid

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed to make the volumes alike, in sentences."""
        return () if self._alike is None else self._alike.notes

    def made_alike(self, *, align_maps: bool = False, match_falloff: bool = False) -> Ensemble:
        """Return the ensemble with its volumes moved onto the first, or filtered alike.

        All volumes are read once to find out how.

        Parameters
        ----------
        align_maps : bool
            Move each volume to where it agrees best with the first, to a fraction of a voxel.
        match_falloff : bool
            Weaken each shell of frequencies to the amplitude of the weakest volume.
        """
        if not (align_maps or match_falloff) or self._alike is not None:
            return self
        found = AlikeSurvey(self.read(0), len(self), place=align_maps, falloff=match_falloff)
        self.for_each(found.see)
        made = copy(self)
        made._alike = found.result()
        return made

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files, in order; none for volumes in memory."""
        return tuple(s for s in self._sources if isinstance(s, Path))

    def read(self, index: int) -> DensityMap:
        """Return one volume, on the grid of the ensemble.

        Raises
        ------
        MapFormatError
            When the file is missing or is no map, or has NaN or infinite values.
        GridMismatchError
            When it lies on another grid than the first volume.
        EstimationError
            When it is constant.
        """
        found = None if self._held is None else self._held.get(index)
        if found is None:
            found = self._read(index)
            if self._held is not None:
                self._held[index] = found
        return found if self._alike is None else self._alike.apply(index, found)

    def _read(self, index: int) -> DensityMap:
        """Return one volume as it is in its file, on the grid of the ensemble."""
        density = self._load(index)
        if index:
            require_same_grid(self._first, density, "volume")
        require_varying(density)
        return bin_map(DensityMap(density.data, self._first.grid, density.name), self.bin)

    def for_each(
        self,
        work: Callable[[int, DensityMap], None],
        *,
        indices: Sequence[int] | None = None,
        done: Callable[[int], None] | None = None,
    ) -> None:
        """Call `work(position, volume)` for each volume, on the threads in force.

        Headers give no warnings here: the first one did when the ensemble was opened, and what is
        odd about one file of an ensemble is odd about all.

        Parameters
        ----------
        work : callable
            Takes the position in `indices` and the volume; must write only where no other call
            writes.
        indices : sequence of int, optional
            Which volumes; all by default.
        done : callable, optional
            Takes the number of volumes that are done.
        """
        wanted = range(len(self)) if indices is None else indices
        finished = 0
        lock = threading.Lock()

        def read_and_work(position: int, _stop: int) -> None:
            nonlocal finished
            with threads(1):  # the volumes are what runs in parallel
                work(position, self.read(wanted[position]))
            with lock:
                finished += 1
                if done is not None:
                    done(finished)

        with _quiet():
            for_slabs(read_and_work, len(wanted), 1)

    def _load(self, index: int) -> DensityMap:
        source = self._sources[index]
        if isinstance(source, DensityMap):
            return source
        return read_map(source, voxel_size=self._voxel_size, name=self.names[index])


def open_ensemble(
    volumes: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    voxel_size: float | None = None,
) -> Ensemble:
    """Open the volumes of a folder, or a list of volumes.

    Parameters
    ----------
    volumes : path or sequence of path
        A folder: all maps in it, in natural order (vol_2 before vol_10). A list: in its order.
    voxel_size : float, optional
        Instead of what the headers say, Å.

    Raises
    ------
    ParameterError
        When the folder holds no map.
    MapFormatError
        When the folder or a file does not exist, or the first file is no map.
    """
    paths = volumes_in(volumes) if isinstance(volumes, str | os.PathLike) else list(volumes)
    return Ensemble(paths, voxel_size=voxel_size)


def volumes_in(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the maps in a folder in natural order.

    Raises
    ------
    ParameterError
        When the folder holds no map.
    MapFormatError
        When the folder does not exist.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise MapFormatError(f"The folder {folder} does not exist; check the path.")
    found = [path for path in folder.iterdir() if path.is_file() and _is_map_name(path)]
    if not found:
        raise ParameterError(
            f"The folder {folder} has no file that ends in {', '.join(_SUFFIXES)} (or these with "
            f"{' or '.join(_COMPRESSED)}); give the folder of the volumes."
        )
    return sorted(found, key=lambda path: (natural_key(path.name), path.name))


def natural_key(name: str) -> tuple[tuple[int, int | str], ...]:
    """Return a key that sorts numbers in names by their value: vol_2 before vol_10."""
    parts = [part for part in re.split(r"(\d+)", name) if part]
    return tuple((0, int(part)) if part.isdecimal() else (1, part.lower()) for part in parts)


def _is_map_name(path: Path) -> bool:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    return bool(suffixes) and suffixes[-1] in _SUFFIXES and not path.name.startswith(".")


def _distinct_names(sources: Sequence[Path | DensityMap]) -> tuple[str, ...]:
    """Name the volumes by their files, with as many folders as it takes to tell them apart."""
    files = [s.resolve() for s in sources if isinstance(s, Path)]
    twice = [str(file) for file, n in Counter(files).items() if n > 1]
    if twice:
        raise ParameterError(f"The volume {twice[0]} is given twice; give each volume once.")
    names = [map_name(s) if isinstance(s, Path) else s.name for s in sources]
    depth = 1
    while len(set(names)) < len(names):
        repeated = {name for name, n in Counter(names).items() if n > 1}
        longer = [
            _longer_name(source, depth) if name in repeated else name
            for name, source in zip(names, sources, strict=True)
        ]
        if longer == names:
            numbers = range(1, len(names) + 1)
            return tuple(f"{name}_{i}" for name, i in zip(names, numbers, strict=True))
        names, depth = longer, depth + 1
    return tuple(names)


def _given_names(names: Sequence[str], n: int) -> tuple[str, ...]:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ParameterError(f"Two volumes are called {twice[0]}; give each a name of its own.")
    if len(names) != n:
        raise ParameterError(
            f"{len(names)} names are given for {n} volumes; give one for each, or none."
        )
    return tuple(names)


def _longer_name(source: Path | DensityMap, depth: int) -> str:
    if isinstance(source, DensityMap):
        return source.name
    folders = source.resolve().parts[1:-1][-depth:]
    return "/".join((*folders, map_name(source)))


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out the warnings about headers and origins; entered by the calling thread only."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OccupyWarning)
        yield
