"""The one door to the blocks of an ensemble."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from occupy_core.blocks.contour.binarize import OccupiedVoxels, binarize
from occupy_core.blocks.expand.masks import (
    Block,
    ExpandedBlocks,
    expand_communities,
    require_same_ensemble,
)
from occupy_core.blocks.params import BlocksParams
from occupy_core.blocks.sketch.communities import Communities, sketch_communities
from occupy_core.blocks.sketch.patterns import CLEAR
from occupy_core.blocks.track.rules import apply_rule
from occupy_core.blocks.track.tracking import Tracking, track
from occupy_core.errors import ParameterError
from occupy_core.maps.ensemble import Ensemble
from occupy_core.maps.ensemble_check import ensemble_doubts
from occupy_core.maps.grid import DensityMap
from occupy_core.progress import Progress, part, report

# [layout] fractions of the whole, and of the first steps, at which they end
_SKETCHED, _CONTOURED = 0.7, 0.7
_BETWEEN, _MOSTLY_BETWEEN = 0.05, 0.2  # [words] of the volumes


@dataclass(frozen=True, eq=False, kw_only=True)
class BlocksResult:
    """Blocks of an ensemble and all that led to them.

    Parameters
    ----------
    occupied : OccupiedVoxels
        Thresholds and union voxels.
    communities : Communities
        Seeds.
    expanded : ExpandedBlocks
        Masks.
    tracking : Tracking
        Occupancies and relations.
    params : BlocksParams
    warnings : tuple of str
        Sentences: what, value, limit, remedy.
    """

    occupied: OccupiedVoxels
    communities: Communities
    expanded: ExpandedBlocks
    tracking: Tracking
    params: BlocksParams
    warnings: tuple[str, ...]

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks, the largest first."""
        return self.expanded.blocks

    @property
    def gradual(self) -> tuple[str, ...]:
        """Names of the blocks that are not just there or not: partial occupancy, or motion."""
        return tuple(
            block.name
            for block, between in zip(self.blocks, self.tracking.between, strict=True)
            if between > (_BETWEEN if block.silhouette < CLEAR else _MOSTLY_BETWEEN)
        )

    @property
    def empty(self) -> tuple[str, ...]:
        """Names of the volumes used in which nothing stands out of the noise, unless it is all."""
        thresholds = self.occupied.thresholds
        empty = thresholds.empty & thresholds.used
        if empty.sum() == thresholds.used.sum():
            return ()
        return tuple(n for n, e in zip(thresholds.names, empty, strict=True) if e)

    def mask(self, index: int) -> DensityMap:
        """Return one block as a binary mask on the grid of the volumes."""
        return self.expanded.mask(index)

    def volumes_where(self, rule: str) -> tuple[str, ...]:
        """Return the names of the volumes for which a rule on their blocks holds.

        Parameters
        ----------
        rule : str
            For example ``B3 > 0.7 and B1 < 0.2``; numbers are occupancies, from 0 to 1.

        Raises
        ------
        ParameterError
            When the rule cannot be read or names an unknown block.
        """
        tracking = self.tracking
        columns = dict(zip(tracking.blocks, tracking.occupancy.T, strict=True))
        chosen = apply_rule(rule, columns)
        return tuple(n for n, c in zip(tracking.volumes, chosen, strict=True) if c)

    def record(self) -> dict[str, Any]:
        """Return everything but masks and tables as plain values, for a JSON file."""
        tracking = self.tracking
        return {
            "params": asdict(self.params),
            **sketch_record(self.occupied, self.communities),
            "blocks": [
                {
                    "name": block.name,
                    "voxels": len(block.voxels),
                    "volume": block.volume,
                    "level": block.level,
                    "silhouette": block.silhouette,
                    "seeds": block.n_seeds,
                    "pieces": list(block.pieces),
                    "present_in": int(tracking.present[:, k].sum()),
                    "gradual": block.name in self.gradual,
                    "mean_occupancy": float(tracking.occupancy[:, k].clip(0.0, 1.0).mean()),
                    "needs": list(tracking.parents[block.name]),
                }
                for k, block in enumerate(self.blocks)
            ],
            "moving_regions": [len(region) for region in self.expanded.moving],
            "relations": [asdict(relation) for relation in tracking.relations],
            "states": [
                {"blocks": list(blocks), "volumes": list(names)}
                for blocks, names in tracking.states()
            ],
            "warnings": list(self.warnings),
        }


def sketch_record(occupied: OccupiedVoxels, communities: Communities) -> dict[str, Any]:
    """Return what contours and communities are, as plain values."""
    thresholds = occupied.thresholds
    return {
        "volumes": {
            "given": len(thresholds.names),
            "used": occupied.n_volumes,
            "left_out": [
                n for n, u in zip(thresholds.names, thresholds.used, strict=True) if not u
            ],
            "empty": [n for n, e in zip(thresholds.names, thresholds.empty, strict=True) if e],
            "outlying_thresholds": [
                n for n, o in zip(thresholds.names, thresholds.outlying, strict=True) if o
            ],
        },
        "threshold_rule": thresholds.rule,
        "smoothing": occupied.smoothing,
        "union_voxels": len(occupied.voxels),
        "screened_voxels": communities.n_screened,
        "sampled_voxels": communities.n_sampled,
        "cooccupied_pairs": communities.n_edges,
        "correction": communities.correction,
        "log_p_limit": communities.log_limit,
        "min_distance": communities.min_distance,
        "noise_correlation": [round(float(c), 4) for c in occupied.noise],
    }


