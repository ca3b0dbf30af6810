"""Measure, voxel by voxel, the occupancy map of simulated complexes and the maps modified by it.

    python -m benchmarks.modification --models DIR [--set held-back developed] [--complexes 8]
        [--noise 0.03 0.1] [--gamma 4 30] [--seed 0] [--peer-python PYTHON] [--rows FILE]

A third of the chains of each complex has occupancies of 0.3 to 0.7. All figures are over the voxels
within 2.5 Å of atoms, and the truth of a voxel is the occupancy of the nearest atom. Gain is the
least-squares factor against the noiseless map in which all chains are full; with an amplification
it should be 1 for every chain, with a strong attenuation 1 for the full chains and 0 for the
others. OccuPy 0.1.13 runs beside it when its interpreter is named. Beside them stand the truth
itself ("nearest atom") and the part of the noiseless density of a voxel that is there ("share of
density"): chains overlap at this resolution, so that is the most which a map can tell of a voxel.

Complexes are the models of the folder with 3 to 12 chains in at most 150 voxels. The checksum of
its file name puts each into one of two sets: on the developed ones the scale was made, on those
held back it is reported. With `--rows` each finished row is kept in a file, and a run that was
ended goes on from there; rows of other sources or settings are not used.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from benchmarks.occupancy import BLUR
from benchmarks.simulate_occupancy import Complex, add_noise, chain_maps, place
from occupy_core.maps.grid import Array, DensityMap, Mask
from occupy_core.maps.mrc import read_map, write_map
from occupy_core.scale.estimate import estimate_scale
from occupy_core.scale.modify import iter_modified
from occupy_core.scale.params import GRANULARITY, ModifyParams, ScaleParams

VOXEL, RESOLUTION = 1.3, 3.5  # Å
SETS = ("held-back", "developed")
_CHAINS, _BOX = range(3, 13), 150
_SEEN = ("4opj.cif.gz", "8wg7.cif.gz")  # developed on, whatever their checksums say
_PEER = """
import os
os.environ["MPLBACKEND"] = "Agg"
from occupy_lib import estimate  # before args: they import each other
from occupy_lib import args
for gamma in {gammas}:
    estimate.occupy_run(args.occupy_options(
        input_map={path!r}, chimerax=False, scale_mode="occ", lp_scale=True, pivot=None,
        quiet=True, amplify=gamma, attenuate=gamma))
