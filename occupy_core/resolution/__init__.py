"""Local resolution, molecular mask and global resolution of a map.

One door: `estimate_resolution`. What it stands on, in reading order: spectrum, bands, noise, state,
ssnr, halfmaps, mask, global_resolution, features and learned, monogenic, local_filter.
"""

from occupy_core.resolution.estimate import estimate_resolution
from occupy_core.resolution.local_filter import filter_locally
from occupy_core.resolution.result import ResolutionParams, ResolutionResult

__all__ = ["ResolutionParams", "ResolutionResult", "estimate_resolution", "filter_locally"]
