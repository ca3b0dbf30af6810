"""Boosted trees, learned on simulated maps, that ship with the package.

They are flat arrays in one file beside a card that says what they were learned on; nothing but
numpy and numba is needed to use them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occupy_core.maps import Array
from occupy_core.maps.threads import for_slabs
from occupy_core.resolution import _loops as kernels

MODEL_FILE = Path(__file__).parent / "data" / "resolution_trees.npz"
CARD_FILE = MODEL_FILE.with_suffix(".json")

LEAST_HALF = 0.01  # of the distance between the quantiles, relative: trees know no less
_ROWS = 4096


@dataclass(frozen=True)
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
    """

    feature: NDArray[np.int32]
    right: NDArray[np.int32]
    threshold: Array
    value: Array
    start: NDArray[np.int32]
    offset: float

    def predict(self, features: Array) -> Array:
        """Evaluate the trees for each row of `features`, shape (points,)."""
        out = np.full(len(features), self.offset, np.float32)
        nodes = (self.feature, self.right, self.threshold, self.value)

        def work(first: int, last: int) -> None:
            kernels.sum_of_trees(features[first:last], nodes, self.start, out[first:last])

        for_slabs(work, len(features), _ROWS)
        return out

    def arrays(self, name: str) -> dict[str, Any]:
        """Arrays by name, as they stand in the model file."""
        return {
            f"{name}/{field}": getattr(self, field)
            for field in ("feature", "right", "threshold", "value", "start", "offset")
        }


@dataclass(frozen=True)
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
        trees = {name: _trees(stored, name) for name in ("resolution", "lower", "upper", "mask")}
        masked, modified = map(float, stored["spread"])
    return Models(**trees, spread=(masked, modified), checksum=hashlib.sha256(content).hexdigest())


def model_card() -> dict[str, Any]:
    """Return what the models were learned on, and how well they do."""
    card: dict[str, Any] = json.loads(CARD_FILE.read_text(encoding="utf-8"))
    return card


def _trees(stored: Any, name: str) -> Trees:
    fields = {
        key: stored[f"{name}/{key}"] for key in ("feature", "right", "threshold", "value", "start")
    }
    return Trees(**fields, offset=float(stored[f"{name}/offset"]))
