"""Measure how near the occupancies of regions come to the truth; each table is a command.

    python -m benchmarks.occupancy accuracy --models DIR [--complexes 8] [--noise 0.03 0.1]
                                            [--methods model masks] [--peer PYTHON] [--seed 0]
    python -m benchmarks.occupancy confounders --models DIR [--noise 0.03]
    python -m benchmarks.occupancy filters --models DIR
    python -m benchmarks.occupancy doubt --models DIR
    python -m benchmarks.occupancy classes --classes DIR --models DIR
    python -m benchmarks.occupancy maven --maven DIR
    python -m benchmarks.occupancy speed --models DIR [--maps 20]

accuracy: each complex gets two of its chains in turn at 0.1 to 1.0, at two noise levels; mean
absolute error over these chains, and coverage of the 68 % intervals of all chains, of `regions
--model` and `regions --masks`, and beside them OccuPy 0.1.13 when its interpreter is named.
confounders: occupancies are 1, but other things change that must not be taken for them.
filters: one chain is at a half, and the map is sharpened, filtered or masked.
doubt: what is said, and how wide the errors are, when the data cannot tell.
The others are in `occupancy_cases`.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import occupancy_cases
from benchmarks.simulate_occupancy import (
    Complex,
    add_noise,
    chain_maps,
    locally_filtered,
    place,
    sharpened,
)
from occupy_core.maps.grid import DensityMap, Grid
from occupy_core.maps.mrc import read_map, write_map
from occupy_core.regions.by_masks.estimate import RegionParams, region_occupancy
from occupy_core.regions.by_model.atoms import AtomicModel, AtomicRegion, model_of
from occupy_core.regions.by_model.estimate import ChainParams, chain_masks, chain_occupancy
from occupy_core.regions.table import RegionTable

OCCUPANCIES = (0.1, 0.25, 0.5, 0.75, 1.0)
# File, voxel size and resolution in Å: 2.5-6 Å, 0.8-2 Å/voxel, 2 to 28 chains.
COMPLEXES = (
    ("3bep.cif.gz", 1.0, 3.0),
    ("1e6v.pdb.gz", 1.3, 3.5),
    ("3o21.cif.gz", 1.4, 4.0),
    ("5me2.pdb.gz", 0.8, 2.5),
    ("8wg7.cif.gz", 1.2, 3.3),
    ("3p3w.pdb.gz", 1.6, 4.5),
    ("1wcm.pdb.gz", 2.0, 6.0),
    ("6bqn.cif.gz", 1.6, 4.0),
    ("3sn6.cif.gz", 1.3, 3.5),
    ("7pbl.pdb.gz", 1.2, 3.2),
)
CONFOUNDED = (("3bep.cif.gz", 1.3, 3.5), ("1e6v.pdb.gz", 1.3, 3.5), ("1wcm.pdb.gz", 2.0, 4.5))
WITH_NUCLEIC_ACID = (
    ("4r8p.pdb.gz", 1.3, 3.5),
    ("7pbl.pdb.gz", 1.2, 3.2),
    ("4upy.pdb.gz", 1.6, 4.0),
)
FILTERED = (("1lnl.pdb.gz", 1.0, 3.0), ("8eow.cif.gz", 1.3, 3.5), ("4opj.cif.gz", 0.9, 2.8))
_PEER = """
import os, sys
os.environ["MPLBACKEND"] = "Agg"
from occupy_lib import estimate  # before args: they import each other
from occupy_lib import args
options = dict(input_map=sys.argv[1], chimerax=False, scale_mode="res", lp_scale=False)
estimate.occupy_run(args.occupy_options(**options))
"""
BLUR = 40.0  # Å² added to all atoms, as reconstructions do


@dataclass(frozen=True, kw_only=True)
class Case:
    """One chain of one complex at one occupancy."""

    name: str
    chain: str
    occupancy: float
    noise: float
    density: DensityMap
    model: AtomicModel
    truth: Mapping[str, float]


@dataclass(frozen=True)
class Reading:
    """What a method read for one chain."""

    method: str
    noise: float
    truth: float
    value: float
    sigma: float
    changed: bool


def atomic_model(placed: Complex, without: tuple[str, ...] = ()) -> AtomicModel:
    """Model of a simulated complex, as a user would read it from a file."""
    chains = [chain for chain in placed.structure[0] if chain.name not in without]
    regions = tuple(AtomicRegion(chain.name, model_of(chain, list(chain))) for chain in chains)
    return AtomicModel(placed.name, regions)


def cases(
    folder: Path,
    complexes: tuple[tuple[str, float, float], ...],
    noises: list[float],
    first_seed: int,
) -> Iterator[Case]:
    """Yield every complex with two of its chains at each occupancy and noise level."""
    for file, voxel, resolution in complexes:
        placed = place(folder / file, voxel)
        maps = chain_maps(placed, resolution, blur=BLUR)
        model = atomic_model(placed)
        names = placed.chains
        for chain in dict.fromkeys((names[len(names) // 2], names[-1])):
            for occupancy in OCCUPANCIES:
                truth = {name: occupancy if name == chain else 1.0 for name in names}
                clean = sum(truth[name] * maps[name] for name in names)
                for noise in noises:
                    seed = first_seed + zlib.crc32(f"{file}{chain}{occupancy}{noise}".encode())
                    density = add_noise(clean, placed.grid, resolution, noise, seed)
                    density = replace(density, name=f"{placed.name}_{chain}_{occupancy}")
                    yield Case(
                        name=placed.name,
                        chain=chain,
                        occupancy=occupancy,
                        noise=noise,
                        density=density,
                        model=model,
                        truth=truth,
                    )


def by_model(case: Case) -> RegionTable:
    return chain_occupancy([case.density], case.model, ChainParams())


def by_masks(case: Case) -> RegionTable:
    masks = chain_masks(case.model, case.density.grid, radius=3.0, soft=3.0)
    return region_occupancy([case.density], masks, RegionParams())


def by_peer(case: Case, python: str) -> list[Reading]:
    """Median of OccuPy's scale over each chain; its numbers have no standard error."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_map(Path(folder) / "case.mrc", case.density)
        subprocess.run(
            [python, "-c", _PEER, str(path)], cwd=folder, check=True, capture_output=True
        )
        (scale_file,) = Path(folder).glob("scale_res_*.mrc")
        scale = read_map(scale_file).data
    found = []
    for mask in chain_masks(case.model, case.density.grid, radius=2.0, soft=0.0):
        value = float(np.median(scale[mask.data > 0.5]))
        truth, changed = case.truth[mask.name], mask.name == case.chain
        found.append(Reading("OccuPy 0.1.13", case.noise, truth, value, 0.0, changed))
    return found


