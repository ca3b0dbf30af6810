"""Ensembles of volumes whose blocks are known: the truth for tests and for benchmarks/blocks.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import mrcfile
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


@dataclass(frozen=True)
class KnownEnsemble:
    """Volumes as sums of bodies that are there or not, a core that always is, motion and noise.

    Parameters
    ----------
    bodies : ndarray of float32, shape (K, z, y, x)
        Density of each block, full level 1.
    presence : ndarray of bool, shape (N, K)
        Which block is in which volume.
    core : ndarray of float32, shape (z, y, x)
        Density that is in every volume.
    moving : ndarray of float32, shape (z, y, x), or None
        Body that slides along x, in every volume.
    shifts : ndarray, shape (N,)
        Its shift in each volume, voxels.
    noise, correlation : float
        Standard deviation of the noise and sigma of its Gaussian correlation, voxels.
    grey, offset : ndarray, shape (N,)
        Factor and offset of the grey values of each volume.
    seed : int
    voxel_size : float
        Å.
    """

    bodies: NDArray[np.float32]
    presence: NDArray[np.bool_]
    core: NDArray[np.float32]
    noise: float
    seed: int
    correlation: float = 0.0
    moving: NDArray[np.float32] | None = None
    shifts: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    grey: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    offset: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    voxel_size: float = 4.0

    def __len__(self) -> int:
        return len(self.presence)

    @property
    def truth(self) -> NDArray[np.bool_]:
        """Where each body is above half of its full level, shape (K, z, y, x)."""
        return self.bodies > 0.5

    def volume(self, index: int) -> NDArray[np.float32]:
        """Return one volume; it depends on the seed and its index only."""
        rng = np.random.default_rng([self.seed, index])
        data = self.core + np.tensordot(
            self.presence[index].astype(np.float32), self.bodies, axes=1
        )
        if self.moving is not None:
            data = data + ndimage.shift(self.moving, (0, 0, self.shifts[index]), order=1)
        noise = rng.standard_normal(data.shape, dtype=np.float32)
        if self.correlation:
            noise = ndimage.gaussian_filter(noise, self.correlation, mode="wrap")
            noise /= noise.std()
        data = data + self.noise * noise
        if len(self.grey):
            data = data * self.grey[index] + self.offset[index]
        return data.astype(np.float32)

    def write(self, folder: Path) -> list[Path]:
        """Write vol_1.mrc ... vol_N.mrc (no leading zeros: the order must be natural)."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for index in range(len(self)):
            path = folder / f"vol_{index + 1}.mrc"
            with mrcfile.new(path, self.volume(index), overwrite=True) as mrc:
                mrc.voxel_size = self.voxel_size
            paths.append(path)
        return paths


def presences(
    n_volumes: int,
    n_blocks: int,
    rng: np.random.Generator,
    *,
    probability: tuple[float, float] = (0.3, 0.7),
    agreeing: float | None = 0.9,
    exclusive: bool = True,
    implied: bool = False,
) -> NDArray[np.bool_]:
    """Draw which block is in which volume, shape (N, K).

    Blocks 0 and 1 agree in exactly the fraction `agreeing` of the volumes, 2 and 3 are never there
    together, 5 is there only where 4 is. The rest are independent.
    """
    presence = rng.random((n_volumes, n_blocks)) < rng.uniform(*probability, n_blocks)
    if agreeing is not None and n_blocks > 1:
        differ = rng.permutation(n_volumes)[: round((1 - agreeing) * n_volumes)]
        presence[:, 1] = presence[:, 0]
        presence[differ, 1] ^= True
    if exclusive and n_blocks > 3:
        presence[:, 3] &= ~presence[:, 2]
        short = rng.random(n_volumes) < probability[0] / max(1 - presence[:, 2].mean(), 0.01)
        presence[:, 3] |= short & ~presence[:, 2]
    if implied and n_blocks > 5:
        presence[:, 5] &= presence[:, 4]
    return presence


def ellipsoid(
    shape: tuple[int, int, int],
    centre: NDArray[np.float64],
    radii: NDArray[np.float64],
    softness: float = 0.0,
) -> NDArray[np.float32]:
    """Return a body of level 1 whose edge falls over about `softness` voxels (0: a sharp edge)."""
    z, y, x = np.ogrid[tuple(slice(n) for n in shape)]
    scaled = [(g - c) / r for g, c, r in zip((z, y, x), centre, radii, strict=True)]
    distance = (np.sqrt(sum(s**2 for s in scaled)) - 1) * radii.mean()  # about voxels outside
    if softness == 0:
        return (distance <= 0).astype(np.float32)
    return (0.5 * (1 - np.tanh(distance / softness))).astype(np.float32)


