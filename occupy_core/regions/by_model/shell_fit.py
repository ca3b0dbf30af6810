"""Fit the amplitudes and B-factors of several templates to one map, shell by shell.

The map is Y(k) = T(s) sum_i a_i exp(-b_i s²/4) F_i(k) + error with the variance v(s) in the shell
s. The transfer T(s) (resolution, sharpening, Wiener filter) and v(s) (noise and what the model does
not explain) are free in each shell, so that neither enters the amplitudes; a shell counts as much
as the templates explain of it. Maximum likelihood over a_i >= 0 and b_i, T and v profiled out:

    2 L(a, b) = sum_s n_s log(rss_s),   rss_s = |Y|² - (u.c)² / (u.G u),   u_i = a_i exp(-b_i s²/4)

with the sums c_i = Re sum_k F_i* Y and G_ij = Re sum_k F_i* F_j of each shell. Amplitudes have a
meaning relative to each other only, and so have the B-factors: T takes their common part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from occupy_core.regions.by_model.model_density import Band, Coefficients

Values = NDArray[np.float64]

# [taste: nothing moved] Å²: expected differences of B between regions (standard deviation)
_B_SPREAD = 100.0
_B_LIMIT = 500.0  # [guard] Å²
_B_UNIT = 50.0  # [machine] Å²: makes B as large a number as an amplitude for the minimiser
_NO_MODEL_BETTER = 1e-4  # [guard] of the power of a shell: no template is more accurate than 1 %
_EMPTY_SHELL = 1e-10  # [guard] of the strongest shell: filtered away, only rounding is left
# [taste: nothing moved] probability of a difference between coarse and fine detail by noise alone
_CHANCE = 1e-4
# [taste: nothing moved] of that of the coarse fit: the difference is not known better
_LEAST_VARIANCE = 0.1


@dataclass(frozen=True, eq=False, kw_only=True)
class ShellFit:
    """Result of the fit of n regions and m further templates to one map.

    Parameters
    ----------
    amplitude : ndarray, shape (n + m,)
        Amplitudes a; those of the regions are not negative.
    blur : ndarray, shape (n,)
        B-factors b in Å², relative to their common part.
    transfer : ndarray, shape (n_shells,)
        T of each shell; 0 for shells without power.
    variance : ndarray, shape (n_shells,)
        v of each shell, for one coefficient; infinite for shells without power.
    explained : ndarray, shape (n_shells,)
        Share of the power that the templates explain.
    covariance : ndarray, shape (2 n + m, 2 n + m)
        Of (a, b), from v taken as noise without correlation between coefficients.
    """

    amplitude: Values
    blur: Values
    transfer: Values
    variance: Values
    explained: Values
    covariance: Values

    @property
    def n_regions(self) -> int:
        """Number of regions."""
        return len(self.blur)

    def factors(self, s2: Values) -> Values:
        """T(s) a_i exp(-b_i s²/4) of each shell and template, shape (n_shells, n + m)."""
        blur = np.zeros(len(self.amplitude))
        blur[: self.n_regions] = self.blur
        decay = np.exp(-blur * s2[:, None] / 4)
        return np.asarray(self.transfer[:, None] * self.amplitude * decay)


def gram(templates: Coefficients, band: Band) -> Values:
    """Products G of all pairs of templates, shape (n_shells, n, n)."""
    n = len(templates)
    products = np.empty((band.n_shells, n, n))
    for s, part in enumerate(band.shells):
        shell = templates[:, part].view(np.float32)  # Re F* F is a product of (Re, Im) pairs
        products[s] = shell @ shell.T
    return products


def cross(templates: Coefficients, observed: Coefficients, band: Band) -> Values:
    """Products c of each template with a map, shape (n_shells, n)."""
    products = np.empty((band.n_shells, len(templates)))
    for s, part in enumerate(band.shells):
        products[s] = templates[:, part].view(np.float32) @ observed[part].view(np.float32)
    return products


def fit_shells(
    products: Values,
    with_map: Values,
    power: Values,
    band: Band,
    n: int,
    *,
    finest: float = 0.0,
) -> ShellFit:
    """Fit the first `n` templates with amplitude and B-factor, the others with amplitude only.

    Parameters
    ----------
    products, with_map : ndarray, shapes (n_shells, n + m, n + m) and (n_shells, n + m)
        G and c, see `gram` and `cross`.
    power : ndarray, shape (n_shells,)
        sum |Y|² of each shell.
    band : Band
    n : int
        Number of regions.
    finest : float
        Detail in Å beyond which shells are not used.
    """
    used = (power > _EMPTY_SHELL * power.max()) & (band.s2 * finest**2 <= 1)
    shells = _Shells(
        products=products[used],
        with_map=with_map[used],
        power=power[used],
        counts=band.counts[used] * band.share,
        s2=band.s2[used],
        n=n,
    )
    start = np.concatenate([np.ones(n), np.zeros(with_map.shape[1] - n + n)])
    limits = [(0.0, np.inf)] * n + [(-np.inf, np.inf)] * (with_map.shape[1] - n)
    limits += [(-_B_LIMIT / _B_UNIT, _B_LIMIT / _B_UNIT)] * n
    options = {"maxiter": 3000, "maxfun": 6000, "ftol": 1e-13, "gtol": 1e-7, "maxcor": 30}
    found = optimize.minimize(
        shells.likelihood, start, jac=True, method="L-BFGS-B", bounds=limits, options=options
    )
    state = shells.state(found.x)
    transfer, variance = np.zeros(len(used)), np.full(len(used), np.inf)
    explained = np.zeros(len(used))
    transfer[used] = state.transfer
    # `counts` are whole: the weight of the box thins the noise of every coefficient alike.
    variance[used] = state.rss / band.counts[used]
    explained[used] = 1 - state.rss / power[used]
    return ShellFit(
        amplitude=found.x[: with_map.shape[1]],
        blur=state.blur[:n],
        transfer=transfer,
        variance=variance,
        explained=explained,
        covariance=np.asarray(
            np.linalg.pinv(shells.information(state), rcond=1e-12, hermitian=True), np.float64
        ),
    )


def scale_if_inconsistent(
    fine: ShellFit, coarse: ShellFit, told: NDArray[np.bool_]
) -> float | None:
    """Return a scale when amplitudes of all shells are not those of the coarse ones among them.

    Then the regions differ in more than a B-factor, as after a local filter, and the amplitudes are
    those of the coarse shells. The test is Hausman's (1978, doi 10.2307/1913827): of two estimates,
    one of which holds under fewer assumptions, the difference has the difference of the variances.
    It is made for each region, with the probability divided by their number.

    Parameters
    ----------
    fine, coarse : ShellFit
    told : ndarray of bool, shape (n_regions,)
        Regions that tell: with density without atoms beside it, a region may differ for that.

    Returns
    -------
    float or None
        Factor that brings the fine amplitudes to the scale of the coarse ones; None when both
        agree.
    """
    which = np.flatnonzero(told)
    if len(which) < 2:
        return None
    a, b = coarse.amplitude[which], fine.amplitude[which]
    variance, finer = (np.diag(fit.covariance)[which] for fit in (coarse, fine))
    weight = 1 / np.maximum(variance, 1e-300)
    scale = float((weight * a * b).sum() / max(float((weight * b * b).sum()), 1e-300))
    spread = np.maximum(variance - scale**2 * finer, _LEAST_VARIANCE * variance)
    most = float((np.abs(a - scale * b) / np.sqrt(np.maximum(spread, 1e-300))).max())
    return scale if most > float(special.ndtri(1 - _CHANCE / 2 / len(which))) else None


def influence(fit: ShellFit, products: Values, band: Band) -> Values:
    """How a residual coefficient moves the amplitudes, as weights of the templates.

    Returns
    -------
    ndarray, shape (n_shells, n, n + m)
        C: a_i changes by Re sum_k sum_j C[s, i, j] conj(F_j(k)) R(k) when R is added to the map.

    Notes
    -----
    One Newton step: the inverse information times the score. The part of a template's change that
    T can take is projected out in each shell.
    """
    n, size = fit.n_regions, len(fit.amplitude)
    blur = np.zeros(size)
    blur[:n] = fit.blur
    step = band.share * fit.covariance[:n]
    weights = np.zeros((band.n_shells, n, size))
    for s in np.flatnonzero(np.isfinite(fit.variance)):
        decay = np.exp(-blur * band.s2[s] / 4)
        u = fit.amplitude * decay
        change = np.zeros((size + n, size))
        change[:size] = np.diag(decay)
        change[size:, :n] = np.diag(-band.s2[s] / 4 * u[:n])
        gu = products[s] @ u
        change -= np.outer(change @ gu / max(u @ gu, 1e-300), u)
        weights[s] = step @ change * (fit.transfer[s] / fit.variance[s])
    return weights


def combine(weights: Values, templates: Coefficients, band: Band) -> Coefficients:
    """Sum templates with weights (n_shells, ..., n) of each shell; shape (..., n_coefficients)."""
    total = np.empty((*weights.shape[1:-1], templates.shape[1]), np.complex64)
    pairs, sums = templates.view(np.float32), total.view(np.float32)
    for weight, part in zip(weights.astype(np.float32), band.shells, strict=True):
        both = slice(2 * part.start, 2 * part.stop)
        np.matmul(weight, pairs[:, both], out=sums[..., both])
    return total


@dataclass(frozen=True, eq=False, kw_only=True)
class _State:
    """What follows from the parameters; of most one row for each shell."""

    amplitude: Values
    blur: Values
    decay: Values
    u: Values
    gu: Values
    transfer: Values
    rss: Values


@dataclass(frozen=True, eq=False, kw_only=True)
class _Shells:
    """The sums of one map and the likelihood that follows from them."""

    products: Values
    with_map: Values
    power: Values
    counts: Values
    s2: Values
    n: int

    def state(self, x: Values) -> _State:
        size = self.with_map.shape[1]
        blur = np.zeros(size)
        blur[: self.n] = x[size:] * _B_UNIT
        decay = np.exp(-blur * self.s2[:, None] / 4)
        u = x[:size] * decay
        gu = np.matmul(self.products, u[:, :, None])[:, :, 0]
        transfer = (u * self.with_map).sum(axis=1) / np.maximum((u * gu).sum(axis=1), 1e-300)
        rss = self.power - transfer * (u * self.with_map).sum(axis=1)
        rss = np.maximum(rss, 0) + _NO_MODEL_BETTER * self.power
        return _State(
            amplitude=x[:size], blur=blur, decay=decay, u=u, gu=gu, transfer=transfer, rss=rss
        )

    def likelihood(self, x: Values) -> tuple[float, Values]:
        """Negative logarithm of the likelihood and its gradient."""
        size = self.with_map.shape[1]
        p = self.state(x)
        blur = p.blur[: self.n]
        value = 0.5 * (self.counts * np.log(p.rss)).sum() + 0.5 * (blur**2).sum() / _B_SPREAD**2
        t = p.transfer[:, None]
        slope = (self.counts / p.rss)[:, None] * (t**2 * p.gu - t * self.with_map)
        by_blur = -(slope * p.u * self.s2[:, None] / 4).sum(axis=0)[: self.n] + blur / _B_SPREAD**2
        gradient = np.empty(size + self.n)
        gradient[:size] = (slope * p.decay).sum(axis=0)
        gradient[size:] = by_blur * _B_UNIT
        return float(value), gradient

    def information(self, p: _State) -> Values:
        """Fisher information of (amplitudes, blurs), T projected out."""
        n_shells, size = self.with_map.shape
        change = np.zeros((n_shells, size, size + self.n))
        i, j = np.arange(size), np.arange(self.n)
        change[:, i, i] = p.decay
        change[:, j, size + j] = -self.s2[:, None] / 4 * p.u[:, : self.n]
        # One degree of freedom of each shell went into its transfer.
        weight = p.transfer**2 * np.maximum(self.counts - 1, 1) / p.rss
        total = np.zeros((size + self.n, size + self.n))
        for s in range(n_shells):
            along_u = p.gu[s] @ change[s]
            total += weight[s] * (change[s].T @ self.products[s] @ change[s])
            total -= weight[s] / max(p.u[s] @ p.gu[s], 1e-300) * np.outer(along_u, along_u)
        total[size + j, size + j] += 1 / _B_SPREAD**2
        total[: self.n, : self.n] += _weak_prior(p.amplitude[: self.n])
        return total


def _weak_prior(amplitude: Values) -> Values:
    """Precision of amplitudes before any map: none is known worse than to that of a full region.

    It counts where regions cannot be told apart, such as copies in one place. The scale of all
    amplitudes together has no meaning and gets no precision.
    """
    top = float(amplitude.max())
    if not top > 0:
        return np.zeros((len(amplitude), len(amplitude)))
    along = amplitude / np.linalg.norm(amplitude)
    return np.asarray((np.eye(len(amplitude)) - np.outer(along, along)) / top**2)
