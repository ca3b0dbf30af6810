"""Local scale (occupancy) of cryo-EM maps, and what follows from it.

Arrays are indexed (z, y, x) and are float32; vectors are (x, y, z) in Å.
"""

from occupy_core.errors import (
    EstimationError,
    GridMismatchError,
    MapFormatError,
    OccupyError,
    OccupyWarning,
    OutputError,
    ParameterError,
)

__version__ = "0.1.0"

__all__ = [
    "EstimationError",
    "GridMismatchError",
    "MapFormatError",
    "OccupyError",
    "OccupyWarning",
    "OutputError",
    "ParameterError",
    "__version__",
]
