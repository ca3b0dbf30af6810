"""Local energy of a map in bands of fixed absolute frequency.

The map is whitened shell by shell first, so no isotropic filter that it has seen (B-factor,
sharpening, FSC weighting) changes the energies by more than a constant of the band, and signal
and noise of a band are weighed alike. Each band is cut out of the transform of the map, brought
back to real space on the coarsest grid that holds its square, and its square is averaged in a
Gaussian window and kept on a grid as fine as the window needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from occupy_core.errors import EstimationError
from occupy_core.maps import Array, Grid
from occupy_core.maps.threads import for_slabs
from occupy_core.progress import Progress, report
from occupy_core.resolution import _loops as kernels
from occupy_core.resolution.measure.spectrum import Spectrum, Transform, frequencies

Values = NDArray[np.float64]

STEP = 0.028  # [trained] 1/Å between the centres of the bands
WINDOW = 5.0  # [trained] Å, standard deviation of the Gaussian window of a map of usual resolution
_HIGHEST = 1.0  # [guard] 1/Å; finer than this no map is believed
# [measured: white noise] Å, over which a band is coherent along its frequency
_COHERENCE = 0.21 / STEP
# [physics] of the grid of the energies: its own Nyquist loses 2e-5 of the window
_SAMPLES_PER_WINDOW = 1.5
_WINDOW_BAND = 0.1  # [physics] 1/Å by 5 Å: what a window passes of the square of a band
# [taste: nothing moved] of its lower half that the last band must hold below the limit
_LAST_SHARE = 0.6
TABLE = 4096.0  # [machine] steps of a gain table per 1/Å
_PLANES = 8  # [machine]
_ROWS = 2048  # [machine]
_REACH = 5.0  # [physics] standard deviations to which the window is followed: 4e-6 of its height


@dataclass(frozen=True)
class Bands:
    """Bands on the frequency axis.

    Parameters
    ----------
    edges : ndarray of float64, shape (n, 3)
        Start, centre and end of the band, 1/Å. The gain is a cosine about the centre, so squared
        gains add up to one; the last band may end early, at the limit of the map.
    frequency : ndarray of float64, shape (n,)
        Mean frequency of the coefficients of a white map in the band, 1/Å.
    volume : ndarray of float64, shape (n,)
        Effective volume of the band in reciprocal space, 1/Å³: (∫ g²)² / ∫ g⁴.
    """

    edges: Values
    frequency: Values
    volume: Values


@dataclass(frozen=True)
class BandEnergies:
    """Local energies of the whitened map.

    Parameters
    ----------
    bands : Bands
    energy : ndarray of float32, shape (n, z, y, x)
        Energy of each band about each point of `grid`; one where the map is like its own mean.
    grid : Grid
        Grid of the energies: the box of the map with fewer voxels.
    window : float
        Standard deviation of the Gaussian window, Å.
    """

    bands: Bands
    energy: Array
    grid: Grid
    window: float

    @property
    def freedom(self) -> Values:
        """Degrees of freedom of the noise energy of each band, shape (n,).

        The window averages over (2 sqrt(pi) s)³ Å³, and a real field has one degree of freedom
        for each unit of volume times band volume (half of it conjugate, each coefficient two).
        Along its frequency a narrow band is coherent over more than the window; that length was
        measured on white noise.
        """
        length = np.hypot(self.window, _COHERENCE)
        volume = (2 * np.sqrt(np.pi)) ** 3 * self.window**2 * length
        result: Values = np.maximum(volume * self.bands.volume, 1.0)
        return result


def make_bands(limit: float) -> Bands:
    """Bands from zero up to `limit`, 1/Å.

    Raises
    ------
    EstimationError
        When fewer than three bands fit.
    """
    count = int(min(limit, _HIGHEST) / STEP + 1 - _LAST_SHARE)
    if count < 3:
        raise EstimationError(
            f"The map holds nothing finer than {1 / limit:.1f} Å but local resolution needs "
            f"{1 / (3 * STEP):.1f} Å; use a map of smaller voxels or one that was not low-passed."
        )
    centre = STEP * np.arange(1, count + 1)
    edges = np.stack([centre - STEP, centre, np.minimum(centre + STEP, limit)], axis=1)
    f = edges[:, :1] + (edges[:, 2:] - edges[:, :1]) * (np.arange(200) + 0.5) / 200
    square = np.cos(np.pi / 2 * (f - centre[:, None]) / STEP) ** 2
    shell = 4 * np.pi * f**2 * (edges[:, 2:] - edges[:, :1]) / 200
    content = (square * shell).sum(axis=1)
    frequency = (f * square * shell).sum(axis=1) / content
    return Bands(edges, frequency, content**2 / (square**2 * shell).sum(axis=1))


def window_for(grid: Grid, limit: float) -> float:
    """Standard deviation of the window in Å: 5 Å, more where the limit of the map is beyond 7 Å.

    A window must hold several periods of the finest detail, or the energies in it mean little.
    """
    return max(WINDOW, 0.7 / limit, 0.8 * max(grid.voxel_size))


def energy_grid(grid: Grid, window: float) -> Grid:
    """Grid on which the energies are kept: the box of the map, spaced for the window."""
    spacing = window / _SAMPLES_PER_WINDOW
    nx, ny, nz = (
        max(1, min(n, int(np.ceil(edge / spacing))))
        for n, edge in zip(reversed(grid.shape), grid.box, strict=True)
    )
    return grid.resampled((nz, ny, nx))


def local_energies(
    spectra: tuple[Spectrum, ...], window: float, *, progress: Progress | None = None
) -> list[BandEnergies]:
    """Measure the local energies of maps on the same grid, with the whitening of the first.

    Parameters
    ----------
    spectra : tuple of Spectrum
        The first says how the bands are whitened and where they end.
    window : float
        Standard deviation of the Gaussian window, Å.
    progress : Progress, optional

    Raises
    ------
    EstimationError
        When fewer than three bands fit below the limit.
    """
    lead = spectra[0]
    bands = make_bands(lead.cutoff_frequency)
    coarse = energy_grid(lead.grid, window)
    energies = [np.empty((len(bands.edges), *coarse.shape), np.float32) for _ in spectra]
    for b in range(len(bands.edges)):
        for spectrum, energy in zip(spectra, energies, strict=True):
            band = band_map(spectrum.transform, lead, bands.edges[b])
            np.square(band, out=band)
            energy[b] = windowed(band, lead.grid, coarse, window)
        report(progress, (b + 1) / len(bands.edges), f"band {1 / bands.frequency[b]:.1f} Å")
    return [BandEnergies(bands, energy, coarse, window) for energy in energies]


def band_map(spectrum: Transform, lead: Spectrum, edges: Values) -> Array:
    """One band of a whitened map in real space, on the coarsest grid that holds its square.

    Parameters
    ----------
    spectrum : ndarray of complex64
        Transform of the map.
    lead : Spectrum
        Whose power whitens, and whose grid counts.
    edges : ndarray, shape (3,)
        Start, centre and end of the band, 1/Å.

    Returns
    -------
    ndarray of float32, shape (z', y', x')
        The box of the map in as many or fewer voxels.
    """
    part, shape = cropped_band(spectrum, lead, edges)
    result: Array = fft.irfftn(part, shape, norm="ortho", overwrite_x=True)
    return result


def cropped_band(
    spectrum: Transform, lead: Spectrum, edges: Values
) -> tuple[Transform, tuple[int, int, int]]:
    """Return the transform of a whitened band on its own grid, and the shape of that."""
    shape = band_shape(lead.grid, edges)
    return cropped(spectrum, lead.grid, shape, band_gain(lead, edges)), shape


def band_shape(grid: Grid, edges: Values) -> tuple[int, int, int]:
    """Fewest voxels (z, y, x) of the box that hold the square of a band."""
    # The square of the band reaches to twice its end; what folds back must miss the window.
    needed = 2 * edges[2] + _WINDOW_BAND
    nx, ny, nz = (
        min(n, fft.next_fast_len(int(np.ceil(edge * needed)) | 1, real=True))
        for n, edge in zip(reversed(grid.shape), grid.box, strict=True)
    )
    return nz, ny, nx


def cropped(spectrum: Transform, grid: Grid, shape: tuple[int, int, int], gain: Array) -> Transform:
    """Transform of a filtered map on fewer voxels.

    Parameters
    ----------
    spectrum : ndarray of complex64
        Orthonormal transform of the map on `grid`.
    grid : Grid
    shape : tuple of int
        Voxels (z, y, x) of the result.
    gain : ndarray of float32
        At steps of 1 / `TABLE`; zero past its end.
    """
    table = (gain * np.float32(np.sqrt(np.prod(shape) / grid.size)), TABLE)
    result = np.empty((shape[0], shape[1], shape[2] // 2 + 1), np.complex64)
    squares = frequencies(grid, shape)

    def work(start: int, stop: int) -> None:
        kernels.band_planes(spectrum, result, (start, stop), squares, table)

    for_slabs(work, shape[0], _PLANES)
    return result


def band_gain(lead: Spectrum, edges: Values) -> Array:
    """Gain of a whitened band at equal steps of frequency; unit variance for the lead map."""
    f = np.arange(int(edges[2] * TABLE) + 3) / TABLE
    inside = (f > edges[0]) & (f < edges[2])
    gain = np.where(inside, np.cos(np.pi / 2 * (f - edges[1]) / STEP), 0.0)
    content = np.sum(gain**2 * f**2) * 4 * np.pi / TABLE
    volume = np.prod(lead.grid.voxel_size)
    result: Array = (gain * whitening(lead, f) / np.sqrt(content * volume)).astype(np.float32)
    return result


def whitening(lead: Spectrum, f: Values) -> Values:
    """Gain at frequencies `f` (1/Å) that makes the power of a map one up to its limit."""
    # The lowest shells hold few coefficients: their power is smoothed over the neighbours.
    # Past the limit the power falls off a cliff and must not be drawn in.
    last = int(np.searchsorted(lead.frequency, lead.cutoff_frequency, side="right"))
    level = np.log(np.maximum(lead.power[1:last], 1e-30))
    level = ndimage.convolve1d(level, np.array([0.25, 0.5, 0.25]), mode="nearest")
    result: Values = np.exp(-np.interp(f, lead.frequency[1:last], level) / 2)
    return result


def windowed(data: Array, grid: Grid, coarse: Grid, window: float) -> Array:
    """Average data over a Gaussian window about each point of a coarser grid of the same box.

    Parameters
    ----------
    data : ndarray of float32, shape (z, y, x)
        Any number of voxels of the box of `grid`.
    grid, coarse : Grid
        Grids of the same box and the same voxel 0.
    window : float
        Standard deviation of the window, Å.

    Returns
    -------
    ndarray of float32, shape of `coarse`
        The box is periodic, as its transform is.
    """
    nz, ny, nx = data.shape
    mz, my, mx = coarse.shape
    x, y, z = grid.box
    # The longest axis in memory first, so that the others have fewer points left.
    along_x = np.empty((nz * ny, mx), np.float32)
    along_y = np.empty((nz, my, mx), np.float32)
    along_z = np.empty((1, mz, my * mx), np.float32)
    rows = data.reshape(nz * ny, nx)
    in_x, in_y, in_z = (
        _windows(n, m, edge, window) for n, m, edge in ((nx, mx, x), (ny, my, y), (nz, mz, z))
    )

    def first(start: int, stop: int) -> None:
        kernels.window_rows(rows, *in_x, (start, stop), along_x)

    def second(start: int, stop: int) -> None:
        planes = along_x.reshape(nz, ny, mx)[start:stop]
        kernels.window_planes(planes, *in_y, (0, my), along_y[start:stop])

    def third(start: int, stop: int) -> None:
        kernels.window_planes(along_y.reshape(1, nz, my * mx), *in_z, (start, stop), along_z)

    for_slabs(first, nz * ny, _ROWS)
    for_slabs(second, nz, _PLANES)
    for_slabs(third, mz, _PLANES)
    result: Array = along_z.reshape(mz, my, mx)
    return result


def _windows(n: int, m: int, edge: float, window: float) -> tuple[NDArray[np.int32], Array]:
    """First voxel (m,) and weights (m, taps) of the windows about m points of a periodic axis."""
    reach = min(int(np.ceil(_REACH * window * n / edge)), (n - 1) // 2)
    middle = np.arange(m) * n / m
    first = np.rint(middle).astype(int) - reach
    apart = (first[:, None] + np.arange(2 * reach + 1) - middle[:, None]) * (edge / n / window)
    weights = np.exp(-(apart**2) / 2)
    weights /= weights.sum(axis=1, keepdims=True)
    return (first % n).astype(np.int32), weights.astype(np.float32)
