"""Boosted trees, learned on simulated maps, that ship with the package.

They are flat arrays in one file beside a card that says what they were learned on; nothing but
numpy and numba is needed to use them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occupy_core.errors import EstimationError
from occupy_core.maps import Array
from occupy_core.maps.threads import for_slabs
from occupy_core.resolution import _loops as kernels
from occupy_core.resolution.learned.feature_names import MASK, RESOLUTION

MODEL_FILE = Path(__file__).parent / "data" / "resolution_trees.npz"
CARD_FILE = MODEL_FILE.with_suffix(".json")

# The columns that each model is given.
COLUMNS = {"resolution": RESOLUTION, "lower": RESOLUTION, "upper": RESOLUTION, "mask": MASK}

LEAST_HALF = 0.01  # [guard] of the distance between the quantiles, relative: trees know no less
_ROWS = 4096  # [machine]


@dataclass(frozen=True, kw_only=True)
class Trees:
    """Sum of decision trees.

    Parameters
    ----------
    feature : ndarray of int32, shape (nodes,)
        Column that decides; -1 for a leaf.
    right : ndarray of int32, shape (nodes,)
        Node to go to when the column is above the threshold; else the next node.
    threshold, value : ndarray of float32, shape (nodes,)
    start : ndarray of int32, shape (trees,)
        First node of each tree.
    offset : float
        Added to the sum of the leaves.
    names : tuple of str
        What the columns are called.

    Raises
    ------
    EstimationError
        When a tree asks for a column that has no name.
    """

    feature: NDArray[np.int32]
    right: NDArray[np.int32]
    threshold: Array
    value: Array
    start: NDArray[np.int32]
    offset: float
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.feature.max(initial=-1) >= len(self.names):
            raise EstimationError(
                f"The learned model asks for column {self.feature.max()} but names "
                f"{len(self.names)}; install the package again."
            )

    def predict(self, features: Array) -> Array:
        """Evaluate the trees for each point.

        Parameters
        ----------
        features : ndarray of float32, shape (points, columns)
            In the order of `names`.

        Returns
        -------
        ndarray of float32, shape (points,)

        Raises
        ------
        EstimationError
            When there are not as many columns as names.
        """
        if features.ndim != 2 or features.shape[1] != len(self.names):
            raise EstimationError(
                f"The features have the shape {features.shape} but the learned model needs "
                f"{len(self.names)} columns; compute them with this version of the package."
            )
        out = np.full(len(features), self.offset, np.float32)
        nodes = (self.feature, self.right, self.threshold, self.value)

        def work(first: int, last: int) -> None:
            kernels.sum_of_trees(features[first:last], nodes, self.start, out[first:last])

        for_slabs(work, len(features), _ROWS)
        return out

    def arrays(self, name: str) -> dict[str, Any]:
        """Arrays by name, as they stand in the model file."""
        fields = ("feature", "right", "threshold", "value", "start", "offset", "names")
        return {f"{name}/{field}": getattr(self, field) for field in fields}


@dataclass(frozen=True, kw_only=True)
class Models:
    """The models of the package.

    Parameters
    ----------
    resolution, lower, upper : Trees
        Log of resolution times limit of the map, and its quantiles at 16 and 84 %.
    mask : Trees
        Log odds of being molecule.
    spread : tuple of float
        Factors that make the quantiles cover what they claim on complexes left out of learning:
        of maps whose solvent was masked away, and of modified maps.
    checksum : str
        SHA-256 of the model file.
    """

    resolution: Trees
    lower: Trees
    upper: Trees
    mask: Trees
    spread: tuple[float, float]
    checksum: str


@cache
def load_models() -> Models:
    """Read the models of the package, once."""
    content = MODEL_FILE.read_bytes()
    with np.load(MODEL_FILE) as stored:
        trees = {name: read_trees(stored, name, names) for name, names in COLUMNS.items()}
        masked, modified = map(float, stored["spread"])
    return Models(**trees, spread=(masked, modified), checksum=hashlib.sha256(content).hexdigest())


def model_card() -> dict[str, Any]:
    """Return what the models were learned on, and how well they do."""
    card: dict[str, Any] = json.loads(CARD_FILE.read_text(encoding="utf-8"))
    return card


def read_trees(stored: Mapping[str, Any], name: str, names: tuple[str, ...]) -> Trees:
    """Return trees of a model file.

    Raises
    ------
    EstimationError
        When they were learned on other columns than `names`.
    """
    key = f"{name}/names"
    learned = tuple(map(str, stored[key])) if key in stored else ()
    if learned != names:
        other = next((pair for pair in zip(learned, names, strict=False) if len({*pair}) > 1), None)
        what = f"'{other[0]}' in the place of '{other[1]}'" if other else f"{len(learned)} columns"
        raise EstimationError(
            f"The learned model {name} was taught {what}, which is not what this version computes; "
            "install the package again."
        )
    fields = {
        key: stored[f"{name}/{key}"] for key in ("feature", "right", "threshold", "value", "start")
    }
    return Trees(**fields, offset=float(stored[f"{name}/offset"]), names=names)
