"""What a job is: its files and parameters, and the way to a record and back."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from occupy_core.commands.shared.record import read_job_values
from occupy_core.errors import ParameterError
from occupy_core.plain_values import from_dict, to_dict

AnyJob = TypeVar("AnyJob", bound="JobBase")


class JobBase(ABC):
    """What job dataclasses share: their files, and the way to a JSON file and back.

    A job names the fields that hold one input file each in `FILES`, and those that hold several in
    `SEVERAL`.

    Attributes
    ----------
    outdir : Path
        Folder for everything that is written.
    threads : int or None
        Number of threads; None means all cores.
    force : bool
        Whether outputs that exist are replaced.
    """

    FILES: ClassVar[tuple[str, ...]] = ()
    SEVERAL: ClassVar[tuple[str, ...]] = ()

    if TYPE_CHECKING:  # fields of every job

        @property
        def outdir(self) -> Path:  # noqa: D102
            ...

        @property
        def threads(self) -> int | None:  # noqa: D102
            ...

        @property
        def force(self) -> bool:  # noqa: D102
            ...

    @abstractmethod
    def problems(self) -> list[str]:
        """Return one sentence for each parameter outside its limits, as far as no map is needed."""

    @abstractmethod
    def output_names(self) -> dict[str, str]:
        """Return the names of the files that may be written, by what they are, in their order.

        The record ("result") comes last: when it is there, everything is.
        """

    def writes(self, name: str) -> bool:
        """Whether a file of this name may be an output of this job."""
        return name in self.output_names().values()

    def __post_init__(self) -> None:
        """Make the paths absolute."""
        for name in self.SEVERAL:
            object.__setattr__(self, name, tuple(absolute(path) for path in getattr(self, name)))
        for name in (*self.FILES, "outdir"):
            path = getattr(self, name)
            if path is not None:
                object.__setattr__(self, name, absolute(path))

    @property
    def inputs(self) -> dict[str, Path]:
        """The files that are read, by the field that names them; of several maps_1, maps_2 …."""
        found = {
            f"{field}_{i}": path
            for field in self.SEVERAL
            for i, path in enumerate(getattr(self, field), start=1)
        }
        single = {key: getattr(self, key) for key in self.FILES}
        return found | {key: path for key, path in single.items() if path is not None}

    def to_dict(self) -> dict[str, Any]:
        """Return the job as plain values, for a JSON file that `load` reads."""
        return to_dict(self)

    @classmethod
    def from_dict(cls: type[AnyJob], values: Mapping[str, Any], where: str = "the job") -> AnyJob:
        """Make a job from plain values; what is left out has its default."""
        return from_dict(cls, cls.upgraded(values), where)

    @classmethod
    def upgraded(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return plain values as jobs of today have them, from those of any earlier version."""
        return values

    @classmethod
    def recorded(cls, path: Path | None) -> dict[str, Any]:
        """Return the plain values of a params.json or of a record; of no file, nothing."""
        return {} if path is None else dict(cls.upgraded(read_job_values(path)))

    @classmethod
    def load(cls: type[AnyJob], path: Path) -> AnyJob:
        """Read a job from a params.json or from the record of an earlier run.

        Raises
        ------
        ParameterError
            When the file cannot be read or is neither.
        """
        return cls.from_dict(read_job_values(path), str(path))


def absolute(path: Path) -> Path:
    """Return a path that a record can hold, to be used from any folder.

    Links stay as they are, and the ending by which Scipion marks volumes is no part of the name.

    Raises
    ------
    ParameterError
        When no file can have that name.
    """
    if "\0" in str(path):
        raise ParameterError(f"{str(path)!r} is no name of a file; check the path.")
    return Path(os.path.abspath(str(path).removesuffix(":mrc")))  # noqa: PTH100


def run_problems(voxel_size: float | None, threads: int | None, name: str | None) -> list[str]:
    """Return one sentence for each fault of the parameters that every job on maps has."""
    found = []
    if voxel_size is not None and not voxel_size > 0:
        found.append(f"The voxel size is {voxel_size} Å but must be a positive number.")
    if threads is not None and threads < 1:
        found.append(f"The number of threads is {threads} but must be at least 1.")
    if name is not None and (os.sep in name or name in ("", ".", "..")):
        found.append(
            f"The base name of the outputs is '{name}' but must be a file name; give the "
            "folder with --outdir."
        )
    return found
