"""Run the main job in a real Scipion project, without a screen.

Imports a map, estimates its local scale and modifies the map by it, exactly as one would by hand in
the project window, and says where everything is::

    python examples/main_job.py [MAP] [--folder FOLDER] [--voxel-size A]

The project can be opened afterwards with the command printed at the end.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
import warnings
from pathlib import Path

from occupy_core import MapFormatError
from occupy_core.maps.mrc import map_name, read_map, write_map

SAMPLE = Path(__file__).parent / "emd_11007_120.map.gz"
PROJECT = "LocalScale"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("map", nargs="?", type=Path, default=SAMPLE, help="default: the sample map")
    parser.add_argument("--folder", type=Path, default=Path("occupy_demo"), help="where to work")
    parser.add_argument("--voxel-size", type=float, help="Å; default: as in the header of the map")
    parser.add_argument("--amplify", type=float, default=4.0, help="power of the amplification")
    parser.add_argument("--attenuate", type=float, default=3.0, help="power of the attenuation")
    parser.add_argument("--sigmoid", type=float, default=4.0, help="power of the sigmoid")
    return parser.parse_args()


def prepare_scipion(folder: Path) -> None:
    """Set what Scipion reads at its import: it shall work in `folder` only."""
    from scipion.utils import getTemplatesPath

    (folder / "scipion").mkdir(parents=True, exist_ok=True)
    os.environ.update(
        SCIPION_HOME=str(folder / "scipion"),
        SCIPION_USER_DATA=str(folder),
        SCIPION_DOMAIN="pwem",
        SCIPION_NOTIFY="False",
        SCIPION_HOSTS=os.environ.get(
            "SCIPION_HOSTS", str(Path(getTemplatesPath()) / "hosts.template")
        ),
        SCIPION_PYTHON=sys.executable,
        MPLBACKEND="Agg",
    )


class MainJob:
    """A project with its three protocols."""

    def __init__(self, folder: Path) -> None:
        import pyworkflow
        from pyworkflow.project import Manager

        self._protocols = pyworkflow.Config.getDomain().getProtocols()
        manager = Manager()
        if manager.hasProject(PROJECT):
            manager.deleteProject(PROJECT)  # of an earlier run of this script
        self.project = manager.createProject(PROJECT)
        self.path = Path(self.project.path)
        os.chdir(self.path)  # file names of Scipion are relative to the project

    def run(self, name: str, label: str, inputs: dict | None = None, **values):
        """Run a protocol; `inputs` are pointers: name -> (protocol, output)."""
        protocol = self.project.newProtocol(self._protocols[name], **values)
        protocol.setObjLabel(label)
        for key, (producer, output) in (inputs or {}).items():
            getattr(protocol, key).set(producer)
            getattr(protocol, key).setExtended(output)
        start = time.monotonic()
        self.project.launchProtocol(protocol, wait=True)
        log = Path(protocol.getStderrLog())
        failed = not protocol.isFinished() or "Traceback" in log.read_text()
        print(f"  {label:<20} {time.monotonic() - start:4.0f} s", flush=True)
        if failed:
            sys.exit(f"{label} failed: {protocol.getErrorMessage()}\nSee {self.path / log}")
        return protocol


def say_where(job: MainJob, scaled, modified) -> None:
    """Say in plain words where everything is."""
    results = [
        folder
        for protocol in (scaled, modified)
        for folder in protocol.getResultFolders()  # from the project's folder
    ]
    print("\nThe project\n ", job.path)
    print("The maps")
    for protocol in (scaled, modified):
        for name, output in protocol.iterOutputAttributes():
            print(f"  {name:<22}{job.path / output.getFileName()}")
    print("The table: parameters, limits and warnings, as text and as JSON")
    for pattern in ("log_*.txt", "result_*.json"):
        print_files(job.path, results, pattern)
    print("The pictures: solvent model, slices, histogram of the scale, modification")
    print_files(job.path, results, "*.png")
    print("To see the maps in 3D, coloured by their scale, open in ChimeraX")
    print_files(job.path, results, "chimX_*.cxc")
    print("In words")
    for protocol in (scaled, modified):
        for line in protocol.summary():
            print(" ", line)
    print("To open the project in Scipion, on a screen")
    # SCIPION_PYTHON: Scipion starts itself again, otherwise as the python3 of PATH.
    variables = ("SCIPION_HOME", "SCIPION_USER_DATA", "SCIPION_NOTIFY", "SCIPION_PYTHON")
    settings = " ".join(f"{name}={shlex.quote(os.environ[name])}" for name in variables)
    print(f"  {settings} {shlex.quote(sys.executable)} -m scipion project {PROJECT}")


def print_files(root: Path, folders: list[str], pattern: str) -> None:
    """Print the files in the folders of results that fit a pattern."""
    for folder in folders:
        for file in sorted((root / folder).glob(pattern)):
            print(" ", file)


def main() -> None:
    """Do the main job."""
    options = arguments()
    folder = options.folder.resolve()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            density = read_map(options.map.resolve(), voxel_size=options.voxel_size)
    except MapFormatError as error:
        sys.exit(str(error))
    for warning in caught:
        print(f"Note: {warning.message}")
    prepare_scipion(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the packages that Scipion pins
        job = MainJob(folder)
    # Scipion imports plain MRC files.
    plain = write_map(folder / f"{map_name(options.map)}.mrc", density)
    print(f"Scipion project {PROJECT} in {folder}:", flush=True)
    imported = job.run(
        "ProtImportVolumes",
        "import map",
        filesPath=str(plain),
        samplingRate=density.grid.mean_voxel_size,
    )
    scaled = job.run(
        "OccupyProtLocalScale",
        "local scale",
        {"inputVolumes": (imported, "outputVolume")},
        mode=1,  # occ: the scale by which a map is modified
    )
    modified = job.run(
        "OccupyProtModifyMap",
        "modify map",
        {"inputVolume": (imported, "outputVolume"), "inputScale": (scaled, "scaleVolume")},
        amplify=options.amplify,
        attenuate=options.attenuate,
        sigmoid=options.sigmoid,
        subtractionMaskOf=1,
    )
    say_where(job, scaled, modified)


if __name__ == "__main__":
    main()
