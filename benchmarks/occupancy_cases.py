"""Occupancies of regions in maps that were not simulated here, and what a large table takes."""

from __future__ import annotations

import csv
import json
import sys
import tempfile
import time
import warnings
from pathlib import Path

import gemmi
import numpy as np
from scipy.stats import spearmanr

from benchmarks.measure import run_process
from benchmarks.simulate_occupancy import place
from occupy_core.commands.regions.job import RegionsJob
from occupy_core.commands.regions.run import run_regions
from occupy_core.errors import OccupyWarning
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.mrc import write_map
from occupy_core.regions.by_masks.estimate import RegionParams

_ABSENT = {"relion_it016_class001": "DG", "relion_it016_class002": "CJKL"}
_TRUTH = {"D": 0.70, "G": 0.70, "C": 0.75, "J": 0.75, "K": 0.75, "L": 0.75}


def classes(folder: Path, models: Path) -> str:
    """Consensus and classes of RNA polymerase II, with some of its subunits missing."""
    names = ("consensus", *(f"relion_it016_class00{i}" for i in (1, 2, 3)))
    with tempfile.TemporaryDirectory() as out:
        job = RegionsJob(
            tuple(folder / f"{name}.mrc" for name in names),
            outdir=Path(out),
            model=models / "1wcm.pdb.gz",
            weights=(0.0, 1808.0, 1188.0, 1004.0),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OccupyWarning)
            rows = run_regions(job).result["table"]
    lines = ["| map | D, G | C, J, K, L | others | largest error |", "|" + "---|" * 5]
    for name in names:
        found = {row["region"]: row for row in rows if row["map"] == name}
        truth = {r: 0.0 if r in _ABSENT.get(name, "") else 1.0 for r in found}
        if name == "consensus":
            truth |= _TRUTH
        groups = ("DG", "CJKL", "".join(r for r in found if r not in _TRUTH))
        cells = [", ".join(f"{found[r]['occupancy']:.2f}" for r in group) for group in groups]
        worst = max(abs(row["occupancy"] - truth[r]) for r, row in found.items())
        lines.append(f"| {name} | {' | '.join(cells)} | {worst:.3f} |")
    return "\n".join(lines)


def maven(folder: Path) -> str:
    """Masks of 26 proteins in 20 volumes of 50S ribosomes, beside MAVEn's own table."""
    volumes = sorted((folder / "00_aligned").glob("vol_*.mrc"))
    masks = sorted((folder / "02_masks" / "00_expected").glob("*.mrc.gz"))
    with tempfile.TemporaryDirectory() as out:
        job = RegionsJob(
            tuple(volumes),
            outdir=Path(out),
            masks=tuple(masks),
            by_masks=RegionParams(whole=True),
        )
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OccupyWarning)
            rows = run_regions(job).result["table"]
        seconds = time.perf_counter() - start
    table = folder / "03_occupancies" / "occupancies_expected.csv"
    with table.open(newline="", encoding="utf-8") as stream:
        _, (_, *chains), *lines = csv.reader(stream)
    theirs = {int(number): dict(zip(chains, map(float, rest), strict=True))
              for number, *rest in lines}  # fmt: skip
    ours: dict[int, dict[str, float]] = {}
    for row in rows:
        number = int(row["map"].rpartition("_")[2])
        ours.setdefault(number, {})[row["region"][-1]] = row["occupancy"]
    a, b = (
        np.array([[t[number][chain] for chain in chains] for number in sorted(ours)])
        for t in (theirs, ours)
    )
    # Both are relative: each volume is divided by its mean over all chains.
    a, b = (t / t.mean(axis=1, keepdims=True) for t in (a, b))
    found = [float(spearmanr(x, y)[0]) for x, y in zip(a.T, b.T, strict=True)]
    return (
        f"{len(volumes)} volumes, {len(chains)} masks: Spearman correlation with MAVEn's table "
        f"per chain {min(found):.3f} to {max(found):.3f}, median {np.median(found):.3f}; "
        f"{seconds:.1f} s"
    )


def speed(models: Path, n_maps: int, *, box: int = 256, voxel_size: float = 1.0) -> str:
    """Time and memory of 30 chains in maps of 256³, on two threads, in a process of its own."""
    structure = _thirty_chains(models / "3c91.pdb.gz", box * voxel_size)
    calculator = gemmi.DensityCalculatorE()
    calculator.blur = 60.0
    calculator.d_min = 2 * voxel_size
    calculator.grid.set_unit_cell(gemmi.UnitCell(*[box * voxel_size] * 3, 90, 90, 90))
    calculator.grid.spacegroup = gemmi.SpaceGroup("P 1")
    calculator.grid.set_size(box, box, box)
    calculator.add_model_density_to_grid(structure[0])
    clean = np.array(calculator.grid.array).transpose(2, 1, 0)
    level = np.float32(0.05 * np.percentile(clean, 99.9))
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        names = [f"map{i:02d}.mrc" for i in range(n_maps)]
        for i, name in enumerate(names):
            noise = np.random.default_rng(i).standard_normal(clean.shape, np.float32)
            grid = Grid.cubic(box, voxel_size)
            write_map(folder / name, DensityMap(clean + level * noise, grid))
        structure.make_mmcif_document().write_file(str(folder / "model.cif"))
        command = [
            *(sys.executable, "-m", "occupy_core", "regions", *names, "--model", "model.cif"),
            *("--outdir", "out", "--threads", "2"),
        ]
        seconds, peak = run_process(command, folder)
        record = json.loads((folder / "out" / "result.json").read_text(encoding="utf-8"))
    regions = len({row["region"] for row in record["table"]})
    return f"{n_maps} maps of {box}³, {regions} chains: {seconds:.0f} s, {peak:.0f} MB"


def _thirty_chains(path: Path, box: float) -> gemmi.Structure:
    """A proteasome of 28 chains, two of them cut in halves, in the middle of a box in Å."""
    structure = place(path, 1.0).structure
    model = structure[0]
    for chain, name in ((model[0].name, "y"), (model[1].name, "z")):
        whole = model[chain]
        half = gemmi.Chain(name)
        for residue in list(whole)[len(whole) // 2 :]:
            half.add_residue(residue)
        for _ in range(len(half)):
            del whole[-1]
        model.add_chain(half)
    positions = np.array([site.atom.pos.tolist() for site in model.all()])
    move = gemmi.Position(*(box / 2 - (positions.min(axis=0) + positions.max(axis=0)) / 2))
    for site in model.all():
        site.atom.pos += move
    return structure
