"""Results of every kind with their reports, small, and one browser for all tests."""

from types import SimpleNamespace

import pytest
from browser import start_browser
from small_blocks import write_volumes
from small_models import density_of, noisy, three_chains

from occupy_core.commands.batch.job import BatchJob
from occupy_core.commands.batch.run import run_batch
from occupy_core.commands.blocks.job import BlocksJob
from occupy_core.commands.blocks.run import run_blocks
from occupy_core.commands.classes.job import ClassesJob
from occupy_core.commands.classes.run import run_classes
from occupy_core.commands.regions.job import RegionsJob
from occupy_core.commands.regions.run import run_regions
from occupy_core.commands.resolution.job import ResolutionJob
from occupy_core.commands.resolution.run import run_resolution
from occupy_core.commands.scale.job import ScaleJob
from occupy_core.commands.scale.run import run_scale
from occupy_core.maps import Grid, write_map
from occupy_core.maps.synthetic import two_bodies
from occupy_core.regions.by_model.atoms import read_model
from occupy_core.scale.params import ModifyParams, ScaleParams


@pytest.fixture(scope="session")
def driver():
    browser = start_browser()
    yield browser
    browser.quit()


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """The report of each kind of result, by its kind."""
    folder = tmp_path_factory.mktemp("results")
    grid = Grid((36, 40, 64), (2.0, 2.0, 2.0), origin=(10.0, -20.0, 5.5))
    small = write_map(folder / "x.mrc", two_bodies(grid, occupancy=0.3)[0])
    quick = {"chimerax": False, "report": True}
    occ = ScaleParams(mode="occ")
    made = {
        "scale": run_scale(ScaleJob(small, folder / "scale", scale=occ, **quick)),
        "modify": run_scale(
            ScaleJob(
                small,
                folder / "modify",
                scale=occ,
                modify=ModifyParams(sigmoid=3, pivot=0.4, exclude_solvent=True),
                **quick,
            )
        ),
        "modify by voxels": run_scale(
            ScaleJob(
                small,
                folder / "modify_voxels",
                scale=ScaleParams(mode="occ", granularity=0.0),
                modify=ModifyParams(sigmoid=3, pivot=0.4, exclude_solvent=True),
                **quick,
            )
        ),
        "amplify": run_scale(
            ScaleJob(small, folder / "amplify", modify=ModifyParams(amplify=4), scale=occ, **quick)
        ),
        "resolution": run_resolution(ResolutionJob(small, folder / "resolution", **quick)),
    }
    other = write_map(folder / "y.mrc", two_bodies(grid, occupancy=0.8)[0])
    made["other scale"] = run_scale(ScaleJob(other, folder / "other", scale=occ, **quick))
    made["batch"] = _batch(folder, small, other)
    return made | _of_ensembles(folder, quick)


def _batch(folder, *maps):
    """A batch of two jobs, of which one fails, with the answer and files of its record."""
    table = folder / "jobs.csv"
    rows = [f"{i},{path},{size}" for i, (path, size) in enumerate(zip(maps, ("", -1), strict=True))]
    table.write_text("\n".join(["job,map,voxel_size", *rows, ""]))
    outdir = folder / "batch"
    done = run_batch(BatchJob(jobs=table, outdir=outdir, command="scale --report", workers=1))
    files = {key: outdir / name for key, name in done.record["files"].items()}
    return SimpleNamespace(result=done.record, files=files)


def _of_ensembles(folder, quick):
    model = three_chains(folder / "m.pdb")
    maps = [
        write_map(
            folder / f"class{i}.mrc", noisy(density_of(read_model(model), {"B": value}), 0.03, i)
        )
        for i, value in enumerate((1.0, 0.4))
    ]
    volumes = write_volumes(folder / "volumes")
    return {
        "regions": run_regions(
            RegionsJob(tuple(maps), folder / "regions", model=model, plot=False, **quick)
        ),
        "classes": run_classes(
            ClassesJob(
                tuple(maps),
                folder / "classes",
                model=model,
                names=("x < y & z", "b"),
                data_sets=("apo", "ligand"),
                report=True,
            )
        ),
        "blocks": run_blocks(BlocksJob(tuple(volumes), folder / "blocks", plot=False, **quick)),
    }
