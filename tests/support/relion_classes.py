"""A 3D classification as RELION 3.1 leaves it on the disk: star files, class maps, particles."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np

VOXEL = 4.0
BOX = 32
MEMBERS = (11, 7, 18)  # particles of each class

OPTICS = f"""
# version 30001

data_optics

loop_
_rlnOpticsGroupName #1
_rlnOpticsGroup #2
_rlnVoltage #3
_rlnSphericalAberration #4
_rlnAmplitudeContrast #5
_rlnImagePixelSize #6
_rlnImageSize #7
_rlnImageDimensionality #8
opticsGroup1 1 300.0 2.7 0.1 {VOXEL} {BOX} 2

# version 30001

data_particles

loop_
"""

COLUMNS = [
    "ImageName",
    "MicrographName",
    "CoordinateX",
    "CoordinateY",
    "OpticsGroup",
    "AngleRot",
    "AngleTilt",
    "AnglePsi",
    "OriginXAngst",
    "OriginYAngst",
    "DefocusU",
    "DefocusV",
    "DefocusAngle",
    "ClassNumber",
    "RandomSubset",
]

MODEL = """
# version 30001

data_model_general

_rlnReferenceDimensionality 3
_rlnDataDimensionality 2
_rlnOriginalImageSize {box}
_rlnCurrentResolution 10.0
_rlnPixelSize {voxel}
_rlnNrClasses {n}
_rlnTau2FudgeFactor 4.0

# version 30001

data_model_classes

loop_
_rlnReferenceImage #1
_rlnClassDistribution #2
_rlnAccuracyRotations #3
_rlnAccuracyTranslationsAngst #4
_rlnEstimatedResolution #5
"""


def write_model(path: Path, shares: list[float], *, box: int, voxel_size: float) -> None:
    """Write a run_it…_model.star beside the maps of its classes.

    Parameters
    ----------
    path : Path
        In the folder of a job, as Class3D/job007, in RELION's project.
    shares : list of float
        Of the particles, one for each class.
    box : int
    voxel_size : float
        In Å.
    """
    project = path.parents[2]
    run = path.with_name(path.name.removesuffix("_model.star")).relative_to(project)
    lines = [
        f"{run}_class{i:03d}.mrc {share:.4f} 2.5 1.5 10.0" for i, share in enumerate(shares, 1)
    ]
    head = MODEL.format(box=box, voxel=voxel_size, n=len(shares))
    path.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


def write_classification(folder: Path, class_maps: list[np.ndarray]) -> Path:
    """Write a finished classification and return its run_it016_data.star.

    Parameters
    ----------
    folder : Path
        RELION's project: file names in the star files are relative to it.
    class_maps : list of ndarray
        Maps of the classes.
    """
    job = folder / "Class3D" / "job007"
    job.mkdir(parents=True)
    rng = np.random.default_rng(5)
    total = sum(MEMBERS)
    with mrcfile.new(folder / "particles.mrcs") as mrc:
        mrc.set_data(rng.normal(size=(total, BOX, BOX)).astype(np.float32))
        mrc.voxel_size = VOXEL
    for i, data in enumerate(class_maps, start=1):
        file = job / f"run_it016_class{i:03d}.mrc"
        with mrcfile.new(file) as mrc:
            mrc.set_data(data.astype(np.float32))
            mrc.voxel_size = VOXEL
    shares = [members / total for members in MEMBERS[: len(class_maps)]]
    write_model(job / "run_it016_model.star", shares, box=BOX, voxel_size=VOXEL)

    numbers = rng.permutation(np.repeat(np.arange(1, len(MEMBERS) + 1), MEMBERS))
    rows = []
    for i, number in enumerate(numbers, start=1):
        rot, tilt, psi = rng.uniform(1, 179, 3)
        rows.append(
            f"{i:06d}@particles.mrcs mic001.mrc {100 + i} {200 + i} 1 {rot:.3f} {tilt:.3f} "
            f"{psi:.3f} 0.5 -0.5 15000.0 14700.0 30.0 {number} {1 + i % 2}"
        )
    columns = "".join(f"_rln{name} #{i}\n" for i, name in enumerate(COLUMNS, start=1))
    data = job / "run_it016_data.star"
    data.write_text(OPTICS + columns + "\n".join(rows) + "\n")
    return data
