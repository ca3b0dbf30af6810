"""What an occupancy with its error says in a word, and what would have been seen.

A word is said of the whole 95 % interval. *Flexible* needs more than an occupancy: mass that is
near full by the model, while the region is resolved clearly worse than what lies around it.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from occupy_core.regions.table import RegionRow

Verdict = Literal["full", "flexible", "partial", "absent", "undecided", "not judged"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

# [taste: nothing moved] of an occupancy: what a fit of amplitudes leaves undecided
LEAST_ERROR = 0.03
_SIGMAS = 1.96  # [physics] 95 % of a normal distribution
_ABSENT_BELOW = 0.15  # [words] absent: the interval ends below this
_FULL_ABOVE = 0.85  # [words] full: the interval starts above this
_HALF = 0.5  # [words] mass near full: the interval reaches the full, and starts above this
_COARSER = 2.0  # [words] standard errors: clearly worse resolved
_BLURRED = 50.0  # [words] Å²: a B-factor that much above the reference is that of something mobile
_HALVED = 4 * math.log(2)  # [physics] times d²: the B-factor that halves the amplitude at d Å
# [measured: python -m benchmarks.verdict; 0 beside absent chains, 0.04 to 0.6 beside moved ones]
# of the volume of a region: what lies beside it may be it, moved
_BESIDE = 0.03
# [taste: nothing moved] times the B-factor of something mobile: no vibration, but another place
_ELSEWHERE = 5.0
_DETECTION = 3.29  # [paper: 10.1021/ac60259a007] standard errors, 5 % misses and 5 % false alarms
# Ligands of membranes, by their names in the dictionary of chemical components, and words in the
# names of masks. The occupancy of what is disordered or comes and goes means nothing.
_NAMES = (
    "3PE 3PH 6PL 9PE AJP BOG C8E CDL CE1 CHS CLR D10 D12 DD9 DDQ DDR DGA DGD DGT DMU DPV GDN "
    "HP6 HTG LBN LDA LHG LMG LMN LMT LMU LPE LPP MA4 MC3 OCT OLA OLB OLC OPC P5E PC1 PCW PEE "
    "PEF PEH PEV PEX PGT PGV PLC PLM POV PSC PSF PTY SQD STE T7X UND Y01"
)
_LIPIDS = frozenset(_NAMES.split())
_DISORDERED = re.compile(
    r"micelle|detergent|membrane|nanodisc|bilayer|lipid|amphipol", re.IGNORECASE
)


def verdict(
    occupancy: float,
    sigma: float,
    *,
    coarser: float = math.nan,
    blur: float = math.nan,
    blur_sigma: float = math.nan,
    detail: float = 0.0,
    beside: float = 0.0,
) -> Verdict:
    """Judge a region by its occupancy and by how well it is resolved.

    Parameters
    ----------
    occupancy, sigma : float
        With its standard error; NaN when it was not measured.
    coarser : float
        By how many standard errors it is resolved worse than what lies around it; NaN when that is
        not known.
    blur, blur_sigma : float
        B-factor in Å² above that of the reference, and its standard error; NaN without a model.
    detail : float
        Finest detail in Å that entered the occupancy: a blur counts that halves what it shows.
    beside : float
        Volume of the density without atoms next to it, relative to its own.

    Returns
    -------
    str
        "absent": the 95 % interval ends below 0.15. "full": it holds 1 and starts above 0.85.
        "flexible": it reaches 0.85 and starts above a half, and the region is resolved worse than
        its neighbours by two standard errors, or so blurred, by 50 Å² at least, that the finest
        detail of the map has half its amplitude. "partial": it holds neither 0 nor 1. Else
        "undecided", also where density without atoms lies beside what is not full: it may have
        moved there; and where it is blurred five times as much.
    """
    if not (math.isfinite(occupancy) and math.isfinite(sigma)):
        return "undecided"
    reach = _SIGMAS * max(sigma, LEAST_ERROR)
    low, high = occupancy - reach, occupancy + reach
    much = max(_BLURRED, _HALVED * detail**2 if math.isfinite(detail) else 0.0)
    sure = blur > _COARSER * blur_sigma
    mobile = coarser > _COARSER or (blur > much and sure)
    if mobile and low > _HALF and low <= 1 and high >= _FULL_ABOVE:
        return "flexible"
    if low > _FULL_ABOVE and low <= 1 <= high:
        return "full"
    if low > 1 or beside > _BESIDE:
        return "undecided"
    if low > 0 and blur > _ELSEWHERE * much and sure:
        return "undecided"
    if high < _ABSENT_BELOW:
        return "absent"
    return "partial" if low > 0 and high < 1 else "undecided"


def judge(row: RegionRow) -> Verdict:
    """Judge a row of the table; ligands and masks of detergent, lipid or membrane are not.

    Parameters
    ----------
    row : RegionRow

    Returns
    -------
    str
        As `verdict`, or "not judged".
    """
    ligand = row.region.partition("/")[2].split()
    if (ligand and ligand[0] in _LIPIDS) or _DISORDERED.search(row.region):
        return "not judged"
    return verdict(
        row.occupancy,
        row.sigma,
        coarser=row.coarser,
        blur=row.blur,
        blur_sigma=row.blur_sigma,
        detail=row.resolution_used,
        beside=row.beside,
    )


def detection_limit(sigma: float) -> float:
    """Return the smallest occupancy that would have been told from nothing (Currie 1968).

    Parameters
    ----------
    sigma : float
        Standard error of the occupancy where there is nothing.
    """
    return _DETECTION * max(sigma, LEAST_ERROR)
