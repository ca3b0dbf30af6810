"""The simulated maps by name, kind and seed, kept on disk once made.

python -m training.sets --models FOLDER --store FOLDER --split train [--processes 2]
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from occupy_core.maps import Grid
from training.direct import simulate_direct
from training.labels import Simulated
from training.molecules import TEST, TRAIN, find_model, read_molecule
from training.reconstruction import simulate_reconstruction

SIMULATORS = {"direct": simulate_direct, "reconstruction": simulate_reconstruction}


@dataclass(frozen=True)
class Sample:
    """One simulated map: model, simulator and seed."""

    model: str
    kind: str
    seed: int

    @property
    def name(self) -> str:
        """Name of its file in the store."""
        return f"{self.model}_{self.kind}_{self.seed}"


def samples(split: str) -> list[Sample]:
    """Samples of a split; the test split has one of each kind for each model."""
    if split == "test":
        return [Sample(m, k, 900) for k in ("reconstruction", "direct") for m in TEST]
    kinds = (("direct", 0), ("reconstruction", 0), ("reconstruction", 1))
    return [Sample(m, k, s) for k, s in kinds for m in TRAIN]


def make(sample: Sample, models: Path) -> Simulated | None:
    """Simulate a sample; None when the model is not in the folder."""
    path = find_model(models, sample.model)
    if path is None:
        return None
    rng = np.random.default_rng([sample.seed, *sample.model.encode()])
    voxel = float(rng.uniform(1.0, 1.5))
    molecule = read_molecule(path, float(rng.uniform(70, 105)))
    # Room for solvent, at most 128 voxels: memory and time of training on a small machine.
    n = int(np.clip(2 * round(molecule.extent * rng.uniform(1.3, 1.7) / voxel / 2), 80, 128))
    voxel = max(voxel, molecule.extent * 1.25 / n)
    simulate = SIMULATORS[sample.kind]
    return simulate(molecule, Grid.cubic(n, voxel), sample.seed)


def save(sample: Simulated, path: Path) -> None:
    """Keep a simulated map; its halves are rounded to half precision."""
    scale = 1 / sample.average.std()
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    with partial.open("wb") as stream:
        np.savez_compressed(
            stream,
            half1=(sample.halves[0] * scale).astype(np.float16),
            half2=(sample.halves[1] * scale).astype(np.float16),
            ref143=sample.reference[0.143].astype(np.float16),
            ref5=sample.reference[0.5].astype(np.float16),
            mask=sample.mask,
            surface=sample.surface,
            voxel_size=sample.grid.voxel_size[0],
            overall=[sample.overall[0.143], sample.overall[0.5]],
        )
    partial.replace(path)


def load(path: Path) -> Simulated:
    """Read a map kept by `save`."""
    with np.load(path) as stored:
        grid = Grid.cubic(len(stored["mask"]), float(stored["voxel_size"]))
        halves = (stored["half1"].astype(np.float32), stored["half2"].astype(np.float32))
        reference = {
            0.143: stored["ref143"].astype(np.float32),
            0.5: stored["ref5"].astype(np.float32),
        }
        overall = dict(zip((0.143, 0.5), map(float, stored["overall"]), strict=True))
        return Simulated(
            name=path.stem,
            grid=grid,
            halves=halves,
            reference=reference,
            mask=stored["mask"],
            surface=stored["surface"],
            overall=overall,
        )


def stored(sample: Sample, models: Path, store: Path) -> Simulated | None:
    """Return a sample from the store, made first when it is not there."""
    path = store / f"{sample.name}.npz"
    if not path.exists():
        made = make(sample, models)
        if made is None:
            return None
        store.mkdir(parents=True, exist_ok=True)
        save(made, path)
    return load(path)


def _ensure(sample: Sample, models: Path, store: Path) -> str:
    return sample.name if stored(sample, models, store) is not None else f"{sample.name}: no model"


def fill(split: str, models: Path, store: Path, processes: int) -> None:
    """Make all samples of a split that are not in the store."""
    wanted = samples(split)
    with ProcessPoolExecutor(processes) as pool:
        for name in pool.map(_ensure, wanted, [models] * len(wanted), [store] * len(wanted)):
            print(name, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--split", choices=("train", "test"), required=True)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    fill(given.split, given.models, given.store, given.processes)
