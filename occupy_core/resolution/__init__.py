"""Local resolution, molecular mask and global resolution of a map.

One door: `estimate.estimate_resolution`. What it stands on, in reading order: spectrum, bands,
noise, state, ssnr, halfmaps, mask, global_resolution, features and learned, monogenic,
local_filter.
"""
