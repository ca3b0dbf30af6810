"""How a calibrated scale was read off, and what has to be said about it."""

from __future__ import annotations

from dataclasses import dataclass

from occupy_core.solvent.blank import CUT, Blank

AGREE = 0.2  # [taste: nothing moved] correlation that halves of one map have at least
_LEAST_FULL = 0.1  # [words]


@dataclass(frozen=True, eq=False, kw_only=True)
class Calibration:
    """How local maxima were turned into occupancies.

    Parameters
    ----------
    occupancy : tuple of float
        Shares of full density that were tried.
    density : tuple of float
        Median local maximum at each, above the solvent level, grey units.
    sigma : tuple of float
        Standard deviation of a local maximum at each, from noise, grey units.
    solvent_mean, noise_sigma : float
        Level of the solvent and deviation of the noise of the smoothed map, grey units.
    noise_origin : str
        "solvent", "half maps" or "unknown".
    spread : float
        Deviation of the local maxima of full density, as a scale.
    full_fraction : float
        Part of the content that is taken as full.
    """

    occupancy: tuple[float, ...]
    density: tuple[float, ...]
    sigma: tuple[float, ...]
    solvent_mean: float
    noise_sigma: float
    noise_origin: str
    spread: float
    full_fraction: float


def remarks(
    name: str, made: Calibration, blank: Blank, *, hidden: bool, correlation: float
) -> list[str]:
    """Return sentences about what the curve cannot correct.

    Parameters
    ----------
    name : str
        Of the map.
    made : Calibration
    blank : Blank
        Where the map was masked away or cut off.
    hidden : bool
        Whether noise hides the surface of the content.
    correlation : float
        The least of two of the map and its half maps, in content.
    """
    found = []
    if correlation < AGREE and not hidden:
        found.append(
            f"The half maps do not show what {name} shows (correlation {correlation:.2f} in its "
            f"content, limit {AGREE}), so the noise is not taken from them; give the half maps of "
            "this map, in its place and contrast."
        )
    if made.noise_origin == "unknown":
        found.append(
            f"{name} shows no solvent to take its noise from and no half maps tell it, so the "
            "scale is not corrected for noise and its standard error is an upper limit; give the "
            "half maps or the map before masking."
        )
    elif hidden:
        found.append(
            f"The noise of {name} hides the surface of its content, so the scale is too low and "
            "low occupancies cannot be told apart; give a larger low-pass with --mode occ."
        )
    if made.noise_origin == "solvent" and blank.clipped:
        found.append(_on_cut_noise(name, blank))
    if made.full_fraction < _LEAST_FULL:
        found.append(
            f"Only {made.full_fraction:.0%} of the content of {name} has the density that is taken "
            f"as full (at least {_LEAST_FULL:.0%} are expected), so all occupancies may be off by "
            "one factor; compare them with each other only."
        )
    return found


def _on_cut_noise(name: str, blank: Blank) -> str:
    """Return a sentence on a map that was cut off at its lowest value, and its noise with it."""
    return (
        f"{blank.share:.0%} of the voxels of {name} have its lowest value, {blank.lowest:g} (limit "
        f"{CUT:.0%}), so its noise was cut off there and the standard error is too small; use the "
        "map before that, or give the half maps."
    )
