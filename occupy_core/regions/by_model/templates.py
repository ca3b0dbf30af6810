"""What a region of an atomic model looks like in a map: its Fourier coefficients, shell by shell.

The density of each region comes from gemmi's electron form factors with the B-factor of each atom
(International Tables C, table 4.3.2.2), sampled in a small cell of its own and transformed to the
frequencies of the box that the model fills.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from occupy_core.regions.by_model.atoms import AtomicRegion
from occupy_core.regions.by_model.model_density import Band, Coefficients, signed_index

if TYPE_CHECKING:
    import gemmi

Values = NDArray[np.float64]

_OVERSAMPLING = 2.5  # [machine] samples of the cells of the regions in the resolution
_SPREAD = 8 * np.pi**2  # B in Å² of a Gaussian with a standard deviation of 1 Å


def templates(regions: Sequence[AtomicRegion], band: Band) -> Coefficients:
    """Coefficients of the regions at full occupancy, shape (n_regions, n).

    Atoms outside the box are left out: the map does not show them.
    """
    return np.stack([_template(region, band) for region in regions])


def _template(region: AtomicRegion, band: Band) -> Coefficients:
    """Coefficients of one region: density in a cell of its own, transformed axis by axis."""
    box = np.array(band.shape) * band.voxel_size
    fine = np.array(
        [fft.next_fast_len(int(np.ceil(b * _OVERSAMPLING / band.resolution)), True) for b in box]
    )
    step = box / fine
    model = region.model.clone()
    density, first, blur = _cell_density(model, np.array(region.shift) - band.start, box, step)
    for axis in (2, 1, 0):
        density = _pruned_transform(density, axis, int(first[axis]), int(fine[axis]), band)
    iz, iy, ix = (signed_index(i, s) for i, s in zip(band.indices, band.shape, strict=True))
    rows = [a - a.min() for a in (iz, iy)]
    spectrum = density[rows[0], rows[1], ix]
    k2 = (band.frequencies**2).sum(axis=0)
    scale = np.exp(blur / 4 * k2) * np.sqrt(band.multiplicity) * step.prod()
    return np.asarray(spectrum * scale, np.complex64)


class _CellDensity(NamedTuple):
    """Density (z, y, x) of a model in a cell, and the place of its first sample (z, y, x).

    The blur (B in Å²) makes the density smooth enough for the samples; it is taken off again from
    the coefficients.
    """

    density: NDArray[Any]
    first: NDArray[np.int64]
    blur: float


def _cell_density(model: gemmi.Model, move: Values, box: Values, step: Values) -> _CellDensity:
    """Density of a model in a cell on the lattice of `step`; atoms outside the box are removed."""
    import gemmi

    kept = []
    for chain in model:
        for residue in chain:
            for i in reversed(range(len(residue))):
                position = np.array(residue[i].pos.tolist()) + move
                if np.all((position > 0) & (position < box[::-1])):
                    kept.append(position)
                    residue[i].pos = gemmi.Position(*position)
                else:
                    del residue[i]
    if not kept:
        return _CellDensity(np.zeros((1, 1, 1), np.float32), np.zeros(3, np.int64), 0.0)
    lowest_b = min(site.atom.b_iso for site in model.all())
    blur = max(_SPREAD * float(step.max()) ** 2 - lowest_b, 0.0)
    calculator = gemmi.DensityCalculatorE()
    calculator.blur = blur
    calculator.d_min = 2 * float(step.max())
    atoms = np.array(kept)[:, ::-1]
    margin = 6.0 + 4 * np.sqrt((blur + max(s.atom.b_iso for s in model.all())) / _SPREAD)
    first = np.floor((atoms.min(axis=0) - margin) / step).astype(np.int64)
    n = np.ceil((atoms.max(axis=0) + margin) / step).astype(np.int64) - first
    origin = gemmi.Position(*(first * step)[::-1])
    for site in model.all():
        site.atom.pos -= origin
    c, b, a = (float(k) for k in n * step)
    calculator.grid.set_unit_cell(gemmi.UnitCell(a, b, c, 90, 90, 90))
    calculator.grid.spacegroup = gemmi.SpaceGroup("P 1")
    calculator.grid.set_size(*(int(k) for k in n[::-1]))
    calculator.add_model_density_to_grid(model)
    density = np.array(calculator.grid.array, copy=True).transpose(2, 1, 0)
    return _CellDensity(density, first, blur)


def _pruned_transform(
    data: NDArray[Any], axis: int, first: int, n: int, band: Band
) -> NDArray[np.complex64]:
    """Transform along one axis as if `data` stood at sample `first` of n; keep the band only."""
    index = signed_index(band.indices[axis], band.shape[axis])
    low, high = (0, int(index.max())) if axis == 2 else (int(index.min()), int(index.max()))
    wanted = np.arange(low, high + 1)
    # Samples that stand outside 0..n wrap around, as density does in a periodic box.
    if data.shape[axis] > n:
        phase = np.exp(-2j * np.pi * np.outer(wanted, first + np.arange(data.shape[axis])) / n)
        return np.moveaxis(np.tensordot(phase, data, axes=(1, axis)), 0, axis)
    spectrum = fft.fft(data, n, axis=axis) if axis < 2 else fft.rfft(data, n, axis=axis)
    spectrum = np.take(spectrum, wanted % n if axis < 2 else wanted, axis=axis)
    shape = [1, 1, 1]
    shape[axis] = -1
    shifted = np.exp(-2j * np.pi * first / n * wanted).reshape(shape)
    return np.asarray(spectrum * shifted, np.complex64)
