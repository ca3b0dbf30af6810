"""Files of the names that examples of the help and of the documentation use."""

import json
import pickle
import shutil
from pathlib import Path

import gemmi
import numpy as np
from ensembles import ellipsoids
from small_models import density_of, noisy, three_chains

from occupy_core.maps import DensityMap, Grid, read_map, write_map
from occupy_core.regions.by_model.atoms import read_model
from occupy_core.regions.table import RegionTable, make_row


def inputs(folder: Path, *, sample: Path | None = None) -> None:
    """Write the files that examples name; the map is the sample, or one of a known model."""
    folder.mkdir(parents=True)
    if sample is not None:
        density = read_map(sample)
    else:
        model = three_chains(folder / "model.pdb", n_residues=60)  # three windows of residues
        gemmi.read_structure(str(model)).make_mmcif_document().write_file(str(folder / "model.cif"))
        density = noisy(density_of(read_model(model), {"B": 0.5}), 0.02, seed=0)
    write_map(folder / "map.mrc", density)
    shutil.copy(folder / "map.mrc", folder / "class1.mrc")
    data, grid = density.data, density.grid
    noise = np.random.default_rng(1).normal(0, 0.2 * data.std(), (2, *grid.shape))
    # Two half maps differ from their mean by the same, with opposite sign.
    for names, sign in ((("a", "half1"), 1), (("b", "half2"), -1)):
        for name in names:
            write_map(folder / f"{name}.mrc", DensityMap(data + sign * noise[0], grid))
    write_map(folder / "class2.mrc", DensityMap(data + noise[1], grid))
    body = data > np.quantile(data, 0.97)
    left = np.arange(grid.shape[2]) < np.median(np.nonzero(body)[2])
    for name, mask in (("mask", body), ("core", body & left), ("arm", body & ~left)):
        write_map(folder / f"{name}.mrc", DensityMap(mask.astype(np.float32), grid))
    known = ellipsoids((20, 22, 25), 40, n_blocks=3, seed=4, noise=0.1, size=(0.12, 0.16))
    known.write(folder / "volumes")
    for path in (folder / "volumes").iterdir():
        shutil.copy(path, folder)


def particle_inputs(folder: Path) -> None:
    """Write what the examples of particles name: the records of two searches, and particles."""
    maps = tuple(f"run_it025_class{i:03d}" for i in (1, 2, 3))
    values = {"D": (0.02, 1.0, 0.98), "E": (1.0, 0.0, 0.1)}
    rows = tuple(
        make_row(name, region, values[region][i], 0.01, n_voxels=10, resolution=8.0)
        for i, name in enumerate(maps)
        for region in values
    )
    grid = Grid.cubic(8, 1.0)
    table = RegionTable(rows=rows, maps=maps, regions=tuple(values), reference=("D",), grid=grid)
    found = [{"volume": f"vol_{i:03d}", "file": "x", "B1": i / 4} for i in range(5)]
    for name, record in (
        ("regions/result.json", table.record()),
        ("blocks/blocks.json", {"table": found, "blocks": [{"name": "B1"}]}),
    ):
        (folder / name).parent.mkdir()
        (folder / name).write_text(json.dumps(record), encoding="utf-8")
    rng = np.random.default_rng(0)
    lines = [f"{i + 1:06d}@x.mrcs {i % 3 + 1}" for i in range(60)]
    head = "data_particles\n\nloop_\n_rlnImageName #1\n_rlnClassNumber #2\n"
    star = head + "\n".join(lines) + "\n"
    (folder / "run_it025_data.star").write_text(star, encoding="utf-8")
    particles = np.zeros(60, [("uid", "<u8"), ("alignments3D/class", "<u4")])
    particles["uid"], particles["alignments3D/class"] = np.arange(60), np.arange(60) % 3
    with (folder / "J12_particles.cs").open("wb") as file:
        np.save(file, particles)
    centers = rng.normal(size=(5, 4))
    np.savetxt(folder / "centers.txt", centers)
    for name, data in (
        ("labels.pkl", np.arange(60) % 5),
        ("z.pkl", centers[np.arange(60) % 5].astype(np.float32)),
    ):
        (folder / name).write_bytes(pickle.dumps(data))