def readings(case: Case, methods: Mapping[str, Callable[[Case], RegionTable]]) -> list[Reading]:
    """Read every chain of a case with every method."""
    found = []
    for method, measure in methods.items():
        for row in measure(case).rows:
            truth = case.truth[row.region]
            changed = row.region == case.chain
            found.append(Reading(method, case.noise, truth, row.occupancy, row.sigma, changed))
    return found


def summary(found: list[Reading]) -> str:
    """Errors and coverage of each method as a Markdown table."""
    by_truth = [f"at {q:g}" for q in OCCUPANCIES]
    heads = ["method", "noise", "chains", "MAE", *by_truth, "full chains: range", "68 % covers"]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for method in dict.fromkeys(r.method for r in found):
        for noise in sorted({r.noise for r in found}):
            mine = [r for r in found if r.method == method and r.noise == noise]
            changed = [r for r in mine if r.changed]
            each = [
                np.mean([abs(r.value - q) for r in changed if r.truth == q]) for q in OCCUPANCIES
            ]
            full = [r.value for r in mine if r.truth == 1]
            low, middle, high = np.percentile(full, [2.5, 50, 97.5])
            inside = np.mean([abs(r.value - r.truth) <= r.sigma for r in mine])
            cells = [
                method,
                f"{noise}",
                f"{len(mine)}",
                f"{np.mean(each):.4f}",
                *(f"{e:.4f}" for e in each),
                f"{middle:.3f} ({low:.3f}-{high:.3f})",
                f"{inside:.0%}" if any(r.sigma for r in mine) else "-",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def confounders(folder: Path, noise: float) -> str:
    """What a chain reads that is full, but blurred, moved, misplaced or next to a missing one."""
    lines = [
        "| complex | confounder | chain | reads | others | flags and notes |",
        "|" + "---|" * 6,
    ]
    for file, voxel, resolution in CONFOUNDED:
        placed = place(folder / file, voxel)
        names = placed.chains
        chain = names[len(names) // 2]
        maps = chain_maps(placed, resolution, blur=BLUR)
        model = atomic_model(placed)
        total = sum(maps.values())
        blurred = {
            b: chain_maps(placed, resolution, blur=BLUR, extra_b={chain: b})[chain]
            for b in (100.0, 200.0)
        }
        moved = {
            d: chain_maps(placed, resolution, blur=BLUR, moves={chain: (d, d, 0)})[chain]
            for d in (4.0, 10.0)
        }
        variants: list[tuple[str, NDArray[np.float32], AtomicModel]] = [
            (f"B +{b:g} Å²", total - maps[chain] + m, model) for b, m in blurred.items()
        ]
        variants += [
            (f"half of it moved {d * 2**0.5:.1f} Å", total + 0.5 * (m - maps[chain]), model)
            for d, m in moved.items()
        ]
        shift = np.full(3, 3**-0.5)
        variants += [
            ("model shifted 1 Å", total, model.moved(shift)),
            ("model shifted 40 Å", total, model.moved(40 * shift)),
            (f"{chain} missing in the model", total, atomic_model(placed, (chain,))),
        ]
        for what, clean, used in variants:
            density = add_noise(clean, placed.grid, resolution, noise, 1)
            table = chain_occupancy([density], used)
            lines.append(_confounded_row(placed.name, what, chain, table))
    for file, voxel, resolution in WITH_NUCLEIC_ACID:
        placed = place(folder / file, voxel)
        clean = sum(chain_maps(placed, resolution, blur=BLUR).values())
        density = add_noise(clean, placed.grid, resolution, noise, 1)
        table = chain_occupancy([density], atomic_model(placed))
        for chain in table.regions:
            lines.append(_confounded_row(placed.name, "nucleic acid", chain, table))
    return "\n".join(lines)


def _confounded_row(name: str, what: str, chain: str, table: RegionTable) -> str:
    (map_name,) = table.maps
    others = [table.row(map_name, r).occupancy for r in table.regions if r != chain]
    spread = f"{min(others):.3f}-{max(others):.3f}" if others else ""
    reads, told = "-", ""
    if chain in table.regions:
        row = table.row(map_name, chain)
        reads, told = f"{row.occupancy:.3f} ± {row.sigma:.3f}", "; ".join(row.flags)
    notes = " ".join(n for n in table.notes if "moved" in n or "without atoms" in n)
    return f"| {name} | {what} | {chain} | {reads} | {spread} | {told} {notes} |"


def filters(folder: Path, noise: float) -> str:
    """What a half-full chain and the full ones read after filters of the whole map."""
    lines = ["| complex | filter | half-full chain | full chains | detail used |", "|" + "---|" * 5]
    for file, voxel, resolution in FILTERED:
        placed = place(folder / file, voxel)
        model = atomic_model(placed)
        maps = chain_maps(placed, resolution, blur=BLUR)
        chain = placed.chains[-1]
        seen = add_noise(sum(maps.values()) - 0.5 * maps[chain], placed.grid, resolution, noise, 1)
        near = sum(m.data for m in chain_masks(model, placed.grid, radius=6.0, soft=6.0))
        variants = {
            "none": seen,
            "sharpened, B -150 Å²": sharpened(seen, -150.0),
            "blurred, B +200 Å²": sharpened(seen, 200.0),
            "local, to 6 Å": locally_filtered(seen, resolution, 6.0),
            "local, to 8 Å": locally_filtered(seen, resolution, 8.0),
            "soft mask": seen.with_data(seen.data * np.minimum(near, 1)),
            "negative values set to 0": seen.with_data(np.maximum(seen.data, 0)),
        }
        for what, density in variants.items():
            table = chain_occupancy([density], model)
            found = {row.region: row for row in table.rows}
            half = found.pop(chain)
            full = [row.occupancy for row in found.values()]
            lines.append(
                f"| {placed.name} | {what} | {half.occupancy:.3f} ± {half.sigma:.3f} "
                f"| {min(full):.3f}-{max(full):.3f} | {half.resolution_used:.1f} Å |"
            )
    return "\n".join(lines)


def doubt(folder: Path) -> str:
    """What is said when the data cannot tell, for one complex with a chain at half occupancy."""
    file, voxel, resolution = CONFOUNDED[1]
    placed = place(folder / file, voxel)
    names = placed.chains
    chain = names[-1]
    maps = chain_maps(placed, resolution, blur=BLUR)
    model = atomic_model(placed)
    total = sum(maps.values()) - 0.5 * maps[chain]
    seen = add_noise(total, placed.grid, resolution, 0.05, 1)
    near = sum(m.data for m in chain_masks(model, placed.grid, radius=4.0, soft=4.0))
    cut = near > 0
    edge = min(int(i.min()) for i in np.nonzero(near > 0.5)) + round(12 / voxel)
    core = slice(edge, -edge)
    small = Grid.cubic(len(range(*core.indices(len(seen.data)))), voxel)
    steps = {name: 1.0 - 0.12 * i for i, name in enumerate(names)}
    uneven = sum(steps[name] * maps[name] for name in names)
    variants = {
        "as it is": [seen],
        "solvent masked away": [seen.with_data(seen.data * np.minimum(near, 1))],
        "set to zero tightly": [seen.with_data(seen.data * cut)],
        "no solvent in the box": [DensityMap(seen.data[core, core, core], small, "map")],
        "no chain full in both": [
            add_noise(m, placed.grid, resolution, 0.05, i)
            for i, m in enumerate((uneven, sum(maps.values()) - uneven))
        ],
    }
    lines = ["| map | method | half-full chain reads | flags |", "|" + "---|" * 4]
    for what, densities in variants.items():
        named = [replace(d, name=f"map{i}") for i, d in enumerate(densities)]
        inside = model
        if named[0].grid != placed.grid:
            inside = model.moved(np.full(3, -edge * voxel))
        masks = chain_masks(inside, named[0].grid, radius=3.0, soft=3.0)
        for method, table in (
            ("model", chain_occupancy(named, inside, ChainParams(align=False))),
            ("masks", region_occupancy(named, masks)),
        ):
            row = table.row("map0", chain)
            lines.append(
                f"| {what} | {method} | {row.occupancy:.3f} ± {row.sigma:.3f} "
                f"| {'; '.join(row.flags)} |"
            )
    return "\n".join(lines)


def accuracy(chosen: argparse.Namespace) -> str:
    available = {"model": by_model, "masks": by_masks}
    methods = {name: available[name] for name in chosen.methods}
    found: list[Reading] = []
    for case in cases(chosen.models, COMPLEXES[: chosen.complexes], chosen.noise, chosen.seed):
        found += readings(case, methods)
        if chosen.peer:
            found += by_peer(case, chosen.peer)
    return summary(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    tables: dict[str, Callable[[argparse.Namespace], str]] = {
        "accuracy": accuracy,
        "confounders": lambda chosen: confounders(chosen.models, chosen.noise[0]),
        "filters": lambda chosen: filters(chosen.models, chosen.noise[0]),
        "doubt": lambda chosen: doubt(chosen.models),
        "classes": lambda chosen: occupancy_cases.classes(chosen.classes, chosen.models),
        "maven": lambda chosen: occupancy_cases.maven(chosen.maven),
        "speed": lambda chosen: occupancy_cases.speed(chosen.models, chosen.maps),
    }
    parser.add_argument("table", choices=tables)
    parser.add_argument("--models", type=Path, help="folder of atomic models")
    parser.add_argument("--classes", type=Path, help="folder of the RELION classes of 1WCM")
    parser.add_argument("--maven", type=Path, help="folder of MAVEn's example, 50S ribosomes")
    parser.add_argument("--complexes", type=int, default=8, help="how many of the complexes")
    parser.add_argument("--maps", type=int, default=20, help="how many maps for the speed")
    parser.add_argument("--noise", type=float, nargs="+", default=[0.03, 0.1])
    parser.add_argument("--methods", nargs="+", default=["model", "masks"])
    parser.add_argument("--seed", type=int, default=0, help="added to the seeds of the noise")
    parser.add_argument("--peer", metavar="PYTHON", help="interpreter that has OccuPy 0.1.13")
    chosen = parser.parse_args()
    print(tables[chosen.table](chosen))


if __name__ == "__main__":
    main()
