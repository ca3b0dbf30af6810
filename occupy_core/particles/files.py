"""Files of particles: RELION STAR, cryoSPARC .cs, cryoDRGN .pkl and CSV, read and written whole.

A file is kept as it was read. What is written is the chosen rows with columns added, so optics
groups, CTF parameters and columns that this program does not know survive.
"""

from __future__ import annotations

import csv
import io
import pickle
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occupy_core.errors import MapFormatError, ParameterError
from occupy_core.particles.pickles import read_pickled_array

Floats = NDArray[np.float64]
Groups = NDArray[np.int64]

KINDS = (".star", ".cs", ".pkl", ".csv")
_CLASS_COLUMNS = ("class", "class_number", "classnumber", "volume", "cluster", "label")
# Fields in which cryoSPARC keeps the class of a particle, the newest first.
_CS_CLASSES = ("alignments3D_multi/class", "alignments3D/class", "alignments_class3D/class")
_CS_MODE = re.compile(r"components_mode_(\d+)/value$")


class ParticleFile(ABC):
    """Particles of one file, in its order."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def __len__(self) -> int:
        """Number of particles."""

    @abstractmethod
    def groups(self) -> Groups | None:
        """Class number of each particle as the file has it, shape (n,); None without one."""

    def latent(self) -> Floats | None:
        """Latent coordinates of each particle, shape (n, dimensions); None without them."""
        return None

    @abstractmethod
    def write(self, path: Path, chosen: NDArray[np.bool_], columns: Mapping[str, Floats]) -> None:
        """Write the chosen particles with columns added, in the format of this file.

        Parameters
        ----------
        path : Path
        chosen : ndarray of bool, shape (n,)
        columns : mapping of str to ndarray of float64, shape (n,)
        """


def read_particles(path: Path) -> ParticleFile:
    """Read a file of particles by the ending of its name.

    Raises
    ------
    MapFormatError
        When the file cannot be read.
    ParameterError
        When its format is not known.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise ParameterError(
            f"The particles {path.name} end in '{path.suffix}' but must be one of "
            f"{', '.join(KINDS)} (RELION, cryoSPARC, cryoDRGN, table)."
        )
    if not path.is_file():
        raise ParameterError(f"The file of particles {path} does not exist; check the path.")
    return reader(path)


class StarParticles(ParticleFile):
    """A STAR file of RELION 3.0 (one table) or of 3.1 and later (optics and particles)."""

    def __init__(self, path: Path) -> None:
        import starfile

        super().__init__(path)
        try:
            blocks = starfile.read(path, always_dict=True)
            # Numbers are kept as they are written: a second reading takes every column as text.
            names = sorted({str(name) for block in blocks.values() for name in block})
            self._blocks = starfile.read(path, always_dict=True, parse_as_string=names)
        except Exception as error:  # starfile lets errors of pandas and of its own through
            raise MapFormatError(
                f"{path} cannot be read as a STAR file ({str(error).strip()}); give the file of "
                "particles of a RELION job, such as run_it025_data.star."
            ) from error
        tables = [
            key
            for key, block in self._blocks.items()
            if hasattr(block, "columns") and "rlnImageName" in block.columns
        ]
        if len(tables) != 1:
            raise MapFormatError(
                f"{path} holds {len(tables)} tables of particles (column _rlnImageName) but must "
                "hold one; give the file run_…_data.star."
            )
        self._table = tables[0]

    def __len__(self) -> int:
        return len(self._blocks[self._table])

    def _column(self, name: str) -> Floats | None:
        table = self._blocks[self._table]
        if name not in table.columns:
            return None
        return _numbers(list(table[name]), name, self.path)

    def groups(self) -> Groups | None:
        """Column _rlnClassNumber."""
        return _whole(self._column("rlnClassNumber"), "_rlnClassNumber", self.path)

    def write(self, path: Path, chosen: NDArray[np.bool_], columns: Mapping[str, Floats]) -> None:
        """Write the chosen particles; the other tables, such as the optics, are kept."""
        import starfile

        table = self._blocks[self._table][chosen].copy()
        for label, values in zip(star_labels(columns), columns.values(), strict=True):
            table[label] = [f"{value:.6g}" for value in values[chosen]]
        text = starfile.to_string({**self._blocks, self._table: table})
        # The first line holds the time of day, and the same input must give the same bytes.
        path.write_text(text.split("\n", 1)[1].lstrip("\n"), encoding="utf-8", newline="\n")