@dataclass(frozen=True)
class Sketch:
    """The first steps of a search: what later ones start from, as far as it is known.

    Parameters
    ----------
    occupied : OccupiedVoxels, optional
        Contours of the volumes, as `result.occupied` of an earlier search.
    communities : Communities, optional
        Groups found in these, as `result.communities`.
    """

    occupied: OccupiedVoxels | None = None
    communities: Communities | None = None


def find_blocks(
    ensemble: Ensemble,
    params: BlocksParams | None = None,
    *,
    thresholds: Mapping[str, float] | None = None,
    resume: Sketch | None = None,
    progress: Progress | None = None,
) -> BlocksResult:
    """Find the parts of a complex that come and go together, and where each of them is.

    Parameters
    ----------
    ensemble : Ensemble
        At least 10 aligned volumes on one grid; 200 and more are usual.
    params : BlocksParams, optional
    thresholds : mapping of str to float, optional
        Threshold of each volume by its name, instead of a rule or a number.
    resume : Sketch, optional
        Steps that were done before on the same volumes; they are not done again.
    progress : callable, optional

    Returns
    -------
    BlocksResult
        Perhaps without a block.

    Raises
    ------
    ParameterError
        When a parameter is outside its limits, there are too few volumes, or the steps done before
        do not belong to them or to each other.
    GridMismatchError, MapFormatError
        When a volume lies on another grid, or cannot be read.
    EstimationError
        When the volumes are constant, all the same, or below their thresholds.
    """
    params = params or BlocksParams()
    occupied, communities = first_steps(
        ensemble,
        params,
        thresholds=thresholds,
        resume=resume,
        progress=part(progress, 0.0, _SKETCHED),
    )
    progress = part(progress, _SKETCHED, 1.0)
    expanded = expand_communities(
        ensemble, occupied, communities, params, progress=part(progress, 0.0, 0.5)
    )
    tracking = track(ensemble, occupied, expanded, progress=part(progress, 0.5, 1.0))
    report(progress, 1.0, "done")
    result = BlocksResult(
        occupied=occupied,
        communities=communities,
        expanded=expanded,
        tracking=tracking,
        params=params,
        warnings=expanded.warnings,
    )
    told = (*ensemble.notes, *ensemble_doubts(ensemble))
    return replace(result, warnings=(*told, *_remarks(result), *expanded.warnings))


def first_steps(
    ensemble: Ensemble,
    params: BlocksParams | None = None,
    *,
    thresholds: Mapping[str, float] | None = None,
    resume: Sketch | None = None,
    progress: Progress | None = None,
) -> tuple[OccupiedVoxels, Communities]:
    """Contour the volumes and find the communities of their voxels: what takes longest.

    Parameters and errors are those of `find_blocks`.
    """
    params, before = params or BlocksParams(), resume or Sketch()
    occupied, communities = before.occupied, before.communities
    if communities is not None and (occupied is None or not communities.fit(occupied)):
        raise ParameterError(
            "The communities to resume from were not found in the occupied voxels given; give both "
            "of one search."
        )
    if occupied is None:
        occupied = binarize(
            ensemble, params, table=thresholds, progress=part(progress, 0.0, _CONTOURED)
        )
    else:
        require_same_ensemble(ensemble, occupied)
    if communities is None:
        inside = part(progress, _CONTOURED, 1.0)
        communities = sketch_communities(occupied, params, progress=inside)
    return occupied, communities


def _remarks(result: BlocksResult) -> list[str]:
    """Return what a user should know about the result."""
    found = []
    communities, expanded = result.communities, result.expanded
    n = result.occupied.n_volumes
    if communities.correction == "bh":
        found.append(
            f"With {n} volumes not even two voxels that always agree are significant after "
            "Bonferroni's correction, so the fraction of false pairs was limited instead "
            "(Benjamini-Hochberg); small blocks may be missed, and blocks that are in nearly all "
            "or in very few volumes cannot be found."
        )
    if result.empty:
        found.append(
            f"In {len(result.empty)} of {n} volumes nothing stands out of the noise, such as "
            f"{result.empty[0]}; if they are no maps of this complex leave them out, for what all "
            "others have comes out as a block."
        )
    if communities.n_sampled < communities.n_screened:
        found.append(
            f"{communities.n_sampled} of {communities.n_screened} voxels were sampled for the "
            "sketch; set subsample to 1 and raise max_voxels to compare all."
        )
    if expanded.moving:
        found.append(
            "Some density changes gradually from volume to volume, as when something moves; it is "
            f"no block (contiguous regions of it: {len(expanded.moving)})."
        )
    if result.gradual:
        found.append(
            f"Occupancies of all sizes from volume to volume in {', '.join(result.gradual)}: "
            "partial occupancy, or an edge of something that moves; look at them."
        )
    if not expanded.blocks:
        found.append(
            "No block was found: what differs between the volumes is no more than noise or motion."
        )
    return found
