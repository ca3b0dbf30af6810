"""Blocks of ensembles: how well, how fast, and nothing where there is nothing.

    python -m benchmarks.blocks found|mixed|null|thresholds|pairs|speed|few [--shared FOLDER]
        [--large]

`found`       ensembles with known blocks: how many are found, and the Jaccard of their masks
`mixed`       the same where everything is drawn at random: boxes, numbers, sizes, dependences
`null`        noise, and one rigid body in noise: in how many ensembles a block is found
`thresholds`  the automatic rules beside each other
`pairs`       cost of a pair of voxels, for growing numbers of voxels
`speed`       the command line, whole processes: time and peak memory (`--large`: also
              128³ x 1000, 8.4 GB on disk)
`few`         the 20 volumes of 50S assembly intermediates in FOLDER/data/ensembles/maven_50S
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.ensembles import KnownEnsemble, chains, ellipsoids, matched_jaccards, null
from benchmarks.measure import run_process
from occupy_core.blocks.bits import VoxelBits, pack
from occupy_core.blocks.find import BlocksResult, find_blocks
from occupy_core.blocks.params import THRESHOLD_RULES, BlocksParams
from occupy_core.blocks.sketch.cooccupancy import PairTest
from occupy_core.errors import OccupyError
from occupy_core.maps import DensityMap, Grid, read_map
from occupy_core.maps.ensemble import Ensemble, open_ensemble


def in_memory(known: KnownEnsemble) -> Ensemble:
    grid = Grid(known.core.shape, (known.voxel_size,) * 3)
    return Ensemble([DensityMap(known.volume(i), grid, f"vol_{i}") for i in range(len(known))])


def masks(result: BlocksResult) -> NDArray[np.bool_]:
    found = [result.mask(i).data > 0 for i in range(len(result.blocks))]
    return np.array(found, bool).reshape(len(found), *result.occupied.grid.shape)


def known_ensembles(shared: Path | None) -> Iterator[tuple[str, KnownEnsemble]]:
    """Two blocks of each agree in 90 % of the volumes, and two exclude each other."""
    for n, n_volumes, seeds in ((32, 200, range(10)), (64, 500, range(3))):
        for noise in (0.1, 0.3, 0.5):
            for seed in seeds:
                known = ellipsoids(n, n_volumes, seed=seed, noise=noise)
                yield f"{n}³ x {n_volumes}, noise {noise}", known
    small: dict[str, dict[str, Any]] = {
        "soft edges": {"noise": 0.2, "softness": 1.2},
        "correlated noise 0.3": {"noise": 0.3, "correlation": 1.0},
        "correlated noise 0.5": {"noise": 0.5, "correlation": 1.0},
        "sliding body": {"noise": 0.2, "motion": True},
    }
    for seed in range(5):
        for label, options in small.items():
            yield f"32³ x 200, {label}", ellipsoids(32, 200, seed=seed, **options)
        yield "32³ x 100, grey scales differ", ellipsoids(32, 100, seed=seed, noise=0.2, grey=True)
        crowded = ellipsoids(
            (40, 33, 37), 300, n_blocks=12, seed=seed, noise=0.2, size=(0.08, 0.12)
        )
        yield "40 x 33 x 37 x 300, 12 blocks", crowded
        moving = ellipsoids((61, 67, 63), 500, seed=seed, noise=0.3, motion=True)
        yield "61 x 67 x 63 x 500, sliding body, noise 0.3", moving
    for model in ("3c91.pdb", "6rn2.cif", "7pbl.pdb") if shared is not None else ():
        path = Path(str(shared)) / "data" / "models" / f"{model}.gz"
        for n, n_volumes, noise, seeds in ((40, 200, 0.1, range(5)), (64, 500, 0.3, range(2))):
            for seed in seeds:
                known = chains(path, n, n_volumes, seed=seed, noise=noise)
                yield f"chains of {model[:4]}, {n}³ x {n_volumes}, noise {noise}", known


def found(shared: Path | None, _large: bool) -> None:
    rows: dict[str, list[tuple[int, int, float, float, int]]] = {}
    for label, known in known_ensembles(shared):
        result = find_blocks(in_memory(known))
        jaccards = matched_jaccards(known.truth, masks(result))
        right = int(np.count_nonzero(jaccards > 0.5))
        extra = len(result.blocks) - right
        row = (right, len(jaccards), float(jaccards.mean()), float(jaccards.min()), extra)
        rows.setdefault(label, []).append(row)
    print("| ensemble | runs | blocks found | mean Jaccard | worst run | worst block | others |")
    print("|---|---|---|---|---|---|---|")
    for label, values in rows.items():
        right, true, mean, worst, extra = (np.array(column) for column in zip(*values, strict=True))
        print(
            f"| {label} | {len(values)} | {right.sum()} of {true.sum()} | {mean.mean():.3f} | "
            f"{mean.min():.3f} | {worst.min():.2f} | {extra.sum()} |",
            flush=True,
        )


def mixed(shared: Path | None, _large: bool) -> None:
    """Draw 5 to 8 blocks of very different sizes, two that agree, two apart and one in another."""
    print("| noise | correlated over | blocks | found | mean Jaccard | others | of them gradual |")
    print("|---|---|---|---|---|---|---|")
    for noise, correlation in itertools.product((0.1, 0.3, 0.5), (0.0, 0.7, 1.0)):
        scores, extra, gradual = [], 0, 0
        for seed in range(8):
            known = drawn(shared, seed, noise, correlation)
            result = find_blocks(in_memory(known))
            if not result.blocks:
                scores += [0.0] * len(known.truth)
                continue
            scores += list(matched_jaccards(known.truth, masks(result)))
            wrong = matched_jaccards(masks(result), known.truth) <= 0.5
            extra += int(wrong.sum())
            named = zip(result.blocks, wrong, strict=True)
            gradual += sum(block.name in result.gradual for block, no in named if no)
        right = int(np.count_nonzero(np.array(scores) > 0.5))
        row = f"| {noise} | {correlation} | {len(scores)} | {right} | {np.mean(scores):.3f} |"
        print(f"{row} {extra} | {gradual} |", flush=True)


def drawn(shared: Path | None, seed: int, noise: float, correlation: float) -> KnownEnsemble:
    rng = np.random.default_rng([7, seed])
    n_volumes, n_blocks = int(rng.choice([100, 150, 200, 300])), int(rng.integers(5, 9))
    options: dict[str, Any] = {"n_blocks": n_blocks, "seed": 100 + seed, "noise": noise}
    if seed % 2 and shared is not None:
        model = rng.choice(["1wcm.pdb", "4upy.pdb", "5fuu.pdb", "8ep1.cif"])
        path = shared / "data" / "models" / f"{model}.gz"
        known = chains(path, int(rng.integers(30, 46)), n_volumes, implied=True, **options)
        return replace(known, correlation=correlation)
    shape = tuple(int(n) for n in rng.integers(32, 49, 3))
    options |= {"size": (0.05, 0.17), "softness": float(rng.choice([0.0, 0.7, 1.2]))}
    return ellipsoids(shape, n_volumes, correlation=correlation, implied=True, **options)


def null_ensembles(_shared: Path | None, _large: bool) -> None:
    print("| ensemble | runs | without a block |")
    print("|---|---|---|")
    for n_volumes in (200, 20):
        for rigid, noise, correlation in itertools.product((False, True), (0.1, 0.5), (0.0, 1.0)):
            null_row(n_volumes, rigid=rigid, noise=noise, correlation=correlation)


def null_row(n_volumes: int, *, rigid: bool, noise: float, correlation: float) -> None:
    none = 0
    for seed in range(50):
        known = null(32, n_volumes, rigid=rigid, seed=seed, noise=noise, correlation=correlation)
        none += not find_blocks(in_memory(known)).blocks
    kind = "rigid body" if rigid else "noise alone"
    print(
        f"| {n_volumes} volumes, {kind}, noise {noise}, correlated over {correlation:g} voxels | "
        f"50 | {none} |",
        flush=True,
    )


def thresholds(shared: Path | None, _large: bool) -> None:
    cases: dict[str, list[KnownEnsemble]] = {}
    for seed in range(3):
        for noise in (0.05, 0.2, 0.5):
            key = f"ellipsoids, noise {noise}"
            cases.setdefault(key, []).append(ellipsoids(32, 150, seed=seed, noise=noise))
        soft = ellipsoids(32, 150, seed=seed, noise=0.05, softness=1.5)
        cases.setdefault("ellipsoids, soft edges", []).append(soft)
        grey = ellipsoids(32, 150, seed=seed, noise=0.2, grey=True)
        cases.setdefault("ellipsoids, grey scales differ", []).append(grey)
        if shared is not None:
            path = shared / "data" / "models" / "3c91.pdb.gz"
            for noise in (0.05, 0.3):
                known = chains(path, 36, 150, seed=seed, noise=noise)
                cases.setdefault(f"chains, noise {noise}", []).append(known)
    print("| ensemble | rule | blocks found | mean Jaccard | on-fraction / true | its spread |")
    print("|---|---|---|---|---|---|")
    for label, ensembles in cases.items():
        for rule in THRESHOLD_RULES:
            threshold_row(label, rule, ensembles)


def threshold_row(label: str, rule: str, ensembles: list[KnownEnsemble]) -> None:
    right, true, jaccards, ratios, spreads = 0, 0, [], [], []
    for known in ensembles:
        occupied_truth = (known.core > 0.5).mean() + known.presence @ known.truth.mean((1, 2, 3))
        true += len(known.truth)
        try:
            result = find_blocks(in_memory(known), BlocksParams(threshold_rule=rule))
        except OccupyError as error:
            print(f"| {label} | {rule} | {error} | | | |", flush=True)
            return
        scores = matched_jaccards(known.truth, masks(result))
        right += int(np.count_nonzero(scores > 0.5))
        jaccards.append(scores.mean())
        ratio = result.occupied.thresholds.on_fraction / occupied_truth
        ratios.append(ratio.mean())
        spreads.append(ratio.std() / ratio.mean())
    print(
        f"| {label} | {rule} | {right} of {true} | {np.mean(jaccards):.3f} | "
        f"{np.mean(ratios):.2f} | {100 * np.mean(spreads):.1f} % |",
        flush=True,
    )


def pairs(_shared: Path | None, _large: bool) -> None:
    print("| volumes | voxels | pairs | s | s of the processors | the same, ns a pair |")
    print("|---|---|---|---|---|---|")
    rng = np.random.default_rng(0)
    for n_volumes in (200, 500, 1000):
        for n_voxels in (5_000, 15_000, 45_000):
            hidden = rng.random((6, n_volumes)) < 0.5
            on = hidden[rng.integers(0, 6, n_voxels)] ^ (rng.random((n_voxels, n_volumes)) < 0.1)
            cells = rng.integers(0, 128, (n_voxels, 3)).astype(np.int32)
            bits = VoxelBits(pack(on), on.sum(axis=1).astype(np.int64), cells, n_volumes)
            size, box = (1.0, 1.0, 1.0), (128.0, 128.0, 128.0)
            test = PairTest(
                log_limit_on=-25.0, log_limit_off=-25.0, min_distance=1.0, voxel_size=size, box=box
            )
            test.partners(bits.take(np.arange(100)), 5)
            start, busy = time.perf_counter(), time.process_time()
            test.partners(bits, 25)
            seconds, busy = time.perf_counter() - start, time.process_time() - busy
            n_pairs = n_voxels * (n_voxels - 1) / 2
            print(
                f"| {n_volumes} | {n_voxels} | {n_pairs:.2e} | {seconds:.2f} | {busy:.2f} | "
                f"{1e9 * busy / n_pairs:.2f} |",
                flush=True,
            )


def speed(_shared: Path | None, large: bool) -> None:
    print("| ensemble | union voxels | s | peak MB | limits | Jaccards |")
    print("|---|---|---|---|---|---|")
    cases = [(32, 200, "3 s"), (64, 500, "25 s, 1500 MB")]
    if large:
        cases.append((128, 1000, "360 s, 6000 MB"))
    for n, n_volumes, limits in cases:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            known = ellipsoids(n, n_volumes, seed=1, noise=0.1)
            write(known, place / "volumes")
            command = [sys.executable, "-m", "occupy_core", "blocks", "--force", "--outdir"]
            command += [str(place / "out"), "--volumes-dir", str(place / "volumes")]
            measured = [
                run_process(command, Path(__file__).parents[1]) for _ in range(3 if n < 128 else 1)
            ]
            union = json.loads((place / "out" / "blocks.json").read_text())["union_voxels"]
            paths = sorted((place / "out").glob("block_*.mrc"))
            scores = matched_jaccards(known.truth, np.array([read_map(p).data > 0 for p in paths]))
        seconds, peak = min(s for s, _ in measured), max(p for _, p in measured)
        row = f"| {n}³ x {n_volumes} | {union} | {seconds:.1f} | {peak:.0f} | {limits} |"
        print(f"{row} {np.round(scores, 3)} |", flush=True)


def write(known: KnownEnsemble, folder: Path) -> None:
    """Write an ensemble, some volumes at a time."""
    folder.mkdir()
    grid = Grid(known.core.shape, (known.voxel_size,) * 3)
    from occupy_core.maps import write_map

    def one(i: int) -> None:
        write_map(folder / f"vol_{i + 1}.mrc", DensityMap(known.volume(i), grid))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, range(len(known))))


def few(shared: Path | None, _large: bool) -> None:
    """Compare the blocks of the 50S intermediates with its proteins and its RNA."""
    if shared is None:
        raise SystemExit("Give --shared FOLDER.")
    place = shared / "data" / "ensembles" / "maven_50S"
    ensemble = open_ensemble(place / "00_aligned")
    result = find_blocks(ensemble)
    t = result.occupied.thresholds
    print(
        f"thresholds {t.values.min():.2f}-{t.values.max():.2f}, "
        f"{100 * t.on_fraction.min():.1f}-{100 * t.on_fraction.max():.1f} % on, "
        f"{len(result.occupied.voxels)} union voxels, {result.communities.correction}"
    )
    for warning in result.warnings:
        print("-", warning)
    pieces = atoms_of_pieces(shared, ensemble.grid)
    print("\n| block | Å3 | pieces | volumes | gradual | needs | atoms of (at least a quarter) |")
    print("|---|---|---|---|---|---|---|")
    for k, block in enumerate(result.blocks):
        mask = result.mask(k).data > 0
        inside = {
            name: float(mask[tuple(cells.T)].mean()) for name, cells in pieces.items() if len(cells)
        }
        parts = [f"{name} {100 * f:.0f} %" for name, f in inside.items() if f >= 0.25]
        print(
            f"| {block.name} | {block.volume:.0f} | {block.pieces[:3]} | "
            f"{int(result.tracking.present[:, k].sum())} | {block.name in result.gradual} | "
            f"{', '.join(result.tracking.parents[block.name])} | {', '.join(parts)} |"
        )
    beside_maven(place, ensemble, result, pieces)


def atoms_of_pieces(shared: Path, grid: Grid) -> dict[str, NDArray[np.int64]]:
    """Cells (z, y, x) of the atoms of the proteins and of helices of the RNA, by their names."""
    import gemmi

    found: dict[str, list[NDArray[np.int64]]] = {}
    origin = np.array(grid.position((0, 0, 0)))
    for path in sorted((shared / "data" / "models").glob("50S_*.pdb.gz")):
        for chain in gemmi.read_structure(str(path))[0]:
            rna = "RNA" in path.name
            for residue in chain:
                # 50 nucleotides are about two helices
                first = 50 * (residue.seqid.num // 50)
                name = f"{path.name[4:-7]} {first}-{first + 49}" if rna else f"chain {chain.name}"
                xyz = np.array([atom.pos.tolist() for atom in residue])
                cells = np.rint((xyz - origin) / np.array(grid.voxel_size)).astype(int)[:, ::-1]
                found.setdefault(name, []).append(np.clip(cells, 0, np.array(grid.shape) - 1))
    return {name: np.concatenate(cells) for name, cells in found.items()}


def beside_maven(
    place: Path, ensemble: Ensemble, result: BlocksResult, pieces: dict[str, NDArray[np.int64]]
) -> None:
    """Compare the density of each protein, and each block, in each volume with MAVEn's table."""
    table = (place / "03_occupancies" / "occupancies_expected.csv").read_text().splitlines()
    names = table[1].split(",")[1:]
    rows = {line.split(",")[0]: np.array(line.split(",")[1:], float) for line in table[2:]}
    thresholds = result.occupied.thresholds
    ours = np.zeros((len(ensemble), len(names)))
    inside = [
        read_map(place / "02_masks" / "00_expected" / f"Mask_prots1_chain{c}.mrc.gz").data > 0.5
        for c in names
    ]
    for i in range(len(ensemble)):
        density = thresholds.calibrated(ensemble.read(i), i)
        ours[i] = [density[mask].mean() for mask in inside]
    theirs = np.array([rows[str(int(name.removeprefix("vol_")))] for name in ensemble.names])
    each = [np.corrcoef(ours[:, c], theirs[:, c])[0, 1] for c in range(len(names))]
    print(
        f"\nmean calibrated density in MAVEn's masks beside its table ({theirs.shape[0]} volumes x "
        f"{theirs.shape[1]} proteins): correlation over volumes, median {np.median(each):.3f}, "
        f"least {min(each):.3f} (chain {names[int(np.argmin(each))]})"
    )
    for k, block in enumerate(result.blocks):
        mask = result.mask(k).data > 0
        within = [
            (c, np.corrcoef(result.tracking.occupancy[:, k], theirs[:, c])[0, 1])
            for c, name in enumerate(names)
            if mask[tuple(pieces[f"chain {name.upper()}"].T)].mean() >= 0.5
        ]
        if within:
            chains_of = ", ".join(f"{names[c].upper()} {r:.3f}" for c, r in within)
            print(f"occupancy of {block.name} beside MAVEn's of the chains in it: {chains_of}")


def main() -> None:
    runs = {
        "found": found,
        "mixed": mixed,
        "null": null_ensembles,
        "thresholds": thresholds,
        "pairs": pairs,
        "speed": speed,
        "few": few,
    }
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=runs)
    parser.add_argument("--shared", type=Path, help="folder of real maps and models")
    parser.add_argument("--large", action="store_true", help="also 128³ x 1000")
    options = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runs[options.what](options.shared, options.large)


if __name__ == "__main__":
    main()
