"""Blocks of ensembles that are less clear: partial occupancy, backgrounds, few volumes, motion.

    python -m benchmarks.blocks_harder

Each row is five ensembles, of ellipsoids around a core in a box of 40 x 36 x 38; two of the five
blocks agree in 90 % of the volumes and two exclude each other, but for the rows of few volumes.
The last rows have no block.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.ensembles import ellipsoids, matched_jaccards
from occupy_core.blocks.find import find_blocks
from occupy_core.maps import DensityMap, Grid
from occupy_core.maps.ensemble import Ensemble

SHAPE = (40, 36, 38)
SEEDS = 5
Array = NDArray[np.float64]


@dataclass
class Case:
    """Volumes, where the blocks are (K, z, y, x), and how much of each is in which (N, K)."""

    volumes: list[Array]
    truth: NDArray[np.bool_]
    occupancies: Array


def known(seed: int, n: int, **options: object) -> tuple[Array, Array, Array]:
    """Return the core, the blocks and their presences."""
    drawn = ellipsoids(SHAPE, n, n_blocks=5, seed=seed, softness=0.9, **options)
    return drawn.core, drawn.bodies, drawn.presence.astype(np.float64)


def noise(rng: np.random.Generator, correlation: float) -> Array:
    values = rng.standard_normal(SHAPE)
    if correlation:
        values = ndimage.gaussian_filter(values, correlation, mode="wrap")
    return values / values.std()


def grey(rng: np.random.Generator, volume: Array) -> Array:
    return volume * rng.uniform(0.3, 3) + rng.uniform(-1, 1)


def partial(seed: int) -> Case:
    """One block is there by none, half or all, and one by any part."""
    rng = np.random.default_rng([1, seed])
    core, bodies, occupancies = known(seed, 200)
    occupancies[:, 3] = rng.choice([0.0, 0.5, 1.0], 200)
    occupancies[:, 4] = rng.random(200)
    volumes = [
        grey(rng, core + np.tensordot(row, bodies, axes=1) + 0.2 * noise(rng, 0.7))
        for row in occupancies
    ]
    return Case(volumes, bodies > 0.5, occupancies)


def background(amplitude: float) -> Callable[[int], Case]:
    """No noise, but four smooth fields of random weights, as in the volumes of a decoder."""

    def make(seed: int) -> Case:
        rng = np.random.default_rng([2, seed])
        core, bodies, occupancies = known(seed, 200)
        fields = rng.standard_normal((4, *SHAPE))
        fields = ndimage.gaussian_filter(fields, (0, 4, 4, 4), mode="wrap")
        fields *= amplitude / 2 / fields.std()
        volumes = [
            grey(rng, core + np.tensordot(row, bodies, axes=1) + np.tensordot(w, fields, axes=1))
            for row, w in zip(occupancies, rng.standard_normal((200, 4)), strict=True)
        ]
        return Case(volumes, bodies > 0.5, occupancies)

    return make


def classes(n: int) -> Callable[[int], Case]:
    """Correlated noise of 0.05 to 0.6, each volume its own, as in averages of classes."""

    def make(seed: int) -> Case:
        rng = np.random.default_rng([3, seed])
        core, bodies, occupancies = known(seed, n)
        volumes = [
            grey(
                rng,
                core
                + np.tensordot(row, bodies, axes=1)
                + 0.05 * 12 ** rng.random() * noise(rng, 0.7),
            )
            for row in occupancies
        ]
        return Case(volumes, bodies > 0.5, occupancies)

    return make


def few(n: int) -> Callable[[int], Case]:
    def make(seed: int) -> Case:
        rng = np.random.default_rng([4, seed])
        options = {"agreeing": None, "exclusive": False, "probability": (0.4, 0.6)}
        core, bodies, occupancies = known(seed, n, **options)
        volumes = [
            grey(rng, core + np.tensordot(row, bodies, axes=1) + 0.2 * noise(rng, 0))
            for row in occupancies
        ]
        return Case(volumes, bodies > 0.5, occupancies)

    return make


def rigid(change: Callable[[Array, np.random.Generator], Array], sigma: float) -> Callable:
    """One lumpy body that is changed in each volume, and noise."""

    def make(seed: int) -> Case:
        rng = np.random.default_rng([5, seed])
        lumps = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 1.5)
        half = np.array(SHAPE) / 2 - 0.5
        distance = np.sqrt(
            sum(((g - c) / (0.56 * c)) ** 2 for g, c in zip(np.indices(SHAPE), half, strict=True))
        )
        body = (1 + 0.3 * lumps / lumps.std()) / (1 + np.exp(8 * (distance - 1)))
        volumes = [
            grey(rng, change(body, rng) + sigma * noise(rng, 1.0 if sigma > 0.1 else 0))
            for _ in range(150)
        ]
        return Case(volumes, np.zeros((0, *SHAPE), np.bool_), np.zeros((150, 0)))

    return make


def blurred(body: Array, rng: np.random.Generator) -> Array:
    return ndimage.gaussian_filter(body, rng.uniform(0, 1.5))


def noisier(body: Array, rng: np.random.Generator) -> Array:
    return body + 0.03 * 25 ** rng.random() * noise(rng, 1.0)


def turned(body: Array, rng: np.random.Generator) -> Array:
    return ndimage.rotate(body, rng.uniform(-6, 6), reshape=False, order=1)


def bent(body: Array, rng: np.random.Generator) -> Array:
    z, y, x = np.indices(SHAPE).astype(np.float64)
    x += 12 * rng.uniform(-1, 1) * ((z + 0.5) / SHAPE[0] - 0.5) ** 2
    return ndimage.map_coordinates(body, [z, y, x], order=1)


def cases() -> Iterator[tuple[str, Callable[[int], Case]]]:
    yield "200 volumes, partial occupancies, noise 0.2", partial
    for amplitude in (0.05, 0.1, 0.15):
        yield f"200 volumes, smooth background of {amplitude}", background(amplitude)
    for n in (60, 200):
        yield f"{n} volumes, noise of 0.05 to 0.6", classes(n)
    for n in (12, 15, 20, 50):
        yield f"{n} volumes, noise 0.2", few(n)
    for label, change, sigma in (
        ("blurred by 0 to 1.5 voxels", blurred, 0.05),
        ("in noise of 0.03 to 0.75", noisier, 0.0),
        ("in noise of 0.3 to 0.8", noisier, 0.3),
        ("turned by up to 6°", turned, 0.1),
        ("bent by up to 3 voxels", bent, 0.1),
    ):
        yield f"150 volumes, rigid body {label}", rigid(change, sigma)


def main() -> None:
    print("| ensemble | blocks found | mean Jaccard | error of occupancies | others | gradual |")
    print("|---|---|---|---|---|---|")
    for label, make in cases():
        jaccards: list[float] = []
        errors: list[float] = []
        extra = gradual = 0
        for seed in range(SEEDS):
            case = make(seed)
            grid = Grid(SHAPE, (4.0,) * 3)
            maps = [
                DensityMap(v.astype(np.float32), grid, f"v{i}") for i, v in enumerate(case.volumes)
            ]
            result = find_blocks(Ensemble(maps))
            masks = [result.mask(k).data > 0 for k in range(len(result.blocks))]
            found = np.array(masks, np.bool_).reshape(len(masks), *SHAPE)
            if len(case.truth):
                jaccards += list(matched_jaccards(case.truth, found))
            for k, body in enumerate(case.truth if len(found) else ()):
                overlap = matched_jaccards(found, body[None])
                place = int(np.argmax(overlap))
                if overlap[place] > 0.5:
                    values = np.clip(result.tracking.occupancy[:, place], 0, 1)
                    errors.append(float(np.abs(values - case.occupancies[:, k]).mean()))
            both = len(found) and len(case.truth)
            wrong = matched_jaccards(found, case.truth) <= 0.5 if both else np.ones(len(found))
            extra += int(wrong.sum())
            named = zip(result.blocks, wrong, strict=True)
            gradual += sum(block.name in result.gradual for block, no in named if no)
        right = int(np.count_nonzero(np.array(jaccards) > 0.5))
        figures = (
            f"{right} of {len(jaccards)} | {np.mean(jaccards):.3f} | {np.mean(errors):.3f}"
            if jaccards
            else "- | - | -"
        )
        print(f"| {label} | {figures} | {extra} | {gradual} |", flush=True)


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main()
