"""What the checks of pixel size and hand say of simulated maps, right ones and wrong ones.

    python -m benchmarks.false_alarms --models MODELS [--only NAME ...]

A map of each model in a folder is made with noise, at the resolution of two and a half voxels. It
is compared with its model as it is, with every second chain taken out of the map, with blurred
edges, with a header that is 4 % off, and flipped. The first three must give no word.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import gemmi
import numpy as np
from scipy import ndimage

from benchmarks.simulate_occupancy import Complex, add_noise, place
from occupy_core.errors import OccupyError
from occupy_core.maps.grid import Array, DensityMap
from occupy_core.regions.by_model.atoms import read_model
from occupy_core.regions.by_model.size_and_hand import size_and_hand_doubts

_EDGE = 56.0  # [layout] voxels of the box, about
_FINEST, _RESOLUTION = 1.5, 2.5  # [layout] Å of a voxel at least; voxels
_NOISE = 0.1  # [layout] of the 99.9 percentile
_OFF = 1.04  # [layout] factor of a wrong header


def _density(placed: Complex, chains: list[str]) -> Array:
    """Density of some chains, by gemmi, which shares nothing with the check."""
    structure = placed.structure.clone()
    for name in set(placed.chains) - set(chains):
        structure[0].remove_chain(name)
    n, voxel = placed.grid.shape[0], placed.grid.voxel_size[0]
    structure.cell = gemmi.UnitCell(n * voxel, n * voxel, n * voxel, 90, 90, 90)
    structure.spacegroup_hm = "P 1"
    made = gemmi.DensityCalculatorE()
    made.d_min = _RESOLUTION * voxel
    made.rate = 1.25
    made.grid.set_size(n, n, n)
    made.grid.set_unit_cell(structure.cell)
    made.grid.spacegroup = gemmi.SpaceGroup("P 1")
    made.blur = 8 * np.pi**2 * (0.4 * _RESOLUTION * voxel) ** 2
    made.add_model_density_to_grid(structure[0])
    return np.ascontiguousarray(np.array(made.grid, np.float32).transpose(2, 1, 0))


def cases(path: Path, folder: Path) -> dict[str, list[str]]:
    """What is said of the maps of one model."""
    coarse = place(path, 10.0)
    voxel = max(_FINEST, 10.0 * coarse.grid.shape[0] / _EDGE)
    placed = place(path, voxel)
    own = folder / f"{placed.name}.cif"
    placed.structure.make_mmcif_document().write_file(str(own))
    model = read_model(own)
    own.unlink()
    full = _density(placed, placed.chains)
    part = _density(placed, placed.chains[::2])
    made = {
        name: add_noise(data, placed.grid, _RESOLUTION * voxel, _NOISE, seed)
        for seed, (name, data) in enumerate((("right", full), ("chains missing", part)))
    }
    right = made["right"]
    made["blurred"] = right.with_data(ndimage.gaussian_filter(right.data, 1.0))
    size = tuple(_OFF * v for v in right.grid.voxel_size)
    off = replace(right.grid, voxel_size=(size[0], size[1], size[2]))
    made["4 % off"] = DensityMap(right.data, off, right.name)
    made["flipped"] = right.with_data(np.ascontiguousarray(right.data[::-1]))
    return {name: size_and_hand_doubts(density, model) for name, density in made.items()}


def main() -> None:
    """Print a line for each model: what is said of its maps."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=())
    asked = parser.parse_args()
    counts: dict[str, int] = {}
    n_models = 0
    for path in sorted(asked.models.glob("*.gz")):
        if asked.only and path.name.split(".")[0] not in asked.only:
            continue
        try:
            with tempfile.TemporaryDirectory() as folder:
                found = cases(path, Path(folder))
        except (OccupyError, RuntimeError, ValueError) as error:
            print(f"{path.name}: left out, {error}", flush=True)
            continue
        n_models += 1
        for name, said in found.items():
            counts[name] = counts.get(name, 0) + bool(said)
        words = {name: said[0] for name, said in found.items() if said}
        print(f"{path.name}: {', '.join(words) or 'no word'}", flush=True)
        for name in ("right", "chains missing", "blurred"):
            if name in words:
                print(f"  FALSE: {words[name]}", flush=True)
    for name, count in counts.items():
        print(f"| {name} | {count} of {n_models} told |")


if __name__ == "__main__":
    main()
