"""Fit the regions of a model to one map after the other, and see what the model leaves over.

One `ModelInMaps` holds what all maps of a grid share: templates and their products. A map then
costs one transform, a few sums and a fit of small matrices.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from occupy_core.errors import EstimationError
from occupy_core.maps.grid import Array, DensityMap, Grid
from occupy_core.regions.by_model.atoms import AtomicModel
from occupy_core.regions.by_model.model_density import Band, Coefficients, make_band
from occupy_core.regions.by_model.placement import refine_shift
from occupy_core.regions.by_model.shell_fit import (
    ShellFit,
    combine,
    cross,
    fit_shells,
    gram,
    influence,
    scale_if_inconsistent,
)
from occupy_core.regions.by_model.surroundings import Surroundings, surroundings
from occupy_core.regions.by_model.templates import templates
from occupy_core.solvent.blank import Blank, find_blank

Values = NDArray[np.float64]
Labels = NDArray[np.int64]

_MEMORY = 6e8  # [machine] bytes for the coefficients of all regions
# [taste: nothing moved] Å; errors of the model are taken to be independent between cubes of this
# edge
_CUBE = 10.0
_AT_ATOMS = 2.0  # [taste: nothing moved] Å from the nearest atom: where noise enters the amplitudes
# [taste: nothing moved] Å; density without atoms is looked for at this resolution
_BLOB_RESOLUTION = 8.0
# [taste: nothing moved] of the power of a shell explained with negative sign: the contrast is
# inverted
_DARK = 0.3
_FLAT = 20.0  # [physics] Å: twice the soft edge of the box, finest detail of a flat level
_NEIGHBOURS = 5  # [taste: nothing moved]
_ROUNDS = 4  # [taste: nothing moved]
# [taste: nothing moved] Å; detail that all regions may still have in common
_COARSER = (8.0, 10.5, 14.0, 18.0)
_LEAST_SHELLS = 4  # [guard] fewer do not tell a B-factor from an amplitude
_AT_ONCE = 8  # [machine] regions whose influence is held at a time


@dataclass(frozen=True, eq=False, kw_only=True)
class MapFit:
    """Amplitudes of the regions in one map.

    Parameters
    ----------
    amplitude : ndarray, shape (n,)
    covariance : ndarray, shape (n, n)
        From the noise and from what the model does not explain.
    blur : ndarray, shape (n,)
        B-factors in Å², relative to their common part.
    blur_covariance : ndarray, shape (n, n)
    explained, s2 : ndarray, shape (n_shells,)
        Share of the power that the model explains, averaged over `_NEIGHBOURS` shells (a single one
        of few coefficients is explained by chance), and squared frequency of each shell, 1/Å².
    shift : ndarray, shape (3,)
        Vector (x, y, z) in Å from the model to the map.
    beside : ndarray of float64, shape (n,)
        Volume of the density without atoms next to each region, relative to its own.
    unexplained : float
        Volume of the density without atoms relative to that of the model.
    masked : bool
        Whether the solvent around the model was masked away.
    finest : float
        Detail in Å beyond which the map was not used, as regions differ there in more than a
        B-factor; 0 when all was used.
    """

    amplitude: Values
    covariance: Values
    blur: Values
    blur_covariance: Values
    explained: Values
    s2: Values
    shift: Values
    beside: Values
    unexplained: float
    masked: bool
    finest: float = 0.0


class _Cleared(NamedTuple):
    """A map without its density that has no atoms, its fit, and where that density was."""

    observed: Coefficients
    fit: ShellFit
    blobs: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _CommonDetail:
    """The fit of the detail that all regions have in common.

    Parameters
    ----------
    fit : ShellFit
    finest : float
        Detail used, Å; 0 when it is all.
    unsure : ndarray, shape (n_regions,)
        How much the amplitudes still changed when there was no coarser detail to compare with.
    """

    fit: ShellFit
    finest: float
    unsure: Values


@dataclass(frozen=True, eq=False)
class ModelInMaps:
    """Templates of the regions of a model on a grid.

    Parameters
    ----------
    model : AtomicModel
        In the frame of the maps.
    band : Band
    templates : ndarray of complex64, shape (n_regions + 1, n)
        Coefficients of the regions, and of the weight of the box: a flat level under the model.
    products : ndarray, shape (n_shells, n_regions + 1, n_regions + 1)
    """

    model: AtomicModel
    band: Band
    templates: Coefficients
    products: Values

    @property
    def n(self) -> int:
        """Number of regions."""
        return len(self.model.regions)

    def fit(
        self, density: DensityMap, *, follow: bool = True, blank: Blank | None = None
    ) -> MapFit:
        """Fit the model to a map.

        Parameters
        ----------
        density : DensityMap
        follow : bool
            Whether the model may move by a fraction of the resolution to where it fits best.
        blank : Blank, optional
            Where the map was masked away, when that is known already.

        Raises
        ------
        EstimationError
            When the map holds nothing where the model is, or has the opposite contrast.
        """
        # Where the model lies in this map.
        observed = self.band.observe(density)
        first = self._fit(observed, density.name)
        shift = np.zeros(3)
        if follow:
            shift = refine_shift(self.templates, observed, first, self.band)
        if shift.any():
            observed = self.band.moved(observed, -shift)
            first = self._fit(observed, density.name)
        # Without the density that has no atoms.
        observed, fit, blobs = self._without_blobs(observed, first, density.name)
        corrected = _change(first.amplitude[: self.n], fit.amplitude[: self.n])
        beside = self._surroundings.volume_near(blobs)
        # Only with the detail that all regions have in common.
        common = self._consistent(observed, fit, beside == 0, density.name)
        fit = common.fit
        covariance, blur_covariance = self._errors(observed, fit)
        # What the correction for density without atoms changed is known to about half.
        covariance += np.diag((0.5 * corrected) ** 2 + common.unsure**2)
        return MapFit(
            amplitude=fit.amplitude[: self.n],
            covariance=covariance,
            blur=fit.blur,
            blur_covariance=blur_covariance,
            explained=self._smoothed(fit.explained),
            s2=self.band.s2,
            shift=shift,
            beside=beside,
            unexplained=self._surroundings.share_of_model(blobs),
            masked=self.band.masked(density, blank or find_blank(density)),
            finest=common.finest,
        )

    def _without_blobs(self, observed: Coefficients, fit: ShellFit, name: str) -> _Cleared:
        """Take the density without atoms off a map."""
        blobs = self._blobs(observed, fit)
        left = np.zeros_like(observed)
        for _ in range(_ROUNDS if blobs.any() else 0):
            left = self._left_in(self._surroundings.soft_mask(blobs), observed, fit)
            fit = self._fit(observed - left, name)
            blobs |= self._blobs(observed, fit)
        return _Cleared(observed - left, fit, blobs)

    def _consistent(
        self, observed: Coefficients, fit: ShellFit, told: NDArray[np.bool_], name: str
    ) -> _CommonDetail:
        """Leave out fine detail that disagrees with coarse detail.

        A local filter, or one that a network has learned, takes fine detail from some regions and
        not from others. No B-factor tells that, and only coarse detail is common to all.
        """
        finest, changed = 0.0, np.zeros(self.n)
        for limit in _COARSER:
            if (self.band.s2 * limit**2 <= 1).sum() < _LEAST_SHELLS:
                break
            coarse = self._fit(observed, name, limit)
            scale = scale_if_inconsistent(fit, coarse, told)
            if scale is None:
                return _CommonDetail(fit, finest, np.zeros(self.n))
            changed = (coarse.amplitude - scale * fit.amplitude)[: self.n]
            fit, finest = coarse, limit
        return _CommonDetail(fit, finest, changed)

    def _fit(self, observed: Coefficients, name: str, finest: float = 0.0) -> ShellFit:
        power = self.band.sums(np.abs(observed) ** 2)
        if not power.max() > 0:
            raise EstimationError(f"{name} holds no density where the model is.")
        with_map = cross(self.templates, observed, self.band)
        fit = fit_shells(self.products, with_map, power, self.band, self.n, finest=finest)
        weight = fit.explained * self.band.counts
        if fit.explained.max() > _DARK and (weight * np.sign(fit.transfer)).sum() < 0:
            raise EstimationError(f"{name} is dark where the model has atoms; invert its contrast.")
        return fit

    def _smoothed(self, values: Values) -> Values:
        """Mean of a value of each shell over its neighbours, weighted with their counts."""
        near = np.ones(min(_NEIGHBOURS, self.band.n_shells))
        total = np.convolve(self.band.counts, near, "same")
        return np.asarray(np.convolve(values * self.band.counts, near, "same") / total)

    def _residual(self, observed: Coefficients, fit: ShellFit) -> Coefficients:
        """Coefficients of a map less those of the fitted model."""
        return observed - combine(fit.factors(self.band.s2), self.templates, self.band)

    @cached_property
    def _surroundings(self) -> Surroundings:
        shape, voxel = self._sampling
        positions = [region.positions - self.band.start for region in self.model.regions]
        return surroundings(positions, shape, voxel)

    @cached_property
    def _sampling(self) -> tuple[tuple[int, ...], Values]:
        data, voxel = self.band.density(self.templates[0])
        return data.shape, voxel

    def _blobs(self, observed: Coefficients, fit: ShellFit) -> NDArray[np.bool_]:
        """Where the map has density that the model has no atoms for."""
        resolution = max(_BLOB_RESOLUTION, self.band.resolution)
        smooth = np.exp(-(self.band.frequencies**2).sum(axis=0) * resolution**2)
        residual = self._residual(observed, fit)
        left, _ = self.band.density(residual * smooth)
        modelled, _ = self.band.density((observed - residual) * smooth)
        return self._surroundings.unmodelled(left, modelled)

    def _left_in(self, mask: Array, observed: Coefficients, fit: ShellFit) -> Coefficients:
        """Coefficients of the residual inside a mask."""
        left, _ = self.band.density(self._residual(observed, fit))
        return self._coefficients(left * mask)

    def _coefficients(self, data: Array) -> Coefficients:
        """Coefficients of density given on the grid of `Band.density`."""
        _, voxel = self._sampling
        z, y, x = (float(v) for v in voxel)
        nz, ny, nx = data.shape
        iz, iy, ix = (
            np.where(i > n // 2, i - n, i)
            for i, n in zip(self.band.indices, self.band.shape, strict=True)
        )
        there = replace(self.band, shape=(nz, ny, nx), voxel_size=(z, y, x), indices=(iz, iy, ix))
        return np.asarray(
            there.transform(data) / np.sqrt(there.multiplicity) * np.sqrt(self.band.multiplicity)
        )

    def _errors(self, observed: Coefficients, fit: ShellFit) -> tuple[Values, Values]:
        """Covariances of amplitudes and of blurs, widened where space tells of more than noise.

        The fit takes the residual for noise that fills the box. When a mask took it away from
        around the atoms, or it is stronger at them, what is found at the atoms counts. Then over
        cubes it is added up how much the residual of each pulls at the amplitudes (cluster-robust
        "sandwich", Liang & Zeger 1986, doi 10.1093/biomet/73.1.13). That is larger than the noise
        where the model is wrong; as it is a noisy number itself, half of the excess counts. Neither
        makes an error smaller.
        """
        sigma = np.sqrt(np.where(np.isfinite(fit.variance), fit.variance, 0))
        inverse = np.divide(1, sigma, out=np.zeros_like(sigma), where=sigma > 0)
        white = self._residual(observed, fit) * self.band.per_coefficient(inverse)
        residual, voxel = self.band.density(white.astype(np.complex64))
        power = residual.astype(np.float64) ** 2
        at_atoms = float(power[self._surroundings.distance < _AT_ATOMS].mean())
        spread = fit.covariance * max(1.0, at_atoms * self.band.share / float(power.mean()))
        noise = spread[: self.n, : self.n]
        pulls = self._pulls(residual, voxel, fit, sigma)
        ratio = (pulls**2).sum(axis=1) / np.maximum(np.diag(noise), 1e-300)
        factor = np.sqrt(np.maximum(1.0, 0.5 * (1 + ratio)))
        return np.asarray(noise * np.outer(factor, factor)), spread[-self.n :, -self.n :]

    def _pulls(self, residual: Array, voxel: Values, fit: ShellFit, sigma: Values) -> Values:
        """Change of each amplitude by the residual of each cube, shape (n_regions, n_cubes).

        `residual` is whitened, with `sigma` of each shell.
        """
        weights = influence(fit, self.products, self.band) * sigma[:, None, None]
        cubes = self._cubes(residual.shape, voxel)
        box = np.prod(self.band.shape) * self.band.voxel_volume
        pulls = np.empty((self.n, int(cubes.max()) + 1))
        for start in range(0, self.n, _AT_ONCE):
            part = weights[:, start : start + _AT_ONCE]
            for i, direction in enumerate(combine(part, self.templates, self.band), start):
                along, _ = self.band.density(direction)
                product = (along * residual).ravel().astype(np.float64)
                pulls[i] = np.bincount(cubes, product, pulls.shape[1])
        return np.asarray(pulls * voxel.prod() * box)

    def _cubes(self, shape: tuple[int, ...], voxel: Values) -> Labels:
        """Number of the cube of each voxel, flat."""
        edge = max(_CUBE, 2 * self.band.resolution)
        z, y, x = (
            (np.arange(n) * v / edge).astype(np.int64) for n, v in zip(shape, voxel, strict=True)
        )
        ny, nx = int(y[-1]) + 1, int(x[-1]) + 1
        return np.asarray(((z[:, None, None] * ny + y[:, None]) * nx + x).ravel())


def _change(before: Values, after: Values) -> Values:
    """How much amplitudes changed relative to each other: the largest is taken for the same."""
    scale = after.max() / before.max() if before.max() > 0 else 0.0
    return np.asarray(after - scale * before)


def put_into_maps(model: AtomicModel, grid: Grid, resolution: float) -> ModelInMaps:
    """Make the templates of a model on the grid of the maps.

    Parameters
    ----------
    model : AtomicModel
        In the frame of the maps.
    grid : Grid
    resolution : float
        Highest resolution wanted, Å; see `make_band` for when it is lowered.
    """
    n = len(model.regions) + 1
    band = make_band(grid, model.positions, resolution, n_templates=n, memory=_MEMORY)
    parts = np.empty((n, len(band.indices[0])), np.complex64)
    parts[:-1] = templates(model.regions, band)
    # A flat level is smooth. In finer shells only what leaks there from the edge of a mask is like
    # it, and in a map that was filtered to less and masked that is all there is.
    parts[-1] = band.transform(band.weight) * band.per_coefficient(band.s2 * _FLAT**2 <= 1)
    return ModelInMaps(model, band, parts, gram(parts, band))
