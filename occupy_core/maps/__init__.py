"""What a map is, how it is read and written, and the filters that everything else uses."""

from occupy_core.maps.grid import Array, DensityMap, Grid, Mask, require_same_grid

__all__ = ["Array", "DensityMap", "Grid", "Mask", "require_same_grid"]
