"""Fourier filters of maps: low-pass, resampling, radial power and noise of a given spectrum.

Frequencies are physical, |k| in 1/Å, so every box works: odd, non-cubic, anisotropic voxels.
Transforms are real and single precision, taken axis by axis on slabs of planes: only the
frequencies that the next step needs are kept, and nothing of the size of the map is made but the
result. Each slab is transformed by one thread (see `occupy_core.maps.threads`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from occupy_core.errors import ParameterError
from occupy_core.maps.grid import Array, DensityMap, Grid, Mask
from occupy_core.maps.kept import is_keeping, kept
from occupy_core.maps.threads import for_slabs

Values = NDArray[np.float64]
Spectrum = NDArray[np.complex64]
_SLABS = 16  # [machine] a fixed number, so that sums do not depend on the number of threads
_VOXELS_AT_ONCE = 2**18  # [machine] transformed in one call: what the cache of a core holds


def lowpass(density: DensityMap, resolution: float) -> DensityMap:
    """Remove all frequencies above 1/resolution.

    Parameters
    ----------
    density : DensityMap
        Map of any box.
    resolution : float
        Cut-off in Å. The cut is sharp: |k| <= 1/resolution stays as it is.

    Returns
    -------
    DensityMap
        On the same grid; `density` itself when the cut-off is at most two voxels (Nyquist).

    Raises
    ------
    ParameterError
        When the resolution is not positive.
    """
    grid = density.grid
    if not resolution > 0:
        raise ParameterError(f"The low-pass cut-off is {resolution} Å but must be positive.")
    if resolution <= 2 * min(grid.voxel_size):
        return density
    fz, fy, fx = frequencies(grid)
    return keep_band(density, fz**2, fy[:, None] ** 2 + fx**2, 1 / resolution**2)


def keep_band(density: DensityMap, depth: Values, plane: Values, limit: float) -> DensityMap:
    """Remove all frequencies but those with depth[k_z] + plane[k_y, k_x] <= limit.

    Parameters
    ----------
    density : DensityMap
        Map of any box.
    depth : ndarray of float64, shape (z,)
        For each frequency along z, in the order of the FFT; inf where none is kept.
    plane : ndarray of float64, shape (y, x // 2 + 1)
        For each frequency along y and x of a real transform; inf where none is kept.
    limit : float

    Returns
    -------
    DensityMap
        On the same grid. Where only one of the frequencies k and -k with k_x = 0 is inside, half
        of that coefficient stays, as in any inverse real transform.

    Notes
    -----
    After the transform along x only the columns of the band are transformed along y, and so on:
    at 8 Å and 1.2 Å/voxel about a third of the work of the full pair of transforms remains.
    """
    nz, ny, nx = density.grid.shape
    inside = plane + depth.min() <= limit
    rows = np.flatnonzero(inside.any(axis=1))
    columns = 1 + int(np.flatnonzero(inside.any(axis=0)).max(initial=0))
    within = plane[rows, :columns]
    band = np.empty((nz, len(rows), columns), np.complex64)
    result = np.empty(density.grid.shape, np.float32)
    planes = max(1, _VOXELS_AT_ONCE // (ny * nx))

    def forward(first: int, last: int) -> None:
        for i, j in _steps(first, last, planes):
            along_x = fft.rfft(density.data[i:j], axis=2)[:, :, :columns]
            band[i:j] = fft.fft(along_x, axis=1)[:, rows]

    def cut(first: int, last: int) -> None:
        along_z = fft.fft(band[:, first:last], axis=0)
        along_z *= depth[:, None, None] + within[first:last] <= limit
        band[:, first:last] = fft.ifft(along_z, axis=0, overwrite_x=True)

    def backward(first: int, last: int) -> None:
        # Made once for the slab: the system would clear new pages for each call.
        along_y = np.zeros((planes, ny, columns), np.complex64)
        along_x = np.zeros((planes, ny, nx // 2 + 1), np.complex64)
        for i, j in _steps(first, last, planes):
            along_y[: j - i, rows] = band[i:j]
            along_x[: j - i, :, :columns] = fft.ifft(along_y[: j - i], axis=1)
            result[i:j] = fft.irfft(along_x[: j - i], nx, axis=2)

    for_slabs(forward, nz, _thickness(nz))
    for_slabs(cut, len(rows), _thickness(len(rows)))
    for_slabs(backward, nz, _thickness(nz))
    return density.with_data(result)


def resample(density: DensityMap, shape: tuple[int, int, int]) -> DensityMap:
    """Give the same box another number of voxels by cropping or padding its transform.

    Parameters
    ----------
    density : DensityMap
        Map of any box.
    shape : tuple of int
        Number of voxels (z, y, x) wanted, of any parity.

    Returns
    -------
    DensityMap
        Voxel 0 stays where it was and density keeps its values. Padding and then cropping back
        gives the map again.

    Notes
    -----
    One axis after the other, so that what is cropped is never transformed again. At the Nyquist
    frequency of an even axis the two halves of the coefficient are joined (crop) or parted (pad).
    """
    if density.grid.shape == tuple(shape):
        return density
    grid = density.grid.resampled(shape)  # refuses what is no shape
    data = density.data
    for axis in sorted(range(3), key=lambda a: shape[a] / density.grid.shape[a]):
        if shape[axis] != data.shape[axis]:
            data = _resample_axis(data, axis, shape[axis])
    return DensityMap(data, grid, density.name)


def radial_power(density: DensityMap, weight: Array | Mask | None = None) -> tuple[Values, Values]:
    """Spectral density of a map, averaged over shells of |k|.

    Parameters
    ----------
    density : DensityMap
        Map of any box.
    weight : ndarray of float32 or bool, shape (z, y, x), optional
        Weight of each voxel, such as a mask; the weighted mean is removed first.

    Returns
    -------
    frequency : ndarray of float64, shape (n,)
        Centres of the shells, 1/Å, rising; a shell is one voxel of the transform wide.
    power : ndarray of float64, shape (n,)
        |F(w x)|² v / sum w², F the transform and v the volume of a voxel, in density² Å³: white
        noise of variance s² has s² v everywhere, and resampling the map changes nothing.

    Raises
    ------
    ParameterError
        When all weights are zero.
    """
    grid = density.grid
    nz, ny, nx = grid.shape
    squares, mean = _weighted_mean(density.data, weight)
    fz, fy, fx = frequencies(grid)
    spectrum = np.empty((nz, ny, len(fx)), np.complex64)
    planes = max(1, _VOXELS_AT_ONCE // (ny * nx))

    def forward(first: int, last: int) -> None:
        for i, j in _steps(first, last, planes):
            block = density.data[i:j] - np.float32(mean)
            if weight is not None:
                block *= weight[i:j]
            along_x = fft.rfft(block, axis=2, norm="ortho")
            spectrum[i:j] = fft.fft(along_x, axis=1, norm="ortho", overwrite_x=True)

    per_shell = max(grid.box)
    n_shells = round(np.sqrt(np.sum([f.min() ** 2 for f in (fz, fy, -fx)])) * per_shell) + 1
    twice = _own_mirror_or(nx, 1.0, 2.0)  # for the half that a real transform leaves out
    thickness = _thickness(ny)
    sums = np.zeros((-(-ny // thickness), 2, n_shells))

    def collect(first: int, last: int) -> None:
        for i, j in _steps(first, last, max(1, _VOXELS_AT_ONCE // (nz * nx))):
            along_z = fft.fft(spectrum[:, i:j], axis=0, norm="ortho")
            power = (along_z.real**2 + along_z.imag**2) * twice
            k2 = fz[:, None, None] ** 2 + fy[i:j, None] ** 2 + fx**2
            shell = np.rint(np.sqrt(k2) * per_shell).astype(np.int64).ravel()
            counts = np.broadcast_to(twice, power.shape)
            for row, values in enumerate((power, counts)):
                sums[first // thickness, row] += np.bincount(shell, values.ravel(), n_shells)

    for_slabs(forward, nz, _thickness(nz))
    for_slabs(collect, ny, thickness)
    power, count = sums.sum(axis=0)
    kept = np.flatnonzero(count)
    scale = grid.size / squares * np.prod(grid.voxel_size)
    return kept / per_shell, power[kept] / count[kept] * scale


def coloured_noise(grid: Grid, frequency: Values, power: Values, *, seed: int) -> Array:
    """Gaussian noise with a given radial spectrum.

    Parameters
    ----------
    grid : Grid
        Where the noise is wanted.
    frequency, power : ndarray of float64, shape (n,)
        Spectral density wanted, as `radial_power` gives it; linear in between, constant outside.
    seed : int
        The same seed gives the same noise, whatever the number of threads.

    Returns
    -------
    ndarray of float32, shape (z, y, x)
        Noise of zero mean.
    """
    nz, ny, nx = grid.shape
    fz, fy, fx = frequencies(grid)
    # Half of it is real part, half imaginary; a real transform back drops half of the planes that
    # are their own mirror image.
    amplitude = np.sqrt(np.maximum(power, 0) / np.prod(grid.voxel_size) / 2)
    own_mirror = _own_mirror_or(nx, np.sqrt(2), 1.0)
    white = kept(("white noise", grid.shape, seed), lambda: _white_noise(grid.shape, seed))
    spectrum = white.copy() if is_keeping() else white
    result = np.empty(grid.shape, np.float32)

    def colour(first: int, last: int) -> None:
        for i in range(first, last):
            k = np.sqrt(fz[i] ** 2 + fy[:, None] ** 2 + fx**2)
            spectrum[i] *= np.interp(k, frequency, amplitude) * own_mirror

    def along_z(first: int, last: int) -> None:
        spectrum[:, first:last] = fft.ifft(spectrum[:, first:last], axis=0, norm="ortho")

    def backward(first: int, last: int) -> None:
        along_x = fft.ifft(spectrum[first:last], axis=1, norm="ortho")
        result[first:last] = fft.irfft(along_x, nx, axis=2, norm="ortho")

    for_slabs(colour, nz, _thickness(nz))
    spectrum[0, 0, 0] = 0
    for_slabs(along_z, ny, _thickness(ny))
    for_slabs(backward, nz, max(1, _VOXELS_AT_ONCE // (ny * nx)))
    return result


def _white_noise(shape: tuple[int, int, int], seed: int) -> Spectrum:
    """Coefficients of a real transform with real and imaginary parts of unit variance."""
    nz, ny, nx = shape
    seeds = np.random.SeedSequence(seed).spawn(nz)
    spectrum = np.empty((nz, ny, nx // 2 + 1), np.complex64)

    def draw(first: int, last: int) -> None:
        for i in range(first, last):
            numbers = np.random.default_rng(seeds[i]).standard_normal(
                (*spectrum.shape[1:], 2), dtype=np.float32
            )
            spectrum[i] = numbers.view(np.complex64)[:, :, 0]

    for_slabs(draw, nz, _thickness(nz))
    return spectrum


def _resample_axis(data: Array, axis: int, n: int) -> Array:
    """Crop or pad the transform along one axis to that of n voxels."""
    old = data.shape[axis]
    kept = min(old, n) // 2 + 1
    result = np.empty([n if a == axis else size for a, size in enumerate(data.shape)], np.float32)
    slabs = 1 if axis == 0 else 0
    planes = max(1, _VOXELS_AT_ONCE * data.shape[slabs] // data.size)

    def work(first: int, last: int) -> None:
        for i, j in _steps(first, last, planes):
            block = (slice(None),) * slabs + (slice(i, j),)
            spectrum = np.moveaxis(fft.rfft(data[block], axis=axis, norm="forward"), axis, 0)
            if n < old and n % 2 == 0:
                spectrum[kept - 1] *= 2
            elif n > old and old % 2 == 0:
                spectrum[kept - 1] /= 2
            band = np.moveaxis(spectrum[:kept], 0, axis)
            result[block] = fft.irfft(band, n, axis=axis, norm="forward")

    for_slabs(work, data.shape[slabs], _thickness(data.shape[slabs]))
    return result


def _weighted_mean(data: Array, weight: Array | Mask | None) -> tuple[float, float]:
    """Sum of the squared weights and weighted mean of the data; raise where there is no weight."""
    if weight is None:
        return data.size, float(data.mean(dtype=np.float64))
    sums = np.zeros(3)
    for plane, w in zip(data, weight, strict=True):
        w64 = w.astype(np.float64)
        sums += w64.sum(), (w64**2).sum(), (w64 * plane).sum()
    total, squares, product = (float(s) for s in sums)
    if total == 0:
        raise ParameterError("The power of a region without voxels is asked for; widen the region.")
    return squares, product / total


def frequencies(grid: Grid) -> tuple[Values, Values, Values]:
    """Frequencies (z, y, x) in 1/Å of a real transform: x half, z and y in the order of the FFT."""
    nz, ny, nx = grid.shape
    z, y, x = grid.voxel_size_zyx
    return fft.fftfreq(nz, z), fft.fftfreq(ny, y), fft.rfftfreq(nx, x)


def _own_mirror_or(nx: int, own: float, other: float) -> Values:
    """Factor of each k_x of a real transform: `own` where -k_x is k_x itself, else `other`."""
    factors = np.full(nx // 2 + 1, other)
    factors[[0, -1] if nx % 2 == 0 else [0]] = own
    return factors


def _thickness(n: int) -> int:
    """Planes of a slab, so that n planes make `_SLABS` slabs."""
    return max(1, -(-n // _SLABS))


def _steps(first: int, last: int, step: int) -> Iterator[tuple[int, int]]:
    """Cut first..last into pieces of `step`."""
    for i in range(first, last, step):
        yield i, min(i + step, last)