"""
LEVELS = (0.3, 0.5, 0.7)
_SOME = 1e-3  # of the highest density; below it a share is that of rounding
_NEAR = 2.5  # Å from an atom; what is nearer counts
_SOLVENT = 12.0  # Å from an atom; what is farther is solvent


@dataclass(frozen=True, eq=False)
class Case:
    """A simulated map, without noise, with all chains full too, and its true occupancies.

    `truth` is 0 farther than 2.5 Å from any atom; `solvent` is where there is only noise.
    """

    name: str
    noise: float
    density: DensityMap
    clean: Array
    full: Array
    truth: Array
    solvent: Mask


def complexes(folder: Path, which: str) -> list[str]:
    """Return the names of the models of one set, in the order of their checksums."""
    found = []
    for path in sorted(folder.iterdir(), key=lambda p: zlib.crc32(p.name.encode())):
        developed = zlib.crc32(path.name.encode()) % 2 == 0 or path.name in _SEEN
        if developed == (which == "developed"):
            placed = place(path, VOXEL)
            if len(placed.chains) in _CHAINS and placed.grid.shape[0] <= _BOX:
                found.append(path.name)
    return found


def occupancies(name: str, chains: list[str], seed: int) -> dict[str, float]:
    """Put a third of the chains at 0.3, 0.5 and 0.7, in turn."""
    random = np.random.default_rng([seed, zlib.crc32(name.encode())])
    partial = random.permutation(len(chains))[: max(1, round(len(chains) / 3))]
    first = int(random.integers(len(LEVELS)))
    found = dict.fromkeys(chains, 1.0)
    for i, chain in enumerate(partial):
        found[chains[chain]] = LEVELS[(first + i) % len(LEVELS)]
    return found


def nearest_occupancy(placed: Complex, truth: dict[str, float]) -> tuple[Array, Mask]:
    """Return the occupancy of the nearest atom of each voxel, and where no atom is near."""
    positions, values = [], []
    for chain in placed.structure[0]:
        for residue in chain:
            for atom in residue:
                positions.append(atom.pos.tolist()[::-1])
                values.append(truth[chain.name])
    shape, voxel = placed.grid.shape, placed.grid.voxel_size_zyx
    index = np.indices(shape, np.float32).reshape(3, -1).T * np.float32(voxel)
    distance, which = cKDTree(positions).query(index, distance_upper_bound=_SOLVENT)
    found = np.append(values, 0.0)[np.where(distance < _NEAR, which, len(values))]
    return found.astype(np.float32).reshape(shape), np.isinf(distance).reshape(shape)


def cases(folder: Path, files: list[str], noises: list[float], seed: int) -> Iterator[Case]:
    """Yield every complex at each noise level."""
    for file in files:
        placed = place(folder / file, VOXEL)
        maps = chain_maps(placed, RESOLUTION, blur=BLUR)
        truth = occupancies(placed.name, placed.chains, seed)
        near, solvent = nearest_occupancy(placed, truth)
        clean: Array = np.asarray(sum(truth[name] * maps[name] for name in maps))
        full: Array = np.asarray(sum(maps.values()))
        for noise in noises:
            number = seed + zlib.crc32(f"{file}{noise}".encode())
            density = add_noise(clean, placed.grid, RESOLUTION, noise, number)
            density = replace(density, name=placed.name)
            yield Case(placed.name, noise, density, clean, full, near, solvent)


@dataclass(frozen=True)
class Reading:
    """What one method made of one case; gains and correlations by kind, power and chains."""

    case: str
    noise: float
    method: str
    rmse: float
    correlation: float
    deviation: float
    means: dict[str, float]
    step: float
    modified: dict[str, tuple[float, float]]
    solvent: float


Made = tuple[Array, Callable[[str, float], Array]]


def by_ours(case: Case, granularity: float) -> Made:
    """Return the local scale of a case, and what modifies its map."""
    result = estimate_scale(case.density, ScaleParams(mode="occ", granularity=granularity))

    def modify(kind: str, gamma: float) -> Array:
        params = ModifyParams(**{kind: gamma})
        (made,) = iter_modified(
            case.density,
            result.scale,
            result.confidence,
            result.solvent,
            params,
            sigma=None if result.place is None else result.sigma,
            place=result.place,
        )
        return made.map.data

    return result.scale.data, modify


def share_of_density(case: Case) -> Array:
    """Return which part of the full density is there without noise; 1 where there is none."""
    share = np.ones_like(case.full)
    some = (case.full > _SOME * case.full.max()) & ~case.solvent
    np.divide(case.clean, case.full, out=share, where=some)
    return np.clip(share, 0, 1, out=share)


def by_truth(case: Case, scale: Array) -> Made:
    """Return a scale that is known, and the map times its factors."""
    factors = np.where(scale > 0, scale, np.float32(1))

    def modify(kind: str, gamma: float) -> Array:
        power = 1 / gamma - 1 if kind == "amplify" else gamma - 1
        return np.asarray(case.density.data * factors ** np.float32(power), np.float32)

    return scale, modify


def by_peer(case: Case, python: str, gammas: list[float]) -> Made:
    """Return the same of OccuPy 0.1.13."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_map(Path(folder) / "case.mrc", case.density)
        text = _PEER.format(path=str(path), gammas=gammas)
        subprocess.run([python, "-c", text], cwd=folder, check=True, capture_output=True)
        scale = read_map(Path(folder) / "scale_occ_case.mrc").data
        made = {
            (kind, gamma): read_map(Path(folder) / f"{kind[:1]}{short}_{gamma:.1f}_case.mrc").data
            for kind, short in (("amplify", "mpl"), ("attenuate", "ttn"))
            for gamma in gammas
        }
    return scale, lambda kind, gamma: made[kind, gamma]