def ellipsoids(
    n: int | tuple[int, int, int],
    n_volumes: int,
    *,
    n_blocks: int = 6,
    seed: int = 0,
    noise: float = 0.3,
    softness: float = 0.7,
    size: tuple[float, float] = (0.09, 0.14),
    gap: float = 0.5,
    core: bool = True,
    motion: bool = False,
    grey: bool = False,
    correlation: float = 0.0,
    **drawn: object,
) -> KnownEnsemble:
    """Make an ensemble of ellipsoidal blocks around a core.

    Parameters
    ----------
    size : tuple of float
        Range of the half axes as fractions of the shortest edge of the box.
    gap : float
        Least distance between the edges of two bodies, voxels.
    motion : bool
        Add a body that slides continuously by up to its own diameter.
    grey : bool
        Give every volume its own grey scale and offset.
    **drawn
        Passed to `presences`.
    """
    shape = (n, n, n) if isinstance(n, int) else n
    rng = np.random.default_rng(seed)
    edge = min(shape)
    middle = (np.array(shape) - 1) / 2
    placed: list[tuple[NDArray[np.float64], float]] = []
    bodies = []
    core_map = np.zeros(shape, np.float32)
    if core:
        radii = edge * rng.uniform(0.13, 0.16, 3)
        core_map = ellipsoid(shape, middle, radii, softness)
        placed.append((middle, float(radii.max())))
    wanted = n_blocks + int(motion)
    tries = 0
    while len(bodies) < wanted:
        shrink = 0.97 ** (tries // 200)  # a crowded box gets smaller bodies
        radii = edge * rng.uniform(*size, 3) * shrink
        reach = float(radii.max())
        slide = reach if motion and len(bodies) == n_blocks else 0.0
        centre = rng.uniform(reach + slide + 1, np.array(shape) - reach - slide - 2)
        tries += 1
        if any(np.linalg.norm(centre - c) < reach + r + slide + gap for c, r in placed):
            continue
        placed.append((centre, reach + slide))
        bodies.append(ellipsoid(shape, centre, radii, softness))
    presence = presences(n_volumes, n_blocks, rng, **drawn)  # type: ignore[arg-type]
    return KnownEnsemble(
        bodies=np.array(bodies[:n_blocks], np.float32).reshape(n_blocks, *shape),
        presence=presence,
        core=core_map,
        noise=noise,
        seed=seed,
        correlation=correlation,
        moving=bodies[n_blocks] if motion else None,
        shifts=edge * size[1] * rng.uniform(-1, 1, n_volumes) if motion else np.zeros(0),
        grey=rng.uniform(0.2, 5, n_volumes) if grey else np.zeros(0),
        offset=rng.uniform(-1, 1, n_volumes) if grey else np.zeros(0),
    )


def null(n: int, n_volumes: int, *, rigid: bool, seed: int, noise: float = 0.3, **kind: float):
    """Make an ensemble without blocks: noise alone, or one rigid body in noise."""
    return ellipsoids(
        n,
        n_volumes,
        n_blocks=0,
        core=rigid,
        seed=seed,
        noise=noise,
        **kind,  # type: ignore[arg-type]
    )


def chains(
    model: Path,
    n: int,
    n_volumes: int,
    *,
    n_blocks: int = 6,
    seed: int = 0,
    noise: float = 0.3,
    resolution: float = 10.0,
    **drawn: object,
) -> KnownEnsemble:
    """Make an ensemble whose blocks are chains of an atomic model; the other chains are the core.

    Each atom is a Gaussian blurred to `resolution` Å; the level of a body is set so that its
    99th percentile inside is 1. The box is filled to 80 % by the longest edge of the model.
    """
    import gemmi

    rng = np.random.default_rng(seed)
    structure = gemmi.read_structure(str(model))
    atoms = [
        (chain.name, np.array([a.pos.tolist() for r in chain for a in r if a.element.name != "H"]))
        for chain in structure[0]
    ]
    atoms = [(name, xyz) for name, xyz in atoms if len(xyz) > 300]
    everything = np.concatenate([xyz for _, xyz in atoms])
    low, high = everything.min(0), everything.max(0)
    voxel = float((high - low).max()) / (0.8 * n)
    corner = (low + high) / 2 - n * voxel / 2
    densities = []
    for _, xyz in atoms:
        index = (xyz - corner) / voxel
        counts, _ = np.histogramdd(index[:, ::-1], bins=[np.arange(n + 1) - 0.5] * 3)
        densities.append(ndimage.gaussian_filter(counts, 0.225 * resolution / voxel))
    n_blocks = min(n_blocks, len(atoms))
    chosen = rng.permutation(len(atoms))[:n_blocks]
    level = np.percentile(np.sum(densities, 0)[np.sum(densities, 0) > 0.05], 90)
    bodies = np.array([densities[k] / level for k in chosen], np.float32)
    rest = [d / level for k, d in enumerate(densities) if k not in chosen]
    return KnownEnsemble(
        bodies=bodies,
        presence=presences(n_volumes, n_blocks, rng, **drawn),  # type: ignore[arg-type]
        core=np.sum(rest, 0, dtype=np.float32) if rest else np.zeros((n, n, n), np.float32),
        noise=noise,
        seed=seed,
        voxel_size=voxel,
    )


def jaccard_matrix(truth: NDArray[np.bool_], found: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return intersection over union of each true with each found mask, shape (K, M)."""
    a = truth.reshape(len(truth), -1).astype(np.float32)
    b = found.reshape(len(found), -1).astype(np.float32)
    common = a @ b.T
    union = a.sum(1)[:, None] + b.sum(1)[None, :] - common
    return common / np.maximum(union, 1)


def matched_jaccards(truth: NDArray[np.bool_], found: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Match true and found masks one to one; return the Jaccard of each true one (0: missed)."""
    from scipy.optimize import linear_sum_assignment

    best = np.zeros(len(truth))
    if len(found):
        matrix = jaccard_matrix(truth, found)
        rows, columns = linear_sum_assignment(-matrix)
        best[rows] = matrix[rows, columns]
    return best
