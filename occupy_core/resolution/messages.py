"""What a user should know about a local resolution, one sentence each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from occupy_core.maps import Array, Mask
from occupy_core.resolution.measure.analysis import Analysis, onto
from occupy_core.resolution.measure.bands import window_for
from occupy_core.resolution.read.crossing import COARSEST
from occupy_core.resolution.read.global_resolution import GlobalResolution
from occupy_core.resolution.result import LocalResolution

_DISAGREES = 0.25  # [words] log ratio of two estimates beyond which the user is told
_MANY = 0.25  # [words] of the molecule
_OTHER_WINDOW = 0.2  # [words] log ratio to the usual window; the trees know no other


@dataclass(frozen=True, eq=False, kw_only=True)
class Findings:
    """What was found about a map, on the grid of the bands.

    Parameters
    ----------
    analysis : Analysis
    local : LocalResolution
    overall : GlobalResolution
    source : str
        "half maps", "solvent noise", "learned" or "nothing".
    inside : ndarray of bool, shape (z, y, x)
        Molecular mask, on the grid of the map.
    second : ndarray of float32, optional
        By how much the second opinion differs, log ratio.
    single : LocalResolution, optional
        What the map alone tells, where half maps decide.
    unit : float
        Å in which lengths are; others than 1 for large voxels.
    """

    analysis: Analysis
    local: LocalResolution
    overall: GlobalResolution
    source: str
    inside: Mask
    second: Array | None
    single: LocalResolution | None
    unit: float


def messages(findings: Findings, censored: float) -> tuple[str, ...]:
    """Say what the user should know; `censored` is the share of the molecule beyond the limit."""
    if findings.source == "nothing" or not findings.inside.any():
        return ("Nothing stands out of the noise; no resolution is reported.",)
    analysis, unit = findings.analysis, findings.unit
    limit = unit / analysis.spectrum.cutoff_frequency
    found = []
    if analysis.state.inverted:
        found.append(
            "The molecule is darker than its solvent: the contrast of the map is inverted. Its "
            "resolution and mask are reported as of the map with its sign changed."
        )
    if findings.source == "learned":
        found += _of_the_model(findings)
    if unit != 1.0:
        found.append(
            f"The voxels are large ({unit * max(analysis.spectrum.grid.voxel_size):.3g} Å), so the "
            f"windows are too: {unit * analysis.energies.window:.3g} Å. Resolutions are not "
            "resolved within them."
        )
        if findings.source == "learned":
            found.append(
                "The model was learned on maps of smaller voxels; half maps are more to be "
                "trusted here."
            )
    if censored > 0.01:
        what = "was low-passed at" if analysis.spectrum.cut else "has its Nyquist limit at"
        found.append(
            f"The map {what} {limit:.2f} Å and {censored:.0%} of the molecule is better than or "
            "equal to that; values past it are extrapolated and flagged as censored."
        )
    if findings.overall.censored:
        found.append(
            "The FSC of the whole molecule has not fallen to 0.143 by the limit of the map."
        )
    return (*found, *_disagreements(findings))


def _of_the_model(findings: Findings) -> list[str]:
    """Say why a learned model had to step in, and whether it was asked what it has not learned."""
    analysis, unit = findings.analysis, findings.unit
    found = [
        f"The noise of the solvent cannot be measured ({'; '.join(analysis.state.words())}); "
        "the resolution comes from a model learned on simulated maps and is unknown at FSC 0.5."
    ]
    usual = window_for(analysis.spectrum.grid, analysis.spectrum.cutoff_frequency)
    if abs(np.log(analysis.energies.window / usual)) > _OTHER_WINDOW:
        found.append(
            f"The model was learned with windows of {usual * unit:.3g} Å; in a window of "
            f"{analysis.energies.window * unit:g} Å it may be far off. Leave the window out."
        )
    return found


def _disagreements(findings: Findings) -> list[str]:
    """Say where estimates do not agree, or nothing is resolved."""
    local, overall = findings.local, findings.overall
    within = onto(findings.inside, local.fine.shape)
    found = []
    second = findings.second
    if second is not None and float((second[within] > _DISAGREES).mean()) > _MANY:
        found.append(
            "The second opinion (monogenic amplitude) disagrees over much of the molecule; look at "
            "where it does before trusting details of the local resolution."
        )
    unresolved = overall.at_0143 is not None and overall.at_0143 > 0.99 * COARSEST
    if findings.source == "half maps" and unresolved:
        found.append(
            "The half maps do not agree at any resolution; they may be of different maps, or one "
            "may be moved, turned or inverted."
        )
    elif unresolved:
        found.append(
            f"Within the mask nothing is resolved even at {COARSEST * findings.unit:.0f} Å; look "
            "whether it lies on the molecule."
        )
    elif findings.single is not None:
        ratio = float(np.median(np.abs(np.log(findings.single.fine / local.fine)[within])))
        if ratio > _DISAGREES:
            found.append(
                f"The map alone and the half maps differ by {np.expm1(ratio):.0%} in local "
                "resolution; the half maps decide, and the map may have been modified."
            )
    return found