def gain(data: Array, reference: Array) -> float:
    """Return the factor of a reference that is nearest to the data."""
    return float(np.vdot(data, reference) / np.vdot(reference, reference))


def width_of_step(scale: Array, truth: Array) -> float:
    """Return the distance (Å) over which the scale rises between chains of 0.3 and 1 in contact.

    From 10 to 90 % of the means far on both sides, over signed distances from the boundary;
    NaN without such chains.
    """
    low, high = truth == np.float32(0.3), truth == 1
    if not low.any():
        return float("nan")
    outward = distance_transform_edt(~high)[low] * VOXEL
    inward = distance_transform_edt(~low)[high] * VOXEL
    places = np.concatenate([outward - VOXEL / 2, VOXEL / 2 - inward])
    values = np.concatenate([scale[low], scale[high]])
    bins = np.round(places / VOXEL).astype(int)
    near = np.abs(bins) <= 8
    if np.count_nonzero(near) < 100:
        return float("nan")
    middle = np.arange(-8, 9)
    profile = np.array([values[bins == i].mean() if (bins == i).any() else np.nan for i in middle])
    known = np.isfinite(profile)
    fine = np.interp(np.linspace(-8, 8, 1601), middle[known], profile[known])
    top, bottom = fine[:200].mean(), fine[-200:].mean()
    part = (fine - bottom) / (top - bottom)
    return float(np.argmax(part < 0.1) - np.argmax(part < 0.9)) / 100 * VOXEL


def read(case: Case, method: str, made: Made, gammas: list[float]) -> Reading:
    """Compare what a method made with the truth."""
    scale, modify = made
    near = case.truth > 0
    truth, found = case.truth[near], scale[near]
    groups = {"full": case.truth == 1} | {
        f"{q:g}": case.truth == np.float32(q) for q in LEVELS if (case.truth == np.float32(q)).any()
    }
    modified = {}
    solvent = 0.0
    for kind in ("amplify", "attenuate"):
        for gamma in gammas:
            data = modify(kind, gamma)
            quiet = data[case.solvent].std() / case.density.data[case.solvent].std() - 1
            solvent = max(solvent, abs(float(quiet)))
            for name, where in groups.items():
                full = case.full[where]
                before = np.corrcoef(case.density.data[where], full)[0, 1]
                change = float(np.corrcoef(data[where], full)[0, 1] - before)
                modified[_output(kind, gamma, name)] = gain(data[where], full), change
    return Reading(
        case.name,
        case.noise,
        method,
        float(np.sqrt(np.mean((found - truth) ** 2))),
        float(np.corrcoef(found, truth)[0, 1]),
        float(found[truth == 1].std()),
        {f"{q:g}": float(found[truth == q].mean()) for q in np.unique(truth)},
        width_of_step(scale, case.truth),
        modified,
        solvent,
    )


def table(found: list[Reading], gammas: list[float]) -> str:
    """Means over complexes (and the worst) by method and noise, as Markdown tables."""
    lines = [
        "| method | noise | RMSE (worst) | correlation | SD in full | "
        "reads at 0.3, 0.5, 0.7, 1 | step 0.3/1, Å | solvent, change |",
        "|" + "---|" * 8,
    ]
    modified = [
        "| method | noise | kind, gamma | gain at 0.3, 0.5, 0.7, full (least, most of full) | "
        "change of correlation at 0.3, 0.5, 0.7, full |",
        "|" + "---|" * 5,
    ]
    for method in dict.fromkeys(r.method for r in found):
        for noise in sorted({r.noise for r in found}):
            mine = [r for r in found if (r.method, r.noise) == (method, noise)]
            levels = [
                _mean([r.means[q] for r in mine if q in r.means])
                for q in ("0.3", "0.5", "0.7", "1")
            ]
            lines.append(
                f"| {method} | {noise} | {_mean([r.rmse for r in mine])} "
                f"({max(r.rmse for r in mine):.3f}) | {_mean([r.correlation for r in mine])} | "
                f"{_mean([r.deviation for r in mine])} | {', '.join(levels)} | "
                f"{np.nanmean([r.step for r in mine]):.1f} | {max(r.solvent for r in mine):.1%} |"
            )
            for kind in ("amplify", "attenuate"):
                for gamma in gammas:
                    modified.append(_modified_row(mine, method, noise, (kind, gamma)))
    return "\n".join([*lines, "", *modified])


