"""The reference of a job of regions: a value of the model's parameters, or of the masks'."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from occupy_core.errors import ParameterError


def with_reference(values: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a job with the option --reference at its place.

    Parameters
    ----------
    values : dict
        Those of the job, from the other options and --params.
    given : mapping
        The options as they were given.

    Raises
    ------
    ParameterError
        When there is no map.
    """
    if not values.get("maps"):
        raise ParameterError("No map is given; give MAP or --params FILE.")
    if "reference" in given:
        group = "by_masks" if values.get("model") is None else "by_model"
        values[group] = {**values.get(group, {}), "reference": given["reference"]}
    return values
