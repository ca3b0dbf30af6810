"""Make a project with a run of each protocol that the demonstration does not have.

Started by test_project_window.py as a process of its own, with Scipion's settings in its
environment: ``python prepare.py PROJECT``.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from ensembles import ellipsoids
from pwem.objects import Pointer
from quick_figures import figures_saved, save_empty
from scipion_project import Runner, two_bodies, write_mrc
from small_models import GRID, density_of, noisy, three_chains

from occupy_core.maps.mrc import read_map
from occupy_core.regions.by_model.atoms import read_model

ROOT = Path(__file__).parents[2]  # in the path of modules too
N_SMALL = 32  # voxels along an edge
STATES = {"consensus": {"B": 0.5, "C": 0.8}, "class 1": {"B": 0.0}, "class 2": {"C": 0.6}}


def resolution(runner: Runner) -> None:
    """Local resolution of the sample map."""
    sample = read_map(ROOT / "examples" / "emd_11007_120.map.gz")
    voxel = sample.grid.voxel_size[0]
    path = write_mrc(runner.inputs / "emd_11007.mrc", sample.data, voxel)
    pointer = runner.volume(path, voxel, label="import map")
    runner.run("OccupyProtLocalResolution", "local resolution", inputVolume=pointer)


def scales(runner: Runner) -> None:
    """Local scale, modification and resolution of a small map, and of two as a set."""
    for i in range(2):
        write_mrc(runner.inputs / "bodies" / f"state_{i}.mrc", two_bodies(i, n=N_SMALL))
    one = runner.volume(runner.inputs / "bodies" / "state_0.mrc", label="import small map")
    several = runner.volumes(runner.inputs / "bodies")
    powers = {"amplify": 4.0, "attenuate": 3.0, "sigmoid": 4.0, "subtractionMaskOf": 1}
    for key, pointer in (("map", one), ("set", several)):
        runner.run(
            "OccupyProtLocalScale",
            f"local scale of a {key}",
            inputVolumes=pointer,
            solventDefScale=0.4,
        )
        runner.run("OccupyProtModifyMap", f"modified {key}", inputVolume=pointer, **powers)
    runner.run("OccupyProtLocalResolution", "resolution of a set", inputVolume=several)


def regions(runner: Runner) -> None:
    """Occupancies of three chains in three maps."""
    file = three_chains(runner.inputs / "chains.pdb")
    atoms = read_model(file)
    for i, (name, state) in enumerate(STATES.items()):
        data = noisy(density_of(atoms, state), 0.05, i).data
        write_mrc(runner.inputs / "states" / f"{name}.mrc", data, GRID.voxel_size[0])
    cls = runner.protocols["ProtImportPdb"]
    values = {"inputPdbData": cls.IMPORT_FROM_FILES, "pdbFile": str(file)}
    model = runner.run("ProtImportPdb", "import model", **values)
    runner.run(
        "OccupyProtRegionOccupancy",
        "region occupancy",
        inputVolumes=runner.volumes(runner.inputs / "states", voxel=GRID.voxel_size[0]),
        inputModel=(model, "outputPdb"),
        writeMasks=True,
    )


def blocks(runner: Runner) -> None:
    """Blocks of an ensemble of which they are known."""
    known = ellipsoids(28, 60, n_blocks=4, seed=2, noise=0.2)
    for i in range(len(known)):
        write_mrc(runner.inputs / "ensemble" / f"vol_{i:03d}.mrc", known.volume(i), 4.0)
    producer, name = runner.volumes(runner.inputs / "ensemble", voxel=4.0)
    protocol = runner.new("OccupyProtBlocks", "structural blocks", where="B1 > 0.5 and B2 < 0.5")
    protocol.inputVolumes.append(Pointer(producer, extended=name))
    runner.launch(protocol)


def classes(runner: Runner) -> None:
    """An analysis of three classes, and the particles of those with the second body."""
    maps = [two_bodies(i, n=N_SMALL, occupancy=q) for i, q in enumerate((0.0, 1.0, 1.0))]
    imported = runner.classes(runner.inputs / "classes", maps)
    analysis = runner.new(
        "OccupyProtAnalyseClasses",
        "analyse classes",
        inputVolumes=imported,
        reference="full",
    )
    for mask, output in runner.bodies(runner.inputs, N_SMALL):
        analysis.inputMasks.append(Pointer(mask, extended=output))
    runner.launch(analysis)
    runner.run(
        "OccupyProtSelectParticles",
        "select particles",
        inputClasses=imported,
        inputOccupancies=(analysis, "regionOccupancies"),
        where="part > 0.5",
    )


if __name__ == "__main__":
    # That a new process can run them, and its figures, are for the tests of the protocols; what the
    # window shows it draws itself.
    with figures_saved(save_empty):
        project = Runner(sys.argv[1], copies=True)
        scales(project)
        resolution(project)
        regions(project)
        blocks(project)
        if importlib.util.find_spec("relion"):  # scipion-em-relion reads the classes
            classes(project)
