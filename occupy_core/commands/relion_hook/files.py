"""What RELION leaves for an external reconstruction, and what of it can be used."""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from occupy_core.errors import ParameterError

if TYPE_CHECKING:
    from gemmi import cif

_ENDING = "_external_reconstruct.star"
_ROOT = re.compile(r"(?P<run>.*)_it(?P<iteration>\d+)_class(?P<number>\d+)")
_CONTINUED = r"(?:_ct\d+)*"  # RELION adds it to the name of a job that is continued
_BIG = ("rlnExtReconsDataReal", "rlnExtReconsDataImag", "rlnExtReconsWeight")
_GRADIENT = ("rlnDoGradientRefine", "rlnDoStochasticGradientDescent")
UNCHANGED = "occupy_unchanged.mrc"
FACTORS = "occupy_factors_"


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call by RELION: one class of one iteration.

    Parameters
    ----------
    star : Path
        What RELION wrote for it.
    run : Path
        What the names of all files of the job begin with.
    run_before : Path
        The same of the job that made the maps of the iteration before: another one where RELION
        goes on with a job under a new name.
    iteration, number : int
        Of the iteration and of the class, from 1.
    result : Path
        The map that RELION waits for.
    big : tuple of Path
        Files that nobody reads afterwards.
    """

    star: Path
    run: Path
    run_before: Path
    iteration: int
    number: int
    result: Path
    big: tuple[Path, ...]

    def unchanged(self, age: int, number: int) -> Path:
        """Return where the map of a class is kept as RELION made it, `age` iterations ago."""
        run = self.run_before if age == 1 else self.run
        return Path(f"{run}_it{self.iteration - age:03d}_class{number:03d}_{UNCHANGED}")

    def factors(self, origin: str) -> Path:
        """Return where the factors of this iteration are kept."""
        return Path(f"{self.run}_it{self.iteration:03d}_{FACTORS}{origin}.mrc")

    def factors_before(self) -> list[Path]:
        """Return the factors that are kept of the iteration before."""
        name = f"{glob.escape(self.run.name)}_it{self.iteration - 1:03d}_{FACTORS}*.mrc"
        return sorted(self.run.parent.glob(name))

    def before(self, what: str) -> Path:
        """Return a STAR file of the iteration before ("model", "optimiser")."""
        return Path(f"{self.run}_it{self.iteration - 1:03d}_{what}.star")


@dataclass(frozen=True, kw_only=True)
class Model:
    """What the model of the iteration before says.

    Parameters
    ----------
    voxel_size : float
        Å.
    resolution : float
        Of the classification, Å.
    weights : tuple of float
        Share of the particles of each class.
    """

    voxel_size: float
    resolution: float
    weights: tuple[float, ...]


def read_call(star: Path) -> Call:
    """Read what RELION asks for.

    Raises
    ------
    ParameterError
        When the file is none of an external reconstruction, or is one of a job that must not be
        changed: a refinement of half maps, a multi-body refinement, 2D classes.
    """
    if not star.name.endswith(_ENDING):
        raise ParameterError(
            f"{star} is no STAR file of an external reconstruction, whose name ends in {_ENDING}; "
            "RELION calls this program with one."
        )
    root = star.name.removesuffix(_ENDING)
    if "_half" in root or "_body" in root:
        raise ParameterError(
            f"{star} belongs to a refinement (half maps or bodies), whose halves would agree by "
            "what is done to both; use it in a 3D classification (Class3D) only."
        )
    found = _ROOT.fullmatch(root)
    if found is None:
        raise ParameterError(
            f"{star} belongs to no iteration of a 3D classification (…_it007_class002…); use it in "
            "Class3D only."
        )
    block = _block(star, "external_reconstruct_general")
    if float(_value(block, "rlnReferenceDimensionality", star)) != 3:
        raise ParameterError(f"{star} belongs to 2D classes; use it in Class3D only.")
    run, iteration = star.with_name(found["run"]), int(found["iteration"])
    return Call(
        star=star,
        run=run,
        run_before=_run_before(run, iteration),
        iteration=iteration,
        number=int(found["number"]),
        result=Path(_value(block, "rlnExtReconsResult", star)),
        big=tuple(Path(_value(block, name, star)) for name in _BIG),
    )


def _run_before(run: Path, iteration: int) -> Path:
    """Find what the kept maps of the iteration before begin with; the newest of several."""
    ending = rf"_it{iteration - 1:03d}_class\d+_{re.escape(UNCHANGED)}"
    first = re.sub(f"{_CONTINUED}$", "", run.name)
    known = re.compile(f"({re.escape(first)}{_CONTINUED}){ending}")
    ages: dict[str, int] = {}
    for path in run.parent.glob(f"*_{UNCHANGED}"):
        if found := known.fullmatch(path.name):
            ages[found[1]] = max(ages.get(found[1], 0), path.stat().st_mtime_ns)
    if not ages or run.name in ages:
        return run
    return run.with_name(max(ages, key=lambda name: ages[name]))


def read_last_iteration(call: Call) -> int:
    """Return the number of the last iteration of the job.

    Raises
    ------
    ParameterError
        When the job is no plain 3D classification.
    """
    path = call.before("optimiser")
    block = _block(path, "optimiser_general")
    for name in _GRADIENT:
        if _flag(block, name):
            raise ParameterError(
                f"{path} says that the job follows gradients (VDAM), which RELION does not with an "
                "external reconstruction; switch them off."
            )
    if _flag(block, "rlnDoAutoRefine") or _flag(block, "rlnDoSplitRandomHalves"):
        raise ParameterError(
            f"{path} is that of a refinement of half maps; use this in a 3D classification only."
        )
    return int(_value(block, "rlnNumberOfIterations", path))


def read_model(call: Call) -> Model:
    """Read the model of the iteration before.

    Raises
    ------
    ParameterError
        When it is not there, or lacks something.
    """
    path = call.before("model")
    general, classes = _block(path, "model_general"), _block(path, "model_classes")
    column = classes.find_values("_rlnClassDistribution")
    weights = tuple(float(value) for value in column)
    if len(weights) < call.number:
        raise ParameterError(
            f"{path} tells the shares of {len(weights)} classes but class {call.number} is to be "
            "made; it belongs to another job."
        )
    return Model(
        voxel_size=float(_value(general, "rlnPixelSize", path)),
        resolution=float(_value(general, "rlnCurrentResolution", path)),
        weights=weights,
    )


def _block(path: Path, name: str) -> cif.Block:
    from gemmi import cif

    try:
        block = cif.read_file(str(path)).find_block(name)
    except (OSError, ValueError, RuntimeError) as error:
        raise ParameterError(f"{path} cannot be read as a STAR file ({error}).") from error
    if block is None:
        raise ParameterError(f"{path} has no table {name}; it is none of RELION 3.1 or later.")
    return block


def _value(block: cif.Block, name: str, path: Path) -> str:
    value = block.find_value(f"_{name}")
    if value is None:
        raise ParameterError(f"{path} does not tell {name}; it is none of RELION 3.1 or later.")
    return value.strip("\"'")


def _flag(block: cif.Block, name: str) -> bool:
    value = block.find_value(f"_{name}")
    return value is not None and float(value) != 0