def _modified_row(mine: list[Reading], method: str, noise: float, output: tuple[str, float]) -> str:
    kind, gamma = output
    both = {
        n: [r.modified[o] for r in mine if (o := _output(kind, gamma, n)) in r.modified]
        for n in (*(f"{q:g}" for q in LEVELS), "full")
    }
    gains = ", ".join(_mean([g for g, _ in found]) for found in both.values())
    changes = ", ".join(_mean([c for _, c in found]) for found in both.values())
    full = [g for g, _ in both["full"]]
    return (
        f"| {method} | {noise} | {kind} {gamma:g} | {gains} ({min(full):.3f}, "
        f"{max(full):.3f}) | {changes} |"
    )


def _output(kind: str, gamma: float, chains: str) -> str:
    return f"{kind} {gamma:g}: {chains}"


def _mean(values: list[float]) -> str:
    return f"{np.mean(values):.3f}" if values else "-"


class Rows:
    """The finished rows of a run, kept in a file of one JSON object a line when it is named."""

    def __init__(self, path: Path | None, settings: list[object]) -> None:
        self._path = path
        self._state = f"{zlib.crc32(_sources() + repr(settings).encode()):08x}"
        lines = path.read_text(encoding="utf-8").splitlines() if path and path.exists() else []
        kept = [json.loads(line) for line in lines]
        self._found = [Reading(**row["row"]) for row in kept if row["state"] == self._state]

    def of(self, case: Case, method: str, make: Callable[[], Made], gammas: list[float]) -> Reading:
        """Return the row of a method and a case, made now unless it is there."""
        wanted = (case.name, case.noise, method)
        for row in self._found:
            if (row.case, row.noise, row.method) == wanted:
                return row
        row = read(case, method, make(), gammas)
        if self._path:
            line = json.dumps({"state": self._state, "row": asdict(row)})
            with self._path.open("a", encoding="utf-8") as stream:
                stream.write(line + "\n")
        return row


def _sources() -> bytes:
    """Return all that the rows come from."""
    here = Path(__file__)
    files = sorted((here.parents[1] / "occupy_core").rglob("*.py"))
    return b"".join(p.read_bytes() for p in (*files, here, here.with_name("simulate_occupancy.py")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, required=True, help="folder of atomic models")
    parser.add_argument("--set", nargs="+", choices=SETS, default=["held-back"], dest="sets")
    parser.add_argument("--complexes", type=int, default=8, help="how many of each set")
    parser.add_argument("--noise", type=float, nargs="+", default=[0.03, 0.1])
    parser.add_argument("--gamma", type=float, nargs="+", default=[4.0, 30.0])
    parser.add_argument("--seed", type=int, default=0, help="of chains and noise")
    parser.add_argument("--peer-python", metavar="PYTHON", help="that has OccuPy 0.1.13")
    parser.add_argument("--rows", type=Path, metavar="FILE", help="keeps finished rows")
    chosen = parser.parse_args()
    rows = Rows(chosen.rows, [chosen.gamma, chosen.seed])
    for name in chosen.sets:
        found = []
        files = complexes(chosen.models, name)[: chosen.complexes]
        for case in cases(chosen.models, files, chosen.noise, chosen.seed):
            methods = {
                "regional": partial(by_ours, case, GRANULARITY),
                "granular": partial(by_ours, case, 0.0),
                "nearest atom": partial(by_truth, case, case.truth),
                "share of density": partial(by_truth, case, share_of_density(case)),
            }
            if chosen.peer_python:
                methods["OccuPy 0.1.13"] = partial(by_peer, case, chosen.peer_python, chosen.gamma)
            found += [rows.of(case, m, make, chosen.gamma) for m, make in methods.items()]
        print(f"{name}: {', '.join(dict.fromkeys(r.case for r in found))}")
        print(table(found, chosen.gamma), flush=True)


if __name__ == "__main__":
    main()
