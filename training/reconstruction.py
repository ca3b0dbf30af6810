"""Simulator two: half maps reconstructed from noisy projections of a moving molecule.

Images are central sections of the transform of one of several conformers, multiplied by the
contrast transfer function, with white noise; they are put back at a slightly wrong orientation
and shift, and divided by the summed CTF². Signal and noise run through it side by side (the
reconstruction is linear), so what is signal in the result is known.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import fft
from scipy.spatial.transform import Rotation

from occupy_core.maps import Array, Grid
from training.labels import CORE, SURFACE, Simulated, label
from training.molecules import Molecule
from training.signals import blur_field, density_of, molecular_mask

Complex = NDArray[np.complex64]

_CONFORMERS = 5
_SPHERICAL = 2.7e7  # Å (2.7 mm)
_WAVELENGTH = 0.0197  # Å, 300 kV
_AMPLITUDE = 0.1


@njit(cache=True)
def _insert(data, where, value, noise, weight, sums):
    """Share a value among the eight coefficients about a place of the half transform x >= 0."""
    n = data
    x, y, z = where
    if x < 0:
        x, y, z = -x, -y, -z
        value, noise = np.conj(value), np.conj(noise)
    ix, iy, iz = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    for corner in range(8):
        dx, dy, dz = corner & 1, (corner >> 1) & 1, corner >> 2
        share = abs(1 - dx - (x - ix)) * abs(1 - dy - (y - iy)) * abs(1 - dz - (z - iz))
        if ix + dx <= n // 2:
            sums[0][(iz + dz) % n, (iy + dy) % n, ix + dx] += share * weight * value
            sums[1][(iz + dz) % n, (iy + dy) % n, ix + dx] += share * weight * noise
            sums[2][(iz + dz) % n, (iy + dy) % n, ix + dx] += share * weight * weight


@njit(cache=True)
def _section(volume, where):
    """Value of a half transform at a place (linear between coefficients)."""
    n = volume.shape[0]
    x, y, z = where
    flip = x < 0
    if flip:
        x, y, z = -x, -y, -z
    ix, iy, iz = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    total = np.complex64(0)
    for corner in range(8):
        dx, dy, dz = corner & 1, (corner >> 1) & 1, corner >> 2
        share = abs(1 - dx - (x - ix)) * abs(1 - dy - (y - iy)) * abs(1 - dz - (z - iz))
        if ix + dx <= n // 2:
            total += np.float32(share) * volume[(iz + dz) % n, (iy + dy) % n, ix + dx]
    return np.conj(total) if flip else total


@njit(cache=True)
def _reconstruct(volumes, pick, true, used, shift, defocus, optics, seed, sums):
    """Project and put back every image; `sums` are signal, noise and CTF² of one half map."""
    np.random.seed(seed)  # noqa: NPY002, of numba, whose state is its own
    edge, spherical, wavelength, amplitude = optics
    n = volumes.shape[1]
    reach = n // 2 - 1
    root = np.sqrt(0.5)
    for i in range(len(pick)):
        for v in range(-reach, reach + 1):
            for u in range(0, reach + 1):
                r2 = u * u + v * v
                if r2 > reach * reach or (u == 0 and v < 0):
                    continue
                s2 = r2 / (edge * edge)
                phase = (
                    np.pi
                    * wavelength
                    * s2
                    * (defocus[i] - 0.5 * spherical * wavelength * wavelength * s2)
                )
                ctf = np.sin(phase + amplitude)
                at = (
                    true[i, 0, 0] * u + true[i, 0, 1] * v,
                    true[i, 1, 0] * u + true[i, 1, 1] * v,
                    true[i, 2, 0] * u + true[i, 2, 1] * v,
                )
                back = (
                    used[i, 0, 0] * u + used[i, 0, 1] * v,
                    used[i, 1, 0] * u + used[i, 1, 1] * v,
                    used[i, 2, 0] * u + used[i, 2, 1] * v,
                )
                angle = 2 * np.pi * (u * shift[i, 0] + v * shift[i, 1]) / edge
                moved = np.complex64(complex(np.cos(angle), np.sin(angle)))
                value = ctf * _section(volumes[pick[i]], at) * moved
                noise = np.complex64(complex(np.random.normal() * root, np.random.normal() * root))  # noqa: NPY002
                _insert(n, back, value, noise, ctf, sums)


def _half_map(sums: tuple[Complex, Complex, Array], n: int) -> tuple[Array, Array]:
    """Signal and noise in real space: divided by CTF² and by the window of the interpolation."""
    weight = sums[2] + np.float32(0.02) * sums[2].mean()
    # Coefficients are about the middle of the box: shift the phases back.
    signs = (-1.0) ** (np.arange(n)[:, None, None] + np.arange(n)[:, None] + np.arange(n // 2 + 1))
    x = (np.arange(n) - n // 2) / n
    window = np.sinc(x) ** 2
    window = np.maximum(window[:, None, None] * window[:, None] * window, 0.2)
    signal, noise = (
        (fft.irfftn(s / weight * signs, (n, n, n)) / window).astype(np.float32) for s in sums[:2]
    )
    return signal, noise


def conformers(
    molecule: Molecule, rng: np.random.Generator
) -> tuple[NDArray[np.float64], tuple[NDArray[np.float64], ...]]:
    """B-factors of the atoms, and their shifts (atoms, 3) as a part is bent about a hinge."""
    b_factor = np.clip(blur_field(molecule, rng) * rng.uniform(0.2, 0.6), 20, 999)
    axis = rng.normal(size=3)
    axis /= np.linalg.norm(axis)
    along = molecule.positions @ axis
    hinge = np.quantile(along, rng.uniform(0.3, 0.7))
    turn = np.cross(axis, rng.normal(size=3))
    turn /= np.linalg.norm(turn)
    arm = np.clip((along - hinge) / max(np.ptp(along) / 2, 1), 0, 1)
    amplitude = np.deg2rad(rng.uniform(0, 7))
    pivot = axis * hinge
    shifts = []
    for state in np.linspace(-1, 1, _CONFORMERS):
        rotations = Rotation.from_rotvec((state * amplitude * arm)[:, None] * turn)
        shifts.append(rotations.apply(molecule.positions - pivot) + pivot - molecule.positions)
    return b_factor, tuple(shifts)


def _transforms(
    molecule: Molecule,
    grid: Grid,
    b_factor: NDArray[np.float64],
    shifts: tuple[NDArray[np.float64], ...],
) -> Complex:
    """Transforms of the conformers, phases about the middle of the box."""
    n = grid.shape[0]
    signs = (-1.0) ** (np.arange(n)[:, None, None] + np.arange(n)[:, None] + np.arange(n // 2 + 1))
    volumes = [fft.rfftn(density_of(molecule, grid, b_factor, s)) * signs for s in shifts]
    result = np.array(volumes, dtype=np.complex64)
    return result / np.abs(result[:, 3:6, 3:6, 3:6]).mean()


def simulate_reconstruction(
    molecule: Molecule, grid: Grid, seed: int, *, images: int = 3000
) -> Simulated:
    """Half maps of a cubic, even box, each from half of the images.

    Parameters
    ----------
    molecule : Molecule
    grid : Grid
    seed : int
    images : int
        Number of images of both halves.
    """
    rng = np.random.default_rng([seed, 2])
    n = grid.shape[0]
    edge = grid.box[0]
    b_factor, bent = conformers(molecule, rng)
    volumes = _transforms(molecule, grid, b_factor, bent)
    count = images // 2
    angular, shifts = np.deg2rad(rng.uniform(0.3, 1.5)), rng.uniform(0.1, 0.6)
    preferred = rng.uniform(0, 0.6)
    signals, noises = [], []
    for half in range(2):
        true = Rotation.random(count, random_state=int(rng.integers(2**31)))
        liked = rng.random(count) < preferred  # views crowd about one axis and its equator
        tilt = Rotation.from_euler(
            "ZYZ",
            np.stack([rng.uniform(0, 2 * np.pi, count), rng.normal(0, 0.5, count),
                      rng.uniform(0, 2 * np.pi, count)], axis=1),
        )  # fmt: skip
        matrices = np.where(liked[:, None, None], tilt.as_matrix(), true.as_matrix())
        error = Rotation.from_rotvec(rng.normal(0, angular, (count, 3))).as_matrix()
        shape = (n, n, n // 2 + 1)
        sums = (
            np.zeros(shape, np.complex64),
            np.zeros(shape, np.complex64),
            np.zeros(shape, np.float32),
        )
        _reconstruct(
            volumes, rng.integers(_CONFORMERS, size=count), matrices, matrices @ error,
            rng.normal(0, shifts, (count, 2)), rng.uniform(8e3, 25e3, count),
            (edge, _SPHERICAL, _WAVELENGTH, _AMPLITUDE), int(rng.integers(2**31)) + half, sums,
        )  # fmt: skip
        signal, noise = _half_map(sums, n)
        signals.append(signal)
        noises.append(noise)
    target = rng.uniform(max(2.4 * grid.voxel_size[0], 2.9), 6.0)
    level = _noise_level(signals, noises, grid, 1 / target)
    scaled = (level * noises[0], level * noises[1])
    halves = (signals[0] + scaled[0], signals[1] + scaled[1])
    masks = molecular_mask(molecule, grid, CORE), molecular_mask(molecule, grid, SURFACE, bent)
    return label(molecule.name, grid, (signals[0], signals[1]), scaled, halves, masks)


def _noise_level(
    signals: list[Array], noises: list[Array], grid: Grid, target: float
) -> np.float32:
    """Factor of the noise that brings the FSC of the molecule to 0.143 at a frequency."""
    n = grid.shape[0]
    f = np.fft.fftfreq(n, grid.voxel_size[0])
    radius = np.sqrt(f[:, None, None] ** 2 + f[:, None] ** 2 + f[: n // 2 + 1] ** 2)
    ring = np.abs(radius - target) < 0.015
    a, b = (fft.rfftn(s)[ring] for s in signals)
    common = np.abs(np.sum(a * np.conj(b)))
    noise = np.sum(np.abs(fft.rfftn(noises[0])[ring]) ** 2)
    return np.float32(np.sqrt(common / noise * (1 - 0.143) / 0.143))
