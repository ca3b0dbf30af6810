"""The maps of a job of another program as it lies on the disk: files, sizes and half maps.

RELION writes a ``…_model.star`` for each iteration, which names the class maps and the share of
the particles in each. cryoSPARC names its volumes by job, class and iteration, and its .cs tables
name volumes by their path from the folder of the project. cryoDRGN and RECOVAR put the volumes at
the centres of k-means clusters into one folder with ``centers.txt``, cryoDRGN with the labels of
the particles beside them, RECOVAR with the labels in the folder of the analysis.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from occupy_core.errors import MapFormatError, ParameterError
from occupy_core.maps.ensemble import natural_key
from occupy_core.maps.mrc import map_name
from occupy_core.particles.files import read_particles

_STAR_OF_RUN = re.compile(r"(?P<run>.+)_(?:model|data|optimiser|sampling)\.star$")
_ITERATION = re.compile(r"_it(\d+)(?:_half[12])?_model\.star$")
_CRYOSPARC = re.compile(
    r"(?P<job>(?:.*_)?J\d+)_"
    r"(?:(?P<first>\d+|final)_)?(?:class_(?P<number>\d+)_)?(?:(?P<last>\d+|final)_)?"
    r"(?:class_(?P<later>\d+)_)?volume(?:_map)?(?:_(?P<part>half_A|half_B))?\.mrc$"
)
_CLUSTER = re.compile(r"(?:vol_?|center_?)(?P<number>\d{3,})\.mrc$")
_CRYOSPARC_PARTICLES = re.compile(r"J\d+_(?:(?P<step>\d+|final)_)?particles(?:_all_classes)?\.cs$")


@dataclass(frozen=True, kw_only=True)
class JobMap:
    """One map of a job.

    Parameters
    ----------
    path : Path
    name : str
        That of the file.
    size : float
        Particles that the map stands for, relative to the other maps of the job; NaN when the job
        does not say.
    half1, half2 : Path, optional
        Unfiltered half maps, when the job has them.
    """

    path: Path
    name: str
    size: float
    half1: Path | None = None
    half2: Path | None = None


@dataclass(frozen=True, kw_only=True)
class JobMaps:
    """The maps of a job.

    Parameters
    ----------
    maps : tuple of JobMap
        In the order of their numbers.
    particles : Path, optional
        The particles of the same iteration, or the labels of their clusters, when they are there.
    notes : tuple of str
        What was left out, one sentence each.
    """

    maps: tuple[JobMap, ...]
    particles: Path | None = None
    notes: tuple[str, ...] = ()


def read_job(path: Path) -> JobMaps:
    """Find the maps of a job.

    Parameters
    ----------
    path : Path
        The folder of a job of RELION or cryoSPARC: its last iteration is taken, or its final
        result. Or a STAR file of a run of RELION (``run_it025_model.star``, or its data or
        optimiser file), the ``postprocess.star``, a table of volumes of cryoSPARC (.cs), or the
        folder of k-means volumes of cryoDRGN or RECOVAR.

    Returns
    -------
    JobMaps

    Raises
    ------
    ParameterError
        When the folder is not that of a finished job.
    MapFormatError
        When a file is missing, cannot be read, or names no map that exists.
    """
    if path.suffix.lower() in (".star", ".cs") and not path.is_file():
        raise MapFormatError(f"The file {path} does not exist; check the path.")
    if path.suffix.lower() == ".cs":
        return _of_table(path)
    if path.suffix.lower() == ".star":
        return _of_star(path)
    model = _last_model(path)
    if model is not None:
        return _of_model(model)
    if (path / "postprocess.star").is_file():
        return _of_star(path / "postprocess.star")
    if (path / "centers.txt").is_file():
        return _of_clusters(path)
    return _of_cryosparc(path)


def particles_file(path: Path) -> Path:
    """The file of the particles of a job, given as its folder or model file; others as they are.

    Raises
    ------
    ParameterError
        When the job has no such file.
    MapFormatError
        As of `read_job`.
    """
    if not (path.is_dir() or path.name.endswith(("_model.star", "_optimiser.star"))):
        return path
    particles = read_job(path).particles
    if particles is None:
        raise ParameterError(f"{path} has no file of particles; give it (.star, .cs or .pkl).")
    return particles


def _of_star(path: Path) -> JobMaps:
    run = _STAR_OF_RUN.match(path.name)
    if run is not None:
        model = path.with_name(f"{run['run']}_model.star")
        if not model.is_file():
            raise MapFormatError(
                f"{path} belongs to {model.name}, which is not beside it; give the model file or "
                "the folder of the job."
            )
        return _of_model(model)
    general = _block(_star(path), "general", path)
    names = [general.get(f"rlnUnfilteredMapHalf{k}") for k in (1, 2)]
    found = path.with_suffix(".mrc")
    if not found.is_file():
        raise MapFormatError(f"{path} names no map beside it; give run_…_model.star of a job.")
    half1, half2 = (None if n is None else _found(str(n), path) for n in names)
    if half1 is None or half2 is None:
        half1 = half2 = None
    only = JobMap(path=found, name=map_name(found), size=math.nan, half1=half1, half2=half2)
    return JobMaps(maps=(only,))


def _last_model(folder: Path) -> Path | None:
    """The final model file of a run in a folder, else that of the last iteration."""
    models = [p for p in folder.glob("*_model.star") if p.is_file()]
    final = sorted(p for p in models if _ITERATION.search(p.name) is None)
    if final:
        return final[-1]
    whole = [p for p in models if "_half" not in p.name]
    if models and not whole:
        raise ParameterError(
            f"The refinement in {folder} is not finished: it has half maps but no final map; wait "
            "for it, or give the maps."
        )
    return max(whole, key=lambda p: natural_key(p.name.rpartition("_it")[2]), default=None)


def _of_model(path: Path) -> JobMaps:
    """Maps of a model file of RELION."""
    table = _block(_star(path), "model_classes", path)
    rows = _rows(table)
    maps, notes = [], []
    for row in rows:
        if "rlnReferenceImage" not in row:
            raise MapFormatError(f"{path} names no class map (_rlnReferenceImage); check the file.")
        file = _found(str(row["rlnReferenceImage"]), path)
        if file is None:
            raise MapFormatError(
                f"The map {row['rlnReferenceImage']} of {path} does not exist, neither beside it "
                "nor in the folder of the project; check the paths."
            )
        size = float(row.get("rlnClassDistribution", math.nan))
        if size == 0:
            notes.append(f"{file.name} has no particles; it was left out.")
            continue
        half1, half2 = _halves_of_relion(file)
        maps.append(JobMap(path=file, name=map_name(file), size=size, half1=half1, half2=half2))
    if not maps:
        raise MapFormatError(f"{path} has no class with particles; check the file.")
    data = path.with_name(path.name.replace("_model.star", "_data.star"))
    return JobMaps(maps=tuple(maps), particles=data if data.is_file() else None, notes=tuple(notes))


def _halves_of_relion(file: Path) -> tuple[Path | None, Path | None]:
    """The unfiltered half maps beside run_class001.mrc, when both are there."""
    run, _, number = file.stem.rpartition("_class")
    halves = [file.with_name(f"{run}_half{k}_class{number}_unfil.mrc") for k in (1, 2)]
    return (halves[0], halves[1]) if all(half.is_file() for half in halves) else (None, None)


def _of_table(path: Path) -> JobMaps:
    """Maps that a table of volumes of cryoSPARC names."""
    try:
        table = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise MapFormatError(f"{path} cannot be read as a table of cryoSPARC ({error}).") from error
    names = table.dtype.names or ()
    if "map/path" not in names:
        raise MapFormatError(
            f"{path} names no volume (field map/path); give the folder of the job, or its table of "
            "volumes."
        )
    maps = []
    for row in np.atleast_1d(table):
        files = {
            key: _found(_text(row[f"{key}/path"]), path)
            for key in ("map", "map_half_A", "map_half_B")
            if f"{key}/path" in names
        }
        file = files["map"]
        if file is None:
            raise MapFormatError(
                f"The volume {_text(row['map/path'])} of {path} does not exist, neither beside it "
                "nor in the folder of the project; check the paths."
            )
        halves = files.get("map_half_A"), files.get("map_half_B")
        half1, half2 = halves if None not in halves else (None, None)
        maps.append(JobMap(path=file, name=map_name(file), size=math.nan, half1=half1, half2=half2))
    return JobMaps(maps=tuple(maps))


def _of_cryosparc(folder: Path) -> JobMaps:
    """Maps of the folder of a job of cryoSPARC: the last iteration of each class."""
    if not folder.is_dir():
        raise MapFormatError(f"The folder {folder} does not exist; check the path.")
    volumes: dict[tuple[int, float], dict[str, Path]] = {}
    for file in folder.iterdir():
        match = _CRYOSPARC.match(file.name)
        if match is not None:
            number = match["number"] or match["later"]
            key = (-1 if number is None else int(number), _step(match["first"] or match["last"]))
            volumes.setdefault(key, {})[match["part"] or "map"] = file
    complete = sorted(key for key, files in volumes.items() if "map" in files)
    if not complete:
        raise ParameterError(
            f"{folder} is a folder, not a map, and holds no finished job of RELION "
            "(…_model.star) or cryoSPARC (J…_volume.mrc); give the file in it."
        )
    last = {number: (number, step) for number, step in complete}
    particles = _particles_of(folder)
    sizes = _sizes(particles)
    maps = []
    for number, key in last.items():
        files = volumes[key]
        half1, half2 = files.get("half_A"), files.get("half_B")
        if half1 is None or half2 is None:
            half1 = half2 = None
        file = files["map"]
        size = sizes.get(number, math.nan)
        maps.append(JobMap(path=file, name=map_name(file), size=size, half1=half1, half2=half2))
    return JobMaps(maps=tuple(maps), particles=particles)


def _of_clusters(folder: Path) -> JobMaps:
    """Volumes at the centres of clusters, by cryoDRGN or RECOVAR."""
    numbered = sorted(
        (int(match["number"]), file)
        for file in folder.iterdir()
        if (match := _CLUSTER.match(file.name))
    )
    if not numbered:
        raise ParameterError(
            f"The folder {folder} has centers.txt but no volumes (vol_000.mrc, center000.mrc); "
            "let the analysis write them."
        )
    places = (folder, folder.parent, folder.parent / "data")
    tables = [place / name for place in places for name in ("labels.pkl", "kmeans_result.pkl")]
    particles = next((table for table in tables if table.is_file()), None)
    sizes = _sizes(particles)
    maps = []
    for number, file in numbered:
        halves = [file.with_name(f"{file.stem}_half{k}_unfil.mrc") for k in (1, 2)]
        half1, half2 = halves if all(half.is_file() for half in halves) else (None, None)
        size = sizes.get(number, 0.0 if sizes else math.nan)
        maps.append(JobMap(path=file, name=map_name(file), size=size, half1=half1, half2=half2))
    return JobMaps(maps=tuple(maps), particles=particles)


def _step(text: str | None) -> float:
    """Iteration as a number that sorts: none and "final" come last."""
    return math.inf if text in (None, "final") else float(text)


def _particles_of(folder: Path) -> Path | None:
    """The particles of the last iteration of a job of cryoSPARC."""
    found = [
        (_step(match["step"]), file.name)
        for file in folder.iterdir()
        if (match := _CRYOSPARC_PARTICLES.search(file.name)) and "passthrough" not in file.name
    ]
    return folder / max(found)[1] if found else None


def _sizes(particles: Path | None) -> dict[int, float]:
    """Number of particles of each class; nothing when the particles do not say."""
    groups = None if particles is None else read_particles(particles).groups()
    if groups is None:
        return {}
    numbers, counts = np.unique(groups, return_counts=True)
    return {int(n): float(c) for n, c in zip(numbers, counts, strict=True)}


def _star(path: Path) -> dict[str, Any]:
    import starfile

    try:
        blocks: dict[str, Any] = starfile.read(path, always_dict=True)
    except Exception as error:  # starfile lets errors of pandas and of its own through
        raise MapFormatError(
            f"{path} cannot be read as a STAR file ({str(error).strip()}); give run_…_model.star "
            "of a job."
        ) from error
    return blocks


def _block(blocks: dict[str, Any], name: str, path: Path) -> Any:
    if name not in blocks:
        raise MapFormatError(
            f"{path} has no table data_{name}; give run_…_model.star, the postprocess.star or the "
            "folder of a job."
        )
    return blocks[name]


def _rows(table: Any) -> Iterable[dict[str, Any]]:
    """Rows of a table; a table of a single row without a loop is a mapping."""
    if isinstance(table, dict):
        return [table]
    rows: list[dict[str, Any]] = table.to_dict("records")
    return rows


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _found(name: str, beside: Path) -> Path | None:
    """A file that a table names by its path from the folder of the project.

    Beside the table comes first, for jobs that were copied without their project.
    """
    file = Path(name.removeprefix(">").removesuffix(":mrc"))
    start = beside.absolute().parent
    for place in (start / file.name, file, *(folder / file for folder in (start, *start.parents))):
        if place.is_file():
            return place
    return None
