"""Measure how near the occupancies come to the truth of simulated complexes.

    python -m benchmarks.occupancy --models DIR [--complexes 8] [--noise 0.03 0.1] [--peer PYTHON]

Each complex gets two of its chains in turn at 0.1 to 1.0, at two noise levels; the table has
the mean absolute error of `regions --model` and `regions --masks`, the coverage of the 68 %
intervals, and beside them OccuPy 0.1.13 when its interpreter is named. `--confounders` does not
change occupancies but what must not be taken for them: B-factors, composition, moved, missing and
misplaced chains.
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

from benchmarks.simulate_occupancy import Complex, add_noise, chain_maps, place
from occupy_core.maps.grid import DensityMap
from occupy_core.maps.mrc import read_map, write_map
from occupy_core.regions.atoms import AtomicModel, AtomicRegion, model_of
from occupy_core.regions.chains import ChainParams, chain_masks, chain_occupancy
from occupy_core.regions.masks import RegionParams, region_occupancy
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
_PEER = """
import os, sys
os.environ["MPLBACKEND"] = "Agg"
from occupy_lib import estimate  # before args: they import each other
from occupy_lib import args
options = dict(input_map=sys.argv[1], chimerax=False, scale_mode="res", lp_scale=False)
estimate.occupy_run(args.occupy_options(**options))
"""
_BLUR = 40.0  # Å² added to all atoms, as reconstructions do


@dataclass(frozen=True)
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


def atomic_model(placed: Complex, without: tuple[str, ...] = ()) -> AtomicModel:
    """Model of a simulated complex, as a user would read it from a file."""
    chains = [chain for chain in placed.structure[0] if chain.name not in without]
    regions = tuple(AtomicRegion(chain.name, model_of(chain, list(chain))) for chain in chains)
    return AtomicModel(placed.name, regions)


def cases(
    folder: Path, complexes: tuple[tuple[str, float, float], ...], noises: list[float]
) -> Iterator[Case]:
    """Yield every complex with two of its chains at each occupancy and noise level."""
    for file, voxel, resolution in complexes:
        placed = place(folder / file, voxel)
        maps = chain_maps(placed, resolution, blur=_BLUR)
        model = atomic_model(placed)
        names = placed.chains
        for chain in {names[len(names) // 2], names[-1]}:
            for occupancy in OCCUPANCIES:
                truth = {name: occupancy if name == chain else 1.0 for name in names}
                clean = sum(truth[name] * maps[name] for name in names)
                for noise in noises:
                    seed = zlib.crc32(f"{file}{chain}{occupancy}{noise}".encode())
                    density = add_noise(clean, placed.grid, resolution, noise, seed)
                    density = replace(density, name=f"{placed.name}_{chain}_{occupancy}")
                    yield Case(placed.name, chain, occupancy, noise, density, model, truth)


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
        found.append(Reading("OccuPy 0.1.13", case.noise, case.truth[mask.name], value, 0.0))
    return found


def readings(case: Case, methods: Mapping[str, Callable[[Case], RegionTable]]) -> list[Reading]:
    """Read every chain of a case with every method."""
    found = []
    for method, measure in methods.items():
        table = measure(case)
        for row in table.rows:
            truth = case.truth[row.region]
            found.append(Reading(method, case.noise, truth, row.occupancy, row.sigma))
    return found


def summary(found: list[Reading]) -> str:
    """Errors and coverage of each method as a Markdown table."""
    lines = [
        "| method | noise | chains | MAE changed | MAE all | full: median, range | 68 % covers |",
        "|---|---|---|---|---|---|---|",
    ]
    for method in dict.fromkeys(r.method for r in found):
        for noise in sorted({r.noise for r in found}):
            mine = [r for r in found if r.method == method and r.noise == noise]
            error = np.array([r.value - r.truth for r in mine])
            sigma = np.array([r.sigma for r in mine])
            partial = np.array([r.truth < 1 for r in mine])
            full = 1 + error[~partial]
            inside = np.mean(np.abs(error) <= sigma)
            lines.append(
                f"| {method} | {noise} | {len(mine)} | {np.abs(error[partial]).mean():.4f} "
                f"| {np.abs(error).mean():.4f} "
                f"| {np.median(full):.3f}, {full.min():.3f}-{full.max():.3f} | {inside:.0%} |"
            )
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
        maps = chain_maps(placed, resolution, blur=_BLUR)
        model = atomic_model(placed)
        total = sum(maps.values())
        blurred = {
            b: chain_maps(placed, resolution, blur=_BLUR, extra_b={chain: b})[chain]
            for b in (100.0, 200.0)
        }
        moved = {
            d: chain_maps(placed, resolution, blur=_BLUR, moves={chain: (d, d, 0)})[chain]
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
        clean = sum(chain_maps(placed, resolution, blur=_BLUR).values())
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, required=True, help="folder of the models")
    parser.add_argument("--complexes", type=int, default=8, help="how many of the complexes")
    parser.add_argument("--noise", type=float, nargs="+", default=[0.03, 0.1])
    parser.add_argument("--confounders", action="store_true")
    parser.add_argument("--peer", metavar="PYTHON", help="interpreter that has OccuPy 0.1.13")
    chosen = parser.parse_args()
    if chosen.confounders:
        print(confounders(chosen.models, chosen.noise[0]))
        return
    methods: dict[str, Callable[[Case], RegionTable]] = {"model": by_model, "masks": by_masks}
    found: list[Reading] = []
    for case in cases(chosen.models, COMPLEXES[: chosen.complexes], chosen.noise):
        found += readings(case, methods)
        if chosen.peer:
            found += by_peer(case, chosen.peer)
    print(summary(found))


if __name__ == "__main__":
    main()
