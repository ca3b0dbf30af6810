"""What a map is, how it is read and written, and the filters that everything else uses.

The compiled filters are not loaded here: import them from `occupy_core.maps.filters`.
"""

from occupy_core.maps.fourier import coloured_noise, lowpass, radial_power, resample
from occupy_core.maps.grid import Array, DensityMap, Grid, Mask, require_same_grid
from occupy_core.maps.mrc import map_name, read_map, require_varying, write_map
from occupy_core.maps.threads import threads

__all__ = [
    "Array",
    "DensityMap",
    "Grid",
    "Mask",
    "coloured_noise",
    "lowpass",
    "map_name",
    "radial_power",
    "read_map",
    "require_same_grid",
    "require_varying",
    "resample",
    "threads",
    "write_map",
]
