"""Which particles a rule chooses, and how pure the chosen set is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occupy_core.blocks.track.rules import apply_rule, rule_names
from occupy_core.errors import ParameterError

Floats = NDArray[np.float64]
Groups = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Purity:
    """Share of the chosen particles that have a region.

    Parameters
    ----------
    region : str
    share, sigma : float
        Expected share of the chosen particles that have the region, 0 to 1, and its standard
        error, which follows from the error bars of the occupancies.
    n_expected : float
        Number of chosen particles that are expected to have it.
    of_all : float
        Share of all particles with the region that were chosen (completeness).
    """

    region: str
    share: float
    sigma: float
    n_expected: float
    of_all: float


def maps_that_fit(
    rule: str | None, columns: Mapping[str, Floats], kind: str = "regions"
) -> NDArray[np.bool_]:
    """Tell in which maps a rule holds; where an occupancy is not known it does not hold.

    Parameters
    ----------
    rule : str or None
        See `occupy_core.blocks.track.rules`; all maps fit when there is none.
    columns : mapping of str to ndarray of float64, shape (n_maps,)
        Occupancies by the names that a rule may have; NaN where one is not known.
    kind : str
        What these names are, for messages.

    Returns
    -------
    ndarray of bool, shape (n_maps,)

    Raises
    ------
    ParameterError
        When the rule cannot be read, or names something else.
    """
    if not rule:
        return np.ones(len(next(iter(columns.values()), ())), bool)
    holds = apply_rule(rule, columns, kind)
    for name in rule_names(rule):
        holds = holds & np.isfinite(columns[name])
    return holds


def nearest_volume(latent: Floats, centers: Floats) -> Groups:
    """Assign each particle to the volume that lies nearest in latent space.

    Parameters
    ----------
    latent : ndarray of float64, shape (n_particles, dimensions)
    centers : ndarray of float64, shape (n_volumes, dimensions)
        Latent coordinates of the volumes.

    Returns
    -------
    ndarray of int64, shape (n_particles,)
        Number of the volume, from 0. Of two that are as near the first is taken.

    Raises
    ------
    ParameterError
        When the dimensions differ.
    """
    if latent.shape[1] != centers.shape[1]:
        raise ParameterError(
            f"The particles have {latent.shape[1]} latent coordinates but the volumes have "
            f"{centers.shape[1]}; give files of one analysis."
        )
    from scipy.spatial import cKDTree

    return np.asarray(cKDTree(centers).query(latent)[1], np.int64)


def purities(
    chosen: NDArray[np.bool_],
    groups: Groups,
    occupancy: Floats,
    sigma: Floats,
    regions: Sequence[str],
) -> tuple[Purity, ...]:
    """Say what share of the chosen particles has each region.

    Parameters
    ----------
    chosen : ndarray of bool, shape (n_particles,)
    groups : ndarray of int64, shape (n_particles,)
        Row of `occupancy` for each particle.
    occupancy, sigma : ndarray of float64, shape (n_maps, n_regions)
        Share of the particles of each map that have each region, and its standard error; NaN
        where it is not known.
    regions : sequence of str

    Returns
    -------
    tuple of Purity
        Regions that are known in every map that was chosen.

    Notes
    -----
    With n_m chosen particles of map m and the share p_m ± s_m of them that have the region, the
    share of the set is sum(n_m p_m) / sum(n_m), with the variance sum((n_m s_m)²) / sum(n_m)².
    The errors of maps are taken as independent. The spread by chance of n particles,
    p (1 - p) / n, is added.
    """
    n = np.bincount(groups[chosen], minlength=len(occupancy)).astype(np.float64)
    everything = np.bincount(groups, minlength=len(occupancy)).astype(np.float64)
    total = n.sum()
    found = []
    for k, region in enumerate(regions):
        used = n > 0
        p, s = np.clip(occupancy[:, k], 0.0, 1.0), sigma[:, k]
        if not used.any() or not np.isfinite(p[used]).all():
            continue
        share = float(n[used] @ p[used] / total)
        variance = float(((n[used] * s[used]) ** 2).sum()) / total**2
        variance += share * (1 - share) / total
        known = np.isfinite(p)
        having = float(everything[known] @ p[known])
        found.append(
            Purity(
                region=region,
                share=share,
                sigma=float(np.sqrt(variance)),
                n_expected=share * total,
                of_all=share * total / having if having > 0 else 0.0,
            )
        )
    return tuple(found)


def per_particle(groups: Groups, table: Mapping[str, Floats]) -> dict[str, Floats]:
    """Values of the maps as values of their particles.

    Parameters
    ----------
    groups : ndarray of int64, shape (n_particles,)
    table : mapping of str to ndarray of float64, shape (n_maps,)

    Returns
    -------
    dict of str to ndarray of float64, shape (n_particles,)
    """
    return {name: values[groups] for name, values in table.items()}