class CryosparcParticles(ParticleFile):
    """A .cs file of cryoSPARC: a numpy array with named fields."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            self._table = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise MapFormatError(
                f"{path} cannot be read as a file of cryoSPARC ({error}); give the .cs file of the "
                "particles of a job."
            ) from error
        if self._table.dtype.names is None or self._table.ndim != 1:
            raise MapFormatError(f"{path} holds no table of particles; give the .cs file of a job.")

    def __len__(self) -> int:
        return len(self._table)

    def groups(self) -> Groups | None:
        """Class of each particle: the one that is most probable when several are kept."""
        names = self._table.dtype.names or ()
        for name in _CS_CLASSES:
            if name in names:
                values = self._table[name]
                posterior = name.replace("/class", "/class_posterior")
                if values.ndim == 2:
                    best = self._table[posterior].argmax(axis=1) if posterior in names else 0
                    values = values[np.arange(len(values)), best]
                return np.asarray(values, np.int64)
        return None

    def latent(self) -> Floats | None:
        """Coordinates along the components of a 3D variability analysis."""
        found = sorted(
            (int(match.group(1)), name)
            for name in self._table.dtype.names or ()
            if (match := _CS_MODE.search(name))
        )
        if not found:
            return None
        return np.stack([np.asarray(self._table[name], np.float64) for _, name in found], axis=1)

    def write(self, path: Path, chosen: NDArray[np.bool_], columns: Mapping[str, Floats]) -> None:
        """Write the chosen particles with fields ``occupancy/NAME`` added."""
        added = [(f"occupancy/{label}", "<f4") for label in column_labels(columns)]
        rows = self._table[chosen]
        result = np.empty(len(rows), dtype=[*rows.dtype.descr, *added])
        for name in rows.dtype.names:
            result[name] = rows[name]
        for (field, _), values in zip(added, columns.values(), strict=True):
            result[field] = values[chosen]
        with path.open("wb") as file:  # np.save would add its own ending to a name
            np.save(file, result, allow_pickle=False)


class PickledParticles(ParticleFile):
    """A .pkl file: latent coordinates (z.pkl) or labels of cryoDRGN, or clusters of RECOVAR."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._values = read_pickled_array(path, key="labels")

    def __len__(self) -> int:
        return len(self._values)

    def groups(self) -> Groups | None:
        """Labels, when the file holds one whole number a particle."""
        if self._values.ndim == 1 and np.issubdtype(self._values.dtype, np.integer):
            return self._values.astype(np.int64)
        return None

    def latent(self) -> Floats | None:
        """Latent coordinates, when the file holds a table of numbers."""
        if self._values.ndim == 2:
            return self._values.astype(np.float64)
        return None

    def write(self, path: Path, chosen: NDArray[np.bool_], columns: Mapping[str, Floats]) -> None:
        """Write the indices of the chosen particles, which cryoDRGN takes as ``--ind``."""
        with path.open("wb") as file:
            pickle.dump(np.flatnonzero(chosen), file, protocol=4)


class TableParticles(ParticleFile):
    """A CSV table with a head: one particle a line."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            text = path.read_text(encoding="utf-8-sig")
            rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise MapFormatError(f"{path} cannot be read as a table ({error}).") from error
        if len(rows) < 2 or any(len(row) != len(rows[0]) for row in rows):
            raise MapFormatError(
                f"{path} must hold a head and lines with as many cells as it; correct the table."
            )
        self._head, self._rows = rows[0], rows[1:]

    def __len__(self) -> int:
        return len(self._rows)

    def groups(self) -> Groups | None:
        """The column named class, volume, cluster or label."""
        for k, name in enumerate(self._head):
            if name.strip().lower() in _CLASS_COLUMNS:
                values = _numbers([row[k] for row in self._rows], name, self.path)
                return _whole(values, name, self.path)
        return None

    def write(self, path: Path, chosen: NDArray[np.bool_], columns: Mapping[str, Floats]) -> None:
        """Write the chosen lines with columns ``occupancy_NAME`` added."""
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            labels = column_labels(columns)
            writer.writerow([*self._head, *(f"occupancy_{label}" for label in labels)])
            for i in np.flatnonzero(chosen):
                added = (f"{values[i]:.6g}" for values in columns.values())
                writer.writerow([*self._rows[i], *added])


_READERS: dict[str, type[ParticleFile]] = {
    ".star": StarParticles,
    ".cs": CryosparcParticles,
    ".pkl": PickledParticles,
    ".csv": TableParticles,
}


def read_latent(path: Path) -> Floats:
    """Read a table of latent coordinates: .pkl (cryoDRGN), .npy, or text (RECOVAR, centres).

    Returns
    -------
    ndarray of float64, shape (n, dimensions)

    Raises
    ------
    MapFormatError
        When the file cannot be read or holds no table of finite numbers.
    """
    try:
        if path.suffix.lower() == ".pkl":
            values = read_pickled_array(path, key="centers")
        elif path.suffix.lower() == ".npy":
            values = np.load(path, allow_pickle=False)
        else:
            text = path.read_text(encoding="utf-8").replace(",", " ")
            values = np.loadtxt(io.StringIO(text), ndmin=2)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise MapFormatError(
            f"The latent coordinates {path} cannot be read ({error}); give a .pkl, .npy or text "
            "file with one line a particle or volume."
        ) from error
    values = np.asarray(values)
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        raise MapFormatError(f"{path} holds no table of finite numbers; give latent coordinates.")
    return values.astype(np.float64)


def column_labels(names: Iterable[str]) -> list[str]:
    """Names as they may stand in the head of any table: letters, digits and underscores.

    Returns
    -------
    list of str
        One for each name, all different: of two that would be the same the later gets a number.
    """
    labels: list[str] = []
    for name in names:
        label = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "region"
        number = 2
        while label in labels:
            label = f"{label.rstrip('0123456789')}{number}"
            number += 1
        labels.append(label)
    return labels


def star_labels(names: Iterable[str]) -> list[str]:
    """Labels of the columns of occupancies in a STAR file, without their underscore."""
    return [f"occupy{label}" for label in column_labels(names)]


def _numbers(texts: list[str], name: str, path: Path) -> Floats:
    try:
        return np.array([float(text) for text in texts], np.float64)
    except ValueError as error:
        raise MapFormatError(f"Column {name} of {path} is no number everywhere: {error}.") from None


def _whole(values: Floats | None, name: str, path: Path) -> Groups | None:
    if values is None:
        return None
    if not np.array_equal(values, np.round(values)):
        raise MapFormatError(f"Column {name} of {path} must hold whole numbers (classes).")
    return values.astype(np.int64)
